// A gateway is set up in a browser at the office: from the code on its console to the first invitation.
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading } from './page.ts';
import { picture } from './pictures.ts';

const PATIENCE = 20_000;

await story(async (browser) => {
  // Nobody knows these certificates: people look at them, and go on.
  const context = await browser.newContext({ locale: 'en-GB', ignoreHTTPSErrors: true });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    const meant = /the server responded with a status of (400|401|409)/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !meant) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  const { address, code } = JSON.parse(await want('setup')) as Record<'address' | 'code', string>;
  const begun = Date.now();
  await page.goto(address);
  await heading(page, 'Set up the gateway');
  await fits(page, 'code');
  await accessible(page, 'code');
  await picture(page, 'setup-code', 'column');
  await page.getByLabel('Code').fill('8K2M4');
  await button(page, 'Next').click();
  await page.getByRole('alert').filter({ hasText: 'That is not the code' }).waitFor();
  await page.getByLabel('Code').fill(code.toLowerCase().replaceAll('-', ' '));
  await button(page, 'Next').click();

  await heading(page, 'Your organisation');
  // Another browser, which has the code, too, comes too late.
  const late = await (await browser.newContext({ locale: 'en-GB', ignoreHTTPSErrors: true })).newPage();
  await late.goto(address);
  await late.getByText('Another browser is setting this gateway up.').waitFor();
  await late.context().close();
  await fits(page, 'organisation');
  await accessible(page, 'organisation');
  await button(page, 'Next').click();
  await page.getByText('A name of 1 to 64 letters is needed.').waitFor();
  ensure(await page.getByLabel('What it is called').evaluate((e) => e === document.activeElement), 'the focus is lost');
  await page.getByLabel('What it is called').fill('Atelier Dubois');
  await page.getByLabel('Public name').fill('https://door.example.org/');
  await button(page, 'Next').click();
  await page.getByText('without https and without a port').waitFor();
  await page.getByLabel('Public name').fill('door.example.org');
  await button(page, 'Next').click();

  await heading(page, 'Your office’s network');
  const card = page.getByLabel('Network card towards the office');
  ensure(/^lan0/.test((await card.locator('option:checked').textContent()) ?? ''), 'the office is not recognised');
  await page.getByLabel('DNS servers of the office').fill(await want('resolver'));
  await fits(page, 'network');
  await accessible(page, 'network');
  await picture(page, 'setup-network', 'column');
  // Loaded anew, one is where one was; what was typed on other pages is typed again.
  await button(page, 'Back').click();
  ensure((await page.getByLabel('What it is called').inputValue()) === 'Atelier Dubois', 'an answer is lost');
  await picture(page, 'setup-organisation', 'column');
  await button(page, 'Next').click();
  await heading(page, 'Your office’s network');
  await button(page, 'Next').click();

  await heading(page, 'Invitations from home');
  await fits(page, 'home');
  await accessible(page, 'home');
  await picture(page, 'setup-home', 'column');
  await button(page, 'Next').click();
  await page.getByText('Please choose one.').waitFor();
  await page.getByRole('radio', { name: /Yes \(recommended\)/ }).check();
  await button(page, 'Next').click();

  await heading(page, 'The first administrator');
  await page.getByLabel('User name').fill('marc');
  await page.getByLabel('Name', { exact: true }).fill('Marc Dupré');
  await fits(page, 'you');
  await accessible(page, 'you');
  await picture(page, 'setup-you', 'column');
  await button(page, 'Next').click();

  await heading(page, 'Is all well?');
  const state = (check: string, wanted: string) =>
    page.locator(`[data-check=${check}][data-state=${wanted}]`).waitFor({ timeout: 60_000 });
  await state('name', 'good');
  await state('udp', 'good');
  await state('dns', 'good');
  await state('way', 'good');
  await fits(page, 'checks');
  await accessible(page, 'checks');
  await picture(page, 'setup-checks', 'column');
  await button(page, 'Set up now').click();
  await heading(page, 'The gateway is set up');
  ensure(/TCP 443 → .+:8445/.test(await page.locator('main').innerText()), 'the router is not told of');
  await fits(page, 'done');
  await accessible(page, 'done');
  await picture(page, 'setup-done', 'column');
  const fingerprint = (await page.locator('main > p > code').first().textContent()) ?? '';
  await want(`certificate ${fingerprint}`);
  await page.getByRole('link', { name: 'Open the first invitation' }).click();
  await heading(page, 'Welcome, Marc Dupré');
  ensure(!page.url().includes('#'), `the address still says it: ${page.url()}`);
  console.log(`from the code to the first invitation: ${Math.round((Date.now() - begun) / 1000)} s`);
  const gone = await page.request.get(`${address}api/v1/setup`, { failOnStatusCode: false });
  ensure(gone.status() === 404, `the set-up still answers: ${gone.status()}`);
  ensure(complaints.length === 0, `the browser complains: ${complaints.join(' | ')}`);
});
