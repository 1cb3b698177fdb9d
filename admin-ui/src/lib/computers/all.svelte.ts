// Every office PC, as the gateway tells of it as it happens.
import type { Workstation } from '#lib/api/document.d.ts';
import type { ServerEvent } from '../api/stream.ts';
import { Line } from '../door/line.ts';

/** Then it is said that nothing has come. */
const LATE_MS = 7_000;

export class Computers {
  all = $state.raw<Workstation[] | null>(null);
  /** What is shown is from this moment, by this device's clock; null while it is fresh. */
  staleSince = $state<number | null>(null);
  /** Nothing has come yet, and it is time. */
  late = $state(false);
  #begun = 0;
  #heard = Date.now();
  readonly #line = new Line(
    '/api/v1/workstations/events',
    (event) => this.#hear(event),
    () => (this.staleSince ??= this.#heard),
  );

  start = (): (() => void) => {
    this.#begun = performance.now();
    return this.#line.keep(
      () => {
        if (this.#line.stands) this.#heard = Date.now();
        this.late = this.all === null && performance.now() - this.#begun > LATE_MS;
      },
      () => this.staleSince !== null,
    );
  };

  /** What was asked for besides is newer than what was told. */
  know(pc: Workstation): void {
    this.all = (this.all ?? []).map((other) => (other.id === pc.id ? pc : other));
  }

  #hear({ name, data }: ServerEvent): void {
    const told = JSON.parse(data) as Workstation[];
    if (name === 'workstations') this.all = told;
    else if (name === 'changed') told.forEach((pc) => this.know(pc));
    else return;
    this.#heard = Date.now();
    this.staleSince = null;
    this.late = false;
  }
}
