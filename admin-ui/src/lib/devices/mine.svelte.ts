// One's own devices: those there are, one more, one less.
import { post, read } from '../api/client.ts';
import { Task } from '../api/task.svelte.ts';
import type { Device } from '#lib/api/document.d.ts';
import { complete } from '../invitation/config.ts';
import { makeKeyPair } from '../invitation/keys.ts';

class Mine extends Task {
  devices = $state.raw<Device[] | null>(null);
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
      const { value } = await post('/api/v1/me/devices', { body: { name, public_key: publicKey } });
      this.config = complete(value.config, privateKey);
      this.devices = [...(this.devices ?? []), value.device];
    });

  lose = ({ id, name }: Device) =>
    this.#do(async () => {
      const { value } = await post('/api/v1/me/devices/{device}/revoke', { path: { device: id } });
      this.lost = { name, ms: value.closed_in_ms };
      this.devices = (this.devices ?? []).filter((device) => device.id !== id);
    });

  done = () => {
    this.config = null;
  };

  #do(request: () => Promise<void>): Promise<boolean> {
    if (!this.busy) this.lost = null;
    return this.run(request);
  }
}

export const mine = new Mine();
