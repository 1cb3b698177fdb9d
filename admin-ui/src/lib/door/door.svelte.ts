// The door of this device: asks the gateway or is told by it, and remembers what it said. What is shown follows from
// that in screen.ts.
import { post, read, Refusal } from '../api/client.ts';
import type { DoorView } from '#lib/api/document.d.ts';
import type { ProblemKey, Words } from '../messages/words.ts';
import type { ServerEvent } from '../api/stream.ts';
import { usable } from '../passkey/usable.ts';
import { Line } from './line.ts';
import { problemOf, type Problem } from './problem.ts';
import { left, screen, signedIn, slept, stale, type Known, type Moment } from './screen.ts';

/** While the gateway does not tell by itself; also when the page is looked at again, and when the time is over. */
const POLL_MS = 15_000;
const TICK_MS = 1_000;
/** Nothing is shown for an answer that comes at once. */
const PATIENT_MS = 300;

export type Action = 'sign-in' | 'touch' | 'extend' | 'lock' | 'sign-out' | 'retry';

const moment = (): Moment => ({ steady: performance.now(), wall: Date.now() });

/** Few use a passkey: its part is loaded when it is asked for. */
const touched = async () => (await import('../passkey/ceremony.ts')).proof();

class Door {
  #known = $state.raw<Known>({ heard: null, silent: false, extending: false });
  #now = $state.raw<Moment>({ steady: 0, wall: 0 });
  #asked = 0;
  #heard = 0;
  #warned: string | null = null;
  /** Who is signed in, as far as the line knows: it was begun before or after they were. */
  #told: string | null = null;
  #line = new Line(
    '/api/v1/door/events',
    (event) => this.#tell(event),
    () => void this.look(),
  );

  screen = $derived(screen(this.#known, this.#now));
  stale = $derived(stale(this.#known));
  me = $derived(signedIn(this.#known));
  /** The portal's own name. */
  portal = $derived(this.#known.heard?.view.public_name || globalThis.location?.hostname || '');
  organisation = $derived(this.#known.heard?.view.organisation || 'Passerelle');
  device = $derived(this.#known.heard?.view.device?.id ?? null);
  /** In the internet, without the tunnel: office PCs in the browser, and nothing else. */
  outside = $derived(this.#known.heard?.view.door === 'internet');
  passkeys = $derived(usable(this.#known.heard?.view, globalThis.location?.origin ?? '', globalThis));
  contact = $derived(this.#known.heard?.view.contact ?? null);
  links = $derived(this.#known.heard?.view.links ?? []);
  owner = $derived(this.#known.heard?.view.device?.language);
  /** What went wrong last, on the screen that is shown. */
  problem = $state.raw<Problem | null>(null);
  /** What is under way. */
  busy = $state<Action | null>(null);
  /** Long enough without an answer to say so. */
  patient = $state(false);
  /** It locked while this page was looked at, and not by its button. */
  ended = $state(false);
  /** For people who hear the page. */
  spoken = $state.raw<((words: Words) => string) | null>(null);
  /** For people who look elsewhere. */
  alarm = $state.raw<((words: Words) => string) | null>(null);

  /** Begins to ask; gives the way to end it. */
  start(): () => void {
    const look = () => void this.look();
    const seen = () => {
      if (!document.hidden) look();
    };
    const away = () => this.#line.want(false);
    const poll = setInterval(() => {
      if (!this.#line.stands) look();
    }, POLL_MS);
    const tick = setInterval(() => this.#tick(), TICK_MS);
    const wait = setTimeout(() => (this.patient = true), PATIENT_MS);
    window.addEventListener('focus', look);
    window.addEventListener('online', look);
    window.addEventListener('pagehide', away);
    window.addEventListener('pageshow', look);
    document.addEventListener('visibilitychange', seen);
    look();
    return () => {
      away();
      clearInterval(poll);
      clearInterval(tick);
      clearTimeout(wait);
      window.removeEventListener('focus', look);
      window.removeEventListener('online', look);
      window.removeEventListener('pagehide', away);
      window.removeEventListener('pageshow', look);
      document.removeEventListener('visibilitychange', seen);
    };
  }

  /** Asks the gateway for the state of the door. */
  async look(): Promise<void> {
    if (this.busy !== null && this.busy !== 'retry') return;
    const nth = ++this.#asked;
    try {
      this.#hear(nth, (await read('/api/v1/door')).value);
    } catch {
      if (nth < this.#heard) return;
      this.#heard = nth;
      this.#line.hangUp();
      this.#change({ silent: true });
      return;
    }
    // Somebody signed in on another page of this browser.
    if (this.#line.stands && this.#told !== (this.me?.id ?? null)) this.#line.restart();
  }

  #tell({ name, data }: ServerEvent): void {
    const view = name === 'door' ? (JSON.parse(data) as DoorView) : null;
    if (view) this.#told = view.me?.id ?? null;
    // Whatever is being done, the gateway is asked afterwards.
    if (this.busy !== null) return;
    if (view) this.#hear(++this.#asked, view);
    else this.#tick();
  }

  retry = () => this.#do('retry', () => this.look());

  signIn = (user: string, password: string, code: string, recovery: boolean) =>
    this.#do(
      'sign-in',
      async (nth) => {
        this.#hear(nth, (await post('/api/v1/sign-in', { body: { user, password, code } })).value.door);
        // The line of before belongs to another web session, or to none.
        this.#line.restart();
      },
      recovery ? 'wrong-recovery' : 'wrong-credentials',
    );

  /** The same by a passkey. */
  touch = () =>
    this.#do('touch', async (nth) => {
      const body = await touched();
      this.#hear(nth, (await post('/api/v1/sign-in/passkey/finish', { body })).value.door);
      this.#line.restart();
    });

  extend = (code: string) =>
    this.#do(
      'extend',
      async (nth) => {
        this.#extended(nth, (await post('/api/v1/extend', { body: { code } })).value);
      },
      'wrong-code',
    );

  extendByTouch = () =>
    this.#do('touch', async (nth) => {
      const body = await touched();
      this.#extended(nth, (await post('/api/v1/extend/passkey', { body })).value);
    });

  lock = () =>
    this.#do('lock', async (nth) => {
      this.#hear(nth, (await post('/api/v1/lock')).value, this.me);
      this.#say((w) => w.say('lockedNow'));
    });

  signOut = () => this.#do('sign-out', async () => void (await post('/api/v1/sign-out')));

  askForCode = () => this.#change({ extending: true });

  back = () => this.#change({ extending: false });

  #extended(nth: number, view: DoorView): void {
    this.#known = { ...this.#known, extending: false };
    this.#hear(nth, view, this.me);
    const end = this.screen.name === 'open' ? this.screen.end : null;
    if (end) this.#say((w) => w.until(end));
  }

  /** One at a time; afterwards the gateway is asked again, for not every answer says who is signed in. */
  async #do(
    action: Action,
    request: (nth: number) => Promise<void>,
    wrong: ProblemKey = 'wrong-credentials',
  ): Promise<boolean> {
    if (this.busy !== null) return false;
    this.busy = action;
    this.problem = null;
    try {
      await request(++this.#asked);
      return true;
    } catch (error) {
      const problem = problemOf(error instanceof Refusal ? error : new Refusal('internal'));
      this.problem = problem.slug === 'wrong-credentials' ? { ...problem, slug: wrong } : problem;
      return false;
    } finally {
      this.busy = null;
      if (action !== 'retry') await this.look();
    }
  }

  /** Answers that were overtaken by others, or by silence, are not heard. */
  #hear(nth: number, view: DoorView, me = view.me ?? null): void {
    if (nth < this.#heard) return;
    this.#heard = nth;
    this.#change({ heard: { view: { ...view, me }, at: moment() }, silent: false });
    this.#line.want(!!view.device || me !== null);
  }

  #change(news: Partial<Known>): void {
    const before = this.screen.name;
    const known = { ...this.#known, ...news };
    const now = moment();
    const after = screen(known, now).name;
    if (after !== 'extend' && after !== 'open') known.extending = false;
    this.#known = known;
    this.#now = now;
    this.#changed(before, after);
  }

  #tick(): void {
    const [before, then, now] = [this.screen.name, this.#now, moment()];
    const over = (left(this.#known, then) ?? 0) > 0 && (left(this.#known, now) ?? 1) <= 0;
    this.#now = now;
    this.#changed(before, this.screen.name);
    const woken = slept(then, now);
    if (woken) this.#line.restart();
    else this.#line.check();
    if (over || woken) void this.look();
  }

  #changed(before: string, after: string): void {
    if (before !== after) this.problem = null;
    const wasOpen = before === 'open' || before === 'extend';
    if (before === 'locked' && after === 'open') {
      this.ended = false;
      this.spoken = null;
    }
    if (after === 'locked' && wasOpen) {
      this.ended = this.busy !== 'lock';
      this.#say((w) => w.say('ended'));
      if (this.#warned) this.alarm = (w) => w.say('ended');
    }
    const { screen } = this;
    const warning = screen.name === 'open' || screen.name === 'extend' ? (screen.end?.warning ?? null) : null;
    const warned = warning && `${warning.kind} ${warning.minutes}`;
    // The notice on the page speaks for itself.
    if (warning && warned !== this.#warned) this.alarm = (w) => w.warning(warning);
    this.#warned = warned;
  }

  #say(sentence: (words: Words) => string): void {
    this.spoken = sentence;
  }
}

export const door = new Door();
