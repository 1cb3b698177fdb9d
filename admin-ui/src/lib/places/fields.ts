// What IT types about machines, judged as the gateway judges it, so that it can be said beside the field.
import type { Ports, ResourceKind } from '#lib/api/document.d.ts';
import type { Sentence } from '../messages/words.ts';

/** What is wrong with a field; null if nothing is. */
export type Wrong = Sentence | null;

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export const firstLabel = (name: string): string => name.trim().toLowerCase().split('.')[0] ?? '';

/** The name here. */
export function wrongName(text: string): Wrong {
  const name = text.trim().toLowerCase();
  return LABEL.test(name) && name !== 'gateway' ? null : 'wrongName';
}

/** A whole name in the office. */
export function wrongWholeName(text: string): Wrong {
  const name = text.trim().toLowerCase().replace(/\.$/, '');
  const labels = name.split('.');
  return labels.length > 1 && name.length <= 253 && labels.every((l) => LABEL.test(l)) ? null : 'wrongWholeName';
}

/** Whole names, by commas, spaces or lines. */
export const listOf = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean);

const isV4 = (text: string) => {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && Number(p) < 256);
};

const isV6 = (text: string) => text.includes(':') && /^[0-9a-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]/`);

export interface Addresses {
  address4: string | null;
  address6: string | null;
}

/** One or two addresses, of either kind, in any order; with its prefix length each, of a network. */
export function addressesOf(text: string, network: boolean): Addresses | null {
  const found: Addresses = { address4: null, address6: null };
  for (const address of listOf(text)) {
    const [bare = '', length, more] = address.split('/');
    if (more !== undefined || network !== (length !== undefined) || (network && !/^\d{1,3}$/.test(length ?? '')))
      return null;
    const field = isV4(bare) ? 'address4' : isV6(bare) ? 'address6' : null;
    if (!field || found[field] !== null) return null;
    found[field] = address;
  }
  return found.address4 === null && found.address6 === null ? null : found;
}

/** `443, 5000-5010/udp`; null if that is none. */
export function portsOf(text: string): Ports[] | null {
  const ports: Ports[] = [];
  for (const part of listOf(text)) {
    const [, first, last, transport = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp))?$/i.exec(part) ?? [];
    const range = {
      transport: transport.toLowerCase() as Ports['transport'],
      first: Number(first),
      last: Number(last ?? first),
    };
    if (!(range.first >= 1 && range.first <= range.last && range.last <= 65_535)) return null;
    ports.push(range);
  }
  return ports;
}

/** The same the other way round. */
export const portText = ({ transport, first, last }: Ports): string =>
  `${first}${last > first ? `-${last}` : ''}${transport === 'udp' ? '/udp' : ''}`;

/** SMB, which a share opens anyhow. */
const isSmb = ({ transport, first, last }: Ports) => transport === 'tcp' && first === 445 && last === 445;

/** Ports that can be changed: of a share those beside SMB, of a network none where all are open. */
export function ownPorts(kind: ResourceKind, ports: readonly Ports[]): Ports[] {
  if (kind === 'share') return ports.filter((p) => !isSmb(p));
  return kind === 'network' && ports.every((p) => p.first === 1 && p.last === 65_535) ? [] : [...ports];
}
