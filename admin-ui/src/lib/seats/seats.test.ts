import { afterEach, describe, expect, it, vi } from 'vitest';
import type { MyBooking, MyPool } from '#lib/api/document.d.ts';
import { boundsOf } from '../computers/day.ts';
import portal from '../messages/portal/en.ts';
import ca from '../messages/seats/ca.ts';
import en from '../messages/seats/en.ts';
import fr from '../messages/seats/fr.ts';
import { Words } from '../messages/words.ts';
import {
  beginsOn,
  chosenOf,
  dayAfter,
  dayOf,
  labelsOf,
  lengthsOf,
  QUARTER_MS,
  spansOf,
  usualOf,
  whenOf,
} from './day.ts';
import { nthOf, remaining, shownOf, spokenOf, standOf, turnsOf } from './state.ts';
import { HeldTitle } from './title.ts';

const words = new Words('en', [portal, en], 'en-GB');
const HOUR = 3_600_000;
const UNTIL = new Date(2026, 10, 23, 14, 5).getTime();
const pool: MyPool = {
  id: 'cad',
  name: 'CAD pool',
  workstations: ['pc-cad1', 'pc-cad2', 'pc-cad3'],
  seats: 3,
  free: 2,
  waiting: 0,
  longest_booking_minutes: 240,
  full: [],
};
const kept: MyPool = { ...pool, place: { at: 'kept', workstation: 'pc-cad2', dns_name: 'pc-cad2.lan', until: UNTIL } };
const waits = (before: number): MyPool => ({ ...pool, free: 0, place: { at: 'waiting', before, since: UNTIL } });

afterEach(() => void vi.unstubAllEnvs());

describe('a pool', () => {
  it('is shown by one’s own place in it, or by what is free', () => {
    const there: MyPool = { ...pool, place: { at: 'there', workstation: 'pc-cad1' } };
    const all = [pool, { ...pool, free: 0 }, waits(0), kept, there];
    expect(all.map(standOf)).toEqual(['free', 'full', 'waiting', 'kept', 'there']);
    expect(all.map((one) => shownOf(words, one).text)).toEqual([
      '2 of 3 free',
      'No seat is free',
      'You are 1st in line',
      'pc-cad2 is kept for you until 14:05',
      'You are using pc-cad1',
    ]);
    expect(all.map((one) => spokenOf(words, one))).toEqual([
      '',
      '',
      'You are 1st in line',
      'It is your turn: pc-cad2 is kept for you until 14:05.',
      '',
    ]);
  });

  it('counts those before one as the language does', () => {
    expect([1, 2, 3, 4, 11, 21, 22, 113].map((n) => nthOf(words, n))).toEqual([
      '1st',
      '2nd',
      '3rd',
      '4th',
      '11th',
      '21st',
      '22nd',
      '113th',
    ]);
    const [french, catalan] = [new Words('fr', [fr], 'fr-BE'), new Words('ca', [ca])];
    expect([1, 2, 3].map((n) => nthOf(french, n))).toEqual(['1re', '2e', '3e']);
    expect([1, 2, 3, 4, 5].map((n) => nthOf(catalan, n))).toEqual(['1a', '2a', '3a', '4a', '5a']);
    expect(shownOf(french, waits(2)).text).toBe('Vous êtes en 3e position dans la file');
  });

  it('tells whoever waited that their turn has come, once', () => {
    expect(turnsOf([waits(0)], [kept])).toEqual([kept]);
    expect(turnsOf([kept], [kept])).toEqual([]);
    expect(turnsOf([], [kept])).toEqual([]);
    expect(turnsOf([waits(1)], [waits(0)])).toEqual([]);
    expect(turnsOf([{ ...waits(0), id: 'another' }], [kept])).toEqual([]);
  });

  it('is kept for minutes and seconds', () => {
    const left = (ms: number) => remaining(words, ms).replace(/\u00a0/g, ' ');
    expect([120_000, 99_001, 60_000, 59_001, 1, -5_000].map(left)).toEqual([
      '2 min 0 s',
      '1 min 40 s',
      '1 min 0 s',
      '1 min 0 s',
      '1 s',
      '0 s',
    ]);
  });
});

