/** A state in words, and of what kind it is: what `Pill` shows. */
export interface Shown {
  kind: 'open' | 'waiting' | 'closed' | 'trouble';
  text: string;
}
