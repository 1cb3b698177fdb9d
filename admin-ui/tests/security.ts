// How Anne signs in, changed by herself; a browser that was stolen, signed out; and what is stored about her.
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fields, fits, heading, locked, opened, signIn, who } from './page.ts';

const PATIENCE = 10_000;
const OFFICE = 'https://door.example.org';

async function browse(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(PATIENCE);
  return context.newPage();
}

/** `recovery`: instead of a code, which is asked for at the last moment: its time may be over soon. */
async function enter(page: Page, login: string, password: string, recovery?: string) {
  await page.goto(`${OFFICE}/`);
  await locked(page);
  if (recovery) await button(page, 'Telephone not at hand?').click();
  await signIn(page, { login, password }, 'Open the office', recovery);
}

const place = (page: Page, name: string) =>
  page.getByRole('navigation', { name: 'Menu' }).getByRole('link', { name, exact: true }).click();

const said = (page: Page, text: string | RegExp) => page.getByRole('status').filter({ hasText: text }).waitFor();

const refused = (page: Page, text: string | RegExp) => page.getByRole('alert').filter({ hasText: text }).waitFor();

/** What the API says to this page's browser. */
const status = (page: Page, path: string) => page.evaluate(async (to) => (await fetch(to)).status, path);

async function prove(page: Page, password: string, code: string) {
  await page.getByLabel('Password you have now').fill(password);
  if (code.length > 6) await button(page, 'Telephone not at hand?').click();
  await page.getByLabel('Code', { exact: true }).fill(code);
}

async function password(page: Page, old: string, word: string) {
  await button(page, 'Change my password').click();
  const fresh = page.getByLabel('New password');
  // Without it this waits in vain.
  await page.locator('input:focus').and(fresh).waitFor();
  await fits(page, 'change of password');
  await accessible(page, 'change of password');
  await button(page, 'Change my password').click();
  await refused(page, 'Please fill in every field.');
  await fresh.fill('short');
  await prove(page, old, '000000');
  await button(page, 'Change my password').click();
  await refused(page, 'at least 12 characters');
  await fresh.fill(word);
  await page.getByText('Good', { exact: true }).waitFor();
  await page.getByLabel('Code', { exact: true }).fill('000000');
  await button(page, 'Change my password').click();
  await refused(page, 'Password or code was not right');
  ensure((await fresh.inputValue()) === word, 'a wrong code loses the new password');
  await page.getByLabel('Code', { exact: true }).fill(await want('code'));
  await button(page, 'Change my password').click();
  await said(page, 'Your password was changed.');
}

async function telephone(page: Page, word: string) {
  await button(page, 'Use another telephone').click();
  await prove(page, word, await want('recovery'));
  await button(page, 'Go on').click();
  await page.getByRole('img', { name: 'Picture for the authenticator app' }).waitFor();
  await page.getByText('No camera? Type this into the app instead').click();
  const secret = ((await page.locator('main details code').textContent()) ?? '').replaceAll(' ', '');
  await fits(page, 'new telephone');
  await accessible(page, 'new telephone');
  await page.getByLabel('Enter the code it shows now').fill('000000');
  await button(page, 'Go on').click();
  await refused(page, 'The code was not right');
  await page.getByLabel('Enter the code it shows now').fill(await want(`telephone ${secret}`));
  await button(page, 'Go on').click();
  await said(page, 'The new telephone makes your codes now');
}

async function codes(page: Page, word: string): Promise<string> {
  await button(page, 'Make new codes').click();
  await prove(page, word, await want('code new'));
  await button(page, 'Make new codes').click();
  await heading(page, 'Keep these codes');
  const first = (await page.locator('ol code').first().textContent()) ?? '';
  await page.getByLabel('I have kept them').check();
  await button(page, 'Go on').click();
  await said(page, 'You have ten new recovery codes.');
  await page.getByText('You have 10 left').waitFor();
  return first;
}

async function data(page: Page) {
  await place(page, 'My data');
  await heading(page, 'My data');
  await fits(page, 'data');
  await accessible(page, 'data');
  const saved = page.waitForEvent('download');
  await button(page, 'Download my data').click();
  const text = readFileSync(await (await saved).path(), 'utf8');
  const { profile, audit } = JSON.parse(text) as { profile: { login: string }; audit: { event: string }[] };
  ensure(profile.login === 'anne', `the data of ${profile.login}`);
  ensure(
    audit.some(({ event }) => event === 'password_changed'),
    'the audit is missing',
  );
  ensure(!/argon2|boris/.test(text), 'it holds a hash, or somebody else');
}

await story(async (browser) => {
  const page = await browse(browser);
  const { login, password: old } = await who();
  const word = 'nine silver spoons in a drawer';
  // Locked, one's own pages are not there.
  await page.goto(`${OFFICE}/security`);
  await locked(page);
  ensure((await page.getByText('Change my password').count()) === 0, 'seen without signing in');

  await enter(page, login, old);
  await opened(page);
  await place(page, 'My security');
  await heading(page, 'My security');
  await fits(page, 'security');
  await accessible(page, 'security');

  // The same laptop, another browser, who knows by whom.
  const stolen = await browse(browser);
  await stolen.goto(`${OFFICE}/`);
  await opened(stolen);
  await stolen.getByRole('navigation', { name: 'Menu' }).getByRole('link', { name: 'My data' }).click();
  await heading(stolen, 'Sign in to go on');
  const form = fields(stolen);
  await form.user.fill(login);
  await form.password.fill(old);
  await button(stolen, 'Telephone not at hand?').click();
  await form.code.fill(await want('recovery'));
  await button(stolen, 'Sign in').click();
  await heading(stolen, 'My data');
  ensure((await status(stolen, '/api/v1/me')) === 200, 'the second browser is not signed in');
  await page.reload();
  await button(page, 'Sign out there: laptop').click();
  await said(page, 'Signed out: laptop.');
  ensure((await status(stolen, '/api/v1/me')) === 401, 'the stolen session lives');
  ensure((await status(page, '/api/v1/me')) === 200, 'so does one’s own not');

  await password(page, old, word);
  await telephone(page, word);
  const kept = await codes(page, word);
  await data(page);

  await want('share open');
  await place(page, 'My security');
  await button(page, 'Sign out everywhere').click();
  await page.getByRole('alertdialog', { name: /^Sign .+ out everywhere, and lock every device\?$/ }).waitFor();
  await accessible(page, 'everywhere?');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Sign out everywhere' }).click();
  await locked(page);
  await want('share refused');
  ensure((await status(page, '/api/v1/me')) === 401, 'still signed in');

  await enter(page, login, old, kept);
  await refused(page, 'was not right');
  await fields(page).password.fill(word);
  await fields(page).code.fill(kept);
  await button(page, 'Open the office').click();
  await opened(page);
  await want('share open');
});
