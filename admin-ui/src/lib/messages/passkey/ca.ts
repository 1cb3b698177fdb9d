import type { Messages } from './en.ts';

export default {
  passkeys: 'Claus d’accés',
  passkeyWhy:
    'Amb una clau d’accés entreu amb un sol gest: el dit, la cara o un PIN, en lloc de l’usuari, la contrasenya i el codi.',
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
  passkeyRemoveLast:
    'Voleu treure {name} per sempre? No teniu cap aplicació de codis: després només un codi de recuperació us deixarà entrar, amb la contrasenya. Configureu abans una aplicació, llevat que la clau sigui en males mans.',
  passkeyRemoveYes: 'Treu-la',
  passkeyRemoved: '{name} ja no obre res. Esborreu-la també del navegador o de la clau que la conté.',
  keyTitle: 'Creeu una clau d’accés',
  keyWhy:
    'Amb ella obriu l’oficina amb un sol gest: el dit, la cara o el PIN d’aquest dispositiu. No cal escriure cap codi. Serveix en aquest dispositiu i en els que comparteixen les seves claus d’accés.',
  keyMake: 'Crea la clau d’accés',
  keyByApp: 'Prefereixo els codis d’una aplicació del telèfon',
  keyByTouch: 'Prefereixo una clau d’accés: un gest, sense codis',
  stepTouch: 'Després obriu {address}, i entreu amb la clau d’accés.',
  problems: {
    'passkey-missing': 'Poseu un nom a la clau i escriviu el codi.',
    'passkey-unnamed': 'Poseu un nom a la clau.',
    'passkey-cancelled':
      'No s’ha usat cap clau d’accés: s’ha cancel·lat, ha trigat massa o aquí no n’hi ha cap d’aquesta oficina. Torneu-ho a provar, o useu la contrasenya i un codi o un codi de recuperació.',
    'passkey-there':
      'Ja hi ha una clau d’accés per a la vostra oficina. Useu-la, o un altre dispositiu o una altra clau.',
    'passkey-unable':
      'Aquest navegador no pot usar cap clau d’accés en aquesta pàgina. Useu la contrasenya i un codi o un codi de recuperació.',
    'passkey-unmade':
      'No s’ha creat cap clau d’accés: s’ha cancel·lat, ha trigat massa o aquest navegador no pot. Torneu-ho a provar, o useu els codis d’una aplicació.',
    'passkey-anew':
      'Algú ha tornat a triar una contrasenya per a aquesta invitació: vós en una altra finestra, o algú altre que la té. Torneu a triar la vostra. Si no sabeu qui ha estat, atureu-vos aquí i aviseu informàtica.',
  },
} satisfies Messages;
