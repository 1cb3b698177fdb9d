import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { NOUNS, READ_ONLY } from './scopes.ts';

it('has words for every scope of the gateway, and for no other', () => {
  const source = readFileSync('../gateway/src/identity/api_token.rs', 'utf8');
  const list = /pub const NOUNS: \[&str; \d+\] = \[([^\]]*)\]/.exec(source)?.[1] ?? '';
  const nouns = [...list.matchAll(/"(\w+)"/g)].map(([, noun]) => noun);
  expect(nouns.length).toBeGreaterThan(10);
  expect(Object.keys(NOUNS).sort()).toEqual([...nouns, 'all'].sort());
  expect(READ_ONLY.filter((noun) => !nouns.includes(noun))).toEqual([]);
});

it('offers to change where a program can', () => {
  const { paths } = JSON.parse(readFileSync('../docs/openapi.json', 'utf8')) as { paths: Record<string, object> };
  const changes = (noun: string) =>
    Object.entries(paths).some(
      ([path, methods]) =>
        path.split('/')[3] === noun && Object.keys(methods).some((method) => !['get', 'head'].includes(method)),
    );
  expect(Object.keys(NOUNS).filter((noun) => noun !== 'all' && !changes(noun) && !READ_ONLY.includes(noun))).toEqual(
    [],
  );
});
