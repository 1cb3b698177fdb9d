// The portal: may I work, and until when? Plain JavaScript, no build step, no inline code.
// It shows what GET /api/v1/door says and sends what is typed; it decides nothing.
'use strict';

const POLL_MS = 15000;          // also on focus and when the time is over
const PATIENCE_MS = 10000;      // then the gateway counts as silent
const WARN_MINUTES = [15, 5];   // before the end
const WORDS = {
  en: {
    language: 'Language', wait: 'One moment…', retry: 'Try again',
    awayTitle: 'Open this page with WireGuard on',
    awayWhy: 'This page opens the office for the device it is opened on, and it does not see one of your devices.',
    awayStep1: 'Switch the office tunnel on in the WireGuard app.', awayStep2: 'Come back to {name} and try again.',
    silentTitle: 'The office does not answer',
    silentWhy: 'Look whether WireGuard is on and whether other pages open. If they do, the gateway may be restarting: wait a minute. If it lasts, call IT.',
    lockedState: 'Locked', lockedTitle: 'Sign in to open your office', device: 'This device: {device} ({user})',
    user: 'User name', password: 'Password', code: 'Code', codeHint: '6 digits from the authenticator app on your telephone',
    recovery: 'Telephone not at hand? Use a recovery code', recoveryHint: 'One of the codes you wrote down when you signed up. Each works once.',
    app: 'Use the authenticator app', open: 'Open the office', opening: 'Opening…',
    openState: 'Open', openTitle: 'Your office is open until {time}', left: 'Another {left}',
    extend: 'Extend with a code', extending: 'One moment…', lock: 'Lock now', signOut: 'Sign out', signedIn: 'Signed in as {name}.',
    reach: 'What you can reach', nothing: 'Nothing is open to you yet. Ask IT which share you should reach.', copy: 'Copy', copied: 'Copied',
    extendTitle: 'Enter the code your app shows now', extendWhy: 'Your office then stays open without a break.', freshCode: 'Code', back: 'Back',
    warning: 'Your office locks at {time}. Save your work, then enter your code to go on.', warningTitle: '{minutes} min left',
    lockedNow: 'Your office is locked.', ended: 'Your office has locked. Sign in to go on.', stale: 'The office does not answer just now. Shown is what was last known.', hours: 'h', minutes: 'min', reference: 'For IT: {reference}',
    'missing': 'Please fill in user name, password and code.', 'missing-code': 'Please enter the code.',
    'invalid-request': 'The office did not understand that. Open this page again; if it happens again, tell IT.',
    'not-signed-in': 'You are no longer signed in. Sign in again.',
    'wrong-credentials': 'User name, password or code was not right, or the code was used already. Wait for the next code ({next} s) and try again.',
    'not-allowed': 'This is not possible from here. Open this page on your own device with WireGuard on.',
    'cross-origin': 'Another page tried to send this. Open this page by its own address and try again.',
    'not-found': 'That is not there any more. Open this page again.',
    'already-exists': 'That is there already. Open this page again to see it.',
    'no-address': 'The office has no address left for another device. Ask IT.',
    'factor-not-confirmed': 'Your sign-up is not finished. Redeem your invitation first, or ask IT for a new one.',
    'factor-suspended': 'Too many wrong codes in a row: your codes are not accepted any more. Type a recovery code instead, or ask IT for a new invitation.',
    'revoked': 'This device was shut out for good. Ask IT to add it again.',
    'invitation-void': 'This invitation is not good any more. Ask IT for a new one.',
    'wrong-host': 'The office does not answer to this address. Open the address IT gave you.',
    'password-too-short': 'That password is too short: at least 12 characters.',
    'password-too-long': 'That password is too long: at most 256 bytes.',
    'password-guessable': 'That password can be guessed from your name. Choose another.',
    'password-common': 'That password is among the most common. Choose another.',
    'too-many-attempts': 'Too many attempts. Wait {seconds} s, then try again.',
    'not-confirmed': 'The office has not confirmed this yet. Wait a few seconds and look again.',
    'unavailable': 'The office is busy or restarting. Wait a minute and try again.',
    'internal': 'Something went wrong in the office. Try again; if it happens again, give IT the number below.',
  },
  fr: {
    language: 'Langue', wait: 'Un instant…', retry: 'Réessayer',
    awayTitle: 'Ouvrez cette page avec WireGuard activé',
    awayWhy: 'Cette page ouvre le bureau pour l’appareil sur lequel elle est ouverte, et elle ne voit aucun de vos appareils.',
    awayStep1: 'Activez le tunnel du bureau dans l’application WireGuard.', awayStep2: 'Revenez sur {name} et réessayez.',
    silentTitle: 'Le bureau ne répond pas',
    silentWhy: 'Vérifiez que WireGuard est activé et que d’autres pages s’ouvrent. Si oui, la passerelle redémarre peut-être : attendez une minute. Si cela dure, appelez l’informatique.',
    lockedState: 'Verrouillé', lockedTitle: 'Identifiez-vous pour ouvrir votre bureau', device: 'Cet appareil : {device} ({user})',
    user: 'Nom d’utilisateur', password: 'Mot de passe', code: 'Code', codeHint: 'Les 6 chiffres de l’application d’authentification sur votre téléphone',
    recovery: 'Téléphone pas sous la main ? Utiliser un code de secours', recoveryHint: 'Un des codes que vous avez notés à l’inscription. Chacun sert une fois.',
    app: 'Utiliser l’application d’authentification', open: 'Ouvrir le bureau', opening: 'Ouverture…',
    openState: 'Ouvert', openTitle: 'Votre bureau est ouvert jusqu’à {time}', left: 'Encore {left}',
    extend: 'Prolonger avec un code', extending: 'Un instant…', lock: 'Verrouiller', signOut: 'Se déconnecter', signedIn: 'Connecté : {name}.',
    reach: 'Ce que vous pouvez atteindre', nothing: 'Rien ne vous est encore ouvert. Demandez à l’informatique quel partage vous devez atteindre.', copy: 'Copier', copied: 'Copié',
    extendTitle: 'Entrez le code que votre application affiche', extendWhy: 'Votre bureau reste alors ouvert sans interruption.', freshCode: 'Code', back: 'Retour',
    warning: 'Votre bureau se verrouille à {time}. Enregistrez votre travail, puis entrez votre code pour continuer.', warningTitle: 'Encore {minutes} min',
    lockedNow: 'Votre bureau est verrouillé.', ended: 'Votre bureau s’est verrouillé. Identifiez-vous pour continuer.', stale: 'Le bureau ne répond pas en ce moment. Voici le dernier état connu.', hours: 'h', minutes: 'min', reference: 'Pour l’informatique : {reference}',
    'missing': 'Remplissez le nom d’utilisateur, le mot de passe et le code.', 'missing-code': 'Entrez le code.',
    'invalid-request': 'Le bureau n’a pas compris. Rouvrez cette page ; si cela se répète, prévenez l’informatique.',
    'not-signed-in': 'Vous n’êtes plus connecté. Identifiez-vous à nouveau.',
    'wrong-credentials': 'Le nom d’utilisateur, le mot de passe ou le code n’était pas bon, ou le code a déjà servi. Attendez le prochain code ({next} s) et réessayez.',
    'not-allowed': 'Ce n’est pas possible d’ici. Ouvrez cette page sur votre propre appareil, WireGuard activé.',
    'cross-origin': 'Une autre page a tenté d’envoyer ceci. Ouvrez cette page par sa propre adresse et réessayez.',
    'not-found': 'Cela n’existe plus. Rouvrez cette page.',
    'already-exists': 'Cela existe déjà. Rouvrez cette page pour le voir.',
    'no-address': 'Le bureau n’a plus d’adresse pour un nouvel appareil. Demandez à l’informatique.',
    'factor-not-confirmed': 'Votre inscription n’est pas terminée. Utilisez d’abord votre invitation, ou demandez-en une nouvelle à l’informatique.',
    'factor-suspended': 'Trop de codes erronés de suite : vos codes ne sont plus acceptés. Tapez un code de secours à la place, ou demandez une nouvelle invitation à l’informatique.',
    'revoked': 'Cet appareil a été exclu définitivement. Demandez à l’informatique de l’ajouter à nouveau.',
    'invitation-void': 'Cette invitation n’est plus valable. Demandez-en une nouvelle à l’informatique.',
    'wrong-host': 'Le bureau ne répond pas à cette adresse. Ouvrez l’adresse que l’informatique vous a donnée.',
    'password-too-short': 'Ce mot de passe est trop court : 12 caractères au moins.',
    'password-too-long': 'Ce mot de passe est trop long : 256 octets au plus.',
    'password-guessable': 'Ce mot de passe se devine à partir de votre nom. Choisissez-en un autre.',
    'password-common': 'Ce mot de passe est l’un des plus courants. Choisissez-en un autre.',
    'too-many-attempts': 'Trop d’essais. Attendez {seconds} s, puis réessayez.',
    'not-confirmed': 'Le bureau n’a pas encore confirmé. Attendez quelques secondes et regardez à nouveau.',
    'unavailable': 'Le bureau est occupé ou redémarre. Attendez une minute et réessayez.',
    'internal': 'Une erreur s’est produite au bureau. Réessayez ; si cela se répète, donnez à l’informatique le numéro ci-dessous.',
  },
  nl: {
    language: 'Taal', wait: 'Een ogenblik…', retry: 'Opnieuw proberen',
    awayTitle: 'Open deze pagina met WireGuard aan',
    awayWhy: 'Deze pagina opent het kantoor voor het toestel waarop ze geopend is, en ze ziet geen toestel van u.',
    awayStep1: 'Zet de tunnel van het kantoor aan in de WireGuard-app.', awayStep2: 'Kom terug naar {name} en probeer opnieuw.',
    silentTitle: 'Het kantoor antwoordt niet',
    silentWhy: 'Kijk of WireGuard aan staat en of andere pagina’s opengaan. Zo ja, dan start de gateway misschien opnieuw: wacht een minuut. Blijft het duren, bel dan IT.',
    lockedState: 'Vergrendeld', lockedTitle: 'Meld u aan om uw kantoor te openen', device: 'Dit toestel: {device} ({user})',
    user: 'Gebruikersnaam', password: 'Wachtwoord', code: 'Code', codeHint: '6 cijfers uit de authenticator-app op uw telefoon',
    recovery: 'Telefoon niet bij de hand? Gebruik een herstelcode', recoveryHint: 'Een van de codes die u bij de inschrijving opschreef. Elke code werkt één keer.',
    app: 'De authenticator-app gebruiken', open: 'Kantoor openen', opening: 'Wordt geopend…',
    openState: 'Open', openTitle: 'Uw kantoor is open tot {time}', left: 'Nog {left}',
    extend: 'Verlengen met een code', extending: 'Een ogenblik…', lock: 'Nu vergrendelen', signOut: 'Afmelden', signedIn: 'Aangemeld als {name}.',
    reach: 'Wat u kunt bereiken', nothing: 'Er is nog niets voor u open. Vraag IT welke gedeelde map u moet bereiken.', copy: 'Kopiëren', copied: 'Gekopieerd',
    extendTitle: 'Geef de code die uw app nu toont', extendWhy: 'Uw kantoor blijft dan zonder onderbreking open.', freshCode: 'Code', back: 'Terug',
    warning: 'Uw kantoor wordt om {time} vergrendeld. Sla uw werk op en geef dan uw code om verder te gaan.', warningTitle: 'Nog {minutes} min',
    lockedNow: 'Uw kantoor is vergrendeld.', ended: 'Uw kantoor is vergrendeld. Meld u aan om verder te gaan.', stale: 'Het kantoor antwoordt nu niet. U ziet wat het laatst bekend was.', hours: 'u', minutes: 'min', reference: 'Voor IT: {reference}',
    'missing': 'Vul gebruikersnaam, wachtwoord en code in.', 'missing-code': 'Vul de code in.',
    'invalid-request': 'Het kantoor begreep dat niet. Open deze pagina opnieuw; gebeurt het nog eens, verwittig dan IT.',
    'not-signed-in': 'U bent niet meer aangemeld. Meld u opnieuw aan.',
    'wrong-credentials': 'Gebruikersnaam, wachtwoord of code klopte niet, of de code was al gebruikt. Wacht op de volgende code ({next} s) en probeer opnieuw.',
    'not-allowed': 'Dit kan van hieruit niet. Open deze pagina op uw eigen toestel, met WireGuard aan.',
    'cross-origin': 'Een andere pagina probeerde dit te versturen. Open deze pagina via haar eigen adres en probeer opnieuw.',
    'not-found': 'Dat is er niet meer. Open deze pagina opnieuw.',
    'already-exists': 'Dat is er al. Open deze pagina opnieuw om het te zien.',
    'no-address': 'Het kantoor heeft geen adres meer voor nog een toestel. Vraag het aan IT.',
    'factor-not-confirmed': 'Uw inschrijving is niet af. Gebruik eerst uw uitnodiging, of vraag IT om een nieuwe.',
    'factor-suspended': 'Te veel foute codes na elkaar: uw codes worden niet meer aanvaard. Typ in de plaats een herstelcode, of vraag IT om een nieuwe uitnodiging.',
    'revoked': 'Dit toestel is voorgoed uitgesloten. Vraag IT om het opnieuw toe te voegen.',
    'invitation-void': 'Deze uitnodiging geldt niet meer. Vraag IT om een nieuwe.',
    'wrong-host': 'Het kantoor antwoordt niet op dit adres. Open het adres dat IT u gaf.',
    'password-too-short': 'Dat wachtwoord is te kort: minstens 12 tekens.',
    'password-too-long': 'Dat wachtwoord is te lang: hoogstens 256 bytes.',
    'password-guessable': 'Dat wachtwoord is te raden uit uw naam. Kies een ander.',
    'password-common': 'Dat wachtwoord is een van de meest gebruikte. Kies een ander.',
    'too-many-attempts': 'Te veel pogingen. Wacht {seconds} s en probeer opnieuw.',
    'not-confirmed': 'Het kantoor heeft dit nog niet bevestigd. Wacht enkele seconden en kijk opnieuw.',
    'unavailable': 'Het kantoor is bezig of start opnieuw. Wacht een minuut en probeer opnieuw.',
    'internal': 'Er ging iets mis op kantoor. Probeer opnieuw; gebeurt het nog eens, geef IT dan het nummer hieronder.',
  },
  ca: {
    language: 'Llengua', wait: 'Un moment…', retry: 'Torneu-ho a provar',
    awayTitle: 'Obriu aquesta pàgina amb el WireGuard activat',
    awayWhy: 'Aquesta pàgina obre l’oficina per al dispositiu on és oberta, i no veu cap dispositiu vostre.',
    awayStep1: 'Activeu el túnel de l’oficina a l’aplicació WireGuard.', awayStep2: 'Torneu a {name} i proveu-ho de nou.',
    silentTitle: 'L’oficina no respon',
    silentWhy: 'Mireu si el WireGuard és activat i si s’obren altres pàgines. Si és així, potser la passarel·la es reinicia: espereu un minut. Si dura, truqueu a informàtica.',
    lockedState: 'Tancada', lockedTitle: 'Identifiqueu-vos per obrir l’oficina', device: 'Aquest dispositiu: {device} ({user})',
    user: 'Nom d’usuari', password: 'Contrasenya', code: 'Codi', codeHint: 'Les 6 xifres de l’aplicació d’autenticació del telèfon',
    recovery: 'No teniu el telèfon a mà? Feu servir un codi de recuperació', recoveryHint: 'Un dels codis que vau anotar en inscriure-us. Cadascun serveix una vegada.',
    app: 'Feu servir l’aplicació d’autenticació', open: 'Obre l’oficina', opening: 'S’està obrint…',
    openState: 'Oberta', openTitle: 'La vostra oficina és oberta fins a les {time}', left: 'Encara {left}',
    extend: 'Allarga amb un codi', extending: 'Un moment…', lock: 'Tanca ara', signOut: 'Surt', signedIn: 'Heu entrat com a {name}.',
    reach: 'On podeu arribar', nothing: 'Encara no teniu res obert. Demaneu a informàtica quina carpeta compartida us cal.', copy: 'Copia', copied: 'Copiat',
    extendTitle: 'Escriviu el codi que ara mostra l’aplicació', extendWhy: 'Així l’oficina continua oberta sense interrupció.', freshCode: 'Codi', back: 'Enrere',
    warning: 'L’oficina es tanca a les {time}. Deseu la feina i escriviu el codi per continuar.', warningTitle: 'Queden {minutes} min',
    lockedNow: 'L’oficina és tancada.', ended: 'L’oficina s’ha tancat. Identifiqueu-vos per continuar.', stale: 'Ara l’oficina no respon. Es mostra l’últim estat conegut.', hours: 'h', minutes: 'min', reference: 'Per a informàtica: {reference}',
    'missing': 'Ompliu el nom d’usuari, la contrasenya i el codi.', 'missing-code': 'Escriviu el codi.',
    'invalid-request': 'L’oficina no ho ha entès. Torneu a obrir la pàgina; si es repeteix, aviseu informàtica.',
    'not-signed-in': 'Ja no hi sou identificat. Torneu a entrar.',
    'wrong-credentials': 'El nom d’usuari, la contrasenya o el codi no era correcte, o el codi ja s’havia fet servir. Espereu el codi següent ({next} s) i torneu-ho a provar.',
    'not-allowed': 'Des d’aquí no és possible. Obriu la pàgina al vostre dispositiu, amb el WireGuard activat.',
    'cross-origin': 'Una altra pàgina ha provat d’enviar això. Obriu aquesta pàgina per la seva adreça i torneu-ho a provar.',
    'not-found': 'Això ja no hi és. Torneu a obrir la pàgina.',
    'already-exists': 'Això ja hi és. Torneu a obrir la pàgina per veure-ho.',
    'no-address': 'L’oficina no té cap més adreça per a un altre dispositiu. Demaneu-ho a informàtica.',
    'factor-not-confirmed': 'La inscripció no és acabada. Feu servir primer la invitació o demaneu-ne una de nova a informàtica.',
    'factor-suspended': 'Massa codis erronis seguits: els vostres codis ja no s’accepten. Escriviu un codi de recuperació, o demaneu una invitació nova a informàtica.',
    'revoked': 'Aquest dispositiu s’ha exclòs per sempre. Demaneu a informàtica que el torni a afegir.',
    'invitation-void': 'Aquesta invitació ja no és vàlida. Demaneu-ne una de nova a informàtica.',
    'wrong-host': 'L’oficina no respon en aquesta adreça. Obriu l’adreça que us va donar informàtica.',
    'password-too-short': 'Aquesta contrasenya és massa curta: 12 caràcters com a mínim.',
    'password-too-long': 'Aquesta contrasenya és massa llarga: 256 bytes com a màxim.',
    'password-guessable': 'Aquesta contrasenya es pot endevinar pel vostre nom. Trieu-ne una altra.',
    'password-common': 'Aquesta contrasenya és de les més corrents. Trieu-ne una altra.',
    'too-many-attempts': 'Massa intents. Espereu {seconds} s i torneu-ho a provar.',
    'not-confirmed': 'L’oficina encara no ho ha confirmat. Espereu uns segons i torneu a mirar.',
    'unavailable': 'L’oficina està ocupada o es reinicia. Espereu un minut i torneu-ho a provar.',
    'internal': 'Hi ha hagut un error a l’oficina. Torneu-ho a provar; si es repeteix, doneu a informàtica el número de sota.',
  },
  es: {
    language: 'Idioma', wait: 'Un momento…', retry: 'Intentar de nuevo',
    awayTitle: 'Abra esta página con WireGuard activado',
    awayWhy: 'Esta página abre la oficina para el dispositivo en el que está abierta, y no ve ningún dispositivo suyo.',
    awayStep1: 'Active el túnel de la oficina en la aplicación WireGuard.', awayStep2: 'Vuelva a {name} e inténtelo de nuevo.',
    silentTitle: 'La oficina no responde',
    silentWhy: 'Mire si WireGuard está activado y si se abren otras páginas. Si es así, quizá la pasarela se esté reiniciando: espere un minuto. Si dura, llame a informática.',
    lockedState: 'Cerrada', lockedTitle: 'Identifíquese para abrir su oficina', device: 'Este dispositivo: {device} ({user})',
    user: 'Nombre de usuario', password: 'Contraseña', code: 'Código', codeHint: 'Las 6 cifras de la aplicación de autenticación de su teléfono',
    recovery: '¿No tiene el teléfono a mano? Use un código de recuperación', recoveryHint: 'Uno de los códigos que anotó al inscribirse. Cada uno sirve una vez.',
    app: 'Usar la aplicación de autenticación', open: 'Abrir la oficina', opening: 'Abriendo…',
    openState: 'Abierta', openTitle: 'Su oficina está abierta hasta las {time}', left: 'Quedan {left}',
    extend: 'Prolongar con un código', extending: 'Un momento…', lock: 'Cerrar ahora', signOut: 'Salir', signedIn: 'Ha entrado como {name}.',
    reach: 'A qué puede llegar', nothing: 'Todavía no tiene nada abierto. Pregunte a informática qué carpeta compartida necesita.', copy: 'Copiar', copied: 'Copiado',
    extendTitle: 'Escriba el código que muestra ahora la aplicación', extendWhy: 'Así su oficina sigue abierta sin interrupción.', freshCode: 'Código', back: 'Atrás',
    warning: 'Su oficina se cierra a las {time}. Guarde su trabajo y escriba su código para continuar.', warningTitle: 'Quedan {minutes} min',
    lockedNow: 'Su oficina está cerrada.', ended: 'Su oficina se ha cerrado. Identifíquese para continuar.', stale: 'La oficina no responde en este momento. Se muestra lo último que se supo.', hours: 'h', minutes: 'min', reference: 'Para informática: {reference}',
    'missing': 'Rellene el nombre de usuario, la contraseña y el código.', 'missing-code': 'Escriba el código.',
    'invalid-request': 'La oficina no lo ha entendido. Abra de nuevo esta página; si se repite, avise a informática.',
    'not-signed-in': 'Ya no está identificado. Entre de nuevo.',
    'wrong-credentials': 'El nombre de usuario, la contraseña o el código no era correcto, o el código ya se había usado. Espere el siguiente código ({next} s) e inténtelo de nuevo.',
    'not-allowed': 'Desde aquí no es posible. Abra esta página en su propio dispositivo, con WireGuard activado.',
    'cross-origin': 'Otra página ha intentado enviar esto. Abra esta página por su propia dirección e inténtelo de nuevo.',
    'not-found': 'Eso ya no está. Abra de nuevo esta página.',
    'already-exists': 'Eso ya está. Abra de nuevo esta página para verlo.',
    'no-address': 'La oficina no tiene más direcciones para otro dispositivo. Pregunte a informática.',
    'factor-not-confirmed': 'Su inscripción no está terminada. Use primero su invitación o pida una nueva a informática.',
    'factor-suspended': 'Demasiados códigos erróneos seguidos: sus códigos ya no se aceptan. Escriba un código de recuperación, o pida una invitación nueva a informática.',
    'revoked': 'Este dispositivo se ha excluido para siempre. Pida a informática que lo añada de nuevo.',
    'invitation-void': 'Esta invitación ya no vale. Pida una nueva a informática.',
    'wrong-host': 'La oficina no responde a esta dirección. Abra la dirección que le dio informática.',
    'password-too-short': 'Esa contraseña es demasiado corta: 12 caracteres como mínimo.',
    'password-too-long': 'Esa contraseña es demasiado larga: 256 bytes como máximo.',
    'password-guessable': 'Esa contraseña se adivina por su nombre. Elija otra.',
    'password-common': 'Esa contraseña es de las más comunes. Elija otra.',
    'too-many-attempts': 'Demasiados intentos. Espere {seconds} s e inténtelo de nuevo.',
    'not-confirmed': 'La oficina aún no lo ha confirmado. Espere unos segundos y mire de nuevo.',
    'unavailable': 'La oficina está ocupada o se está reiniciando. Espere un minuto e inténtelo de nuevo.',
    'internal': 'Algo ha fallado en la oficina. Inténtelo de nuevo; si se repite, dé a informática el número de abajo.',
  },
};

