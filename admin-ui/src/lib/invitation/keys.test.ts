import { x25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { makeKeyPair } from './keys.ts';

const bytes = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const withoutX25519 = { generateKey: () => Promise.reject(new Error('unknown curve')) } as unknown as SubtleCrypto;

describe.each([
  ['by the browser', undefined],
  ['by the library', withoutX25519],
])('%s', (_, subtle) => {
  it('makes a pair that WireGuard takes', async () => {
    const { privateKey, publicKey } = await makeKeyPair(subtle);
    const secret = bytes(privateKey);
    expect(secret.length).toBe(32);
    expect([(secret[0] ?? 1) & 7, (secret[31] ?? 0) & 192]).toEqual([0, 64]);
    expect(bytes(publicKey)).toEqual(x25519.getPublicKey(secret));
  });

  it('never makes the same twice', async () => {
    const pairs = await Promise.all([makeKeyPair(subtle), makeKeyPair(subtle)]);
    expect(new Set(pairs.map((pair) => pair.privateKey)).size).toBe(2);
  });
});
