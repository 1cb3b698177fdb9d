import type { Messages } from './en.ts';

export default {
  joinTitle: 'Vérifiez que tout marche',
  joinWhy:
    'Gardez cette page ouverte\u00a0: chaque ligne se coche au fur et à mesure. Au bureau, inutile d’attendre\u00a0: chez vous, activez le tunnel et ouvrez {address}.',
  joinDoneMark: 'Fait',
  joinNowMark: 'En cours',
  joinLaterMark: 'Ensuite',
  joinHeardWait: 'En attente de la première connexion de cet appareil…',
  joinHeard: 'Cet appareil est connecté',
  joinPortalWait: 'Ouvrez {address} sur cet appareil',
  joinPortal: 'Le portail s’est ouvert par la connexion',
  joinOpenWait: 'Saisissez-y votre mot de passe et un code',
  joinOpenTouch: 'Utilisez-y votre clé d’accès',
  joinOpen: 'Le bureau vous est ouvert',
  joinShareWait: 'Votre partage est essayé',
  joinShare: '{name} répond',
  joinShareBad: '{name} ne s’ouvre pas encore',
  joinOther: '{name} vous est ouvert',
  joinDone: 'Tout va bien. Vous pouvez fermer cette page.',
  joinNothing:
    'Rien n’est encore arrivé de cet appareil. Le tunnel est-il activé dans l’application WireGuard\u202f? Si oui, ce réseau ne le laisse peut-être pas passer\u00a0: certains hôtels, hôpitaux et entreprises le bloquent. Essayez par le réseau mobile de votre téléphone. Si cela marche là, dites à l’informatique quel réseau bloquait.',
  joinHalf:
    'Cet appareil frappe à la porte, mais la réponse ne lui parvient pas. Désactivez puis réactivez le tunnel. Si cela ne suffit pas, quelque chose sur ce réseau bloque les réponses\u00a0: essayez un autre réseau et prévenez l’informatique.',
  joinNoPortal:
    'Connecté, mais le portail n’a pas encore été ouvert. Si sa page reste vide sur cet appareil, les gros paquets se perdent en route. Dans l’application WireGuard, modifiez le tunnel et remplacez sa ligne MTU par\u00a0:',
  joinTwo:
    'Cette configuration sert sur deux machines à la fois, et chacune coupe l’autre. Elle est pour un seul appareil\u00a0: retirez-la de l’autre, puis ajoutez celui-ci dans Mes appareils.',
  joinClock:
    'L’horloge de cet ordinateur est décalée de {time}. Laissez-le se mettre à l’heure tout seul\u00a0: avec une horloge fausse, les lecteurs peuvent rester fermés.',
  joinNoGrant: 'Le bureau est ouvert, mais rien n’est partagé avec vous en ce moment. Demandez à l’informatique.',
  joinBadWhy:
    'Dans le portail, Pourquoi ne s’ouvre-t-il pas\u202f? à côté du partage cherche la cause. À qui le dire\u00a0: l’informatique.',
  joinLost:
    'Cette page n’entend pas la passerelle pour l’instant et réessaie. Ce que vous faites dans l’application WireGuard continue malgré tout.',
  joinOver: 'Cette page a assez attendu. Ouvrez {address} sur l’appareil connecté\u00a0: la suite s’y passe.',
  noRights: 'Vous n’avez pas le droit d’installer des programmes sur cet ordinateur\u202f?',
  noRightsWhy:
    'L’informatique y exécute une fois ce script, en administrateur, avec le fichier enregistré à l’étape ci-dessus. Il installe l’application WireGuard et vous permet d’activer et de désactiver le tunnel vous-même.',
  noRightsSave: 'Enregistrer le script pour l’informatique',
  noRightsRun: 'À exécuter dans un terminal administrateur\u00a0:',
} satisfies Messages;
