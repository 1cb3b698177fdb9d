// How the gateway is, in words: each check's sentence when it is well, when it is not, and what helps then.
import type { Check, Line, State } from '#lib/api/document.d.ts';
import type { Sentence, Words } from '#lib/messages/words.ts';

/** What is not well; each has a sentence, and its cure. */
export type Ailment = Sentence & (Sentence extends infer S ? (S extends `${infer Key}Cure` ? Key : never) : never);

interface Sentences {
  well: Sentence;
  /** By state where they differ. */
  watch: Ailment;
  trouble: Ailment;
  unknown: Ailment;
}

const same = (well: Sentence, ill: Ailment): Sentences => ({ well, watch: ill, trouble: ill, unknown: ill });

const SENTENCES: Record<Check, Sentences> = {
  data_plane: same('dataPlaneWell', 'linkDown'),
  second_lock: { ...same('secondLockWell', 'firewallOff'), watch: 'rebuiltIll' },
  other_firewalls: { ...same('otherFirewallsWell', 'firewallIll'), unknown: 'firewallsUnseenIll' },
  forwarding: { ...same('forwardingWell', 'forwardingIll'), unknown: 'forwardingUnknownIll' },
  clock: same('clockWell', 'clockWrong'),
  restored: same('restoredWell', 'restoredIll'),
  storage: same('storageWell', 'storageIll'),
  disk: { ...same('diskWell', 'diskIll'), unknown: 'diskUnknownIll' },
  waiting_cuts: same('waitingCutsWell', 'cutsWait'),
  certificate: { ...same('certificateWell', 'certificateIll'), watch: 'certificateNamesIll' },
  dns: same('dnsWell', 'dnsIll'),
  public_name: same('publicNameWell', 'publicNameIll'),
  outside: same('outsideWell', 'outsideIll'),
  unheard: same('unheardWell', 'unheardIll'),
};

/** What is said of it, with the number that belongs to it. */
export function sentence(words: Words, { check, state, value }: Line): string {
  const known = SENTENCES[check];
  const values =
    value == null ? {} : { room: words.bytes(value), day: words.day(value), time: words.short(value), n: value };
  return words.say(known[state], values);
}

/** What helps; nothing where all is well. */
export const cure = (words: Words, { check, state }: Line): string | null =>
  state === 'well' ? null : words.say(`${SENTENCES[check][state]}Cure`);

/** A later gateway may look at more than this page knows. */
export const known = (lines: readonly Line[]): Line[] => lines.filter(({ check }) => Object.hasOwn(SENTENCES, check));

const RANK: State[] = ['trouble', 'watch', 'unknown', 'well'];

/** The worst first; otherwise in the order in which they were told. */
export const worstFirst = (lines: readonly Line[]): Line[] =>
  known(lines).sort((one, other) => RANK.indexOf(one.state) - RANK.indexOf(other.state));

/** What somebody must see to now. */
export const troubles = (lines: readonly Line[]): Line[] => known(lines).filter(({ state }) => state === 'trouble');

/** What is worth a look, without haste. */
export const watched = (lines: readonly Line[]): Line[] => known(lines).filter(({ state }) => state === 'watch');