const byId = (id) => document.getElementById(id);
const screens = ['wait', 'away', 'silent', 'locked', 'open', 'extend'];
let language = 'en';
let applied = null;     // the language and name that are on the page
let chosen = null;      // by hand, remembered
let door = null;        // as the gateway last said
let endsAt = null;      // on this page's own clock, which nobody can set
let screen = null;
let warned = Infinity;  // minutes of the last warning that was spoken
let withRecovery = false;

function t(key, values = {}) {
  const text = WORDS[language][key] ?? WORDS.en[key] ?? '';
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

// The language: chosen by hand, else the browser's, else the device owner's.
function chooseLanguage() {
  const wanted = [chosen, ...(navigator.languages ?? []), door?.device?.language];
  language = wanted.map((tag) => tag?.slice(0, 2).toLowerCase()).find((tag) => WORDS[tag]) ?? 'en';
  const name = door?.public_name || location.host;
  if (applied === language + name) return;
  applied = language + name;
  document.documentElement.lang = language;
  byId('language').value = language;
  for (const element of document.querySelectorAll('[data-t]')) {
    element.textContent = t(element.dataset.t, { name });
  }
  recoveryMode(withRecovery);
}

function remembered() {
  try { return localStorage.getItem('language'); } catch { return null; }   // storage may be switched off
}

function remember(value) {
  try { localStorage.setItem('language', value); } catch { /* then it is asked of the browser each time */ }
}

async function ask(method, path, body) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(`/api/v1/${path}`, {
      method, signal: abort.signal, credentials: 'same-origin', cache: 'no-store', redirect: 'error',
      // Also without a body: a form of another page cannot send this type, so the gateway asks for it.
      headers: method === 'GET' ? {} : { 'content-type': 'application/json' },
      body: body ? JSON.stringify(body) : undefined,
    });
    const value = answer.status === 204 ? null : await answer.json();
    if (answer.ok) return value;
    throw { slug: String(value?.type ?? '').split(':').pop(), seconds: value?.retry_after, reference: value?.request };
  } catch (error) {
    throw error.slug !== undefined ? error : { slug: 'silent' };
  } finally {
    clearTimeout(timer);
  }
}

