// People by the console: added, invited, imported from a list, shut out, erased; and their groups.
import { readFileSync } from 'node:fs';
import { administrator, OFFICE, open, row } from './admin.ts';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading } from './page.ts';

/** As Excel writes it in an office that speaks French. */
const list = (zoe: string, mail: string) =>
  Buffer.from(
    `Prénom;Nom;Utilisateur;Courriel;Langue;Groupes\r\nZoé;Martin;${zoe};${mail};fr;workshop\r\nJan;De Smet;jan;;nl;\r\n`,
    'latin1',
  );

await story(async (browser) => {
  const page = await administrator(browser);
  const dialog = page.getByRole('dialog');
  const question = page.getByRole('alertdialog');
  const said = (text: string | RegExp) => page.getByRole('status').filter({ hasText: text }).waitFor();
  const go = async (path: string, title: string | RegExp) => {
    await page.goto(`${OFFICE}/admin/people${path}`);
    await heading(page, title);
  };

  await open(page, 'People');
  await row(page, 'anne').waitFor();
  await fits(page, 'people');
  await accessible(page, 'people');

  // Added with what the name suggests, and invited at once.
  await button(page, 'Add a person').click();
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await dialog.getByText('1 to 64 characters in one line, please.').waitFor();
  await dialog.getByLabel('Name', { exact: true }).fill('Léa d’Été');
  ensure((await dialog.getByLabel('User name').inputValue()) === 'lea.d.ete', 'no login was proposed');
  await dialog.getByLabel('User name').fill('anne');
  await dialog.getByLabel('Mail address').fill('lea at example.org');
  await dialog.getByLabel('Language').selectOption('fr');
  await dialog.getByLabel('workshop').check();
  await accessible(page, 'add');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await dialog.getByText('Write an address such as anne@example.org.').waitFor();
  await dialog.getByLabel('Mail address').fill('lea@example.org');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await dialog.getByText('Somebody has this user name already.').waitFor();
  await dialog.getByLabel('User name').fill('local');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await dialog.getByText('This user name is reserved.').waitFor();
  await dialog.getByLabel('User name').fill('lea');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('dialog', { name: 'Invitation for Léa d’Été' }).waitFor();
  const link = (await dialog.locator('code').textContent()) ?? '';
  ensure(link.startsWith(`${OFFICE}/invitation#`), `the link is ${link}`);
  await accessible(page, 'issued');
  ensure((await dialog.getByText('Send by mail').count()) === 0, 'mail is offered without a mail server');

  // The sheet is in the language of whoever gets it; its code is the link's.
  await dialog.getByRole('link', { name: 'Print the sheet' }).click();
  await heading(page, 'Invitation sheets');
  const sheet = page.getByRole('article');
  await sheet.getByText('Gardez les codes de secours').waitFor();
  ensure((await sheet.getAttribute('lang')) === 'fr', 'the sheet speaks another language');
  await sheet.getByText('Au bureau, scannez').waitFor();
  await page.getByText('The sheets name nobody to call.').waitFor();
  await page.evaluate(async () => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ contact: { text: 'Ada', phone: '101' }, language: 'es' });
    await fetch('/api/v1/settings', { method: 'PATCH', headers, body });
  });
  await page.getByRole('link', { name: 'All people' }).click();
  await heading(page, 'People');
  await page.goBack();
  await sheet.getByText('Appelez Ada, 101').waitFor();
  const token = (await sheet.locator('code').last().textContent()) ?? '';
  ensure(link.endsWith(`#${token}`), 'the sheet has another code');
  await fits(page, 'sheet');
  await accessible(page, 'sheet');
  await page.emulateMedia({ media: 'print' });
  ensure(!(await page.getByRole('navigation').first().isVisible()), 'the menu is printed');
  ensure(await sheet.isVisible(), 'the sheet is not printed');
  await page.emulateMedia({ media: null });
  await page.reload();
  await page.getByText('There is nothing to print').waitFor();
  await open(page, 'People');
  await page.getByText('good until').waitFor();
  await want(`redeemed lea ${token}`);
  await page.reload();
  await row(page, 'lea').getByText('Ready').waitFor();

  // A list with an error is not taken; put right, it is taken whole.
  await page.getByRole('link', { name: 'Import a list' }).click();
  await heading(page, 'Import a list');
  await button(page, 'Look through it').click();
  await page.getByText('Choose a file or paste a list first.').waitFor();
  const file = page.getByLabel('Choose the file');
  await file.setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from('PK\u0003\u0004') });
  await page.getByText('This is a workbook.').waitFor();
  await file.setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer: list('zoé', 'zoe at home') });
  ensure((await page.getByLabel('Language, where').inputValue()) === 'es', 'not the language of the office');
  await row(page, 'zoé').getByText('letters without accents, digits').waitFor();
  await row(page, 'Zoé Martin').getByText('The mail address is none').waitFor();
  await page.getByText('One line has to be put right first').waitFor();
  ensure((await page.getByRole('button', { name: /^Add / }).count()) === 0, 'a list with an error can be taken');
  await fits(page, 'import');
  await accessible(page, 'import');
  await file.setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer: list('zoe', 'zoe@example.org') });
  await row(page, 'zoe').getByText('zoe@example.org').waitFor();
  await button(page, 'Add 2 people').click();
  await heading(page, '2 people were added.');
  await page.getByRole('link', { name: 'Invitation sheets (2)' }).click();
  await page.getByText('Bewaar de herstelcodes.').waitFor();
  ensure((await page.getByRole('article').count()) === 2, 'not a sheet for each');
  await page.getByRole('link', { name: 'All people' }).click();
  const saved = page.waitForEvent('download');
  await button(page, 'Export as CSV').click();
  const exported = readFileSync(await (await saved).path(), 'utf8');
  ensure(exported.includes('zoe,Zoé Martin,zoe@example.org,fr,workshop\r\n'), exported);
  // What is exported is what is imported: nothing in it is new, strange or left out.
  await go('/import', 'Import a list');
  await file.setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(exported) });
  await page.getByText('Everybody in this list is there already.').waitFor();
  ensure((await page.getByText('Not read:').count()) === 0, 'a column of the export is not read');
  await page.getByRole('link', { name: 'All people' }).click();

  // Shut out: what is open at home closes.
  await page.getByRole('searchbox').fill('anne');
  await row(page, 'anne').getByRole('link').click();
  await heading(page, /anne/i);
  await page.getByText(/open since/).waitFor();
  await fits(page, 'person');
  await accessible(page, 'person');
  await want('door open');
  await page.getByRole('button', { name: 'Shut out', exact: true }).click();
  await question.getByText('Every device and open door').waitFor();
  await accessible(page, 'shut out?');
  await question.getByRole('button', { name: 'Shut out' }).click();
  await said(/is shut out: nothing of theirs passes any more \(\d+ ms\)\.$/);
  await want('door shut');
  await page.getByText('No door is open now.').waitFor();
  await page.getByRole('button', { name: 'Let in again', exact: true }).click();
  await question.getByRole('button', { name: 'Let in again' }).click();
  await said('may come in again');
  await button(page, 'Change').first().click();
  await dialog.getByLabel('Name', { exact: true }).fill('Anne Dubois');
  await dialog.getByLabel('Mail address').fill('anne@example.org');
  await dialog.getByLabel('Language').selectOption('ca');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await heading(page, 'Anne Dubois');
  await page.getByText('anne@example.org').waitFor();

  // The last administrator is kept, and is not asked to leave by this page.
  await go('/person?login=ada', /ada/i);
  await page.getByText('This is you').waitFor();
  ensure((await button(page, 'Erase').count()) === 0, 'one can erase oneself');
  await button(page, 'Change').first().click();
  await dialog.getByLabel('Administrator').uncheck();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('This is the last administrator').waitFor();
  await page.keyboard.press('Escape');
  await go('/person?login=nobody-here', 'There is nobody of that user name');

  // Erased: only after the user name was typed.
  await go('/person?login=boris', /boris/i);
  await button(page, 'Erase').click();
  await dialog.getByLabel('Type boris to erase').fill('anne');
  await dialog.getByRole('button', { name: 'Erase' }).click();
  await dialog.getByText('Nothing was erased.').waitFor();
  await accessible(page, 'erase');
  await dialog.getByLabel('Type boris to erase').fill('boris');
  await dialog.getByRole('button', { name: 'Erase' }).click();
  await said(/was erased: nothing of theirs passes any more \(\d+ ms\)\.$/);
  await want('erased boris');
  await page.getByRole('button', { name: 'All people' }).click();
  await row(page, 'anne').waitFor();
  ensure((await row(page, 'boris').count()) === 0, 'he is still there');

  // Groups: members, another name, and what is lost with one.
  await page.getByRole('link', { name: 'Groups' }).click();
  await heading(page, 'Groups');
  await button(page, 'Add a group').click();
  await dialog.getByLabel('Name of the group').fill('workshop');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await dialog.getByText('There is a group of this name already.').waitFor();
  await dialog.getByLabel('Name of the group').fill('Board');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await button(page, 'Members: Board').click();
  await dialog.getByLabel('(jan)').check();
  await dialog.getByLabel('(zoe)').check();
  await dialog.getByText(/New in the group: .*Jan De Smet.*reaches nothing yet/).waitFor();
  await accessible(page, 'members');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await row(page, 'Board').getByText('Jan De Smet').waitFor();
  await button(page, 'Rename: Board').click();
  await dialog.getByLabel('Name of the group').fill('Management');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await row(page, 'Management').getByText('Jan De Smet').waitFor();
  await button(page, 'Members: Management').click();
  await dialog.getByLabel('(zoe)').uncheck();
  await dialog.getByText('No longer in the group: Zoé Martin.').waitFor();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await row(page, 'Management').getByText('Jan De Smet', { exact: true }).waitFor();
  await button(page, 'Members: workshop').click();
  await dialog.getByLabel('(jan)').check();
  await dialog.getByText(/New for Jan De Smet: access to .*files/).waitFor();
  await page.keyboard.press('Escape');
  await fits(page, 'groups');
  await accessible(page, 'groups');
  await button(page, 'Remove: workshop').click();
  await question.getByText(/Anne Dubois.*can then no longer reach .*files/).waitFor();
  await page.keyboard.press('Escape');
  await button(page, 'Remove: Management').click();
  await question.getByText('Nobody loses anything by it.').waitFor();
  await question.getByRole('button', { name: 'Remove' }).click();
  await said('The group Management was removed');
});
