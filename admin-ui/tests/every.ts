// Every page there is. A page that is in none of these lists fails the suites that open them all.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page, Request } from 'playwright-core';
import { OFFICE } from './admin.ts';
import { ensure } from './browser.ts';

export type Named = readonly [name: string, path: string];

/** What a page asks of the gateway has come within this. */
const SETTLED_MS = 15_000;

/** A page that asks on with what an answer told has done so within this many frames. */
const QUIET_FRAMES = 4;

export const CONSOLE: readonly Named[] = [
  ['overview', '/admin'],
  ['people', '/admin/people'],
  ['person', '/admin/people/person?login=anne'],
  ['people-import', '/admin/people/import'],
  ['people-groups', '/admin/people/groups'],
  ['people-sheets', '/admin/people/sheets'],
  ['devices', '/admin/devices'],
  ['computers', '/admin/computers'],
  ['computer', '/admin/computers/computer?name=pc-compta'],
  ['desktops', '/admin/computers/desktops'],
  ['pools', '/admin/computers/pools'],
  ['bookings', '/admin/computers/bookings'],
  ['agents', '/admin/computers/agents'],
  ['resources', '/admin/resources'],
  ['access', '/admin/access'],
  ['live', '/admin/live'],
  ['audit', '/admin/audit'],
  ['health', '/admin/health'],
  ['settings', '/admin/settings'],
  ['settings-home', '/admin/settings/home'],
  ['settings-mail', '/admin/settings/mail'],
  ['settings-tokens', '/admin/settings/tokens'],
];

/** One's own pages, the office open. */
export const PORTAL: readonly Named[] = [
  ['office', '/'],
  ['devices', '/devices'],
  ['bookings', '/bookings'],
  ['security', '/security'],
  ['data', '/data'],
  ['help', '/help'],
  ['checklist', '/checklist'],
  ['desktop', '/desktop?name=pc-compta'],
];

/** Who is not signed in, at the office; `outside` is what the internet is shown. */
export const VISITOR: readonly Named[] = [
  ['at-the-office', '/'],
  ['invitation', '/invitation'],
  ['outside', '/outside'],
];

/** Shown only while there is no gateway yet: `setup.ts`. */
const BEFORE: readonly string[] = ['/setup'];

/** The lists above are all pages there are. */
export function complete() {
  const routes = readdirSync(join(import.meta.dirname, '../src/routes'), { recursive: true, encoding: 'utf8' });
  const pages = routes.filter((file) => file.endsWith('+page.svelte'));
  const there = pages.map((file) => `/${file.replace(/\([^)]*\)\//g, '')}`.replace(/\/\+page\.svelte$/, '') || '/');
  const looked = [...CONSOLE, ...PORTAL, ...VISITOR].map(([, path]) => path.replace(/\?.*/, ''));
  const [all, ours] = [there, [...looked, ...BEFORE]].map((paths) => [...new Set(paths)].sort().join(' '));
  ensure(all === ours, `the pages are ${all}, and looked at are ${ours}`);
}

/** Opens pages, each once all it asked for has come. */
export function settling(page: Page): (named: Named) => Promise<void> {
  const asked = new Set<Request>();
  let quiet = 0;
  const answered = (request: Request) => asked.delete(request);
  page.on('request', (request) => {
    asked.add(request);
    quiet = 0;
  });
  page.on('requestfinished', answered);
  page.on('requestfailed', answered);
  // What is heard as it happens never ends.
  const waits = () => [...asked].map((request) => request.url()).filter((url) => !/\/(events|live)$/.test(url));
  return async ([name, path]) => {
    await page.goto(OFFICE + path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    const late = performance.now() + SETTLED_MS;
    for (quiet = 0; quiet < QUIET_FRAMES; quiet += 1) {
      await page.evaluate(() => new Promise(requestAnimationFrame));
      if (waits().length > 0) quiet = -1;
      ensure(performance.now() < late, `${name} still waits for ${waits().join(' ')}`);
    }
  };
}
