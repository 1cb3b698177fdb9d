// Where somebody stands with a pool: office PCs with the same program, of which only so many may be used at once.
import type { MyPool } from '#lib/api/document.d.ts';
import type { Sentence, Words } from '../messages/words.ts';
import type { Shown } from '../ui/shown.ts';

/** Without a place of one's own: whether there is a seat to be had. */
export type Stand = NonNullable<MyPool['place']>['at'] | 'free' | 'full';

export const standOf = ({ place, free }: Pick<MyPool, 'place' | 'free'>): Stand =>
  place?.at ?? (free > 0 ? 'free' : 'full');

const NTH: Record<Intl.LDMLPluralRule, Sentence> = {
  zero: 'nthOther',
  one: 'nthOne',
  two: 'nthTwo',
  few: 'nthFew',
  many: 'nthOther',
  other: 'nthOther',
};

/** `3rd`, in the form that goes with a place in a line. */
export const nthOf = (words: Words, n: number): string =>
  words.say(NTH[new Intl.PluralRules(words.tag, { type: 'ordinal' }).select(n)], { n: words.number(n) });

/** Above all else of a pool. */
export function shownOf(words: Words, { place, free, seats }: MyPool): Shown {
  switch (place?.at) {
    case 'there':
      return { kind: 'open', text: words.say('seatThere', { name: place.workstation }) };
    case 'kept':
      return {
        kind: 'open',
        text: words.say('seatKept', { name: place.workstation, time: words.time(place.until) }),
      };
    case 'waiting':
      return { kind: 'waiting', text: words.say('seatInLine', { nth: nthOf(words, place.before + 1) }) };
    default:
      return free > 0
        ? { kind: 'open', text: words.count('seatsFree', free, { all: words.number(seats) }) }
        : { kind: 'waiting', text: words.say('seatsNone') };
  }
}

/** What is said aloud of one's own place, and to whoever looks elsewhere when their turn has come. */
export function spokenOf(words: Words, pool: MyPool): string {
  const { place } = pool;
  if (place?.at === 'kept') {
    return words.say('seatTurn', { name: place.workstation, time: words.time(place.until) });
  }
  return place?.at === 'waiting' ? shownOf(words, pool).text : '';
}

/** Those in which one waited, and has a seat now. */
export function turnsOf(before: readonly MyPool[], now: readonly MyPool[]): MyPool[] {
  const waited = new Set(before.filter(({ place }) => place?.at === 'waiting').map(({ id }) => id));
  return now.filter(({ id, place }) => place?.at === 'kept' && waited.has(id));
}

/** `1 min 40 s` */
export function remaining(words: Words, ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const [minutes, rest] = [Math.floor(seconds / 60), `${seconds % 60}\u00a0${words.say('seconds')}`];
  return minutes > 0 ? `${minutes}\u00a0${words.say('minutes')} ${rest}` : rest;
}
