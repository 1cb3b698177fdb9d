// What takes away, and how long it took.
import type { CarriedOut } from '#lib/api/document.d.ts';
import { Task } from '../api/task.svelte.ts';
import type { Sentence, Words } from '../messages/words.ts';

/** What was done last; said on the page. */
export class Deeds extends Task {
  #done = $state.raw<((words: Words) => string) | null>(null);

  said = (words: Words): string => this.#done?.(words) ?? '';

  tell = (said: (words: Words) => string): void => {
    this.#done = said;
  };

  forget = (): void => {
    this.#done = null;
  };

  /** What was done before is said until something else begins. */
  override run(request: () => Promise<void>): Promise<boolean> {
    if (!this.busy) this.forget();
    return super.run(request);
  }

  /** Does it, then says so: `sentence` with what it was done to, and how long it took until nothing passed. */
  async do(
    sentence: Sentence,
    what: string,
    request: () => Promise<CarriedOut | null>,
    then?: () => Promise<void>,
  ): Promise<boolean> {
    return this.run(async () => {
      const out = await request();
      this.tell((words) => {
        const said = words.say(sentence, { what, ms: words.number(out?.closed_in_ms ?? 0) });
        return out?.stored && out.stored !== 'yes' ? `${said} ${words.say('storedSoon')}` : said;
      });
      await then?.();
    });
  }
}
