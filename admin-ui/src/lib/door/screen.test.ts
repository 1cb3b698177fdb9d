import { describe, expect, it } from 'vitest';
import type { DoorView } from '#lib/api/document.d.ts';
import { left, screen, signedIn, slept, stale, type Known, type Moment } from './screen.ts';

const MIN = 60_000;
const UNTIL = Date.UTC(2026, 10, 23, 17, 30);
const at = (steady: number, wall = steady): Moment => ({ steady, wall: 1_000_000 + wall });
const device = { id: 'd', name: 'laptop', user: 'Anne', language: 'fr' };
const door = (news: Partial<DoorView>): DoorView => ({
  organisation: 'Dubois & fils',
  public_name: 'door.example.org',
  passkeys: false,
  door: 'tunnel',
  device,
  state: 'locked',
  grace: false,
  resources: [],
  later: [],
  links: [],
  ...news,
});
const open = (minutes: number) => door({ state: 'open', until: UNTIL, remaining_ms: minutes * MIN });
const known = (view: DoorView | null, news: Partial<Known> = {}): Known => ({
  heard: view && { view, at: at(0) },
  silent: false,
  extending: false,
  ...news,
});

describe('the screen', () => {
  const table: [string, Known, Moment, string][] = [
    ['nothing heard yet', known(null), at(0), 'wait'],
    ['no answer at all', known(null, { silent: true }), at(0), 'silent'],
    ['the office LAN: no device', known(door({ door: 'office', device: null })), at(0), 'away'],
    ['the internet: nobody is signed in', known(door({ door: 'internet', device: null })), at(0), 'outside'],
    ['the internet, locked again', known(door({ door: 'internet' })), at(0), 'outside'],
    ['the internet, open', known(door({ door: 'internet', state: 'open' })), at(0), 'open'],
    ['the internet, in silence', known(door({ door: 'internet', device: null }), { silent: true }), at(0), 'silent'],
    ['no device, then silence', known(door({ device: null }), { silent: true }), at(0), 'silent'],
    ['locked', known(door({})), at(0), 'locked'],
    ['locked, then silence: what was typed stays', known(door({}), { silent: true }), at(0), 'locked'],
    ['locked, whatever was asked for', known(door({}), { extending: true }), at(0), 'locked'],
    ['open', known(open(60)), at(59 * MIN), 'open'],
    ['open, a code asked for', known(open(60), { extending: true }), at(0), 'extend'],
    ['open, then silence', known(open(60), { silent: true }), at(0), 'open'],
    ['time over', known(open(60)), at(60 * MIN), 'locked'],
    ['time over while a code is typed', known(open(60), { extending: true }), at(60 * MIN), 'locked'],
    ['time over, in silence too', known(open(60), { silent: true }), at(61 * MIN), 'locked'],
    ['open without an end', known(door({ state: 'open' })), at(0), 'open'],
  ];
  it.each(table)('%s', (_, state, now, name) => {
    expect(screen(state, now).name).toBe(name);
  });

  it.each([
    [60, 44.9, null],
    [60, 45, 15],
    [60, 54.9, 15],
    [60, 55, 5],
    [60, 59.9, 5],
  ])('of %d minutes, after %d, warns at %s', (total, passed, warning) => {
    const shown = screen(known(open(total)), at(passed * MIN));
    const warned = shown.name === 'open' ? (shown.end?.warning ?? null) : undefined;
    expect(warned?.minutes ?? null).toBe(warning);
    expect(warned?.kind ?? 'end').toBe('end');
  });
});

