import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { AuditEntry } from '#lib/api/document.d.ts';
import console_ from '../messages/console/en.ts';
import portal from '../messages/portal/en.ts';
import watch from '../messages/watch/en.ts';
import { Words } from '../messages/words.ts';
import { actorOf, detailsOf, eventName, eventOf, EVENTS, FIELDS, SILENT, VALUES } from './audit.ts';

const words = new Words('en', [portal, console_, watch], 'en-GB');
const entry = (event: string, details: object, actor = 'ilse'): AuditEntry => ({
  id: '1',
  at: 0,
  actor,
  event,
  user: null,
  details: details as AuditEntry['details'],
});

it('has a sentence for every event of the gateway, and for no other', () => {
  const source = readFileSync('../gateway/src/audit.rs', 'utf8');
  const list = /pub const NAMES: \[&str; \d+\] = \[([^\]]*)\]/.exec(source)?.[1] ?? '';
  const names = [...list.matchAll(/"(\w+)"/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(30);
  expect(Object.keys(EVENTS).sort()).toEqual(names.sort());
});

const rust = (path: string) => readFileSync(`../gateway/src/${path}`, 'utf8');
const snake = (name: string) => name.replace(/(?<!^)[A-Z]/g, (c) => `_${c}`).toLowerCase();
/** What stands between this and the end of its block. */
const block = (source: string, begin: string) => (source.split(begin)[1] ?? '').split(/\n {0,4}\}\n/)[0] ?? '';

it('has a name for every field of every event that its sentence does not say', () => {
  const events = [...block(rust('audit.rs'), 'pub enum Event {').matchAll(/^ {4}(\w+) \{([^}]*)\}/gm)];
  expect(events.length).toBe(Object.keys(EVENTS).length);
  const missing = events.flatMap(([, variant = '', fields = '']) => {
    const event = snake(variant) as keyof typeof EVENTS;
    const told = [...words.holes(EVENTS[event]), ...SILENT, ...Object.keys(FIELDS), 'user'];
    const named = [...fields.matchAll(/(\w+): /g)].map(([, field]) => field ?? '');
    return named.filter((field) => !told.includes(field)).map((field) => `${event}.${field}`);
  });
  expect(missing).toEqual([]);
});

it('has words for every value that the gateway chooses itself', () => {
  const variants = (text: string) => [...text.matchAll(/^ {4,8}(\w+),$/gm)].map(([, name]) => snake(name ?? ''));
  const quoted = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, word]) => word ?? '');
  const said = (file: string, begin: string) => quoted(block(rust(file), begin), / = "(\w+)"/g);
  const audit = rust('audit.rs');
  const reasons = ['store/verifications.rs', 'app/mod.rs'].flatMap((file) =>
    quoted(rust(file), /(?:reason: |lock_everything\(now, )"([^"]+)"/g),
  );
  expect(reasons.length).toBe(2);
  const all: Record<string, string[]> = {
    why: [
      ...variants(block(audit, 'pub enum Refusal {')),
      ...variants(block(rust('pure/desktop.rs'), 'pub enum NoEntry {')),
      ...variants(block(rust('pure/desktop.rs'), 'pub enum Stranger {')),
    ],
    says: variants(block(rust('desktop/ask.rs'), 'pub enum Says {')),
    freed: variants(block(rust('pure/booking.rs'), 'pub enum Freed {')),
    via: variants(block(rust('desktop/mod.rs'), 'pub enum Via {')),
    how: variants(block(audit, 'pub enum Ended {')),
    because: variants(block(audit, 'pub enum AgentRefusal {')),
    outcome: quoted(rust('wake/mod.rs'), /Self::(?:Ready|Failed\(_\)|Cancelled) => "(\w+)"/g),
    factor: variants(block(audit, 'pub enum Factor {')),
    reason: [...said('store/verifications.rs', 'EndReason {'), ...reasons],
    role: said('store/users.rs', 'Role {'),
    kind: said('store/resources.rs', 'ResourceKind {'),
    cut: quoted(rust('pure/cut.rs'), /Self::\w+\(_\) => "(\w+)"/g),
  };
  for (const [field, values] of Object.entries(all)) {
    expect(values.length, field).toBeGreaterThan(1);
    expect(Object.keys(VALUES[field] ?? {}).sort(), field).toEqual(values.sort());
  }
  const changed = [
    ...quoted(rust('store/home_work.rs'), /set\("(\w+)"/g),
    ...quoted(rust('store/users.rs'), /\("(\w+)", (?:change|role)\./g),
  ];
  expect(changed.length).toBeGreaterThan(6);
  expect(changed.filter((field) => !FIELDS[field])).toEqual([]);
});

