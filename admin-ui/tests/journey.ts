// From a locked door to an open one and back: with the mouse, and with the keyboard alone.
import type { Browser, Locator, Page } from 'playwright-core';
import { ensure, story, want } from './browser.ts';
import {
  accessible,
  button,
  emptied,
  fields,
  fits,
  followed,
  heading,
  locked,
  opened,
  type Person,
  who,
} from './page.ts';

const URL_ = 'https://door.example.org/';
/** Bytes on the wire of a first visit, headers included. */
const FIRST_LOAD = 70_000;
/** Nothing on a page takes longer, in milliseconds. */
const PATIENCE = 10_000;

/** What the browser complained of. A refused sign-in, a page that is not there and a lost network are meant to be. */
function listen(page: Page, complaints: string[]) {
  const meant = /the server responded with a status of (401|404)|ERR_INTERNET_DISCONNECTED/;
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !meant.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
}

const focused = (locator: Locator) => locator.evaluate((element) => element === document.activeElement);

async function firstLoad(page: Page) {
  const network = await page.context().newCDPSession(page);
  let bytes = 0;
  network.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
  await network.send('Network.enable');
  const all = followed(page);
  await page.goto(URL_);
  await locked(page);
  await all;
  console.log(`first load: ${bytes} bytes`);
  ensure(bytes > 10_000 && bytes <= FIRST_LOAD, `the first load is ${bytes} bytes`);
}

/** The end that is shown is the gateway's, on a device whose clock is five hours late too. */
async function clockless(browser: Browser, page: Page, complaints: string[]) {
  const storageState = await page.context().storageState();
  const context = await browser.newContext({ locale: 'en-GB', storageState });
  await context.addInitScript(() => {
    const real = Date.now;
    Date.now = () => real() - 5 * 3600 * 1000;
  });
  context.setDefaultTimeout(PATIENCE);
  const late = await context.newPage();
  listen(late, complaints);
  await late.goto(URL_);
  const [theirs, ours] = [late, page].map((p) => p.getByRole('heading', { level: 1 }).textContent());
  ensure((await theirs) === (await ours), `${await theirs}, where the clock is right: ${await ours}`);
  await late.getByText(/^Another (9\sh\s59|10\sh\s00)\smin; earlier if it is not used$/).waitFor();
  await context.close();
}

/** Password managers know the fields, an empty one is shown, and a wrong code loses nothing but itself. */
async function refused(page: Page, { login, password }: Person) {
  const { user, password: secret, code } = fields(page);
  await locked(page);
  const hints = await Promise.all([user, secret, code].map((field) => field.getAttribute('autocomplete')));
  ensure(hints.join() === 'username,current-password,one-time-code', `for password managers: ${hints}`);
  await fits(page, 'locked');
  await accessible(page, 'locked');

  await button(page, 'Open the office').click();
  await page.getByText('Please fill in user name, password and code.').waitFor();
  ensure(await focused(user), 'the empty field has no focus');
  await user.fill(login);
  await secret.fill(password);
  await code.fill(await want('wrong code'));
  await button(page, 'Open the office').click();
  const said = /was not right, or the code was used already.* in \d+\ss\./;
  await page.getByRole('alert').filter({ hasText: said }).waitFor();
  const kept = (await user.inputValue()) === login && (await secret.inputValue()) === password;
  ensure(kept && (await emptied(code)), 'a wrong code loses what was typed');
  ensure(await focused(code), 'the code has no focus');
  await fits(page, 'refused');
  await accessible(page, 'refused');
  await want('share refused');
}

async function open(page: Page) {
  await fields(page).code.fill(await want('code'));
  await button(page, 'Open the office').click();
  await opened(page);
  await want('share open');
  ensure((await page.title()).startsWith('Your office is open until '), 'the title does not say it');
  await page.getByText('\\\\files.').waitFor();
  await fits(page, 'open');
  await accessible(page, 'open');
}

/** Who comes back to the page, or to the network, sees what is true now. */
async function lookedAtAgain(page: Page) {
  const asked = page.waitForRequest('**/api/v1/door');
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await asked;
  const stale = page.getByText('The office does not answer just now.');
  await page.context().setOffline(true);
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await stale.waitFor();
  await opened(page);
  await page.context().setOffline(false);
  await stale.waitFor({ state: 'detached' });
}

async function extend(page: Page) {
  await button(page, 'Extend with a code').click();
  await heading(page, 'Enter the code your app shows now');
  ensure(await focused(fields(page).code), 'the fresh code has no focus');
  await fits(page, 'extend');
  await accessible(page, 'extend');
  await fields(page).code.fill(await want('code'));
  await button(page, 'Extend with a code').click();
  await opened(page);
  await want('share open');
}

async function lockAndLeave(page: Page) {
  await button(page, 'Lock now').click();
  await locked(page);
  await page.getByRole('status').filter({ hasText: 'Your office is locked.' }).waitFor();
  await want('share refused');
  await button(page, 'Sign out').click();
  await page.getByText('Signed in as').waitFor({ state: 'detached' });
}

/** Tab until this has the focus. */
async function tabTo(page: Page, locator: Locator) {
  for (let steps = 0; steps < 20; steps += 1) {
    if (await focused(locator)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not lead to ${locator}`);
}

async function withTheKeyboard(page: Page, { login, password, recovery }: Person) {
  const { user, password: secret, code } = fields(page);
  const press = async (name: string) => {
    await tabTo(page, button(page, name));
    await page.keyboard.press('Enter');
  };
  await page.reload();
  await locked(page);
  await tabTo(page, user);
  await page.keyboard.type(login);
  await tabTo(page, secret);
  await page.keyboard.type(password);
  await press('Use a recovery code');
  ensure(await focused(code), 'the code has no focus');
  await page.keyboard.type(recovery);
  await page.keyboard.press('Enter');
  await opened(page);
  await want('share open');
  await press('Extend with a code');
  await heading(page, 'Enter the code your app shows now');
  await press('Back');
  await opened(page);
  await press('Lock now');
  await locked(page);
  await want('share refused');
  await press('Sign out');
  await page.getByText('Signed in as').waitFor({ state: 'detached' });
}

/** The language that was chosen is all that stays; nothing that was typed stands in an address. */
async function forgotten(page: Page, complaints: string[]) {
  const kept = await page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]);
  const own = kept.filter((key) => key !== 'language' && !key.startsWith('sveltekit:'));
  ensure(own.length === 0 && page.url() === URL_, `kept in the browser: ${own}; ${page.url()}`);
  ensure(complaints.length === 0, `the browser complains: ${complaints.join('\n')}`);
}

async function lost(page: Page) {
  const answer = await page.goto(`${URL_}nowhere`);
  ensure(answer?.status() === 404, `a page that is not there is ${answer?.status()}`);
  await heading(page, 'There is no such page');
  await fits(page, 'lost');
  await accessible(page, 'lost');
  await page.getByRole('link', { name: 'To your office' }).click();
  await locked(page);
}

await story(async (browser) => {
  const complaints: string[] = [];
  const context = await browser.newContext({ locale: 'en-GB' });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) =>
      console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`),
    );
  });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  listen(page, complaints);
  const person = await who();
  await firstLoad(page);
  await refused(page, person);
  await open(page);
  await clockless(browser, page, complaints);
  await lookedAtAgain(page);
  await extend(page);
  await lockAndLeave(page);
  await withTheKeyboard(page, person);
  await forgotten(page, complaints);
  await lost(page);
  ensure(complaints.length === 0, `the browser complains: ${complaints.join('\n')}`);
});
