// A desktop in this page: asked for, woken for, shown, ended. What the gateway says of its end is believed before the
// component is.
import { problemOf, type Problem } from '../door/problem.ts';
import { Refusal } from '../api/client.ts';
import type { MyComputers } from '../computers/mine.svelte.ts';
import { isAway, underWay } from '../computers/state.ts';
import { accountOf, remember, remembered } from './account.ts';
import * as api from './api.ts';
import { faultOf, load, show, type Scale, type Shown } from './component.ts';
import type { End, Fault } from './end.ts';
import type { Files } from './files.svelte.ts';
import { Notices } from './notices.svelte.ts';
import { rateOf, type Reading } from './quality.ts';
import type { Size } from './size.ts';
import { saveAs } from '../invitation/save.ts';

/** How well it comes is asked for this often. */
const LOOK_MS = 3_000;
/** How it ended is written down a moment after the line is cut. */
const TOLD_MS = 250;
const TOLD_TRIES = 12;
/** A line that was closed is known to be within this. */
const LINE_MS = 2_000;
/** Whether the PC is awake is looked at this often; a line of its own tells of the wake. */
const AWAKE_MS = 250;
/** WebAssembly that failed says so to the window alone: "unreachable", in every browser's own sentence. */
const CRASHED = /unreachable/i;

export type Phase = 'ask' | 'waking' | 'coming' | 'there' | 'ended';

