import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { End as Told } from '#lib/api/document.d.ts';
import computers from '../messages/computers/en.ts';
import en from '../messages/desktop/en.ts';
import { Words } from '../messages/words.ts';
import { accountOf } from './account.ts';
import { faultOf } from './component.ts';
import { endText, isCalm, type End } from './end.ts';
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
    'certificate',
    'no_nla',
    'silent',
    'not_allowed',
    'ended',
    'moved',
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
    expect(isCalm(ended('sign_in')) || isCalm(ended('not_allowed')) || isCalm({ by: 'crash' })).toBe(false);
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
