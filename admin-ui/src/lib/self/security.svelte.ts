// How one signs in, and where one is signed in: seen and changed.
import { post, read, Refusal } from '../api/client.ts';
import { Task } from '../api/task.svelte.ts';
import type { Enrolment, MySessions } from '#lib/api/document.d.ts';
import { door } from '../door/door.svelte.ts';
import type { Words } from '../messages/words.ts';

/** Password and code, typed again. */
export interface Proof {
  password: string;
  code: string;
}

class Security extends Task {
  sessions = $state.raw<MySessions | null>(null);
  enrolment = $state.raw<Enrolment | null>(null);
  codes = $state.raw<string[] | null>(null);
  /** What was done last. */
  said = $state.raw<((words: Words) => string) | null>(null);

  load = () =>
    this.run(async () => {
      this.sessions = (await read('/api/v1/me/sessions')).value;
    });

  changePassword = (proof: Proof, new_password: string) =>
    this.#proved(async () => {
      await post('/api/v1/me/password', { body: { ...proof, new_password } });
      this.said = (w) => w.say('passwordChanged');
    });

  renewCodes = (proof: Proof) =>
    this.#proved(async () => {
      this.codes = (await post('/api/v1/me/recovery-codes', { body: proof })).value.recovery_codes;
    });

  keptCodes = () => {
    this.codes = null;
    this.said = (w) => w.say('codesRenewed');
    void this.#again();
  };

  beginTelephone = (proof: Proof) =>
    this.#proved(async () => {
      this.enrolment = (await post('/api/v1/me/factor/begin', { body: proof })).value;
    });

  confirmTelephone = (code: string) =>
    this.#do(async () => {
      await post('/api/v1/me/factor/confirm', { body: { code } });
      this.enrolment = null;
      this.said = (w) => w.say('telephoneChanged');
    }, 'wrong-code');

  dropTelephone = () => {
    this.enrolment = null;
  };

  endSession = (session: string, what: string) =>
    this.#do(async () => {
      await post('/api/v1/me/sessions/{session}/end', { path: { session } });
      this.said = (w) => w.say('sessionEnded', { what });
    });

  lock = (verification: string, device: string) =>
    this.#do(async () => {
      const { value } = await post('/api/v1/me/doors/{verification}/end', { path: { verification } });
      this.said = (w) => w.say('doorShut', { device, ms: value.closed_in_ms });
    });

  everywhere = () =>
    this.#do(async () => {
      await post('/api/v1/me/sign-out-everywhere');
    });

  #proved = (request: () => Promise<void>) => this.#do(request, 'wrong-again');

  /** `wrong`: what a refused code is called here. */
  async #do(request: () => Promise<void>, wrong?: string): Promise<boolean> {
    this.said = null;
    const done = await this.run(request);
    if (this.problem?.slug === 'wrong-credentials' && wrong) this.problem = { ...this.problem, slug: wrong };
    if (done) await this.#again();
    return done;
  }

  /** What is open now; that somebody is signed out is the door's to say. */
  async #again(): Promise<void> {
    await door.look();
    try {
      this.sessions = (await read('/api/v1/me/sessions')).value;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
}

export const security = new Security();
