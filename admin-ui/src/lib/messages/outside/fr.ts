import type { Messages } from './en.ts';

export default {
  outsideTitle: 'Activez d’abord votre tunnel',
  outsideStep1: 'Ouvrez l’application WireGuard et activez le tunnel du bureau.',
  outsideStep2:
    'Rouvrez ensuite cette page\u00a0: elle vous demande votre mot de passe et un code, et votre bureau s’ouvre.',
  outsideNone: 'Pas encore installé\u202f?',
} satisfies Messages;
