// Agents as IT sorts them: who waits, and which computer each is likely to be.
import type { Agent, AgentToken, Workstation } from '#lib/api/document.d.ts';

/** Enrolled, and nobody has said yet which computer it is. */
export const waiting = (agents: readonly Agent[]): Agent[] =>
  agents.filter((agent) => agent.approved_at == null && agent.revoked_at == null);

const plain = (name: string) => (name.split('.')[0] ?? '').toLowerCase();

/** The computer of the same name, else of the same address, unless another agent is it already. */
export function likely(agent: Agent, computers: readonly Workstation[]): Workstation | null {
  const free = computers.filter((pc) => pc.agent == null);
  return (
    free.find((pc) => plain(pc.name) === plain(agent.host)) ??
    free.find((pc) => pc.address != null && pc.address === agent.address) ??
    null
  );
}

/** It enrols somebody yet. */
export const isGood = (token: AgentToken, now: number): boolean =>
  token.revoked_at == null && token.until > now && token.uses > 0;
