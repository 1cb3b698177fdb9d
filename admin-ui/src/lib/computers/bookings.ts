// Bookings of office PCs as IT reads them: which are shown, and how one stands.
import type { Booking } from '#lib/api/document.d.ts';
import type { Sentence, Words } from '../messages/words.ts';
import type { Shown } from '../ui/shown.ts';

const DAY_MS = 24 * 3_600_000;

/** Days that can be asked for, from now on; those before it below zero. The gateway tells of 92 at most. */
export const SPANS = [7, 31, 92, -31] as const;
export const USUAL = 31;

export function spanOf(days: number, now: number): { from: number; to: number } {
  const other = now + days * DAY_MS;
  return days > 0 ? { from: now, to: other } : { from: other, to: now };
}

export const spanText = (words: Words, days: number): string =>
  words.count(days > 0 ? 'bookingsNext' : 'bookingsPast', Math.abs(days));

/** What an address asks for. */
export const spanAsked = (text: string | null): number => SPANS.find((days) => `${days}` === text) ?? USUAL;

/** `23 Nov 2026, 14:00 – 16:00` */
export const timesText = (words: Words, { begins, ends }: Pick<Booking, 'begins' | 'ends'>): string =>
  new Intl.DateTimeFormat(words.tag, { dateStyle: 'medium', timeStyle: 'short' }).formatRange(begins, ends);

const FREED: Record<NonNullable<Booking['freed']>, Sentence> = {
  back: 'bookingsBack',
  absent: 'bookingsAbsent',
  it: 'bookingsIt',
};

/** Somebody can be kept from it, or kept by it, yet. */
export const isToCome = ({ freed_at, ends }: Booking, now: number): boolean => freed_at == null && ends > now;

export function standing(words: Words, booking: Booking, now: number): Shown {
  const { freed, freed_at, begins, ends } = booking;
  if (freed_at != null) {
    const key = freed ? FREED[freed] : undefined;
    return { kind: 'closed', text: key ? words.say(key) : words.say('bookingsOver') };
  }
  if (ends <= now) return { kind: 'closed', text: words.say('bookingsOver') };
  return begins <= now
    ? { kind: 'open', text: words.say('bookingsNow') }
    : { kind: 'waiting', text: words.say('bookingsSoon') };
}
