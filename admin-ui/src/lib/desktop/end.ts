// Why there is no desktop (any more), and what is said of it.
import type { NoEntry } from '#lib/api/document.d.ts';
import type { Problem } from '../door/problem.ts';
import { NO_ENTRY } from '../computers/state.ts';
import type { Sentence, Words } from '../messages/words.ts';
import type { BrowserEnd } from './api.ts';

/** What the component tells of a connection that never was. */
export interface Fault {
  kind: 'gateway' | 'line' | 'negotiation' | 'sign-in' | 'other';
  /** The gateway's word for it, where it had no other way to say it. */
  status: number | null;
}

/** How it ended, as far as anybody knows. */
export type End =
  | { by: 'gateway'; end: BrowserEnd; refused: NoEntry | null }
  | { by: 'refusal'; refused: NoEntry }
  | { by: 'component'; fault: Fault; there: boolean }
  | { by: 'problem'; problem: Problem }
  /** One's own wish. */
  | { by: 'self' }
  | { by: 'crash' }
  /** What it is made of did not come. */
  | { by: 'unloaded' };

const ENDS: Record<Exclude<BrowserEnd, 'refused'>, Sentence> = {
  by_device: 'deskByDevice',
  by_pc: 'deskByPc',
  sign_in: 'deskSignIn',
  certificate: 'deskCertificate',
  no_nla: 'deskNoNla',
  silent: 'deskSilent',
  not_allowed: 'deskNotAllowed',
  ended: 'deskEnded',
  moved: 'deskMoved',
  gateway: 'deskGateway',
};

/** Of the gateway's word on the line itself, if it could not be asked afterwards. */
const STATUS: Record<number, Exclude<BrowserEnd, 'refused'>> = {
  423: 'certificate',
  426: 'no_nla',
  502: 'silent',
  504: 'silent',
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
      return words.say(end.end === 'refused' ? NO_ENTRY[end.refused ?? 'gateway'] : ENDS[end.end]);
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

/** What one did oneself, or the PC, is no trouble. */
export function isCalm(end: End): boolean {
  if (end.by === 'self') return true;
  return end.by === 'gateway' && (end.end === 'by_device' || end.end === 'by_pc' || end.end === 'moved');
}
