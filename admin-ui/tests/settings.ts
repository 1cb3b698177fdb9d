// Settings, mail and tokens as IT changes them; and what comes of them: a letter, the rules accepted, the checklist.
import type { Browser, Page } from 'playwright-core';
import { administrator, OFFICE, open, row } from './admin.ts';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading, signIn, who } from './page.ts';

const RULES = 'Lock your screen.\n\nKeep papers of customers in the office.';

const group = (page: Page, name: string) => page.getByRole('region', { name, exact: true });

async function save(page: Page, name: string) {
  const form = group(page, name);
  await form.getByRole('button', { name: 'Save' }).click();
  await form.getByRole('status').filter({ hasText: 'Saved.' }).waitFor();
}

async function part(page: Page, name: string) {
  await page
    .getByRole('navigation', { name: 'Parts of the settings' })
    .getByRole('link', { name, exact: true })
    .click();
}

async function office(page: Page) {
  await open(page, 'Settings');
  await page.getByLabel('Name', { exact: true }).fill('Dubois & fils');
  await save(page, 'Your organisation');
  const endpoint = page.getByLabel('Address for devices');
  const before = await endpoint.inputValue();
  await endpoint.fill('door.example.org');
  await group(page, 'The way in').getByRole('button', { name: 'Save' }).click();
  await page.getByText('Write name and port, such as door.example.org:51820.').waitFor();
  ensure((await endpoint.inputValue()) === 'door.example.org', 'what was typed is lost');
  ensure(await endpoint.evaluate((e) => e === document.activeElement), 'the wrong field has not the focus');
  await accessible(page, 'a wrong endpoint');
  await endpoint.fill(before);
  await save(page, 'The way in');
  // What only the gateway knows: its own zone is none of the office's.
  const zones = page.getByLabel('Zones that only they know');
  await zones.fill('corp.lan\ncorp.lan.internal.-x');
  await group(page, 'Names in the office').getByRole('button', { name: 'Save' }).click();
  await page.getByText('Write DNS zones such as corp.lan').waitFor();
  await zones.fill('office.lan');
  await save(page, 'Names in the office');
  const passkeys = page.getByLabel('People may sign in with a passkey');
  ensure(!(await passkeys.isChecked()), 'passkeys are offered unasked');
  await passkeys.check();
  await save(page, 'Passkeys');
  await page.reload();
  await passkeys.waitFor();
  ensure(await passkeys.isChecked(), 'passkeys are not offered');
  await passkeys.uncheck();
  await save(page, 'Passkeys');
  await fits(page, 'settings');
}

async function home(page: Page) {
  await part(page, 'Working from home');
  await page.getByLabel('Hours after a sign-in').fill('25');
  await group(page, 'How long the office stays open').getByRole('button', { name: 'Save' }).click();
  await page.getByText('Write a number of hours from 1 to 24.').waitFor();
  await page.getByLabel('Hours after a sign-in').fill('8');
  await save(page, 'How long the office stays open');
  await page.getByLabel('Who, and when').fill('IT, weekdays 8 to 18');
  await page.getByLabel('Telephone').fill('+32 2 123 45 67');
  await save(page, 'Whom to call');
  await button(page, 'Add a link').click();
  await page.getByLabel('Name of link 1').fill('Intranet');
  await page.getByLabel('Address of link 1').fill('javascript:alert(1)');
  await group(page, 'Links on the first page').getByRole('button', { name: 'Save' }).click();
  await page.getByText('Each link needs a name and an address').waitFor();
  await page.getByLabel('Address of link 1').fill('https://intranet.example.org');
  await save(page, 'Links on the first page');
  await page.getByLabel('The rules, in plain paragraphs').fill(RULES);
  await save(page, 'Telework rules');
  await page.getByText('Version 1 is in force.').waitFor();
  await page.getByLabel('Your own questions').fill('Is there a dog?');
  await save(page, 'Checklist for the home');
  await fits(page, 'working from home');
  await accessible(page, 'working from home');
  await page.reload();
  await page.getByLabel('The rules, in plain paragraphs').waitFor();
  ensure((await page.getByLabel('Your own questions').inputValue()) === 'Is there a dog?', 'the question is lost');
}

