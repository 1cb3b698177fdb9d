// What the gateway refuses is told in English, for programs: here it is told to people, by the field that it names.
import { sentence, type Problem } from '../door/problem.ts';
import type { Sentence, Words } from '../messages/words.ts';

const FIELDS = new Map<string, Sentence>([
  ['name', 'refusedName'],
  ['login', 'refusedLogin'],
  ['mail', 'refusedMail'],
  ['address4', 'refusedAddress'],
  ['address6', 'refusedAddress'],
  ['dns_name', 'refusedWholeName'],
  ['dns_names', 'refusedWholeName'],
  ['ports', 'refusedPorts'],
  ['at', 'refusedTime'],
  ['until', 'refusedTime'],
  ['hours', 'refusedHours'],
  ['add', 'refusedMuch'],
  ['csv', 'refusedList'],
]);

/** The field, of `name: …`, `controllers[1].dns_name: …`, `add, remove: …`. */
const FIELD = /^(?:\w+(?:\[\d+\])?\.)*(\w+)(?:, \w+)?: /;

/** What is told apart of addresses. */
const ADDRESS = [
  [/own address/, 'refusedOwn'],
  [/wider than/, 'refusedWide'],
] as const;

/** The sentence for IT; and in English, small, what no sentence says. */
export function refusal(words: Words, problem: Problem): { text: string; small: string } {
  const detail = problem.detail ?? '';
  const [, name] = /`([^`]+)`/.exec(detail) ?? [];
  if (problem.slug === 'already-exists' && name) return { text: words.say('refusedTaken', { name }), small: '' };
  if (problem.slug === 'not-found' && name) return { text: words.say('refusedMissing', { name }), small: '' };
  const text = sentence(words, problem);
  if (problem.slug !== 'invalid-request')
    return { text, small: problem.slug === 'silent' || words.knows(problem.slug) ? '' : detail };
  const named = FIELDS.get(FIELD.exec(detail)?.[1] ?? '');
  const own = named === 'refusedAddress' ? (ADDRESS.find(([what]) => what.test(detail))?.[1] ?? named) : named;
  return own ? { text: words.say(own), small: '' } : { text, small: detail };
}
