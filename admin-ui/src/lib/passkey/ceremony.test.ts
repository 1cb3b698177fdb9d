import { expect, it } from 'vitest';
import type { DoorView } from '#lib/api/document.d.ts';
import { decoded, encoded, why } from './ceremony.ts';
import { usable } from './usable.ts';

it('writes bytes as the gateway reads them', () => {
  for (const bytes of [[], [0], [1, 2], [255, 239, 190, 62]]) {
    const text = encoded(new Uint8Array(bytes).buffer);
    expect(text).not.toMatch(/[+/=]/);
    expect([...decoded(text)]).toEqual(bytes);
  }
  expect(encoded(new Uint8Array([251, 255]).buffer)).toBe('-_8');
});

it('offers passkeys on the page of the public name alone', () => {
  const view = { passkeys: true, public_name: 'Door.example.org' } as DoorView;
  const able = { PublicKeyCredential: {} };
  expect(usable(view, 'https://door.example.org', able)).toBe(true);
  expect(usable(undefined, 'https://door.example.org', able)).toBe(false);
  expect(usable({ ...view, passkeys: false }, 'https://door.example.org', able)).toBe(false);
  expect(usable(view, 'https://door.example.org:8443', able)).toBe(false);
  expect(usable(view, 'https://gateway.example.internal', able)).toBe(false);
  expect(usable(view, 'https://door.example.org', {})).toBe(false);
});

it('says why nothing came of it', () => {
  expect(['NotAllowedError', 'AbortError', 'InvalidStateError', 'SecurityError', ''].map(why)).toEqual([
    'passkey-cancelled',
    'passkey-cancelled',
    'passkey-there',
    'passkey-unable',
    'passkey-unable',
  ]);
});
