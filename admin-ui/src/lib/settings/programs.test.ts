import { expect, it } from 'vitest';
import { programOf, written } from './programs.ts';

it('reads programs as they are written, and no others', () => {
  const lines = ['Sage = C:\\Program Files\\Sage', 'Ciel = registry:SOFTWARE\\Ciel', 'Office = package:libreoffice'];
  const all = lines.map(programOf).filter((p) => p !== null);
  expect(all).toEqual([
    { name: 'Sage', look: { at: 'path', path: 'C:\\Program Files\\Sage' } },
    { name: 'Ciel', look: { at: 'registry', key: 'SOFTWARE\\Ciel' } },
    { name: 'Office', look: { at: 'package', name: 'libreoffice' } },
  ]);
  expect(written(all)).toBe(lines.join('\n'));
  expect(programOf('a=b=c')).toEqual({ name: 'a', look: { at: 'path', path: 'b=c' } });
  expect(['', 'Sage', '= C:\\x', 'Sage =', 'Sage = registry:'].map(programOf)).toEqual(Array(5).fill(null));
});