async function mail(page: Page) {
  const { host, user, password } = JSON.parse(await want('mail server')) as Record<
    'host' | 'user' | 'password',
    string
  >;
  await part(page, 'Mail');
  const field = (label: string) => page.getByLabel(label, { exact: true });
  const server = async (security: string, port: string, secret: string) => {
    await field('Encryption').selectOption(security);
    await field('Port').fill(port);
    await field('User name there').fill(user);
    await field('Password there').fill(secret);
    await save(page, 'Mail');
  };
  const tried = async (text: string | RegExp) => {
    await button(page, 'Send a test mail').click();
    await page.getByRole('status').filter({ hasText: text }).waitFor();
  };
  await field('Mail server').fill(host);
  await field('Mails come from').fill('gate@example.org');
  await server('none', '2599', password);
  await field('Send a test mail to').fill('ada@example.org');
  await tried('The mail server does not answer.');
  await server('starttls', '2525', password);
  await tried('The mail server does not encrypt in this way.');
  await server('starttls', '2587', password);
  await tried('The mail server’s certificate is for another name');
  await server('none', '2525', 'not this one');
  await tried('The mail server does not take this user and password.');
  await accessible(page, 'mail');
  await server('none', '2525', password);
  await tried('Sent to ada@example.org.');
  ensure((await want('letter ada@example.org')).includes('Dubois & fils'), 'the letter does not say from whom');
  ensure((await field('Password there').inputValue()) === '', 'the password is shown');
  await field('Mail server').fill('8.8.8.8');
  await group(page, 'Mail').getByRole('button', { name: 'Save' }).click();
  await page.getByText('Without encryption mail goes to an address within the office only.').waitFor();
  await field('Mail server').fill(host);
  await fits(page, 'mail');
}

const asks = (page: Page, method: string, path: string, token: string, body?: object) =>
  page.evaluate(
    async ([method, path, token, body]) => {
      const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
      const answer = await fetch(`/api/v1${path}`, { method, headers, body: body ? JSON.stringify(body) : null });
      const text = await answer.text();
      return { status: answer.status, value: text ? JSON.parse(text) : null };
    },
    [method, path, token, body] as const,
  );

async function tokens(page: Page) {
  await part(page, 'API tokens');
  await page.getByText('No program uses the API.').waitFor();
  await button(page, 'Add a token').click();
  await button(page, 'Make the token').click();
  await page.getByText('Choose at least one.').waitFor();
  await page.getByLabel('What it is for').fill('monitoring');
  await page.getByRole('group', { name: 'People' }).getByLabel('read', { exact: true }).check();
  await fits(page, 'a new token');
  await accessible(page, 'a new token');
  await button(page, 'Make the token').click();
  const secret = (await page.getByRole('dialog').locator('code').textContent()) ?? '';
  ensure(/^pat_[\w-]{43}$/.test(secret), 'there is no token');
  ensure((await asks(page, 'GET', '/users', secret)).status === 200, 'the token does not work');
  ensure((await asks(page, 'GET', '/devices', secret)).status === 403, 'the token may more than was ticked');
  await accessible(page, 'the token');
  await button(page, 'I have copied it').click();
  await row(page, 'monitoring').getByText('People (read)').waitFor();
  ensure(!(await page.content()).includes(secret), 'the token is still there');
  await button(page, 'Revoke: monitoring').click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('status').filter({ hasText: 'monitoring was revoked.' }).waitFor();
  ensure((await asks(page, 'GET', '/users', secret)).status === 401, 'the revoked token works');
  await fits(page, 'tokens');
}

