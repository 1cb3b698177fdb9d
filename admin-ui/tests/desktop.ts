// A PC of the office in this browser: asked for, shown, used, and every way it ends said in words.
import { readFileSync } from 'node:fs';
import type { Browser, Locator, Page } from 'playwright-core';
import { OFFICE } from './admin.ts';
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, heading, locked, opened, signIn, who } from './page.ts';
import { picture } from './pictures.ts';

const PATIENCE = 30_000;
/** Whoever may not go on is told so within this: a second for the gateway, and what the browser takes to ask. */
const CUT_MS = 2_000;

declare global {
  interface Window {
    reads: number;
  }
}

interface Desk {
  user: string;
  password: string;
  colour: [number, number, number];
}

/** What the picture shows at a place of it, in parts of its width and height. */
const pixel = (page: Page, x: number, y: number) =>
  page.evaluate(
    ([x, y]) => {
      const canvas = document.querySelector('iron-remote-desktop')?.shadowRoot?.querySelector('canvas');
      if (!canvas) return null;
      const copy = new OffscreenCanvas(1, 1).getContext('2d');
      copy?.drawImage(canvas, -Math.floor(x * canvas.width), -Math.floor(y * canvas.height));
      const colour = [...(copy?.getImageData(0, 0, 1, 1).data ?? [])].slice(0, 3);
      return { width: canvas.width, height: canvas.height, colour };
    },
    [x, y] as const,
  );

/** RemoteFX rounds a little. */
const near = (seen: readonly number[], meant: readonly number[]) =>
  meant.every((part, nth) => Math.abs(part - (seen[nth] ?? -99)) <= 6);

