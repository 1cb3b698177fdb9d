import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import type { End as Told, MyDesktop } from '#lib/api/document.d.ts';
import computers from '../messages/computers/en.ts';
import en from '../messages/desktop/en.ts';
import { Words } from '../messages/words.ts';
import { accountOf } from './account.ts';
import { faultOf } from './component.ts';
import { endText, isCalm, leadsElsewhere, type End } from './end.ts';
import { endingOf, endingText, Notices } from './notices.svelte.ts';
import { qualityText, rateOf } from './quality.ts';
import { desktopSize } from './size.ts';

const words = new Words('en', [computers, en], 'en-GB');

it('asks for a desktop as large as its place, in whole columns', () => {
  expect(desktopSize({ width: 1280, height: 741 })).toEqual({ width: 1280, height: 740 });
  expect(desktopSize({ width: 1919, height: 1000 })).toEqual({ width: 1856, height: 1000 });
  expect(desktopSize({ width: 390, height: 600 })).toEqual({ width: 832, height: 600 });
  expect(desktopSize({ width: 0, height: 0 })).toEqual({ width: 832, height: 600 });
  expect(desktopSize({ width: 9000, height: 9000 })).toEqual({ width: 4096, height: 2048 });
});

it('takes a domain from a name, as Windows does', () => {
  expect(accountOf(' anne ')).toEqual({ user: 'anne', domain: '' });
  expect(accountOf('OFFICE\\anne')).toEqual({ user: 'anne', domain: 'OFFICE' });
  expect(accountOf('anne@office.lan')).toEqual({ user: 'anne@office.lan', domain: '' });
});

describe('how well it comes', () => {
  const at = (ms: number, bytes: number) => ({ at: ms, bytes, roundTripMs: null });

  it('is measured between two readings', () => {
    expect(rateOf(null, at(0, 0))).toBeNull();
    expect(rateOf(at(0, 1_000), at(2_000, 251_000))).toBe(1e6);
    expect(rateOf(at(0, 1_000), at(1_000, 0))).toBe(0);
    expect(rateOf(at(5, 0), at(5, 9))).toBeNull();
  });

  it('is said in the units of the field', () => {
    expect(qualityText(words, null, null)).toBe('');
    expect(qualityText(words, 12.4, 48_000)).toMatch(/^12\s?ms · 48\s?kb\/s$/);
    expect(qualityText(words, 0.2, 1_440_000)).toMatch(/^1\s?ms · 1.4\s?Mb\/s$/);
  });
});

describe('the end', () => {
  const ENDS = [
    'by_device',
    'by_pc',
    'sign_in',
    'nobody_signed_in',
    'certificate',
    'no_nla',
    'silent',
    'not_allowed',
    'ended',
    'moved',
    'idle',
    'longest',
    'booked',
    'ticket',
    'gateway',
  ] as const;

  it('has words of its own for each that the gateway knows', () => {
    const said = ENDS.map((how) => endText(words, { by: 'gateway', end: { how } }));
    expect(new Set(said).size).toBe(ENDS.length);
    expect(said.join()).not.toMatch(/desk[A-Z]/);
    const end: Told = { how: 'refused', why: 'in_use_here' };
    expect(endText(words, { by: 'gateway', end })).toBe(computers.noInUseHere);
  });

  it('is told from the component where the gateway knows nothing', () => {
    const said = (kind: number, status?: number, there = false) => {
      const details = status === undefined ? undefined : { httpStatusCode: status };
      const error = { kind: () => kind, backtrace: () => '', rdcleanpathDetails: () => details };
      return endText(words, { by: 'component', fault: faultOf(error), there });
    };
    expect(said(5)).toBe(en.deskNoLine);
    expect(said(6)).toBe(en.deskNegotiation);
    expect(said(1)).toBe(en.deskSignIn);
    expect(said(4, 423)).toBe(en.deskCertificate);
    expect(said(4, 401)).toBe(en.deskTicket);
    expect(said(4, 503)).toBe(en.deskGateway);
    expect(said(0)).toBe(en.deskGateway);
    expect(said(0, undefined, true)).toBe(en.deskLineCut);
    expect(endText(words, { by: 'component', fault: faultOf(new Error('else')), there: false })).toBe(en.deskGateway);
  });

  it('is no trouble if one wished it, or the PC did', () => {
    const ended = (how: (typeof ENDS)[number]): End => ({ by: 'gateway', end: { how } });
    expect(isCalm({ by: 'self' }) && isCalm(ended('by_pc')) && isCalm(ended('moved'))).toBe(true);
    expect((['idle', 'longest', 'booked'] as const).every((how) => isCalm(ended(how)))).toBe(true);
    expect(isCalm(ended('sign_in')) || isCalm(ended('not_allowed')) || isCalm({ by: 'crash' })).toBe(false);
  });
});

