// The questions that have words in every language.
import type { Question, Reply } from '#lib/api/document.d.ts';
import type { Sentence, Words } from '../messages/words.ts';

export const REPLIES = { yes: 'replyYes', no: 'replyNo', unsure: 'replyUnsure' } as const;

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

/** What is asked, each with its answer; then what was answered before and is not asked any more, if it has words. */
export function answersOf(
  asked: readonly Question[],
  replies: Record<string, Reply>,
): { question: Question; reply: Reply | null }[] {
  const ids = new Set(asked.map(({ id }) => id));
  const gone = Object.keys(replies).filter((id) => !ids.has(id) && Object.hasOwn(QUESTIONS, id));
  return [...asked, ...gone.map((id) => ({ id }))].map((question) => ({
    question,
    reply: replies[question.id] ?? null,
  }));
}
