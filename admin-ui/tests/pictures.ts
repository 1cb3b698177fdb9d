// How pages look: nothing is done unless one of these is asked for.
// PASSERELLE_SCREENSHOTS, a folder: every language and width, as LANGUAGE/NAME-WIDTH[-dark].png (`make screenshots`).
// PASSERELLE_PICTURES, a folder: small ones for README and guides, as NAME.LANGUAGE.webp (`make pictures`).
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { ensure } from './browser.ts';

export const LANGUAGES = ['en', 'fr', 'nl', 'ca', 'es'];
export const [PHONE, DESK] = [360, 1280];
const SCREENSHOTS = process.env['PASSERELLE_SCREENSHOTS'];
const PICTURES = process.env['PASSERELLE_PICTURES'];

/** States beside a page's first are worth their time. */
export const asked = Boolean(SCREENSHOTS ?? PICTURES);

/** A telephone, the console on a desk, a page of one column beside others. In CSS pixels; what is longer is cut below. */
const LENS = {
  phone: { width: 390, scale: 1, tallest: 960 },
  desk: { width: 1280, scale: 0.7, tallest: 900 },
  column: { width: 760, scale: 0.8, tallest: 900 },
};
/** What a part of a page is shown with. */
const AROUND = 6;
/** No picture of a guide is larger. */
const LARGEST = 60_000;

export type Lens = keyof typeof LENS;

export async function speak(page: Page, language: string) {
  await page.locator('header select').selectOption(language);
  await page.waitForFunction((wanted) => document.documentElement.lang === wanted, language);
}

/** A PNG among the screenshots, if they are asked for. */
export async function shoot(page: Page, language: string, name: string) {
  if (!SCREENSHOTS) return;
  const folder = join(SCREENSHOTS, language);
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

/** A state of a page, or what of it begins with `from` and ends with `to`. */
export async function picture(page: Page, name: string, lens: Lens, from?: Locator, to = from) {
  if (!asked) return;
  const before = page.viewportSize();
  if (SCREENSHOTS) {
    for (const language of LANGUAGES) {
      await speak(page, language);
      for (const width of [PHONE, DESK]) {
        await page.setViewportSize({ width, height: 800 });
        await shoot(page, language, `${name}-${width}`);
      }
    }
  }
  if (PICTURES) {
    for (const language of ['fr', 'en']) {
      await speak(page, language);
      await forGuides(page, join(PICTURES, `${name}.${language}.webp`), lens, from, to);
    }
  }
  await speak(page, 'en');
  if (before) await page.setViewportSize(before);
}

/** For guides alone. */
export async function pictured(page: Page, name: string, lens: Lens) {
  if (PICTURES) await picture(page, name, lens);
}

async function forGuides(page: Page, file: string, lens: Lens, from?: Locator, to?: Locator) {
  const { width, scale, tallest } = LENS[lens];
  await page.setViewportSize({ width, height: from ? 1200 : 760 });
  await page.evaluate(() => {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    window.scrollTo(0, 0);
    return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  });
  const whole = await page.evaluate(() => {
    const { top, height } = document.querySelector('main')?.getBoundingClientRect() ?? { top: 0, height: 0 };
    return Math.ceil(top + height + 16);
  });
  const boxes = [await from?.boundingBox(), await to?.boundingBox()].filter((box) => box != null);
  const part = {
    x: Math.max(0, Math.min(...boxes.map((box) => box.x)) - AROUND),
    y: Math.max(0, Math.min(...boxes.map((box) => box.y)) - AROUND),
    right: Math.min(width, Math.max(...boxes.map((box) => box.x + box.width)) + AROUND),
    below: Math.max(...boxes.map((box) => box.y + box.height)) + AROUND,
  };
  const { x, y, right, below } = boxes.length > 0 ? part : { x: 0, y: 0, right: width, below: whole };
  const clip = { x, y, width: right - x, height: Math.min(below - y, tallest), scale };
  const chromium = await page.context().newCDPSession(page);
  for (const quality of [80, 60, 40]) {
    const shot = { format: 'webp', quality, clip, captureBeyondViewport: true } as const;
    const data = Buffer.from((await chromium.send('Page.captureScreenshot', shot)).data, 'base64');
    if (data.length > LARGEST) continue;
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, data);
    await chromium.detach();
    return;
  }
  ensure(false, `${file} is larger than ${LARGEST} bytes`);
}
