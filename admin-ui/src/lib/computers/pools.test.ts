import { expect, it } from 'vitest';
import type { Booking, Pool } from '#lib/api/document.d.ts';
import fleet from '../messages/fleet/en.ts';
import pools from '../messages/pools/en.ts';
import portal from '../messages/portal/en.ts';
import { Words } from '../messages/words.ts';
import { isToCome, spanAsked, spanOf, SPANS, spanText, standing, timesText } from './bookings.ts';
import { typedOf, written } from './pool.ts';
import { isFull, minutesText, momentText, poolsOf, rulesOf, seatsOf } from './pools.ts';
import { tripText } from './desktops.ts';

const words = new Words('en', [portal, fleet, pools], 'en-GB');
const plain = (text: string) => text.replace(/[\u00a0\u202f\u2009]/g, ' ');
const HOUR = 3_600_000;
const NOW = new Date(2026, 10, 23, 14, 2).getTime();

const pool = (change: Partial<Pool> = {}): Pool => ({
  id: '1',
  name: 'CAD',
  workstations: ['pc-1', 'pc-2'],
  seats: null,
  longest_booking_minutes: 240,
  desktop_idle_minutes: null,
  desktop_longest_minutes: null,
  taken: 0,
  kept: [],
  line: [],
  ...change,
});

it('counts the seats that can be used', () => {
  const seats = [null, 1, 2, 9].map((n) => seatsOf(pool({ seats: n })));
  expect(seats).toEqual([2, 1, 2, 2]);
  expect([0, 1, 2, 3].map((taken) => isFull(pool({ taken, seats: 2 })))).toEqual([false, false, true, true]);
  expect(isFull(pool({ workstations: [] }))).toBe(false);
});

it('knows in which other pool a PC is', () => {
  const all = [pool(), pool({ id: '2', name: 'Sage', workstations: ['pc-3'] })];
  expect([...poolsOf(all, '1')]).toEqual([['pc-3', 'Sage']]);
  expect(poolsOf(all).size).toBe(3);
});

it('says what holds in a pool', () => {
  const said = (change: Partial<Pool>) => rulesOf(words, pool(change)).map(plain);
  expect(said({})).toEqual(['Bookings of up to 4 h', 'Connections end as everywhere']);
  expect(said({ longest_booking_minutes: 0, desktop_idle_minutes: 0, desktop_longest_minutes: 90 })).toEqual([
    'No bookings',
    'Unused connections stay',
    'Any connection ends after 1 h 30 min',
  ]);
  expect(said({ desktop_idle_minutes: 30, desktop_longest_minutes: 0 })).toContain('No longest time');
  expect(said({ desktop_idle_minutes: 30 })).toEqual(['Bookings of up to 4 h', 'Unused connections end after 30 min']);
  expect([15, 60, 1440].map((n) => plain(minutesText(words, n)))).toEqual(['15 min', '1 h', '24 h']);
  expect(momentText(words, NOW - 60_000, NOW)).toBe('14:01');
  expect(momentText(words, NOW - 24 * HOUR, NOW)).toBe(words.short(NOW - 24 * HOUR));
});

it('writes a pool as it was read', () => {
  for (const rules of [
    { seats: null, longest_booking_minutes: 0, desktop_idle_minutes: null, desktop_longest_minutes: 0 },
    { seats: 3, longest_booking_minutes: 90, desktop_idle_minutes: 45, desktop_longest_minutes: 480 },
  ]) {
    const { body, checks } = written(typedOf(pool(rules)), false);
    expect(body).toEqual({ name: 'CAD', workstations: ['pc-1', 'pc-2'], ...rules });
    expect(Object.values(checks)).not.toContain(false);
  }
  expect(typedOf(pool({ longest_booking_minutes: 90, desktop_longest_minutes: 480 }))).toMatchObject({
    booking: { choice: 'after', number: '90', unit: 'minutes' },
    idle: { choice: 'site', number: '30', unit: 'minutes' },
    longest: { choice: 'after', number: '8', unit: 'hours' },
  });
});

it('finds what cannot be right in a pool', () => {
  const wrong = (change: object, added = false) => {
    const { checks } = written({ ...typedOf(pool()), ...change }, added);
    return Object.entries(checks).flatMap(([field, fits]) => (fits ? [] : [field]));
  };
  const after = (number: string, unit: 'minutes' | 'hours' = 'minutes') => ({ choice: 'after', number, unit }) as const;
  expect(wrong({})).toEqual([]);
  expect(wrong({ name: ' ', workstations: [] }, true)).toEqual(['name', 'workstations']);
  expect(wrong({ workstations: [] })).toEqual([]);
  expect(wrong({ workstations: Array.from({ length: 201 }, (_, n) => `pc-${n}`) })).toEqual(['workstations']);
  expect(['0', '1001', '-1', '1.5', 'x'].flatMap((seats) => wrong({ seats }))).toEqual(Array(5).fill('seats'));
  expect(wrong({ seats: ' 1000 ', booking: after('1,5', 'hours'), idle: after('12', 'hours') })).toEqual([]);
  expect(wrong({ booking: after('14'), idle: after('9'), longest: after('25', 'hours') })).toEqual([
    'longest_booking_minutes',
    'desktop_idle_minutes',
    'desktop_longest_minutes',
  ]);
  expect(wrong({ booking: after(''), idle: after('0'), longest: after('x') })).toHaveLength(3);
});

const booking = (change: Partial<Booking> = {}): Booking => ({
  id: '1',
  workstation: 'pc-1',
  login: 'anne',
  begins: NOW - HOUR,
  ends: NOW + HOUR,
  booked_at: NOW - 9 * HOUR,
  freed_at: null,
  freed: null,
  ...change,
});

it('says how a booking stands', () => {
  const said = (change: Partial<Booking>) => standing(words, booking(change), NOW).text;
  expect(said({})).toBe('Now');
  expect(said({ begins: NOW + 1 })).toBe('To come');
  expect(said({ ends: NOW })).toBe('Over');
  expect(said({ freed_at: NOW, freed: 'absent' })).toBe('Not there for a quarter of an hour');
  expect(said({ freed_at: NOW, freed: 'back' })).toBe('Given back');
  expect(said({ freed_at: NOW, freed: 'it' })).toBe('Taken back by IT');
  const open = [booking(), booking({ ends: NOW }), booking({ freed_at: NOW })].map((one) => isToCome(one, NOW));
  expect(open).toEqual([true, false, false]);
  expect(plain(timesText(words, booking()))).toMatch(/^23 Nov 2026, 13:02\s?–\s?15:02$/);
});

it('asks for no longer span than the gateway tells of', () => {
  const spans = SPANS.map((days) => spanOf(days, NOW));
  expect(spans.every(({ from, to }) => from < to && to - from <= 92 * 24 * HOUR)).toBe(true);
  expect(spans.at(-1)?.to).toBe(NOW);
  expect(['7', '-31', '8', null].map(spanAsked)).toEqual([7, -31, 31, 31]);
  expect(SPANS.map((days) => spanText(words, days))).toEqual([
    'Next 7 days',
    'Next 31 days',
    'Next 92 days',
    'Past 31 days',
  ]);
});

it('says how long an answer takes', () => {
  const said = [12_345, 999, 420, 0].map((us) => plain(tripText(words, us)).replace(' ', ''));
  expect(said).toEqual(['12ms', '1ms', '0.4ms', '0ms']);
});
