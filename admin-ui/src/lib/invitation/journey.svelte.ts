// From an invitation to a device: what was said, what was answered, and where one is.
import { post } from '../api/client.ts';
import { Task } from '../api/task.svelte.ts';
import type { Confirm, Enrolment, InvitationFor } from '#lib/api/document.d.ts';
import type { Problem } from '../door/problem.ts';
import { make } from '../passkey/ceremony.ts';
import { complete } from './config.ts';
import { makeKeyPair, type KeyPair } from './keys.ts';

export type Step = 'token' | 'password' | 'factor' | 'recovery' | 'rules' | 'device';

class Journey extends Task {
  step = $state<Step>('token');
  invited = $state.raw<InvitationFor | null>(null);
  enrolment = $state.raw<Enrolment | null>(null);
  recoveryCodes = $state.raw<string[]>([]);
  /** The configuration, whole. */
  config = $state.raw<string | null>(null);
  /** The device that was added. */
  device = $state<string | null>(null);
  /** A passkey was made. */
  touched = $state(false);
  #token = '';
  #pair: KeyPair | null = null;

  get token(): string {
    return this.#token;
  }

  /** What would be lost by leaving now. */
  holds = $derived(['recovery', 'rules', 'device'].includes(this.step));

  inspect = (token: string) =>
    this.#do(async () => {
      this.#token = token.trim();
      this.invited = (await post('/api/v1/invitations/inspect', { body: { token: this.#token } })).value;
      this.step = 'password';
    });

  choose = (password: string) =>
    this.#do(async () => {
      this.enrolment = (await post('/api/v1/invitations/begin', { body: { token: this.#token, password } })).value;
      this.step = 'factor';
    });

  confirm = (code: string, name: string) => this.#do(() => this.#end({ code }, name), 'wrong-code');

  /** A passkey is made instead, and called as the device. */
  touch = async (name: string) => {
    await this.#do(async () => {
      const body = { token: this.#token, secret: this.enrolment?.secret ?? '' };
      const { value: asked } = await post('/api/v1/invitations/passkey', { body });
      await this.#end({ passkey: await make(asked, name) }, name);
      this.touched = true;
    });
    const unmade = ['passkey-cancelled', 'passkey-unable'].includes(this.problem?.slug ?? '');
    if (unmade) this.problem = { slug: 'passkey-unmade' };
    if (this.problem?.slug !== 'outdated') return;
    this.problem = { slug: 'passkey-anew' };
    this.step = 'password';
  };

  kept = () => {
    this.problem = null;
    this.step = this.invited?.rules ? 'rules' : 'device';
  };

  /** The rules as they were shown. If they have changed since, the first sign-in shows them again. */
  accept = async () => {
    const version = this.invited?.rules?.version ?? 0;
    const body = { token: this.#token, version };
    const done = await this.run(async () => void (await post('/api/v1/invitations/rules', { body })));
    const gone = ['invalid-request', 'invitation-void'].includes(this.problem?.slug ?? '');
    if (!done && !gone) return;
    this.problem = null;
    this.step = 'device';
  };

  /** The factor is proved, and the device is added in the same step: nobody stops in between. */
  async #end(proof: Pick<Confirm, 'code' | 'passkey'>, name: string) {
    this.#pair ??= await makeKeyPair();
    const { privateKey, publicKey } = this.#pair;
    const body = { token: this.#token, ...proof, device: { name, public_key: publicKey } };
    const { value } = await post('/api/v1/invitations/confirm', { body });
    this.recoveryCodes = value.recovery_codes;
    this.device = value.device?.id ?? null;
    this.config = value.config == null ? null : complete(value.config, privateKey);
    this.#pair = null;
    this.step = 'recovery';
  }

  async #do(request: () => Promise<void>, wrong: Problem['slug'] = 'invitation-void'): Promise<void> {
    await this.run(request);
    if (this.problem?.slug === 'wrong-credentials') this.problem = { ...this.problem, slug: wrong };
    if (this.problem?.slug === 'invitation-void') this.step = 'token';
  }
}

export const journey = new Journey();
