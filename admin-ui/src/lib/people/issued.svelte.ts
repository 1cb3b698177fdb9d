// Invitations issued on this page: their tokens are shown once, so they live as long as the page does and no longer.
import type { InvitationIssued } from '#lib/api/document.d.ts';

export interface Issued extends InvitationIssued {
  name: string;
  language: string;
}

class IssuedHere {
  /** Those that are to be handed over now. */
  all = $state.raw<Issued[]>([]);
}

export const issued = new IssuedHere();
