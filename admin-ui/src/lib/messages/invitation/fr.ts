import type { Messages } from './en.ts';

export default {
  inviteTitle: 'Ouvrez votre invitation',
  inviteToken: 'Invitation',
  inviteTokenHint:
    'Telle qu’elle figure sur la feuille de l’informatique. Majuscules et tirets n’ont pas d’importance.',
  inviteWelcome: 'Bienvenue, {name}',
  inviteFrom:
    '{organisation} vous invite à travailler de chez vous. Votre nom d’utilisateur est {login}. Il faut environ trois minutes\u202f; ayez votre téléphone à portée de main.',
  choosePassword: 'Choisissez un mot de passe',
  choosePasswordHint:
    'Au moins 12 caractères. Trois ou quatre mots sans rapport entre eux sont sûrs et faciles à retenir.',
  passwordShort: 'Encore {missing} caractères',
  passwordFair: 'Suffisant. Plus long, c’est mieux.',
  passwordGood: 'Bon',
  show: 'L’afficher',
  hide: 'Le masquer',
  factorTitle: 'Votre téléphone fera les codes',
  factorWhy:
    'Ouvrez une application d’authentification sur votre téléphone (Google ou Microsoft Authenticator, Aegis, peu importe) et scannez cette image.',
  factorHere: 'Ouvrir l’application d’authentification de ce téléphone',
  factorQr: 'Image pour l’application d’authentification',
  factorType: 'Pas d’appareil photo\u202f? Tapez ceci dans l’application',
  factorCode: 'Entrez le code qu’elle affiche maintenant',
  factorCodeHint: '6 chiffres\u202f; il change toutes les 30 secondes',
  deviceName: 'Nom de cet appareil',
  deviceNameHint: 'Pour que vous et l’informatique le reconnaissiez, s’il est perdu par exemple',
  phoneName: 'téléphone',
  laptopName: 'portable',
  nameFirst: 'Donnez-lui un nom.',
  recoveryTitle: 'Gardez ces codes',
  recoveryWhy:
    'En cas de perte ou de panne de votre téléphone ou de votre clé d’accès, l’un de ces codes vous laisse entrer, avec votre mot de passe. Chacun ne sert qu’une fois. Ils ne sont montrés que maintenant\u00a0: imprimez-les, ou enregistrez-les là où vous seul regardez.',
  recoveryKept: 'Je les ai gardés',
  recoveryFirst: 'Gardez d’abord les codes, puis cochez la case.',
  deviceTitle: 'Connectez cet appareil',
  deviceWhy: 'Une dernière chose\u00a0: l’application WireGuard, qui mène à votre bureau.',
  system: 'Votre système',
  stepInstall: 'Installez l’application WireGuard\u00a0:',
  stepInstallLink: 'l’obtenir',
  stepPhone: 'Dans l’application, ajoutez un tunnel et choisissez le code QR. Scannez ceci avec le téléphone\u00a0:',
  deviceQr: 'Configuration pour l’application WireGuard',
  stepPhoneFile: 'C’est ce téléphone\u202f? Enregistrez un fichier et importez-le',
  stepSave: 'Enregistrez la configuration de cet appareil\u00a0:',
  saveFile: 'Enregistrer {file}',
  stepLinux: 'Importez-la avec NetworkManager, dans un terminal\u00a0:',
  stepImport:
    'Dans WireGuard, choisissez Importer un ou plusieurs tunnels depuis un fichier, puis {file} parmi vos téléchargements.',
  stepOn:
    'Activez le tunnel. Au bureau, vous pouvez le laisser éteint\u00a0: terminez chez vous, à partir de cette étape.',
  stepOpen: 'Ouvrez ensuite {address}, et identifiez-vous avec votre mot de passe et un code.',
  deviceOnce:
    'La configuration contient la clé de cet appareil. Elle a été créée dans cette page et n’est montrée que maintenant\u00a0: ne la donnez à personne, et supprimez le fichier après l’avoir importé.',
  deviceDisabled: 'Exclu par l’informatique',
  loseAsk:
    'Exclure {device} définitivement\u202f? Il ne pourra plus jamais servir tel quel\u202f; retrouvé, on l’ajoute à nouveau.',
  loseYes: 'L’exclure',
  loseDone: '{device} est exclu\u00a0: plus rien n’en passe ({ms} ms).',
  addDevice: 'Ajouter un appareil',
  addDeviceWhy:
    'Ajoutez-le depuis l’appareil lui-même, pour que sa clé y soit créée\u00a0: ouvrez-y cette page, au bureau. De chez vous, demandez une invitation à l’informatique.',
} satisfies Messages;
