import type { Messages } from './en.ts';

export default {
  passkeys: 'Claves de acceso',
  passkeyWhy:
    'Con una clave de acceso entra con un solo gesto: el dedo, la cara o un PIN, en lugar del usuario, la contraseña y el código. Estos siguen valiendo.',
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
  passkeyRemoveYes: 'Quitarla',
  passkeyRemoved: '{name} ya no abre nada. Bórrela también del navegador o de la llave que la guarda.',
  problems: {
    'passkey-missing': 'Ponga un nombre a la clave y escriba el código.',
    'passkey-unnamed': 'Ponga un nombre a la clave.',
    'passkey-cancelled':
      'No se ha usado ninguna clave de acceso: se canceló, tardó demasiado o aquí no hay ninguna de esta oficina. Inténtelo de nuevo, o use contraseña y código.',
    'passkey-there': 'Ya hay una clave de acceso para su oficina. Use esa, u otro dispositivo u otra llave.',
    'passkey-unable': 'Este navegador no puede usar una clave de acceso en esta página. Use contraseña y código.',
  },
} satisfies Messages;
