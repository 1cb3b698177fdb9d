// What a first visit costs: sign-in and home, over the office's line and over a slow mobile network on a slow telephone.
import type { Browser, Page } from 'playwright-core';
import { story } from './browser.ts';
import { locked, opened, signIn, who } from './page.ts';

const TIMES = 9;
const ADDRESS = 'https://door.example.org/';

/** As Lighthouse's "Slow 4G" (which it called "Fast 3G" before): 1.6 Mbit/s down, 750 kbit/s up, 150 ms; a quarter of the processor. */
const SLOW = {
  latency: 150,
  downloadThroughput: (1_600 * 1024) / 8,
  uploadThroughput: (750 * 1024) / 8,
  offline: false,
};
const SLOWER = 4;

interface Visit {
  paint: number;
  last: number;
  js: number;
  all: number;
}

const median = (of: number[]) => of.sort((a, b) => a - b)[Math.floor(of.length / 2)] ?? NaN;

async function measured(page: Page): Promise<Visit> {
  return page.evaluate(async () => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN;
    const last = await new Promise<number>((done) => {
      new PerformanceObserver((list) => done(list.getEntries().at(-1)?.startTime ?? NaN)).observe({
        type: 'largest-contentful-paint',
        buffered: true,
      });
      setTimeout(() => done(NaN), 1_000);
    });
    const files = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
    const sum = (of: PerformanceResourceTiming[]) => of.reduce((bytes, file) => bytes + file.encodedBodySize, 0);
    const [document] = performance.getEntriesByType('navigation') as PerformanceResourceTiming[];
    return {
      paint,
      last,
      js: sum(files.filter(({ name }) => name.endsWith('.js'))),
      all: sum(files) + (document?.encodedBodySize ?? 0),
    };
  });
}

async function visits(browser: Browser, what: string, slow: boolean, there: (page: Page) => Promise<unknown>) {
  const seen: Visit[] = [];
  for (let n = 0; n < TIMES; n += 1) {
    const context = await browser.newContext({ locale: 'fr-BE', viewport: { width: 390, height: 844 } });
    const page = await context.newPage();
    if (slow) {
      const cdp = await context.newCDPSession(page);
      await cdp.send('Network.enable');
      await cdp.send('Network.emulateNetworkConditions', SLOW);
      await cdp.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
    }
    await page.goto(ADDRESS);
    await there(page);
    seen.push(await measured(page));
    await context.close();
  }
  const [paint, last, js, all] = (['paint', 'last', 'js', 'all'] as const).map((k) => median(seen.map((v) => v[k])));
  const kb = (bytes = NaN) => `${(bytes / 1000).toFixed(0)} kB`.padStart(8);
  const ms = (time = NaN) => `${time.toFixed(0)} ms`.padStart(9);
  console.log(`${what.padEnd(48)} ${ms(paint)}  ${ms(last)} ${kb(js)} ${kb(all)}`);
}

await story(async (browser) => {
  const heading = (page: Page) => page.getByRole('heading', { level: 1 }).waitFor();
  await visits(browser, 'sign-in', false, heading);
  await visits(browser, 'sign-in, slow network and telephone', true, heading);
  const page = await (await browser.newContext({ locale: 'en-GB' })).newPage();
  await page.goto(ADDRESS);
  await locked(page);
  await signIn(page, await who());
  await opened(page);
  await visits(browser, 'my office, open', false, heading);
  await visits(browser, 'my office, open, slow network and telephone', true, heading);
});