function take(news) {
  door = news;
  const ends = door.state === 'open' && door.remaining_ms != null;
  endsAt = ends ? performance.now() + door.remaining_ms : null;
  byId('stale').hidden = true;
  byId('organisation').textContent = door.organisation || 'Passerelle';
  chooseLanguage();
  if (!door.device) show('away');
  else if (door.state !== 'open') lock();
  else if (screen !== 'extend') show('open');
  paint();
}

async function look() {
  try {
    take(await ask('GET', 'door'));
  } catch {
    if (door?.device) byId('stale').hidden = false;
    else show('silent');
  }
}

function lock() {
  if (screen === 'open' || screen === 'extend') speak(t('ended'));
  warned = Infinity;
  show('locked');
}

function show(name) {
  if (screen === name) return;
  const first = screen === null || screen === 'wait';
  screen = name;
  for (const id of screens) byId(id).hidden = id !== name;
  for (const problem of document.querySelectorAll('.problem')) problem.hidden = true;
  if (name !== 'wait' && !first) byId(name).querySelector('h1')?.focus();
}

function speak(sentence) {
  byId('spoken').textContent = sentence;
}

function time(ms) {
  const at = new Date(Date.now() + ms);
  const other = at.toDateString() !== new Date().toDateString();
  const form = { hour: '2-digit', minute: '2-digit', ...(other && { weekday: 'long' }) };
  return new Intl.DateTimeFormat(matchingTag(), form).format(at);
}

