// An office share published by its preset, given to a group and taken again; what a preview says before it is saved.
import type { Page } from 'playwright-core';
import { administrator, open, row } from './admin.ts';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading } from './page.ts';

const preview = (page: Page) => page.getByRole('region', { name: 'Before you save' });
const save = (page: Page) => preview(page).getByRole('button', { name: 'Save', exact: true });
const cell = (page: Page, name: RegExp) => page.getByRole('region', { name: 'Access' }).getByRole('button', { name });

async function publish(page: Page) {
  await open(page, 'Shares and services');
  await row(page, 'files.office.lan').waitFor();
  await fits(page, 'resources');
  await accessible(page, 'resources');
  await button(page, 'Publish a share of a Windows domain').click();
  const dialog = page.getByRole('dialog', { name: 'Publish a share of a Windows domain' });
  const field = (name: string) => dialog.getByLabel(name, { exact: true });
  await field('The server’s whole name').fill('archive');
  await dialog.getByRole('button', { name: 'Add a domain controller' }).click();
  await field('Whole name').fill('dc1.office.lan');
  await dialog.getByRole('button', { name: 'Publish all 2' }).click();
  // What was typed is kept, and what is wrong with it stands beside it.
  await dialog.getByText('A whole name is needed, with dots, such as srv.corp.example.org.').waitFor();
  ensure((await dialog.getByText('An address is needed, such as').count()) === 2, 'two addresses are missing');
  await fits(page, 'office share');
  await accessible(page, 'office share');
  await field('The server’s whole name').fill('archive.office.lan');
  await field('Its address in the office').fill('192.168.1.21');
  await field('Address in the office').fill('192.168.1.2');
  await dialog.getByRole('button', { name: 'Publish all 2' }).click();
  // The gateway's own address: the gateway says so, and nothing is published, not even the share.
  await dialog.getByRole('alert').filter({ hasText: 'gateway’s own address' }).waitFor();
  await field('Address in the office').fill('192.168.1.22');
  ensure((await row(page, 'archive.office.lan').count()) === 0, 'half of it was published');
  await dialog.getByRole('button', { name: 'Publish all 2' }).click();
  await page.getByText('Published: archive and dc1. Nobody may reach it yet.').waitFor();
  await row(page, 'archive.office.lan').getByText('Nobody yet').waitFor();
}

async function other(page: Page) {
  await button(page, 'Publish a share, service or computer').click();
  const dialog = page.getByRole('dialog', { name: 'Publish a share, service or computer' });
  await dialog.getByLabel('Kind').selectOption('service');
  await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
  await dialog.getByText('A service needs a port, such as 443.').waitFor();
  await fits(page, 'publish');
  await accessible(page, 'publish');
  await dialog.getByLabel('Name', { exact: true }).fill('wiki');
  await dialog.getByLabel('Address in the office').fill('192.168.1.30');
  await dialog.getByLabel('Ports').fill('443');
  await page.keyboard.press('Enter');
  await page.getByText('Published: wiki.').waitFor();
  await button(page, 'Change: wiki').click();
  const change = page.getByRole('dialog', { name: 'Change wiki' });
  ensure((await change.getByLabel('Ports').inputValue()) === '443', 'its ports are not there to change');
  await change.getByLabel('Ports').fill('443, 8000-8010/udp');
  await change.getByLabel('Names in the office').fill('wiki.office.lan');
  await page.keyboard.press('Enter');
  await page.getByText(/^wiki was changed\. Devices go on \(\d+ ms\)\.$/).waitFor();
  await row(page, 'wiki.office.lan').getByText('443, 8000-8010/udp').waitFor();
}

