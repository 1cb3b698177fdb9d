import { expect, it } from 'vitest';
import { asked, own } from './questions.ts';

it('keeps the id of a question that stays, and gives none of before to another', () => {
  const before = [{ id: 'disk' }, { id: 'own-1', text: 'Dog?' }, { id: 'own-2', text: 'Cat?' }];
  expect(own(before)).toBe('Dog?\nCat?');
  expect(asked(['wifi', 'disk'], ['Cat?', 'Bird?', 'Cat?'], before)).toEqual([
    { id: 'disk' },
    { id: 'wifi' },
    { id: 'own-2', text: 'Cat?' },
    { id: 'own-3', text: 'Bird?' },
    { id: 'own-4', text: 'Cat?' },
  ]);
});