// The browser's own variety of the language, for the way it writes times.
function matchingTag() {
  return (navigator.languages ?? []).find((tag) => tag.toLowerCase().startsWith(language)) ?? language;
}

function lasting(ms) {
  const minutes = Math.ceil(ms / 60000);
  const [h, m] = [Math.floor(minutes / 60), minutes % 60];
  return h ? `${h} ${t('hours')} ${String(m).padStart(2, '0')} ${t('minutes')}` : `${m} ${t('minutes')}`;
}

// Only what differs is written, so that nothing flickers and nothing is read out twice.
function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function paint() {
  if (!door) return;
  if (screen === 'locked') set(byId('device'), t('device', { device: door.device.name, user: door.device.user }));
  const left = endsAt === null ? null : endsAt - performance.now();
  if (screen !== 'open' && screen !== 'extend') {
    document.title = door.organisation || 'Passerelle';
    return;
  }
  if (left !== null && left <= 0) {
    endsAt = null;
    look();
    return;
  }
  paintTime(left);
  const name = door.me?.name;
  byId('signed-in').hidden = !name;
  set(byId('signed-in').firstElementChild, name ? t('signedIn', { name }) : '');
  paintResources();
}

function paintTime(left) {
  if (left === null) return;
  const at = time(left);
  const minutes = Math.ceil(left / 60000);
  set(byId('until'), t('openTitle', { time: at }));
  set(byId('left'), t('left', { left: lasting(left) }));
  const late = minutes <= WARN_MINUTES[0];
  const warning = byId('warning');
  warning.hidden = !late;
  set(warning, late ? t('warning', { time: at }) : '');
  document.title = late ? `${t('warningTitle', { minutes })} – ${door.organisation}` : `${t('openTitle', { time: at })} – ${door.organisation}`;
  const threshold = WARN_MINUTES.filter((m) => minutes <= m).pop() ?? Infinity;
  if (threshold < warned) speak(t('warning', { time: at }));
  warned = threshold;
}

