// Moments as the office's clocks show them, wherever this browser is.
import type { Words } from '../messages/words.ts';

/** `2026-11-29` and `10:00`. */
export interface Civil {
  date: string;
  time: string;
}

export function civil(at: number, zone: string): Civil {
  const parts = new Intl.DateTimeFormat('en', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  }).formatToParts(at);
  const part = (type: string) => parts.find((p) => p.type === type)?.value ?? '';
  return { date: `${part('year')}-${part('month')}-${part('day')}`, time: `${part('hour')}:${part('minute')}` };
}

/** The moment at which the office's clocks show this; of two, one of them. Null if it is no date. */
export function moment({ date, time }: Civil, zone: string): number | null {
  const wanted = Date.parse(`${date}T${time}:00Z`);
  if (Number.isNaN(wanted)) return null;
  const shown = (at: number) => {
    const { date, time } = civil(at, zone);
    return Date.parse(`${date}T${time}:00Z`);
  };
  const once = wanted - (shown(wanted) - wanted);
  // Where summer time begins or ends in between, the offset is another one there.
  return once - (shown(once) - wanted);
}

/** The end of a day: the midnight after it. */
export function endOf(date: string, zone: string): number | null {
  const noon = Date.parse(`${date}T12:00:00Z`);
  if (Number.isNaN(noon)) return null;
  return moment({ date: new Date(noon + 86_400_000).toISOString().slice(0, 10), time: '00:00' }, zone);
}

/** The day that ends then, or within which it is. */
export const dayOf = (until: number, zone: string): string => civil(until - 1, zone).date;

/** `31 Dec 2026`, or with the time where it is not a day's end. */
export function untilText(words: Words, until: number, zone: string): string {
  if (civil(until, zone).time !== '00:00') return momentText(words, until, zone);
  return new Intl.DateTimeFormat(words.tag, { dateStyle: 'medium', timeZone: zone }).format(until - 1);
}

/** `Sunday 29 November 2026 at 10:00`, in the office. */
export const momentText = (words: Words, at: number, zone: string): string =>
  new Intl.DateTimeFormat(words.tag, { dateStyle: 'full', timeStyle: 'short', timeZone: zone }).format(at);
