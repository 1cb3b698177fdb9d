// The console as its tests find it: an administrator at the office, signed in.
import type { Browser, Page } from 'playwright-core';
import { want } from './browser.ts';
import { button, fields, heading } from './page.ts';

const PATIENCE = 10_000;

export const OFFICE = 'https://door.example.org';

/** Who looks after the gateway, at the console's first page. */
export async function administrator(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const person = JSON.parse(await want('person')) as { login: string; password: string };
  await page.goto(`${OFFICE}/admin`);
  await heading(page, 'Sign in to the console');
  const { user, password, code } = fields(page);
  await user.fill(person.login);
  await password.fill(person.password);
  await code.fill(await want('code'));
  await button(page, 'Sign in').click();
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
