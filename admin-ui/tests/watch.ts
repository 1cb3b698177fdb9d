// What IT looks at: who is here now and how much passes, what was done, and how the gateway is.
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { administrator, OFFICE, open, row } from './admin.ts';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading } from './page.ts';
import { picture } from './pictures.ts';

const PATIENCE = 20_000;

const rate = (page: Page) =>
  row(page, 'laptop')
    .locator('[data-rate]')
    .getAttribute('data-rate')
    .then((text) => Number(text));

/** Live: a transfer is seen, survives a restart of the gateway beside the page, and ends with a cut. */
async function live(page: Page) {
  await open(page, 'Live');
  await row(page, 'laptop').getByText('anne').waitFor();
  await row(page, 'laptop').getByText('Open until').waitFor();
  ensure((await rate(page)) < 50_000, `something passes already: ${await rate(page)}`);
  await fits(page, 'live');
  await accessible(page, 'live');
  await want('transfer');
  await page.waitForFunction(
    () => Number(document.querySelector('tbody [data-rate]')?.getAttribute('data-rate')) > 100_000,
    null,
    { timeout: PATIENCE },
  );
  await picture(page, 'admin-live-passes', 'desk');
  console.log(`seen: ${await row(page, 'laptop').locator('[data-rate]').innerText()}`);

  await page.getByRole('searchbox').fill('lap');
  await want('gateway down');
  const away = page.getByText(/^The gateway does not answer just now\./);
  await away.waitFor({ timeout: PATIENCE });
  await row(page, 'laptop').getByText('Open until').waitFor();
  await fits(page, 'live, without the gateway');
  await accessible(page, 'live, without the gateway');
  const before = await page.locator('dl').innerText();
  await want('gateway up');
  await away.waitFor({ state: 'detached', timeout: 60_000 });
  await page.waitForFunction((text) => document.querySelector('dl')?.innerText !== text, before, { timeout: 60_000 });
  ensure((await page.getByRole('searchbox').inputValue()) === 'lap', 'what was typed is lost');

  await button(page, 'Cut: laptop (anne)').click();
  const question = page.getByRole('alertdialog', { name: 'Cut laptop (anne) off?' });
  await accessible(page, 'cut?');
  await page.keyboard.press('Escape');
  await question.waitFor({ state: 'detached' });
  await want('transfer goes on');
  await button(page, 'Cut: laptop (anne)').click();
  await question.getByRole('button', { name: 'Cut' }).click();
  const said = page.getByRole('status').filter({ hasText: /^laptop \(anne\) was cut off: .*\(\d+ ms\)/ });
  await said.waitFor();
  console.log(await said.textContent());
  await want('transfer over');
  await row(page, 'laptop').waitFor({ state: 'detached' });
}

/** Locking ends the verification and leaves the device. */
async function lock(page: Page) {
  await open(page, 'Live');
  await button(page, 'Lock: laptop (anne)').click();
  const question = page.getByRole('alertdialog', { name: 'Lock the door of laptop (anne)?' });
  await question.getByRole('button', { name: 'Lock' }).click();
  await page
    .getByRole('status')
    .filter({ hasText: /^The door of laptop \(anne\) is locked \(\d+ ms\)\.$/ })
    .waitFor();
  await want('share shut');
  await row(page, 'laptop').getByText('Locked', { exact: true }).waitFor();
}

/** Audit: filtered, by page, exported; and who looked. */
async function audit(page: Page) {
  await open(page, 'Audit');
  await row(page, 'Device laptop added').first().waitFor();
  await fits(page, 'audit');
  await accessible(page, 'audit');
  await page.getByRole('combobox', { name: 'What', exact: true }).selectOption('group_added');
  await page.getByLabel('By whom').fill('local');
  await button(page, 'Show').click();
  await row(page, 'Device laptop added').first().waitFor({ state: 'detached' });
  await row(page, 'Group workshop added').waitFor();
  await row(page, 'the command line (root)').first().waitFor();
  ensure(new URL(page.url()).searchParams.get('event') === 'group_added', 'the filter is not in the address');
  await page.reload();
  await row(page, 'Group workshop added').waitFor();

  const csv = await saved(page, 'Export as CSV');
  const lines = csv.text.trimEnd().split('\r\n');
  ensure(/^audit-20\d\d-\d\d-\d\d\.csv$/.test(csv.name), csv.name);
  ensure(csv.text.startsWith('\ufefftime,actor,event,user,details,id\r\n'), csv.text.slice(0, 80));
  ensure(lines.length > 1 && lines.slice(1).every((l) => l.includes('"group_added"')), csv.text);
  ensure(csv.text.includes(`"'=1+1"`) || csv.text.includes(`""group"":""=1+1""`), 'the hostile group is not in it');
  ensure(!/(^|,)"?[=+@-]/m.test(csv.text), `a formula: ${csv.text}`);
  const json = await saved(page, 'Export as JSON');
  ensure((JSON.parse(json.text) as unknown[]).length === lines.length - 1, 'the two files differ');

  await button(page, 'Clear the filter').click();
  await row(page, 'Audit exported').first().waitFor();
  ensure((await row(page, 'Audit read').count()) === 1, 'reading is noted once a day');

  await page.getByLabel('About whom').fill('zoe');
  await button(page, 'Show').click();
  await page.getByRole('alert').filter({ hasText: 'There is no “zoe” here.' }).waitFor();
  await button(page, 'Clear the filter').click();

  await page.getByLabel('Sign-ins and doors').selectOption('92');
  await button(page, 'Save').click();
  const question = page.getByRole('alertdialog', { name: 'Keep lines for a shorter time?' });
  await accessible(page, 'shorter?');
  await question.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved. What is older is deleted within a day.').waitFor();
  ensure((await want('kept')) === '92', 'the retention was not stored');
}

async function saved(page: Page, name: string): Promise<{ name: string; text: string }> {
  const coming = page.waitForEvent('download');
  await button(page, name).click();
  const file = await coming;
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') };
}

const check = (page: Page, name: string, state: string) =>
  page.locator(`li[data-check=${name}][data-state=${state}]`).waitFor({ timeout: PATIENCE });

/** Health: red where something is away, with the cure, and green when it is back; the overview says the same. */
async function health(page: Page) {
  await open(page, 'Health');
  for (const name of ['data_plane', 'second_lock', 'dns', 'disk', 'clock']) await check(page, name, 'well');
  await page.getByText(/^(All is well|Nothing is broken; )/).waitFor();
  await fits(page, 'health');
  await accessible(page, 'health');

  await want('dns away');
  await check(page, 'dns', 'trouble');
  await page.getByText('One thing needs you').waitFor();
  await page.getByText('name another in the settings.').waitFor();
  await fits(page, 'health, without DNS');
  await accessible(page, 'health, without DNS');
  await page.goto(`${OFFICE}/admin`);
  await heading(page, 'One thing needs you');
  await page.getByText('A DNS server of the office does not answer').waitFor();
  await want('dns back');
  await page.reload();
  await heading(page, 'All is well');

  await open(page, 'Health');
  await want('nft missing');
  await check(page, 'second_lock', 'trouble');
  await page.getByText('apt install nftables').waitFor();
  await want('nft back');
  await check(page, 'second_lock', 'well');

  await check(page, 'other_firewalls', 'unknown');
  await want('doctor');
  await check(page, 'other_firewalls', 'well');
}

const PARTS: Record<string, (page: Page) => Promise<void>> = { audit, health, live, lock };

await story(async (browser) => {
  const page = await administrator(browser);
  const part = PARTS[await want('part')];
  ensure(part !== undefined, 'no such part');
  await part(page);
});
