// Files by the PC's clipboard: chosen here and pasted there, or copied there and saved here.
import { SvelteMap } from 'svelte/reactivity';

/** A file as it is announced. */
export interface Announced {
  name: string;
  size: number;
  lastModified: number;
}

/** What carries them: RDP's clipboard, of which the component knows ([MS-RDPECLIP]). It says nothing of what it refuses. */
export interface Carrier {
  /** These may be pasted on the PC, instead of any before. */
  offer(files: Announced[]): void;
  /** Asks how long a file of the PC's is. */
  measure(id: number, nth: number): void;
  /** Asks for bytes of one. */
  ask(id: number, nth: number, from: number, bytes: number): void;
  /** Answers the PC; without bytes, that there are none. */
  answer(id: number, bytes: Uint8Array | null): void;
}

/** A file that was copied on the PC. */
export interface Offered {
  key: number;
  /** Its place among those that were copied together. */
  nth: number;
  name: string;
  /** The folder it was copied in, if it was not alone there. */
  folder: string;
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
  /** What was offered when the PC took this lock; nothing: what is offered now. */
  lock: number | undefined;
}

/** Bytes that are asked for at once. */
const CHUNK = 256 * 1024;
/** A PC that gives less, and not the end, would never end. */
const LEAST = 4 * 1024;
/** What a browser keeps until it is saved. */
const MOST = 2 ** 31;
/** Whoever asks for more gets so much: keys wait behind it. */
const ANSWERED = 1024 * 1024;
/** Questions that wait for an answer. */
const WAITING = 16;
/** What the PC has not answered in this time will not come. */
const SILENT_MS = 65_000;
/** A paste that asks for nothing in this time is over. */
const PASTED_MS = 15_000;
/** A list that has just come is not what somebody pressed at. */
const READ_MS = 400;
/** Files at once, and what is shown of what has passed. */
export const AT_ONCE = 100;
/** No name is longer for Windows. */
const NAME = 259;
/** Signs that nobody sees, or that let a name read otherwise than it is. */
const UNSEEN = /[\p{C}\p{Default_Ignorable_Code_Point}\u2800]/gu;

const readable = (text: string): string => text.replace(UNSEEN, '_').replace(/\p{Z}+/gu, ' ');

/** A name that a PC gave, for people and for a file of this computer. */
export const cleanName = (name: string): string => readable(name.split(/[/\\]/).at(-1) ?? '') || '_';

