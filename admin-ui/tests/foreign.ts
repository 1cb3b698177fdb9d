// Pages of another origin, in a browser in which an administrator is signed in: they try every route in every way that
// browsers allow, and read, change and show nothing.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { administrator, OFFICE } from './admin.ts';
import { ensure, story } from './browser.ts';
import { complete, CONSOLE, PORTAL, VISITOR } from './every.ts';

/** Both on another machine of the office. A neighbour's requests bear the strictest cookie, a stranger's none. */
const NEIGHBOUR = 'https://evil.example.org:8443';
const STRANGER = 'https://evil.example.net:8443';
/** A name of the stranger's that has become the gateway's address. */
const REBOUND = 'https://rebound.example.net';
const HOSTS = 'MAP evil.example.* 192.168.1.10, MAP rebound.example.net 192.168.1.2';

const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
/** A time that can be booked. */
const SOON = Math.ceil((Date.now() + DAY_MS) / QUARTER_MS) * QUARTER_MS;
/** As many changes of each kind came at least as far as the gateway. */
const LEAST = 50;
/** Their policy is every page’s: opening takes a second each. */
const WINDOWS = ['/', '/admin/people', '/invitation'];
const EVERY = [...new Set([...CONSOLE, ...PORTAL, ...VISITOR].map(([, path]) => path))];
const NOBODY = '00000000-0000-4000-8000-000000000000';

/** A route with its parameters filled in, and a body that would do something. */
interface Route {
  method: string;
  path: string;
  body: string;
}

type Json = Record<string, unknown>;

const api = (page: Page, method: string, path: string, body?: object) =>
  page.evaluate(
    async ([method, path, body]) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`/api/v1${path}`, { method, headers, body: body ? JSON.stringify(body) : null });
      return { status: answer.status, text: await answer.text() };
    },
    [method, path, body] as const,
  );

async function made(page: Page, path: string, body: object): Promise<Json> {
  const { status, text } = await api(page, 'POST', path, body);
  ensure(status === 201, `${path}: ${status} ${text}`);
  return JSON.parse(text) as Json;
}

/** One of each thing, so that every route has something to spoil. */
async function things(page: Page): Promise<Record<string, string>> {
  const list = async (path: string) => JSON.parse((await api(page, 'GET', path)).text) as { id: string }[];
  await made(page, '/groups', { name: 'spare' });
  await made(page, '/tokens', { name: 'spare', scopes: ['users:read'], until: Date.now() + DAY_MS });
  await made(page, '/agents/tokens', { name: 'spare', uses: 9, hosts: [{ host: 'spare-pc' }] });
  await made(page, '/resources', { kind: 'workstation', name: 'spare-pc', address4: '192.168.1.29' });
  await made(page, '/pools', { name: 'spare', workstations: ['spare-pc'], seats: 1, longest_booking_minutes: 60 });
  await made(page, '/invitations', { user: 'boris' });
  const sessions = JSON.parse((await api(page, 'GET', '/me/sessions')).text) as { web: { id: string }[] };
  const first = async (path: string) => (await list(path))[0]?.id ?? NOBODY;
  return {
    user: 'boris',
    group: 'spare',
    resource: 'files',
    workstation: 'spare-pc',
    agent: NOBODY,
    desktop: NOBODY,
    pool: 'spare',
    booking: NOBODY,
    device: await first('/devices'),
    policy: await first('/policies'),
    invitation: await first('/invitations'),
    token: await first('/tokens'),
    session: sessions.web[0]?.id ?? NOBODY,
    passkey: NOBODY,
    verification: NOBODY,
  };
}

const PORTS = [{ first: 9001, last: 9001, transport: 'tcp' }];

