// The share on the first page: its path, a file that adds it to the computer, and why it does not open.
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading, locked, opened, signIn, who } from './page.ts';
import { picture } from './pictures.ts';

const PATIENCE = 10_000;
/** A check takes seconds, and the gateway wants a pause between two. */
const CHECKED = 25_000;

/** Looks until it is so; the gateway asks to wait in between. */
async function checked(page: Page, text: string | RegExp) {
  const until = Date.now() + CHECKED;
  const again = button(page, 'Look again');
  while (Date.now() < until) {
    await again.waitFor();
    if (await page.getByText(text).first().isVisible()) return;
    await again.click();
  }
  throw new Error(`it never says ${text}: ${await page.locator('main').innerText()}`);
}

async function file(page: Page, system: string): Promise<{ name: string; text: string }> {
  await page.getByLabel('Your computer').selectOption(system);
  const saved = page.waitForEvent('download');
  await button(page, 'Save the file').click();
  const download = await saved;
  const name = download.suggestedFilename();
  await page
    .getByRole('status')
    .filter({ hasText: `${name} is among your downloads.` })
    .waitFor();
  return { name, text: readFileSync(await download.path(), 'utf8') };
}

async function drive(page: Page) {
  await page.getByText('Add to this computer').click();
  await page.getByLabel('Folder on the server').fill('a"b & calc');
  await button(page, 'Save the file').click();
  await page.getByRole('alert').filter({ hasText: 'That cannot be a folder’s name.' }).waitFor();
  await page.getByLabel('Folder on the server').fill('accounts');
  const { name, text } = await file(page, 'windows');
  ensure(name === 'passerelle-accounts.cmd', name);
  ensure(text.includes('net use * "\\\\files.office.lan\\accounts" /persistent:yes || goto locked\r\n'), text);
  ensure(text.includes('echo URL=https://door.example.org/\r\n') && text.includes('Open my office.url'), text);
  const linux = await file(page, 'linux');
  ensure(linux.text.includes("gio mount 'smb://files.office.lan/accounts'"), linux.text);
  await page.getByRole('link', { name: 'smb://files.office.lan/accounts' }).waitFor();
}

await story(async (browser) => {
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(PATIENCE);
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: 'https://door.example.org' });
  const page = await context.newPage();
  const complaints: string[] = [];
  const meant = /the server responded with a status of (400|401|429)/;
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !meant.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  const person = await who();
  await page.goto('https://door.example.org/');
  await locked(page);
  await signIn(page, person);
  await opened(page);
  await button(page, 'Copy: \\\\files.office.lan').click();
  await button(page, 'Copied: \\\\files.office.lan').waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  ensure(copied === '\\\\files.office.lan', `copied: ${copied}`);
  await drive(page);

  await page.getByText('Why does it not open?').click();
  await checked(page, 'From the office’s side all is well: files can be opened now.');
  ensure((await page.getByText('Works', { exact: true }).count()) === 5, 'not all five are green');
  await fits(page, 'home, drive and check');
  await accessible(page, 'home, drive and check');
  await want('halt');
  await checked(page, 'Somebody answers, but does not share files.');
  await page.getByText(/^files cannot be opened now, and it is not your computer’s fault/).waitFor();
  await accessible(page, 'a check that fails');
  await picture(page, 'why', 'phone', page.locator('details[open]').last());
  await want('go on');
  await checked(page, 'From the office’s side all is well');
  await want('end');
  await checked(page, 'The machine is on, but shares no files just now.');
  await want('move');
  await checked(page, /Nobody in the office has its address|It does not answer: it is off/);
  await page.getByText('leads to another machine than the gateway').waitFor();

  await page.getByRole('link', { name: 'Help', exact: true }).click();
  await heading(page, 'Help');
  await fits(page, 'help');
  await accessible(page, 'help');
  ensure(complaints.length === 0, `the browser complains: ${complaints.join(' | ')}`);
});