/** What windows of one browser tell each other: who shows it? I do; not any more. */
type Said = 'who' | 'here' | 'gone';

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export class Desktop {
  phase = $state<Phase>('ask');
  /** The name that was typed last. */
  typed: string;
  end = $state.raw<End | null>(null);
  /** The size that the PC gave it. */
  size = $state.raw<Size | null>(null);
  scale = $state<Scale>('fit');
  characters = $state(false);
  /** The PC has one. */
  clipboard = $state(false);
  /** The PC has something on its clipboard that was not taken yet. */
  copied = $state(false);
  roundTripMs = $state<number | null>(null);
  rate = $state<number | null>(null);
  /** The gateway did not answer last. */
  silent = $state(false);
  /** Another window of this browser shows it. */
  elsewhere = $state(false);
  /** The PC gave another size than was asked for: it has one of its own. */
  keepsSize = $state(false);
  /** It shall come anew, at another size. */
  again = $state(false);
  shown = $state.raw<Shown | null>(null);
  /** What is to be known of it meanwhile. */
  readonly notices: Notices;
  /** There with what shows it. */
  files = $state.raw<Files | null>(null);
  readonly #pc: string;
  readonly #mine: MyComputers;
  /** What shows it is there then. */
  readonly #stage: Promise<unknown>;
  /** The windows of this browser that are about this PC. */
  #windows: BroadcastChannel | null = null;
  #nth = 0;
  #id: string | null = null;
  #before: Reading | null = null;

  constructor(pc: string, mine: MyComputers, stage: Promise<unknown>) {
    this.#stage = stage;
    this.#pc = pc;
    this.#mine = mine;
    this.notices = new Notices(pc);
    this.typed = remembered(pc);
  }

  /** Begins to look after it; gives the way to end that. */
  start = (): (() => void) => {
    const failed = ({ message }: ErrorEvent) => {
      if (CRASHED.test(message)) this.#crash();
    };
    const timer = setInterval(() => void this.#look(), LOOK_MS);
    window.addEventListener('error', failed);
    // What is needed anyway comes while somebody types.
    load().catch(() => undefined);
    this.#windows = new BroadcastChannel(`desktop ${this.#pc}`);
    this.#windows.onmessage = ({ data }) => this.#hear(data as Said);
    this.#say('who');
    const gone = () => {
      if (this.phase === 'there') this.#say('gone');
    };
    window.addEventListener('pagehide', gone);
    return () => {
      clearInterval(timer);
      window.removeEventListener('error', failed);
      window.removeEventListener('pagehide', gone);
      this.#drop();
      this.#windows?.close();
      this.#windows = null;
    };
  };

  /** Wakes it if it has to be, and shows it in this place. The password is not kept. */
  async connect(typed: string, password: string, place: () => HTMLElement | null, size: () => Size): Promise<void> {
    const nth = ++this.#nth;
    const current = () => nth === this.#nth;
    this.end = null;
    this.again = false;
    this.notices.clear();
    this.phase = 'coming';
    this.typed = typed;
    let files: Files;
    try {
      const [{ Files }] = await Promise.all([import('./files.svelte.ts'), load(), this.#stage]);
      files = this.files ??= new Files(saveAs);
    } catch {
      if (current()) this.#over({ by: 'unloaded' });
      return;
    }
    try {
      const entry = await this.#enter(current);
      const to = place();
      if (!entry || !to || !current()) return;
      const account = accountOf(typed);
      this.clipboard = false;
      this.copied = false;
      const onclipboard = () => (this.clipboard = true);
      const oncopied = () => (this.copied = true);
      const asked = {
        account,
        password,
        ticket: entry,
        pc: this.#pc,
        wire: api.wire(),
        size: size(),
        onclipboard,
        oncopied,
        files,
      };
      const shown = await show(to, asked);
      if (!current()) return shown.close();
      // A name that did not let them in is no help another day.
      remember(this.#pc, typed);
      this.keepsSize = shown.size.width !== asked.size.width;
      this.#run(shown, current);
    } catch (error) {
      if (!current()) return;
      if (error instanceof Refusal) this.#over({ by: 'problem', problem: problemOf(error) });
      else await this.#explain(error, current);
    }
  }

  /** The ticket; nothing if there is none, which is said. */
  async #enter(current: () => boolean): Promise<string | null> {
    let entry = await api.ask(this.#pc);
    if (current() && entry.away && !entry.ticket) {
      if (!(await this.#wake(current))) return null;
      entry = await api.ask(this.#pc);
    }
    if (!current()) return null;
    this.#id = entry.desktop ?? null;
    if (entry.ticket) return entry.ticket;
    this.#over({ by: 'refusal', refused: entry.refused ?? (entry.away ? 'not_woken' : 'gateway') });
    return null;
  }

  /** Whether it is awake now. If not, its card says why. */
  async #wake(current: () => boolean): Promise<boolean> {
    this.phase = 'waking';
    const pc = () => this.#mine.known.value?.find(({ name }) => name === this.#pc);
    if (await this.#mine.wake(this.#pc)) {
      for (let now = pc(); now && underWay(now) && current(); now = pc()) await later(AWAKE_MS);
    }
    if (!current()) return false;
    await this.#mine.known.load();
    const now = pc();
    const awake = now !== undefined && !isAway(now.state);
    this.phase = awake ? 'coming' : 'ask';
    return awake;
  }

  /** Of windows side by side, those that ask learn of those that show it. */
  #hear(said: Said): void {
    if (said !== 'who') this.elsewhere = said === 'here';
    else if (this.phase === 'there') this.#say('here');
  }

  #say(said: Said): void {
    this.#windows?.postMessage(said);
  }

  #run(shown: Shown, current: () => boolean): void {
    this.shown = shown;
    this.size = shown.size;
    this.phase = 'there';
    this.#say('here');
    this.#before = null;
    this.setScale(this.scale);
    shown.characters(this.characters);
    shown.focus();
    void shown.over.then((fault) => {
      if (current()) void this.#explain(fault, current);
    });
  }

  setScale(to: Scale): void {
    this.scale = to;
    this.shown?.scale(to);
  }

  setCharacters(on: boolean): void {
    this.characters = on;
    this.shown?.characters(on);
  }

  /** Whether there was something, and the browser let it through. */
  async sendClipboard(): Promise<boolean> {
    const sent = await done(this.shown?.sendClipboard());
    if (sent) this.files?.replaced();
    return sent;
  }

  async takeClipboard(): Promise<boolean> {
    const taken = await done(this.shown?.takeClipboard());
    if (taken) this.copied = false;
    return taken;
  }

  /** Leaves it; what is open on the PC stays open. */
  disconnect = (): void => {
    // Said, it is given back at once; a line that breaks, or another size, keeps it for a minute.
    if (this.#id !== null) void api.finish(this.#id).catch(() => undefined);
    this.#leave();
    this.#over({ by: 'self' });
  };

  /** Not now. */
  cancel = (): void => {
    if (this.phase === 'waking') void this.#mine.giveUp(this.#pc);
    this.#leave();
    this.phase = 'ask';
  };

  /** Leaves it for another at the window's size, for which the password is asked again. */
  resize = (): void => {
    this.#leave();
    this.again = true;
    this.phase = 'ask';
  };

  /** The form again. */
  back = (): void => {
    this.phase = 'ask';
  };

  #leave(): void {
    this.#nth += 1;
    const id = this.#id;
    this.#id = null;
    if (this.shown) this.#drop();
    // It has no line yet that tells it, or none that would; whoever is not heard is not needed.
    else if (id !== null) void api.finish(id).catch(() => undefined);
  }

  #drop(): void {
    const shown = this.#hidden();
    try {
      shown?.close();
    } catch {
      return;
    }
  }

  #crash(): void {
    if (this.phase !== 'there' && this.phase !== 'coming') return;
    // It answers no more, not even to being closed.
    this.#hidden();
    this.#leave();
    this.#over({ by: 'crash' });
  }

  /** It is not shown any more. */
  #hidden(): Shown | null {
    const { shown } = this;
    if (shown) this.#say('gone');
    this.shown = null;
    shown?.hide();
    return shown;
  }

  #over(end: End): void {
    this.end = end;
    this.files?.carriedBy(null);
    this.#hidden();
    this.phase = 'ended';
    this.roundTripMs = null;
    this.rate = null;
    this.silent = false;
  }

  /** Asks the gateway why; what the component says is heard if it knows nothing. */
  async #explain(error: unknown, current: () => boolean): Promise<void> {
    const there = this.phase === 'there';
    const fault = there ? (error as Fault | null) : faultOf(error);
    const told = await this.#told();
    if (!current()) return;
    this.#over(told ?? { by: 'component', fault: fault ?? { kind: 'other', status: null }, there });
  }

  async #told(): Promise<End | null> {
    const id = this.#id;
    for (let tries = 0; id !== null && tries < TOLD_TRIES; tries += 1) {
      if (tries > 0) await later(TOLD_MS);
      try {
        const { state, end } = (await api.look(id)).value;
        if (state === 'ended') return end ? { by: 'gateway', end } : null;
      } catch (error) {
        const problem: Problem | null = error instanceof Refusal ? problemOf(error) : null;
        if (problem?.slug === 'not-found') return null;
        if (problem && problem.slug !== 'silent') return { by: 'problem', problem };
      }
    }
    return null;
  }

  async #look(): Promise<void> {
    const [id, nth] = [this.#id, this.#nth];
    if (this.phase !== 'there' || id === null || document.hidden) return;
    try {
      const { value, date } = await api.look(id);
      const { state, end, rx, tx, round_trip_us } = value;
      if (nth !== this.#nth || this.phase !== 'there') return;
      this.silent = false;
      if (state === 'ended' && end) {
        // The line tells it by itself, unless it has died unnoticed.
        await later(LINE_MS);
        if (nth !== this.#nth || this.phase !== 'there') return;
        this.#nth += 1;
        this.#drop();
        return this.#over({ by: 'gateway', end });
      }
      this.notices.hear(value, date ?? Date.now());
      const roundTripMs = round_trip_us == null ? null : round_trip_us / 1000;
      const now = { at: performance.now(), bytes: rx + tx, roundTripMs };
      this.rate = rateOf(this.#before, now);
      this.roundTripMs = roundTripMs;
      this.#before = now;
    } catch {
      if (nth === this.#nth) this.silent = true;
    }
  }
}

async function done(act: Promise<void> | undefined): Promise<boolean> {
  try {
    await act;
    return act !== undefined;
  } catch {
    return false;
  }
}
