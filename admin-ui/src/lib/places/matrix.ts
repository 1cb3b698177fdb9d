// What is wanted of the matrix beside what holds, and what a preview says of it.
import type { AddPolicy, Policy, PolicyDifference, Span } from '#lib/api/document.d.ts';

/** When a group may reach something. */
export interface When {
  hours: string | null;
  until: number | null;
}

/** What a cell holds; null: nothing. */
export type Cell = When | null;

/** Cells that are to be another way than they are. */
export type Wanted = ReadonlyMap<string, Cell>;

export const keyOf = (group: string, resource: string): string => `${group} ${resource}`;

export const ALWAYS: When = { hours: null, until: null };

const cellOf = (policy: Policy | undefined): Cell =>
  policy ? { hours: policy.hours ?? null, until: policy.until ?? null } : null;

const same = (a: Cell, b: Cell) => a?.hours === b?.hours && a?.until === b?.until && (a === null) === (b === null);

/** Policies by cell. */
export const byCell = (policies: readonly Policy[]): ReadonlyMap<string, Policy> =>
  new Map(policies.map((policy) => [keyOf(policy.group, policy.resource), policy]));

/** What a cell is to hold, or holds. */
export function shown(held: ReadonlyMap<string, Policy>, wanted: Wanted, key: string): Cell {
  const change = wanted.get(key);
  return change === undefined ? cellOf(held.get(key)) : change;
}

/** With this cell another way; as it is, it is wanted no more. */
export function want(held: ReadonlyMap<string, Policy>, wanted: Wanted, key: string, cell: Cell): Wanted {
  const next = new Map(wanted);
  if (same(cellOf(held.get(key)), cell)) next.delete(key);
  else next.set(key, cell);
  return next;
}

/** Given: always, or as it was; else taken. */
export function toggled(held: ReadonlyMap<string, Policy>, wanted: Wanted, key: string): Wanted {
  const now = shown(held, wanted, key);
  return want(held, wanted, key, now ? null : (cellOf(held.get(key)) ?? ALWAYS));
}

/** What is to be sent. */
export function changes(held: ReadonlyMap<string, Policy>, wanted: Wanted): { add: AddPolicy[]; remove: string[] } {
  const add: AddPolicy[] = [];
  const remove: string[] = [];
  for (const [key, cell] of wanted) {
    const policy = held.get(key);
    if (policy) remove.push(policy.id);
    const [group = '', resource = ''] = key.split(' ');
    if (cell) add.push({ group, resource, ...cell });
  }
  return { add, remove };
}

/** People to whom the same happens. */
export interface Sentence {
  kind: 'gain' | 'lose' | 'change';
  resource: string;
  before: Span[];
  after: Span[];
  people: string[];
}

/** The preview by what happens: who gains first, then who loses, then who has it at other times. */
export function sentences(differences: readonly PolicyDifference[]): Sentence[] {
  const found = new Map<string, Sentence>();
  for (const { name, resource_name: resource, gains, loses, before, after } of differences) {
    const kind = gains && before.length === 0 ? 'gain' : loses && after.length === 0 ? 'lose' : 'change';
    const key = JSON.stringify([kind, resource, before, after]);
    const one = found.get(key) ?? { kind, resource, before, after, people: [] };
    one.people.push(name);
    found.set(key, one);
  }
  const order = { gain: 0, lose: 1, change: 2 };
  return [...found.values()].sort((a, b) => order[a.kind] - order[b.kind]);
}
