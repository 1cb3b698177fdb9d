import type { Messages } from './en.ts';

export default {
  mailSend: 'Per mail versturen',
  mailSendTo: 'Naar {mail}, in de taal van {name}.',
  mailSent: 'Verstuurd naar {mail}.',
  mailAnswer: 'De server zegt: {answer}',
  mailNotSetUp: 'Er is geen mailserver ingesteld. Geef er een op bij Instellingen, Mail.',
  mailNoAddress: 'Deze persoon heeft geen mailadres. Voeg het eerst toe.',
  mailUnreachable: 'De mailserver antwoordt niet. Controleer naam en poort, en of de gateway hem kan bereiken.',
  mailNoTls: 'De mailserver versleutelt niet op deze manier. Poort 587 hoort bij STARTTLS, poort 465 bij TLS.',
  mailCertificate:
    'Het certificaat van de mailserver is voor een andere naam, of van niemand die de gateway vertrouwt. Schrijf de server zoals zijn certificaat hem noemt.',
  mailNotPrivate: 'Zonder versleuteling gaat mail alleen binnen het kantoor. Kies STARTTLS of TLS.',
  mailWrongPassword:
    'De mailserver aanvaardt deze gebruiker en dit wachtwoord niet. Sommige aanbieders willen een app-wachtwoord.',
  mailRefused: 'De mailserver aanvaardt het bericht niet. Zijn antwoord zegt waarom.',
  mailFailed: 'Wat daar antwoordt, is geen gewone mailserver.',
} satisfies Messages;
