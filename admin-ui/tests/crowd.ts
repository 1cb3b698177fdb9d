// A thousand office PCs on an open page: what it takes to come there, what it is sent, and how long a change takes to be seen.
import type { Page } from 'playwright-core';
import { administrator, OFFICE } from './admin.ts';
import { ensure, story, want } from './browser.ts';

const PCS = 1_000;
const VISITS = 9;
const CHANGES = 200;
/** Of the PC whose agent is a process of its own; it is the first of the list. */
const REAL = 'a-desk';
const REAL_CHANGES = 30;
const PATIENCE = 20_000;

declare global {
  interface Window {
    /** What each row showed from when on, in Unix milliseconds. */
    seen: { name: string; is: string; at: number }[];
  }
}

const median = (of: number[]) => of.sort((a, b) => a - b)[Math.floor(of.length / 2)] ?? NaN;
const kb = (bytes: number) => `${(bytes / 1000).toFixed(0).padStart(7)} kB`;

/** How many bytes the gateway has told by the page's newest line, as they are before TLS. */
async function counted(page: Page): Promise<() => number> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  let [line, bytes] = ['', 0];
  cdp.on('Network.responseReceived', ({ requestId, response }) => {
    if (response.url.endsWith('/api/v1/workstations/events')) [line, bytes] = [requestId, 0];
  });
  cdp.on('Network.dataReceived', ({ requestId, dataLength }) => {
    if (requestId === line) bytes += dataLength;
  });
  return () => bytes;
}

/** Rows of a thousand PCs are there: milliseconds since the page was asked for. */
async function visit(page: Page): Promise<number> {
  await page.goto(`${OFFICE}/admin/computers`, { waitUntil: 'commit' });
  const there = await page.waitForFunction(
    (all) => {
      const told = document.querySelector('.tools [role=status]')?.textContent?.replace(/\D/g, '');
      return told === all && document.querySelector('tbody [data-state]') ? performance.now() : 0;
    },
    String(PCS),
    { timeout: PATIENCE },
  );
  return there.jsonValue();
}

/** Writes down what each row shows from when on; gives the names of those that are shown. */
const watched = (page: Page) =>
  page.evaluate(() => {
    const body = document.querySelector('tbody');
    if (!body) throw new Error('no table');
    window.seen = [];
    const shown = new Map<string, string>();
    const look = () => {
      const at = performance.timeOrigin + performance.now();
      for (const row of body.querySelectorAll('tr')) {
        const name = row.querySelector('th a')?.textContent ?? '';
        const is = row.querySelector('[data-state]')?.getAttribute('data-state') ?? '';
        if (shown.get(name) === is) continue;
        if (shown.has(name)) window.seen.push({ name, is, at });
        shown.set(name, is);
      }
    };
    look();
    new MutationObserver(look).observe(body, { subtree: true, childList: true, attributes: true, characterData: true });
    return [...shown.keys()];
  });

const used = new Set<string>();

/** Somebody sits down at this PC, or goes: milliseconds from then until its row says so. */
async function changed(page: Page, name: string): Promise<number> {
  await page.waitForTimeout(200 + Math.random() * 800);
  const is = used.has(name) ? 'free' : 'in_use_here';
  const at = Number(await want(`${used.delete(name) ? 'free' : 'used'} ${name}`));
  if (is !== 'free') used.add(name);
  const seen = await page.waitForFunction(
    ([name, is, at]) => window.seen.find((row) => row.name === name && row.is === is && row.at >= at)?.at,
    [name, is, at] as const,
    { timeout: PATIENCE, polling: 50 },
  );
  return ((await seen.jsonValue()) ?? NaN) - at;
}

await story(async (browser) => {
  const page = await administrator(browser);
  const bytes = await counted(page);
  const visits: number[] = [];
  const first: number[] = [];
  for (let n = 0; n < VISITS; n += 1) {
    visits.push(await visit(page));
    first.push(bytes());
  }
  console.log(`said ${'the page: until 1,000 PCs are listed'.padEnd(47)} ${median(visits).toFixed(0).padStart(7)} ms`);
  console.log(`said ${'the page: what its first event holds'.padEnd(47)} ${kb(median(first))}`);
  const names = await watched(page);
  ensure(names.length === 100 && names[0] === REAL, `${names.length} rows, of ${names[0]} first`);
  const before = bytes();
  await want('quiet');
  console.log(`said ${'the page: told in a minute of no change'.padEnd(47)} ${kb(bytes() - before)}`);

  const others = names.filter((name) => name !== REAL);
  const told: number[] = [];
  while (told.length < CHANGES) {
    told.push(await changed(page, others[Math.floor(Math.random() * others.length)] ?? ''));
  }
  console.log(`told ${told.map((ms) => ms.toFixed(1)).join(' ')}`);
  const real: number[] = [];
  while (real.length < REAL_CHANGES) real.push(await changed(page, REAL));
  console.log(`real ${real.map((ms) => ms.toFixed(1)).join(' ')}`);
});
