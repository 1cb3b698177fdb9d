// The pools of which whoever is here may use some PC, and their place in them.
import type { MyPool } from '#lib/api/document.d.ts';
import { call, post, read, Refusal } from '../api/client.ts';
import { Known, Task } from '../api/task.svelte.ts';

/** How they stand is asked this often while somebody looks; a line that one waits in also while nobody does. */
const LOOK_MS = 10_000;
const WAIT_MS = 3_000;

interface Heard {
  all: MyPool[];
  /** The gateway's time then, in Unix milliseconds, and this page's steady one. */
  date: number;
  at: number;
}

export class MyPools extends Task {
  readonly known = new Known<Heard>(async () => {
    const { value, date } = await read('/api/v1/me/pools');
    return { all: value, date: date ?? Date.now(), at: performance.now() };
  });
  /** Of which one something is under way, or went wrong. */
  at = $state<string | null>(null);
  #looking = false;

  start = (): (() => void) => {
    const waits = () => this.known.value?.all.some(({ place }) => place?.at === 'waiting') ?? false;
    const timers = [
      setInterval(() => waits() && void this.look(), WAIT_MS),
      setInterval(() => !waits() && !document.hidden && void this.look(), LOOK_MS),
    ];
    const end = this.known.start();
    return () => {
      end();
      timers.forEach(clearInterval);
    };
  };

  /** Milliseconds until then, whatever this device's clock says. */
  left = (until: number): number => {
    const { value } = this.known;
    return value ? until - value.date - (performance.now() - value.at) : 0;
  };

  /** Takes a seat, or a place in the line; gives the PC that is one's own now, if there is one. */
  async take({ id }: MyPool): Promise<string | null> {
    let pc: string | null = null;
    await this.#do(id, async () => {
      const { place } = (await post('/api/v1/me/pools/{pool}/seat', { path: { pool: id } })).value;
      if (place && place.at !== 'waiting') pc = place.workstation;
      await this.known.load();
    });
    return pc;
  }

  /** Gives back what is kept, or leaves the line. */
  leave = ({ id }: MyPool): Promise<boolean> =>
    this.#do(id, async () => {
      try {
        await call('delete', '/api/v1/me/pools/{pool}/seat', { path: { pool: id } });
      } catch (error) {
        // It passed a moment ago.
        if (!(error instanceof Refusal) || error.slug !== 'not-found') throw error;
      }
      await this.known.load();
    });

  /** Slow answers are waited for: one that is overtaken would not be heard. */
  look = async (): Promise<void> => {
    if (this.#looking) return;
    this.#looking = true;
    await this.known.load();
    this.#looking = false;
  };

  #do(id: string, request: () => Promise<void>): Promise<boolean> {
    if (!this.busy) this.at = id;
    return this.run(request);
  }
}
