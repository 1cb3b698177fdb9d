// Somebody's first day, at home, at a person's pace: the link from the mail, a password, a telephone or a passkey, WireGuard,
// the first sign-in, and the page that says that the share answers. Read, thought, typed and clicked as people do.
import type { Locator, Page } from 'playwright-core';
import { authenticator, type Credential } from './authenticator.ts';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading } from './page.ts';
import { asked, picture } from './pictures.ts';

const PATIENCE = 30_000;
/** Silent reading, in words a minute (Brysbaert 2019: 238; people who are shown something new are slower). */
const READING = 200;
/** Typing, in milliseconds a key: 35 words a minute. */
const KEY_MS = 340;
/** From a thought to a click. */
const CLICK_MS = 900;
/** To take the telephone, find the app, and read six digits. */
const TELEPHONE_MS = 12_000;
/** To look into the camera, or lay a finger on the key. */
const TOUCH_MS = 4_000;
/** To import a file in the WireGuard app and switch the tunnel on. */
const IMPORT_MS = 15_000;
/** The promise. */
const LIMIT_S = 180;

/** 1: as people are; less: as fast as a test may be. */
let pace = 1;
const rest = (page: Page, ms: number) => page.waitForTimeout(ms * pace);

/** What is typed besides passwords and codes. */
let others = 0;

/** Reads what is new on the page, but not every word of every hint. */
async function read(page: Page) {
  const words = (await page.locator('main').innerText()).split(/\s+/).length;
  await rest(page, (Math.min(words, 60) / READING) * 60_000);
}

async function click(page: Page, what: Locator) {
  await rest(page, CLICK_MS);
  await what.click();
}

async function type(page: Page, label: string, text: string) {
  const field = page.getByLabel(label, { exact: true });
  await rest(page, CLICK_MS);
  await field.pressSequentially(text, { delay: KEY_MS * pace });
}

