import { expect, it } from 'vitest';
import consoleWords from '#lib/messages/console/fr.ts';
import portal from '#lib/messages/portal/fr.ts';
import { Words } from '#lib/messages/words.ts';
import { refusal } from './refusal.ts';

const words = new Words('fr', [portal, consoleWords]);
const invalid = (detail: string) => refusal(words, { slug: 'invalid-request', detail });

it('says by the field what is refused, and then no English beside it', () => {
  for (const [detail, text] of [
    ['name: this looks like an id', consoleWords.refusedName],
    ['controllers[1].dns_name: srv.x is the portal’s own name', consoleWords.refusedWholeName],
    ['address6: ::/0 is wider than /48', consoleWords.refusedWide],
    ['address4: 10.0.0.1 is this gateway’s own address: give the address of the server', consoleWords.refusedOwn],
    ['address4: 127.0.0.1/32 is no address of a machine in the office', consoleWords.refusedAddress],
    ['add[0].until: this moment has passed', consoleWords.refusedTime],
    ['add, remove: at most 100 each', consoleWords.refusedMuch],
  ] as const) {
    expect(invalid(detail)).toEqual({ text, small: '' });
  }
  expect(refusal(words, { slug: 'last-administrator', detail: 'ada is the last' }).small).toBe('');
});

it('names what is taken, and what is missing', () => {
  expect(refusal(words, { slug: 'not-found', detail: 'no user `zoe`' }).text).toContain('zoe');
  const taken = { slug: 'already-exists', detail: 'controllers[0].dns_name: `dc1` is the name of something published' };
  expect(refusal(words, taken).text).toContain('dc1');
  expect(refusal(words, { slug: 'already-exists', detail: 'this group is there already' })).toEqual({
    text: consoleWords.problems['already-exists'],
    small: '',
  });
});

it('keeps the English where there is no sentence', () => {
  for (const detail of ['constructor: x', 'the body did not arrive in time', 'missing field `name`']) {
    expect(invalid(detail)).toEqual({ text: consoleWords.problems['invalid-request'], small: detail });
  }
  expect(refusal(words, { slug: 'of-tomorrow', detail: 'x' }).small).toBe('x');
  expect(refusal(words, { slug: 'silent', detail: 'x' })).toEqual({ text: portal.silentWhy, small: '' });
});