/** What is drawn comes to be so. */
async function painted(page: Page, what: string, x: number, y: number, as: (colour: number[]) => boolean) {
  const late = performance.now() + PATIENCE;
  for (;;) {
    const seen = await pixel(page, x, y);
    if (seen && as(seen.colour)) return seen;
    ensure(performance.now() < late, `${what}: ${JSON.stringify(seen)}`);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
}

const lit = (colour: number[]) => colour.some((part) => part > 40);

/** Goes there by the form. */
async function connect(page: Page, { user, password }: Pick<Desk, 'user' | 'password'>, action = 'Connect') {
  const [name, secret] = [page.getByLabel('User name on the PC'), page.getByLabel('Password on the PC')];
  if ((await name.inputValue()) !== user) await name.fill(user);
  await secret.fill(password);
  await button(page, action).click();
}

const shown = (page: Page) => button(page, 'Disconnect').waitFor();
const ended = (page: Page, text: string | RegExp) => page.getByRole('alert').filter({ hasText: text }).waitFor();
const again = (page: Page) => button(page, 'Connect again').click();

const isFocused = (what: Locator) => what.evaluate((element) => element === document.activeElement);

/** From the portal, as people come. */
async function come(page: Page, pc: string) {
  await page.goto(`${OFFICE}/`);
  await opened(page);
  await page.getByRole('link', { name: `Connect: ${pc}` }).click();
  await heading(page, `${pc} in this browser`);
}

async function refusals(page: Page, desk: Desk) {
  await button(page, 'Connect').click();
  ensure((await page.getByText('Please fill this in.').count()) === 2, 'what is missing is not said');
  await fits(page, 'a desktop asked for');
  await accessible(page, 'a desktop asked for');
  await picture(page, 'desktop', 'phone');
  await connect(page, { ...desk, password: 'Wrong-Secret-1' });
  await ended(page, 'user name or password was not right');
  ensure(await isFocused(page.locator('h1')), 'nobody is led to what is said');
  await fits(page, 'a password refused');
  await accessible(page, 'a password refused');
  await again(page);
  ensure((await page.getByLabel('User name on the PC').inputValue()) === desk.user, 'what was typed is gone');
  const secret = page.getByLabel('Password on the PC');
  ensure((await secret.inputValue()) === '', 'the password is kept');
  ensure(await isFocused(secret), 'the password is not where one types');
  // Another day, a name that did not let them in is no help.
  await page.reload();
  await heading(page, 'pc-cad in this browser');
  await secret.waitFor();
  ensure((await page.getByLabel('User name on the PC').inputValue()) === '', 'a name that was refused is remembered');
}

async function picture_(page: Page, desk: Desk) {
  await page.setViewportSize({ width: 1280, height: 800 });
  const began = performance.now();
  await connect(page, desk);
  const seen = await painted(page, 'the screen is not blue', 0.9, 0.9, (colour) => near(colour, desk.colour));
  console.log(`click to first frame: ${Math.round(performance.now() - began)} ms`);
  ensure(seen.width === 1024 && seen.height === 768, `the screen is ${seen.width} × ${seen.height}`);
  const all = JSON.parse(await want('list')) as { workstation: string }[];
  ensure(all.length === 1 && all[0]?.workstation === 'pc-cad', `IT sees ${JSON.stringify(all)}`);
}

async function keys(page: Page) {
  const place = await page.locator('iron-remote-desktop').evaluate((element) => {
    const { x, y, width, height } =
      element.shadowRoot?.querySelector('canvas')?.getBoundingClientRect() ?? new DOMRect();
    return { x: x + width * 0.1, y: y + height * 0.05 };
  });
  // The terminal is where the mouse is.
  await page.mouse.move(place.x, place.y);
  await page.mouse.click(place.x, place.y);
  await page.keyboard.type('bonjour');
  await page.keyboard.press('Tab');
  await page.keyboard.type('1');
  await page.keyboard.press('Enter');
  const typed = await want('typed');
  ensure(/^bonjour[\t ]1$/.test(typed), `what was typed is ${JSON.stringify(typed)}`);
}

/** The same of what covers the page; the language is chosen below it. */
async function fitsAbove(page: Page, state: string) {
  const below = (inert: boolean) =>
    page.locator('header').evaluate((header: HTMLElement, inert) => void (header.inert = inert), inert);
  await below(false);
  await fits(page, state);
  await below(true);
  await accessible(page, state);
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** How often the page has looked at this computer's clipboard. */
const reads = (page: Page) => page.evaluate(() => window.reads);

async function bar(page: Page) {
  const focused = (name: string) => isFocused(button(page, name));
  await page.keyboard.press('Control+Alt+Home');
  ensure(await focused('Menu'), 'the chord does not lead to the bar');
  await page.keyboard.press('Enter');
  await page.getByText('Ctrl+Alt+Home leads back to this bar').first().waitFor();
  for (const name of ['Ctrl+Alt+Del', 'Windows key']) await button(page, name).waitFor();
  await page.getByText(/^\d+\sms/).waitFor();
  const another = button(page, 'Reconnect at this size');
  ensure((await another.count()) === 0, 'another size is offered of a PC that has one of its own');
  await fitsAbove(page, 'a desktop with its menu');
  await page.getByLabel('Picture').selectOption({ label: 'Real size, scrolled' });
  await page.getByLabel('Picture').selectOption({ label: 'Fits the window' });
  await page.getByLabel('Keyboard').selectOption({ label: 'By character' });
  await page.getByLabel('Keyboard').selectOption({ label: 'By key' });
  ensure((await reads(page)) === 0, 'this computer’s clipboard was read before anybody wished it');
  await page.getByText('The PC has offered no clipboard so far.').waitFor();
  for (const name of ['Send my clipboard', 'Take the PC’s clipboard'])
    ensure((await button(page, name).count()) === 0, `${name}: there is none`);
  // The component takes the focus wherever the pointer comes over it, as when what covered it is gone.
  await page.mouse.move(2, 2);
  await button(page, 'Close the menu').focus();
  await page.keyboard.press('Escape');
  ensure(await focused('Menu'), 'the focus is lost with the menu');
  ensure((await button(page, 'Close the menu').count()) === 0, 'Esc does not close the menu');
  await button(page, 'Hide the bar').click();
  await page.keyboard.press('Control+Alt+Home');
  ensure(await focused('Menu'), 'the chord does not bring the bar back');
  await fitsAbove(page, 'a desktop');
}

async function cut(page: Page) {
  const began = performance.now();
  await want('policy removed');
  await ended(page, 'Your access to this PC has ended.');
  const took = Math.round(performance.now() - began);
  console.log(`policy removed to words: ${took} ms, the command line's own time with it`);
  ensure(took < CUT_MS + 1_000, `it takes ${took} ms`);
  await want('policy added');
}

async function death(page: Page, desk: Desk) {
  await come(page, 'pc-cad');
  await connect(page, desk);
  await shown(page);
  await painted(page, 'nothing is shown', 0.9, 0.9, lit);
  await want('dead');
  await ended(page, 'The PC has ended it');
  await again(page);
  await connect(page, desk);
  await ended(page, /^The PC (did not answer|was still starting)/);
  await want('alive');
  await again(page);
}

/** The gateway's control plane is killed under it, and is back at once: said in words, and one comes again. */
async function restart(page: Page, desk: Desk) {
  await connect(page, desk);
  await painted(page, 'nothing is shown', 0.9, 0.9, lit);
  await want('restarted');
  await ended(page, 'The connection was cut, and the office does not say why');
  await again(page);
}

/** The part that speaks RDP fails as it does: an error of the window's, and silence. */
async function crash(page: Page, desk: Desk) {
  await connect(page, desk);
  await painted(page, 'nothing is shown', 0.9, 0.9, lit);
  await page.evaluate(() => window.dispatchEvent(new ErrorEvent('error', { message: 'RuntimeError: unreachable' })));
  await ended(page, 'has crashed');
  const loaded = page.waitForEvent('load');
  await button(page, 'Reload this page').click();
  await loaded;
  await heading(page, 'pc-cad in this browser');
}

/** The same PC in another window of one's own. This PC shows its one screen to both; Windows would end the first. */
async function twice(page: Page, desk: Desk) {
  await connect(page, desk);
  await shown(page);
  const other = await page.context().newPage();
  await come(other, 'pc-cad');
  await other.getByText('You have this PC open in another window').waitFor();
  await connect(other, desk);
  await shown(other);
  const all = JSON.parse(await want('list')) as { login: string }[];
  ensure(all.length === 2 && all.every(({ login }) => login === 'anne'), `IT sees ${JSON.stringify(all)}`);
  await other.close();
  await page.bringToFront();
  await painted(page, 'the first window is dark', 0.9, 0.9, lit);
}

/** Where somebody came in, they type the password alone another day. */
async function remembered(page: Page, desk: Desk) {
  await come(page, 'pc-cad');
  await page.getByLabel('Password on the PC').waitFor();
  ensure((await page.getByLabel('User name on the PC').inputValue()) === desk.user, 'the name is not remembered');
}

/** TLS alone, at the size that this window has. */
async function tls(page: Page) {
  await come(page, 'pc-linux');
  await connect(page, { user: 'anybody', password: 'whatever' });
  const { width, height } = await painted(page, 'nothing is shown', 0.5, 0.5, lit);
  ensure(width === 1280 && height % 4 === 0 && height > 700, `it is ${width} × ${height}`);
  await page.setViewportSize({ width: 1500, height: 900 });
  await button(page, 'Menu').click();
  await button(page, 'Reconnect at this size').click();
  await page.getByText('Type your password once more').waitFor();
  await connect(page, { user: 'anybody', password: 'whatever' });
  const wider = await painted(page, 'nothing is shown at another size', 0.5, 0.5, lit);
  ensure(wider.width === 1472, `it is ${wider.width} wide`);
  await button(page, 'Disconnect').click();
  await ended(page, 'You have left this PC.');
}

async function shownAndEnded(page: Page) {
  const desk = JSON.parse(await want('desk')) as Desk;
  await come(page, 'pc-cad');
  await refusals(page, desk);
  await picture_(page, desk);
  await keys(page);
  await bar(page);
  await cut(page);
  await death(page, desk);
  await restart(page, desk);
  await crash(page, desk);
  await twice(page, desk);
  await remembered(page, desk);
  await tls(page);
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  ensure(!kept.includes(desk.password) && kept.includes(desk.user), `kept in the browser: ${kept}`);
}

async function woken(page: Page) {
  await come(page, 'pc-compta');
  await page.getByText('pc-compta is woken first.').waitFor();
  await connect(page, { user: 'marta', password: 'whatever' }, 'Wake and connect');
  await page.getByRole('progressbar').waitFor();
  await fits(page, 'a desktop that wakes');
  await accessible(page, 'a desktop that wakes');
  await want('called');
  await shown(page);
  await button(page, 'Disconnect').click();
  await ended(page, 'You have left this PC.');
  await want('sign in');
  await page.goto(`${OFFICE}/desktop?name=pc-compta`);
  await page.getByText('Somebody is at it').waitFor();
  await connect(page, { user: 'marta', password: 'whatever' });
  await ended(page, 'Somebody was at the PC.');
}

/** Without a tunnel: signed in, a PC, and nothing else; over as soon as IT no longer wants it. */
async function outside(page: Page) {
  await page.goto(`${OFFICE}/`);
  await heading(page, 'Switch your tunnel on first');
  await want('on');
  // The page asks by itself whether the portal answers.
  await heading(page, 'Use an office computer here');
  await fits(page, 'signing in without the tunnel');
  await accessible(page, 'signing in without the tunnel');
  const person = await who();
  await signIn(page, person, 'Sign in', '000000');
  await page.getByText('was not right').first().waitFor();
  await signIn(page, person, 'Sign in');
  await opened(page);
  await page.getByText('You are not in the tunnel').waitFor();
  await page.getByRole('link', { name: 'Connect: pc-linux' }).waitFor();
  ensure((await page.getByText('\\\\files').count()) === 0, 'a share is offered');
  ensure((await page.getByText('File for my RDP app').count()) === 0, 'a file for an app is offered');
  ensure((await page.getByRole('link', { name: 'My devices' }).count()) === 0, 'pages are offered that are not there');
  await fits(page, 'the office without the tunnel');
  await accessible(page, 'the office without the tunnel');
  await page.getByRole('link', { name: 'Connect: pc-linux' }).click();
  await heading(page, 'pc-linux in this browser');
  await page.setViewportSize({ width: 1280, height: 800 });
  await connect(page, { user: 'anybody', password: 'whatever' });
  await painted(page, 'nothing is shown', 0.5, 0.5, lit);
  const all = JSON.parse(await want('list')) as { login: string; device_name: string }[];
  ensure(all.length === 1 && all[0]?.login === 'anne', `IT sees ${JSON.stringify(all)}`);
  const began = performance.now();
  await want('off');
  await page.locator('canvas').waitFor({ state: 'detached' });
  await page.getByRole('alert').waitFor();
  const took = Math.round(performance.now() - began);
  console.log(`switched off to words: ${took} ms, the command line's own time with it`);
  ensure(took < CUT_MS + 1_000, `it takes ${took} ms`);
  await page.goto(`${OFFICE}/`);
  await heading(page, 'Switch your tunnel on first');
}

/** A key of a keyboard with this layout: where it is, what it writes there, and what it is held with. */
type Key = [code: string, writes: string, held?: 'AltRight'];

/** As they are typed on a French (AZERTY) keyboard; the last has `ê` of a dead key. */
const TYPED: [string, Key[], keys: string[]][] = [
  ['a', [['KeyQ', 'a']], ['10']],
  ['é', [['Digit2', 'é']], ['03']],
  ['à', [['Digit0', 'à']], ['0b']],
  ['ç', [['Digit9', 'ç']], ['0a']],
  ['œ', [['KeyO', 'œ', 'AltRight']], ['e038', '18']],
  ['€', [['KeyE', '€', 'AltRight']], ['e038', '12']],
  [
    'ê',
    [
      ['BracketLeft', 'Dead'],
      ['KeyE', 'ê'],
    ],
    ['1a', '12'],
  ],
];

/** What the recording PC has said since there were so many lines, once it is `enough`. */
async function said(page: Page, from: number, enough: (lines: string[]) => boolean): Promise<string[]> {
  const late = performance.now() + 5_000;
  for (;;) {
    const lines = (JSON.parse(await want('said')) as string[]).slice(from);
    if (enough(lines) || performance.now() > late) return lines;
    await page.waitForTimeout(50);
  }
}

const linesSoFar = async () => (JSON.parse(await want('said')) as string[]).length;

/** Presses and lets go, as the browser has it of a keyboard that is not this one's. */
async function type(page: Page, keys: Key[]) {
  const line = await page.context().newCDPSession(page);
  for (const [code, key, held] of keys) {
    const text = key.length === 1 ? { text: key, unmodifiedText: key } : {};
    if (held) await line.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', code: held, key: 'AltGraph' });
    await line.send('Input.dispatchKeyEvent', { type: 'keyDown', code, key, ...text });
    await line.send('Input.dispatchKeyEvent', { type: 'keyUp', code, key });
    if (held) await line.send('Input.dispatchKeyEvent', { type: 'keyUp', code: held, key: 'AltGraph' });
  }
  await line.detach();
}

const exactly = (what: string, seen: string[], meant: string[]) =>
  ensure(seen.join() === meant.join(), `${what}: ${seen.join(', ')} instead of ${meant.join(', ')}`);

/** By key: every position, down and up, whatever it writes here. */
async function byKey(page: Page) {
  for (const [what, keys, codes] of TYPED) {
    const from = await linesSoFar();
    await type(page, keys);
    const lines = await said(page, from, (lines) => lines.length >= 2 * codes.length);
    const down = lines.filter((line) => line.startsWith('key ')).map((line) => line.slice(4));
    const up = lines.filter((line) => line.startsWith('up ')).map((line) => line.slice(3));
    exactly(`${what}, by key`, down, codes);
    exactly(`${what}, let go`, up.sort(), [...codes].sort());
  }
}

async function byCharacter(page: Page) {
  await chooseKeys(page, 'By character');
  const [from, meant] = [await linesSoFar(), TYPED.map(([what]) => `character ${what.codePointAt(0)}`)];
  for (const [, keys] of TYPED) await type(page, keys);
  const written = (lines: string[]) => lines.filter((line) => line.startsWith('character'));
  const lines = await said(page, from, (lines) => written(lines).length >= meant.length);
  exactly(`by character (${lines.join(', ')})`, written(lines), meant);
  await chooseKeys(page, 'By key');
}

async function chooseKeys(page: Page, how: string) {
  await page.keyboard.press('Control+Alt+Home');
  await page.keyboard.press('Enter');
  await page.getByLabel('Keyboard').selectOption({ label: how });
  await button(page, 'Close the menu').click();
  await page.locator('iron-remote-desktop').hover();
}

async function clipboards(page: Page) {
  const text = 'Ça coûte 12 €, l’été — où ?';
  await page.evaluate((text) => navigator.clipboard.writeText(text), text);
  const from = await linesSoFar();
  await page.waitForTimeout(1_000);
  ensure((await linesSoFar()) === from, 'the PC hears of a clipboard before anybody sends it');
  await button(page, 'Send my clipboard').click();
  await page.getByText('Sent: paste it on the PC.').waitFor();
  const lines = await said(page, from, (lines) => lines.some((line) => line.startsWith('text')));
  ensure(lines.includes(`text ${JSON.stringify(text)}`), `the PC has ${lines.join(', ')}`);

  const theirs = 'Où est l’œuvre n° 7 ? À 10 €.';
  await want(`copy ${theirs}`);
  await page.waitForTimeout(1_000);
  const kept = await page.evaluate(() => navigator.clipboard.readText());
  ensure(kept === text, `this computer's clipboard is ${kept} before anybody takes the PC's`);
  await button(page, 'Take the PC’s clipboard').click();
  await page.getByText('Taken: paste it here.').waitFor();
  const taken = await page.evaluate(() => navigator.clipboard.readText());
  ensure(taken === theirs, `taken: ${taken}`);
}

/** The same bytes on both sides, in which no part is like another. */
const content = (length: number) => Buffer.from(Uint8Array.from({ length }, (_, nth) => (nth * 7 + (nth >> 8)) % 251));

async function files(page: Page) {
  await button(page, 'Menu').click();
  const chooser = page.locator('input[type="file"]');
  const from = await linesSoFar();
  const name = 'plan d’été.pdf';
  await chooser.setInputFiles({ name, mimeType: 'application/pdf', buffer: content(300_001) });
  await page.getByText(/^Now paste them on the PC\./).waitFor();
  const lines = await said(page, from, (lines) => lines.some((line) => line.startsWith('file')));
  exactly('the PC took', lines, [`file "${name}" 300001`]);
  await page.getByText('Sent', { exact: true }).waitFor();
  ensure((await want(`received 300001 ${name}`)) === 'the same', 'what arrived is not what was sent');
  await want('offer 700003 relevé de compte.csv');
  await page.getByText('Files were copied on the PC').waitFor();
  await fitsAbove(page, 'a desktop with files');
  await page.setViewportSize({ width: 1280, height: 800 });
  const downloading = page.waitForEvent('download');
  await button(page, 'Save relevé de compte.csv').click();
  const download = await downloading;
  ensure(download.suggestedFilename() === 'relevé de compte.csv', `it is named ${download.suggestedFilename()}`);
  const kept = readFileSync(await download.path());
  ensure(kept.equals(content(700_003)), `${kept.length} bytes came, and are not what was copied`);
  await page.getByText('Given to your browser').waitFor();
  await button(page, 'Close the menu').click();
}

/** From a key to what it changes on the picture, the browser's own drawing with it. */
async function keyToPixel(page: Page) {
  const took: number[] = [];
  for (let nth = 0; nth < 21; nth += 1) {
    const before = (await pixel(page, 0.01, 0.01))?.colour.join();
    const began = performance.now();
    await page.keyboard.press('a');
    await painted(page, 'a key changes nothing', 0.01, 0.01, (colour) => colour.join() !== before);
    took.push(performance.now() - began);
  }
  took.sort((a, b) => a - b);
  const of = (part: number) => Math.round(took[Math.floor(part * (took.length - 1))] ?? 0);
  console.log(`key to changed pixel: median ${of(0.5)} ms, nine in ten below ${of(0.9)} ms`);
}

async function recorded(page: Page) {
  const desk = JSON.parse(await want('desk')) as Desk;
  await page.setViewportSize({ width: 1280, height: 800 });
  const enter = async () => {
    await come(page, 'pc-cad');
    await connect(page, desk);
    await painted(page, 'the screen is not blue', 0.9, 0.9, (colour) => near(colour, desk.colour));
  };
  await enter();
  await page.locator('iron-remote-desktop').hover();
  await byKey(page);
  await byCharacter(page);
  await keyToPixel(page);
  await clipboards(page);
  await files(page);
  await button(page, 'Disconnect').click();
  await ended(page, 'You have left this PC.');
  // Somebody else answers at its address.
  const refused = async (text: string) => {
    await come(page, 'pc-cad');
    await connect(page, desk);
    await ended(page, text);
    await page.waitForTimeout(500);
    const lines = await said(page, 0, () => true);
    exactly('it heard', lines, ['ready']);
  };
  await want('changed');
  await refused('it shows another certificate. Your password was not sent.');
  await want('approved');
  await enter();
  await want('weaker');
  await refused('The PC offers less security than before. Your password was not sent.');
  await want('as before');
  await enter();
}

async function inTheTunnel(page: Page) {
  const person = await who();
  await page.goto(`${OFFICE}/`);
  await locked(page);
  await signIn(page, person);
  await opened(page);
}

async function prepared(browser: Browser): Promise<[Page, string[]]> {
  const context = await browser.newContext({ locale: 'en-GB' });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await context.addInitScript(() => {
    window.reads = 0;
    for (const way of ['read', 'readText'] as const) {
      const read = navigator.clipboard[way].bind(navigator.clipboard) as () => Promise<never>;
      navigator.clipboard[way] = () => {
        window.reads += 1;
        return read();
      };
    }
    document.addEventListener('securitypolicyviolation', (e) =>
      console.error(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`),
    );
  });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    // What the gateway refuses, or is not there to answer, is no fault of the page’s.
    if (
      message.text().startsWith('Failed to load resource') &&
      /\/api\/v1\/(door|door\/events|sign-in|me\/desktops?\b.*)$/.test(message.location().url)
    )
      return;
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return [page, complaints];
}

const PARTS: Record<string, (page: Page) => Promise<void>> = {
  shown: async (page) => {
    await inTheTunnel(page);
    await shownAndEnded(page);
  },
  recorded: async (page) => {
    await inTheTunnel(page);
    await recorded(page);
  },
  woken: async (page) => {
    await inTheTunnel(page);
    await woken(page);
  },
  outside,
};

await story(async (browser) => {
  const part = PARTS[await want('part')];
  ensure(part !== undefined, 'no such part');
  const [page, complaints] = await prepared(browser);
  await part(page);
  ensure(complaints.length === 0, `the browser complains: ${complaints.join(' | ')}`);
});
