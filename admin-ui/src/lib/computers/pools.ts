// Pools of office PCs as IT reads them: seats, which PC is in which, and what its rules say.
import type { Pool, SetPool } from '#lib/api/document.d.ts';
import type { Words } from '../messages/words.ts';

type Rules = Omit<SetPool, 'name'>;

/** How many of its PCs can be used at once. */
export const seatsOf = ({ seats, workstations }: Pick<Rules, 'seats' | 'workstations'>): number =>
  Math.min(seats ?? workstations.length, workstations.length);

/** Whoever comes now waits. */
export const isFull = (pool: Pool): boolean => pool.workstations.length > 0 && pool.taken >= seatsOf(pool);

/** In which pool a PC is, but for this one. */
export const poolsOf = (pools: readonly Pool[], except?: string): Map<string, string> =>
  new Map(
    pools.filter(({ id }) => id !== except).flatMap(({ name, workstations }) => workstations.map((pc) => [pc, name])),
  );

/** `4 h`, `1 h 30 min`, `30 min`. */
export function minutesText(words: Words, minutes: number): string {
  const hours = minutes / 60;
  if (minutes > 0 && Number.isInteger(hours)) return `${words.number(hours)}\u00a0${words.say('hours')}`;
  return words.lasting(minutes * 60_000);
}

/** What it says of bookings, and of how connections there end. */
export function rulesOf(
  words: Words,
  { longest_booking_minutes: booking, desktop_idle_minutes: idle, desktop_longest_minutes: longest }: Rules,
): string[] {
  const time = (minutes: number) => ({ time: minutesText(words, minutes) });
  const lines = [booking === 0 ? words.say('poolsUnbooked') : words.say('poolsBooked', time(booking))];
  if (idle == null && longest == null) return [...lines, words.say('poolsAsSite')];
  if (idle != null) lines.push(idle === 0 ? words.say('poolsIdleNever') : words.say('poolsIdleAfter', time(idle)));
  if (longest != null)
    lines.push(longest === 0 ? words.say('poolsLongestNever') : words.say('poolsLongestAfter', time(longest)));
  return lines;
}

/** `14:02`, with the day if that is not today's. */
export function momentText(words: Words, at: number, now: number): string {
  return new Date(at).toDateString() === new Date(now).toDateString() ? words.time(at) : words.short(at);
}