/** Good bodies. The `=` stands where a form of plain text has its own. */
const BODIES: Record<string, object> = {
  'POST /agents/approve': { agents: [{ agent: 'evil=1' }] },
  'POST /agents/tokens': { name: 'evil=1', uses: 9, hosts: [{ host: 'evil=1' }] },
  'PATCH /workstations/{workstation}': { sleep_again: true },
  'POST /pools': { name: 'evil=1', workstations: [], longest_booking_minutes: 60 },
  'PUT /pools/{pool}': { name: 'evil=1', workstations: [], longest_booking_minutes: 0 },
  'POST /desktops/{desktop}/message': { text: 'evil=1' },
  'POST /desktops/admit': { user: 'boris', workstation: 'pc' },
  'POST /devices': { user: 'boris', name: 'evil=1', public_key: `${'A'.repeat(42)}E=` },
  'POST /groups': { name: 'evil=1' },
  'PATCH /groups/{group}': { name: 'evil=1' },
  'PUT /groups/{group}/members': { members: ['boris'] },
  'POST /groups/{group}/members': { user: 'boris' },
  'PUT /health/firewalls': { problem: 'evil=1' },
  'POST /invitations': { user: 'boris' },
  'POST /me/devices': { name: 'evil=1', public_key: `${'A'.repeat(42)}I=` },
  'PUT /me/checklist': { replies: { disk: 'yes' } },
  'POST /me/bookings': { pool: 'spare', begins: SOON, ends: SOON + QUARTER_MS },
  'POST /me/rules': { version: 1 },
  'POST /policies': { group: 'spare', resource: 'files' },
  'POST /policies/change': { add: [{ group: 'spare', resource: 'pc' }] },
  'POST /resources': { kind: 'service', name: 'evil', address4: '192.168.1.20', ports: PORTS },
  'PATCH /resources/{resource}': { name: 'evil' },
  'PUT /resources/{resource}/address': { address4: '192.168.1.20' },
  'PATCH /settings': { organisation: 'evil=1' },
  'PUT /settings/mail': { host: '192.168.1.10', port: 25, security: 'none', from: 'a=1@example.org' },
  'POST /tokens': { name: 'evil=1', scopes: ['users:write'], until: Date.now() + DAY_MS },
  'POST /users': { login: 'evil', name: 'evil=1', role: 'admin' },
  'POST /users/import': { csv: Buffer.from('login,name\nevil,Evil\n').toString('base64'), dry_run: false },
  'PATCH /users/{user}': { role: 'admin', name: 'evil=1' },
  'PUT /users/{user}/groups': { groups: ['workshop'] },
  'PUT /users/{user}/mail': { mail: 'a=1@example.org' },
};

/** Every route of the API document. */
async function routes(page: Page): Promise<Route[]> {
  const known = await things(page);
  const file = join(import.meta.dirname, '../../docs/openapi.json');
  const { paths } = JSON.parse(readFileSync(file, 'utf8')) as { paths: Record<string, Json> };
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  );
  return all.map(({ method, path }) => {
    const body = BODIES[`${method} ${path.replace('/api/v1', '')}`] ?? {};
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const id = known[name];
      ensure(id !== undefined, `nothing to fill in for ${name}`);
      return encodeURIComponent(id);
    });
    return { method, path: filled, body: JSON.stringify(body) };
  });
}

interface Targets {
  gateway: string;
  routes: Route[];
  sockets: string[];
  frames: string[];
}

