// What a computer is doing, in words: its state, what is to be said of it besides, and how a wake goes.
import type { Cause, Kind, NoEntry, Reason, Wakeable, WakeView } from '#lib/api/document.d.ts';
import type { Sentence, Words } from '../messages/words.ts';
import type { Shown } from '../ui/shown.ts';

/** What IT and employees are both told of a computer. */
export interface Computer {
  state: Kind;
  reason: Reason;
  since?: number | null;
  wakeable: Wakeable;
  expected_ms: number;
  wake?: WakeView | null;
}

const STATES: Record<Kind, { kind: Shown['kind']; key: Sentence }> = {
  off: { kind: 'closed', key: 'pcOff' },
  asleep: { kind: 'closed', key: 'pcAsleep' },
  waking: { kind: 'waiting', key: 'pcWaking' },
  starting: { kind: 'waiting', key: 'pcStarting' },
  free: { kind: 'open', key: 'pcFree' },
  in_use_here: { kind: 'waiting', key: 'pcInUseHere' },
  in_use_remotely: { kind: 'waiting', key: 'pcInUseRemotely' },
  locked: { kind: 'waiting', key: 'pcLocked' },
  reserved: { kind: 'waiting', key: 'pcReserved' },
  stale: { kind: 'waiting', key: 'pcOn' },
  unknown: { kind: 'closed', key: 'pcUnknown' },
};

/** Nobody is at it, and yet nobody gets in. */
const UNREADY: readonly Reason[] = ['rdp_off', 'rdp_silent'];

const REASONS: Record<Reason, Sentence | null> = {
  reported: null,
  went_to_sleep: null,
  shut_down: null,
  packets_sent: null,
  disconnected: 'whyDisconnected',
  restarting: 'whyRestarting',
  no_rdp_yet: 'whyNoRdpYet',
  rdp_off: 'whyRdpOff',
  rdp_silent: 'whyRdpSilent',
  sessions_unseen: 'whySessionsUnseen',
  through_gateway: 'whyThroughGateway',
  agent_silent: 'whyAgentSilent',
  went_away: 'whyWentAway',
  no_agent_answers: 'whyNoAgentAnswers',
  no_agent_on: 'whyNoAgentOn',
  no_agent_silent: 'whyNoAgentSilent',
  never_heard: 'whyNeverHeard',
};

const CAUSES: Record<Cause, Sentence> = {
  no_address: 'causeNoAddress',
  wireless: 'causeWireless',
  disarmed: 'causeDisarmed',
  unable: 'causeUnable',
  fast_startup: 'causeFastStartup',
  modern_standby: 'causeModernStandby',
  was_off: 'causeWasOff',
  no_relay: 'causeNoRelay',
  rdp_off: 'whyRdpOff',
  rdp_silent: 'whyRdpSilent',
  silent: 'causeSilent',
};

/** Why somebody was not let in. */
export const NO_ENTRY: Record<NoEntry, Sentence> = {
  in_use_here: 'noInUseHere',
  in_use_remotely: 'noInUseRemotely',
  locked_by_another: 'noLocked',
  reserved: 'noReserved',
  no_seat: 'noSeat',
  own_seat: 'noOwnSeat',
  unseen: 'noUnseen',
  rdp_off: 'noRdpOff',
  still_waking: 'noStillWaking',
  not_woken: 'noNotWoken',
  silent: 'noSilent',
  not_allowed: 'noNotAllowed',
  no_rdp: 'noRdp',
  too_many: 'noTooMany',
  gateway: 'noGateway',
};

/** Why an app did not get in a while ago. */
export const noEntryOf = (words: Words, { at, why }: { at: number; why: NoEntry }): string =>
  `${words.say('noEntry', { time: words.time(at) })} ${words.say(NO_ENTRY[why])}`;

/** Nothing of it answers: waking may help. */
export const isAway = (kind: Kind): boolean => kind === 'off' || kind === 'asleep' || kind === 'unknown';

/** Somebody is at it. */
export const isUsed = (kind: Kind): boolean =>
  kind === 'in_use_here' || kind === 'in_use_remotely' || kind === 'locked' || kind === 'reserved';

export const isReady = ({ state, reason }: Computer): boolean => state === 'free' && !UNREADY.includes(reason);

/** Of a wake that goes on. */
export const underWay = (pc: Computer): WakeView | null => (pc.wake && pc.wake.outcome == null ? pc.wake : null);

export function kindOf(words: Words, { state, reason }: Pick<Computer, 'state' | 'reason'>): Shown {
  if (state === 'free' && UNREADY.includes(reason)) return { kind: 'trouble', text: words.say('pcNotReady') };
  const { kind, key } = STATES[state];
  return { kind, text: words.say(key) };
}

/** `since 14:02`, with the day if that is not today's; of nothing that is known to be. */
export function sinceOf(words: Words, { state, since }: Computer, now: number): string {
  if (since == null || state === 'waking' || state === 'starting') return '';
  const today = new Date(since).toDateString() === new Date(now).toDateString();
  return words.say('pcSince', { time: today ? words.time(since) : words.short(since) });
}

/** What its state does not say. */
export function reasonOf(words: Words, pc: Pick<Computer, 'reason'>): string {
  const key = REASONS[pc.reason];
  return key ? words.say(key) : '';
}

export const causeOf = (words: Words, cause: Cause): string => words.say(CAUSES[cause]);

/** What may keep it from waking as it is now: from sleep it would, say, but it is off. */
export function doubtOf({ state, wakeable }: Computer): Cause | null {
  if (wakeable.answer === 'no') return wakeable.because;
  return wakeable.answer === 'only_from_sleep' && state !== 'asleep' ? wakeable.because : null;
}

/** What is told of a wake that has ended, while it says something yet. */
export function endOf(
  words: Words,
  name: string,
  { state, wake }: Pick<Computer, 'state' | 'wake'>,
): (Shown & { cause: Cause | null }) | null {
  if (!wake) return null;
  if (wake.outcome === 'ready') {
    // It sleeps again, or somebody has begun to work.
    if (isAway(state) || isUsed(state)) return null;
    const time = words.lasting(wake.took_ms ?? 0, true);
    return { kind: 'open', text: words.say('wakeReady', { name, time }), cause: null };
  }
  if (wake.outcome === 'cancelled') {
    return { kind: 'waiting', text: words.say('wakeCancelled', { name }), cause: null };
  }
  if (wake.outcome !== 'failed') return null;
  const key = wake.phase === 'sent' ? 'wakeFailed' : 'wakeNotReady';
  return { kind: 'trouble', text: words.say(key, { name }), cause: wake.cause ?? null };
}
