import { expect, it } from 'vitest';
import en from '#lib/messages/portal/en.ts';
import { Words } from '#lib/messages/words.ts';
import { nextCode, reference, sentence } from './problem.ts';

const words = new Words('en', [en]);

it('says how long to wait', () => {
  const wait = (seconds: number) => sentence(words, { slug: 'too-many-attempts', waitSeconds: seconds });
  expect(wait(28)).toBe('Too many attempts. Wait 28\u00a0s, then try again.');
  expect(wait(119)).toContain('119\u00a0s');
  expect(wait(480)).toContain('8\u00a0min');
  expect(wait(3600)).toContain('1\u00a0h\u00a000\u00a0min');
});

it("counts to the next code by the gateway's clock", () => {
  expect(nextCode(Date.UTC(2026, 10, 23, 8, 0, 0))).toBe(30);
  expect(nextCode(Date.UTC(2026, 10, 23, 8, 0, 18))).toBe(12);
  expect(nextCode(Date.UTC(2026, 10, 23, 8, 0, 59))).toBe(1);
  expect(nextCode(null)).toBe(30);
  expect(sentence(words, { slug: 'wrong-credentials', date: Date.UTC(2026, 10, 23, 8, 0, 18) })).toContain('12\u00a0s');
});

it('has a sentence for silence, and for what it does not know', () => {
  expect(sentence(words, { slug: 'silent' })).toBe(en.silentWhy);
  expect(reference(words, { slug: 'silent' })).toBe('');
  for (const slug of ['of-tomorrow', 'constructor', '']) {
    expect(sentence(words, { slug, reference: '0192' })).toBe(en.problems.internal);
    expect(reference(words, { slug, reference: '0192' })).toBe(`${slug} 0192`.trim());
  }
  expect(reference(words, { slug: 'wrong-credentials' })).toBe('');
});
