import type { Messages } from './en.ts';

export default {
  mailSend: 'Envia per correu',
  mailSendTo: 'A {mail}, en la llengua de {name}.',
  mailSent: 'S’ha enviat a {mail}.',
  mailAnswer: 'El servidor diu: {answer}',
  mailNotSetUp: 'No hi ha cap servidor de correu. Indiqueu-ne un a Configuració, Correu.',
  mailNoAddress: 'Aquesta persona no té adreça de correu. Afegiu-la primer.',
  mailUnreachable:
    'El servidor de correu no respon. Comproveu-ne el nom i el port, i si la passarel·la hi pot arribar.',
  mailNoTls: 'El servidor no xifra d’aquesta manera. El port 587 va amb STARTTLS i el 465 amb TLS.',
  mailCertificate:
    'El certificat del servidor és per a un altre nom, o la passarel·la no es fia de qui l’emet. Escriviu el servidor tal com l’anomena el certificat.',
  mailNotPrivate: 'Sense xifrar, el correu només va dins de l’oficina. Trieu STARTTLS o TLS.',
  mailWrongPassword:
    'El servidor no accepta aquest usuari i contrasenya. Alguns proveïdors volen una contrasenya d’aplicació.',
  mailRefused: 'El servidor no accepta el missatge. La seva resposta diu per què.',
  mailFailed: 'El que hi respon no és un servidor de correu com cal.',
} satisfies Messages;
