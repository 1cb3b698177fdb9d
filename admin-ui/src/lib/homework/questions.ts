// The questions that have words in every language.
import type { Question } from '#lib/api/document.d.ts';
import type { Sentence, Words } from '../messages/words.ts';

export const QUESTIONS: Record<string, Sentence> = {
  disk: 'checkDisk',
  updates: 'checkUpdates',
  account: 'checkAccount',
  wifi: 'checkWifi',
  screen: 'checkScreen',
};

/** A question as it is asked: IT's own words, or ours. */
export function sentenceOf(words: Words, { id, text }: Question): string {
  const key = QUESTIONS[id];
  return text ?? (key ? words.say(key) : id);
}
