import { expect, it } from 'vitest';
import { choose } from './table.ts';

interface Person {
  name: string;
  seen: number | null;
}

const PEOPLE: Person[] = [
  { name: 'Zoë', seen: 3 },
  { name: 'André 10', seen: null },
  { name: 'andre 9', seen: 20 },
];
const asked = (change: object) => ({
  text: '',
  filters: [],
  sort: '',
  down: false,
  columns: [
    { name: 'name', label: '', value: (p: Person) => p.name },
    { name: 'seen', label: '', value: (p: Person) => p.seen },
  ],
  all: [{ name: 'seen', label: '', test: (p: Person) => p.seen !== null }],
  search: (p: Person) => p.name,
  ...change,
});
const names = (change: object) => choose(PEOPLE, asked(change)).map(({ name }) => name);

it('finds every word, whatever its accents and capitals', () => {
  expect(names({ text: ' ANDRE ' })).toEqual(['André 10', 'andre 9']);
  expect(names({ text: 'andré 10' })).toEqual(['André 10']);
  expect(names({ text: 'zoe 10' })).toEqual([]);
});

it('keeps what every filter lets pass', () => {
  expect(names({ filters: ['seen'] })).toEqual(['Zoë', 'andre 9']);
  expect(names({ filters: ['seen'], text: 'z' })).toEqual(['Zoë']);
});

it('sorts as people do, and what is not known last, both ways', () => {
  expect(names({ sort: 'name' })).toEqual(['andre 9', 'André 10', 'Zoë']);
  expect(names({ sort: 'name', down: true })).toEqual(['Zoë', 'André 10', 'andre 9']);
  expect(names({ sort: 'seen' })).toEqual(['Zoë', 'andre 9', 'André 10']);
  expect(names({ sort: 'seen', down: true })).toEqual(['andre 9', 'Zoë', 'André 10']);
  expect(names({})).toEqual(['Zoë', 'André 10', 'andre 9']);
});