function paintResources() {
  const resources = door.resources ?? [];
  byId('resources').hidden = resources.length === 0;
  byId('nothing').hidden = resources.length > 0;
  const shown = JSON.stringify([language, resources]);
  const list = byId('resources').querySelector('ul');
  if (list.dataset.shown === shown) return;
  list.dataset.shown = shown;
  list.replaceChildren(...resources.map(resourceItem));
}

function resourceItem(resource) {
  const item = document.createElement('li');
  const what = document.createElement('span');
  const name = document.createElement('strong');
  name.textContent = resource.name;
  const address = document.createElement('code');
  address.textContent = resource.kind === 'share' ? `\\\\${resource.dns_name}` : resource.dns_name;
  what.append(name, address);
  item.append(what);
  if (navigator.clipboard) {
    const copy = document.createElement('button');
    copy.type = 'button';
    copy.textContent = t('copy');
    copy.setAttribute('aria-label', `${t('copy')}: ${address.textContent}`);
    copy.addEventListener('click', async () => {
      await navigator.clipboard.writeText(address.textContent).then(() => { copy.textContent = t('copied'); }, () => {});
      setTimeout(() => { copy.textContent = t('copy'); }, 2000);
    });
    item.append(copy);
  }
  return item;
}

function complain(error, place) {
  const known = WORDS.en[error.slug] !== undefined;
  const next = 30 - Math.floor(Date.now() / 1000) % 30;
  const key = error.slug === 'silent' ? 'silentWhy' : known ? error.slug : 'internal';
  const problem = place.querySelector('.problem');
  problem.textContent = t(key, { next, seconds: error.seconds ?? 30 });
  const reference = [known ? null : error.slug, error.reference].filter(Boolean).join(' ');
  if (reference) {
    const small = document.createElement('small');
    small.textContent = t('reference', { reference });
    problem.append(small);
  }
  problem.hidden = false;
}

