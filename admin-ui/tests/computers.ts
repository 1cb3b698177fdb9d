// Office PCs as IT sees them: enrolled, approved, seen as they change, woken by real magic packets, sent to sleep.
import type { Page } from 'playwright-core';
import { administrator, OFFICE, open, row } from './admin.ts';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading } from './page.ts';
import { picture } from './pictures.ts';

/** A PC tells, the gateway judges, the page hears. */
const PATIENCE = 45_000;

const part = (page: Page, name: string) =>
  page.getByRole('navigation', { name: 'Parts of “Computers”' }).getByRole('link', { name }).click();

const state = (page: Page, name: string, is: string) =>
  row(page, name).locator(`[data-state=${is}]`).waitFor({ timeout: PATIENCE });

const said = (page: Page, text: string | RegExp) => page.getByRole('status').filter({ hasText: text }).waitFor();

/** A token is made on the page, a PC comes with it, and IT says which it is. */
async function enrol(page: Page) {
  await open(page, 'Computers');
  await page.getByText('No office PC yet.').waitFor();
  await part(page, 'Agents');
  await page.getByText('No agent yet.').waitFor();
  await button(page, 'Enrol PCs').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Make the token' }).click();
  await dialog.getByText('Write a name of 1 to 64 characters.').waitFor();
  await dialog.getByLabel('What for').fill('Reception');
  await dialog.getByLabel('Several PCs, for a roll-out').check();
  await dialog.getByLabel('How many at most').fill('many');
  await fits(page, 'a token for PCs');
  await accessible(page, 'a token for PCs');
  await dialog.getByRole('button', { name: 'Make the token' }).click();
  await dialog.getByText('Write a number from 1 to 1,000, and no less').waitFor();
  await dialog.getByLabel('One PC, which you approve when it has come').check();
  await dialog.getByRole('button', { name: 'Make the token' }).click();
  await heading2(page, 'Enrol the PC now');
  const secret = await dialog.locator('code').innerText();
  ensure((await dialog.locator('pre').first().innerText()).includes('192.168.1.2'), 'it does not say where to');
  await fits(page, 'a token, issued');
  await accessible(page, 'a token, issued');
  await want(`enrol ${secret}`);
  await page.keyboard.press('Escape');
  await row(page, 'pc-r').getByText('Waits for your word').waitFor({ timeout: PATIENCE });
  ensure(!(await page.content()).includes(secret), 'the token is still on the page');
  await fits(page, 'agents');
  await accessible(page, 'agents');
  await open(page, 'Computers');
  await page.getByText('One PC waits for your word.').waitFor();
  await page.getByText('Computers: 2').waitFor();
  await page.goto(`${OFFICE}/admin`);
  await page.getByText('One PC waits for your word.').waitFor();
  await fits(page, 'a PC waits');
  await accessible(page, 'a PC waits');
  await page.getByRole('link', { name: 'Look at them' }).click();
  await button(page, 'Approve: pc-r').click();
  ensure((await dialog.getByLabel('Computer').locator(':checked').innerText()) === 'pc-r', 'it is not recognised');
  await dialog.getByText('Same name, same address.').waitFor();
  await fits(page, 'which computer is it?');
  await accessible(page, 'which computer is it?');
  await dialog.getByRole('button', { name: 'Approve' }).click();
  await said(page, 'pc-r is approved.');
  await row(page, 'pc-r').getByText('Connected').waitFor();
}

const heading2 = (page: Page, name: string) => page.getByRole('heading', { level: 2, name }).waitFor();

/** What is looked for on every PC. */
async function looked(page: Page) {
  await open(page, 'Settings');
  const group = page.getByRole('region', { name: 'Office PCs', exact: true });
  await group.getByLabel('Programs to look for').fill('Shell = /bin/sh\nAutoCAD = /opt/nowhere');
  await button(page, 'Save').and(group.getByRole('button')).click();
  await group.getByText('Saved').waitFor();
  await open(page, 'Computers');
}

/** Whoever sits down is seen within a second; what was seen makes the day. */
async function seen(page: Page) {
  await part(page, 'Office PCs');
  await state(page, 'pc-r', 'free');
  await want('sign in');
  await state(page, 'pc-r', 'in_use_here');
  await row(page, 'pc-r').getByText('Somebody is at it').waitFor();
  ensure(!(await page.content()).includes('marta'), 'a name is shown that nobody wanted');
  await fits(page, 'computers');
  await accessible(page, 'computers');
  await button(page, 'In use').click();
  await row(page, 'pc-s').waitFor({ state: 'detached' });
  await button(page, 'In use').click();

  await row(page, 'pc-r').getByRole('link', { name: 'pc-r' }).click();
  await heading(page, 'pc-r');
  await page.getByRole('img', { name: /^What pc-r did on .*in use 1 min/ }).waitFor();
  await page.getByText('Shell found').waitFor();
  await page.getByText('AutoCAD not found').waitFor();
  await page.getByText('As a list').click();
  await page.getByRole('cell', { name: 'Somebody is at it', exact: true }).waitFor();
  await fits(page, 'a computer');
  await accessible(page, 'a computer');
  await picture(page, 'admin-computer', 'desk');
  await button(page, 'The day before').click();
  await page.getByText('Nothing was noted of this day.').waitFor();

  await want('sign out');
  await page.locator('[data-state=free]').waitFor({ timeout: PATIENCE });
  await button(page, 'Send to sleep').click();
  const question = page.getByRole('alertdialog', { name: 'Send pc-r to sleep?' });
  await accessible(page, 'to sleep?');
  await question.getByRole('button', { name: 'Send to sleep' }).click();
  await said(page, 'pc-r goes to sleep.');
  ensure((await want('suspended')) === '1', 'it was not told to sleep');
}

