// A day of bookings, in the reader's own time: quarters of an hour, and who has a PC when.
import type { MyBooking, Times } from '#lib/api/document.d.ts';
import { boundsOf } from '../computers/day.ts';
import type { Words } from '../messages/words.ts';

export const QUARTER_MS = 15 * 60_000;
/** So far ahead one may book. */
export const AHEAD_DAYS = 60;
const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;

const two = (n: number) => `${n}`.padStart(2, '0');

/** `2026-11-23`, as a date field has it. */
export function dayOf(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** So many days later: at noon no clock is set back or on. */
export function dayAfter(day: string, days: number): string {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return dayOf(new Date(year, month - 1, date + days, 12).getTime());
}

/** When a booking may begin on that day: at full quarters, the one that runs too. */
export function beginsOn(day: string, now: number): number[] {
  const { from, to } = boundsOf(day);
  const first = Math.max(Math.ceil(from / QUARTER_MS), Math.floor(now / QUARTER_MS));
  const last = Math.min(Math.ceil(to / QUARTER_MS) - 1, Math.floor((now + AHEAD_DAYS * DAY_MS) / QUARTER_MS));
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, nth) => (first + nth) * QUARTER_MS);
}

const minuteOf = (at: number) => new Date(at).getHours() * 60 + new Date(at).getMinutes();

/** What was chosen; on another day the same by the clock; at first the next full quarter. */
export function chosenOf(begins: readonly number[], wanted: number | null, now: number): number | null {
  if (wanted !== null && begins.includes(wanted)) return wanted;
  const minute = minuteOf(wanted ?? now);
  const ahead = begins.filter((at) => at >= now);
  return ahead.find((at) => minuteOf(at) >= minute) ?? ahead.at(-1) ?? begins.at(-1) ?? null;
}

/** How long a booking may be, in milliseconds. */
export const lengthsOf = (longestMinutes: number): number[] =>
  Array.from({ length: Math.floor((longestMinutes * 60_000) / QUARTER_MS) }, (_, nth) => (nth + 1) * QUARTER_MS);

/** An hour, where that is allowed. */
export const usualOf = (lengths: readonly number[]): number => Math.min(HOUR_MS, lengths.at(-1) ?? HOUR_MS);

/** As the clock shows them; of those that it shows twice, by which time. With the weekday on another day than this. */
export function labelsOf(words: Words, all: readonly number[], day: string): string[] {
  const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(words.tag, options);
  const [time, zoned, weekday] = [
    format({ timeStyle: 'short' }),
    format({ hour: '2-digit', minute: '2-digit', timeZoneName: 'short' }),
    format({ weekday: 'short' }),
  ];
  const plain = all.map((at) => `${dayOf(at) === day ? '' : `${weekday.format(at)} `}${time.format(at)}`);
  return all.map((at, nth) => {
    const text = plain[nth] ?? '';
    return plain.indexOf(text) === plain.lastIndexOf(text) ? text : zoned.format(at);
  });
}

export interface Span {
  from: number;
  to: number;
  /** Booked by oneself, by somebody; or no seat is left by what is booked of other PCs. */
  kind: 'own' | 'taken' | 'full';
}

/** When a PC cannot be booked within these bounds, one after the other; `full`: when no seat of its pool can. */
export function spansOf(
  bookings: readonly MyBooking[],
  full: readonly Times[],
  pc: string,
  from: number,
  to: number,
): Span[] {
  const within = ({ begins, ends }: Times) => begins < to && ends > from;
  const cut = ({ begins, ends }: Times) => ({ from: Math.max(begins, from), to: Math.min(ends, to) });
  const booked = bookings
    .filter((b) => within(b) && b.workstation === pc)
    .map((b): Span => ({ ...cut(b), kind: b.id == null ? 'taken' : 'own' }));
  // Only where nothing is booked of this PC.
  const rest = booked.reduce<Span[]>(
    (spans, b) =>
      spans.flatMap((span) =>
        [
          { ...span, to: Math.min(span.to, b.from) },
          { ...span, from: Math.max(span.from, b.to) },
        ].filter((part) => part.from < part.to),
      ),
    full.filter(within).map((times): Span => ({ ...cut(times), kind: 'full' })),
  );
  return [...booked, ...rest].sort((a, b) => a.from - b.from);
}

/** Those that are over before their time. */
export const lostOf = (bookings: readonly MyBooking[], now: number): MyBooking[] =>
  bookings.filter(({ freed, ends }) => freed != null && ends > now);

/** `14:00–15:00` */
export const rangeOf = (words: Words, from: number, to: number): string => `${words.time(from)}–${words.time(to)}`;

/** `Mon 23 November, 14:00–15:00` */
export function whenOf(words: Words, { begins, ends }: Pick<MyBooking, 'begins' | 'ends'>): string {
  const day = new Intl.DateTimeFormat(words.tag, { weekday: 'short', day: 'numeric', month: 'long' }).format(begins);
  return `${day}, ${rangeOf(words, begins, ends)}`;
}
