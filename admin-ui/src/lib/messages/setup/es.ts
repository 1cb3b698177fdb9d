import type { Messages } from './en.ts';

export default {
  setupTitle: 'Configurar la pasarela',
  setupCodeWhy:
    'Escriba el código que muestra la consola de la pasarela. También está en el archivo /run/passerelle/setup-code, que puede leer root.',
  setupCode: 'Código',
  setupCodeWrong: 'Ese no es el código. Tiene 26 letras y cifras; las mayúsculas y los guiones no cuentan.',
  setupClaimed:
    'Otro navegador está configurando esta pasarela. Si no es nadie suyo, detenga passerelle setup --web en su consola (Ctrl-C) e inícielo de nuevo: el código antiguo deja de valer.',
  setupStep: 'Paso {n} de {all}',
  setupNext: 'Siguiente',
  setupBack: 'Atrás',
  setupOrganisation: 'Su organización',
  setupOrganisationName: 'Cómo se llama',
  setupOrganisationHint: 'La gente verá este nombre en cada página.',
  setupPublicName: 'Nombre público',
  setupPublicNameHint:
    'Por ejemplo puerta.ejemplo.org: la dirección del portal, y adonde se conecta WireGuard. El proveedor de su dominio la apunta a la dirección de internet de su oficina.',
  setupEndpoint: 'Dónde se conectan los dispositivos',
  setupEndpointHint: 'Nombre y puerto UDP, tal como los ve internet.',
  setupNetwork: 'La red de su oficina',
  setupNetworkWhy: 'Esto es lo que ha encontrado esta máquina. La mayoría de oficinas no cambian nada aquí.',
  setupInterface: 'Tarjeta de red hacia la oficina',
  setupResolvers: 'Servidores DNS de la oficina',
  setupResolversHint:
    'A menudo el router o el controlador de dominio. Varios con un espacio entre ellos; un guion para ninguno.',
  setupZones: 'Zonas DNS de la oficina',
  setupZonesHint: 'Por ejemplo corp.ejemplo.org, si los ordenadores tienen nombre allí; un guion para ninguna.',
  setupMore: 'Más',
  setupSite: 'Redes para los dispositivos',
  setupSiteHint: 'Un /16 IPv4 y un /48 IPv6, elegidos al azar para que no choquen con ninguna red doméstica.',
  setupMasquerade:
    'La oficina ve la dirección de la pasarela en lugar de la de cada dispositivo (recomendado: el router no necesita ruta de vuelta)',
  setupHome: 'Invitaciones desde casa',
  setupHomeWhy:
    '¿Puede la gente abrir su invitación desde casa, por internet? Esa puerta responde a las invitaciones y a nada más: nadie entra por ella, y no hay nada de la oficina detrás.',
  setupHomeYes: 'Sí (recomendado). El router reenvía TCP 443 a {address}.',
  setupHomeNo: 'No. La gente la abre una vez en la oficina.',
  setupHomeChoose: 'Elija una.',
  setupYou: 'El primer administrador',
  setupYouWhy: 'Es usted, o quien cuide de esta pasarela. Después se pueden añadir más.',
  setupLogin: 'Nombre de usuario',
  setupLoginHint: 'Minúsculas y cifras, por ejemplo marc o m.dupre.',
  setupName: 'Nombre',
  setupLanguage: 'Idioma',
  setupChecks: '¿Va todo bien?',
  setupChecksWhy:
    'No se cambia nada hasta que lo diga. Lo que ahora no está verde también se puede arreglar después: la página Salud sigue mirando.',
  setupCheckName: 'Nombre público',
  setupCheckUdp: 'Entrada para WireGuard',
  setupCheckDns: 'DNS de la oficina',
  setupCheckWay: 'Paso hacia la oficina',
  setupCheckCertificate: 'Certificado',
  setupLooks: 'Mirando…',
  setupGood: 'Bien',
  setupDoubtful: 'Por hacer',
  setupBad: 'Todavía no',
  foundNamePublic: 'Lleva a {about}. Si es la dirección de internet de su oficina, todo va bien.',
  foundNamePrivate:
    'Desde aquí lleva a {about}, que nadie de fuera puede alcanzar. Si su DNS lo dice a propósito, bien; en el proveedor de su dominio debe apuntar a la dirección de internet de su oficina.',
  foundNameUnknownYet:
    '{about} todavía no lleva a ninguna parte. En el proveedor de su dominio, añada un registro A (y AAAA si tiene IPv6) con la dirección de internet de su oficina.',
  foundNameIsAddress:
    '{about} es una dirección. Si la oficina la cambia algún día, cada dispositivo necesitará una configuración nueva; un nombre se puede apuntar a otro sitio.',
  foundUdpTurns: 'Un paquete enviado a {about} volvió a entrar por ahí: el router lo reenvía.',
  foundUdpUnknown:
    'Eso no se ve desde dentro. En el router, reenvíe {about}. El primer teléfono que se conecte por su red móvil mostrará que funciona.',
  foundUdpTaken: 'Otro programa de esta máquina tiene {about}. Deténgalo, o elija otro puerto en passerelle.toml.',
  foundDnsAnswers: '{about} responde.',
  foundDnsSilent:
    '{about} no responde a esta máquina. Vuelva atrás y ponga uno que responda: si no, los nombres fallarán en casa.',
  foundDnsNone:
    'No hay ningún servidor DNS. Vuelva atrás y ponga el de la oficina: si no, los nombres fallarán en casa.',
  foundWayOpenNow: 'Nada en esta máquina detiene lo que los dispositivos envían a la oficina.',
  foundWayShut:
    'Otro cortafuegos o un ajuste de esta máquina detiene lo que envían los dispositivos. Estas órdenes dejan pasar el túnel, y nada más:',
  foundWayUnknown: 'Eso no se ha podido probar aquí. passerelle doctor lo probará más tarde.',
  foundCertificateOwn:
    'La pasarela hace su propio certificado. Los navegadores avisan una vez en cada ordenador; las llaves de acceso piden uno reconocido.',
  setupCure: 'Ejecutarlas ahora',
  setupAgain: 'Volver a mirar',
  setupFinish: 'Configurar ahora',
  setupMaking: 'Se está creando la pasarela…',
  setupDone: 'La pasarela está configurada',
  setupDoneWhy:
    'Ahora {login} elige una contraseña y conecta un dispositivo: es la primera invitación. La pasarela arranca; este botón funcionará en {seconds} segundos.',
  setupDoneReady: 'Ahora {login} elige una contraseña y conecta un dispositivo: es la primera invitación.',
  setupOpen: 'Abrir la primera invitación',
  setupWarns: 'Su navegador avisa una vez más, por el certificado propio de la pasarela. Su SHA-256:',
  setupRouter: 'En el router, reenvíe:',
  setupToken: 'Si no se abre: el código de la invitación, que solo se muestra esta vez',
  badOrganisation: 'Hace falta un nombre de 1 a 64 letras.',
  badPublicName: 'Hace falta un nombre como {example}, sin https ni puerto.',
  badEndpoint: 'Hacen falta un nombre y un puerto, como {example}.',
  badInterface: 'Esta tarjeta de red ya no está, o no lleva a ninguna parte. Elija otra.',
  badSite: 'Hacen falta un /16 IPv4 y un /48 IPv6 que esta máquina no use, como {example}.',
  badResolvers: 'Hacen falta direcciones, como 192.168.1.1, con un espacio entre ellas; un guion para ninguna.',
  badZones: 'Hacen falta zonas, como corp.ejemplo.org, con un espacio entre ellas; un guion para ninguna.',
  badLogin: 'De 1 a 64 letras sin acentos, cifras o . - _ @, empezando por una letra o cifra.',
} satisfies Messages;