describe('the countdown', () => {
  it("follows the gateway's remaining time, however this device's clock is set", () => {
    for (const wall of [0, 365 * 24 * 60 * MIN, -365 * 24 * 60 * MIN]) {
      const state = { ...known(open(60)), heard: { view: open(60), at: at(0, wall) } };
      const now = at(10 * MIN, wall + 10 * MIN);
      expect(left(state, now)).toBe(50 * MIN);
      const shown = screen(state, now);
      expect(shown.name === 'open' && shown.end).toMatchObject({ until: UNTIL, now: UNTIL - 50 * MIN });
    }
  });

  it('says nothing after a sleep, in which the steady clock may have stood still, nor after the clock was set', () => {
    for (const now of [at(MIN, 180 * MIN), at(MIN, -180 * MIN)]) {
      expect(slept(at(0), now)).toBe(true);
      expect(left(known(open(60)), now)).toBeNull();
      const shown = screen(known(open(60)), now);
      expect(shown.name === 'open' && shown.end).toMatchObject({ until: UNTIL, leftMs: null, warning: null });
    }
    expect(slept(at(0), at(MIN, MIN + 1_500))).toBe(false);
  });
});

it('is stale only when there is something to be stale', () => {
  expect(stale(known(null, { silent: true }))).toBe(false);
  expect(stale(known(door({ device: null }), { silent: true }))).toBe(false);
  expect(stale(known(open(60), { silent: true }))).toBe(true);
  expect(stale(known(open(60)))).toBe(false);
});

it('knows who is signed in', () => {
  const me = {
    id: 'u',
    login: 'anne',
    name: 'Anne',
    language: 'fr',
    role: 'user' as const,
    app: true,
    recovery_codes_left: 10,
    checklist_due: false,
  };
  expect(signedIn(known(door({ me })))?.name).toBe('Anne');
  expect(signedIn(known(door({})))).toBeNull();
});

describe('the warning', () => {
  const warned = (view: Partial<DoorView>, minutes = 0) => {
    const shown = screen(known({ ...open(60), ...view }), at(minutes * MIN));
    return shown.name === 'open' ? (shown.end?.warning ?? null) : shown.name;
  };
  const left = (all: number, unused: number) => ({ remaining_ms: all * MIN, unused_ms: unused * MIN });

  it('is of the end that comes first', () => {
    expect(warned(left(600, 16))).toBeNull();
    expect(warned(left(600, 15))).toMatchObject({ kind: 'idle', minutes: 15 });
    expect(warned(left(600, 16), 12)).toMatchObject({ kind: 'idle', minutes: 5 });
    expect(warned(left(12, 12))).toMatchObject({ kind: 'end', minutes: 15 });
    expect(warned(left(12, 4))).toMatchObject({ kind: 'idle', minutes: 5 });
  });

  it('leaves no doubt which end is meant', () => {
    const shown = (unused: number) => screen(known({ ...open(600), unused_ms: unused * MIN }), at(0));
    expect(shown(16)).toMatchObject({ end: { until: UNTIL, leftMs: 600 * MIN } });
    expect(shown(14)).toMatchObject({ end: { until: UNTIL - 586 * MIN, leftMs: 14 * MIN } });
  });

  it("tells by the gateway's clock since when it is not used, and when it locks", () => {
    const idle = { ...left(600, 15), idle_ms: 115 * MIN, until: UNTIL };
    const begun = UNTIL - 600 * MIN;
    for (const passed of [0, 3]) {
      expect(warned(idle, passed)).toMatchObject({ since: begun - 115 * MIN, at: begun + 15 * MIN });
    }
    expect(warned({ ...left(12, 12), until: UNTIL }, 2)).toMatchObject({ at: UNTIL });
  });

  it('locks the page when nobody has used the office for too long', () => {
    expect(warned(left(600, 15), 15)).toBe('locked');
    expect(warned(left(600, 15), 14.9)).not.toBe('locked');
  });

  it('holds for the whole of the grace', () => {
    const grace = { ...left(30, 30), grace: true };
    expect(warned(grace)).toMatchObject({ kind: 'grace', minutes: null });
    expect(warned(grace, 15)).toMatchObject({ kind: 'grace', minutes: 15 });
    expect(warned(grace, 26)).toMatchObject({ kind: 'grace', minutes: 5 });
    expect(warned(grace, 30)).toBe('locked');
    expect(warned({ ...grace, unused_ms: 10 * MIN })).toMatchObject({ kind: 'idle', minutes: 15 });
  });
});
