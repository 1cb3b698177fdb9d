import type { Messages } from './en.ts';

export default {
  passkeys: 'Clés d’accès',
  passkeyWhy:
    'Avec une clé d’accès, un geste suffit pour vous connecter\u00a0: votre doigt, votre visage ou un code PIN, au lieu du nom d’utilisateur, du mot de passe et du code.',
  passkeyNone: 'Vous n’en avez pas encore.',
  passkeyUse: 'Utiliser une clé d’accès',
  passkeyTouch: 'Suivez votre navigateur…',
  passkeyUsed: 'Dernière utilisation\u00a0: {time}',
  passkeyUnused: 'Pas encore utilisée',
  passkeyAdd: 'Ajouter une clé d’accès',
  passkeyName: 'Nom de cette clé',
  passkeyNameHint: 'Pour la reconnaître\u00a0: mon portable, la clé bleue',
  passkeyInstead: 'Confirmer avec une autre clé',
  passkeyAdded: '{name} a été ajoutée. Elle ouvre désormais votre bureau.',
  passkeyRemove: 'Retirer',
  passkeyRemoveAsk:
    'Retirer {name} pour de bon\u202f? Elle n’ouvrira plus rien. Ce qui est ouvert le reste jusqu’à ce que vous le verrouilliez.',
  passkeyRemoveLast:
    'Retirer {name} pour de bon\u202f? Vous n’avez pas d’application de codes\u00a0: seul un code de secours vous laissera entrer, avec votre mot de passe. Configurez d’abord une application, sauf si la clé est en de mauvaises mains.',
  passkeyRemoveYes: 'La retirer',
  passkeyRemoved: '{name} n’ouvre plus rien. Supprimez-la aussi dans le navigateur ou la clé qui la contient.',
  keyTitle: 'Créez une clé d’accès',
  keyWhy:
    'Avec elle, un geste ouvre votre bureau\u00a0: votre doigt, votre visage ou le code PIN de cet appareil. Aucun code à taper. Elle sert sur cet appareil, et sur ceux qui partagent ses clés d’accès.',
  keyMake: 'Créer la clé d’accès',
  keyByApp: 'Utiliser plutôt les codes d’une application sur mon téléphone',
  keyByTouch: 'Utiliser plutôt une clé d’accès\u00a0: un geste, sans code',
  stepTouch: 'Ouvrez ensuite {address}, et identifiez-vous avec votre clé d’accès.',
  problems: {
    'passkey-missing': 'Donnez un nom à la clé et saisissez le code.',
    'passkey-unnamed': 'Donnez un nom à la clé.',
    'passkey-cancelled':
      'Aucune clé d’accès n’a été utilisée\u00a0: annulation, délai dépassé, ou aucune clé de ce bureau ici. Réessayez, ou utilisez votre mot de passe et un code ou un code de secours.',
    'passkey-there':
      'Une clé d’accès pour votre bureau s’y trouve déjà. Utilisez-la, ou un autre appareil ou une autre clé.',
    'passkey-unable':
      'Ce navigateur ne peut pas utiliser de clé d’accès sur cette page. Utilisez votre mot de passe et un code ou un code de secours.',
    'passkey-unmade':
      'Aucune clé d’accès n’a été créée\u00a0: annulation, délai dépassé, ou ce navigateur ne le peut pas. Réessayez, ou utilisez les codes d’une application.',
    'passkey-anew':
      'Quelqu’un a choisi un autre mot de passe pour cette invitation\u00a0: vous dans une autre fenêtre, ou quelqu’un d’autre qui l’a. Choisissez à nouveau le vôtre. Si vous ne savez pas qui, arrêtez-vous et prévenez l’informatique.',
  },
} satisfies Messages;
