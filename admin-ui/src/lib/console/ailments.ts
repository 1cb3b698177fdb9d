// What is not well, by name: each has its sentence, and its cure.
import type { Status } from '#lib/api/document.d.ts';

export type Ailment =
  'linkDown' | 'firewallOff' | 'firewallIll' | 'clockWrong' | 'storageIll' | 'restoredIll' | 'cutsWait';

/** What is not well; `detail`: what the gateway says of it, in English. */
export function ailments(status: Status): { key: Ailment; detail: string | null }[] {
  const { firewall, link } = status;
  const up = link === 'up';
  const found: [Ailment, boolean, string | null][] = [
    ['linkDown', !up, null],
    ['firewallOff', up && !firewall.in_force, firewall.problem ?? null],
    ['firewallIll', up && firewall.in_force && firewall.problem != null, firewall.problem ?? null],
    ['clockWrong', !status.clock_believed, null],
    ['storageIll', status.storage != null, status.storage ?? null],
    ['restoredIll', status.restored_at != null, null],
    ['cutsWait', status.waiting_cuts > 0 && status.storage == null, null],
  ];
  return found.filter(([, ill]) => ill).map(([key, , detail]) => ({ key, detail }));
}
