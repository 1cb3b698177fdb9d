import type { Messages } from './en.ts';

export default {
  joinTitle: 'Comproveu que funciona',
  joinWhy:
    'Deixeu oberta aquesta pàgina: cada línia es marca quan passa. A l’oficina no cal esperar: a casa, activeu el túnel i obriu {address}.',
  joinDoneMark: 'Fet',
  joinNowMark: 'Ara',
  joinLaterMark: 'Després',
  joinHeardWait: 'S’espera la primera connexió d’aquest dispositiu…',
  joinHeard: 'Aquest dispositiu està connectat',
  joinPortalWait: 'Obriu {address} en aquest dispositiu',
  joinPortal: 'El portal s’ha obert per la connexió',
  joinOpenWait: 'Escriviu-hi la contrasenya i un codi',
  joinOpenTouch: 'Feu-hi servir la clau d’accés',
  joinOpen: 'L’oficina és oberta per a vós',
  joinShareWait: 'Es prova la vostra carpeta compartida',
  joinShare: '{name} respon',
  joinShareBad: '{name} encara no s’obre',
  joinOther: 'Teniu accés a {name}',
  joinDone: 'Tot va bé. Podeu tancar aquesta pàgina.',
  joinNothing:
    'Encara no ha arribat res d’aquest dispositiu. El túnel està activat a l’aplicació WireGuard? Si ho està, pot ser que aquesta xarxa no el deixi passar: alguns hotels, hospitals i empreses no ho fan. Proveu-ho amb la xarxa mòbil del telèfon. Si allà funciona, digueu a informàtica quina xarxa no anava.',
  joinHalf:
    'Aquest dispositiu truca, però la resposta no li arriba. Desactiveu i activeu el túnel. Si no serveix, hi ha alguna cosa en aquesta xarxa que no deixa entrar respostes: proveu una altra xarxa i digueu-ho a informàtica.',
  joinNoPortal:
    'Connectat, però encara no s’ha obert el portal. Si la pàgina queda buida en aquest dispositiu, els paquets grans es perden pel camí. A l’aplicació WireGuard, editeu el túnel i canvieu-ne la línia MTU per:',
  joinTwo:
    'Aquesta configuració es fa servir en dues màquines alhora, i cadascuna talla l’altra. És per a un sol dispositiu: traieu-la de l’altre i afegiu-lo a Els meus dispositius.',
  joinClock:
    'El rellotge d’aquest ordinador va {time} malament. Feu que es posi en hora sol: amb un rellotge errat, les unitats poden no obrir-se.',
  joinNoGrant: 'L’oficina és oberta, però ara no hi ha res compartit amb vós. Demaneu-ho a informàtica.',
  joinBadWhy: 'Al portal, Per què no s’obre? al costat de la carpeta en busca la causa. A qui dir-ho: informàtica.',
  joinLost:
    'Aquesta pàgina ara no sent la passarel·la i ho torna a provar. El que feu a l’aplicació WireGuard continua igualment.',
  joinOver: 'Aquesta pàgina ja ha esperat prou. Obriu {address} al dispositiu connectat: tot continua des d’allà.',
  noRights: 'No podeu instal·lar programes en aquest ordinador?',
  noRightsWhy:
    'Informàtica hi executa una vegada aquest script, com a administrador, amb el fitxer que heu desat al pas anterior. Instal·la l’aplicació WireGuard i us deixa activar i desactivar el túnel.',
  noRightsSave: 'Desa l’script per a informàtica',
  noRightsRun: 'Per executar en un terminal d’administrador:',
} satisfies Messages;
