// The checklist as it is typed, and as it is stored: answers hang on the ids, so that a question keeps its own.
import type { Question } from '#lib/api/document.d.ts';
import { QUESTIONS } from '../homework/questions.ts';

/** IT's own questions, one a line. */
export const own = (questions: readonly Question[]): string =>
  questions
    .map((q) => q.text)
    .filter((text) => text != null)
    .join('\n');

/** The questions in their order; one that stood there before, word for word, keeps its id. */
export function asked(known: readonly string[], mine: readonly string[], before: readonly Question[]): Question[] {
  const taken = new Set([...before.map((q) => q.id), ...Object.keys(QUESTIONS)]);
  const used = new Set<string>();
  const fresh = () => {
    for (let n = 1; ; n++) {
      const id = `own-${n}`;
      if (!taken.has(id)) {
        taken.add(id);
        return id;
      }
    }
  };
  const kept = (text: string) => {
    const id = before.find((q) => q.text === text && !used.has(q.id))?.id ?? fresh();
    used.add(id);
    return { id, text };
  };
  return [
    ...Object.keys(QUESTIONS)
      .filter((id) => known.includes(id))
      .map((id) => ({ id })),
    ...mine.map(kept),
  ];
}
