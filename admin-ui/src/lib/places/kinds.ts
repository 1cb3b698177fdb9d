// What may be published, in words.
import type { ResourceKind } from '#lib/api/document.d.ts';
import type { Sentence } from '../messages/words.ts';

export const KINDS: readonly { kind: ResourceKind; name: Sentence }[] = [
  { kind: 'share', name: 'kindShare' },
  { kind: 'service', name: 'kindService' },
  { kind: 'workstation', name: 'kindWorkstation' },
  { kind: 'network', name: 'kindNetwork' },
];

export const kindName = (kind: ResourceKind): Sentence => KINDS.find((k) => k.kind === kind)?.name ?? 'kindService';
