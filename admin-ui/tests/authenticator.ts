// Passkeys that Chromium makes and uses by itself, of one page: another page's are told by hand.
import type { CDPSession, Page } from 'playwright-core';

const all = async (cdp: CDPSession, authenticatorId: string) =>
  (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;

/** A passkey, with its private key. */
export type Credential = Awaited<ReturnType<typeof all>>[number];

/** A computer's own keys, with a finger that can be taken for the right one or not. */
export async function authenticator(page: Page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    finger: (isUserVerified: boolean) => cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
    keys: () => all(cdp, authenticatorId),
    know: async (known: Credential[]) => {
      for (const credential of known) await cdp.send('WebAuthn.addCredential', { authenticatorId, credential });
    },
  };
}
