// Whole journeys with the keys alone: an invitation, a morning, and IT that shuts a device out. No pointer is used.
import type { Locator, Page } from 'playwright-core';
import { OFFICE } from './admin.ts';
import { ensure, story, want } from './browser.ts';
import { button, fields, heading, locked, opened, who } from './page.ts';

const PATIENCE = 15_000;
/** More than any page has places to stand on before the one that is looked for. */
const FAR = 80;

/** Goes there as people do, and sees where it is. */
async function reach(page: Page, what: Locator) {
  await what.waitFor();
  for (let n = 0; n < FAR; n += 1) {
    if (await what.evaluate((element) => element === document.activeElement)) {
      const seen = await what.evaluate((element) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
      });
      ensure(seen, `nobody sees where the focus is: ${await what.evaluate((element) => element.outerHTML)}`);
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`the keys do not get to ${await what.evaluate((element) => element.outerHTML)}`);
}

async function press(page: Page, what: Locator, key = 'Enter') {
  await reach(page, what);
  await page.keyboard.press(key);
}

async function type(page: Page, what: Locator, text: string) {
  await reach(page, what);
  await page.keyboard.type(text);
}

async function invitation(page: Page) {
  const { token, word } = JSON.parse(await want('invitation')) as Record<'token' | 'word', string>;
  await page.goto(`${OFFICE}/invitation#${token}`);
  await heading(page, /^Welcome, /);
  await type(page, page.getByLabel('Choose a password'), word);
  await page.keyboard.press('Enter');
  await heading(page, 'Let your telephone make codes');
  await press(page, page.getByText('No camera? Type this into the app instead'));
  const secret = (await page.locator('details code').textContent()) ?? '';
  await type(page, page.getByLabel('Enter the code it shows now'), await want(`code ${secret.replaceAll(' ', '')}`));
  await page.keyboard.press('Enter');
  await heading(page, 'Keep these codes');
  // Whoever is led to a new page hears its heading first.
  ensure(await page.locator('h1').evaluate((h1) => h1 === document.activeElement), 'the focus stays behind');
  const codes = page.waitForEvent('download');
  await press(page, button(page, 'Save'));
  await (await codes).path();
  await press(page, page.getByLabel('I have kept them'), 'Space');
  await press(page, button(page, 'Go on'));
  await heading(page, 'Connect this device');
  await reach(page, page.getByLabel('Your system'));
  await page.keyboard.press('m');
  const saved = page.waitForEvent('download');
  await press(page, page.getByRole('button', { name: /^Save .*\.conf$/ }));
  await (await saved).path();
}

async function shutOut(page: Page) {
  const { login, password } = JSON.parse(await want('administrator')) as Record<'login' | 'password', string>;
  await page.goto(`${OFFICE}/admin/devices`);
  const { user, password: secret, code } = fields(page);
  await type(page, user, login);
  await type(page, secret, password);
  await type(page, code, await want('code of the administrator'));
  await page.keyboard.press('Enter');
  await heading(page, 'Devices');
  await press(page, button(page, 'Shut out: laptop (anne)'));
  const question = page.getByRole('alertdialog', { name: 'Shut out laptop (anne)?' });
  await question.waitFor();
  // Twice Enter is no decision.
  await page.keyboard.press('Enter');
  await question.waitFor({ state: 'detached' });
  ensure(
    await button(page, 'Shut out: laptop (anne)').evaluate((b) => b === document.activeElement),
    'the focus does not come back from the question',
  );
  await page.keyboard.press('Enter');
  await question.waitFor();
  await press(page, question.getByRole('button', { name: 'Shut out' }));
  await page.getByRole('status').filter({ hasText: 'laptop (anne) was shut out' }).waitFor();
  await press(page, button(page, 'Let in again: laptop (anne)'));
  await press(page, page.getByRole('alertdialog').getByRole('button', { name: 'Let in again' }));
  await page.getByRole('status').filter({ hasText: 'laptop (anne) is let in again.' }).waitFor();
}

async function morning(page: Page) {
  const { login, password } = await who();
  await page.goto('https://door.example.org/');
  await locked(page);
  const { user, password: secret, code } = fields(page);
  await type(page, user, login);
  await type(page, secret, password);
  await type(page, code, await want('code'));
  await page.keyboard.press('Enter');
  await opened(page);
  await press(page, button(page, 'Extend with a code'));
  await type(page, page.getByLabel('Code', { exact: true }), await want('code'));
  await page.keyboard.press('Enter');
  await opened(page);
  await press(page, page.getByText('Why does it not open?').first());
  await page
    .getByText('All is well')
    .or(page.getByText('nothing keeps'))
    .or(button(page, 'Look again'))
    .first()
    .waitFor();
  await press(page, button(page, 'Lock now'));
  await locked(page);
}

await story(async (browser) => {
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const where = await want('where');
  if (where === 'office') {
    await invitation(page);
    await shutOut(await (await browser.newContext({ locale: 'en-GB' })).newPage());
  } else await morning(page);
});
