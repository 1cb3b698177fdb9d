// People as the console speaks of them: their state in words, a login from a name, a list for a spreadsheet.
import type { Invitation, User, Verification } from '#lib/api/document.d.ts';
import type { Words } from '../messages/words.ts';
import type { Shown } from '../ui/shown.ts';

/** Most bytes of a list that is imported: in base64 they fit into a request. */
export const LARGEST_LIST = 90_000;

const LONGEST = 64;
/** Where a spreadsheet would begin to reckon, whichever sign its cells end at. */
const FORMULA = /(^|[;,\t\r\n])(?=[\s"]*[=+\-@＝＋－＠])|^(?=[\t\r])/g;

export type State =
  { name: 'shut' | 'suspended' | 'uninvited' | 'ready' } | { name: 'invited' | 'open'; until: number };

/** What somebody may be asked in with, at this time. */
export const waits = (invitation: Invitation, now: number): boolean =>
  invitation.redeemed_at == null && invitation.revoked_at == null && invitation.until > now;

/** What is most worth knowing of somebody. */
export function stateOf(
  user: User,
  invitations: readonly Invitation[],
  doors: readonly Verification[],
  now: number,
): State {
  if (user.disabled_at != null) return { name: 'shut' };
  if (user.factor_suspended) return { name: 'suspended' };
  if (!user.factor_confirmed) {
    const waiting = invitations.find((i) => i.user === user.id && waits(i, now));
    return waiting ? { name: 'invited', until: waiting.until } : { name: 'uninvited' };
  }
  const open = doors.filter((d) => d.user === user.id && d.remaining_ms != null).map((d) => d.until);
  return open.length > 0 ? { name: 'open', until: Math.max(...open) } : { name: 'ready' };
}

/** The same, as a pill shows it. */
export function shownState(words: Words, state: State): Shown {
  switch (state.name) {
    case 'shut':
      return { kind: 'closed', text: words.say('disabled') };
    case 'suspended':
      return { kind: 'trouble', text: words.say('personSuspended') };
    case 'invited':
      return { kind: 'waiting', text: words.say('personInvited', { time: words.short(state.until) }) };
    case 'uninvited':
      return { kind: 'waiting', text: words.say('personUninvited') };
    case 'open':
      return { kind: 'open', text: words.say('openUntil', { time: words.time(state.until) }) };
    case 'ready':
      return { kind: 'closed', text: words.say('personReady') };
  }
}

/** `Anne-Sophie Dubois` is `anne-sophie.dubois`; who has one name only is called by it. */
export function loginOf(name: string): string {
  const words = name
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .replace(/ß/g, 'ss')
    .replace(/[øØ]/g, 'o')
    .replace(/[æÆ]/g, 'ae')
    .replace(/[œŒ]/g, 'oe')
    .toLowerCase()
    .split(/[^a-z0-9-]+/)
    .map((word) => word.replace(/^-+|-+$/g, ''))
    .filter(Boolean);
  return words.join('.').slice(0, LONGEST).replace(/\.$/, '');
}

export const isLogin = (text: string): boolean => /^[a-z0-9][a-z0-9.\-_@]{0,63}$/i.test(text.trim());

export const isName = (text: string): boolean => {
  const length = [...text.trim()].length;
  return length >= 1 && length <= LONGEST && !/\p{Cc}/u.test(text.trim());
};

/** Rows for a spreadsheet that is set to this language; no cell is a formula to it. */
export function csv(rows: readonly (readonly string[])[], language: string): string {
  const comma = new Intl.NumberFormat(language).format(0.5).includes(',');
  const cell = (text: string) => {
    const safe = text.replace(FORMULA, "$1'");
    return /[";,\t\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  // Without the mark at the beginning Excel takes it for Windows-1252.
  return `\ufeff${rows.map((row) => row.map(cell).join(comma ? ';' : ',')).join('\r\n')}\r\n`;
}

/** What an import reads: the same columns, and as many. */
export const listOf = (users: readonly User[], language: string): string =>
  csv(
    [
      ['login', 'name', 'mail', 'language', 'groups'],
      ...users.map((u) => [u.login, u.name, u.mail ?? '', u.language, u.groups.join('|')]),
    ],
    language,
  );

/** Bytes as they are sent. */
export function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
