import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Check, Line, State } from '#lib/api/document.d.ts';
import type { Texts } from '../messages/areas.ts';
import { LANGUAGES, Words, type Language } from '../messages/words.ts';
import { cure, sentence, troubles, worstFirst } from './health.ts';

const FILES = import.meta.glob<Texts>('../messages/*/??.ts', { import: 'default', eager: true });
const { components } = JSON.parse(readFileSync('../docs/openapi.json', 'utf8'));
const CHECKS: Check[] = components.schemas.Check.enum;
const STATES: State[] = components.schemas.State.enum;
const line = (check: Check, state: State): Line => ({ check, state, detail: null, value: 7 });

describe.each(Object.keys(LANGUAGES) as Language[])('%s', (language) => {
  const areas = ['portal', 'console', 'watch'].map((area) => FILES[`../messages/${area}/${language}.ts`] ?? {});
  const words = new Words(language, areas);

  it('has a sentence for every check in every state, and a cure where it is not well', () => {
    for (const check of CHECKS) {
      for (const state of STATES) {
        const said = sentence(words, line(check, state));
        const helps = cure(words, line(check, state));
        expect(said, `${check} ${state}`).toMatch(/\s/);
        expect(`${said}${helps}`, `${check} ${state}`).not.toMatch(/[{}]|Ill\b|IllCure/);
        if (state === 'well') expect(helps).toBeNull();
        else expect(helps?.length, `${check} ${state}`).toBeGreaterThan(20);
      }
    }
  });
});

it('tells the worst first, and counts what cannot wait', () => {
  const lines = [line('dns', 'well'), line('disk', 'watch'), line('clock', 'trouble'), line('unheard', 'unknown')];
  expect(worstFirst(lines).map(({ check }) => check)).toEqual(['clock', 'disk', 'unheard', 'dns']);
  expect(troubles(lines).map(({ check }) => check)).toEqual(['clock']);
  const later = { ...line('dns', 'trouble'), check: 'moon' as Check };
  expect(troubles([later])).toEqual([]);
});
