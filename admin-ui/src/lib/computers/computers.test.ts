import { describe, expect, it } from 'vitest';
import type { Agent, WorkstationStep } from '#lib/api/document.d.ts';
import computers from '../messages/computers/en.ts';
import portal from '../messages/portal/en.ts';
import { Words } from '../messages/words.ts';
import { expected, isGood, ready, waiting } from './agents.ts';
import { boundsOf, changesOf, hourOf, lengths, spansOf } from './day.ts';
import { hoursOf, usual, wakeAt, wakesText } from './hours.ts';
import { doubtOf, endOf, isReady, kindOf, sinceOf, underWay, type Computer } from './state.ts';

const words = new Words('en', [portal, computers], 'en-GB');
const NOW = new Date(2026, 10, 23, 14, 2).getTime();
const HOUR = 3_600_000;
const pc: Computer = {
  state: 'asleep',
  reason: 'went_to_sleep',
  since: NOW - HOUR,
  wakeable: { answer: 'yes' },
  expected_ms: 40_000,
};

describe('what a computer does', () => {
  it('is no more than is known', () => {
    expect(kindOf(words, pc)).toEqual({ kind: 'closed', text: 'Asleep' });
    expect(kindOf(words, { state: 'free', reason: 'reported' })).toEqual({ kind: 'open', text: 'Free' });
    expect(kindOf(words, { state: 'free', reason: 'rdp_off' }).kind).toBe('trouble');
    expect([pc, { ...pc, state: 'free', reason: 'rdp_silent' } as const].some(isReady)).toBe(false);
    expect(isReady({ ...pc, state: 'free', reason: 'disconnected' })).toBe(true);
  });

  it('is told since when, with the day if that is another', () => {
    expect(sinceOf(words, pc, NOW)).toBe('since 13:02');
    expect(sinceOf(words, { ...pc, since: NOW - 30 * HOUR }, NOW)).toBe('since 22 Nov 2026, 08:02');
    expect(sinceOf(words, { ...pc, since: null }, NOW)).toBe('');
    expect(sinceOf(words, { ...pc, state: 'waking' }, NOW)).toBe('');
  });

  it('may be what keeps it from waking', () => {
    const off = { answer: 'only_from_sleep', because: 'fast_startup' } as const;
    expect(doubtOf({ ...pc, wakeable: off })).toBeNull();
    expect(doubtOf({ ...pc, state: 'off', wakeable: off })).toBe('fast_startup');
    expect(doubtOf({ ...pc, wakeable: { answer: 'no', because: 'wireless' } })).toBe('wireless');
  });
});

it('tells how a wake ended, by how far it came', () => {
  const wake = {
    workstation: 'PC-CAD',
    began_at: NOW,
    gone_ms: 31_000,
    expected_ms: 40_000,
    phase: 'sent',
    bursts: 3,
    callers: 1,
  } as const;
  expect(underWay({ ...pc, wake })).toBe(wake);
  expect(endOf(words, 'PC-CAD', { ...pc, wake })).toBeNull();
  const end = (more: object, state: Computer['state'] = 'unknown') =>
    endOf(words, 'PC-CAD', { state, wake: { ...wake, ...more } });
  const ready = { outcome: 'ready', phase: 'ready', took_ms: 31_000 };
  expect(end(ready, 'free')?.text).toBe('PC-CAD is ready, after 31\u00a0s.');
  expect([end(ready, 'asleep'), end(ready, 'in_use_here')]).toEqual([null, null]);
  expect(end({ outcome: 'failed', cause: 'silent' })).toMatchObject({ text: 'PC-CAD did not wake.', cause: 'silent' });
  expect(end({ outcome: 'failed', phase: 'network', cause: 'rdp_off' })?.text).toBe('PC-CAD is on, but not ready.');
  expect(end({ outcome: 'cancelled' })?.kind).toBe('waiting');
  expect(underWay({ ...pc, wake: { ...wake, outcome: 'failed' } })).toBeNull();
});

