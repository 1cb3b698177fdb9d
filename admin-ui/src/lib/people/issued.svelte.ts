// Invitations issued on this page: their tokens are shown once, so they live as long as the page does and no longer.
import type { InvitationIssued, User } from '#lib/api/document.d.ts';

export interface Issued extends InvitationIssued {
  name: string;
  language: string;
  mail: string | null;
}

class IssuedHere {
  /** Those that are to be handed over now. */
  all = $state.raw<Issued[]>([]);
}

/** To whom it was issued. */
export const issuedTo = (
  { name, language, mail }: Pick<User, 'name' | 'language' | 'mail'>,
  invitation: InvitationIssued,
): Issued => ({ ...invitation, name, language, mail: mail ?? null });

export const issued = new IssuedHere();
