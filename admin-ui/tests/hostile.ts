// Hostile text in every field that is stored: every page shows it as the text it is, and nothing of it runs.
import { randomBytes } from 'node:crypto';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { administrator, OFFICE } from './admin.ts';
import { authenticator } from './authenticator.ts';
import { ensure, story, want } from './browser.ts';
import { complete, CONSOLE, PORTAL, settling, VISITOR, type Named } from './every.ts';
import { button, heading, locked, signIn, who } from './page.ts';

const PATIENCE = 10_000;
const DAY_MS = 86_400_000;
const PHONE = { width: 390, height: 800 };

/** Where text becomes markup, an attribute, an address, a template, a query, a formula, an entity. */
const STRINGS = [
  '"><img src=x onerror=alert(1)>',
  '<svg/onload=alert(1)>',
  'javascript:alert(1)',
  '{{7*7}}${7*7}#{7*7}',
  "x'-- ; drop table users",
  '</script><script>alert(1)</script>',
  '=HYPERLINK("http://evil.example")',
  '&lt;svg onload=alert(1)&gt;%3Csvg%3E',
  'W'.repeat(56),
  '\'"><svg/onload=alert(1)>{{7*7}}</textarea></title>',
];

/** What no field takes: it turns the direction of what stands beside it, cannot be seen, or has no end. */
const NEVER = ['\u202egnp.exe', 'a\u0000b', 'W'.repeat(30_000)];

/** Local parts of mail may hold these. */
const MAIL = "{{7*7}}$'--|#@example.org";

type Ask = [method: string, path: string, body: object];

/** A field; one that is free takes any text that can be seen, the others only what they are for. */
interface Field {
  name: string;
  free: boolean;
  ask: (text: string, kept: readonly string[], n: number) => Ask;
  /** The last one stands for all: there is room for one. */
  single?: boolean;
}

const key = () => randomBytes(32).toString('base64');
const settings = (change: object): Ask => ['PATCH', '/settings', change];
const server = { from: MAIL, host: '192.168.1.10', port: 2525, security: 'none', password: 'a-kettle-of-mail' };

const FIELDS: Field[] = [
  { name: 'organisation', free: true, single: true, ask: (organisation) => settings({ organisation }) },
  { name: 'contact', free: true, single: true, ask: (text) => settings({ contact: { text, mail: MAIL } }) },
  { name: 'rules', free: true, single: true, ask: (rules) => settings({ rules }) },
  {
    name: 'link',
    free: true,
    ask: (text, kept) =>
      settings({ links: [...kept, text].map((name) => ({ name, url: `https://x.example.org/?"'><svg>${name}` })) }),
  },
  {
    name: 'question',
    free: true,
    ask: (text, kept) => settings({ checklist: [...kept, text].map((text, n) => ({ id: `own-${n}`, text })) }),
  },
  {
    name: 'person',
    free: true,
    ask: (name, _, n) => ['POST', '/users', { login: `hostile${n}`, name, mail: `${n}${MAIL}` }],
  },
  { name: 'imported', free: true, ask: (text, _, n) => ['POST', '/users/import', imported(text, n)] },
  { name: 'group', free: true, ask: (name) => ['POST', '/groups', { name }] },
  { name: 'device', free: true, ask: (name) => ['POST', '/devices', { user: 'boris', name, public_key: key() }] },
  {
    name: 'token',
    free: true,
    ask: (name) => ['POST', '/tokens', { name, scopes: ['users:read'], until: Date.now() + DAY_MS }],
  },
  { name: 'mailer', free: true, single: true, ask: (user) => ['PUT', '/settings/mail', { ...server, user }] },
  { name: 'firewalls', free: true, single: true, ask: (problem) => ['PUT', '/health/firewalls', { problem }] },
  { name: 'login', free: false, ask: (login) => ['POST', '/users', { login }] },
  { name: 'mail', free: false, ask: (mail) => ['PUT', '/users/anne/mail', { mail }] },
  { name: 'language', free: false, ask: (language) => ['PATCH', '/users/anne', { language }] },
  { name: 'telephone', free: false, ask: (phone) => settings({ contact: { phone } }) },
  { name: 'address of a link', free: false, ask: (url) => settings({ links: [{ name: 'x', url }] }) },
  { name: 'id of a question', free: false, ask: (id) => settings({ checklist: [{ id, text: 'x' }] }) },
  { name: 'endpoint', free: false, ask: (endpoint) => settings({ endpoint }) },
  { name: 'zone', free: false, ask: (zone) => settings({ office_zones: [zone] }) },
  { name: 'DNS server', free: false, ask: (resolver) => settings({ resolvers: [resolver] }) },
  { name: 'interface', free: false, ask: (name) => settings({ office_interface: name }) },
  { name: 'time zone', free: false, ask: (zone) => settings({ time_zone: zone }) },
  { name: 'resource', free: false, ask: (name) => ['POST', '/resources', resource({ name })] },
  {
    name: 'DNS name',
    free: false,
    ask: (dns, _, n) => ['POST', '/resources', resource({ name: `hostile${n}`, dns_names: [dns] })],
  },
  { name: 'hours', free: false, ask: (hours) => ['POST', '/policies', { group: 'workshop', resource: 'pc', hours }] },
  { name: 'mail host', free: false, ask: (host) => ['PUT', '/settings/mail', { ...server, host }] },
  { name: 'sender', free: false, ask: (from) => ['PUT', '/settings/mail', { ...server, from }] },
  {
    name: 'scope',
    free: false,
    ask: (scope) => ['POST', '/tokens', { name: 'x', scopes: [scope], until: Date.now() + DAY_MS }],
  },
  { name: 'who signs in', free: false, ask: (user) => ['POST', '/sign-in', { user, password: 'x', code: '000000' }] },
];

