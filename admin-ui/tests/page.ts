// The page as its tests find it, and what holds in each of its states.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Locator, Page } from 'playwright-core';
import { ensure, want } from './browser.ts';
import { LANGUAGES, shoot } from './pictures.ts';

const WIDTHS = [320, 390, 1280];
/** Touch targets, in CSS pixels. */
const TOUCH = 44;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

declare global {
  interface Window {
    axe: { run(node: Node, options: object): Promise<AxeResults> };
  }
}

export const heading = (page: Page, text: string | RegExp) =>
  page.getByRole('heading', { level: 1, name: text }).waitFor();

/** The gateway tells the page of changes by itself: the last that a page asks for. */
export const followed = (page: Page) =>
  page.waitForResponse((r) => r.url().endsWith('/api/v1/door/events') && r.status() === 200);

export const fields = (page: Page) => {
  const field = (label: string) => page.getByLabel(label, { exact: true });
  return { user: field('User name'), password: field('Password'), code: field('Code') };
};

export const button = (page: Page, name: string) => page.getByRole('button', { name });

export const locked = (page: Page) => heading(page, 'Sign in to open your office');

export const opened = (page: Page) => heading(page, /^Your office is open until /);

export interface Person {
  login: string;
  password: string;
  recovery: string;
}

/** Who plays. */
export const who = async (wanted = 'person') => JSON.parse(await want(wanted)) as Person;

/** Signs in by what is typed; `action`: what the page calls it. */
export async function signIn(
  page: Page,
  { login, password }: Pick<Person, 'login' | 'password'>,
  action = 'Open the office',
  typed?: string,
) {
  const field = fields(page);
  await field.user.fill(login);
  await field.password.fill(password);
  await field.code.fill(typed ?? (await want('code')));
  await button(page, action).click();
}

/** The code is gone, which was good once; it goes a moment after what is said of it. */
export const emptied = (field: Locator) =>
  field.evaluate(async (input: HTMLInputElement) => {
    for (let n = 0; n < 40 && input.value; n += 1) await new Promise((later) => setTimeout(later, 50));
    return input.value === '';
  });

/** Every language fits every width, and every target a finger. */
export async function fits(page: Page, state: string) {
  for (const language of LANGUAGES) {
    await page.locator('header select').selectOption(language);
    await page.waitForFunction((wanted) => document.documentElement.lang === wanted, language);
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      const { over, small } = await page.evaluate((touch) => {
        const root = document.documentElement;
        const all = [...document.querySelectorAll('button, input:not([aria-hidden]), select, textarea, a, summary')];
        const targets = all.filter((target) => target.checkVisibility());
        // A box to tick is as large as its label.
        const size = (target: Element) =>
          (target.matches('[type=checkbox], [type=radio]')
            ? (target.closest('label') ?? target)
            : target
          ).getBoundingClientRect();
        return {
          over: root.scrollWidth - root.clientWidth,
          small: targets.filter((t) => size(t).height < touch || size(t).width < touch).map((t) => t.outerHTML),
        };
      }, TOUCH);
      ensure(over <= 0, `${state} in ${language} is ${over} px wider than ${width} px`);
      ensure(small.length === 0, `${state} in ${language} at ${width} px: too small to touch: ${small}`);
      await shoot(page, language, `${state.replaceAll(/[^a-z0-9]+/gi, '-')}-${width}`);
    }
  }
  await page.locator('header select').selectOption('en');
  await page.waitForFunction(() => document.documentElement.lang === 'en');
}

export async function accessible(page: Page, state: string) {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    ensure(serious.length === 0, `${state}, ${colorScheme}: ${JSON.stringify(serious, null, 1)}`);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}
