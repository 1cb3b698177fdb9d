// The configuration as the WireGuard app takes it: completed here, where the private key is.

/** What stands where the private key goes (provisioning/src/wireguard.rs). */
const PLACEHOLDER = /^# PrivateKey = .*$/m;

/** The gateway's text with the private key in it. */
export function complete(config: string, privateKey: string): string {
  if (!PLACEHOLDER.test(config)) throw new Error('a configuration without a place for the key');
  return config.replace(PLACEHOLDER, () => `PrivateKey = ${privateKey}`);
}

/** The same, as short as it can be said: fewer squares for a camera. */
export const compact = (config: string): string =>
  config.replaceAll('\n\n', '\n').replaceAll(' = ', '=').replaceAll(', ', ',');

/** A name for the tunnel that every WireGuard app takes: at most 15 letters, digits or hyphens. */
export function tunnelName(organisation: string): string {
  const plain = organisation.normalize('NFD').replace(/\p{M}/gu, '');
  return (
    plain
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 15)
      .replace(/^-+|-+$/g, '') || 'office'
  );
}

export type System = 'windows' | 'macos' | 'ios' | 'android' | 'linux';

/** Which system this browser says it runs on. */
export function systemOf(agent: string, touchPoints = 0): System {
  if (/android/i.test(agent)) return 'android';
  // An iPad says it is a Mac, but Macs have no touch screen.
  if (/iphone|ipad|ipod/i.test(agent) || (/mac os/i.test(agent) && touchPoints > 1)) return 'ios';
  if (/mac os/i.test(agent)) return 'macos';
  return /windows/i.test(agent) ? 'windows' : 'linux';
}
