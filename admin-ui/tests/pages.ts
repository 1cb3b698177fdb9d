// Every page in every language: nothing overflows or is cut off on a small telephone, and here is how it looks.
// Kept by `make screenshots` and, for the guides, by `make pictures`.
import type { Browser, Page } from 'playwright-core';
import { administrator, OFFICE, row } from './admin.ts';
import { ensure, story, want } from './browser.ts';
import { complete, CONSOLE, PORTAL, settling, VISITOR, type Named } from './every.ts';
import { button, locked, opened, signIn, who } from './page.ts';
import { asked, DESK, LANGUAGES, PHONE, picture, pictured, shoot, speak, type Lens } from './pictures.ts';

/** Every language at both widths; dark too where it is kept. */
async function keep(page: Page, name: string, lens: Lens) {
  for (const language of LANGUAGES) {
    await speak(page, language);
    for (const width of [PHONE, DESK]) {
      await page.setViewportSize({ width, height: width === PHONE ? 780 : 900 });
      const wrong = await page.evaluate(faults);
      ensure(wrong.length === 0, `${name} in ${language} at ${width} px: ${wrong.join('; ')}`);
      await shoot(page, language, `${name}-${width}`);
    }
    if (language === 'fr') {
      await page.emulateMedia({ colorScheme: 'dark' });
      await shoot(page, language, `${name}-${DESK}-dark`);
      await page.emulateMedia({ colorScheme: null });
    }
  }
  await speak(page, 'en');
  await pictured(page, name, lens);
}

/** What is wider than its place: the page, or words in a box that hides the rest of them. */
function faults(): string[] {
  const root = document.documentElement;
  const over = root.scrollWidth - root.clientWidth;
  const cut = [...document.querySelectorAll('main *, header *')].filter((element) => {
    const { overflowX, clipPath } = getComputedStyle(element);
    const hides = overflowX === 'hidden' || overflowX === 'clip';
    return hides && clipPath === 'none' && element.scrollWidth > element.clientWidth + 1;
  });
  return [...(over > 0 ? [`${over} px too wide`] : []), ...cut.map((e) => `cut off: ${e.outerHTML.slice(0, 200)}`)];
}

/** Each of these, once all it asked for has come. */
async function keepAll(page: Page, pages: readonly Named[], lens: Lens, before = '') {
  const settled = settling(page);
  for (const named of pages) {
    await settled(named);
    await keep(page, before + named[0], lens);
  }
}

async function console_(browser: Browser) {
  const page = await administrator(browser);
  await keepAll(page, CONSOLE, 'desk', 'admin-');
  if (asked) await states(page);
}

/** What the guides tell of besides: somebody invited, a list looked through, a share published, who gains by a change. */
async function states(page: Page) {
  const dialog = page.getByRole('dialog');
  await page.goto(`${OFFICE}/admin/people/import`);
  const list =
    'Name;User name;Language;Groups\r\nZoé Martin;zoe;fr;Atelier\r\nJan De Smet;jan;nl;\r\n;eva smit;nl;\r\n';
  const buffer = Buffer.from(list, 'utf8');
  await page.getByLabel('Choose the file').setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer });
  await row(page, 'Jan De Smet').waitFor();
  await picture(page, 'admin-import-looked', 'desk', page.locator('main .notice'), page.locator('table'));

  await page.goto(`${OFFICE}/admin/people/person?login=amelie`);
  await button(page, 'Invite').click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Invite' }).click();
  await dialog.locator('code').waitFor();
  await picture(page, 'admin-invited', 'column', dialog);
  await dialog.getByRole('link', { name: 'Print the sheet' }).click();
  await page.getByRole('article').waitFor();
  await picture(page, 'admin-sheet', 'desk', page.getByRole('article'));

  await page.goto(`${OFFICE}/admin/resources`);
  await button(page, 'Publish a share of a Windows domain').click();
  await dialog.getByRole('button', { name: 'Add a domain controller' }).click();
  await dialog.getByLabel('The server’s whole name').fill('archive.office.lan');
  await dialog.getByLabel('Its address in the office').fill('192.168.1.21');
  await dialog.getByLabel('Whole name', { exact: true }).fill('dc1.office.lan');
  await dialog.getByLabel('Address in the office', { exact: true }).fill('192.168.1.22');
  await picture(page, 'admin-office-share', 'column', dialog);

  await page.goto(`${OFFICE}/admin/access`);
  const access = page.getByRole('region', { name: 'Access' });
  await access.getByRole('button', { name: /^Atelier, files: no access$/ }).click();
  const preview = page.getByRole('region', { name: 'Before you save' });
  await preview.getByText(/people gain files/).waitFor();
  await picture(page, 'admin-access-preview', 'desk');
}

async function portal(browser: Browser) {
  const context = await browser.newContext({ locale: 'en-GB' });
  const page = await context.newPage();
  const person = await who();
  await page.goto(`${OFFICE}/`);
  await locked(page);
  await keep(page, 'locked', 'phone');
  await signIn(page, person);
  await opened(page);
  await keepAll(page, [...PORTAL, ['nowhere', '/nowhere']], 'phone');
}

async function visitor(browser: Browser) {
  complete();
  await keepAll(await (await browser.newContext({ locale: 'en-GB' })).newPage(), VISITOR, 'phone');
}

const PARTS: Record<string, (browser: Browser) => Promise<void>> = { console: console_, portal, visitor };

await story(async (browser) => {
  const part = PARTS[await want('part')];
  ensure(part !== undefined, 'no such part');
  await part(browser);
});