/** What keeps it from waking is said with its cure; then it is woken. */
async function woken(page: Page) {
  await page.goto(`${OFFICE}/admin/computers`);
  await row(page, 'pc-s').getByText('The office does not know by which address to wake it.').waitFor();
  await row(page, 'pc-s').getByRole('link', { name: 'pc-s' }).click();
  await heading(page, 'pc-s');
  await page.getByText('Install the agent, or type its hardware address on its page').waitFor();
  await button(page, 'Change').click();
  const dialog = page.getByRole('dialog', { name: 'Waking pc-s' });
  await dialog.getByLabel('Hardware addresses (MAC)').fill('02:00:5e:10:00');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('Hardware addresses have six pairs of digits').waitFor();
  await dialog.getByLabel('Hardware addresses (MAC)').fill((await want('mac')).replaceAll(':', '-'));
  await dialog.getByLabel('on these days, at this time in the office').check();
  await fits(page, 'change waking');
  await accessible(page, 'change waking');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await said(page, 'Waking pc-s was changed.');
  await page.getByText('Mon–Fri 07:30').waitFor();
  await page.getByRole('button', { name: 'Wake', exact: true }).click();
  await said(page, 'Signal sent. It does not answer yet.');
  await page.getByRole('progressbar', { name: 'pc-s wakes' }).waitFor();
  await fits(page, 'a wake');
  await accessible(page, 'a wake');
  await button(page, 'Give up: pc-s').click();
  await page.getByText('Waking pc-s was given up.').waitFor();
  // Whoever gave up waits a moment before the next.
  await page.getByRole('button', { name: 'Wake', exact: true }).click();
  await page.getByRole('alert').filter({ hasText: 'Too many attempts. Wait' }).waitFor();
  const until = Date.now() + PATIENCE;
  while (!(await page.getByRole('progressbar', { name: 'pc-s wakes' }).isVisible())) {
    ensure(Date.now() < until, 'it is never woken again');
    const answer = page.waitForResponse((r) => r.url().endsWith('/wake'));
    await page.getByRole('button', { name: 'Wake', exact: true }).click();
    const wait = Number((await (await answer).headerValue('retry-after')) ?? 0);
    if (wait > 0) await page.waitForTimeout(wait * 1_000);
    else await page.getByRole('progressbar', { name: 'pc-s wakes' }).waitFor();
  }
  await want('called');
  await page.getByText(/pc-s is ready, after \d+\ss\./).waitFor({ timeout: PATIENCE });
  await fits(page, 'a computer that woke');
  await accessible(page, 'a computer that woke');
}

/** A roll-out: those that were shown are approved, but for the one that somebody else was faster with. */
async function several(page: Page) {
  await page.goto(`${OFFICE}/admin/computers/agents`);
  await button(page, 'Enrol PCs').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('What for').fill('Classroom');
  await dialog.getByLabel('Several PCs, for a roll-out').check();
  await dialog.getByLabel('How many at most').fill('3');
  await dialog.getByRole('button', { name: 'Make the token' }).click();
  await heading2(page, 'Enrol the PCs now');
  const secret = await dialog.locator('code').innerText();
  await want(`two ${secret}`);
  await page.keyboard.press('Escape');
  await button(page, 'Approve all 2').click({ timeout: PATIENCE });
  const question = page.getByRole('alertdialog', { name: 'Approve 2 PCs?' });
  await question.getByText(/pc-1 \(192\.168\.1\.54\) and pc-2|pc-2 \(192\.168\.1\.55\) and pc-1/).waitFor();
  await fits(page, 'approve all?');
  await accessible(page, 'approve all?');
  await want(`meanwhile ${secret}`);
  await row(page, 'pc-3').getByText('Waits for your word').waitFor({ timeout: PATIENCE });
  await question.getByRole('button', { name: 'Approve' }).click();
  await said(page, '1 PC was approved.');
  await page.getByRole('alert').filter({ hasText: 'One was not approved: pc-2:' }).waitFor();
  await row(page, 'pc-3').getByText('Waits for your word').waitFor();
  await row(page, 'pc-1').getByText('Connected').waitFor({ timeout: PATIENCE });
}

/** The gateway goes and comes beside the page; an agent is taken back. */
async function revoked(page: Page) {
  await button(page, 'Take back: pc-r').click();
  const question = page.getByRole('alertdialog', { name: 'Take the agent of pc-r back?' });
  await accessible(page, 'take back?');
  await question.getByRole('button', { name: 'Take back' }).click();
  await said(page, 'The agent of pc-r was taken back.');
  ensure((await page.locator('.notice:not(.waiting)').count()) === 1, 'what was done before is still said');
  await row(page, 'pc-r').getByText('Taken back').waitFor();
  await page.goto(`${OFFICE}/admin/computers/computer?name=nowhere`);
  await heading(page, 'There is no such computer');
}

await story(async (browser) => {
  const page = await administrator(browser);
  const complaints: string[] = [];
  const meant = /the server responded with a status of 429/;
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !meant.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await enrol(page);
  await looked(page);
  await seen(page);
  await woken(page);
  await several(page);
  await revoked(page);
  ensure(complaints.length === 0, `the browser complains: ${complaints.join(' | ')}`);
});
