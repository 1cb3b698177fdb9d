import type { Messages } from './en.ts';

export default {
  rulesTitle: 'Règles du télétravail',
  rulesWhy: 'Votre organisation vous demande de les lire et de les accepter.',
  rulesAccept: 'Je les ai lues et je les accepte',
  rulesLater: 'Plus tard',
  rulesGone: 'Il n’y a pas de règles à accepter pour le moment.',
  checkTitle: 'Le télétravail en sécurité',
  checkWhy:
    'Vérifiez une fois votre propre poste de travail. Le service informatique voit vos réponses et vous aide s’il manque quelque chose.',
  checkDisk: 'Le disque de cet ordinateur est-il chiffré\u202f?',
  checkUpdates: 'Installe-t-il ses mises à jour tout seul\u202f?',
  checkAccount: 'Y avez-vous un compte que personne d’autre n’utilise\u202f?',
  checkWifi: 'Votre Wi-Fi a-t-il son propre mot de passe, autre que celui d’origine\u202f?',
  checkScreen: 'L’écran se verrouille-t-il quand vous le laissez seul\u202f?',
  replyYes: 'Oui',
  replyNo: 'Non',
  replyUnsure: 'Je ne sais pas',
  checkSave: 'Envoyer au service informatique',
  checkSaved: 'Merci. Le service informatique a vos réponses.',
  checkAnswered: 'Répondu le {time}',
  checkNone: 'Le service informatique ne demande rien pour le moment.',
  checkDue: 'Le service informatique vous pose quelques questions sur votre poste de travail',
  links: 'Sur le réseau du bureau',
  callWhom: 'Un problème\u202f? Appelez\u00a0:',
} satisfies Messages;
