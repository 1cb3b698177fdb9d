import type { Messages } from './en.ts';

export default {
  outsideTitle: 'Zet eerst uw tunnel aan',
  outsideStep1: 'Open de WireGuard-app en zet de tunnel van het kantoor aan.',
  outsideStep2: 'Dan gaat deze pagina vanzelf verder: ze vraagt uw wachtwoord en een code, en uw kantoor gaat open.',
  outsideNone: 'Nog niet ingesteld?',
} satisfies Messages;
