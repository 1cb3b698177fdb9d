// Wakes that are followed as they go.
import type { WakeView } from '#lib/api/document.d.ts';
import { follow } from '../api/stream.ts';

/** Each wake has a line of its own until it ends. */
export class Wakes {
  readonly #lines = new Map<string, AbortController>();

  /** Follows the wake of this computer, if it is not followed yet; `tell` hears each step, the last one with its outcome. */
  follow(name: string, path: string, tell: (wake: WakeView) => void): void {
    if (this.#lines.has(name)) return;
    const abort = new AbortController();
    this.#lines.set(name, abort);
    const hear = ({ name: event, data }: { name: string; data: string }) => {
      if (event === 'wake') tell(JSON.parse(data) as WakeView);
    };
    // Whoever lost the line finds it again with the next list.
    void follow(path, abort.signal, hear, () => undefined)
      .catch(() => undefined)
      .finally(() => this.#lines.delete(name));
  }

  /** Nobody looks any more. */
  end(): void {
    for (const abort of this.#lines.values()) abort.abort();
    this.#lines.clear();
  }
}
