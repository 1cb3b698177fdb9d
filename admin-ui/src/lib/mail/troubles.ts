// Why a mail was not sent, each with its cure.
import type { Trouble } from '#lib/api/document.d.ts';
import type { Sentence } from '../messages/words.ts';

export const TROUBLES: Record<Trouble, Sentence> = {
  not_set_up: 'mailNotSetUp',
  no_address: 'mailNoAddress',
  unreachable: 'mailUnreachable',
  no_tls: 'mailNoTls',
  certificate: 'mailCertificate',
  not_private: 'mailNotPrivate',
  wrong_password: 'mailWrongPassword',
  refused: 'mailRefused',
  failed: 'mailFailed',
};
