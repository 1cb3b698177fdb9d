import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { UNATTENDED, unattended } from './attended.ts';

it('tells a request of its own accord once nobody has touched the page for a while', () => {
  const opened = performance.now();
  expect(unattended(opened + 29_000)).toEqual({});
  expect(unattended(opened + 60_000)).toEqual({ [UNATTENDED]: '1' });
});

it('is called as the gateway calls it', () => {
  expect(readFileSync('../gateway/src/http/caller.rs', 'utf8')).toContain(`"${UNATTENDED}"`);
});
