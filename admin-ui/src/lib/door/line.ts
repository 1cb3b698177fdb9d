// The line to the gateway by which it tells of changes itself. While it stands, nobody need ask.
import { Refusal } from '../api/client.ts';
import { follow, type ServerEvent } from '../api/stream.ts';

/** The gateway gives a sign of life every 15 seconds: one is long overdue. */
const SILENT_MS = 25_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
const LOOK_MS = 1_000;

/** How long to wait after so many failures in a row; not everybody at once after a restart of the gateway. */
export function pauseMs(failures: number, chance: number): number {
  const most = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
  return most / 2 + (most / 2) * chance;
}

export class Line {
  #wanted = false;
  #failures = 0;
  #retryAt = 0;
  #heardAt = 0;
  #abort: AbortController | null = null;
  #standing = false;

  constructor(
    private readonly path: string,
    private readonly hear: (event: ServerEvent) => void,
    private readonly lost: () => void,
    private readonly now: () => number = () => performance.now(),
    private readonly body?: object,
  ) {}

  /** Something has come by it, and it has not ended. */
  get stands(): boolean {
    return this.#standing;
  }

  /** Whether there is anything to follow. */
  want(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#failures = this.#retryAt = 0;
    if (!wanted) this.#cut();
    this.check();
  }

  /** The gateway was found silent by other means. */
  hangUp(): void {
    if (!this.#abort) return;
    this.#cut();
    this.#pause(null);
  }

  /** Begins anew, at once. */
  restart(): void {
    this.#cut();
    this.#failures = this.#retryAt = 0;
    this.check();
  }

  /** To be called now and then. */
  check(): void {
    const now = this.now();
    if (this.#abort && now - this.#heardAt > SILENT_MS) {
      this.hangUp();
      this.lost();
    }
    if (this.#wanted && !this.#abort && now >= this.#retryAt) void this.#connect();
  }

  /** Wanted for as long as a page is shown, which looks at what it knows every second. Whoever comes back to a page that
   *  is behind does not wait out a pause. Gives the way to end it. */
  keep(look: () => void, behind: () => boolean): () => void {
    this.want(true);
    const timer = setInterval(() => {
      this.check();
      look();
    }, LOOK_MS);
    const seen = () => {
      if (!document.hidden && behind()) this.restart();
    };
    document.addEventListener('visibilitychange', seen);
    window.addEventListener('online', seen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', seen);
      window.removeEventListener('online', seen);
      this.want(false);
    };
  }

  async #connect(): Promise<void> {
    const abort = (this.#abort = new AbortController());
    this.#heardAt = this.now();
    let why: unknown = null;
    try {
      await follow(
        this.path,
        abort.signal,
        (event) => {
          if (abort.signal.aborted) return;
          this.#standing = true;
          this.#failures = 0;
          this.hear(event);
        },
        () => (this.#heardAt = this.now()),
        this.body,
      );
    } catch (error) {
      why = error;
    }
    // Whoever hung up knows.
    if (abort.signal.aborted) return;
    this.#cut();
    this.#pause(why);
    this.lost();
  }

  #cut(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.#standing = false;
  }

  #pause(why: unknown): void {
    const asked = why instanceof Refusal ? (why.waitSeconds ?? 0) * 1_000 : 0;
    this.#retryAt = this.now() + Math.max(asked, pauseMs(this.#failures, Math.random()));
    this.#failures += 1;
  }
}
