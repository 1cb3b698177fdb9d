import type { Messages } from './en.ts';

export default {
  passkeys: 'Claves de acceso',
  passkeyWhy:
    'Con una clave de acceso entra con un solo gesto: el dedo, la cara o un PIN, en lugar del usuario, la contraseña y el código.',
  passkeyNone: 'Todavía no tiene ninguna.',
  passkeyUse: 'Usar una clave de acceso',
  passkeyTouch: 'Siga su navegador…',
  passkeyUsed: 'Usada por última vez: {time}',
  passkeyUnused: 'Todavía sin usar',
  passkeyAdd: 'Añadir una clave de acceso',
  passkeyName: 'Nombre de esta clave',
  passkeyNameHint: 'Para reconocerla: mi portátil, la llave azul',
  passkeyInstead: 'Confirmar con otra clave',
  passkeyAdded: 'Se ha añadido {name}. A partir de ahora abre su oficina.',
  passkeyRemove: 'Quitar',
  passkeyRemoveAsk:
    '¿Quitar {name} para siempre? Ya no abrirá nada. Lo que está abierto sigue así hasta que lo cierre.',
  passkeyRemoveLast:
    '¿Quitar {name} para siempre? No tiene ninguna aplicación de códigos: después solo un código de recuperación le dejará entrar, con su contraseña. Configure antes una aplicación, salvo que la clave esté en malas manos.',
  passkeyRemoveYes: 'Quitarla',
  passkeyRemoved: '{name} ya no abre nada. Bórrela también del navegador o de la llave que la guarda.',
  keyTitle: 'Cree una clave de acceso',
  keyWhy:
    'Con ella abre su oficina con un solo gesto: el dedo, la cara o el PIN de este dispositivo. Sin escribir ningún código. Sirve en este dispositivo y en los que comparten sus claves de acceso.',
  keyMake: 'Crear la clave de acceso',
  keyByApp: 'Prefiero los códigos de una aplicación del teléfono',
  keyByTouch: 'Prefiero una clave de acceso: un gesto, sin códigos',
  stepTouch: 'Después abra {address}, y entre con su clave de acceso.',
  problems: {
    'passkey-missing': 'Ponga un nombre a la clave y escriba el código.',
    'passkey-unnamed': 'Ponga un nombre a la clave.',
    'passkey-cancelled':
      'No se ha usado ninguna clave de acceso: se canceló, tardó demasiado o aquí no hay ninguna de esta oficina. Inténtelo de nuevo, o use su contraseña y un código o un código de recuperación.',
    'passkey-there': 'Ya hay una clave de acceso para su oficina. Use esa, u otro dispositivo u otra llave.',
    'passkey-unable':
      'Este navegador no puede usar una clave de acceso en esta página. Use su contraseña y un código o un código de recuperación.',
    'passkey-unmade':
      'No se ha creado ninguna clave de acceso: se canceló, tardó demasiado o este navegador no puede. Inténtelo de nuevo, o use los códigos de una aplicación.',
    'passkey-anew':
      'Alguien ha elegido otra contraseña para esta invitación: usted en otra ventana, u otra persona que la tiene. Elija de nuevo la suya. Si no sabe quién ha sido, deténgase aquí y avise a informática.',
  },
} satisfies Messages;
