// The reader's language: guessed, changeable, remembered. Only the words of one language are loaded.
import { languageOf, Words, type Language } from './words.ts';
import type { Messages } from './en.ts';

const STORED = 'language';

const LOADERS: Record<Language, () => Promise<{ default: Messages }>> = {
  en: () => import('./en.ts'),
  fr: () => import('./fr.ts'),
  nl: () => import('./nl.ts'),
  ca: () => import('./ca.ts'),
  es: () => import('./es.ts'),
};

class Reader {
  /** Null until the first words are there. */
  words = $state.raw<Words | null>(null);
  /** The words could not be loaded. */
  failed = $state(false);
  #chosen: string | null = null;
  #owner: string | null = null;
  #wanted: Language | null = null;

  async start(): Promise<void> {
    this.#chosen = remembered();
    await this.#apply();
  }

  async choose(language: string): Promise<void> {
    this.#chosen = language;
    remember(language);
    await this.#apply();
  }

  /** The language of the device's owner, for a browser that speaks none of ours. */
  async ownedBy(language: string | undefined): Promise<void> {
    if (language === undefined) return;
    this.#owner = language;
    await this.#apply();
  }

  async #apply(): Promise<void> {
    const language = languageOf([this.#chosen, ...navigator.languages, this.#owner]);
    if (this.#wanted === language) return;
    this.#wanted = language;
    try {
      const messages = (await LOADERS[language]()).default;
      if (this.#wanted !== language) return;
      const tag = navigator.languages.find((t) => t.toLowerCase().startsWith(language)) ?? language;
      this.words = new Words(language, messages, tag);
      document.documentElement.lang = language;
    } catch {
      this.#wanted = this.words?.language ?? null;
      this.failed = this.words === null;
    }
  }
}

// Storage may be switched off: then the browser's languages are asked each time.
function remembered(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

function remember(language: string): void {
  try {
    localStorage.setItem(STORED, language);
  } catch {
    return;
  }
}

export const reader = new Reader();
