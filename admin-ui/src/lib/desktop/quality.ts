// How well a desktop comes: from two answers of the gateway's.
import type { Words } from '../messages/words.ts';

/** What the gateway counted, at a moment of this page's steady clock. */
export interface Reading {
  at: number;
  bytes: number;
  roundTripMs: number | null;
}

/** Bits in a second between two readings. */
export function rateOf(before: Reading | null, now: Reading): number | null {
  if (!before || now.at <= before.at) return null;
  return (Math.max(0, now.bytes - before.bytes) * 8 * 1000) / (now.at - before.at);
}

/** `12 ms · 1.4 Mb/s`; empty while nothing is known. */
export function qualityText({ tag }: Pick<Words, 'tag'>, roundTripMs: number | null, rate: number | null): string {
  const say = (n: number, unit: string, digits: number) =>
    new Intl.NumberFormat(tag, { style: 'unit', unit, maximumFractionDigits: digits }).format(n);
  const parts = [];
  if (roundTripMs !== null) parts.push(say(Math.max(1, roundTripMs), 'millisecond', 0));
  if (rate !== null)
    parts.push(rate < 1e6 ? say(rate / 1e3, 'kilobit-per-second', 0) : say(rate / 1e6, 'megabit-per-second', 1));
  return parts.join(' · ');
}
