// A passkey: registered with a code, then one touch opens, extends, and opens nothing any more once it is removed.
import type { Page } from 'playwright-core';
import { authenticator } from './authenticator.ts';
import { ensure, story, want } from './browser.ts';
import { accessible, button, emptied, fits, heading, locked, opened, signIn, who } from './page.ts';

const PATIENCE = 10_000;

const alert = (page: Page, text: string) => page.getByRole('alert').filter({ hasText: text }).waitFor();

const status = (page: Page, text: string) => page.getByRole('status').filter({ hasText: text }).waitFor();

async function lock(page: Page) {
  await button(page, 'Lock now').click();
  await locked(page);
  await want('share refused');
}

async function security(page: Page) {
  await page.getByRole('link', { name: 'My security' }).click();
  await heading(page, 'My security');
}

await story(async (browser) => {
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => {
      throw new Error(`CSP: ${e.violatedDirective} ${e.blockedURI}`);
    });
  });
  const { finger, keys } = await authenticator(page);
  const person = await who();
  const touch = button(page, 'Use a passkey');

  // By a certificate of the office's own they are not offered, until IT says that browsers trust it.
  await page.goto('https://door.example.org/');
  await locked(page);
  ensure((await touch.count()) === 0, 'passkeys are offered where they are not');
  await want('offer');
  await page.reload();
  await locked(page);
  await touch.waitFor();
  await fits(page, 'locked, with passkeys');
  await accessible(page, 'locked, with passkeys');
  await touch.click();
  await alert(page, 'No passkey was used');
  await fits(page, 'no passkey');

  await signIn(page, person);
  await opened(page);
  await security(page);
  await page.getByText('You have none yet.').waitFor();
  await fits(page, 'no passkeys yet');
  await accessible(page, 'no passkeys yet');
  const [name, fresh] = [page.getByLabel('Name of this passkey'), page.getByLabel('Code', { exact: true })];
  await button(page, 'Add a passkey').click();
  await alert(page, 'Please give the passkey a name, and enter the code.');
  await name.fill('laptop');
  await fresh.fill(await want('wrong code'));
  await button(page, 'Add a passkey').click();
  await alert(page, 'The code was not right');
  ensure((await name.inputValue()) === 'laptop' && (await emptied(fresh)), 'what was typed is lost');
  await fresh.fill(await want('code'));
  await button(page, 'Add a passkey').click();
  await status(page, 'laptop was added.');
  ensure((await keys()).length === 1, `${(await keys()).length} keys were made`);
  const row = page.getByRole('listitem').filter({ hasText: 'Not used yet' });
  await row.getByText('laptop').waitFor();
  await fits(page, 'a passkey');
  await accessible(page, 'a passkey');
  // The same computer makes no second one; to ask, the first is enough.
  await name.fill('once more');
  await button(page, 'Confirm with another passkey').click();
  await alert(page, 'There is a passkey for your office on it already.');
  await page.getByRole('link', { name: 'My office' }).click();
  await opened(page);
  await lock(page);

  await finger(false);
  await touch.click();
  await alert(page, 'No passkey was used');
  await want('share refused');
  await finger(true);
  const begun = Date.now();
  await touch.click();
  await opened(page);
  console.log(`one touch opened the office in ${Date.now() - begun} ms`);
  await want('share open');

  await button(page, 'Extend with a code').click();
  await heading(page, 'Enter the code your app shows now');
  await touch.waitFor();
  await fits(page, 'extend, with passkeys');
  await accessible(page, 'extend, with passkeys');
  await touch.click();
  await opened(page);
  await want('extended');
  await want('share open');

  await security(page);
  await page.getByRole('region', { name: 'Passkeys' }).getByText('Last used').waitFor();
  await button(page, 'Remove: laptop').click();
  await page.getByRole('alertdialog').getByText('Remove laptop for good?').waitFor();
  await fits(page, 'remove?');
  await accessible(page, 'remove?');
  await button(page, 'Remove it').click();
  await status(page, 'laptop opens nothing any more.');
  await page.getByText('You have none yet.').waitFor();
  await page.getByRole('link', { name: 'My office' }).click();
  await opened(page);
  await lock(page);
  await touch.click();
  await alert(page, 'This passkey is not accepted here');
  await fits(page, 'refused passkey');
  await accessible(page, 'refused passkey');
  await want('share refused');
  ensure(complaints.length === 0, `the page complains: ${complaints.join('\n')}`);
});
