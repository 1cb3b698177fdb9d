import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Texts } from './areas.ts';
import { languageOf, LANGUAGES, Words, type Language } from './words.ts';

const FILES = import.meta.glob<Texts>('./*/??.ts', { import: 'default', eager: true });
const AREAS = [...new Set(Object.keys(FILES).map((path) => path.split('/')[1] ?? ''))];
const LANGUAGE_TAGS = Object.keys(LANGUAGES) as Language[];
const texts = (area: string, language: Language) => FILES[`./${area}/${language}.ts`] ?? {};
const source = (path: string): string =>
  readdirSync(path, { withFileTypes: true })
    .map((entry) => {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) return source(inner);
      const text = /\.(ts|svelte)$/.test(entry.name) && !/\.test\.ts$|messages\/\w+\/..\.ts$|\.d\.ts$/.test(inner);
      return text ? readFileSync(inner, 'utf8') : '';
    })
    .join('\n');
const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
const flat = ({ problems, ...rest }: Texts) => ({ ...rest, ...problems }) as Record<string, string>;

describe.each(AREAS.flatMap((area) => LANGUAGE_TAGS.map((language) => [area, language] as const)))(
  '%s in %s',
  (area, language) => {
    const [own, en] = [flat(texts(area, language)), flat(texts(area, 'en'))];

    it('has every sentence, with the same values in it', () => {
      expect(Object.keys(own).sort()).toEqual(Object.keys(en).sort());
      for (const [key, text] of Object.entries(en)) expect(holes(own[key] ?? ''), key).toEqual(holes(text));
      for (const [key, text] of Object.entries(own)) expect(text.trim(), key).toBe(text);
    });

    it('is set as the language is', () => {
      for (const [key, text] of Object.entries(own)) {
        expect(text, key).not.toMatch(/['"]|\.\.\.| {2}/);
        if (language !== 'fr') {
          expect(text, key).not.toMatch(/[\s\u202f\u00a0][;:!?]/);
          continue;
        }
        // A narrow no-break space before ; ! ? and a no-break space before :
        expect(text, key).not.toMatch(/(^|[^\u202f])[;!?]/);
        expect(text, key).not.toMatch(/(^|[^\u00a0]):/);
        expect(text, key).not.toMatch(/«(?!\u00a0)|(?<!\u00a0)»/);
      }
    });
  },
);

const sentences = AREAS.flatMap((area) => Object.keys(texts(area, 'en')).filter((key) => key !== 'problems'));

it('uses every sentence', () => {
  const text = source('src');
  const base = (key: string) => key.replace(/(_(one|other)|Cure)$/, '');
  expect(sentences.filter((key) => !text.includes(`'${base(key)}'`))).toEqual([]);
});

it('says nothing twice: areas are read together', () => {
  expect(sentences.filter((key, nth) => sentences.indexOf(key) !== nth)).toEqual([]);
});

it('has words for every slug of the API, and for no other', () => {
  const { components } = JSON.parse(readFileSync('../docs/openapi.json', 'utf8'));
  const own = ['missing', 'missing-all', 'missing-code', 'page-failed', 'wrong-again', 'wrong-code', 'wrong-recovery'];
  const slugs = [...components.schemas.Slug.enum, ...own].sort();
  expect(Object.keys(texts('portal', 'en').problems ?? {}).sort()).toEqual(slugs);
  expect(Object.keys(texts('console', 'en').problems ?? {}).filter((slug) => !slugs.includes(slug))).toEqual([]);
});

it('guesses the language: by hand, the browser, the owner of the device', () => {
  expect(languageOf(['ca', 'fr-BE', 'en'])).toBe('ca');
  expect(languageOf([null, 'de-DE', 'nl-BE', 'en'])).toBe('nl');
  expect(languageOf([null, 'pt', 'de', 'es'])).toBe('es');
  expect(languageOf(['constructor', undefined, 'zz'])).toBe('en');
});

describe('times', () => {
  const en = texts('portal', 'en');
  const now = new Date(2026, 10, 23, 8, 30).getTime();
  const end = (until: Date) => ({ until: until.getTime(), now, leftMs: null, warning: null });

  it('are written as the language does, with the day where it is another', () => {
    const [evening, tomorrow] = [new Date(2026, 10, 23, 18, 30), new Date(2026, 10, 24, 2, 5)];
    expect(new Words('en', [en], 'en-GB').until(end(evening))).toBe('Your office is open until 18:30');
    expect(new Words('en', [en], 'en-US').until(end(evening))).toMatch(/until 6:30\sPM$/);
    expect(new Words('fr', [texts('portal', 'fr')]).until(end(evening))).toBe('Votre bureau est ouvert jusqu’à 18:30');
    expect(new Words('nl', [texts('portal', 'nl')]).until(end(tomorrow))).toMatch(/dinsdag 02:05$/);
  });

  it('last in hours and minutes, the begun one counted', () => {
    const words = new Words('en', [en]);
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

it('writes numbers as the language does', () => {
  const words = new Words('fr', [], 'fr-BE');
  const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ');
  expect([0, 999, 1_500, 1_234_567].map((n) => plain(words.bytes(n)))).toEqual([
    '0 octet',
    '999 octets',
    '2 ko',
    '1,2 Mo',
  ]);
  expect(plain(words.number(1_234_567))).toBe('1 234 567');
});
