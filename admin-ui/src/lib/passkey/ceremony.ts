// The browser's part of a passkey: what the gateway asks to be signed or made, and what comes of it, all in base64url.
import type { Assertion, ConfirmPasskey, NewPasskey, PasskeyChallenge } from '#lib/api/document.d.ts';
import { post, Refusal, type Untouched } from '../api/client.ts';

/** What a passkey signs of what the gateway asks. */
export const proof = async (): Promise<Assertion> => sign((await post('/api/v1/sign-in/passkey/begin')).value);

/** A passkey signs; the browser lets the person choose which, and asks for finger, face or PIN. */
async function sign({ challenge, rp_id, timeout_ms }: PasskeyChallenge): Promise<Assertion> {
  const publicKey: PublicKeyCredentialRequestOptions = {
    challenge: decoded(challenge),
    rpId: rp_id,
    timeout: timeout_ms,
    userVerification: 'required',
  };
  const { rawId, response } = await touched(() => navigator.credentials.get({ publicKey }));
  const { authenticatorData, signature, userHandle } = response as AuthenticatorAssertionResponse;
  return {
    credential: encoded(rawId),
    client_data: encoded(response.clientDataJSON),
    authenticator_data: encoded(authenticatorData),
    signature: encoded(signature),
    user_handle: userHandle && encoded(userHandle),
  };
}

/** A passkey is made, where the person says. */
export async function make(asked: NewPasskey, name: string): Promise<ConfirmPasskey> {
  const type = 'public-key' as const;
  const publicKey: PublicKeyCredentialCreationOptions = {
    challenge: decoded(asked.challenge),
    rp: { id: asked.rp_id, name: asked.organisation },
    user: { id: decoded(asked.handle), name: asked.login, displayName: asked.name },
    pubKeyCredParams: asked.algorithms.map((alg) => ({ type, alg })),
    excludeCredentials: asked.known.map((id) => ({ type, id: decoded(id) })),
    authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
    attestation: 'none',
    timeout: asked.timeout_ms,
  };
  const { rawId, response } = await touched(() => navigator.credentials.create({ publicKey }));
  return {
    name,
    credential: encoded(rawId),
    client_data: encoded(response.clientDataJSON),
    attestation: encoded((response as AuthenticatorAttestationResponse).attestationObject),
  };
}

async function touched(use: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  try {
    const credential = await use();
    if (credential) return credential as PublicKeyCredential;
  } catch (error) {
    throw new Refusal(why(error instanceof Error ? error.name : ''));
  }
  throw new Refusal('passkey-unable');
}

/** Browsers tell a page little of why: cancelled, too late and none there are one word (WebAuthn Level 3 §14.5). */
export function why(name: string): Untouched {
  if (name === 'NotAllowedError' || name === 'AbortError') return 'passkey-cancelled';
  return name === 'InvalidStateError' ? 'passkey-there' : 'passkey-unable';
}

/** Unpadded base64url. */
export function encoded(bytes: ArrayBuffer): string {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export function decoded(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
}
