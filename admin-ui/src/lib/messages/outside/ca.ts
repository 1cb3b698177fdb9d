import type { Messages } from './en.ts';

export default {
  outsideTitle: 'Primer, activeu el túnel',
  outsideStep1: 'Obriu l’aplicació WireGuard i activeu el túnel de l’oficina.',
  outsideStep2: 'Després torneu a obrir aquesta pàgina: us demana la contrasenya i un codi, i l’oficina s’obre.',
  outsideNone: 'Encara no ho teniu configurat?',
} satisfies Messages;
