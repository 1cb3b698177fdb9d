// The device's WireGuard key pair, made here: the private half never leaves this page but in the configuration.

export interface KeyPair {
  privateKey: string;
  publicKey: string;
}

/** PKCS #8 of an X25519 key (RFC 8410): a fixed head, then the 32 bytes. */
const PKCS8_HEAD = 16;

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

/** By the browser itself; by a library where the browser does not know X25519 yet. */
export async function makeKeyPair(subtle: SubtleCrypto = crypto.subtle): Promise<KeyPair> {
  try {
    const pair = (await subtle.generateKey({ name: 'X25519' }, true, ['deriveBits'])) as CryptoKeyPair;
    const [pkcs8, raw] = await Promise.all([
      subtle.exportKey('pkcs8', pair.privateKey),
      subtle.exportKey('raw', pair.publicKey),
    ]);
    return {
      privateKey: base64(clamped(new Uint8Array(pkcs8).slice(PKCS8_HEAD))),
      publicKey: base64(new Uint8Array(raw)),
    };
  } catch {
    const { x25519 } = await import('@noble/curves/ed25519.js');
    const privateKey = clamped(crypto.getRandomValues(new Uint8Array(32)));
    return { privateKey: base64(privateKey), publicKey: base64(x25519.getPublicKey(privateKey)) };
  }
}

/** As WireGuard keeps them (RFC 7748 §5). */
function clamped(key: Uint8Array): Uint8Array {
  const bits = Uint8Array.from(key);
  bits[0] = (bits[0] ?? 0) & 248;
  bits[31] = ((bits[31] ?? 0) & 127) | 64;
  return bits;
}
