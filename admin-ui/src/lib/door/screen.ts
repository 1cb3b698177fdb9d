// What the page shows: a pure function of what the gateway said, and of the time that has passed since.
import type { DoorDevice, DoorLater, DoorResource, DoorView, Me } from '#lib/api/document.d.ts';

/** A moment on this page's own clocks. `steady` cannot be set by anybody, but may stand still while the device sleeps. */
export interface Moment {
  steady: number;
  wall: number;
}

/** What the page knows. */
export interface Known {
  /** What the gateway said last, and when that was. */
  heard: { view: DoorView; at: Moment } | null;
  /** The last question had no answer. */
  silent: boolean;
  /** The person asked for the screen of the fresh code. */
  extending: boolean;
}

/** Minutes before the end at which the page warns. */
export const WARN_MINUTES = [5, 15] as const;

/** The clocks never differ by more, unless the device slept or its clock was set. */
const DRIFT_MS = 2_000;

/** Why the page warns, and of which moment; both times in Unix milliseconds of the gateway's clock. */
export interface Warning {
  /** Its time is over soon; it is not used; its time is over, and this is for saving one's work. */
  kind: 'end' | 'idle' | 'grace';
  /** So many minutes before; null: a grace of which more is left. */
  minutes: (typeof WARN_MINUTES)[number] | null;
  /** When it locks. */
  at: number;
  /** Since when it has not been used. */
  since: number;
}

/** The door's end. */
export interface End {
  /** When it locks even if it is used, and while its idleness is warned of, if it is not; in Unix milliseconds of the
   * gateway's clock. */
  until: number;
  /** The gateway's clock now. */
  now: number;
  /** What is left until then. Null while it is not known: the device slept, and the gateway has not answered since. */
  leftMs: number | null;
  /** The warning that holds now. */
  warning: Warning | null;
}

export type Screen =
  | { name: 'wait' }
  | { name: 'silent' }
  | { name: 'away'; publicName: string }
  | { name: 'outside' }
  | { name: 'locked'; device: DoorDevice }
  | { name: 'open'; end: End | null; resources: DoorResource[]; later: DoorLater[] }
  | { name: 'extend'; end: End | null };

/** Whether the clocks went apart between two moments, so that what was measured says nothing. */
export const slept = (from: Moment, to: Moment): boolean =>
  Math.abs(to.wall - from.wall - (to.steady - from.steady)) > DRIFT_MS;

/** Milliseconds until the door locks by itself; null if it is not open, or if that is not known. */
export function left(known: Known, now: Moment): number | null {
  const { view, at } = known.heard ?? {};
  if (view?.state !== 'open' || view.remaining_ms == null || !at || slept(at, now)) return null;
  return lockMs(view) - (now.steady - at.steady);
}

/** What was left when the gateway said it, of the end that comes first. */
const lockMs = (view: DoorView): number => Math.min(view.remaining_ms ?? Infinity, view.unused_ms ?? Infinity);

export function screen(known: Known, now: Moment): Screen {
  const view = known.heard?.view;
  if (!view) return known.silent ? { name: 'silent' } : { name: 'wait' };
  const outside = view.door === 'internet';
  if (!view.device && known.silent) return { name: 'silent' };
  if (!view.device) return outside ? { name: 'outside' } : { name: 'away', publicName: view.public_name };
  const leftMs = left(known, now);
  if (view.state !== 'open' || (leftMs !== null && leftMs <= 0)) {
    // What stands for a browser in the internet is no device to anybody.
    return outside ? { name: 'outside' } : { name: 'locked', device: view.device };
  }
  const end = endOf(view, leftMs);
  return known.extending
    ? { name: 'extend', end }
    : { name: 'open', end, resources: view.resources, later: view.later ?? [] };
}

function endOf(view: DoorView, left: number | null): End | null {
  if (view.until == null || view.remaining_ms == null) return null;
  const passed = left === null ? 0 : lockMs(view) - left;
  const now = view.until - view.remaining_ms + passed;
  const warning = warningOf(view, left, now);
  if (warning?.kind === 'idle') return { until: warning.at, now, leftMs: left, warning };
  return { until: view.until, now, leftMs: left === null ? null : view.remaining_ms - passed, warning };
}

function warningOf(view: DoorView, left: number | null, now: number): Warning | null {
  if (left === null) return null;
  const minutes = WARN_MINUTES.find((m) => minutesOf(left) <= m) ?? null;
  const idle = (view.unused_ms ?? Infinity) < (view.remaining_ms ?? 0);
  const kind = view.grace && !idle ? 'grace' : idle ? 'idle' : 'end';
  if (kind !== 'grace' && minutes === null) return null;
  const at = now + left;
  return { kind, minutes, at, since: now - (view.idle_ms ?? 0) - (lockMs(view) - left) };
}

/** Whole minutes, the begun one counted. */
export const minutesOf = (ms: number): number => Math.ceil(ms / 60_000);

/** Whether what is shown may be out of date. */
export const stale = (known: Known): boolean => known.silent && !!known.heard?.view.device;

/** Who is signed in on this browser. */
export const signedIn = (known: Known): Me | null => known.heard?.view.me ?? null;
