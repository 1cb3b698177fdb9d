// When a computer is woken by itself: days and a time, as the gateway has them, weekly hours that begin then.
import type { Words } from '../messages/words.ts';
import { hoursText, rowsOf, written } from '../places/hours.ts';

export interface WakeAt {
  /** Monday first. */
  days: boolean[];
  time: string;
}

/** What is offered first. */
export const usual = (): WakeAt => ({ days: [true, true, true, true, true, false, false], time: '07:30' });

/** To edit; null for hours that begin at more than one time. */
export function wakeAt(hours: string): WakeAt | null {
  const [row, ...more] = rowsOf(hours);
  return row && more.length === 0 ? { days: row.days, time: row.from } : null;
}

/** An hour from then, but not into the next day, at whose beginning it would be woken again; null where something is missing. */
export function hoursOf({ days, time }: WakeAt): string | null {
  const hour = Number(time.slice(0, 2));
  const to = hour >= 23 ? '00:00' : `${`${hour + 1}`.padStart(2, '0')}${time.slice(2)}`;
  return written([{ days, from: time, to }]);
}

/** `Mon–Fri 07:30`: the ends of the hours are nobody's. */
export const wakesText = (words: Words, hours: string): string =>
  hoursText(words, hours).replace(/(\d\d:\d\d)–\d\d:\d\d/g, '$1');
