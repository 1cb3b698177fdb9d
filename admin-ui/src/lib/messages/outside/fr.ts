import type { Messages } from './en.ts';

export default {
  outsideTitle: 'Activez d’abord votre tunnel',
  outsideStep1: 'Ouvrez l’application WireGuard et activez le tunnel du bureau.',
  outsideStep2:
    'Cette page s’ouvre alors d’elle-même\u00a0: elle demande votre mot de passe et un code, et votre bureau s’ouvre.',
  outsideNone: 'Pas encore installé\u202f?',
  outTitle: 'Utiliser ici un ordinateur du bureau',
  outWhy:
    'Connectez-vous pour utiliser un ordinateur du bureau dans ce navigateur. Pour les partages et votre application RDP, activez WireGuard et rechargez cette page. Prenez un ordinateur de confiance, et déconnectez-vous quand vous avez fini.',
} satisfies Messages;
