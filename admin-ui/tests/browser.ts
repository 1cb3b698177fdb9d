// A browser in the office's network, and a test beside it that answers questions (tests/src/browser.rs).
import { createInterface } from 'node:readline';
import { chromium, type Browser, type Page } from 'playwright-core';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Asks the test for something; its answer is one line. */
export async function want(what: string): Promise<string> {
  console.log(`want ${what}`);
  const { value, done } = await lines.next();
  if (done) throw new Error(`nobody answers: ${what}`);
  return value as string;
}

/** Fails with what was seen. */
export function ensure(held: boolean, what: string): asserts held {
  if (!held) throw new Error(what);
}

/** What stood on a page when something went wrong. */
const shown = async (page: Page) => {
  const words = await page.evaluate(() => document.body.innerText).catch(String);
  return `--- ${page.url()}\n${words.replace(/\n+/g, ' / ').slice(0, 2_000)}`;
};

/** Runs a story in a fresh browser; whatever happens, nothing of it is left. */
export async function story(tell: (browser: Browser) => Promise<void>, more: readonly string[] = []): Promise<void> {
  // Names by the system, which follows its resolv.conf: here nobody tells the browser that the network has changed.
  const args = ['--disable-dev-shm-usage', '--disable-features=AsyncDns', ...more];
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
  try {
    await tell(browser);
    console.log('done');
  } catch (error) {
    console.log(error instanceof Error ? error.stack : error);
    for (const page of browser.contexts().flatMap((context) => context.pages())) console.log(await shown(page));
    process.exitCode = 1;
  } finally {
    await browser.close();
    process.stdin.destroy();
  }
}
