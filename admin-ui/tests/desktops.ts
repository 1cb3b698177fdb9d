// Who uses an office PC from afar, as IT sees it, and ends it.
import type { Page } from 'playwright-core';
import { administrator, open, row } from './admin.ts';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits } from './page.ts';

/** Its PC alone, one seat; changed; who is at it counts; gone. */
async function pool(page: Page) {
  const parts = page.getByRole('navigation', { name: 'Parts of “Computers”' });
  await parts.getByRole('link', { name: 'Pools' }).click();
  await page.getByText('No pool yet.').waitFor();
  await fits(page, 'no pool');
  await button(page, 'Add pool').click();
  const added = page.getByRole('dialog', { name: 'Add pool' });
  await added.getByLabel('Name', { exact: true }).fill('CAD');
  await added.getByRole('checkbox', { name: 'desk' }).check();
  await fits(page, 'a pool to add');
  await accessible(page, 'a pool to add');
  await added.getByRole('button', { name: 'Add pool' }).click();
  await row(page, 'CAD').getByText('1 of 1 used').waitFor();
  await fits(page, 'a pool');
  await accessible(page, 'a pool');
  // Whose booking would go is said before it goes, while nothing is changed.
  await want('book');
  await button(page, 'Change: CAD').click();
  const changed = page.getByRole('dialog', { name: 'Change the pool CAD' });
  const gone = changed.getByText(/^1 booking is taken back with it\./);
  ensure((await gone.count()) === 0, 'a booking that stays is said to go');
  await changed.getByRole('checkbox', { name: 'desk' }).uncheck();
  await gone.waitFor();
  await changed
    .getByRole('listitem')
    .filter({ hasText: /^anne: desk, / })
    .waitFor();
  await fits(page, 'a booking that would go');
  await accessible(page, 'a booking that would go');
  await changed.getByRole('checkbox', { name: 'desk' }).check();
  await changed.getByLabel('Name', { exact: true }).fill('Drawings');
  await changed.getByRole('button', { name: 'Save' }).click();
  await row(page, 'Drawings').waitFor();
  await parts.getByRole('link', { name: 'Bookings' }).click();
  await row(page, 'desk').getByText('To come').waitFor();
  await fits(page, 'bookings');
  await accessible(page, 'bookings');
  await parts.getByRole('link', { name: 'Pools' }).click();
  await button(page, 'Remove: Drawings').click();
  const question = page.getByRole('alertdialog');
  await question
    .getByRole('listitem')
    .filter({ hasText: /^anne: desk, / })
    .waitFor();
  await question.getByRole('button', { name: 'Remove' }).click();
  await page.getByText('No pool yet.').waitFor();
  await parts.getByRole('link', { name: 'Bookings' }).click();
  await row(page, 'desk').getByText('Taken back by IT').waitFor();
  await parts.getByRole('link', { name: 'Connected' }).click();
  await row(page, 'desk').getByText('anne').waitFor();
}

/** Their app shows nothing of ours, and this PC has no agent: that is said, and what was typed stays. */
async function message(page: Page) {
  await button(page, 'Message: anne, desk').click();
  const dialog = page.getByRole('dialog', { name: 'Message to anne at desk' });
  await dialog.getByLabel('Text').fill('Please sign out by six.');
  await dialog.getByRole('button', { name: 'Send' }).click();
  await dialog.getByText('Not sent.').waitFor();
  ensure((await dialog.getByLabel('Text').inputValue()) === 'Please sign out by six.', 'what was typed is gone');
  await fits(page, 'a message that was not sent');
  await accessible(page, 'a message that was not sent');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
}

await story(async (browser) => {
  const page = await administrator(browser);
  await open(page, 'Computers');
  const parts = page.getByRole('navigation', { name: 'Parts of “Computers”' });
  await parts.getByRole('link', { name: 'Connected' }).click();
  await page.getByText('Nobody is connected to an office PC').waitFor();
  await fits(page, 'nobody connected');
  await accessible(page, 'nobody connected');

  await want('connect');
  await row(page, 'desk').getByText('anne').waitFor();
  await row(page, 'desk').getByText('laptop').waitFor();
  await fits(page, 'somebody connected');
  await accessible(page, 'somebody connected');
  await pool(page);
  await message(page);
  await button(page, 'Disconnect: anne, desk').click();
  const question = page.getByRole('alertdialog', { name: 'Disconnect anne from desk?' });
  await fits(page, 'disconnect?');
  await accessible(page, 'disconnect?');
  await question.getByRole('button', { name: 'Disconnect' }).click();
  await page.getByRole('status').filter({ hasText: 'The connection to desk was ended.' }).waitFor();
  await want('gone');
  await page.getByText('Nobody is connected to an office PC').waitFor();
});
