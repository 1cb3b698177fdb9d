// The page's title while something waits for somebody who looks elsewhere.

/** Holds it, though the page sets its own anew meanwhile, and gives that back. */
export class HeldTitle {
  #held: string | null = null;
  #before = '';

  hold(text: string): void {
    if (document.title !== this.#held) this.#before = document.title;
    document.title = text;
    this.#held = text;
  }

  release(): void {
    if (this.#held !== null && document.title === this.#held) document.title = this.#before;
    this.#held = null;
  }
}
