// A pool of office PCs as whoever works at home finds it: a free seat, the line, a booking.
import type { Page } from 'playwright-core';
import { OFFICE } from './admin.ts';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading, locked, opened, signIn, who } from './page.ts';

/** What the gateway says is on the page within this: a page that waits asks every three seconds. */
const PATIENCE = 20_000;

const CARD = 'CAD';

/** Somebody else has the only seat: the line, and one's turn. */
async function line(page: Page) {
  await want('boris sits');
  await page.reload();
  await opened(page);
  await page.getByText('No seat is free').first().waitFor();
  await button(page, `Wait for a seat: ${CARD}`).click();
  await page.getByText('You are 1st in line').first().waitFor();
  await fits(page, 'waiting for a seat');
  await accessible(page, 'waiting for a seat');
  await want('boris goes');
  const pc = page.getByRole('link', { name: new RegExp(`^Connect – ${CARD}: cad[12]$`) });
  await pc.waitFor();
  ensure((await page.title()).includes('kept for you'), `the title says ${await page.title()}`);
  await fits(page, 'a seat kept');
  await accessible(page, 'a seat kept');
  ensure(/\/desktop\?name=cad[12]$/.test((await pc.getAttribute('href')) ?? ''), 'the link leads elsewhere');
  await button(page, `Give it back: ${CARD}`).click();
  await button(page, `Connect to a free seat: ${CARD}`).waitFor();
}

async function book(page: Page) {
  await page.getByRole('link', { name: `Book a PC: ${CARD}` }).click();
  await heading(page, 'Book a PC');
  await page.getByText('You have booked nothing.').waitFor();
  await button(page, 'The day after').click();
  await fits(page, 'a day to book');
  await accessible(page, 'a day to book');
  const length = page.getByLabel('Until');
  ensure((await length.locator('option').count()) > 1, 'there is no choice of an end');
  await button(page, 'Book').click();
  await page.getByText(/^cad1 is booked for you:\s/).waitFor();
  const booked = JSON.parse(await want('booked')) as { workstation: string; login: string }[];
  ensure(
    booked.length === 1 && booked[0]?.workstation === 'cad1' && booked[0].login === 'anne',
    'IT sees another booking',
  );
  await fits(page, 'a PC booked');
  await accessible(page, 'a PC booked');
  // The same time again: one person, one PC.
  await button(page, 'Book').click();
  await page.getByText('You have booked another PC at this time.').waitFor();
  await page.getByRole('button', { name: /^Give back:/ }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Give it back' }).click();
  await page.getByText(/^Given back: cad1/).waitFor();
  ensure((JSON.parse(await want('booked')) as unknown[]).length === 0, 'it is still booked');
}

await story(async (browser) => {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Brussels' });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const person = await who();
  await page.goto(`${OFFICE}/`);
  await locked(page);
  await signIn(page, person);
  await opened(page);
  await page.getByRole('heading', { name: CARD }).waitFor();
  await button(page, `Connect to a free seat: ${CARD}`).waitFor();
  await fits(page, 'a free seat');
  await line(page);
  await button(page, `Connect to a free seat: ${CARD}`).click();
  await heading(page, /^cad[12] in this browser$/);
  await page.goto(`${OFFICE}/`);
  await opened(page);
  await button(page, `Give it back: ${CARD}`).click();
  await book(page);
});
