// The console as its tests find it: an administrator at the office, signed in.
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { heading, signIn, who } from './page.ts';

const PATIENCE = 10_000;

export const OFFICE = 'https://door.example.org';

/** Who looks after the gateway, at the console's first page; `prepare` sees the context before any page. */
export async function administrator(
  browser: Browser,
  options: BrowserContextOptions = {},
  prepare?: (context: BrowserContext) => Promise<void>,
): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  await prepare?.(context);
  const page = await context.newPage();
  const person = await who();
  await page.goto(`${OFFICE}/admin`);
  await heading(page, 'Sign in to the console');
  await signIn(page, person, 'Sign in');
  await page.getByRole('navigation', { name: 'Console' }).waitFor();
  return page;
}

/** By the menu. */
export async function open(page: Page, place: string) {
  await page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: place, exact: true }).click();
  await heading(page, place);
}

/** A row of a table, by what stands in it. */
export const row = (page: Page, text: string) => page.getByRole('row').filter({ hasText: text });
