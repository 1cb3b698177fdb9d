// Sentences and times in the reader's language.
import type { End, Warning } from '../door/screen.ts';
import { minutesOf } from '../door/screen.ts';
import type { Areas, Texts } from './areas.ts';

export const LANGUAGES = { en: 'English', fr: 'Français', nl: 'Nederlands', ca: 'Català', es: 'Español' } as const;

export type Language = keyof typeof LANGUAGES;
type SentencesOf<T> = Exclude<keyof T, 'problems'>;
export type Sentence = { [A in keyof Areas]: SentencesOf<Areas[A]> }[keyof Areas];
/** What is said of a number: `key_one`, `key_other`. */
export type Countable = Sentence extends infer S ? (S extends `${infer Key}_other` ? Key : never) : never;
export type ProblemKey = keyof Areas['portal']['problems'];
export type Values = Record<string, string | number>;

const isLanguage = (tag: string | null | undefined): tag is Language => !!tag && Object.hasOwn(LANGUAGES, tag);

/** The first wish that is spoken here: chosen by hand, the browser's, the device owner's. */
export function languageOf(wishes: readonly (string | null | undefined)[]): Language {
  return wishes.map((tag) => tag?.slice(0, 2).toLowerCase()).find(isLanguage) ?? 'en';
}

const fill = (text: string, values: Values) => text.replace(/\{(\w+)\}/g, (_, name: string) => `${values[name] ?? ''}`);

/** One language, and the reader's variety of it for the way times are written. */
export class Words {
  readonly #sentences: Record<string, string> = {};
  readonly #problems: Record<string, string> = {};

  /** Of problems, the last that has words for one is heard: IT is told other things than employees. */
  constructor(
    readonly language: Language,
    texts: readonly Texts[],
    readonly tag: string = language,
  ) {
    for (const { problems, ...sentences } of texts) {
      Object.assign(this.#sentences, sentences);
      Object.assign(this.#problems, problems);
    }
  }

  say(key: Sentence, values: Values = {}): string {
    return fill(this.#sentences[key] ?? key, values);
  }

  /** What a sentence has room for. */
  holes(key: Sentence): string[] {
    return [...(this.#sentences[key] ?? '').matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
  }

  /** `3 people`: the sentence of the number's own form, in which it is written as `{n}`. */
  count(key: Countable, n: number, values: Values = {}): string {
    const one = new Intl.PluralRules(this.tag).select(n) === 'one';
    return this.say(`${key}_${one ? 'one' : 'other'}` as Sentence, { ...values, n: this.number(n) });
  }

  problem(key: ProblemKey, values: Values = {}): string {
    return fill(this.#problems[key] ?? key, values);
  }

  knows(slug: string): slug is ProblemKey {
    return Object.hasOwn(this.#problems, slug);
  }

  number(n: number): string {
    return new Intl.NumberFormat(this.tag).format(n);
  }

  /** `1.2 MB`; decimal units, as network people count. */
  bytes(n: number): string {
    const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
    const nth = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, n)) / 3)));
    const maximumFractionDigits = nth > 1 ? 1 : 0;
    const unit = units[nth] ?? 'byte';
    const format = {
      style: 'unit',
      unit,
      unitDisplay: unit === 'byte' ? 'long' : 'short',
      maximumFractionDigits,
    } as const;
    return new Intl.NumberFormat(this.tag, format).format(n / 1000 ** nth);
  }

  time(at: number): string {
    return new Intl.DateTimeFormat(this.tag, { timeStyle: 'short' }).format(at);
  }

  /** `23 November 2026, 18:30` */
  moment(at: number): string {
    return new Intl.DateTimeFormat(this.tag, { dateStyle: 'long', timeStyle: 'short' }).format(at);
  }

  /** `23 Nov 2026, 18:30`, for tables. */
  short(at: number): string {
    return new Intl.DateTimeFormat(this.tag, { dateStyle: 'medium', timeStyle: 'short' }).format(at);
  }

  /** `23 November 2026` */
  day(at: number): string {
    return new Intl.DateTimeFormat(this.tag, { dateStyle: 'long' }).format(at);
  }

  /** `a, b and c` */
  list(items: readonly string[]): string {
    return new Intl.ListFormat(this.tag, { type: 'conjunction' }).format(items);
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
