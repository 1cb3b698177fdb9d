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
  // Neither one's own card of such a PC nor its page asks for a password in vain.
  await page.getByText(/^Its PCs: cad1 and cad2$/).click();
  await page.getByText('All licences of its program are in use.').waitFor();
  ensure((await page.getByRole('link', { name: /^Connect: cad/ }).count()) === 0, 'a PC without a seat is offered');
  await fits(page, 'the PCs of a pool');
  await accessible(page, 'the PCs of a pool');
  await page.goto(`${OFFICE}/desktop?name=cad2`);
  await page.getByText('All licences of its program are in use.').waitFor();
  ensure((await page.getByLabel('Password on the PC').count()) === 0, 'a password is asked for in vain');
  await page.getByRole('link', { name: 'To your office' }).last().click();
  await page.getByText('You are 1st in line').first().waitFor();
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
  await page.getByText('1 of these 2 PCs can be used at once').waitFor();
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
  // The only seat is used with either PC.
  await page.getByText(/^\d\d:\d\d–\d\d:\d\d no seat left$/).waitFor();
  await page.goto(`${OFFICE}/`);
  await page.getByText(/^Booked for you: cad1, /).waitFor();
  await page.goto(`${OFFICE}/bookings?pool=none`);
  await page.getByText(`The link leads to PCs that you cannot book now. Here is ${CARD}.`).waitFor();
  await page.getByRole('button', { name: /^Give back:/ }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Give it back' }).click();
  await page.getByText(/^Given back: cad1/).waitFor();
  ensure((JSON.parse(await want('booked')) as unknown[]).length === 0, 'it is still booked');
  await button(page, 'The day after').click();
  await button(page, 'Book').click();
  await page.getByText(/^cad1 is booked for you:\s/).waitFor();
  await want('IT takes it back');
  await page.reload();
  await page.getByText(/^cad1, .*: IT has taken this booking back/).waitFor();
  await fits(page, 'a booking taken back');
  await page.goto(`${OFFICE}/`);
  await page.getByText(/^cad1, .*: IT has taken this booking back/).waitFor();
  await accessible(page, 'a booking taken back');
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
