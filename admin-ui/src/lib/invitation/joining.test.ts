import { describe, expect, it } from 'vitest';
import type { Connection } from '#lib/api/document.d.ts';
import { done, hint } from './joining.svelte.ts';

const nothing: Connection = { at: 0, heard: false, carries: false, portal: false, open: false, moves: 0, tried: null };
const seen = (news: Partial<Connection>): Connection => ({ ...nothing, ...news });
const check = { resource: 'files', dns_name: 'files.example.internal', steps: [] };
const connected = seen({ heard: true, carries: true });
const portal = seen({ ...connected, portal: true });

describe('how far a new device is', () => {
  it.each([
    [null, 0],
    [nothing, 0],
    [seen({ heard: true }), 0],
    [connected, 1],
    [portal, 2],
    [seen({ ...portal, open: true, tried: { tried: 'nothing' } }), 3],
    [seen({ ...portal, open: true, tried: { tried: 'share', answers: false, check } }), 3],
    [seen({ ...portal, open: true, tried: { tried: 'share', answers: true, check } }), 4],
    [seen({ ...portal, open: true, tried: { tried: 'other', name: 'intranet' } }), 4],
    // Locked again meanwhile.
    [seen({ ...portal, open: false }), 2],
  ])('%j', (known, steps) => expect(done(known)).toBe(steps));
});

describe('what is said when it does not go on', () => {
  it.each([
    [null, 1e9, null],
    [nothing, 60_000, null],
    [nothing, 100_000, 'nothing'],
    [seen({ heard: true }), 10_000, null],
    [seen({ heard: true }), 20_000, 'half'],
    [connected, 30_000, null],
    [connected, 50_000, 'no-portal'],
    [portal, 1e9, null],
    [seen({ ...portal, moves: 3 }), 0, 'two'],
    [seen({ ...portal, open: true, tried: { tried: 'nothing' } }), 0, 'nothing-granted'],
    [seen({ ...portal, open: true, tried: { tried: 'share', answers: false, check } }), 0, 'shut'],
  ])('%j after %d ms: %s', (known, waited, said) => expect(hint(known, waited)).toBe(said));
});
