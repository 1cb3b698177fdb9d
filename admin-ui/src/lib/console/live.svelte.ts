// What passes now, as the gateway tells it every two seconds, and the last two minutes of it.
import type { Live, LiveDevice } from '#lib/api/document.d.ts';
import type { ServerEvent } from '../api/stream.ts';
import { Line } from '../door/line.ts';

/** Two minutes of pictures. */
export const KEPT = 60;
/** Two pictures are missing, and a little. */
const STALE_MS = 7_000;

/** Of all, and of each device: bytes a second, both ways together, the newest last. */
type History = Record<string, readonly number[]>;

export const ALL = 'all';

/** One picture more. Who is gone is forgotten. */
export function remember(before: History, live: Live): History {
  const rate = (of: { rx_rate?: number | null; tx_rate?: number | null }) => (of.rx_rate ?? 0) + (of.tx_rate ?? 0);
  const next = (key: string, value: number) => [...(before[key] ?? []), value].slice(-KEPT);
  const devices = live.devices.map((d: LiveDevice) => [d.device, next(d.device, rate(d))] as const);
  return { ...Object.fromEntries(devices), [ALL]: next(ALL, rate(live)) };
}

/** The points of a line through them, in a field of this size; the newest at the right edge. */
export function points(values: readonly number[], width: number, height: number): string {
  const peak = Math.max(1, ...values);
  const step = width / (KEPT - 1);
  const first = KEPT - values.length;
  const round = (n: number) => Math.round(n * 10) / 10;
  return values.map((v, nth) => `${round((first + nth) * step)},${round(height - (v / peak) * height)}`).join(' ');
}

export class LiveView {
  now = $state.raw<Live | null>(null);
  history = $state.raw<History>({});
  /** What is shown is from this moment, by this device's clock; null while it is fresh. */
  staleSince = $state<number | null>(null);
  /** Nothing has come yet, and it is time. */
  late = $state(false);
  #begun = 0;
  #heardAt = 0;
  #wallAt = 0;
  readonly #line = new Line(
    '/api/v1/live',
    (event) => this.#hear(event),
    () => this.#look(),
  );

  start = (): (() => void) => {
    this.#begun = performance.now();
    return this.#line.keep(
      () => this.#look(),
      () => this.staleSince !== null,
    );
  };

  #hear({ name, data }: ServerEvent): void {
    if (name !== 'live') return;
    this.now = JSON.parse(data) as Live;
    this.history = remember(this.history, this.now);
    this.#heardAt = performance.now();
    this.#wallAt = Date.now();
    this.staleSince = null;
    this.late = false;
  }

  #look(): void {
    const stale = performance.now() - (this.#heardAt || this.#begun) > STALE_MS;
    if (!stale) return;
    if (this.now) this.staleSince = this.#wallAt;
    else this.late = true;
  }
}
