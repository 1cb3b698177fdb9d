import type { Messages } from './en.ts';

export default {
  mailSend: 'Envoyer par e-mail',
  mailSendTo: 'À {mail}, dans la langue de {name}.',
  mailSent: 'Envoyé à {mail}.',
  mailAnswer: 'Le serveur répond\u00a0: {answer}',
  mailNotSetUp: 'Aucun serveur de messagerie n’est défini. Indiquez-en un sous Paramètres, E-mail.',
  mailNoAddress: 'Cette personne n’a pas d’adresse e-mail. Ajoutez-la d’abord.',
  mailUnreachable:
    'Le serveur de messagerie ne répond pas. Vérifiez son nom et son port, et si la passerelle peut l’atteindre.',
  mailNoTls: 'Le serveur ne chiffre pas de cette manière. Le port 587 va avec STARTTLS, le port 465 avec TLS.',
  mailCertificate:
    'Le certificat du serveur est pour un autre nom, ou la passerelle ne fait pas confiance à son émetteur. Écrivez le serveur tel que son certificat le nomme.',
  mailNotPrivate: 'Sans chiffrement, les messages restent dans le bureau. Choisissez STARTTLS ou TLS.',
  mailWrongPassword:
    'Le serveur refuse cet utilisateur et ce mot de passe. Certains fournisseurs exigent un mot de passe d’application.',
  mailRefused: 'Le serveur refuse le message. Sa réponse dit pourquoi.',
  mailFailed: 'Ce qui répond là n’est pas un serveur de messagerie connu.',
} satisfies Messages;
