// Where passkeys can be used.
import type { DoorView, InvitationFor } from '#lib/api/document.d.ts';

/** Whether passkeys can be used on this page: they belong to the public name, and to no other address of the gateway. */
export const usable = (
  view: Pick<DoorView | InvitationFor, 'passkeys' | 'public_name'> | undefined,
  origin: string,
  browser: object,
): boolean =>
  !!view?.passkeys && 'PublicKeyCredential' in browser && origin === `https://${view.public_name?.toLowerCase()}`;
