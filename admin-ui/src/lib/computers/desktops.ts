// Desktops as IT reads them: which one it is, and how long an answer takes.
import type { Desktop } from '#lib/api/document.d.ts';
import type { Words } from '../messages/words.ts';

/** `12 ms`; tenths where they are all there is. */
export function tripText(words: Words, us: number): string {
  const maximumFractionDigits = us < 1_000 ? 1 : 0;
  const format = { style: 'unit', unit: 'millisecond', maximumFractionDigits } as const;
  return new Intl.NumberFormat(words.tag, format).format(us / 1_000);
}

/** `laptop · browser · since 23 Nov, 14:02`: of two that one person has open, which. */
export const whichText = (words: Words, { device_name, via, since }: Desktop): string =>
  words.say('desktopWhich', {
    device: device_name,
    via: words.say(via === 'app' ? 'viaApp' : 'viaBrowser'),
    time: words.short(since),
  });