/** The letter leads to the rules, and past them. */
async function invited(browser: Browser, page: Page) {
  const zoe = { login: 'zoe', name: 'Zoé', mail: 'zoe@example.org', language: 'fr' };
  ensure((await asks(page, 'POST', '/users', '', zoe)).status === 201, 'Zoé is not added');
  await page.goto(`${OFFICE}/admin/people/person?login=zoe`);
  await button(page, 'Invite').click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Invite' }).click();
  await page.getByText('To zoe@example.org, in Zoé’s language.').waitFor();
  await fits(page, 'an invitation');
  await accessible(page, 'an invitation');
  await button(page, 'Send by mail').click();
  await page.getByRole('status').filter({ hasText: 'Sent to zoe@example.org.' }).waitFor();
  await page.keyboard.press('Escape');
  const letter = await want('letter zoe@example.org');
  ensure(letter.includes('Bonjour Zoé') && letter.includes('+32 2 123 45 67'), letter);
  const link = /https:\/\/\S+#\S+/.exec(letter)?.[0];
  ensure(link !== undefined, `no way in: ${letter}`);
  const context = await browser.newContext({ locale: 'en-GB' });
  const other = await context.newPage();
  await other.goto(link);
  await heading(other, 'Welcome, Zoé');
  await other.getByText('IT, weekdays 8 to 18').waitFor();
  await other.getByLabel('Choose a password').fill('quatre-chaudrons-de-cuivre');
  await button(other, 'Go on').click();
  await heading(other, 'Let your telephone make codes');
  await other.getByText('No camera? Type this into the app instead').click();
  const secret = (await other.locator('details code').textContent()) ?? '';
  await other.getByLabel('Enter the code it shows now').fill(await want(`code ${secret.replaceAll(' ', '')}`));
  await button(other, 'Go on').click();
  await heading(other, 'Keep these codes');
  await other.getByLabel('I have kept them').check();
  await button(other, 'Go on').click();
  await heading(other, 'Rules for working from home');
  await other.getByText('Keep papers of customers in the office.').waitFor();
  await fits(other, 'rules');
  await accessible(other, 'rules');
  await button(other, 'I have read and accept them').click();
  await heading(other, 'Connect this device');
  ensure((await want('rules of zoe')) === '1', 'it is not written down');
  await context.close();
}

/** Somebody who was here before the rules. */
async function asked(browser: Browser) {
  const context = await browser.newContext({ locale: 'en-GB' });
  const page = await context.newPage();
  const person = await who('other person');
  await page.goto(`${OFFICE}/admin`);
  await signIn(page, person, 'Sign in', await want('other code'));
  await heading(page, 'This is IT’s place');
  await page.goto(`${OFFICE}/`);
  await heading(page, 'Rules for working from home');
  await button(page, 'Not now').click();
  await heading(page, 'You are in the office network');
  await page.reload();
  await heading(page, 'Rules for working from home');
  await button(page, 'I have read and accept them').click();
  await heading(page, 'You are in the office network');
  ensure((await want('rules of boris')) === '1', 'it is not written down');
  await page.goto(`${OFFICE}/checklist`);
  await page.getByLabel('Is there a dog?').selectOption('I do not know');
  await page.getByLabel('Does it install updates by itself?').selectOption('Yes');
  await fits(page, 'checklist');
  await accessible(page, 'checklist');
  await button(page, 'Send to IT').click();
  await page.getByRole('status').filter({ hasText: 'Thank you. IT has your answers.' }).waitFor();
  ensure((await want('checklist of boris')).includes('"updates":"yes"'), 'IT does not see it');
  await context.close();
}

/** What IT sees of it. */
async function seen(page: Page) {
  await page.goto(`${OFFICE}/admin/people/person?login=boris`);
  await page.getByText(/^Version 1 accepted, /).waitFor();
  const answer = (question: string) => page.getByRole('listitem').filter({ hasText: question });
  await answer('Is there a dog?').getByText('I do not know').waitFor();
  await answer('Does it install updates by itself?').getByText('Yes').waitFor();
  await answer('Is the disk of this computer encrypted?').getByText('Not answered').waitFor();
  await fits(page, 'what somebody answered');
  await accessible(page, 'what somebody answered');
}

await story(async (browser) => {
  const page = await administrator(browser);
  await office(page);
  await home(page);
  await mail(page);
  await tokens(page);
  await invited(browser, page);
  await asked(browser);
  await seen(page);
});
