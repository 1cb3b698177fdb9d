// Files by the PC's clipboard: chosen here and pasted there, or copied there and saved here.
import { SvelteMap } from 'svelte/reactivity';

/** What carries them: RDP's clipboard, of which the component knows ([MS-RDPECLIP]). */
export interface Carrier {
  /** These may be pasted on the PC, instead of any before. */
  offer(files: File[]): void;
  /** Asks how long a file of the PC's is. */
  measure(id: number, nth: number): void;
  /** Asks for bytes of one. */
  ask(id: number, nth: number, from: number, bytes: number): void;
  /** Answers the PC; without bytes, that there are none. */
  answer(id: number, bytes: Uint8Array | null): void;
}

/** A file that was copied on the PC. */
export interface Offered {
  /** Its place among those that were copied together. */
  nth: number;
  name: string;
  bytes: number;
}

/** A file under way. */
export interface Transfer {
  id: number;
  name: string;
  bytes: number;
  /** Of them. */
  passed: number;
  way: 'there' | 'here';
  /** One that is sent waits until somebody pastes it. */
  state: 'waits' | 'goes' | 'done' | 'failed';
}

/** What a PC asks for. */
export interface Request {
  streamId: number;
  index: number;
  /** Its length; otherwise a part of it. */
  measured: boolean;
  position: number;
  size: number;
}

/** Bytes that are asked for at once. */
const CHUNK = 256 * 1024;
/** What a browser keeps until it is saved. */
const MOST = 2 ** 31;
/** Whoever asks for more gets so much. */
const ANSWERED = 4 * 1024 * 1024;
/** What is shown at most, of what was copied together, and of what has passed. */
const SHOWN = 100;
/** Signs that nobody sees, or that let a name read otherwise than it is. */
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A name that a PC gave, for people and for a file of this computer. */
export const cleanName = (name: string): string => name.split(/[/\\]/).at(-1)?.replace(UNSEEN, '_') || '_';

interface Coming {
  nth: number;
  bytes: number | null;
  parts: Blob[];
  passed: number;
}

export class Files {
  offered = $state.raw<Offered[]>([]);
  readonly #transfers = new SvelteMap<number, Transfer>();
  readonly #coming = new SvelteMap<number, Coming>();
  #chosen: { id: number; file: File }[] = [];
  #carrier: Carrier | null = null;
  #id = 0;
  readonly #save: (name: string, content: Blob) => void;

  constructor(save: (name: string, content: Blob) => void) {
    this.#save = save;
  }