describe('quarters of an hour', () => {
  const clock = (day: string) => labelsOf(words, beginsOn(day, boundsOf(dayAfter(day, -1)).from), day);

  it('are those of the day that have not passed, the one that runs too', () => {
    vi.stubEnv('TZ', 'Europe/Brussels');
    const now = new Date(2026, 10, 23, 14, 7).getTime();
    const today = beginsOn('2026-11-23', now);
    expect(labelsOf(words, today, '2026-11-23').slice(0, 3)).toEqual(['14:00', '14:15', '14:30']);
    expect(today).toHaveLength(40);
    expect(beginsOn('2026-11-24', now)).toHaveLength(96);
    expect(beginsOn('2026-11-22', now)).toEqual([]);
    // Sixty days ahead, to the quarter.
    expect(labelsOf(words, beginsOn('2027-01-22', now), '2027-01-22').at(-1)).toBe('14:00');
    expect(beginsOn('2027-01-23', now)).toEqual([]);
    expect(today.every((at) => at % QUARTER_MS === 0)).toBe(true);
  });

  it('are told apart where the clock shows them twice, and are not there where it shows none', () => {
    vi.stubEnv('TZ', 'Europe/Brussels');
    const [spring, autumn] = [clock('2027-03-28'), clock('2026-10-25')];
    expect([spring.length, autumn.length]).toEqual([92, 100]);
    expect(spring.filter((label) => label.startsWith('02:'))).toEqual([]);
    expect(autumn.filter((label) => label.startsWith('02:15'))).toEqual(['02:15 CEST', '02:15 CET']);
    expect(autumn.slice(0, 2)).toEqual(['00:00', '00:15']);
    expect(new Set(autumn).size).toBe(100);
  });

  it('begin with the next full one; on another day at the same time by the clock', () => {
    vi.stubEnv('TZ', 'Europe/Brussels');
    const now = new Date(2026, 9, 24, 14, 7).getTime();
    const at = (day: string, wanted: number | null) => {
      const chosen = chosenOf(beginsOn(day, now), wanted, now);
      return chosen === null ? null : new Date(chosen).toString().slice(4, 21);
    };
    expect(at('2026-10-24', null)).toBe('Oct 24 2026 14:15');
    expect(at('2026-10-24', new Date(2026, 9, 24, 14).getTime())).toBe('Oct 24 2026 14:00');
    expect(at('2026-10-25', null)).toBe('Oct 25 2026 14:15');
    expect(at('2026-10-25', new Date(2026, 9, 24, 16, 30).getTime())).toBe('Oct 25 2026 16:30');
    expect(at('2026-10-24', new Date(2026, 9, 25, 9).getTime())).toBe('Oct 24 2026 14:15');
    expect(at('2026-10-23', null)).toBeNull();
    const late = new Date(2026, 9, 24, 23, 50).getTime();
    expect(chosenOf(beginsOn('2026-10-24', late), null, late)).toBe(late - 5 * 60_000);
  });

  it('last as long as the pool allows, an hour at first', () => {
    expect(lengthsOf(60).map((ms) => ms / 60_000)).toEqual([15, 30, 45, 60]);
    expect([usualOf(lengthsOf(240)), usualOf(lengthsOf(30))]).toEqual([HOUR, HOUR / 2]);
  });

  it('may end on the next day', () => {
    const from = new Date(2026, 10, 23, 23, 30).getTime();
    expect(labelsOf(words, [from + QUARTER_MS, from + 2 * QUARTER_MS], '2026-11-23')).toEqual(['23:45', 'Tue 00:00']);
  });
});

it('goes from day to day, also where the clock is set back or on', () => {
  vi.stubEnv('TZ', 'Europe/Brussels');
  expect([1, -1, 60].map((days) => dayAfter('2026-10-25', days))).toEqual(['2026-10-26', '2026-10-24', '2026-12-24']);
  expect(dayAfter('2026-12-31', 1)).toBe('2027-01-01');
  expect(dayOf(boundsOf('2026-03-29').from)).toBe('2026-03-29');
});

describe('what is booked', () => {
  const { from, to } = boundsOf('2026-11-23');
  const booked = (workstation: string, begins: number, ends: number, id?: string): MyBooking => ({
    pool: 'CAD pool',
    workstation,
    begins: from + begins * HOUR,
    ends: from + ends * HOUR,
    ...(id ? { id } : {}),
  });

  it('is drawn a PC each, within the day', () => {
    const all = [booked('a', 22, 26), booked('a', -2, 1), booked('b', 9, 10), booked('a', 9, 10, 'mine')];
    const spans = (pc: string, full: [number, number][] = []) =>
      spansOf(
        all,
        full.map(([begins, ends]) => ({ begins: from + begins * HOUR, ends: from + ends * HOUR })),
        pc,
        from,
        to,
      ).map((s) => [(s.from - from) / HOUR, (s.to - from) / HOUR, s.kind]);
    const mine = [
      [0, 1, 'taken'],
      [9, 10, 'own'],
      [22, 24, 'taken'],
    ];
    expect(spans('a')).toEqual(mine);
    expect(spansOf(all, [], 'b', from + 10 * HOUR, to)).toEqual([]);
    expect(spans('c')).toEqual([]);
    // No seat is left: whoever has booked it has it.
    expect(
      spans('c', [
        [-3, 2],
        [8, 12],
        [30, 31],
      ]),
    ).toEqual([
      [0, 2, 'full'],
      [8, 12, 'full'],
    ]);
    expect(
      spans('a', [
        [8, 12],
        [22, 26],
      ]),
    ).toEqual([mine[0], [8, 9, 'full'], mine[1], [10, 12, 'full'], mine[2]]);
  });

  it('is told with its day', () => {
    expect(whenOf(words, booked('a', 14, 15))).toBe('Mon 23 November, 14:00–15:00');
  });
});

it('holds the title, and gives back what the page has set meanwhile', () => {
  const page = { title: 'Open until 18:30' };
  vi.stubGlobal('document', page);
  const held = new HeldTitle();
  held.hold('pc-cad2 is kept for you');
  held.hold('pc-cad2 is kept for you');
  page.title = '5 min left';
  held.hold('pc-cad2 is kept for you');
  expect(page.title).toBe('pc-cad2 is kept for you');
  held.release();
  expect(page.title).toBe('5 min left');
  held.release();
  expect(page.title).toBe('5 min left');
  vi.unstubAllGlobals();
});