/** In a foreign page: all of it, some at a time. Returns what could be read or seen, and how much was tried. */
async function attack({ gateway, routes, sockets, frames }: Targets) {
  const ATONCE = 16;
  const LATE_MS = 5_000;
  const SOCKET_MS = 20_000;
  const got: string[] = [];
  let tried = 0;
  const late = (act: (done: () => void) => void, limit = LATE_MS) =>
    new Promise<void>((resolve) => {
      tried += 1;
      setTimeout(resolve, limit);
      act(resolve);
    });
  const fetched = ({ method, path, body }: Route, options: RequestInit, type: string) =>
    late((done) => {
      const stop = new AbortController();
      const init = { ...options, method, signal: stop.signal, headers: { 'content-type': type } };
      fetch(gateway + path, method === 'GET' ? init : { ...init, body })
        .then(async (answer) => {
          const empty = answer.type === 'opaque' && (/live|events/.test(path) || (await answer.text()) === '');
          if (!empty) got.push(`fetch ${method} ${path} ${answer.type} ${answer.status}`);
        })
        .catch(() => {})
        .finally(() => {
          stop.abort();
          done();
        });
    });
  const placed = (tag: 'img' | 'script' | 'iframe', path: string) =>
    late((done) => {
      const element = document.createElement(tag);
      const over = (loaded: boolean) => {
        // A frame loads a page that says no, too.
        if (loaded && tag !== 'iframe') got.push(`${tag} ${path}`);
        element.remove();
        done();
      };
      element.addEventListener('load', () => over(true));
      element.addEventListener('error', () => over(false));
      element.src = gateway + path;
      document.body.append(element);
    });
  const posted = ({ path, body }: Route, enctype: string) =>
    late((done) => {
      const frame = document.createElement('iframe');
      frame.name = `frame${tried}`;
      const form = document.createElement('form');
      Object.assign(form, { method: 'post', action: gateway + path, enctype, target: frame.name });
      const cut = body.indexOf('=');
      const field = document.createElement('input');
      field.name = cut < 0 ? body.replace(/\}$/, ',"x":"') : body.slice(0, cut);
      field.value = cut < 0 ? '"}' : body.slice(cut + 1);
      form.append(field);
      document.body.append(frame, form);
      frame.addEventListener('load', () => {
        // The empty one has loaded before.
        if (frame.contentDocument) return;
        frame.remove();
        form.remove();
        done();
      });
      form.submit();
    });
  const socket = (path: string) =>
    late((done) => {
      const open = new WebSocket(gateway.replace('https', 'wss') + path);
      open.onopen = () => got.push(`socket ${path}`);
      open.onclose = () => done();
    }, SOCKET_MS);
  const beacon = ({ path, body }: Route) =>
    late((done) => {
      navigator.sendBeacon(gateway + path, body);
      navigator.sendBeacon(gateway + path, new URLSearchParams({ body }));
      navigator.sendBeacon(gateway + path, new Blob([body], { type: 'application/json' }));
      done();
    });
  const modes = ['cors', 'no-cors'] as const;
  const credentials = ['include', 'omit'] as const;
  const ways = modes.flatMap((mode) => credentials.map((credentials) => ({ mode, credentials })));
  const types = ['application/json', 'text/plain'];
  const forms = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain'];
  const tasks = routes.flatMap((route) => [
    ...ways.flatMap((way) => types.map((type) => () => fetched(route, way, type))),
    ...(route.method === 'GET'
      ? (['img', 'script', 'iframe'] as const).map((tag) => () => placed(tag, route.path))
      : [...forms.map((form) => () => posted(route, form)), () => beacon(route)]),
  ]);
  tasks.push(...frames.map((path) => () => placed('iframe', path)));
  const next = tasks[Symbol.iterator]();
  const worker = async () => {
    for (const task of next) await task();
  };
  // Browsers let those wait that come after others that failed.
  await Promise.all([...Array.from({ length: ATONCE }, worker), ...sockets.map(socket)]);
  return { got, tried };
}