  /** Those under way, and those that were, the last one first. */
  get transfers(): Transfer[] {
    return [...this.#transfers.values()].reverse();
  }

  /** Begins anew, with this; what was under way has failed. */
  carriedBy(carrier: Carrier | null): void {
    this.#carrier = carrier;
    this.offered = [];
    this.#chosen = [];
    this.#coming.clear();
    for (const { id, state } of this.#transfers.values()) {
      if (state === 'waits') this.#transfers.delete(id);
      else if (state === 'goes') this.#now(id, { state: 'failed' });
    }
  }

  /** Lets them be pasted on the PC. */
  send(files: File[]): void {
    this.replaced();
    this.#chosen = files.map((file) => ({ id: this.#begin(file.name, file.size, 'there', 'waits'), file }));
    try {
      this.#carrier?.offer(files);
    } catch {
      for (const { id } of this.#chosen) this.#now(id, { state: 'failed' });
    }
  }

  /** Something else was sent to the PC's clipboard: what was not pasted yet cannot be any more. */
  replaced(): void {
    for (const { id } of this.#chosen) if (this.#transfers.get(id)?.state === 'waits') this.#transfers.delete(id);
    this.#chosen = [];
  }

  /** The PC asks for one that was sent. */
  async asked({ streamId, index, measured, position, size }: Request): Promise<void> {
    const chosen = this.#chosen[index];
    if (!chosen) return this.#answer(streamId, null);
    const { id, file } = chosen;
    if (measured) {
      const length = new Uint8Array(8);
      new DataView(length.buffer).setBigUint64(0, BigInt(file.size), true);
      if (file.size === 0) this.#now(id, { state: 'done' });
      return this.#answer(streamId, length);
    }
    try {
      const bytes = new Uint8Array(await file.slice(position, position + Math.min(size, ANSWERED)).arrayBuffer());
      this.#answer(streamId, bytes);
      const passed = Math.max(this.#transfers.get(id)?.passed ?? 0, position + bytes.length);
      this.#now(id, { passed, state: passed < file.size ? 'goes' : 'done' });
    } catch {
      // It was moved or changed since it was chosen.
      this.#answer(streamId, null);
      this.#now(id, { state: 'failed' });
    }
  }

  /** These were copied on the PC. */
  came(files: { name: string; path?: string; size: number; isDirectory?: boolean }[]): void {
    this.offered = files
      .map(({ name, size, isDirectory }, nth) => ({ nth, name: cleanName(name), bytes: size, isDirectory }))
      .filter(({ isDirectory }) => !isDirectory)
      .slice(0, SHOWN);
  }

  /** Brings one of the PC's here. */
  take({ nth, name, bytes }: Offered): void {
    const id = this.#begin(name, bytes, 'here', 'goes');
    this.#coming.set(id, { nth, bytes: null, parts: [], passed: 0 });
    this.#try(id, (carrier) => carrier.measure(id, nth));
  }

  /** The PC's answer to either question. */
  answered(id: number, bytes: Uint8Array | null): void {
    const coming = this.#coming.get(id);
    if (!coming) return;
    if (bytes === null) return this.#failed(id);
    if (coming.bytes === null) {
      if (bytes.length < 8) return this.#failed(id);
      const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(0, true);
      if (length > MOST) return this.#failed(id);
      coming.bytes = Number(length);
    } else {
      // Neither nothing nor more than was asked for: it would never end, or not be the file.
      const left = Math.min(CHUNK, coming.bytes - coming.passed);
      if (bytes.length === 0 || bytes.length > left) return this.#failed(id);
      coming.parts.push(new Blob([new Uint8Array(bytes)]));
      coming.passed += bytes.length;
    }
    const { nth, passed } = coming;
    this.#now(id, { passed, bytes: coming.bytes });
    if (passed < coming.bytes) {
      const more = Math.min(CHUNK, coming.bytes - passed);
      return this.#try(id, (carrier) => carrier.ask(id, nth, passed, more));
    }
    this.#coming.delete(id);
    this.#now(id, { state: 'done' });
    this.#save(this.#transfers.get(id)?.name ?? '_', new Blob(coming.parts, { type: 'application/octet-stream' }));
  }

  #begin(name: string, bytes: number, way: Transfer['way'], state: Transfer['state']): number {
    const over = [...this.#transfers.values()].find(({ state }) => state === 'done' || state === 'failed');
    if (this.#transfers.size >= SHOWN && over) this.#transfers.delete(over.id);
    this.#id += 1;
    this.#transfers.set(this.#id, { id: this.#id, name, bytes, passed: 0, way, state });
    return this.#id;
  }

  #now(id: number, change: Partial<Transfer>): void {
    const before = this.#transfers.get(id);
    if (before) this.#transfers.set(id, { ...before, ...change });
  }

  #failed(id: number): void {
    this.#coming.delete(id);
    this.#now(id, { state: 'failed' });
  }

  #answer(id: number, bytes: Uint8Array | null): void {
    try {
      this.#carrier?.answer(id, bytes);
    } catch {
      return;
    }
  }

  #try(id: number, what: (carrier: Carrier) => void): void {
    try {
      if (!this.#carrier) throw new Error();
      what(this.#carrier);
    } catch {
      this.#failed(id);
    }
  }
}
