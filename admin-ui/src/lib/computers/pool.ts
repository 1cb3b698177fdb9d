// A pool as it is typed: what is offered first, what can be right, and what the gateway is told.
import type { Pool, SetPool } from '#lib/api/document.d.ts';
import { nameFits } from '../settings/fits.ts';

/** PCs of one pool. */
const MOST_PCS = 200;
/** As many as one pool may have at once. */
const MOST_SEATS = 1_000;
/** From how many minutes to how many. */
const BOUNDS = { booking: [15, 720], idle: [10, 720], longest: [15, 1440] } as const;
/** Minutes that are offered first: half a day, a break, a working day. */
const USUAL = { booking: 240, idle: 30, longest: 480 };

/** A time; `site`: what holds everywhere. */
export interface Length {
  choice: 'site' | 'never' | 'after';
  number: string;
  unit: 'minutes' | 'hours';
}

export interface Typed {
  name: string;
  workstations: string[];
  seats: string;
  booking: Length;
  idle: Length;
  longest: Length;
}

function lengthOf(minutes: number | null | undefined, usual: number): Length {
  const n = minutes || usual;
  const whole = n % 60 === 0;
  return {
    choice: minutes == null ? 'site' : minutes === 0 ? 'never' : 'after',
    number: `${whole ? n / 60 : n}`,
    unit: whole ? 'hours' : 'minutes',
  };
}

/** To edit; null: one to add. */
export const typedOf = (pool: Pool | null): Typed => ({
  name: pool?.name ?? '',
  workstations: [...(pool?.workstations ?? [])],
  seats: `${pool?.seats ?? ''}`,
  booking: lengthOf(pool?.longest_booking_minutes ?? USUAL.booking, USUAL.booking),
  idle: lengthOf(pool?.desktop_idle_minutes, USUAL.idle),
  longest: lengthOf(pool?.desktop_longest_minutes, USUAL.longest),
});

/** In minutes; 0: never, null: as everywhere, undefined: it cannot be so. */
function minutesOf({ choice, number, unit }: Length, [least, most]: readonly [number, number]) {
  if (choice !== 'after') return choice === 'site' ? null : 0;
  const typed = number.trim() === '' ? NaN : Number(number.replace(',', '.'));
  const minutes = Math.round(typed * (unit === 'hours' ? 60 : 1));
  return minutes >= least && minutes <= most ? minutes : undefined;
}

/** Null: every PC, undefined: it cannot be so. */
function seatsOf(text: string): number | null | undefined {
  if (text.trim() === '') return null;
  const n = /^\d{1,4}$/.test(text.trim()) ? Number(text) : 0;
  return n >= 1 && n <= MOST_SEATS ? n : undefined;
}

/** What the gateway is told, and whether each part of it can be right. One that is added has a PC at least. */
export function written(typed: Typed, added: boolean) {
  const { workstations } = typed;
  const seats = seatsOf(typed.seats);
  const booking = minutesOf(typed.booking, BOUNDS.booking);
  const idle = minutesOf(typed.idle, BOUNDS.idle);
  const longest = minutesOf(typed.longest, BOUNDS.longest);
  const checks = {
    name: nameFits(typed.name),
    workstations: (!added || workstations.length > 0) && workstations.length <= MOST_PCS,
    seats: seats !== undefined,
    longest_booking_minutes: booking != null,
    desktop_idle_minutes: idle !== undefined,
    desktop_longest_minutes: longest !== undefined,
  };
  const body: SetPool = {
    name: typed.name.trim(),
    workstations,
    seats: seats ?? null,
    longest_booking_minutes: booking ?? 0,
    desktop_idle_minutes: idle ?? null,
    desktop_longest_minutes: longest ?? null,
  };
  return { checks, body };
}
