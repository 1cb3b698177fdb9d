// From an invitation to a device, on the office LAN: what is typed, what is shown once, and a key that is made in the page.
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading } from './page.ts';

const PATIENCE = 10_000;

async function refusals(page: Page, address: string) {
  await page.goto(`${address}#pi-none`);
  await heading(page, 'Open your invitation');
  await page.getByText('This invitation is not good any more. Ask IT for a new one.').waitFor();
  ensure(!page.url().includes('#'), `the address still says it: ${page.url()}`);
  await fits(page, 'no invitation');
  await accessible(page, 'no invitation');
}

async function password(page: Page, word: string) {
  await heading(page, /^Welcome, /);
  const field = page.getByLabel('Choose a password');
  ensure((await field.getAttribute('autocomplete')) === 'new-password', 'a password manager does not know it');
  await field.fill('short');
  await page.getByText('7 characters more').waitFor();
  await button(page, 'Go on').click();
  await page.getByRole('alert').filter({ hasText: 'at least 12 characters' }).waitFor();
  await fits(page, 'password');
  await accessible(page, 'password');
  await field.fill(word);
  await page.getByText('Good', { exact: true }).waitFor();
  await button(page, 'Go on').click();
}

async function factor(page: Page) {
  await heading(page, 'Let your telephone make codes');
  await page.getByRole('img', { name: 'Picture for the authenticator app' }).waitFor();
  await page.getByText('No camera? Type this into the app instead').click();
  const secret = (await page.locator('details code').textContent()) ?? '';
  await fits(page, 'factor');
  await accessible(page, 'factor');
  await page.getByLabel('Enter the code it shows now').fill('000000');
  await button(page, 'Go on').click();
  await page.getByRole('alert').filter({ hasText: 'The code was not right' }).waitFor();
  await page.getByLabel('Enter the code it shows now').fill(await want(`code ${secret.replaceAll(' ', '')}`));
  await button(page, 'Go on').click();
}

async function recovery(page: Page) {
  await heading(page, 'Keep these codes');
  ensure((await page.locator('ol code').count()) === 10, 'there are not ten recovery codes');
  await button(page, 'Go on').click();
  await page.getByRole('alert').filter({ hasText: 'First keep the codes' }).waitFor();
  const saved = page.waitForEvent('download');
  await button(page, 'Save').click();
  const text = readFileSync(await (await saved).path(), 'utf8');
  ensure(text.trim().split('\n').length === 10, 'the file does not hold ten codes');
  await fits(page, 'recovery');
  await accessible(page, 'recovery');
  await page.getByLabel('I have kept them').check();
  await button(page, 'Go on').click();
}

/** The whole configuration, as the browser saved it. */
async function device(page: Page): Promise<string> {
  await heading(page, 'Connect this device');
  await fits(page, 'device');
  await accessible(page, 'device');
  await page.getByLabel('Your system').selectOption('android');
  await page.getByRole('img', { name: 'Configuration for the WireGuard app' }).waitFor();
  await page.getByLabel('Your system').selectOption('windows');
  const saved = page.waitForEvent('download');
  await button(page, 'Save ').click();
  const download = await saved;
  ensure(/^[a-z0-9-]{1,15}\.conf$/.test(download.suggestedFilename()), download.suggestedFilename());
  return readFileSync(await download.path(), 'utf8');
}

await story(async (browser) => {
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints: string[] = [];
  const meant = /the server responded with a status of (400|401|410|422)/;
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !meant.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  const { token, word, address } = JSON.parse(await want('invitation')) as Record<'token' | 'word' | 'address', string>;
  const sent: string[] = [];
  page.on('request', (request) => sent.push(`${request.url()} ${request.postData() ?? ''}`));
  await refusals(page, address);
  const begun = Date.now();
  await page.goto('about:blank');
  await page.goto(`${address}#${token}`);
  await password(page, word);
  await factor(page);
  await recovery(page);
  const config = await device(page);
  const secret = /^PrivateKey = (.+)$/m.exec(config)?.[1] ?? '';
  ensure(secret.length === 44, 'there is no private key in the configuration');
  ensure(!sent.some((request) => request.includes(secret)), 'the private key was sent');
  ensure(
    !sent.some((request) => (request.split(' ')[0] ?? '').includes(token)),
    'the invitation was sent in an address',
  );
  console.log(`from the invitation to the configuration: ${Math.round((Date.now() - begun) / 1000)} s`);
  await want(`config ${Buffer.from(config).toString('base64')}`);
  ensure(complaints.length === 0, `the browser complains: ${complaints.join(' | ')}`);
});
