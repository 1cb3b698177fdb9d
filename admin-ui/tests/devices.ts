// One's own devices: which there are, one more whose key is made in the page, and a lost one.
import { readFileSync } from 'node:fs';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading, locked, opened, signIn, who } from './page.ts';

const PATIENCE = 10_000;

await story(async (browser) => {
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const person = await who();
  await page.goto('https://door.example.org/');
  await locked(page);
  await signIn(page, person);
  await opened(page);
  await page.getByRole('link', { name: 'My devices' }).click();
  await heading(page, 'My devices');
  const row = (name: string) => page.getByRole('listitem').filter({ hasText: name });
  await row('laptop').getByText('this one').waitFor();
  await fits(page, 'devices');
  await accessible(page, 'devices');

  await page.getByLabel('Name of this device').fill('tablet');
  await button(page, 'Add a device').click();
  await heading(page, 'Connect this device');
  const saved = page.waitForEvent('download');
  await button(page, 'Save ').click();
  const config = readFileSync(await (await saved).path(), 'utf8');
  await want(`config ${Buffer.from(config).toString('base64')}`);
  await button(page, 'Back').click();
  await row('tablet').waitFor();

  await button(page, 'I lost it: tablet').click();
  await page.getByRole('alertdialog').getByText('Shut out tablet for good?').waitFor();
  const focused = (name: string) => button(page, name).evaluate((element) => element === document.activeElement);
  ensure(await focused('Shut it out'), 'the question has no focus');
  await button(page, 'Back').click();
  ensure(await focused('I lost it: tablet'), 'the way back loses the focus');
  await button(page, 'I lost it: tablet').click();
  await fits(page, 'lost?');
  await accessible(page, 'lost?');
  await button(page, 'Shut it out').click();
  const said = page.getByRole('status').filter({ hasText: /^tablet was shut out: .*\(\d+ ms\)\.$/ });
  await said.waitFor();
  console.log(await said.textContent());
  ensure((await row('tablet').count()) === 0, 'it is still there');
  await want('shut out');
});
