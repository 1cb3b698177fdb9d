// The office PCs that whoever is here may use, and the wakes that they begin.
import type { MyWorkstation, WakeView } from '#lib/api/document.d.ts';
import { call, post, read } from '../api/client.ts';
import { Known, Task } from '../api/task.svelte.ts';
import { underWay } from './state.ts';
import { Wakes } from './wakes.ts';

/** What they do is asked for this often, while somebody looks. */
const LOOK_MS = 10_000;

export class MyComputers extends Task {
  readonly known = new Known(async () => this.#heard((await read('/api/v1/me/workstations')).value));
  /** Of which one something went wrong. */
  at = $state<string | null>(null);
  /** Of which one somebody is being asked, and of which one they said no. */
  asking = $state<string | null>(null);
  refused = $state<string | null>(null);
  readonly #wakes = new Wakes();

  start = (): (() => void) => {
    const end = this.known.start(LOOK_MS);
    return () => {
      end();
      this.#wakes.end();
    };
  };

  wake = (name: string) =>
    this.#do(name, async () => {
      const path = { workstation: name };
      await post('/api/v1/me/workstations/{workstation}/wake', { path });
      await this.known.load();
    });

  giveUp = (name: string) =>
    this.#do(name, async () => {
      await call('delete', '/api/v1/me/workstations/{workstation}/wake', { path: { workstation: name } });
      await this.known.load();
    });

  /** Asks whoever is at it. */
  ask = (name: string) =>
    this.#do(name, async () => {
      this.asking = name;
      this.refused = null;
      try {
        const { value } = await post('/api/v1/me/workstations/{workstation}/ask', { path: { workstation: name } });
        if (value.says === 'no') this.refused = name;
      } finally {
        this.asking = null;
      }
      await this.known.load();
    });

  #do(name: string, request: () => Promise<void>): Promise<boolean> {
    if (!this.busy) this.at = name;
    return this.run(request);
  }

  /** Wakes that go on are followed, whoever began them. */
  #heard(all: MyWorkstation[]): MyWorkstation[] {
    for (const pc of all.filter(underWay)) {
      const path = `/api/v1/me/workstations/${encodeURIComponent(pc.name)}/wake/events`;
      this.#wakes.follow(pc.name, path, (wake) => this.#tell(pc.name, wake));
    }
    return all;
  }

  #tell(name: string, wake: WakeView): void {
    const { value } = this.known;
    this.known.value = value?.map((pc) => (pc.name === name ? { ...pc, wake } : pc)) ?? null;
    // What it does now that it is awake.
    if (wake.outcome != null) void this.known.load();
  }
}
