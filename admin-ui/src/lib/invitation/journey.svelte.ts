// From an invitation to a device: what was said, what was answered, and where one is.
import { post, Refusal } from '../api/client.ts';
import type { Enrolment, InvitationFor } from '#lib/api/document.d.ts';
import { problemOf, type Problem } from '../door/problem.ts';
import { complete } from './config.ts';
import { makeKeyPair, type KeyPair } from './keys.ts';

export type Step = 'token' | 'password' | 'factor' | 'recovery' | 'device';

class Journey {
  step = $state<Step>('token');
  busy = $state(false);
  problem = $state.raw<Problem | null>(null);
  invited = $state.raw<InvitationFor | null>(null);
  enrolment = $state.raw<Enrolment | null>(null);
  recoveryCodes = $state.raw<string[]>([]);
  /** The configuration, whole. */
  config = $state.raw<string | null>(null);
  #token = '';
  #pair: KeyPair | null = null;

  /** What would be lost by leaving now. */
  holds = $derived(this.step === 'recovery' || this.step === 'device');

  inspect = (token: string) =>
    this.#do(async () => {
      this.#token = token.trim();
      this.invited = (await post('/api/v1/invitations/inspect', { token: this.#token })).value;
      this.step = 'password';
    });

  choose = (password: string) =>
    this.#do(async () => {
      this.enrolment = (await post('/api/v1/invitations/begin', { token: this.#token, password })).value;
      this.step = 'factor';
    });

  /** The factor is proved, and the device is added in the same step: nobody stops in between. */
  confirm = (code: string, name: string) =>
    this.#do(async () => {
      this.#pair ??= await makeKeyPair();
      const { privateKey, publicKey } = this.#pair;
      const device = { name, public_key: publicKey };
      const { value } = await post('/api/v1/invitations/confirm', { token: this.#token, code, device });
      this.recoveryCodes = value.recovery_codes;
      this.config = value.config == null ? null : complete(value.config, privateKey);
      this.#pair = null;
      this.step = 'recovery';
    }, 'wrong-code');

  kept = () => {
    this.problem = null;
    this.step = 'device';
  };

  async #do(request: () => Promise<void>, wrong: Problem['slug'] = 'invitation-void'): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      await request();
    } catch (error) {
      const problem = problemOf(error instanceof Refusal ? error : new Refusal('internal'));
      this.problem = problem.slug === 'wrong-credentials' ? { ...problem, slug: wrong } : problem;
      if (problem.slug === 'invitation-void') this.step = 'token';
    } finally {
      this.busy = false;
    }
  }
}

export const journey = new Journey();
