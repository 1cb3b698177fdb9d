import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import ca from './ca.ts';
import en, { type Messages } from './en.ts';
import es from './es.ts';
import fr from './fr.ts';
import nl from './nl.ts';
import { languageOf, LANGUAGES, Words, type Language } from './words.ts';

const ALL: Record<Language, Messages> = { en, fr, nl, ca, es };
const source = (path: string): string =>
  readdirSync(path, { withFileTypes: true })
    .map((entry) => {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) return source(inner);
      const text = /\.(ts|svelte)$/.test(entry.name) && !/\.test\.ts$|messages\/..\.ts$|\.d\.ts$/.test(inner);
      return text ? readFileSync(inner, 'utf8') : '';
    })
    .join('\n');
const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
const { problems, ...sentences } = en;
const flat = ({ problems, ...rest }: Messages): Record<string, string> => ({ ...rest, ...problems });

describe.each(Object.keys(LANGUAGES) as Language[])('%s', (language) => {
  const own = flat(ALL[language]);

  it('has every sentence, with the same values in it', () => {
    expect(Object.keys(own).sort()).toEqual(Object.keys(flat(en)).sort());
    for (const [key, text] of Object.entries(flat(en))) expect(holes(own[key] ?? ''), key).toEqual(holes(text));
    for (const [key, text] of Object.entries(own)) expect(text.trim(), key).toBe(text);
  });

  it('is set as the language is', () => {
    for (const [key, text] of Object.entries(own)) {
      expect(text, key).not.toMatch(/['"]|\.\.\.| {2}/);
      if (language !== 'fr') expect(text, key).not.toMatch(/[\s\u202f\u00a0][;:!?]/);
    }
  });
});

it('is set in French with a narrow no-break space before ; ! ? and a no-break space before :', () => {
  for (const [key, text] of Object.entries(flat(fr))) {
    expect(text, key).not.toMatch(/(^|[^\u202f])[;!?]/);
    expect(text, key).not.toMatch(/(^|[^\u00a0]):/);
    expect(text, key).not.toMatch(/«(?!\u00a0)|(?<!\u00a0)»/);
  }
});

it('uses every sentence', () => {
  const text = source('src');
  expect(Object.keys(sentences).filter((key) => !text.includes(`'${key}'`))).toEqual([]);
});

it('has words for every slug of the API, and for no other', () => {
  const { components } = JSON.parse(readFileSync('../docs/openapi.json', 'utf8'));
  const own = ['missing', 'missing-code', 'wrong-code', 'wrong-recovery'];
  expect(Object.keys(problems).sort()).toEqual([...components.schemas.Slug.enum, ...own].sort());
});

it('guesses the language: by hand, the browser, the owner of the device', () => {
  expect(languageOf(['ca', 'fr-BE', 'en'])).toBe('ca');
  expect(languageOf([null, 'de-DE', 'nl-BE', 'en'])).toBe('nl');
  expect(languageOf([null, 'pt', 'de', 'es'])).toBe('es');
  expect(languageOf(['constructor', undefined, 'zz'])).toBe('en');
});

describe('times', () => {
  const now = new Date(2026, 10, 23, 8, 30).getTime();
  const end = (until: Date) => ({ until: until.getTime(), now, leftMs: null, warning: null });

  it('are written as the language does, with the day where it is another', () => {
    const [evening, tomorrow] = [new Date(2026, 10, 23, 18, 30), new Date(2026, 10, 24, 2, 5)];
    expect(new Words('en', en, 'en-GB').until(end(evening))).toBe('Your office is open until 18:30');
    expect(new Words('en', en, 'en-US').until(end(evening))).toMatch(/until 6:30\sPM$/);
    expect(new Words('fr', fr).until(end(evening))).toBe('Votre bureau est ouvert jusqu’à 18:30');
    expect(new Words('nl', nl).until(end(tomorrow))).toMatch(/dinsdag 02:05$/);
  });

  it('last in hours and minutes, the begun one counted', () => {
    const words = new Words('en', en);
    const figures = (ms: number, exact = false) => words.lasting(ms, exact).replace(/\u00a0/g, ' ');
    expect([600_000, 600_001, 3_600_000, 29_100_000].map((ms) => figures(ms))).toEqual([
      '10 min',
      '11 min',
      '1 h 00 min',
      '8 h 05 min',
    ]);
    expect([100, 28_000, 120_000].map((ms) => figures(ms, true))).toEqual(['1 s', '28 s', '2 min']);
  });
});
