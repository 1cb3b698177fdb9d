import type { Messages } from './en.ts';

export default {
  deskTitle: '{name} en este navegador',
  deskUser: 'Nombre de usuario en el ordenador',
  deskUserHint: 'Como lo escribe cuando está delante. Se recuerda aquí.',
  deskPassword: 'Contraseña en el ordenador',
  deskPasswordHint: 'Pasa por la pasarela de su oficina hasta el ordenador, y no se guarda en ninguna parte.',
  deskMissing: 'Rellene este campo.',
  deskElsewhere:
    'Tiene este PC abierto en otra ventana de este navegador. Si se conecta aquí, quizá termine allí; lo que está abierto sigue abierto.',
  deskAway: 'Primero se despierta {name}. Puede tardar un par de minutos.',
  deskWake: 'Despertar y conectar',
  deskAgain:
    'Escriba otra vez su contraseña: el escritorio vendrá entonces al tamaño de esta ventana. Lo que está abierto en el ordenador sigue abierto.',
  deskComing: 'Conectando con {name}…',
  deskCancel: 'Cancelar la conexión',
  deskOnceMore: 'Conectar de nuevo',
  deskReload: 'Recargar esta página',
  deskUnknown:
    'Este ordenador no está abierto para usted ahora. Vuelva a su oficina, y pregunte a informática si debería estarlo.',
  deskBar: 'Qué puede hacer con este escritorio',
  deskQuality: 'Conexión: ida y vuelta, y caudal',
  deskEndsIdle: 'Esta conexión termina a las {time}: nadie la ha usado. Siga trabajando para mantenerla.',
  deskEndsLongest:
    'Esta conexión termina a las {time}: es el tiempo máximo que informática permite. Guarde su trabajo.',
  deskEndsBooked:
    'Alguien ha reservado este puesto a partir de las {time}; esta conexión termina cuando llegue. Guarde su trabajo.',
  deskEndsIn: 'quedan {left}',
  deskTold: 'Informática le dice ({time}):',
  deskRead: 'Entendido',
  deskChord: 'Ctrl+Alt+Inicio vuelve a esta barra; todas las demás teclas van al ordenador.',
  deskFull: 'Pantalla completa',
  deskWindow: 'Salir de pantalla completa',
  deskHide: 'Ocultar la barra',
  deskShow: 'Mostrar la barra',
  deskLeave: 'Desconectar',
  deskCloseMenu: 'Cerrar el menú',
  deskWindowsKey: 'Tecla Windows',
  deskClipboard: 'Portapapeles',
  deskClipboardWhy:
    'Lo que copió aquí solo llega al PC cuando lo envía, y lo que se copió allí solo llega a su portapapeles cuando lo toma.',
  deskSend: 'Enviar mi portapapeles',
  deskTake: 'Tomar el del ordenador',
  deskSent: 'Enviado: péguelo en el ordenador.',
  deskNotSent: 'No se envió nada: copie antes un texto o una imagen, y deje que el navegador lea el portapapeles.',
  deskTaken: 'Tomado: péguelo aquí.',
  deskCtrlAltDel: 'Ctrl+Alt+Supr',
  deskNotTaken: 'No vino nada: copie antes un texto o una imagen en el ordenador.',
  deskNoClipboard: 'El ordenador aún no ha ofrecido ningún portapapeles.',
  deskFiles: 'Archivos',
  deskFilesWhy:
    'Los archivos que elija se ponen en el portapapeles del PC: péguelos allí. Los archivos que copie en el PC aparecen aquí.',
  deskFilesSend: 'Enviar archivos…',
  deskFilesThere: 'Copiados en el PC',
  deskFilesPassed: 'Enviados y guardados',
  deskFileSave: 'Guardar',
  deskFileCancel: 'Cancelar',
  deskFilesMore: '… y {count} más: empaquételos en un solo archivo en el PC.',
  deskFilesPack:
    'Las carpetas, y más de 100 archivos a la vez, no se pueden enviar: empaquételos antes en un solo archivo.',
  deskFilesBusy: 'Se están pegando archivos en el PC: espere a que estén, o cancélelos en el menú.',
  deskFileWaits: 'Ahora péguelo en el PC',
  deskFileGoes: 'Enviándose',
  deskFileComes: 'Recibiéndose',
  deskFileSent: 'Enviado',
  deskFileSaved: 'Entregado a su navegador: vea sus descargas',
  deskFileFailed: 'No llegó entero: vuelva a intentarlo, o use una carpeta compartida',
  deskFilesReady: 'Se han copiado archivos en el PC: guárdelos desde el menú.',
  deskFilesChosen: 'Ahora péguelos en el PC. Si allí no se puede pegar nada, no acepta archivos.',
  deskFilesRefused: 'El ordenador no aceptó los archivos. Inténtelo de nuevo o use una carpeta compartida.',
  deskScale: 'Imagen',
  deskFit: 'Se ajusta a la ventana',
  deskReal: 'Tamaño real, se desplaza',
  deskKeys: 'Teclado',
  deskByKey: 'Por tecla',
  deskByCharacter: 'Por carácter',
  deskKeysWhy:
    'Por tecla, la distribución del ordenador decide qué escribe; elija por carácter si su teclado es distinto y salen letras equivocadas.',
  deskSize: 'Tamaño',
  deskSizeWhy: 'El escritorio es de {now}; en esta ventana podría ser de {then}.',
  deskResize: 'Conectar de nuevo a este tamaño',
  deskByDevice: 'Ha dejado este ordenador. Lo que está abierto en él sigue abierto.',
  deskByPc: 'El ordenador lo ha terminado: cerró allí la sesión, o se apagó o se reinició.',
  deskSignIn:
    'El ordenador no le dejó entrar: el nombre de usuario o la contraseña no eran correctos, o no puede iniciar sesión en él a distancia. Inténtelo de nuevo; si está seguro de ambos, avise a informática.',
  deskNobody:
    'Durante tres minutos la pasarela no vio a nadie iniciar sesión, y terminó la conexión. Conéctese de nuevo e inicie sesión.',
  deskCertificate:
    'Quizá sea otro ordenador que el conocido aquí: muestra otro certificado. No se envió su contraseña. Avise a informática, que puede mirarlo y aprobarlo.',
  deskNoNla:
    'El ordenador ofrece menos seguridad que antes. No se envió su contraseña. Avise a informática, que tiene que mirarlo.',
  deskSilent: 'El ordenador no respondió. Inténtelo en un minuto; si sigue igual, avise a informática.',
  deskNotAllowed:
    'Su acceso a este ordenador ha terminado. Lo que está abierto en él sigue abierto. Si no es correcto, avise a informática.',
  deskEnded:
    'Informática ha cortado esta conexión. Lo que está abierto en el ordenador sigue abierto. Si todavía la necesita, diríjase a informática.',
  deskMoved: 'Abrió este ordenador en otro sitio, en otra ventana o aplicación. Sigue allí.',
  deskIdle:
    'Nadie usó esta conexión durante el tiempo que informática permite, y se terminó. Lo que está abierto en el ordenador sigue abierto: vuelva a conectar para continuar.',
  deskLongest:
    'Esta conexión duró tanto como informática permite. Lo que está abierto en el ordenador sigue abierto: vuelva a conectar si aún lo necesita.',
  deskBooked:
    'Alguien había reservado este ordenador y ya ha llegado. Lo que está abierto en él sigue abierto. En su oficina encontrará otro puesto, o una hora que reservar.',
  deskGateway: 'Algo salió mal de camino al ordenador. Inténtelo de nuevo; si vuelve a ocurrir, avise a informática.',
  deskTicket: 'Tardó demasiado. Conecte de nuevo.',
  deskNoLine:
    'El camino a la oficina no se abrió: algo entre medias rechaza esas conexiones. Mire si WireGuard está activado; si lo está, avise a informática.',
  deskNegotiation: 'El ordenador y este navegador no tienen ninguna seguridad en común. Avise a informática.',
  deskLineCut:
    'La conexión se cortó, y la oficina no dice por qué. Lo que está abierto en el ordenador sigue abierto. Mire si tiene conexión y conecte de nuevo.',
  deskCrashed:
    'Lo que muestra el escritorio en esta página ha fallado. Lo que está abierto en el ordenador sigue abierto. Recargue la página y conecte de nuevo.',
  deskUnloaded:
    'No se pudo cargar lo que muestra el escritorio. Recargue la página; si sigue igual, quizá su navegador sea demasiado antiguo: avise a informática.',
} satisfies Messages;
