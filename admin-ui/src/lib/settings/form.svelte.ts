// One group of fields. What was typed stays where it is until it was saved.
import { tick } from 'svelte';
import { Task } from '../api/task.svelte.ts';
import type { Sentence } from '../messages/words.ts';

/** Whether each field can be right. */
type Checks<Field extends string> = Partial<Record<Field, boolean>>;

export class Form<Field extends string> extends Task {
  saved = $state(false);
  /** What is said beside a field. */
  wrong = $state.raw<Partial<Record<Field, Sentence>>>({});
  readonly #sentences: Record<Field, Sentence>;

  constructor(sentences: Record<Field, Sentence>) {
    super();
    this.#sentences = sentences;
  }

  get isWrong(): boolean {
    return Object.keys(this.wrong).length > 0;
  }

  /** Saves, if every field can be right; what the gateway finds wrong is said beside its field, too. */
  async save(checks: Checks<Field>, request: () => Promise<void>): Promise<boolean> {
    if (this.busy) return false;
    this.saved = false;
    this.problem = null;
    const fields = Object.keys(checks) as Field[];
    await this.#mark(fields.filter((field) => checks[field] === false));
    if (this.isWrong) return false;
    this.saved = await this.run(request);
    const found = this.#found();
    if (found) {
      this.problem = null;
      await this.#mark([found]);
    }
    return this.saved;
  }

  /** The field that the gateway names: `endpoint: …`, `contact: phone: …` */
  #found(): Field | null {
    if (this.problem?.slug !== 'invalid-request') return null;
    const [, outer = '', inner = ''] = /^(\w+)(?:: (?:\d+: )?(\w+):)?/.exec(this.problem.detail ?? '') ?? [];
    const field = [`${outer}_${inner}`, outer].find((name) => Object.hasOwn(this.#sentences, name));
    return (field as Field | undefined) ?? null;
  }

  async #mark(fields: Field[]): Promise<void> {
    this.wrong = Object.fromEntries(fields.map((field) => [field, this.#sentences[field]])) as typeof this.wrong;
    if (fields.length === 0) return;
    await tick();
    document.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }
}

/** Lines that hold something. */
export const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
