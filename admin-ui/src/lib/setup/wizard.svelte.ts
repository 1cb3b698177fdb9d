// From a claim code to a gateway: what was proposed, what was answered, what was found, and where one is.
import { send } from '../api/client.ts';
import { Task } from '../api/task.svelte.ts';
import type { Answers, Check, Checked, Proposal, Proposed, SetupDone, SetupState } from './document.d.ts';

export type Question = keyof Answers;
type Typed = Partial<Record<Question, string>>;
export type Step = 'code' | 'organisation' | 'network' | 'home' | 'you' | 'checks' | 'done';

/** What is numbered. */
export const STEPS: Step[] = ['organisation', 'network', 'home', 'you', 'checks'];
export const CHECKS: Check[] = ['name', 'udp', 'dns', 'way'];

/** What must be in order before one goes on. */
const ASKED: Partial<Record<Step, Question[]>> = {
  organisation: ['organisation', 'public_name', 'endpoint'],
  network: ['office_interface', 'resolvers', 'office_zones', 'site_network', 'masquerade'],
  home: ['from_home'],
  you: ['admin', 'admin_name', 'admin_language'],
};

/** May be left empty. */
const NONE: Question[] = ['resolvers', 'office_zones'];

const ask = async <T>(method: 'get' | 'post', path: string, body?: unknown, patienceMs?: number): Promise<T> =>
  (await send<T>(method, `/api/v1/setup${path}`, body, patienceMs)).value;

/** A probe of this machine's firewalls, and a firewall that is mended, take longer than a page. */
const CHECK_MS = 40_000;
const FINISH_MS = 60_000;

class Wizard extends Task {
  step = $state<Step | null>(null);
  claimed = $state(false);
  /** What this machine speaks. */
  language = $state<string>();
  proposal = $state.raw<Proposal | null>(null);
  /** What was typed; what was not is guessed. */
  answers = $state<Typed>({});
  /** Fields that were left empty or do not fit, on the step that is shown. */
  wrong = $state.raw<Question[]>([]);
  found = $state<Partial<Record<Check, Checked>>>({});
  looking = $state.raw<Check | null>(null);
  done = $state.raw<SetupDone | null>(null);

  /** Where one is: claimed by this browser before, or not yet. */
  begin = () =>
    this.run(async () => {
      const state = await ask<SetupState>('get', '');
      this.language = state.language;
      this.claimed = state.claimed && !state.yours;
      if (state.yours) await this.#begun();
      else this.step = 'code';
    });

  claim = (code: string) =>
    this.run(async () => {
      await ask('post', '/claim', { code });
      await this.#begun();
    });

  /** What stands in a field. */
  value = (question: Question): string => this.answers[question] ?? this.#of(question)?.answer ?? '';

  /** What was said here or at the command line. */
  given = (question: Question): string | null => {
    const proposed = this.#of(question);
    return this.answers[question] ?? (proposed?.guessed ? null : proposed?.answer) ?? null;
  };

  type = (question: Question, text: string) => {
    this.answers[question] = text;
  };

  interfaces = $derived(this.proposal?.interfaces ?? []);

  /** To the next step, if this one is in order. */
  next = async () => {
    await this.run(async () => {
      await this.#propose();
      const asked = (this.step && ASKED[this.step]) ?? [];
      const bad = (question: Question) =>
        this.#of(question)?.problem != null || (!NONE.includes(question) && this.value(question).trim() === '');
      // Whether people come from the internet is decided, not guessed.
      const undecided = (question: Question) => question === 'from_home' && this.given(question) == null;
      this.wrong = asked.filter((question) => bad(question) || undecided(question));
      const at = STEPS.indexOf(this.step ?? 'code');
      if (this.wrong.length > 0) return;
      this.step = STEPS[at + 1] ?? 'checks';
    });
    if (this.step === 'checks' && !this.problem) await this.look();
  };

  back = () => {
    this.wrong = [];
    this.problem = null;
    this.step = STEPS[Math.max(0, STEPS.indexOf(this.step ?? 'organisation') - 1)] ?? 'organisation';
  };

  /** Looks at everything, one after the other. */
  look = async () => {
    this.found = {};
    for (const check of CHECKS) if (!(await this.#check(check, false))) return;
  };

  cure = () => this.#check('way', true);

  finish = () =>
    this.run(async () => {
      this.done = await ask<SetupDone>('post', '/finish', this.#whole(), FINISH_MS);
      this.step = 'done';
    });

  #check = (check: Check, cure: boolean) =>
    this.run(async () => {
      this.looking = check;
      try {
        this.found[check] = await ask<Checked>('post', '/check', { check, answers: this.#whole(), cure }, CHECK_MS);
      } finally {
        this.looking = null;
      }
    });

  async #begun(): Promise<void> {
    await this.#propose();
    this.step = 'organisation';
  }

  async #propose(): Promise<void> {
    this.proposal = await ask<Proposal>('post', '/propose', this.#whole());
  }

  /** Fields that were emptied are guessed again, but for those in which nothing means none. */
  #whole(): Typed {
    const meant = (Object.entries(this.answers) as [Question, string][]).map(([question, text]) => [
      question,
      text.trim() || (NONE.includes(question) ? '-' : ''),
    ]);
    return Object.fromEntries(meant.filter(([, text]) => text)) as Typed;
  }

  #of(question: Question): Proposed | undefined {
    return this.proposal?.fields.find(({ field }) => field === question);
  }
}

export const wizard = new Wizard();