/** In a foreign page: windows that it opened, until they are out of its reach; returns how many stay. */
async function reached(windows: (Window | null)[]) {
  const late = performance.now() + 3_000;
  const within = () => windows.filter((other) => other && !other.closed);
  while (within().length > 0 && performance.now() < late) {
    for (const other of within()) other?.postMessage('evil', '*');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return within().length;
}

/** All that is stored, as the administrator reads it. */
async function stored(page: Page): Promise<Record<string, string>> {
  const lists = [
    'users',
    'agents',
    'agents/tokens',
    'groups',
    'pools',
    `bookings?from=${SOON - DAY_MS}&to=${SOON + DAY_MS}`,
    'devices',
    'resources',
    'policies',
    'tokens',
    'settings',
    'settings/mail',
  ];
  const more = ['invitations', 'verifications?all=true', 'me', 'me/checklist', 'me/devices', 'me/passkeys'];
  const all: Record<string, string> = {};
  for (const path of [...lists, ...more, 'audit?limit=1000']) {
    const { status, text } = await api(page, 'GET', `/${path}`);
    ensure(status === 200, `${path}: ${status} ${text}`);
    all[path] = text;
  }
  return all;
}

/** What the gateway answered to a foreign page: how often, and which answers are deeds. */
class Heard {
  readonly counts = new Map<string, number>();
  readonly deeds: string[] = [];
  cookies = 0;

  constructor(page: Page) {
    page.on('response', async (answer) => {
      const request = answer.request();
      if (!request.url().startsWith(OFFICE) || request.method() === 'GET') return;
      const kind = `${request.resourceType()} ${answer.status()}`;
      this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
      if (answer.status() !== 403) this.deeds.push(`${request.method()} ${request.url()} ${answer.status()}`);
      const { cookie } = await request.allHeaders().catch(() => ({}) as Record<string, string>);
      if (cookie?.includes('__Host-passerelle=')) this.cookies += 1;
    });
  }

  /** It was really the gateway that refused: the browser brought it there. */
  sum(origin: string): string {
    ensure(this.deeds.length === 0, `${origin}: ${this.deeds.join('; ')}`);
    for (const kind of ['fetch 403', 'document 403', 'ping 403']) {
      ensure((this.counts.get(kind) ?? 0) >= LEAST, `${origin}: ${JSON.stringify([...this.counts])}`);
    }
    return [...this.counts].map(([kind, count]) => `${count} × ${kind}`).join(', ');
  }
}

/** All that this origin tries; `sockets` are tried one after another by browsers, which takes its time. */
async function from(origin: string, own: Page, routes: Route[], sockets: string[]): Promise<Heard> {
  const page = await own.context().newPage();
  const heard = new Heard(page);
  await page.goto(origin);
  const home: Route = { method: 'GET', path: '/', body: '' };
  const shown: string[] = [];
  page.on('framenavigated', (frame) => {
    if (frame !== page.mainFrame()) shown.push(frame.url());
  });
  const { got: twin } = await page.evaluate(attack, { gateway: origin, routes: [home], sockets: [], frames: [] });
  const framed = shown.some((url) => url.startsWith(origin));
  ensure(twin.length > 0 && framed, `what it may, it cannot either: ${twin.join('; ')}; ${shown.join('; ')}`);
  const begun = performance.now();
  const frames = EVERY;
  const { got, tried } = await page.evaluate(attack, { gateway: OFFICE, routes, sockets, frames });
  ensure(got.length === 0, `${origin} reads ${got.join('; ')}`);
  const inside = shown.filter((url) => url.startsWith(OFFICE));
  ensure(inside.length === 0, `${origin} shows ${inside.join(' ')}`);
  console.log(`${origin}: ${tried} tries in ${Math.round(performance.now() - begun)} ms: ${heard.sum(origin)}`);
  await page.close();
  return heard;
}

/** A window of the gateway’s is out of reach of who opened it. */
async function windows(origin: string, own: Page) {
  const page = await own.context().newPage();
  const within = async (urls: string[]) => {
    const all = await page.evaluateHandle((): (Window | null)[] => []);
    const others: Page[] = [];
    for (const url of urls) {
      const popup = page.waitForEvent('popup');
      await page.evaluate(([all, url]) => void all.push(window.open(url)), [all, url] as const);
      others.push(await popup);
    }
    const count = await page.evaluate(reached, all);
    for (const other of others) {
      if (count === 0) ensure(await other.evaluate(() => window.opener === null), `it knows who opened ${other.url()}`);
      await other.close();
    }
    return count;
  };
  await page.goto(origin);
  for (const path of EVERY) {
    const policy = await own.evaluate(
      async (path) => (await fetch(path)).headers.get('cross-origin-opener-policy'),
      path,
    );
    ensure(policy === 'same-origin', `${path}: ${policy}`);
  }
  ensure((await within([origin])) === 1, 'its own window is out of its reach too');
  const count = await within(WINDOWS.map((path) => OFFICE + path));
  ensure(count === 0, `${origin}: ${count} windows in reach`);
  await page.close();
}

/** DNS rebinding: a stranger's page whose own name has become the gateway's address asks without leaving its origin. */
async function rebound(own: Page, routes: Route[]) {
  const page = await own.context().newPage();
  const start = `${REBOUND}/start`;
  // As it came while the name was the stranger's own.
  await page.route(start, (route) => route.fulfill({ contentType: 'text/html', body: '<h1>Evil</h1>' }));
  await page.goto(start);
  const answers = await page.evaluate(
    (routes) =>
      Promise.all(
        routes.map(async ({ method, path, body }) => {
          const headers = { 'content-type': 'application/json' };
          const answer = await fetch(path, method === 'GET' ? {} : { method, headers, body });
          return answer.status === 421 ? '' : `${method} ${path} ${answer.status}`;
        }),
      ),
    [...routes, ...EVERY.map((path) => ({ method: 'GET', path, body: '' }))],
  );
  const wrong = answers.filter(Boolean);
  ensure(wrong.length === 0, `by another name: ${wrong.join('; ')}`);
  await page.close();
  console.log(`${answers.length} × 421 by another name`);
}

/** What the foreign pages tried, from the gateway's own: it works. */
async function twin(own: Page, routes: Route[]) {
  const mine = routes.filter(
    ({ method, path }) => method === 'POST' && /\/(groups|users|tokens|resources)$/.test(path),
  );
  ensure(mine.length === 5, `${mine.length} routes`);
  for (const { path, body } of mine) await made(own, path.replace('/api/v1', ''), JSON.parse(body) as object);
}

type Audit = { id: string; event: string }[];
const AUDIT = 'audit?limit=1000';

/** Byte for byte as it was; but lines may have come that tell of these events: our own look at the audit is one. */
async function unchanged(own: Page, before: Record<string, string>, what: string) {
  const after = await stored(own);
  const known = new Set((JSON.parse(before[AUDIT] ?? '') as Audit).map(({ id }) => id));
  const lines = JSON.parse(after[AUDIT] ?? '') as Audit;
  const kept = lines.filter(({ id, event }) => known.has(id) || event !== 'audit_read');
  after[AUDIT] = JSON.stringify(kept);
  for (const [path, text] of Object.entries(before)) {
    const now = after[path] ?? '';
    ensure(now === text, `${what} changed ${path}: ${text.slice(0, 600)} -> ${now.slice(0, 600)}`);
  }
}

await story(
  async (browser: Browser) => {
    complete();
    const own = await administrator(browser, { ignoreHTTPSErrors: true });
    const all = await routes(own);
    await own.goto(`${OFFICE}/help`);
    const before = await stored(own);
    const paths = [...new Set(all.map(({ path }) => path))];
    const stranger = await from(STRANGER, own, all, paths.slice(0, 5));
    ensure(stranger.cookies === 0, `a stranger’s page acts as the administrator, ${stranger.cookies} times`);
    await rebound(own, all);
    await unchanged(own, before, 'a stranger');
    const neighbour = await from(NEIGHBOUR, own, all, paths);
    ensure(neighbour.cookies >= LEAST, 'no cookie came with a neighbour’s: the gateway itself was not asked');
    await windows(NEIGHBOUR, own);
    await unchanged(own, before, 'a neighbour');
    await twin(own, all);
  },
  [`--host-resolver-rules=${HOSTS}`],
);
