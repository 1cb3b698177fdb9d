// One's own devices: those there are, one more, one less.
import { act, post, read, Refusal } from '../api/client.ts';
import type { Device } from '#lib/api/document.d.ts';
import { problemOf, type Problem } from '../door/problem.ts';
import { complete } from '../invitation/config.ts';
import { makeKeyPair } from '../invitation/keys.ts';

class Mine {
  devices = $state.raw<Device[] | null>(null);
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);
  /** The configuration of the device that was just added, whole. */
  config = $state.raw<string | null>(null);
  /** What was shut out, and after how many milliseconds nothing of it passed. */
  lost = $state.raw<{ name: string; ms: number } | null>(null);

  load = () =>
    this.#do(async () => {
      this.devices = (await read('/api/v1/me/devices')).value;
    });

  add = (name: string) =>
    this.#do(async () => {
      const { privateKey, publicKey } = await makeKeyPair();
      const { value } = await post('/api/v1/me/devices', { name, public_key: publicKey });
      this.config = complete(value.config, privateKey);
      this.devices = [...(this.devices ?? []), value.device];
    });

  lose = ({ id, name }: Device) =>
    this.#do(async () => {
      const { value } = await act('/api/v1/me/devices/{device}/revoke', { device: id });
      this.lost = { name, ms: value.closed_in_ms };
      this.devices = (this.devices ?? []).filter((device) => device.id !== id);
    });

  done = () => {
    this.config = null;
  };

  async #do(request: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    this.lost = null;
    try {
      await request();
    } catch (error) {
      this.problem = problemOf(error instanceof Refusal ? error : new Refusal('internal'));
    } finally {
      this.busy = false;
    }
  }
}

export const mine = new Mine();
