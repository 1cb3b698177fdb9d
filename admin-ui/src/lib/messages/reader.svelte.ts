// The reader's language: guessed, changeable, remembered. Only the words of one language are loaded, and of the areas
// that were opened.
import type { Area, Texts } from './areas.ts';
import { languageOf, Words, type Language } from './words.ts';

const STORED = 'language';

const LOADERS = import.meta.glob<Texts>('./*/??.ts', { import: 'default' });

async function load(area: Area, language: Language): Promise<Texts> {
  const loader = LOADERS[`./${area}/${language}.ts`];
  if (!loader) throw new Error(`no words: ${area} ${language}`);
  return loader();
}

/** Words in another language than the reader's: for what somebody else will read. */
export async function wordsIn(language: string, ...areas: Area[]): Promise<Words> {
  const spoken = languageOf([language]);
  return new Words(spoken, await Promise.all(areas.map((area) => load(area, spoken))));
}

class Reader {
  /** Null until the first words are there. */
  words = $state.raw<Words | null>(null);
  /** The words could not be loaded. */
  failed = $state(false);
  #areas: Area[] = ['portal'];
  #chosen: string | null = null;
  #owner: string | null = null;
  #begun = false;
  #wanted = '';

  async start(): Promise<void> {
    if (this.#begun) return;
    this.#begun = true;
    this.#chosen = remembered();
    await this.#apply();
  }

  /** These areas' words too, before a page of theirs is shown. */
  async want(...areas: Area[]): Promise<void> {
    this.#areas = [...new Set([...this.#areas, ...areas])];
    await (this.#begun ? this.#apply() : this.start());
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
    const wanted = [language, ...this.#areas].join(' ');
    if (this.#wanted === wanted) return;
    const before = this.#wanted;
    this.#wanted = wanted;
    try {
      const texts = await Promise.all(this.#areas.map((area) => load(area, language)));
      if (this.#wanted !== wanted) return;
      const tag = navigator.languages.find((t) => t.toLowerCase().startsWith(language)) ?? language;
      this.words = new Words(language, texts, tag);
      document.documentElement.lang = language;
    } catch {
      this.#wanted = before;
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