// One request at a time: the button waits, what was typed stays until it worked.
async function send(place, button, busy, request, done) {
  if (button.disabled) return;
  const label = button.textContent;
  button.disabled = true;
  if (busy) button.textContent = t(busy);
  place.querySelector('.problem').hidden = true;
  try {
    done(await request());
  } catch (error) {
    complain(error, place);
    for (const code of place.querySelectorAll('input.code')) code.value = '';
    if (error.slug === 'not-signed-in' || error.slug === 'not-allowed') look();
  } finally {
    button.disabled = false;
    button.textContent = label;
  }
}

// The first empty field is marked and gets the cursor.
function complete(form, slug) {
  const empty = [...form.querySelectorAll('input')].filter((input) => {
    const bad = input.value.trim() === '';
    input.setAttribute('aria-invalid', String(bad));
    return bad;
  });
  if (empty.length === 0) return true;
  complain({ slug }, form);
  empty[0].focus();
  return false;
}

function recoveryMode(on) {
  withRecovery = on;
  const code = byId('code');
  code.inputMode = on ? 'text' : 'numeric';
  code.autocomplete = on ? 'off' : 'one-time-code';
  byId('code-hint').textContent = t(on ? 'recoveryHint' : 'codeHint');
  document.querySelector('[data-do="recovery"]').textContent = t(on ? 'app' : 'recovery');
}

