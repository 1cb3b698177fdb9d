// Why there is no desktop (any more), and what is said of it.
import type { End as Told, NoEntry } from '#lib/api/document.d.ts';
import type { Problem } from '../door/problem.ts';
import { NO_ENTRY } from '../computers/state.ts';
import type { Sentence, Words } from '../messages/words.ts';

/** What the component tells of a connection that never was. */
export interface Fault {
  kind: 'gateway' | 'line' | 'negotiation' | 'sign-in' | 'other';
  /** The gateway's word for it, where it had no other way to say it. */
  status: number | null;
}

/** How it ended, as far as anybody knows. */
export type End =
  | { by: 'gateway'; end: Told }
  | { by: 'refusal'; refused: NoEntry }
  | { by: 'component'; fault: Fault; there: boolean }
  | { by: 'problem'; problem: Problem }
  /** One's own wish. */
  | { by: 'self' }
  | { by: 'crash' }
  /** What it is made of did not come. */
  | { by: 'unloaded' };

type How = Exclude<Told['how'], 'refused'>;

const ENDS: Record<How, Sentence> = {
  by_device: 'deskByDevice',
  by_pc: 'deskByPc',
  sign_in: 'deskSignIn',
  nobody_signed_in: 'deskNobody',
  certificate: 'deskCertificate',
  no_nla: 'deskNoNla',
  silent: 'deskSilent',
  not_allowed: 'deskNotAllowed',
  ended: 'deskEnded',
  moved: 'deskMoved',
  idle: 'deskIdle',
  longest: 'deskLongest',
  booked: 'deskBooked',
  ticket: 'deskTicket',
  gateway: 'deskGateway',
};

/** Of the gateway's word on the line itself, if it could not be asked afterwards. */
const STATUS: Record<number, How> = {
  401: 'ticket',
  403: 'not_allowed',
  423: 'certificate',
  426: 'no_nla',
  502: 'silent',
};

const FAULTS: Record<Exclude<Fault['kind'], 'gateway'>, Sentence> = {
  line: 'deskNoLine',
  negotiation: 'deskNegotiation',
  'sign-in': 'deskSignIn',
  other: 'deskGateway',
};

function faultKey({ kind, status }: Fault, there: boolean): Sentence {
  if (there) return 'deskLineCut';
  if (kind !== 'gateway') return FAULTS[kind];
  const end = STATUS[status ?? 0];
  return end ? ENDS[end] : 'deskGateway';
}

/** Nothing for a problem, which has its own place. */
export function endText(words: Words, end: End): string {
  switch (end.by) {
    case 'gateway':
      return words.say(end.end.how === 'refused' ? NO_ENTRY[end.end.why] : ENDS[end.end.how]);
    case 'refusal':
      return words.say(NO_ENTRY[end.refused]);
    case 'component':
      return words.say(faultKey(end.fault, end.there));
    case 'self':
      return words.say('deskByDevice');
    case 'crash':
      return words.say('deskCrashed');
    case 'unloaded':
      return words.say('deskUnloaded');
    case 'problem':
      return '';
  }
}

/** What one did oneself, or the PC, or was announced, is no trouble. */
export function isCalm(end: End): boolean {
  if (end.by === 'self') return true;
  return end.by === 'gateway' && ['by_device', 'by_pc', 'moved', 'idle', 'longest', 'booked'].includes(end.end.how);
}

/** Somebody else has the PC: another is found in one's office sooner than here. */
export function leadsElsewhere(end: End): boolean {
  if (end.by === 'gateway' && end.end.how === 'booked') return true;
  const why =
    end.by === 'refusal' ? end.refused : end.by === 'gateway' && end.end.how === 'refused' ? end.end.why : null;
  return why === 'no_seat' || why === 'reserved';
}
