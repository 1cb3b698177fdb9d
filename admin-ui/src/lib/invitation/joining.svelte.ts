// A new device, followed until its share answers: what the gateway sees of it, and how long that has been so.
import type { Connection } from '#lib/api/document.d.ts';
import { Line } from '../door/line.ts';

const TICK_MS = 1_000;
/** As long as the gateway follows a device. */
const LONGEST_MS = 30 * 60_000;

export type Step = 'heard' | 'portal' | 'open' | 'share';
export type Hint = 'nothing' | 'half' | 'no-portal' | 'two' | 'nothing-granted' | 'shut' | null;

export const STEPS: Step[] = ['heard', 'portal', 'open', 'share'];

/** So long a step may take before something is said about it: the app is installed, the password is looked for. */
const PATIENCE_MS: Record<Step, number> = { heard: 90_000, portal: 45_000, open: Infinity, share: 0 };
/** Packets come at once after the knock. */
const HALF_MS = 15_000;
/** A machine that walks changes its address now and then; two with one key do every few seconds. */
const MOVES = 3;

/** How many steps are done. */
export function done(seen: Connection | null): number {
  if (!seen) return 0;
  const { tried } = seen;
  const share = tried?.tried === 'other' || (tried?.tried === 'share' && tried.answers);
  const firstNot = [seen.heard && seen.carries, seen.portal, seen.open, share].indexOf(false);
  return firstNot < 0 ? STEPS.length : firstNot;
}

/** What may be wrong; `waited`: how long it has been as it is, in milliseconds. */
export function hint(seen: Connection | null, waited: number): Hint {
  const step = STEPS[done(seen)];
  if (!seen || !step) return null;
  if (seen.moves >= MOVES) return 'two';
  if (step === 'heard' && seen.heard) return waited > HALF_MS ? 'half' : null;
  if (waited < PATIENCE_MS[step]) return null;
  if (step === 'heard') return 'nothing';
  if (step === 'portal') return 'no-portal';
  if (seen.tried?.tried === 'nothing') return 'nothing-granted';
  return seen.tried?.tried === 'share' ? 'shut' : null;
}

export class Joining {
  seen = $state.raw<Connection | null>(null);
  /** Nothing comes from the gateway now. */
  silent = $state(false);
  /** It was followed for long enough. */
  over = $state(false);
  /** By how much this machine's clock is wrong, in milliseconds. */
  skew = $state(0);
  #now = $state(performance.now());
  #since = performance.now();
  #began = performance.now();
  #line: Line;

  done = $derived(done(this.seen));
  well = $derived(this.done === STEPS.length);
  hint = $derived(hint(this.seen, this.#now - this.#since));

  constructor(token: string, device: string) {
    this.#line = new Line(
      '/api/v1/invitations/connection',
      ({ data }) => this.#hear(JSON.parse(data) as Connection),
      () => (this.silent = !this.well),
      undefined,
      { token, device },
    );
  }

  /** Begins to listen; gives the way to end it. */
  start(): () => void {
    this.#line.want(true);
    const tick = setInterval(() => {
      this.#now = performance.now();
      this.over = !this.well && this.#now - this.#began > LONGEST_MS;
      if (this.over) this.#line.want(false);
      this.#line.check();
    }, TICK_MS);
    return () => {
      clearInterval(tick);
      this.#line.want(false);
    };
  }

  #hear(seen: Connection): void {
    const before = [done(this.seen), this.seen?.heard];
    this.seen = seen;
    this.silent = false;
    this.skew = Date.now() - seen.at;
    if (before[0] !== this.done || before[1] !== seen.heard) this.#since = performance.now();
    if (this.well) this.#line.want(false);
  }
}