describe('a day', () => {
  const step = (at: number, state: WorkstationStep['state']): WorkstationStep => ({ at, state, reason: 'reported' });

  it('is what each step was until the next, and nothing is known before the first', () => {
    const steps = [step(6, 'free'), step(8, 'in_use_here'), step(9, 'locked'), step(12, 'asleep')];
    const spans = spansOf(steps, 0, 24);
    expect(spans).toEqual([
      { part: 'unknown', from: 0, to: 6 },
      { part: 'free', from: 6, to: 8 },
      { part: 'used', from: 8, to: 12 },
      { part: 'away', from: 12, to: 24 },
    ]);
    expect(lengths(spans)).toEqual([
      ['free', 2],
      ['used', 4],
      ['away', 12],
      ['unknown', 6],
    ]);
  });

  it('begins with what it did the day before, and ends now', () => {
    expect(spansOf([step(-30, 'asleep'), step(7, 'free')], 0, 9)).toEqual([
      { part: 'away', from: 0, to: 7 },
      { part: 'free', from: 7, to: 9 },
    ]);
    expect(spansOf([], 0, 9)).toEqual([{ part: 'unknown', from: 0, to: 9 }]);
    expect(spansOf([], 9, 9)).toEqual([]);
  });

  it('tells each change once', () => {
    const steps = [step(6, 'free'), step(7, 'free'), step(8, 'asleep'), step(9, 'free')];
    expect(changesOf(words, steps).map(({ at }) => at)).toEqual([6, 8, 9]);
    expect(changesOf(words, [step(6, 'free'), { ...step(7, 'free'), reason: 'rdp_off' }])).toHaveLength(2);
  });

  it('is as long as days are', () => {
    const { from, to } = boundsOf('2026-11-23');
    expect([new Date(from).getDate(), new Date(to).getDate()]).toEqual([23, 24]);
  });

  it('has its hours where the clock shows them, also where that is set back or on', () => {
    for (let day = 1; day <= 365; day += 1) {
      const { from, to } = boundsOf(`2026-01-${day}`);
      expect([6, 12, 18].map((hour) => new Date(hourOf(from, hour)).getHours())).toEqual([6, 12, 18]);
      expect([hourOf(from, 0), hourOf(from, 24)]).toEqual([from, to]);
    }
  });
});

describe('the hours at which it is woken', () => {
  it('begin at the time that was chosen, and never again at midnight', () => {
    expect(hoursOf(usual())).toBe('Mo-Fr 07:30-08:30');
    expect(hoursOf({ ...usual(), time: '23:15' })).toBe('Mo-Fr 23:15-24:00');
    expect(hoursOf({ ...usual(), time: '' })).toBeNull();
    expect(hoursOf({ days: usual().days.map(() => false), time: '07:30' })).toBeNull();
  });

  it('are shown as one time, if they begin at one', () => {
    expect(wakeAt('Mo-Fr 07:30-18:00')).toEqual(usual());
    expect(wakeAt('Mo-Fr 07:30-18:00; Sa 09:00-12:00')).toBeNull();
    expect(wakesText(words, 'Mo-Fr 07:30-18:00; Sa 09:00-12:00')).toBe('Mon–Fri 07:30, Sat 09:00');
  });
});

it('sorts those that wait, and reads whom IT expects', () => {
  const agent = { host: 'pc-cad', publishable: true } as Agent;
  expect(waiting([agent, { ...agent, approved_at: 1 }, { ...agent, revoked_at: 1 }])).toEqual([agent]);
  const like = (by: 'name' | 'name_and_address') => ({ ...agent, suggestion: { workstation: 'pc-cad', by } }) as Agent;
  expect(ready([agent, like('name'), like('name_and_address')]).map((a) => a.suggestion?.by)).toEqual([
    undefined,
    'name_and_address',
  ]);
  expect(expected('\ufeffHost;Workstation\r\nPC-01;accounts\r\n')).toEqual([
    { host: 'PC-01', workstation: 'accounts' },
  ]);
  expect(expected('PC-01;accounts\n\n"PC-02"\n PC-03 \t\n;x')).toEqual([
    { host: 'PC-01', workstation: 'accounts' },
    { host: 'PC-02' },
    { host: 'PC-03' },
  ]);
});

it('shows the tokens that still enrol somebody', () => {
  const token = { uses: 1, until: NOW + 1, revoked_at: null } as Parameters<typeof isGood>[0];
  expect(isGood(token, NOW)).toBe(true);
  for (const spent of [{ uses: 0 }, { until: NOW }, { revoked_at: NOW }]) {
    expect(isGood({ ...token, ...spent }, NOW)).toBe(false);
  }
});
