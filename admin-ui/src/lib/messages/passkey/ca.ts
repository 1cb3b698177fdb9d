import type { Messages } from './en.ts';

export default {
  passkeys: 'Claus d’accés',
  passkeyWhy:
    'Amb una clau d’accés entreu amb un sol gest: el dit, la cara o un PIN, en lloc de l’usuari, la contrasenya i el codi. Aquests continuen valent.',
  passkeyNone: 'Encara no en teniu cap.',
  passkeyUse: 'Fes servir una clau d’accés',
  passkeyTouch: 'Seguiu el navegador…',
  passkeyUsed: 'Usada per última vegada: {time}',
  passkeyUnused: 'Encara no s’ha usat',
  passkeyAdd: 'Afegeix una clau d’accés',
  passkeyName: 'Nom d’aquesta clau',
  passkeyNameHint: 'Per reconèixer-la: el meu portàtil, la clau blava',
  passkeyInstead: 'Confirma amb una altra clau',
  passkeyAdded: 'S’ha afegit {name}. A partir d’ara obre la vostra oficina.',
  passkeyRemove: 'Treu',
  passkeyRemoveAsk:
    'Voleu treure {name} per sempre? Ja no obrirà res. El que és obert ho continua estant fins que ho tanqueu.',
  passkeyRemoveYes: 'Treu-la',
  passkeyRemoved: '{name} ja no obre res. Esborreu-la també del navegador o de la clau que la conté.',
  problems: {
    'passkey-missing': 'Poseu un nom a la clau i escriviu el codi.',
    'passkey-unnamed': 'Poseu un nom a la clau.',
    'passkey-cancelled':
      'No s’ha usat cap clau d’accés: s’ha cancel·lat, ha trigat massa o aquí no n’hi ha cap d’aquesta oficina. Torneu-ho a provar, o useu contrasenya i codi.',
    'passkey-there':
      'Ja hi ha una clau d’accés per a la vostra oficina. Useu-la, o un altre dispositiu o una altra clau.',
    'passkey-unable': 'Aquest navegador no pot usar cap clau d’accés en aquesta pàgina. Useu contrasenya i codi.',
  },
} satisfies Messages;