async function give(page: Page) {
  await open(page, 'Access');
  await cell(page, /^studio, archive: no access$/).click();
  await preview(page).getByText('1 person gains archive, always:').waitFor();
  await preview(page).getByText('boris').waitFor();
  await preview(page).getByText('Nobody loses anything.').waitFor();
  await fits(page, 'access');
  await accessible(page, 'access');
  // Whoever leaves now would lose it.
  await page.getByRole('link', { name: 'Devices', exact: true }).click();
  const question = page.getByRole('alertdialog', { name: 'Leave without saving?' });
  await question.waitFor();
  await page.keyboard.press('Escape');
  await question.waitFor({ state: 'detached' });
  // Undone before it is saved: as if nothing had been.
  await preview(page).getByRole('button', { name: 'Undo' }).click();
  await preview(page).getByText('● always').waitFor();
  await want('share refused');
  // By keyboard: to the cell, by arrows to the next, and back.
  await cell(page, /^studio, archive: no access$/).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Space');
  await preview(page).getByText('1 person gains dc1, always:').waitFor();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Space');
  await preview(page).getByText('1 person gains archive, always:').waitFor();
  await save(page).click();
  const said = page.getByRole('status').filter({ hasText: /^2 changes saved and in force \(\d+ ms\)\.$/ });
  await said.waitFor();
  await want('share open');
}

async function weekdays(page: Page) {
  await button(page, 'Hours and end: studio, archive').click();
  const dialog = page.getByRole('dialog', { name: 'studio: when archive?' });
  await dialog.getByLabel('in these hours of the week').check();
  await fits(page, 'hours');
  await accessible(page, 'hours');
  await dialog.getByLabel('Monday').uncheck();
  await dialog.getByLabel('Monday').check();
  await dialog.getByRole('button', { name: 'Done' }).click();
  await preview(page)
    .getByText('1 person has archive at other times, Mon–Fri 07:00–20:00 instead of always:')
    .waitFor();
  await save(page).click();
  await page
    .getByRole('status')
    .filter({ hasText: /^1 change saved and in force/ })
    .waitFor();
  await cell(page, /^studio, archive: Mon–Fri 07:00–20:00$/).waitFor();

  const ask = async (day: string) => {
    await page.getByLabel('Person', { exact: true }).fill('boris');
    await page.getByLabel('Share or service', { exact: true }).selectOption({ label: 'archive' });
    await page.getByLabel('When', { exact: true }).selectOption({ label: 'at another time' });
    await page.getByLabel('Day', { exact: true }).fill(day);
    await button(page, 'Ask').click();
  };
  const { sunday, wednesday } = JSON.parse(await want('days')) as { sunday: string; wednesday: string };
  await ask(sunday);
  await page.getByText(/^Sunday,? .*: Boris does not reach archive\.$/).waitFor();
  await page.getByText('It is outside the hours.').waitFor();
  await page.getByText('studio may reach archive: Mon–Fri 07:00–20:00.').waitFor();
  await fits(page, 'why');
  await accessible(page, 'why');
  await ask(wednesday);
  await page.getByText(/^Wednesday,? .*: Boris reaches archive, after entering a code\.$/).waitFor();
}

async function take(page: Page) {
  await cell(page, /^studio, archive: Mon/).click();
  await cell(page, /^studio, dc1: always$/).click();
  await preview(page).getByText('1 person loses archive:').waitFor();
  // Somebody else changes the same meanwhile: it is not saved unseen.
  await want('boris leaves');
  await save(page).click();
  await page.getByRole('alert').filter({ hasText: 'Somebody has changed this meanwhile.' }).waitFor();
  await preview(page).getByText('Nobody gains or loses anything.').waitFor();
  await want('boris returns');
  await preview(page).getByRole('button', { name: 'Undo' }).click();
  await cell(page, /^studio, archive: Mon/).click();
  await preview(page).getByText('1 person loses archive:').waitFor();
  await save(page).click();
  const said = page.getByRole('status').filter({ hasText: /^1 change saved and in force \(\d+ ms\)\.$/ });
  await said.waitFor();
  console.log(await said.textContent());
  await want('share refused');
}

async function remove(page: Page) {
  await open(page, 'Shares and services');
  await button(page, 'Remove: dc1').click();
  const question = page.getByRole('alertdialog', { name: 'Remove dc1?' });
  await question.getByText('1 person loses it: boris.').waitFor();
  await accessible(page, 'remove?');
  await question.getByRole('button', { name: 'Remove' }).click();
  await page.getByText(/^dc1 was removed: nobody reaches it any more \(\d+ ms\)\.$/).waitFor();
  await row(page, 'dc1.office.lan').waitFor({ state: 'detached' });
}

await story(async (browser) => {
  const page = await administrator(browser);
  await heading(page, 'All is well');
  await publish(page);
  await other(page);
  await give(page);
  await weekdays(page);
  await take(page);
  await remove(page);
});