const resource = (more: object) => ({ kind: 'service', address4: '192.168.1.20', ports: [], ...more });

/** A list as a spreadsheet keeps it. */
const imported = (name: string, n: number) => ({
  csv: Buffer.from(`login,name\nlisted${n},"${name.replaceAll('"', '""')}"\n`).toString('base64'),
  dry_run: false,
});

/** Typed by whoever sends the link. */
const REFLECTED: Named[] = STRINGS.slice(0, 4).flatMap((text) => {
  const typed = encodeURIComponent(text);
  return [
    ['person', `/admin/people/person?login=${typed}`],
    ['audit', `/admin/audit?user=${typed}&event=${typed}&actor=${typed}&sort=${typed}&q=${typed}`],
    ['nowhere', `/nowhere/${typed}?${typed}#${typed}`],
    ['invitation', `/invitation?${typed}#${typed}`],
  ];
});

/** What browsers say of a page that runs something it should not; and what was stored, until it is seen. */
class Watch {
  readonly heard: string[] = [];
  readonly unseen = new Set<string>();
  pages = 0;

  async over(context: BrowserContext) {
    await context.exposeBinding('__heard', (_, what: string) => void this.heard.push(what));
    await context.addInitScript(() => {
      const told = globalThis as unknown as { __heard: (what: string) => Promise<void> };
      document.addEventListener('securitypolicyviolation', (e) => {
        void told.__heard(`CSP ${e.violatedDirective} ${e.blockedURI} ${e.sample}`);
      });
    });
    context.on('dialog', (dialog) => {
      this.heard.push(`dialog ${dialog.message()}`);
      void dialog.dismiss();
    });
    context.on('weberror', (error) => this.heard.push(`error ${error.error().message}`));
  }

  /** Nothing was heard, nothing became markup; and what stands there is seen. */
  async look(page: Page, name: string) {
    const { text, markup, over } = await page.evaluate(shown);
    for (const wanted of this.unseen) if (text.includes(wanted)) this.unseen.delete(wanted);
    ensure(over <= 0, `${name}: ${over} px wider than a telephone`);
    ensure(markup.length === 0, `${name}: text became markup: ${markup.join(' ')}`);
    ensure(this.heard.length === 0, `${name}: ${this.heard.join('; ')}`);
    this.pages += 1;
  }

  async walk(page: Page, pages: readonly Named[]) {
    const settled = settling(page);
    for (const named of pages) {
      await settled(named);
      await this.look(page, named[1]);
    }
  }

