// What IT does with a computer.
import type { Workstation } from '#lib/api/document.d.ts';
import { call, post } from '../api/client.ts';
import { Deeds } from '../console/cut.svelte.ts';

/** The name in an address. */
const input = (pc: Workstation) => ({ path: { workstation: pc.id } });

export class Acts extends Deeds {
  wake = (pc: Workstation) =>
    this.run(async () => void (await post('/api/v1/workstations/{workstation}/wake', input(pc))));

  giveUp = (pc: Workstation) =>
    this.run(async () => void (await call('delete', '/api/v1/workstations/{workstation}/wake', input(pc))));

  sleep = (pc: Workstation) =>
    this.do('sleepDone', pc.name, async () => {
      await post('/api/v1/workstations/{workstation}/sleep', input(pc));
      return null;
    });

  /** In browsers it is known by the certificate that it shows next. */
  renew = (pc: Workstation) =>
    this.do('knownDone', pc.name, async () => {
      const body = { forget_certificate: true };
      await call('patch', '/api/v1/workstations/{workstation}', { ...input(pc), body });
      return null;
    });
}
