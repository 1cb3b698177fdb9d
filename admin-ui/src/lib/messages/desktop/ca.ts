import type { Messages } from './en.ts';

export default {
  deskTitle: '{name} en aquest navegador',
  deskUser: 'Nom d’usuari a l’ordinador',
  deskUserHint: 'Com l’escriviu quan hi seieu al davant. Es recorda aquí.',
  deskPassword: 'Contrasenya a l’ordinador',
  deskPasswordHint: 'Passa per la passarel·la de l’oficina fins a l’ordinador, i no es desa enlloc.',
  deskMissing: 'Ompliu aquest camp.',
  deskElsewhere:
    'Teniu aquest PC obert en una altra finestra d’aquest navegador. Si us connecteu aquí, potser s’acaba allà; el que és obert hi continua.',
  deskAway: 'Primer es desperta {name}. Pot trigar un parell de minuts.',
  deskWake: 'Desperta i connecta',
  deskAgain:
    'Torneu a escriure la contrasenya: l’escriptori vindrà llavors a la mida d’aquesta finestra. El que hi ha obert a l’ordinador continua obert.',
  deskComing: 'Connectant amb {name}…',
  deskCancel: 'Cancel·la la connexió',
  deskOnceMore: 'Torna a connectar',
  deskReload: 'Torna a carregar aquesta pàgina',
  deskUnknown:
    'Ara aquest ordinador no us és obert. Torneu a la vostra oficina, i demaneu-ho a informàtica si ho hauria de ser.',
  deskBar: 'Què podeu fer amb aquest escriptori',
  deskQuality: 'Connexió: anada i tornada, i cabal',
  deskEndsIdle:
    'Aquesta connexió s’acaba a les {time}: ningú no l’ha feta servir. Continueu treballant per mantenir-la.',
  deskEndsLongest: 'Aquesta connexió s’acaba a les {time}: és el temps màxim que informàtica permet. Deseu la feina.',
  deskEndsBooked:
    'Algú ha reservat aquest lloc a partir de les {time}; aquesta connexió s’acaba quan arribi. Deseu la feina.',
  deskEndsIn: 'queden {left}',
  deskTold: 'Informàtica us diu ({time}):',
  deskRead: 'Entesos',
  deskChord: 'Ctrl+Alt+Inici torna a aquesta barra; totes les altres tecles van a l’ordinador.',
  deskFull: 'Pantalla completa',
  deskWindow: 'Surt de pantalla completa',
  deskHide: 'Amaga la barra',
  deskShow: 'Mostra la barra',
  deskLeave: 'Desconnecta',
  deskCloseMenu: 'Tanca el menú',
  deskWindowsKey: 'Tecla Windows',
  deskClipboard: 'Porta-retalls',
  deskClipboardWhy:
    'El que heu copiat aquí només arriba al PC quan ho envieu, i el que s’ha copiat allà només arriba al vostre porta-retalls quan ho agafeu.',
  deskSend: 'Envia el meu porta-retalls',
  deskTake: 'Agafa el de l’ordinador',
  deskSent: 'Enviat: enganxeu-ho a l’ordinador.',
  deskNotSent:
    'No s’ha enviat res: copieu primer un text o una imatge, i deixeu que el navegador llegeixi el porta-retalls.',
  deskTaken: 'Agafat: enganxeu-ho aquí.',
  deskCtrlAltDel: 'Ctrl+Alt+Supr',
  deskNotTaken: 'No ha vingut res: copieu primer un text o una imatge a l’ordinador.',
  deskNoClipboard: 'L’ordinador encara no ha ofert cap porta-retalls.',
  deskFiles: 'Fitxers',
  deskFilesWhy:
    'Els fitxers que trieu es posen al porta-retalls del PC: enganxeu-los allà. Els fitxers que copieu al PC surten aquí.',
  deskFilesSend: 'Envia fitxers…',
  deskFilesThere: 'Copiats al PC',
  deskFilesPassed: 'Enviats i desats',
  deskFileSave: 'Desa',
  deskFileCancel: 'Cancel·la',
  deskFilesMore: '… i {count} més: empaqueteu-los en un sol fitxer al PC.',
  deskFilesPack:
    'Les carpetes, i més de 100 fitxers alhora, no es poden enviar: empaqueteu-los abans en un sol fitxer.',
  deskFilesBusy: 'S’estan enganxant fitxers al PC: espereu que hi siguin, o cancel·leu-los al menú.',
  deskFileWaits: 'Ara enganxeu-lo al PC',
  deskFileGoes: 'S’està enviant',
  deskFileComes: 'S’està rebent',
  deskFileSent: 'Enviat',
  deskFileSaved: 'Donat al vostre navegador: mireu-ne les baixades',
  deskFileFailed: 'No ha arribat sencer: torneu-ho a provar, o feu servir una carpeta compartida',
  deskFilesReady: 'S’han copiat fitxers al PC: deseu-los des del menú.',
  deskFilesChosen: 'Ara enganxeu-los al PC. Si no s’hi pot enganxar res, no accepta fitxers.',
  deskFilesRefused: 'L’ordinador no ha acceptat els fitxers. Torneu-ho a provar o feu servir una carpeta compartida.',
  deskScale: 'Imatge',
  deskFit: 'S’ajusta a la finestra',
  deskReal: 'Mida real, es desplaça',
  deskKeys: 'Teclat',
  deskByKey: 'Per tecla',
  deskByCharacter: 'Per caràcter',
  deskKeysWhy:
    'Per tecla, la distribució de l’ordinador decideix què escriu; trieu per caràcter si el vostre teclat és diferent i surten lletres equivocades.',
  deskSize: 'Mida',
  deskSizeWhy: 'L’escriptori és de {now}; en aquesta finestra podria ser de {then}.',
  deskResize: 'Torna a connectar a aquesta mida',
  deskByDevice: 'Heu deixat aquest ordinador. El que hi ha obert hi continua obert.',
  deskByPc: 'L’ordinador ho ha acabat: hi heu tancat la sessió, o s’ha apagat o reiniciat.',
  deskSignIn:
    'L’ordinador no us ha deixat entrar: el nom d’usuari o la contrasenya no eren bons, o no hi podeu iniciar sessió a distància. Torneu-ho a provar; si n’esteu segur, aviseu informàtica.',
  deskNobody:
    'Durant tres minuts la passarel·la no ha vist ningú iniciar sessió, i ha acabat la connexió. Torneu-vos a connectar i inicieu sessió.',
  deskCertificate:
    'Potser és un altre ordinador que el que es coneix aquí: mostra un altre certificat. No s’ha enviat la contrasenya. Aviseu informàtica, que ho pot mirar i aprovar.',
  deskNoNla:
    'L’ordinador ofereix menys seguretat que abans. No s’ha enviat la contrasenya. Aviseu informàtica, que ho ha de mirar.',
  deskSilent: 'L’ordinador no ha respost. Torneu-ho a provar d’aquí a un minut; si continua igual, aviseu informàtica.',
  deskNotAllowed:
    'S’ha acabat el vostre accés a aquest ordinador. El que hi ha obert hi continua obert. Si no és correcte, aviseu informàtica.',
  deskEnded:
    'Informàtica ha tallat aquesta connexió. El que hi ha obert a l’ordinador continua obert. Si encara la necessiteu, demaneu-ho a informàtica.',
  deskMoved: 'Heu obert aquest ordinador en un altre lloc, en una altra finestra o aplicació. Continua allà.',
  deskIdle:
    'Ningú no ha fet servir aquesta connexió durant el temps que informàtica permet, i s’ha acabat. El que hi ha obert a l’ordinador continua obert: torneu a connectar per continuar.',
  deskLongest:
    'Aquesta connexió ha durat tant com informàtica permet. El que hi ha obert a l’ordinador continua obert: torneu a connectar si encara el necessiteu.',
  deskBooked:
    'Algú havia reservat aquest ordinador i ja hi és. El que hi ha obert hi continua obert. A la vostra oficina trobareu un altre lloc, o una hora per reservar.',
  deskGateway:
    'Alguna cosa ha anat malament de camí a l’ordinador. Torneu-ho a provar; si torna a passar, aviseu informàtica.',
  deskTicket: 'Ha trigat massa. Torneu a connectar.',
  deskNoLine:
    'El camí cap a l’oficina no s’ha obert: alguna cosa entremig rebutja aquestes connexions. Mireu si WireGuard està activat; si ho està, aviseu informàtica.',
  deskNegotiation: 'L’ordinador i aquest navegador no tenen cap seguretat en comú. Aviseu informàtica.',
  deskLineCut:
    'La connexió s’ha tallat, i l’oficina no diu per què. El que hi ha obert a l’ordinador continua obert. Mireu si teniu connexió i torneu a connectar.',
  deskCrashed:
    'El que mostra l’escriptori en aquesta pàgina ha fallat. El que hi ha obert a l’ordinador continua obert. Torneu a carregar la pàgina i torneu a connectar.',
  deskUnloaded:
    'No s’ha pogut carregar el que mostra l’escriptori. Torneu a carregar la pàgina; si continua igual, potser el navegador és massa antic: aviseu informàtica.',
} satisfies Messages;
