import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { AuditEntry } from '#lib/api/document.d.ts';
import console_ from '../messages/console/en.ts';
import portal from '../messages/portal/en.ts';
import watch from '../messages/watch/en.ts';
import { Words } from '../messages/words.ts';
import { actorOf, detailsOf, eventOf, EVENTS } from './audit.ts';

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

it('says what was done, and the rest as details', () => {
  const revoked = entry('device_revoked', { device: 'id', name: 'laptop' });
  expect([eventOf(words, revoked), detailsOf(words, revoked)]).toEqual(['Device laptop revoked', '']);
  const refused = entry('sign_in_refused', { device: null, why: 'other_device' });
  expect(detailsOf(words, refused)).toBe('reason: somebody else’s device');
  const changed = entry('settings_changed', { organisation: null, masquerade: false, resolvers: ['a', 'b'] });
  expect(detailsOf(words, changed)).toBe('masquerade: no · DNS servers: a and b');
  expect(detailsOf(words, entry('settings_changed', { retention: { access: 92, security: 365 } }))).toContain(
    '92 / 365',
  );
});

it('shows what it does not know as it came', () => {
  expect(eventOf(words, entry('toString', {}))).toBe('toString');
  expect(detailsOf(words, entry('later_event', { constructor: 'x' }))).toBe('constructor: x');
});

it('names who did it', () => {
  const names = ['ilse', 'local', 'token siem'].map((actor) => actorOf(words, actor));
  expect(names).toEqual(['ilse', 'the command line (root)', 'program siem']);
});
