// What is to be known while a desktop is shown: that it ends soon, and what IT told. No notice takes the keyboard.
import type { Due, MyDesktop } from '#lib/api/document.d.ts';
import { minutesOf } from '../door/screen.ts';
import type { Sentence, Words } from '../messages/words.ts';

const ENDS: Record<Due, Sentence> = {
  idle: 'deskEndsIdle',
  longest: 'deskEndsLongest',
  booked: 'deskEndsBooked',
};

export interface Ending {
  at: number;
  why: Due;
  /** Until then; none once it has passed, which only who booked the PC lets it do. */
  minutes: number;
}

export const endingText = (words: Words, { at, why }: Ending): string => words.say(ENDS[why], { time: words.time(at) });

/** When it ends, by the gateway's clock. */
export function endingOf({ ends_at, ends_why }: Pick<MyDesktop, 'ends_at' | 'ends_why'>, now: number): Ending | null {
  if (ends_at == null || ends_why == null) return null;
  return { at: ends_at, why: ends_why, minutes: Math.max(0, minutesOf(ends_at - now)) };
}

export class Notices {
  ending = $state.raw<Ending | null>(null);
  told = $state.raw<MyDesktop['told']>(null);
  readonly #key: string;
  /** Storage may be switched off. */
  #read: string | null = null;

  constructor(pc: string) {
    this.#key = `desktop-read ${pc}`;
  }

  hear(desktop: MyDesktop, now: number): void {
    this.ending = endingOf(desktop, now);
    const { told } = desktop;
    if (told?.at !== this.told?.at) this.told = told && `${told.at}` !== this.#remembered() ? told : null;
  }

  /** It was read; it does not come again, also not on this page loaded anew. */
  read = (): void => {
    try {
      sessionStorage.setItem(this.#key, `${this.told?.at}`);
    } catch {
      this.#read = `${this.told?.at}`;
    }
    this.told = null;
  };

  clear(): void {
    this.ending = null;
    this.told = null;
  }

  #remembered(): string | null {
    try {
      return this.#read ?? sessionStorage.getItem(this.#key);
    } catch {
      return this.#read;
    }
  }
}