  /** The counters count: what the pages must not do, done. */
  async counts(page: Page) {
    await page.evaluate(() => {
      const style = document.createElement('style');
      style.textContent = 'p { color: red }';
      document.head.append(style);
      try {
        document.body.innerHTML = '<img src=x onerror=alert(1)>';
      } catch {
        // As it should.
      }
      setTimeout(() => {
        throw new Error('planted');
      });
      alert('planted');
    });
    const late = performance.now() + PATIENCE;
    for (const what of ['CSP style-src', 'CSP require-trusted-types-for', 'error planted', 'dialog planted']) {
      while (!this.heard.some((heard) => heard.startsWith(what))) {
        ensure(performance.now() < late, `not counted: ${what}; heard ${this.heard.join('; ')}`);
        await page.evaluate(() => new Promise(requestAnimationFrame));
      }
    }
    await page.goto('about:blank');
    this.heard.length = 0;
  }
}

/** All that a page says, what is folded too; and elements that only our strings can have made. */
function shown(): { text: string; markup: string[]; over: number } {
  for (const folded of document.querySelectorAll('details')) folded.open = true;
  const typed = [...document.querySelectorAll<HTMLInputElement>('input, textarea')].map((field) => field.value);
  const choices = [...document.querySelectorAll('option, caption')].map((choice) => choice.textContent);
  const runs = (element: Element) =>
    [...element.attributes].some(
      ({ name, value }) =>
        name.startsWith('on') || (/^(href|src|action|formaction)$/.test(name) && /^\s*javascript:/i.test(value)),
    );
  const markup = [...document.querySelectorAll('*')].filter((e) => runs(e) || e.matches('img[src="x"]'));
  const { scrollWidth, clientWidth } = document.documentElement;
  return {
    text: [document.body.innerText, ...typed, ...choices].join('\n'),
    markup: markup.map((e) => e.outerHTML),
    over: scrollWidth - clientWidth,
  };
}

const ask = (page: Page, [method, path, body]: Ask): Promise<{ status: number; text: string }> =>
  page.evaluate(
    async ([method, path, body]) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`/api/v1${path}`, { method, headers, body: JSON.stringify(body) });
      return { status: answer.status, text: await answer.text() };
    },
    [method, path, body] as const,
  );

/** Every string into every field; what is kept has to be seen. */
async function fill(page: Page, watch: Watch) {
  const [taken, refused]: [string[], string[]] = [[], []];
  for (const field of FIELDS) {
    const kept: string[] = [];
    const answers = new Set<number>();
    const texts = field.free ? [...NEVER, ...STRINGS] : STRINGS.filter((string) => /\W/.test(string));
    for (const [n, string] of texts.entries()) {
      const text = field.free ? `${string} ${field.name}${n}`.slice(0, Math.max(64, string.length)) : string;
      const { status, text: said } = await ask(page, field.ask(text, kept, n));
      const meant = field.free && !NEVER.includes(string);
      ensure(
        meant ? status < 300 : status >= 400 && status < 500,
        `${field.name} <- ${text.slice(0, 80)}: ${status} ${said}`,
      );
      if (meant) kept.push(text);
      else answers.add(status);
    }
    (field.free ? taken : refused).push(`${field.name} (${[...answers].join(', ')})`);
    for (const text of field.single ? kept.slice(-1) : kept) watch.unseen.add(text);
  }
  watch.unseen.add(MAIL);
  console.log(`${STRINGS.length} strings kept in each of: ${taken.join(', ')}; refused by: ${refused.join(', ')}`);
}

async function office(browser: Browser) {
  complete();
  const watch = new Watch();
  const page = await administrator(browser, {}, (context) => watch.over(context));
  await page.setViewportSize(PHONE);
  await fill(page, watch);
  await ask(page, settings({ passkeys: true }));
  const invited = await ask(page, ['POST', '/invitations', { user: 'hostile3' }]);
  const { token } = JSON.parse(invited.text) as { token: string };
  const stored = JSON.parse(await want('at home')) as string[];
  for (const text of stored) watch.unseen.add(text);
  const people: Named[] = STRINGS.slice(0, 3).map((_, n) => [
    'person',
    `/admin/people/person?login=hostile${n + NEVER.length}`,
  ]);
  const boris: Named = ['person', '/admin/people/person?login=boris'];
  await watch.walk(page, [...CONSOLE, ...people, boris, ...PORTAL, ...REFLECTED]);
  await invitation(browser, watch, token);
  const unseen = [...watch.unseen];
  ensure(unseen.length === 0, `stored and nowhere seen as text: ${unseen.join(' | ')}`);
  console.log(`${watch.pages} pages opened at the office`);
  await page.goto(`${OFFICE}/admin`);
  await watch.counts(page);
}

