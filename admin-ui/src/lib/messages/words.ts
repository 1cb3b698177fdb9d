// Sentences and times in the reader's language.
import type { End, Warning } from '../door/screen.ts';
import { minutesOf } from '../door/screen.ts';
import type { Messages } from './en.ts';

export const LANGUAGES = { en: 'English', fr: 'Français', nl: 'Nederlands', ca: 'Català', es: 'Español' } as const;

export type Language = keyof typeof LANGUAGES;
export type Sentence = Exclude<keyof Messages, 'problems'>;
export type ProblemKey = keyof Messages['problems'];
export type Values = Record<string, string | number>;

const isLanguage = (tag: string | null | undefined): tag is Language => !!tag && Object.hasOwn(LANGUAGES, tag);

/** The first wish that is spoken here: chosen by hand, the browser's, the device owner's. */
export function languageOf(wishes: readonly (string | null | undefined)[]): Language {
  return wishes.map((tag) => tag?.slice(0, 2).toLowerCase()).find(isLanguage) ?? 'en';
}

const fill = (text: string, values: Values) => text.replace(/\{(\w+)\}/g, (_, name: string) => `${values[name] ?? ''}`);

/** One language, and the reader's variety of it for the way times are written. */
export class Words {
  constructor(
    readonly language: Language,
    readonly messages: Messages,
    readonly tag: string = language,
  ) {}

  say(key: Sentence, values: Values = {}): string {
    return fill(this.messages[key], values);
  }

  problem(key: ProblemKey, values: Values = {}): string {
    return fill(this.messages.problems[key], values);
  }

  knows(slug: string): slug is ProblemKey {
    return Object.hasOwn(this.messages.problems, slug);
  }

  time(at: number): string {
    return new Intl.DateTimeFormat(this.tag, { timeStyle: 'short' }).format(at);
  }

  /** `23 November 2026, 18:30` */
  moment(at: number): string {
    return new Intl.DateTimeFormat(this.tag, { dateStyle: 'long', timeStyle: 'short' }).format(at);
  }

  /** `Your office is open until 18:30`, with the day if that is not today's. */
  until({ until, now }: End): string {
    const time = this.time(until);
    if (new Date(until).toDateString() === new Date(now).toDateString()) return this.say('openTitle', { time });
    const day = new Intl.DateTimeFormat(this.tag, { weekday: 'long' }).format(until);
    return this.say('openTitleDay', { day, time });
  }

  /** What is coming, and what to do. */
  warning({ kind, at, since }: Warning): string {
    const time = this.time(at);
    if (kind === 'idle') return this.say('warningIdle', { since: this.time(since), time });
    return this.say(kind === 'grace' ? 'warningGrace' : 'warning', { time });
  }

  /** `1 h 05 min`; seconds below two minutes where every second counts. */
  lasting(ms: number, exact = false): string {
    if (exact && ms < 120_000) return `${Math.max(1, Math.ceil(ms / 1000))}\u00a0${this.say('seconds')}`;
    const minutes = minutesOf(ms);
    const [h, m] = [Math.floor(minutes / 60), minutes % 60];
    const min = this.say('minutes');
    return h > 0 ? `${h}\u00a0${this.say('hours')}\u00a0${`${m}`.padStart(2, '0')}\u00a0${min}` : `${m}\u00a0${min}`;
  }
}
