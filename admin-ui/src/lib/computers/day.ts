// A day of a computer, from the steps that the gateway noted.
import type { Kind, WorkstationStep } from '#lib/api/document.d.ts';
import type { Sentence, Words } from '../messages/words.ts';
import { isUsed, kindOf, reasonOf } from './state.ts';

/** What is told apart in a picture as small as this. */
export type Part = 'free' | 'used' | 'on' | 'away' | 'unknown';

export const PARTS: Record<Part, Sentence> = {
  free: 'spanFree',
  used: 'spanUsed',
  on: 'spanOn',
  away: 'spanAway',
  unknown: 'spanUnknown',
};

export interface Span {
  part: Part;
  from: number;
  to: number;
}

/** Where a day begins and ends, in the reader's own time; days of 23 and 25 hours too. */
export function boundsOf(day: string): { from: number; to: number } {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return { from: new Date(year, month - 1, date).getTime(), to: new Date(year, month - 1, date + 1).getTime() };
}

/** This hour of the day that begins then, by the reader's clock, also where that is set back or on. */
export const hourOf = (from: number, hour: number): number => new Date(from).setHours(hour);

const partOf = (kind: Kind): Part => {
  if (isUsed(kind)) return 'used';
  if (kind === 'free') return 'free';
  if (kind === 'off' || kind === 'asleep' || kind === 'waking') return 'away';
  return kind === 'unknown' ? 'unknown' : 'on';
};

/** What it did from `from` until `to`: each step until the next one, those alike as one. Before the first nothing is known. */
export function spansOf(steps: readonly WorkstationStep[], from: number, to: number): Span[] {
  const all: Span[] = [];
  const add = (part: Part, begin: number, end: number) => {
    const last = all.at(-1);
    if (end <= begin) return;
    if (last?.part === part) last.to = end;
    else all.push({ part, from: begin, to: end });
  };
  const within = (at: number) => Math.min(Math.max(at, from), to);
  add('unknown', from, within(steps[0]?.at ?? to));
  steps.forEach(({ at, state }, nth) => add(partOf(state), within(at), within(steps[nth + 1]?.at ?? to)));
  return all;
}

/** Each change once: steps that read alike, one after the other, are one. */
export function changesOf(words: Words, steps: readonly WorkstationStep[]): WorkstationStep[] {
  const read = (step: WorkstationStep) => `${kindOf(words, step).text} ${reasonOf(words, step)}`;
  return steps.filter((step, nth) => {
    const before = steps[nth - 1];
    return !before || read(before) !== read(step);
  });
}

/** How long each lasted, in milliseconds. */
export function lengths(spans: readonly Span[]): [Part, number][] {
  const sum = (part: Part) => spans.filter((s) => s.part === part).reduce((ms, s) => ms + s.to - s.from, 0);
  return (Object.keys(PARTS) as Part[]).map((part) => [part, sum(part)] as [Part, number]).filter(([, ms]) => ms > 0);
}
