import { expect, it } from 'vitest';
import { strength } from './strength.ts';

it('counts characters as people do', () => {
  expect(strength('')).toEqual({ kind: 'short', missing: 12 });
  expect(strength('été🦀')).toEqual({ kind: 'short', missing: 8 });
  expect(strength('twelve chars')).toEqual({ kind: 'fair' });
  expect(strength('aaaaaaaaaaaaaaaaaaaaaa')).toEqual({ kind: 'fair' });
  expect(strength('le cheval mange du foin')).toEqual({ kind: 'good' });
});
