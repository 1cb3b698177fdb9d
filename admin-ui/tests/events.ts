// What the gateway tells by itself: locked elsewhere, after a restart of the gateway too; and what the page says before.
import type { Page } from 'playwright-core';
import type { DoorView } from '../src/lib/api/document.d.ts';
import { ensure, story, want } from './browser.ts';
import {
  accessible,
  button,
  fields,
  fits,
  followed,
  heading,
  locked,
  opened,
  type Person,
  signIn,
  who,
} from './page.ts';

const URL_ = 'https://door.example.org/';
const DOOR = '/api/v1/door';
/** Nothing on a page takes longer, in milliseconds. */
const PATIENCE = 10_000;
/** From IT's *end* to the locked page, in milliseconds: far less than it takes to ask again. */
const AT_ONCE = 2_000;
const MIN = 60_000;

async function enter(page: Page, person: Person) {
  const code = await want('code');
  // The one of before knows nobody: the page takes up another.
  const line = followed(page);
  await signIn(page, person, 'Open the office', code);
  await opened(page);
  await line;
  await page.getByText('Signed in as').waitFor();
}

/** IT ends it: the page hears of it without asking. */
async function lockedElsewhere(page: Page, when: string) {
  let asked = 0;
  const count = (request: { url(): string }) => (asked += request.url().endsWith(DOOR) ? 1 : 0);
  page.on('request', count);
  const begun = Date.now();
  await want('lock');
  await locked(page);
  const took = Date.now() - begun;
  page.off('request', count);
  console.log(`${when}: locked on the page after ${took} ms`);
  ensure(took <= AT_ONCE, `${when}: the page took ${took} ms`);
  ensure(asked === 0, `${when}: the page asked ${asked} times`);
  await page.getByRole('status').filter({ hasText: 'Your office has locked.' }).waitFor();
}

/** As if the door were open for so long: what a page shows that is asked, not told. */
async function soon(page: Page, view: DoorView, news: Partial<DoorView>) {
  await page.unrouteAll();
  const until = Date.now() + (news.remaining_ms ?? 0);
  await page.route(`**${DOOR}`, (route) => route.fulfill({ json: { ...view, state: 'open', until, ...news } }));
  await page.route(`**${DOOR}/events`, (route) => route.abort());
  await page.goto(URL_);
  await opened(page);
}

async function warned(page: Page) {
  const view = await page.evaluate((path) => fetch(path).then((r) => r.json() as Promise<DoorView>), DOOR);
  await soon(page, view, { remaining_ms: 12 * MIN, unused_ms: 12 * MIN });
  await page
    .getByRole('status')
    .filter({ hasText: /^Your office locks at .* enter your code to go on\.$/ })
    .waitFor();
  ensure((await page.title()).startsWith('12 min left – '), `the title is ${await page.title()}`);
  await fields(page).code.waitFor();
  await fits(page, 'warned');
  await accessible(page, 'warned');

  await soon(page, view, { remaining_ms: 4 * MIN, unused_ms: 4 * MIN });
  await page.getByRole('alert').filter({ hasText: 'Your office locks at ' }).waitFor();
  await button(page, 'Extend with a code').click();
  await page.getByText('Please enter the code.').waitFor();

  await soon(page, view, { remaining_ms: 300 * MIN, unused_ms: 14 * MIN, idle_ms: 116 * MIN });
  await page
    .getByRole('status')
    .filter({ hasText: /^Not used since .* unless you use it/ })
    .waitFor();
  ensure((await page.title()).startsWith('Locks in 14 min – '), `the title is ${await page.title()}`);

  await soon(page, view, { remaining_ms: 27 * MIN, unused_ms: 27 * MIN, grace: true });
  await page.getByRole('status').filter({ hasText: 'you were at work' }).waitFor();
  await fits(page, 'grace');
}

interface Notices {
  asked: number;
  told: string[];
}

/** The browser's own notices: asked for by a click alone, and told to who looks elsewhere. */
async function toldElsewhere(page: Page) {
  const view = await page.evaluate((path) => fetch(path).then((r) => r.json() as Promise<DoorView>), DOOR);
  await page.addInitScript(() => {
    const notices: Notices = { asked: 0, told: [] };
    const Notice = function (_: string, { body }: { body: string }) {
      notices.told.push(body);
    };
    const requestPermission = () => {
      notices.asked += 1;
      return Promise.resolve(Object.assign(Notice, { permission: 'granted' }).permission);
    };
    Object.assign(Notice, { permission: 'default', requestPermission });
    Object.assign(window, { Notification: Notice, notices });
    document.hasFocus = () => false;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (at) {
      notes += 1;
      start.call(this, at);
    };
    let notes = 0;
    Object.assign(window, { notes: () => notes });
  });
  const notes = () => page.evaluate(() => (window as unknown as { notes(): number }).notes());
  const notices = () => page.evaluate(() => (window as unknown as { notices: Notices }).notices);
  await soon(page, view, { remaining_ms: 4 * MIN, unused_ms: 4 * MIN });
  await page.getByRole('alert').filter({ hasText: 'Your office locks at ' }).waitFor();
  const before = await notices();
  ensure(before.asked + before.told.length === 0, `without a click: ${JSON.stringify(before)}`);
  await button(page, 'Tell me before it locks').click();
  await page.getByText('You will be told before it locks.').waitFor();
  ensure((await notes()) === 0, 'it is heard unasked');
  await page.getByLabel('A soft sound before it locks').check();
  await page.waitForFunction(() => (window as unknown as { notes(): number }).notes() === 2);
  await page.unrouteAll();
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await locked(page);
  await page.waitForFunction(() => (window as unknown as { notes(): number }).notes() === 4);
  const { asked, told } = await notices();
  ensure(asked === 1 && told.join() === 'Your office has locked. Sign in to go on.', `asked ${asked}, told ${told}`);
}

await story(async (browser) => {
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const person = await who();
  const first = followed(page);
  await page.goto(URL_);
  await locked(page);
  await first;
  await enter(page, person);
  await lockedElsewhere(page, 'open');

  await enter(page, person);
  const again = followed(page);
  await want('restart');
  await again;
  await heading(page, /^Your office is open until /);
  await lockedElsewhere(page, 'after a restart');

  await warned(page);
  await page.unrouteAll();
  await toldElsewhere(page);
});
