// How one signs in, and where one is signed in: seen and changed.
import { post, read, Refusal } from '../api/client.ts';
import { Task } from '../api/task.svelte.ts';
import type { Enrolment, MySessions, Proof } from '#lib/api/document.d.ts';
import { door } from '../door/door.svelte.ts';
import type { Words } from '../messages/words.ts';
import { proof } from '../passkey/ceremony.ts';

/** Password and code, typed again; nothing: a passkey is to be touched instead. */
export type Typed = { password: string; code: string } | null;

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

  changePassword = (typed: Typed, new_password: string) =>
    this.#proved(typed, async (proof) => {
      await post('/api/v1/me/password', { body: { proof, new_password } });
      this.said = (w) => w.say('passwordChanged');
    });

  renewCodes = (typed: Typed) =>
    this.#proved(typed, async (proof) => {
      this.codes = (await post('/api/v1/me/recovery-codes', { body: proof })).value.recovery_codes;
    });

  keptCodes = () => {
    this.codes = null;
    this.said = (w) => w.say('codesRenewed');
    void this.#again();
  };

  beginTelephone = (typed: Typed) =>
    this.#proved(typed, async (proof) => {
      this.enrolment = (await post('/api/v1/me/factor/begin', { body: proof })).value;
    });

  confirmTelephone = (code: string) =>
    this.#do(async () => {
      await post('/api/v1/me/factor/confirm', { body: { code } });
      this.enrolment = null;
      const first = door.me?.app === false;
      this.said = (w) => w.say(first ? 'telephoneAdded' : 'telephoneChanged');
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

  #proved(typed: Typed, request: (proof: Proof) => Promise<void>) {
    return this.#do(async () => request(typed ?? { passkey: await proof() }), 'wrong-again');
  }

  /** `wrong`: what a refused code is called here. */
  async #do(request: () => Promise<void>, wrong?: string): Promise<boolean> {
    this.said = null;
    const done = await this.run(request);
    if (this.problem?.slug === 'wrong-credentials' && wrong) this.problem = { ...this.problem, slug: wrong };
    // Not waited for: who goes on meanwhile would have the next form closed under their hands.
    if (done) void this.#again();
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
