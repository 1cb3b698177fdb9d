// What a page asks of the gateway: one thing at a time, and what went wrong with it.
import { problemOf, type Problem } from '../door/problem.ts';
import { Refusal } from './client.ts';

/** What is no refusal of the gateway's is a fault of this page: it is told as one, and not hidden from who looks for it. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  console.error(error);
  return new Refusal('page-failed');
}

export class Task {
  busy = $state(false);
  problem = $state.raw<Problem | null>(null);

  /** Whether it was done. While something is under way nothing else begins. */
  async run(request: () => Promise<void>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.problem = null;
    try {
      await request();
      return true;
    } catch (error) {
      this.problem = problemOf(refusalOf(error));
      return false;
    } finally {
      this.busy = false;
    }
  }
}

/** What the gateway has, asked again when the page is looked at again. */
export class Known<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  readonly #ask: () => Promise<T>;
  #nth = 0;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  /** Asks; an answer that was overtaken is not heard, and a failure leaves what was known. */
  load = async (): Promise<void> => {
    const nth = ++this.#nth;
    try {
      const value = await this.#ask();
      if (nth !== this.#nth) return;
      this.value = value;
      this.problem = null;
    } catch (error) {
      if (nth !== this.#nth) return;
      this.problem = problemOf(refusalOf(error));
    }
  };

  /** Begins to ask; gives the way to end it. `everyMs`: also without being looked at again. */
  start = (everyMs?: number): (() => void) => {
    const seen = () => {
      if (!document.hidden) void this.load();
    };
    const poll = everyMs === undefined ? null : setInterval(seen, everyMs);
    window.addEventListener('focus', seen);
    window.addEventListener('online', seen);
    document.addEventListener('visibilitychange', seen);
    void this.load();
    return () => {
      if (poll !== null) clearInterval(poll);
      window.removeEventListener('focus', seen);
      window.removeEventListener('online', seen);
      document.removeEventListener('visibilitychange', seen);
    };
  };
}
