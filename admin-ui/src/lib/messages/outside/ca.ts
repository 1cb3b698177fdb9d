import type { Messages } from './en.ts';

export default {
  outsideTitle: 'Primer, activeu el túnel',
  outsideStep1: 'Obriu l’aplicació WireGuard i activeu el túnel de l’oficina.',
  outsideStep2: 'Llavors aquesta pàgina s’obre sola: us demana la contrasenya i un codi, i l’oficina s’obre.',
  outsideNone: 'Encara no ho teniu configurat?',
  outTitle: 'Feu servir aquí un ordinador del despatx',
  outWhy:
    'Identifiqueu-vos per fer servir un ordinador del despatx en aquest navegador. Per a les carpetes compartides i la vostra aplicació RDP, activeu WireGuard i torneu a carregar aquesta pàgina. Feu servir un ordinador de confiança i tanqueu la sessió en acabar.',
} satisfies Messages;
