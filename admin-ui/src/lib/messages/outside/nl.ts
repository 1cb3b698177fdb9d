import type { Messages } from './en.ts';

export default {
  outsideTitle: 'Zet eerst uw tunnel aan',
  outsideStep1: 'Open de WireGuard-app en zet de tunnel van het kantoor aan.',
  outsideStep2: 'Dan gaat deze pagina vanzelf verder: ze vraagt uw wachtwoord en een code, en uw kantoor gaat open.',
  outsideNone: 'Nog niet ingesteld?',
  outTitle: 'Gebruik hier een kantoorcomputer',
  outWhy:
    'Meld u aan om een kantoorcomputer in deze browser te gebruiken. Zet voor gedeelde mappen en uw eigen RDP-app WireGuard aan en laad deze pagina opnieuw. Gebruik een computer die u vertrouwt, en meld u af als u klaar bent.',
} satisfies Messages;