const actions = {
  retry: (button) => {
    button.disabled = true;
    look().finally(() => { button.disabled = false; });
  },
  recovery: () => { recoveryMode(!withRecovery); byId('code').value = ''; byId('code').focus(); },
  extend: () => { show('extend'); byId('fresh').focus(); },
  back: () => show('open'),
  lock: (button) => send(byId('open'), button, null, () => ask('POST', 'lock'), (news) => { take(news); speak(t('lockedNow')); }),
  'sign-out': (button) => send(byId('open'), button, null, () => ask('POST', 'sign-out'), () => look()),
};

function start() {
  chosen = remembered();
  if (!WORDS[chosen]) chosen = null;
  chooseLanguage();
  byId('language').addEventListener('change', (event) => {
    chosen = event.target.value;
    remember(chosen);
    chooseLanguage();
    paint();
  });
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-do]');
    if (button) actions[button.dataset.do](button);
  });
  byId('sign-in').addEventListener('submit', (event) => {
    event.preventDefault();
    const form = event.target;
    if (!complete(form, 'missing')) return;
    const body = { user: form.user.value.trim(), password: form.password.value, code: form.code.value.trim() };
    send(form, form.querySelector('[type="submit"]'), 'opening', () => ask('POST', 'sign-in', body), (news) => {
      form.reset();
      recoveryMode(false);
      take(news.door);
    });
  });
  byId('extend-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const form = event.target;
    if (!complete(form, 'missing-code')) return;
    const body = { code: form.code.value.trim() };
    send(form, form.querySelector('[type="submit"]'), 'extending', () => ask('POST', 'extend', body), (news) => {
      form.reset();
      warned = Infinity;
      show('open');
      take(news);
      speak(byId('until').textContent);
    });
  });
  // Nothing is shown for an answer that comes at once.
  setTimeout(() => { if (screen === null) show('wait'); }, 300);
  look();
  setInterval(look, POLL_MS);
  setInterval(paint, 1000);
  window.addEventListener('focus', look);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });
}

start();