await story(async (browser) => {
  pace = Number(await want('pace'));
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  const { token, word, login, by } = JSON.parse(await want('invitation')) as Record<
    'token' | 'word' | 'login' | 'by',
    string
  >;
  const address = 'https://door.example.org/';
  const passkey = by === 'passkey';
  // The guides show how it is with an app.
  const keep: typeof picture = async (...what) => (passkey ? undefined : picture(...what));
  let passkeys: Credential[] = [];
  // What else strangers are answered: nothing of the office.
  for (const path of ['', 'devices', 'admin', 'api/v1/door', 'api/v1/users', 'setup']) {
    const status = (await page.goto(`${address}${path}`))?.status();
    ensure(status === (path === '' ? 200 : 404), `${path} from the internet: ${status}`);
  }
  await page.goto(address);
  await heading(page, 'Switch your tunnel on first');
  const begun = Date.now();
  await page.goto('about:blank');
  await page.goto(`${address}invitation#${token}`);
  await heading(page, /^Welcome, /);
  await read(page);
  await type(page, 'Choose a password', word);
  await keep(page, 'join-password', 'phone');
  await click(page, button(page, 'Go on'));
  if (passkey) {
    await heading(page, 'Make a passkey');
    await read(page);
    await accessible(page, 'a passkey is offered');
    await fits(page, 'a passkey is offered');
    await picture(page, 'join-passkey', 'phone');
    await click(page, button(page, 'Use codes from an app on my telephone instead'));
    await heading(page, 'Let your telephone make codes');
    await click(page, button(page, 'Use a passkey instead: a touch, no codes'));
    await heading(page, 'Make a passkey');
    // After the picture: its end would take the keys along.
    const { finger, keys } = await authenticator(page);
    await finger(false);
    await click(page, button(page, 'Make the passkey'));
    await page.getByRole('alert').filter({ hasText: 'No passkey was made' }).waitFor();
    await finger(true);
    await click(page, button(page, 'Make the passkey'));
    await rest(page, TOUCH_MS);
    await heading(page, 'Keep these codes');
    passkeys = await keys();
  } else {
    await heading(page, 'Let your telephone make codes');
    await read(page);
    // What the telephone's camera reads stands there as text, too.
    const secret = ((await page.locator('details code').textContent()) ?? '').replaceAll(' ', '');
    await keep(page, 'join-telephone', 'phone');
    await rest(page, TELEPHONE_MS);
    await type(page, 'Enter the code it shows now', await want(`code ${secret}`));
    await click(page, button(page, 'Go on'));
  }
  await heading(page, 'Keep these codes');
  await read(page);
  await keep(page, 'join-codes', 'phone');
  const codes = page.waitForEvent('download');
  await click(page, button(page, 'Save'));
  await (await codes).path();
  await click(page, page.getByLabel('I have kept them'));
  await click(page, button(page, 'Go on'));
  await heading(page, 'Rules for working from home');
  await read(page);
  await keep(page, 'join-rules', 'phone');
  await click(page, button(page, 'I have read and accept them'));
  await heading(page, 'Connect this device');
  await read(page);
  if (asked) {
    await page.getByLabel('Your system').selectOption('windows');
    await keep(page, 'join-device', 'phone');
    await page.getByText('You may not install programs').click();
    await keep(page, 'join-rights', 'phone', page.locator('details[open]'));
  }
  const saved = page.waitForEvent('download');
  await click(page, button(page, 'Save '));
  const stream = await (await saved).createReadStream();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  const check = page.locator('section[aria-labelledby=joining]');
  const done = (step: string) => page.locator(`[data-step=${step}][data-done=true]`).waitFor();
  ensure((await page.locator('[data-done=true]').count()) === 0, 'something is done before it happens');
  await rest(page, IMPORT_MS);
  await want(`config ${Buffer.concat(chunks).toString('base64')}`);
  await done('heard');
  console.log(`connected after ${Math.round((Date.now() - begun) / 1000)} s`);
  // A browser remembers addresses for a minute; who is as slow as people are uses the same, as they do.
  const portal = await (pace < 1 ? await browser.newContext({ locale: 'en-GB' }) : context).newPage();
  portal.setDefaultTimeout(PATIENCE);
  const there = await authenticator(portal);
  await there.know(passkeys);
  await portal.goto(new URL(address).origin);
  await heading(portal, 'Sign in to open your office');
  await done('portal');
  await keep(page, 'join-check', 'phone', check);
  await read(portal);
  if (passkey) {
    await page.getByText('There, use your passkey').waitFor();
    await click(portal, button(portal, 'Use a passkey'));
    await rest(portal, TOUCH_MS);
  } else {
    await type(portal, 'User name', login);
    others += 1;
    await type(portal, 'Password', word);
    await rest(portal, TELEPHONE_MS);
    await type(portal, 'Code', await want('code again'));
    await click(portal, portal.locator('button[type=submit]'));
  }
  await heading(portal, /^Your office is open until /);
  await done('open');
  await done('share');
  await page.getByText('All is well. You may close this page.').waitFor();
  await keep(page, 'join-well', 'phone', check);
  const took = Math.round((Date.now() - begun) / 1000);
  console.log(
    `from the link to the share, at ${pace} of a person’s pace: ${took} s; besides password and codes ${others} typed`,
  );
  ensure(took <= LIMIT_S, `it takes ${took} s`);
  ensure(others <= 2, `${others} things are typed`);
  if (passkey) {
    // It is all there is: who would remove it is warned. By it there is something else.
    await portal.getByRole('link', { name: 'My security' }).click();
    await heading(portal, 'My security');
    await portal.getByText('You have no app for codes.').waitFor();
    await button(portal, 'Remove: laptop').click();
    const question = portal.getByRole('alertdialog');
    await question.getByText('only a recovery code lets you in').waitFor();
    await fits(portal, 'remove the last passkey?');
    await button(portal, 'Back').click();
    await button(portal, 'Set up an app').click();
    await accessible(portal, 'who are you, by passkey');
    await fits(portal, 'who are you, by passkey');
    await button(portal, 'Use a passkey').click();
    const first = portal.getByLabel('Enter the code it shows now');
    await first.waitFor();
    const secret = ((await portal.locator('details code').textContent()) ?? '').replaceAll(' ', '');
    await first.fill(await want(`code ${secret}`));
    await button(portal, 'Go on').click();
    await portal.getByRole('status').filter({ hasText: 'Your telephone makes codes for you now.' }).waitFor();
  }
  ensure(complaints.length === 0, `the browser complains: ${complaints.join(' | ')}`);
});
