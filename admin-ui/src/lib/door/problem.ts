// A refusal as the page says it.
import type { Refusal } from '../api/client.ts';
import type { Words } from '../messages/words.ts';

/** Seconds a code is shown. */
const STEP_S = 30;

/** What went wrong: a slug of the API's, or one of the page's own. */
export interface Problem {
  slug: string;
  waitSeconds?: number | null;
  reference?: string | null;
  /** The gateway's clock, in Unix milliseconds. */
  date?: number | null;
  /** What exactly, in English; shown to IT alone. */
  detail?: string | null;
}

export const problemOf = ({ slug, waitSeconds, reference, date, detail }: Refusal): Problem => ({
  slug,
  waitSeconds,
  reference,
  date,
  detail,
});

/** The sentence. What this page has no words for is told as the gateway's fault, with the slug as reference. */
export function sentence(words: Words, problem: Problem): string {
  if (problem.slug === 'silent') return words.say('silentWhy');
  return words.problem(words.knows(problem.slug) ? problem.slug : 'internal', {
    wait: words.lasting((problem.waitSeconds ?? STEP_S) * 1000, true),
    next: words.lasting(nextCode(problem.date ?? null) * 1000, true),
  });
}

/** For the call to IT; empty where there is nothing to say. */
export function reference(words: Words, problem: Problem): string {
  const known = problem.slug === 'silent' || words.knows(problem.slug);
  return [known ? null : problem.slug, problem.reference].filter(Boolean).join(' ');
}

/** Seconds until the authenticator app shows the next code; a whole step if the gateway gave no time. */
export function nextCode(date: number | null): number {
  return date === null ? STEP_S : STEP_S - (Math.floor(date / 1000) % STEP_S);
}
