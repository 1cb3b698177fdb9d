// What is most worth knowing of a device, as a pill shows it.
import type { Device } from '#lib/api/document.d.ts';
import type { Words } from '../messages/words.ts';
import type { Shown } from '../ui/shown.ts';

export function deviceState(words: Words, { revoked_at, disabled_at, open_until }: Device): Shown {
  if (revoked_at != null) return { kind: 'trouble', text: words.say('revokedAt', { time: words.short(revoked_at) }) };
  if (disabled_at != null) return { kind: 'closed', text: words.say('disabled') };
  if (open_until != null) return { kind: 'open', text: words.say('openUntil', { time: words.time(open_until) }) };
  return { kind: 'closed', text: words.say('lockedState') };
}
