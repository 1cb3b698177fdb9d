// The console's first page, who may see it, and devices cut from their table.
import { administrator, OFFICE, open, row } from './admin.ts';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading, signIn, who } from './page.ts';

await story(async (browser) => {
  const page = await administrator(browser);
  await heading(page, 'All is well');
  await page.getByText('2 people have no second factor').waitFor({ state: 'detached' });
  await fits(page, 'overview');
  await accessible(page, 'overview');

  await open(page, 'Devices');
  await row(page, 'laptop').getByText('anne').waitFor();
  await fits(page, 'devices');
  await accessible(page, 'devices');
  await page.getByRole('searchbox').fill('ÁNNE');
  await row(page, 'tablet').waitFor({ state: 'detached' });
  ensure(new URL(page.url()).searchParams.get('q') === 'ÁNNE', 'the search is not in the address');
  await page.reload();
  await row(page, 'laptop').waitFor();
  ensure((await row(page, 'tablet').count()) === 0, 'the search was forgotten');

  await button(page, 'Shut out: laptop (anne)').click();
  const question = page.getByRole('alertdialog', { name: 'Shut out laptop (anne)?' });
  await question.waitFor();
  await accessible(page, 'shut out?');
  await page.keyboard.press('Escape');
  await question.waitFor({ state: 'detached' });
  await want('door open');
  await button(page, 'Shut out: laptop (anne)').click();
  await question.getByRole('button', { name: 'Shut out' }).click();
  const said = page.getByRole('status').filter({ hasText: /^laptop \(anne\) was shut out: .*\(\d+ ms\)\.$/ });
  await said.waitFor();
  console.log(await said.textContent());
  await want('door shut');
  await button(page, 'Let in again: laptop (anne)').click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Let in again' }).click();
  await page.getByRole('status').filter({ hasText: 'laptop (anne) is let in again.' }).waitFor();

  // Without pointing: search, down to a row's button, the question, and back.
  await page.getByRole('searchbox').focus();
  await page.getByRole('searchbox').fill('');
  await button(page, 'Shut out: laptop (anne)').focus();
  await page.keyboard.press('ArrowDown');
  const focused = await page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
  ensure(focused === 'Shut out: tablet (boris)', `down leads to ${focused}`);
  await page.keyboard.press('Enter');
  await page.getByRole('alertdialog').waitFor();
  await page.keyboard.press('Escape');

  // Who is no administrator sees nothing of it.
  const context = await browser.newContext({ locale: 'en-GB' });
  const other = await context.newPage();
  const person = await who('other person');
  await other.goto(`${OFFICE}/admin/devices`);
  await heading(other, 'Sign in to the console');
  await signIn(other, person, 'Sign in', await want('other code'));
  await heading(other, 'This is IT’s place');
  ensure((await other.getByText('laptop').count()) === 0, 'a stranger sees devices');
  await accessible(other, 'not for you');
});