it('leads to another PC where somebody else has this one', () => {
  const refused = (why: 'no_seat' | 'reserved' | 'silent'): End => ({ by: 'gateway', end: { how: 'refused', why } });
  const elsewhere = [refused('no_seat'), refused('reserved'), { by: 'refusal', refused: 'no_seat' } as const];
  expect(elsewhere.every(leadsElsewhere)).toBe(true);
  expect(leadsElsewhere({ by: 'gateway', end: { how: 'booked' } })).toBe(true);
  expect([refused('silent'), { by: 'self' } as const].some(leadsElsewhere)).toBe(false);
  expect(endText(words, refused('no_seat'))).toBe(computers.noSeat);
});

describe('what is to be known meanwhile', () => {
  const AT = new Date(2026, 10, 23, 14, 5).getTime();
  const ending = (ends_why: 'idle' | 'booked' | null, left: number) =>
    endingOf({ ends_at: ends_why && AT, ends_why }, AT - left);

  it('is when it ends, why, and in how many minutes', () => {
    expect(ending(null, 0)).toBeNull();
    expect([241_000, 240_000, 1, 0, -60_000].map((left) => ending('booked', left)?.minutes)).toEqual([5, 4, 1, 0, 0]);
    const soon = ending('idle', 60_000);
    expect(soon && endingText(words, soon)).toMatch(/^This connection ends at 14:05: nobody has used it\./);
  });

  it('is what IT told, until it was read', () => {
    const stored = new Map<string, string>();
    const storage = { getItem: (key: string) => stored.get(key) ?? null, setItem: stored.set.bind(stored) };
    vi.stubGlobal('sessionStorage', storage);
    const told = (at: number, text: string) => ({ told: { at, text } }) as MyDesktop;
    const notices = new Notices('pc-cad1');
    notices.hear(told(1, 'Save your work.'), 0);
    expect(notices.told?.text).toBe('Save your work.');
    notices.read();
    notices.hear(told(1, 'Save your work.'), 0);
    expect(notices.told).toBeNull();
    // The page was loaded anew; and something else was told.
    const anew = new Notices('pc-cad1');
    anew.hear(told(1, 'Save your work.'), 0);
    expect(anew.told).toBeNull();
    anew.hear(told(2, 'The server restarts.'), 0);
    expect(anew.told?.at).toBe(2);
    anew.hear({} as MyDesktop, 0);
    expect(anew.told ?? null).toBeNull();
    vi.unstubAllGlobals();
  });
});

/** What the gateway allows beside our own files (`gateway/src/http/pages.rs`). */
describe('the policy of its page', () => {
  const PACKAGE = 'node_modules/@devolutions/iron-remote-desktop/iron-remote-desktop.js';
  const component = readFileSync(PACKAGE, 'utf8');
  const policy = readFileSync('../gateway/src/http/pages.rs', 'utf8');

  it('names the hash of the one style sheet that the component has', () => {
    const sheets = [...component.matchAll(/^\s*code: "([^"\\]+)"$/gm)].map(([, text]) => text ?? '');
    expect(sheets).toHaveLength(1);
    const hash = createHash('sha256').update(`${sheets[0]}`).digest('base64');
    expect(policy).toContain(`'sha256-${hash}'`);
  });

  it('knows all ways by which the component makes markup or runs text', () => {
    expect(component.match(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|DOMParser/g)).toEqual([
      'innerHTML',
    ]);
    expect(component).not.toMatch(/\beval\(|new Function\(|setAttribute\("style"/);
  });
});
