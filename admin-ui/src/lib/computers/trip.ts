// How long an answer takes.
import type { Words } from '../messages/words.ts';

/** `12 ms`; tenths where they are all there is. */
export function tripText(words: Words, us: number): string {
  const maximumFractionDigits = us < 1_000 ? 1 : 0;
  const format = { style: 'unit', unit: 'millisecond', maximumFractionDigits } as const;
  return new Intl.NumberFormat(words.tag, format).format(us / 1_000);
}
