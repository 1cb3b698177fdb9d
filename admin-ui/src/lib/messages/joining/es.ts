import type { Messages } from './en.ts';

export default {
  joinTitle: 'Compruebe que funciona',
  joinWhy:
    'Deje abierta esta página: cada línea se marca cuando ocurre. En la oficina no hace falta esperar: en casa, active el túnel y abra {address}.',
  joinDoneMark: 'Hecho',
  joinNowMark: 'Ahora',
  joinLaterMark: 'Después',
  joinHeardWait: 'Se espera la primera conexión de este dispositivo…',
  joinHeard: 'Este dispositivo está conectado',
  joinPortalWait: 'Abra {address} en este dispositivo',
  joinPortal: 'El portal se ha abierto por la conexión',
  joinOpenWait: 'Escriba allí su contraseña y un código',
  joinOpenTouch: 'Use allí su clave de acceso',
  joinOpen: 'La oficina está abierta para usted',
  joinShareWait: 'Se prueba su carpeta compartida',
  joinShare: '{name} responde',
  joinShareBad: '{name} todavía no se abre',
  joinOther: 'Tiene acceso a {name}',
  joinDone: 'Todo va bien. Puede cerrar esta página.',
  joinNothing:
    'Todavía no ha llegado nada de este dispositivo. ¿Está activado el túnel en la aplicación WireGuard? Si lo está, puede que esta red no lo deje pasar: algunos hoteles, hospitales y empresas no lo hacen. Pruebe con la red móvil de su teléfono. Si allí funciona, diga a informática qué red no iba.',
  joinHalf:
    'Este dispositivo llama, pero la respuesta no le llega. Desactive y active el túnel. Si no sirve, algo en esta red no deja entrar respuestas: pruebe otra red y dígaselo a informática.',
  joinNoPortal:
    'Conectado, pero el portal aún no se ha abierto. Si su página queda vacía en este dispositivo, los paquetes grandes se pierden por el camino. En la aplicación WireGuard, edite el túnel y cambie su línea MTU por:',
  joinTwo:
    'Esta configuración se usa en dos máquinas a la vez, y cada una corta a la otra. Es para un solo dispositivo: quítela del otro y añádalo en Mis dispositivos.',
  joinClock:
    'El reloj de este ordenador va {time} mal. Haga que se ponga en hora solo: con un reloj equivocado, las unidades pueden no abrirse.',
  joinNoGrant: 'La oficina está abierta, pero ahora no hay nada compartido con usted. Pregunte a informática.',
  joinBadWhy: 'En el portal, ¿Por qué no se abre? junto a la carpeta busca la causa. A quién decírselo: informática.',
  joinLost:
    'Esta página no oye a la pasarela ahora y lo vuelve a intentar. Lo que haga en la aplicación WireGuard continúa igualmente.',
  joinOver: 'Esta página ya ha esperado bastante. Abra {address} en el dispositivo conectado: todo sigue desde allí.',
  noRights: '¿No puede instalar programas en este ordenador?',
  noRightsWhy:
    'Informática ejecuta una vez este script en él, como administrador, con el archivo que guardó en el paso anterior. Instala la aplicación WireGuard y le deja activar y desactivar el túnel usted mismo.',
  noRightsSave: 'Guardar el script para informática',
  noRightsRun: 'Para ejecutar en un terminal de administrador:',
} satisfies Messages;