it('says what was done, and the rest as details', () => {
  const revoked = entry('device_revoked', { device: 'id', name: 'laptop' });
  expect([eventOf(words, revoked), detailsOf(words, revoked)]).toEqual(['Device laptop revoked', '']);
  const refused = entry('sign_in_refused', { device: null, why: 'other_device' });
  expect(detailsOf(words, refused)).toBe('reason: somebody else’s device');
  const copied = entry('sign_in_refused', { device: null, why: 'passkey_copied' });
  expect(detailsOf(words, copied)).toBe('reason: there is a copy of the passkey');
  const mended = entry('user_changed', { fields: ['name', 'role'], role: 'admin' });
  expect(detailsOf(words, mended)).toBe('fields: name and role · role: administrator');
  const ports = [
    { transport: 'tcp', first: 443, last: 443 },
    { transport: 'udp', first: 5000, last: 5010 },
  ];
  expect(detailsOf(words, entry('resource_changed', { former: 'web', dns_names: [], ports }))).toBe(
    'before: web · DNS names: – · ports: 443 and 5000-5010/udp',
  );
  const changed = entry('settings_changed', { organisation: null, masquerade: false, resolvers: ['a', 'b'] });
  expect(detailsOf(words, changed)).toBe('masquerade: no · DNS servers: a and b');
  expect(detailsOf(words, entry('settings_changed', { retention: { access: 92, security: 365 } }))).toContain(
    '92 / 365',
  );
});

it('tells pools, bookings and what IT told', () => {
  const pool = {
    pool: 'CAD',
    workstations: ['pc-1', 'pc-2'],
    seats: null,
    longest_booking_minutes: 0,
    desktop_idle_minutes: 0,
    desktop_longest_minutes: 480,
  };
  const changed = entry('pool_changed', pool);
  expect([eventOf(words, changed), detailsOf(words, changed)]).toEqual([
    'Pool CAD changed',
    'PCs: pc-1 and pc-2 · minutes of a booking at most: none · minutes unused at office PCs: never · minutes in all at office PCs: 480',
  ]);
  const at = Date.UTC(2026, 10, 23, 9);
  const freed = entry('booking_freed', { booking: 'id', workstation: 'pc-1', begins: at, freed: 'absent' });
  expect(eventOf(words, freed)).toBe('A booking of pc-1 ended before its time');
  expect(detailsOf(words, freed)).toBe(`from: ${words.short(at)} · reason: not there for a quarter of an hour`);
  const told = { ...entry('desktop_told', { workstation: 'pc-1' }), user: 'anne' };
  expect([eventOf(words, told), detailsOf(words, told)]).toEqual(['Message to anne at pc-1', '']);
  expect(eventName(words, EVENTS.desktop_told)).toBe('Message to … at …');
});

it('shows what it does not know as it came', () => {
  expect(eventOf(words, entry('toString', {}))).toBe('toString');
  expect(detailsOf(words, entry('later_event', { constructor: 'x' }))).toBe('constructor: x');
});

it('names who did it', () => {
  const names = ['ilse', 'local', 'token siem'].map((actor) => actorOf(words, actor));
  expect(names).toEqual(['ilse', 'the command line (root)', 'program siem']);
});

it('names the device that a line tells by its id', () => {
  const devices = new Map([['7', 'laptop (anne)']]);
  expect(detailsOf(words, entry('door_extended', { device: '7' }), devices)).toContain('laptop (anne)');
  expect(detailsOf(words, entry('door_extended', { device: '8' }), devices)).not.toContain('laptop');
  expect(detailsOf(words, entry('device_added', { device: '7', name: 'laptop' }), devices)).not.toContain('(anne)');
});
