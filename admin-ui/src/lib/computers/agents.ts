// Agents as IT sorts them: who waits, and who is expected.
import type { Agent, AgentToken } from '#lib/api/document.d.ts';
import { lines } from '../settings/form.svelte.ts';

/** Enrolled, and nobody has said yet which computer it is. */
export const waiting = (agents: readonly Agent[]): Agent[] =>
  agents.filter((agent) => agent.approved_at == null && agent.revoked_at == null);

/** Those that leave no question: a computer of their name and address, or of neither. */
export const ready = (agents: readonly Agent[]): Agent[] =>
  waiting(agents).filter(({ suggestion, publishable }) =>
    suggestion ? suggestion.by === 'name_and_address' : publishable,
  );

const HEADS = ['host', 'hostname', 'name'];

/** A computer in a list of IT's: what it calls itself, and which of the published ones it is, in a column beside. */
export function expected(text: string): { host: string; workstation?: string }[] {
  const all = lines(text.replace(/^\ufeff/, ''))
    .map((line) => line.split(/[;,\t]/).map((cell) => cell.replaceAll('"', '').trim()))
    .filter(([host]) => host)
    .map(([host = '', workstation]) => (workstation ? { host, workstation } : { host }));
  // A first line may name the columns.
  return HEADS.includes(all[0]?.host.toLowerCase() ?? '') ? all.slice(1) : all;
}

/** It enrols somebody yet. */
export const isGood = (token: AgentToken, now: number): boolean =>
  token.revoked_at == null && token.until > now && token.uses > 0;
