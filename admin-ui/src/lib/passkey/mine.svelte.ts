// One's own passkeys: those there are, one more, one less.
import { post, read } from '../api/client.ts';
import { Task } from '../api/task.svelte.ts';
import type { BeginPasskey, Passkey } from '#lib/api/document.d.ts';
import { make, proof } from './ceremony.ts';

class Mine extends Task {
  passkeys = $state.raw<Passkey[] | null>(null);
  /** What was done last. */
  done = $state.raw<{ what: 'added' | 'removed'; name: string } | null>(null);

  load = () =>
    this.run(async () => {
      this.passkeys = (await read('/api/v1/me/passkeys')).value;
    });

  /** `code`: what shows that it is the person; without one, a passkey they have. */
  add = (name: string, code: string | null) =>
    this.#do(async () => {
      const body: BeginPasskey = code === null ? { passkey: await proof() } : { code };
      const { value: asked } = await post('/api/v1/me/passkeys/begin', { body });
      const { value } = await post('/api/v1/me/passkeys/confirm', { body: await make(asked, name) });
      this.passkeys = [...(this.passkeys ?? []), value];
      this.done = { what: 'added', name: value.name };
    });

  remove = ({ id, name }: Passkey) =>
    this.#do(async () => {
      await post('/api/v1/me/passkeys/{passkey}/revoke', { path: { passkey: id } });
      this.passkeys = (this.passkeys ?? []).filter((passkey) => passkey.id !== id);
      this.done = { what: 'removed', name };
    });

  async #do(request: () => Promise<void>): Promise<boolean> {
    if (!this.busy) this.done = null;
    const done = await this.run(request);
    // Here it can only be the code.
    if (this.problem?.slug === 'wrong-credentials') this.problem = { ...this.problem, slug: 'wrong-code' };
    return done;
  }
}

export const mine = new Mine();