/** A name as Windows can have it: the component leaves out files with others, and counts those that are left. */
export const windowsName = (name: string): string =>
  name
    // eslint-disable-next-line no-control-regex
    .replace(/[\\/:*?"<>|\u0000-\u001f]/g, '_')
    .slice(-NAME) || '_';

interface Coming {
  nth: number;
  /** As the PC has announced it. */
  announced: number;
  bytes: number | null;
  parts: Blob[];
  passed: number;
  silent: ReturnType<typeof setTimeout>;
}

/** Files that were sent together. */
type Batch = readonly { id: number; file: File }[];

export class Files {
  offered = $state.raw<Offered[]>([]);
  /** How many more were copied on the PC than are shown. */
  more = $state(0);
  readonly #transfers = new SvelteMap<number, Transfer>();
  readonly #coming = new SvelteMap<number, Coming>();
  /** What a lock of the PC's keeps. */
  readonly #locked = new SvelteMap<number, Batch>();
  #batch: Batch = [];
  #asked = 0;
  #carrier: Carrier | null = null;
  #id = 0;
  #list = 0;
  #since = 0;
  #reading: Promise<void> = Promise.resolve();
  #questions = 0;
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
    this.withdrawn();
    for (const id of [...this.#coming.keys()]) this.#failed(id);
    this.#locked.clear();
    this.replaced();
  }

  /** The same once this carries nothing any more. */
  leftBy(carrier: Carrier): void {
    if (this.#carrier === carrier) this.carriedBy(null);
  }

  /** Something is being pasted that would be mixed with what were sent now. */
  get busy(): boolean {
    const goes = this.#batch.some(({ id }) => this.#transfers.get(id)?.state === 'goes');
    return goes && this.#locked.size === 0 && performance.now() - this.#asked < PASTED_MS;
  }

  /** Lets them be pasted on the PC; false if that did not work. */
  send(files: File[]): boolean {
    if (!this.#carrier || this.busy || files.length > AT_ONCE) return false;
    this.replaced();
    this.#batch = files.map((file) => ({ id: this.#begin(file.name, file.size, 'there', 'waits'), file }));
    try {
      this.#carrier.offer(
        files.map(({ name, size, lastModified }) => ({ name: windowsName(name), size, lastModified })),
      );
      return true;
    } catch {
      for (const { id } of this.#batch) this.#now(id, { state: 'failed' });
      return false;
    }
  }

  /** Something else is on the PC's clipboard: what was not pasted yet cannot be any more, but by a lock. */
  replaced(): void {
    this.#batch = [];
    this.#settle();
  }

  /** The PC keeps what is offered now, until it has it. */
  locked(lock: number): void {
    if (this.#batch.length > 0 && this.#locked.size < WAITING) this.#locked.set(lock, this.#batch);
  }

  unlocked(lock: number): void {
    this.#locked.delete(lock);
    this.#settle();
  }

  /** What the PC cannot ask for any more does not come. */
  #settle(): void {
    const there = [this.#batch, ...this.#locked.values()].flatMap((batch) => batch.map(({ id }) => id));
    for (const { id, way, state } of [...this.#transfers.values()]) {
      if (way === 'here' || there.includes(id)) continue;
      if (state === 'waits') this.#transfers.delete(id);
      else if (state === 'goes') this.#now(id, { state: 'failed' });
    }
  }

  /** The PC asks for one that was sent: it is answered when those before it were. */
  asked(request: Request): Promise<void> {
    const carrier = this.#carrier;
    if (!carrier) return Promise.resolve();
    if (this.#questions >= WAITING) {
      this.#answer(carrier, request.streamId, null);
      return Promise.resolve();
    }
    this.#questions += 1;
    this.#reading = this.#reading.then(async () => {
      this.#answer(carrier, request.streamId, await this.#part(carrier, request));
      this.#questions -= 1;
    });
    return this.#reading;
  }

  /** What is answered; nothing, if it may not be had (any more). */
  async #part(carrier: Carrier, { index, measured, position, size, lock }: Request): Promise<Uint8Array | null> {
    const batch = lock === undefined ? this.#batch : this.#locked.get(lock);
    const chosen = batch?.[index];
    if (!chosen) return null;
    const { id, file } = chosen;
    const isOver = () =>
      this.#carrier !== carrier ||
      !this.#transfers.has(id) ||
      (lock === undefined ? this.#batch !== batch : this.#locked.get(lock) !== batch);
    if (isOver()) return null;
    this.#asked = performance.now();
    if (measured) {
      const length = new Uint8Array(8);
      new DataView(length.buffer).setBigUint64(0, BigInt(file.size), true);
      if (file.size === 0) this.#now(id, { state: 'done' });
      return length;
    }
    if (position > file.size) return null;
    try {
      const part = file.slice(position, position + Math.min(size, ANSWERED));
      const bytes = new Uint8Array(await part.arrayBuffer());
      if (isOver()) return null;
      const before = this.#transfers.get(id)?.passed ?? 0;
      const passed = position <= before ? Math.max(before, position + bytes.length) : before;
      this.#now(id, { passed, state: passed < file.size ? 'goes' : 'done' });
      return bytes;
    } catch {
      // It was moved or changed since it was chosen.
      this.#now(id, { state: 'failed' });
      return null;
    }
  }

  /** These were copied on the PC. What was under way is of another list, whose places would be taken for these. */
  came(files: { name: string; path?: string; size: number; isDirectory?: boolean }[]): void {
    for (const id of [...this.#coming.keys()]) this.#failed(id);
    this.#list += 1;
    this.#since = performance.now();
    const all = files
      .map(({ name, path, size, isDirectory }, nth) => ({
        key: this.#list * 1_000_000 + nth,
        nth,
        name: cleanName(name),
        folder: readable(path ?? ''),
        bytes: size,
        isDirectory,
      }))
      .filter(({ isDirectory }) => !isDirectory);
    this.offered = all.slice(0, AT_ONCE);
    this.more = all.length - this.offered.length;
  }

  /** What was copied on the PC is not there any more. */
  withdrawn(): void {
    this.offered = [];
    this.more = 0;
  }

  /** Brings one of the PC's here. */
  take({ nth, name, bytes }: Offered): void {
    if (performance.now() - this.#since < READ_MS) return;
    const id = this.#begin(name, bytes, 'here', 'goes');
    this.#coming.set(id, { nth, announced: bytes, bytes: null, parts: [], passed: 0, silent: this.#patience(id) });
    this.#try(id, (carrier) => carrier.measure(id, nth));
  }

  /** One is not wanted any more. */
  cancel(id: number): void {
    clearTimeout(this.#coming.get(id)?.silent);
    this.#coming.delete(id);
    // The PC is answered no more.
    this.#transfers.delete(id);
  }

  /** The PC's answer to either question. */
  answered(id: number, bytes: Uint8Array | null): void {
    const coming = this.#coming.get(id);
    if (!coming) return;
    clearTimeout(coming.silent);
    if (bytes === null) return this.#failed(id);
    if (coming.bytes === null) {
      if (bytes.length < 8) return this.#failed(id);
      const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(0, true);
      // The component asks for nothing beyond what was announced.
      const grown = coming.announced > 0 && length > coming.announced;
      if (length > MOST || grown) return this.#failed(id);
      coming.bytes = Number(length);
    } else {
      // Neither nothing nor more than was asked for: it would never end, or not be the file.
      const left = Math.min(CHUNK, coming.bytes - coming.passed);
      if (bytes.length > left || bytes.length < Math.min(left, LEAST)) return this.#failed(id);
      coming.parts.push(new Blob([new Uint8Array(bytes)]));
      coming.passed += bytes.length;
    }
    const { nth, passed } = coming;
    this.#now(id, { passed, bytes: coming.bytes });
    if (passed < coming.bytes) {
      const more = Math.min(CHUNK, coming.bytes - passed);
      coming.silent = this.#patience(id);
      return this.#try(id, (carrier) => carrier.ask(id, nth, passed, more));
    }
    this.#coming.delete(id);
    this.#save(this.#transfers.get(id)?.name ?? '_', new Blob(coming.parts, { type: 'application/octet-stream' }));
    this.#now(id, { state: 'done' });
  }

  #patience(id: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#failed(id), SILENT_MS);
  }

  #begin(name: string, bytes: number, way: Transfer['way'], state: Transfer['state']): number {
    if (this.#transfers.size >= AT_ONCE) {
      const over = [...this.#transfers.values()].find(({ state }) => state === 'done' || state === 'failed');
      if (over) this.#transfers.delete(over.id);
    }
    this.#id += 1;
    this.#transfers.set(this.#id, { id: this.#id, name: readable(name), bytes, passed: 0, way, state });
    return this.#id;
  }

  #now(id: number, change: Partial<Transfer>): void {
    const before = this.#transfers.get(id);
    if (before) this.#transfers.set(id, { ...before, ...change });
  }

  #failed(id: number): void {
    clearTimeout(this.#coming.get(id)?.silent);
    this.#coming.delete(id);
    this.#now(id, { state: 'failed' });
  }

  #answer(carrier: Carrier, id: number, bytes: Uint8Array | null): void {
    try {
      carrier.answer(id, bytes);
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
