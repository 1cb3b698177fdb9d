import type { Messages } from './en.ts';

export default {
  passkeys: 'Clés d’accès',
  passkeyWhy:
    'Avec une clé d’accès, un geste suffit pour vous connecter\u00a0: votre doigt, votre visage ou un code PIN, au lieu du nom d’utilisateur, du mot de passe et du code. Ceux-ci restent valables.',
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
  passkeyRemoveYes: 'La retirer',
  passkeyRemoved: '{name} n’ouvre plus rien. Supprimez-la aussi dans le navigateur ou la clé qui la contient.',
  problems: {
    'passkey-missing': 'Donnez un nom à la clé et saisissez le code.',
    'passkey-unnamed': 'Donnez un nom à la clé.',
    'passkey-cancelled':
      'Aucune clé d’accès n’a été utilisée\u00a0: annulation, délai dépassé, ou aucune clé de ce bureau ici. Réessayez, ou utilisez mot de passe et code.',
    'passkey-there':
      'Une clé d’accès pour votre bureau s’y trouve déjà. Utilisez-la, ou un autre appareil ou une autre clé.',
    'passkey-unable':
      'Ce navigateur ne peut pas utiliser de clé d’accès sur cette page. Utilisez mot de passe et code.',
  },
} satisfies Messages;