/** Who is invited reads names, rules and whom to call before there is any password. */
async function invitation(browser: Browser, watch: Watch, token: string) {
  const context = await browser.newContext({ locale: 'en-GB', viewport: PHONE });
  context.setDefaultTimeout(PATIENCE);
  await watch.over(context);
  const page = await context.newPage();
  await watch.walk(page, VISITOR);
  await page.goto('about:blank');
  await page.goto(`${OFFICE}/invitation#${token}`);
  await heading(page, /^Welcome, /);
  await watch.look(page, 'welcome');
  await page.getByLabel('Choose a password').fill('quatre-chaudrons-de-cuivre');
  await button(page, 'Go on').click();
  await heading(page, 'Make a passkey');
  await watch.look(page, 'passkey');
  await button(page, 'Use codes from an app').click();
  await heading(page, 'Let your telephone make codes');
  await page.getByText('No camera? Type this into the app instead').click();
  await watch.look(page, 'factor');
  const secret = (await page.locator('details code').textContent()) ?? '';
  await page.getByLabel('Enter the code it shows now').fill(await want(`code ${secret.replaceAll(' ', '')}`));
  await button(page, 'Go on').click();
  await page.getByLabel('I have kept them').check();
  await button(page, 'Go on').click();
  await heading(page, 'Rules for working from home');
  await watch.look(page, 'rules');
  await button(page, 'I have read and accept them').click();
  await heading(page, 'Connect this device');
  await watch.look(page, 'device');
  await context.close();
}

/** Anne at home, her office open: her own words, and what IT wrote for her. */
async function home(browser: Browser) {
  const watch = new Watch();
  const context = await browser.newContext({ locale: 'en-GB', viewport: PHONE });
  context.setDefaultTimeout(PATIENCE);
  await watch.over(context);
  const page = await context.newPage();
  await authenticator(page);
  const person = await who();
  await page.goto(`${OFFICE}/`);
  await locked(page);
  await watch.look(page, 'locked');
  await signIn(page, person);
  await heading(page, 'Rules for working from home');
  await watch.look(page, 'rules');
  await button(page, 'I have read and accept them').click();
  await heading(page, /^Your office is open until /);
  const devices = STRINGS.slice(0, 5).map((text) => `${text} own`);
  for (const name of devices) {
    const { status, text } = await ask(page, ['POST', '/me/devices', { name, public_key: key() }]);
    ensure(status === 201, `a device of one’s own: ${status} ${text}`);
  }
  for (const id of STRINGS) {
    const { status } = await ask(page, ['PUT', '/me/checklist', { replies: { [id]: 'yes' } }]);
    ensure(status === 400, `an answer to a question that is none: ${status}`);
  }
  const { status } = await ask(page, ['PUT', '/me/checklist', { replies: { 'own-1': 'yes', 'own-2': 'unsure' } }]);
  ensure(status < 300, `answers: ${status}`);
  const passkey = `${STRINGS.at(-1)} passkey`;
  await page.goto(`${OFFICE}/security`);
  await page.getByLabel('Name of this passkey').fill(passkey);
  await page.getByLabel('Code', { exact: true }).fill(await want('code'));
  await button(page, 'Add a passkey').click();
  await page
    .getByRole('status')
    .filter({ hasText: `${passkey} was added.` })
    .waitFor();
  const stored = [...devices, passkey];
  for (const text of stored) watch.unseen.add(text);
  await watch.walk(page, [...PORTAL, ['nowhere', '/nowhere/%3Csvg%2Fonload%3Dalert(1)%3E']]);
  const unseen = [...watch.unseen];
  ensure(unseen.length === 0, `stored and nowhere seen as text: ${unseen.join(' | ')}`);
  console.log(`${watch.pages} pages opened at home`);
  await want(`stored ${JSON.stringify(stored)}`);
}

await story(async (browser) => ((await want('part')) === 'home' ? home(browser) : office(browser)));
