// What became of a mail, in our words and in the mail server's; why it was not sent, with the cure.
import type { MailOutcome, Trouble } from '#lib/api/document.d.ts';
import type { Sentence, Words } from '../messages/words.ts';

const TROUBLES: Record<Trouble, Sentence> = {
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

/** As `Status` shows it; nothing before there is one. */
export const outcomeOf = (words: Words, outcome: MailOutcome | null, mail: string) => ({
  text: outcome && (outcome.trouble ? words.say(TROUBLES[outcome.trouble]) : words.say('mailSent', { mail })),
  kind: outcome?.trouble ? ('trouble' as const) : ('open' as const),
  small: outcome?.answer ? words.say('mailAnswer', { answer: outcome.answer }) : '',
});
