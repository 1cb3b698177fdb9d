import type { Messages } from './en.ts';

export default {
  deskTitle: '{name} dans ce navigateur',
  deskUser: 'Nom d’utilisateur sur le PC',
  deskUserHint: 'Comme vous le tapez devant ce PC. Il est retenu ici.',
  deskPassword: 'Mot de passe sur le PC',
  deskPasswordHint: 'Il passe par la passerelle de votre bureau jusqu’au PC, et n’est gardé nulle part.',
  deskMissing: 'Remplissez ce champ.',
  deskElsewhere:
    'Ce PC est ouvert dans une autre fenêtre de ce navigateur. En vous connectant ici, vous l’arrêtez peut-être là-bas\u202f; ce qui est ouvert le reste.',
  deskAway: '{name} est d’abord réveillé. Cela peut prendre une minute ou deux.',
  deskWake: 'Réveiller et se connecter',
  deskAgain:
    'Tapez encore une fois votre mot de passe\u00a0: le bureau revient alors à la taille de cette fenêtre. Ce qui est ouvert sur le PC le reste.',
  deskComing: 'Connexion à {name}…',
  deskCancel: 'Annuler la connexion',
  deskOnceMore: 'Se reconnecter',
  deskReload: 'Recharger cette page',
  deskUnknown:
    'Ce PC ne vous est pas ouvert en ce moment. Retournez à votre bureau, et demandez à l’informatique s’il devrait l’être.',
  deskBar: 'Ce que vous pouvez faire de ce bureau',
  deskQuality: 'Connexion\u00a0: aller-retour, et débit',
  deskEndsIdle:
    'Cette connexion prend fin à {time}\u00a0: personne ne l’a utilisée. Continuez à travailler pour la garder.',
  deskEndsLongest:
    'Cette connexion prend fin à {time}\u00a0: c’est la durée la plus longue que l’informatique permet. Enregistrez votre travail.',
  deskEndsBooked:
    'Quelqu’un a réservé ce poste à partir de {time}\u202f; cette connexion se termine quand cette personne arrive. Enregistrez votre travail.',
  deskEndsIn: 'encore {left}',
  deskTold: 'L’informatique vous dit ({time})\u00a0:',
  deskRead: 'Compris',
  deskChord: 'Ctrl+Alt+Début ramène à cette barre\u202f; toutes les autres touches vont au PC.',
  deskFull: 'Plein écran',
  deskWindow: 'Quitter le plein écran',
  deskHide: 'Cacher la barre',
  deskShow: 'Montrer la barre',
  deskLeave: 'Se déconnecter du PC',
  deskCloseMenu: 'Fermer le menu',
  deskWindowsKey: 'Touche Windows',
  deskClipboard: 'Presse-papiers',
  deskClipboardWhy:
    'Ce que vous avez copié ici n’arrive au PC que si vous l’envoyez\u202f; ce qui a été copié là-bas n’arrive dans votre presse-papiers que si vous le prenez.',
  deskSend: 'Envoyer mon presse-papiers',
  deskTake: 'Prendre celui du PC',
  deskSent: 'Envoyé\u00a0: collez-le sur le PC.',
  deskNotSent:
    'Rien n’a été envoyé\u00a0: copiez d’abord un texte ou une image, et permettez au navigateur de lire le presse-papiers.',
  deskTaken: 'Pris\u00a0: collez-le ici.',
  deskCtrlAltDel: 'Ctrl+Alt+Suppr',
  deskNotTaken: 'Rien n’est venu\u00a0: copiez d’abord un texte ou une image sur le PC.',
  deskNoClipboard: 'Le PC n’a pas encore proposé de presse-papiers.',
  deskFiles: 'Fichiers',
  deskFilesWhy:
    'Les fichiers que vous choisissez sont mis dans le presse-papiers du PC\u00a0: collez-les là-bas. Les fichiers que vous copiez sur le PC apparaissent ici.',
  deskFilesSend: 'Envoyer des fichiers…',
  deskFilesThere: 'Copiés sur le PC',
  deskFilesPassed: 'Envoyés et enregistrés',
  deskFileSave: 'Enregistrer',
  deskFileCancel: 'Annuler',
  deskFilesMore: '… et {count} autres\u00a0: regroupez-les en une archive sur le PC.',
  deskFilesPack:
    'Les dossiers, et plus de 100 fichiers à la fois, ne peuvent pas être envoyés\u00a0: regroupez-les d’abord en une archive.',
  deskFilesBusy:
    'Des fichiers sont en train d’être collés sur le PC\u00a0: attendez qu’ils y soient, ou annulez-les dans le menu.',
  deskFileWaits: 'Collez-le maintenant sur le PC',
  deskFileGoes: 'En cours d’envoi',
  deskFileComes: 'En cours de réception',
  deskFileSent: 'Envoyé',
  deskFileSaved: 'Remis à votre navigateur\u00a0: voyez ses téléchargements',
  deskFileFailed: 'N’est pas arrivé entier\u00a0: réessayez, ou passez par un partage',
  deskFilesReady: 'Des fichiers ont été copiés sur le PC\u00a0: enregistrez-les depuis le menu.',
  deskFilesChosen: 'Collez-les maintenant sur le PC. Si rien ne peut y être collé, il n’accepte pas de fichiers.',
  deskFilesRefused: 'Le PC n’a pas accepté les fichiers. Réessayez, ou passez par un partage.',
  deskScale: 'Image',
  deskFit: 'À la taille de la fenêtre',
  deskReal: 'Taille réelle, défilante',
  deskKeys: 'Clavier',
  deskByKey: 'Par touche',
  deskByCharacter: 'Par caractère',
  deskKeysWhy:
    'Par touche, c’est la disposition du PC qui décide\u202f; choisissez par caractère si votre clavier diffère de celui du PC et que de mauvaises lettres arrivent.',
  deskSize: 'Taille',
  deskSizeWhy: 'Le bureau fait {now}\u202f; dans cette fenêtre, il pourrait faire {then}.',
  deskResize: 'Se reconnecter à cette taille',
  deskByDevice: 'Vous avez quitté ce PC. Ce qui y est ouvert le reste.',
  deskByPc: 'Le PC y a mis fin\u00a0: vous y avez fermé la session, ou il a été éteint ou redémarré.',
  deskSignIn:
    'Le PC ne vous a pas laissé entrer\u00a0: le nom d’utilisateur ou le mot de passe n’était pas bon, ou vous n’avez pas le droit d’y ouvrir une session à distance. Réessayez\u202f; si vous êtes sûr des deux, prévenez l’informatique.',
  deskNobody:
    'Pendant trois minutes, la passerelle n’a vu personne ouvrir de session\u00a0: la connexion a été arrêtée. Reconnectez-vous, et ouvrez une session.',
  deskCertificate:
    'C’est peut-être un autre PC que celui qui est connu ici\u00a0: il montre un autre certificat. Votre mot de passe n’a pas été envoyé. Prévenez l’informatique, qui peut vérifier et l’approuver.',
  deskNoNla:
    'Le PC offre moins de sécurité qu’avant. Votre mot de passe n’a pas été envoyé. Prévenez l’informatique, qui doit vérifier.',
  deskSilent: 'Le PC n’a pas répondu. Réessayez dans une minute\u202f; si cela continue, prévenez l’informatique.',
  deskNotAllowed:
    'Votre accès à ce PC a pris fin. Ce qui y est ouvert le reste. Si ce n’est pas normal, prévenez l’informatique.',
  deskEnded:
    'L’informatique a mis fin à cette connexion. Ce qui est ouvert sur le PC le reste. Si vous en avez encore besoin, adressez-vous à elle.',
  deskMoved: 'Vous avez ouvert ce PC ailleurs, dans une autre fenêtre ou application. Cela continue là-bas.',
  deskIdle:
    'Cette connexion est restée inutilisée aussi longtemps que l’informatique le permet\u202f; elle a pris fin. Ce qui est ouvert sur le PC le reste\u00a0: reconnectez-vous pour continuer.',
  deskLongest:
    'Cette connexion a duré aussi longtemps que l’informatique le permet. Ce qui est ouvert sur le PC le reste\u00a0: reconnectez-vous si vous en avez encore besoin.',
  deskBooked:
    'Quelqu’un avait réservé ce PC et vient d’arriver. Ce qui y est ouvert le reste. Votre bureau vous propose un autre poste, ou une heure à réserver.',
  deskGateway:
    'Quelque chose s’est mal passé en chemin vers le PC. Réessayez\u202f; si cela se répète, prévenez l’informatique.',
  deskTicket: 'Cela a pris trop de temps. Reconnectez-vous.',
  deskNoLine:
    'Le chemin vers le bureau ne s’est pas ouvert\u00a0: quelque chose entre vous et lui refuse ces connexions. Regardez si WireGuard est activé\u202f; s’il l’est, prévenez l’informatique.',
  deskNegotiation: 'Le PC et ce navigateur n’ont pas de sécurité en commun. Prévenez l’informatique.',
  deskLineCut:
    'La connexion a été coupée, et la passerelle du bureau ne dit pas pourquoi. Ce qui est ouvert sur le PC le reste. Regardez si vous êtes en ligne, puis reconnectez-vous.',
  deskCrashed:
    'Ce qui montre le bureau dans cette page s’est arrêté. Ce qui est ouvert sur le PC le reste. Rechargez cette page, puis reconnectez-vous.',
  deskUnloaded:
    'Ce qui montre le bureau n’a pas pu être chargé. Rechargez cette page\u202f; si cela continue, votre navigateur est peut-être trop ancien\u00a0: prévenez l’informatique.',
} satisfies Messages;
