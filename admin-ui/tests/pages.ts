// Every page in every language: nothing overflows or is cut off on a small telephone, and here is how it looks.
// With PASSERELLE_SCREENSHOTS, a folder, each is kept as LANGUAGE/PAGE-WIDTH[-dark].png.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page, Request } from 'playwright-core';
import { administrator, OFFICE } from './admin.ts';
import { ensure, story, want } from './browser.ts';
import { button, fields, heading, locked, opened } from './page.ts';

const LANGUAGES = ['en', 'fr', 'nl', 'ca', 'es'];
const [PHONE, DESK] = [360, 1280];
const FOLDER = process.env['PASSERELLE_SCREENSHOTS'];

/** What each page says when it is there, by its heading's language-free place: the first heading. */
const CONSOLE: [name: string, path: string][] = [
  ['overview', '/admin'],
  ['people', '/admin/people'],
  ['person', '/admin/people/person?login=anne'],
  ['people-import', '/admin/people/import'],
  ['people-groups', '/admin/people/groups'],
  ['people-sheets', '/admin/people/sheets'],
  ['devices', '/admin/devices'],
  ['resources', '/admin/resources'],
  ['access', '/admin/access'],
  ['live', '/admin/live'],
  ['audit', '/admin/audit'],
  ['health', '/admin/health'],
  ['settings', '/admin/settings'],
  ['settings-home', '/admin/settings/home'],
  ['settings-mail', '/admin/settings/mail'],
  ['settings-tokens', '/admin/settings/tokens'],
];

/** Every language at both widths; dark too where it is kept. */
async function keep(page: Page, name: string) {
  for (const language of LANGUAGES) {
    await page.locator('header select').selectOption(language);
    await page.waitForFunction((wanted) => document.documentElement.lang === wanted, language);
    for (const width of [PHONE, DESK]) {
      await page.setViewportSize({ width, height: width === PHONE ? 780 : 900 });
      const wrong = await page.evaluate(faults);
      ensure(wrong.length === 0, `${name} in ${language} at ${width} px: ${wrong.join('; ')}`);
      if (FOLDER) await shoot(page, language, `${name}-${width}`);
    }
    if (FOLDER && language === 'fr') {
      await page.emulateMedia({ colorScheme: 'dark' });
      await shoot(page, language, `${name}-${DESK}-dark`);
      await page.emulateMedia({ colorScheme: null });
    }
  }
  await page.locator('header select').selectOption('en');
  await page.waitForFunction(() => document.documentElement.lang === 'en');
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

async function shoot(page: Page, language: string, name: string) {
  const folder = join(FOLDER ?? '', language);
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

async function console_(browser: Browser) {
  const page = await administrator(browser);
  const asked = new Set<Request>();
  const answered = (request: Request) => asked.delete(request);
  page.on('request', (request) => asked.add(request));
  page.on('requestfinished', answered);
  page.on('requestfailed', answered);
  for (const [name, path] of CONSOLE) {
    await page.goto(OFFICE + path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    // What is heard as it happens never ends.
    const waits = () => [...asked].some((request) => !/\/(events|live)$/.test(request.url()));
    while (waits()) await page.evaluate(() => new Promise(requestAnimationFrame));
    await keep(page, `admin-${name}`);
  }
}

async function portal(browser: Browser) {
  const context = await browser.newContext({ locale: 'en-GB' });
  const page = await context.newPage();
  const person = JSON.parse(await want('person')) as { login: string; password: string };
  await page.goto(`${OFFICE}/`);
  await locked(page);
  await keep(page, 'locked');
  const { user, password, code } = fields(page);
  await user.fill(person.login);
  await password.fill(person.password);
  await code.fill(await want('code'));
  await button(page, 'Open the office').click();
  await opened(page);
  await keep(page, 'office');
  await page.goto(`${OFFICE}/devices`);
  await heading(page, 'My devices');
  await keep(page, 'devices');
  await page.goto(`${OFFICE}/checklist`);
  await page.getByLabel('Does it install updates by itself?').waitFor();
  await keep(page, 'checklist');
  await page.goto(`${OFFICE}/nowhere`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await keep(page, 'nowhere');
}

async function visitor(browser: Browser) {
  const page = await (await browser.newContext({ locale: 'en-GB' })).newPage();
  await page.goto(`${OFFICE}/`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await keep(page, 'at-the-office');
  await page.goto(`${OFFICE}/invitation`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await keep(page, 'invitation');
}

const PARTS: Record<string, (browser: Browser) => Promise<void>> = { console: console_, portal, visitor };

await story(async (browser) => {
  const part = PARTS[await want('part')];
  ensure(part !== undefined, 'no such part');
  await part(browser);
});
