import type { Messages } from './en.ts';

export default {
  outsideTitle: 'Primer, activeu el túnel',
  outsideStep1: 'Obriu l’aplicació WireGuard i activeu el túnel de l’oficina.',
  outsideStep2: 'Llavors aquesta pàgina s’obre sola: us demana la contrasenya i un codi, i l’oficina s’obre.',
  outsideNone: 'Encara no ho teniu configurat?',
} satisfies Messages;
