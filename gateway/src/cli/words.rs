//! The words of the redeeming journey in five languages. A missing one does not compile.
//!
//! Same meaning, written and not translated word for word; French and Catalan with *vous* and *vós*, Dutch with *u*,
//! Spanish with *usted*. `{name}` stands for a value.

use std::fmt;
use std::str::FromStr;

use crate::http::problem::Slug;
use crate::pure::shown::shown;

/// A language people are spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    French,
    Dutch,
    Catalan,
    Spanish,
}

/// Everything that is said on the way.
pub(super) struct Words {
    /// What stands after a prompt.
    colon: &'static str,
    pub(super) token_prompt: &'static str,
    pub(super) token_malformed: &'static str,
    /// `{organisation}`, `{name}`, `{login}`, `{until}`
    pub(super) greeting: &'static str,
    pub(super) password_rules: &'static str,
    pub(super) password_prompt: &'static str,
    pub(super) password_again: &'static str,
    pub(super) passwords_differ: &'static str,
    pub(super) device_prompt: &'static str,
    pub(super) factor_scan: &'static str,
    /// `{secret}`
    pub(super) factor_secret: &'static str,
    pub(super) code_prompt: &'static str,
    pub(super) code_malformed: &'static str,
    /// `{columns}`, `{lines}`, `{width}`, `{height}`
    pub(super) qr_window: &'static str,
    pub(super) qr_file: &'static str,
    pub(super) recovery_intro: &'static str,
    /// Names the word of `yes`.
    pub(super) recovery_confirm: &'static str,
    pub(super) yes: &'static str,
    pub(super) config_intro: &'static str,
    /// `{path}`
    pub(super) config_written: &'static str,
    pub(super) config_once: &'static str,
    pub(super) certificate: &'static str,
    /// `{portal}`
    pub(super) done: &'static str,
    pub(super) left_before: &'static str,
    /// `{command}`
    pub(super) left_after: &'static str,
    wrong_code: &'static str,
    invitation_void: &'static str,
    password_too_short: &'static str,
    password_too_long: &'static str,
    password_guessable: &'static str,
    password_common: &'static str,
    /// `{seconds}`
    too_many_attempts: &'static str,
    already_exists: &'static str,
    no_address: &'static str,
    invalid: &'static str,
    not_allowed: &'static str,
    not_confirmed: &'static str,
    unavailable: &'static str,
    cannot_store: &'static str,
    wrong_clock: &'static str,
    /// `{request}`
    internal: &'static str,
}

/// An error of the API in the person's language; its slug stays for scripts.
#[derive(Debug)]
pub(super) struct Spoken {
    pub(super) sentence: String,
    pub(super) slug: Slug,
}

impl Words {
    /// As a prompt.
    pub(super) fn ask(&self, prompt: &str) -> String {
        format!("{prompt}{}", self.colon)
    }

    /// What happened and the next step.
    pub(super) fn problem(&self, slug: Slug) -> &'static str {
        match slug {
            Slug::WrongCredentials => self.wrong_code,
            Slug::InvitationVoid | Slug::NotFound | Slug::Revoked => self.invitation_void,
            Slug::PasswordTooShort => self.password_too_short,
            Slug::PasswordTooLong => self.password_too_long,
            Slug::PasswordGuessable => self.password_guessable,
            Slug::PasswordCommon => self.password_common,
            Slug::TooManyAttempts => self.too_many_attempts,
            Slug::AlreadyExists => self.already_exists,
            Slug::NoAddress => self.no_address,
            Slug::InvalidRequest => self.invalid,
            Slug::NotSignedIn
            | Slug::NotAllowed
            | Slug::PasskeyRefused
            | Slug::OtherTime
            | Slug::Claimed
            | Slug::OtherDevice
            | Slug::PasskeyLate
            | Slug::CrossOrigin
            | Slug::WrongHost
            | Slug::FactorNotConfirmed
            | Slug::FactorSuspended
            | Slug::Restored
            | Slug::Outdated
            | Slug::AgentAway
            | Slug::AgentDeclined
            | Slug::Booked
            | Slug::BookedOwn
            | Slug::TooMany
            | Slug::LastAdministrator
            | Slug::LastFactor => self.not_allowed,
            Slug::NotConfirmed => self.not_confirmed,
            Slug::Unavailable => self.unavailable,
            Slug::CannotStore => self.cannot_store,
            Slug::WrongClock => self.wrong_clock,
            Slug::Internal => self.internal,
        }
    }
}

/// Puts values where their names stand in braces. Control characters in a value are left out.
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        out.push_str(before);
        let value = values.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| *value);
        out.extend(value.chars().filter(|c| !c.is_control()));
        rest = after;
    }
    out.push_str(rest);
    out
}

impl Spoken {
    pub(super) fn about_the_password(&self) -> bool {
        use Slug::{PasswordCommon, PasswordGuessable, PasswordTooLong, PasswordTooShort};
        matches!(self.slug, PasswordCommon | PasswordGuessable | PasswordTooLong | PasswordTooShort)
    }

    /// Another name, or another key, may do.
    pub(super) fn about_the_device(&self) -> bool {
        matches!(self.slug, Slug::AlreadyExists | Slug::InvalidRequest)
    }

    pub(super) fn about_the_code(&self) -> bool {
        self.slug == Slug::WrongCredentials
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Spoken {}

impl Language {
    /// From LC_ALL, LC_MESSAGES or LANG, as POSIX orders them; English if they name none of ours.
    pub(super) fn of_environment() -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
        set.filter(|value| !value.is_empty()).find_map(|value| value.parse().ok()).unwrap_or(Self::English)
    }

    /// As the API writes it.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
            Self::Dutch => "nl",
            Self::Catalan => "ca",
            Self::Spanish => "es",
        }
    }

    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::French => &FRENCH,
            Self::Dutch => &DUTCH,
            Self::Catalan => &CATALAN,
            Self::Spanish => &SPANISH,
        }
    }
}

impl FromStr for Language {
    type Err = String;

    /// `fr`, `fr_BE.UTF-8`, `fr-BE`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split(['_', '-', '.', '@']).next().unwrap_or_default() {
            "en" | "C" | "POSIX" => Ok(Self::English),
            "fr" => Ok(Self::French),
            "nl" => Ok(Self::Dutch),
            "ca" => Ok(Self::Catalan),
            "es" => Ok(Self::Spanish),
            _ => Err(format!("`{}`: en, fr, nl, ca or es", shown(text))),
        }
    }
}

static ENGLISH: Words = Words {
    colon: ":",
    token_prompt: "Invitation",
    token_malformed: "That is not a whole invitation: it has 26 letters and digits. Look for one too many or too few, then type it again.",
    greeting: "{organisation} invites you, {name}. Your user name will be {login}. The invitation is good until {until}.",
    password_rules: "Choose a password of at least 12 characters. A sentence is easy to keep in mind. Do not use your name, or a password you have elsewhere.",
    password_prompt: "Password",
    password_again: "The same again",
    passwords_differ: "The two were not the same. Please type them again.",
    device_prompt: "Name of the device you want to add now, such as laptop (empty: none)",
    factor_scan: "Open the authenticator app on your telephone and scan this:",
    factor_secret: "No camera? Type this key into the app instead: {secret}",
    code_prompt: "The 6 digits that the app shows now",
    code_malformed: "The code has 6 digits. Type the 6 digits that the app shows now.",
    qr_window: "The QR code needs a window of {columns} columns and {lines} lines; this one has {width} by {height}. Make it larger, or the letters smaller (Ctrl and -), then press Enter.",
    qr_file: "(With --output PATH the configuration goes into a file instead.)",
    recovery_intro: "If you lose your telephone, each of these codes lets you in once. Write them down now; they are not shown again. A new invitation brings new ones.",
    recovery_confirm: "I have kept them: type yes",
    yes: "yes",
    config_intro: "This is the configuration of your device. Scan it with the WireGuard app, or import it as a file.",
    config_written: "It is in the file {path}.",
    config_once: "It holds the device's private key and is not shown again. Keep it to that device.",
    certificate: "Once on this device, before the first morning: have IT install the portal's certificate, or the browser will warn you.",
    done: "You are all set. Each morning: WireGuard on, open {portal}, give password and code.",
    left_before: "You left before the end. The invitation is still good: begin again with it.",
    left_after: "You left before the end. Your password and your app's codes are good from now on; no device was added. For the device, IT types: {command}\nFor other recovery codes, ask for a new invitation.",
    wrong_code: "That code was not right, or was used already. Wait for the next one in the app and type that.",
    invitation_void: "This invitation is not good any more, or was never issued: it was used, withdrawn, or is too old. Ask IT for a new one.",
    password_too_short: "That password is too short. Choose one of at least 12 characters.",
    password_too_long: "That password is too long. Choose one of at most 256 bytes.",
    password_guessable: "That password can be guessed from your name, user name or office. Choose another.",
    password_common: "That password is one of the first that thieves try. Choose another.",
    too_many_attempts: "Too many attempts. Wait {seconds} seconds, then try again.",
    already_exists: "A device of yours has that name already, or that key is in use. Take another name, or a new key.",
    no_address: "The office has no address left for another device. Ask IT.",
    invalid: "The gateway did not understand an answer. Begin again; device names have at most 64 characters.",
    not_allowed: "The gateway does not allow this here. Ask IT.",
    not_confirmed: "It is stored, but the gateway has not confirmed that it is in force. Wait a minute, then ask IT to look at `passerelle status`.",
    unavailable: "The gateway is busy or restarting. Wait a minute and try again.",
    cannot_store: "The gateway cannot store anything: its disk is full, or its database is away. Once that is mended, try again.",
    wrong_clock: "The gateway's clock is wrong. Once it is set right, try again.",
    internal: "Something went wrong in the gateway. Tell IT this number: {request}.",
};

static FRENCH: Words = Words {
    colon: "\u{a0}:",
    token_prompt: "Invitation",
    token_malformed: "Cette invitation n'est pas complète\u{a0}: elle compte 26 lettres et chiffres. Vérifiez qu'il n'y en a ni un de trop ni un de moins, puis tapez-la à nouveau.",
    greeting: "{organisation} vous invite, {name}. Votre nom d'utilisateur sera {login}. L'invitation est valable jusqu'au {until}.",
    password_rules: "Choisissez un mot de passe d'au moins 12 caractères. Une phrase se retient facilement. N'utilisez ni votre nom, ni un mot de passe qui sert ailleurs.",
    password_prompt: "Mot de passe",
    password_again: "Encore une fois le même",
    passwords_differ: "Les deux n'étaient pas identiques. Tapez-les à nouveau.",
    device_prompt: "Nom de l'appareil à ajouter maintenant, par exemple portable (vide\u{a0}: aucun)",
    factor_scan: "Ouvrez l'application d'authentification de votre téléphone et scannez ceci\u{a0}:",
    factor_secret: "Pas d'appareil photo\u{202f}? Tapez plutôt cette clé dans l'application\u{a0}: {secret}",
    code_prompt: "Les 6 chiffres que l'application affiche maintenant",
    code_malformed: "Le code compte 6 chiffres. Tapez les 6 chiffres que l'application affiche maintenant.",
    qr_window: "Le QR code demande une fenêtre de {columns} colonnes et {lines} lignes\u{202f}; celle-ci en a {width} sur {height}. Agrandissez-la, ou réduisez les caractères (Ctrl et -), puis appuyez sur Entrée.",
    qr_file: "(Avec --output CHEMIN, la configuration va plutôt dans un fichier.)",
    recovery_intro: "Si vous perdez votre téléphone, chacun de ces codes vous laisse entrer une fois. Notez-les maintenant\u{202f}; ils ne seront plus affichés. Une nouvelle invitation en donne d'autres.",
    recovery_confirm: "Je les ai gardés\u{a0}: tapez oui",
    yes: "oui",
    config_intro: "Voici la configuration de votre appareil. Scannez-la avec l'application WireGuard ou importez-la comme fichier.",
    config_written: "Elle est dans le fichier {path}.",
    config_once: "Elle contient la clé privée de l'appareil et ne sera plus affichée. Gardez-la pour cet appareil seul.",
    certificate: "Une fois sur cet appareil, avant le premier matin\u{a0}: faites installer le certificat du portail par l'informatique, sinon le navigateur vous mettra en garde.",
    done: "Tout est prêt. Chaque matin\u{a0}: activez WireGuard, ouvrez {portal}, donnez mot de passe et code.",
    left_before: "Vous avez interrompu avant la fin. L'invitation reste valable\u{a0}: recommencez avec elle.",
    left_after: "Vous avez interrompu avant la fin. Votre mot de passe et les codes de votre application sont valables dès maintenant\u{202f}; aucun appareil n'a été ajouté. Pour l'appareil, l'informatique tape\u{a0}: {command}\nPour d'autres codes de secours, demandez une nouvelle invitation.",
    wrong_code: "Ce code n'était pas le bon, ou a déjà servi. Attendez le suivant dans l'application et tapez-le.",
    invitation_void: "Cette invitation n'est pas ou plus valable\u{a0}: elle a servi, a été retirée ou est trop ancienne. Demandez-en une nouvelle à l'informatique.",
    password_too_short: "Ce mot de passe est trop court. Choisissez-en un d'au moins 12 caractères.",
    password_too_long: "Ce mot de passe est trop long. Choisissez-en un de 256 octets au plus.",
    password_guessable: "Ce mot de passe se devine à partir de votre nom ou de celui du bureau. Choisissez-en un autre.",
    password_common: "Ce mot de passe est l'un des premiers que les voleurs essaient. Choisissez-en un autre.",
    too_many_attempts: "Trop d'essais. Attendez {seconds} secondes, puis réessayez.",
    already_exists: "Un de vos appareils porte déjà ce nom, ou cette clé est déjà utilisée. Prenez un autre nom, ou une nouvelle clé.",
    no_address: "Le bureau n'a plus d'adresse pour un nouvel appareil. Demandez à l'informatique.",
    invalid: "La passerelle n'a pas compris une réponse. Recommencez\u{202f}; un nom d'appareil compte 64 caractères au plus.",
    not_allowed: "La passerelle ne permet pas cela ici. Demandez à l'informatique.",
    not_confirmed: "C'est enregistré, mais la passerelle n'a pas confirmé l'entrée en vigueur. Attendez une minute, puis demandez à l'informatique de regarder «\u{a0}passerelle status\u{a0}».",
    unavailable: "La passerelle est occupée ou redémarre. Attendez une minute et réessayez.",
    cannot_store: "La passerelle ne peut rien enregistrer\u{a0}: son disque est plein, ou sa base de données est injoignable. Une fois cela réparé, réessayez.",
    wrong_clock: "L'horloge de la passerelle n'est pas à l'heure. Une fois réglée, réessayez.",
    internal: "Une erreur s'est produite dans la passerelle. Donnez ce numéro à l'informatique\u{a0}: {request}.",
};

static DUTCH: Words = Words {
    colon: ":",
    token_prompt: "Uitnodiging",
    token_malformed: "Deze uitnodiging is niet volledig: ze telt 26 letters en cijfers. Kijk of er een te veel of te weinig staat en typ ze opnieuw.",
    greeting: "{organisation} nodigt u uit, {name}. Uw gebruikersnaam wordt {login}. De uitnodiging geldt tot {until}.",
    password_rules: "Kies een wachtwoord van minstens 12 tekens. Een zin onthoudt u gemakkelijk. Gebruik niet uw naam en geen wachtwoord dat u elders al hebt.",
    password_prompt: "Wachtwoord",
    password_again: "Nog eens hetzelfde",
    passwords_differ: "De twee waren niet gelijk. Typ ze opnieuw.",
    device_prompt: "Naam van het toestel dat u nu wilt toevoegen, bijvoorbeeld laptop (leeg: geen)",
    factor_scan: "Open de authenticator-app op uw telefoon en scan dit:",
    factor_secret: "Geen camera? Typ dan deze sleutel in de app: {secret}",
    code_prompt: "De 6 cijfers die de app nu toont",
    code_malformed: "De code telt 6 cijfers. Typ de 6 cijfers die de app nu toont.",
    qr_window: "De QR-code vraagt een venster van {columns} kolommen en {lines} regels; dit heeft er {width} bij {height}. Maak het groter, of de letters kleiner (Ctrl en -), en druk op Enter.",
    qr_file: "(Met --output PAD komt de configuratie in een bestand.)",
    recovery_intro: "Als u uw telefoon verliest, laat elk van deze codes u één keer binnen. Schrijf ze nu op; ze worden niet meer getoond. Een nieuwe uitnodiging brengt nieuwe mee.",
    recovery_confirm: "Ik heb ze bewaard: typ ja",
    yes: "ja",
    config_intro: "Dit is de configuratie van uw toestel. Scan ze met de WireGuard-app of importeer ze als bestand.",
    config_written: "Ze staat in het bestand {path}.",
    config_once: "Ze bevat de privésleutel van het toestel en wordt niet meer getoond. Bewaar ze alleen voor dat toestel.",
    certificate: "Eén keer op dit toestel, vóór de eerste ochtend: laat IT het certificaat van het portaal installeren, anders waarschuwt de browser u.",
    done: "U bent klaar. Elke ochtend: WireGuard aan, {portal} openen, wachtwoord en code geven.",
    left_before: "U bent vóór het einde gestopt. De uitnodiging blijft geldig: begin er opnieuw mee.",
    left_after: "U bent vóór het einde gestopt. Uw wachtwoord en de codes van uw app gelden vanaf nu; er is geen toestel toegevoegd. Voor het toestel typt IT: {command}\nVoor andere herstelcodes vraagt u een nieuwe uitnodiging.",
    wrong_code: "Die code klopte niet of was al gebruikt. Wacht op de volgende in de app en typ die.",
    invitation_void: "Deze uitnodiging geldt niet of niet meer: ze is gebruikt, ingetrokken of te oud. Vraag IT om een nieuwe.",
    password_too_short: "Dat wachtwoord is te kort. Kies er een van minstens 12 tekens.",
    password_too_long: "Dat wachtwoord is te lang. Kies er een van hoogstens 256 bytes.",
    password_guessable: "Dat wachtwoord is te raden uit uw naam, gebruikersnaam of kantoor. Kies een ander.",
    password_common: "Dat wachtwoord is een van de eerste die dieven proberen. Kies een ander.",
    too_many_attempts: "Te veel pogingen. Wacht {seconds} seconden en probeer opnieuw.",
    already_exists: "Een toestel van u heeft die naam al, of die sleutel is al in gebruik. Neem een andere naam of een nieuwe sleutel.",
    no_address: "Het kantoor heeft geen adres meer voor nog een toestel. Vraag het aan IT.",
    invalid: "De gateway begreep een antwoord niet. Begin opnieuw; een toestelnaam telt hoogstens 64 tekens.",
    not_allowed: "De gateway laat dit hier niet toe. Vraag het aan IT.",
    not_confirmed: "Het is opgeslagen, maar de gateway heeft nog niet bevestigd dat het geldt. Wacht een minuut en vraag IT om naar `passerelle status` te kijken.",
    unavailable: "De gateway is bezig of start opnieuw. Wacht een minuut en probeer opnieuw.",
    cannot_store: "De gateway kan niets opslaan: de schijf is vol of de database is onbereikbaar. Probeer het opnieuw zodra dat verholpen is.",
    wrong_clock: "De klok van de gateway staat verkeerd. Probeer het opnieuw zodra ze juist is gezet.",
    internal: "Er ging iets mis in de gateway. Geef dit nummer door aan IT: {request}.",
};

static CATALAN: Words = Words {
    colon: ":",
    token_prompt: "Invitació",
    token_malformed: "Aquesta invitació no és completa: té 26 lletres i xifres. Mireu si n'hi ha una de més o de menys i torneu-la a escriure.",
    greeting: "{organisation} us convida, {name}. El vostre nom d'usuari serà {login}. La invitació és vàlida fins al {until}.",
    password_rules: "Trieu una contrasenya de 12 caràcters com a mínim. Una frase és fàcil de recordar. No hi poseu el vostre nom ni cap contrasenya que ja feu servir.",
    password_prompt: "Contrasenya",
    password_again: "La mateixa, un altre cop",
    passwords_differ: "Les dues no eren iguals. Torneu-les a escriure.",
    device_prompt: "Nom del dispositiu que voleu afegir ara, per exemple portàtil (buit: cap)",
    factor_scan: "Obriu l'aplicació d'autenticació del telèfon i escanegeu això:",
    factor_secret: "No teniu càmera? Escriviu aquesta clau a l'aplicació: {secret}",
    code_prompt: "Les 6 xifres que l'aplicació mostra ara",
    code_malformed: "El codi té 6 xifres. Escriviu les 6 xifres que l'aplicació mostra ara.",
    qr_window: "El codi QR necessita una finestra de {columns} columnes i {lines} línies; aquesta en té {width} per {height}. Feu-la més gran, o les lletres més petites (Ctrl i -), i premeu Retorn.",
    qr_file: "(Amb --output CAMÍ, la configuració va a un fitxer.)",
    recovery_intro: "Si perdeu el telèfon, cadascun d'aquests codis us deixa entrar una vegada. Anoteu-los ara; no es tornaran a mostrar. Una invitació nova en dona d'altres.",
    recovery_confirm: "Els he desat: escriviu sí",
    yes: "sí",
    config_intro: "Aquesta és la configuració del vostre dispositiu. Escanegeu-la amb l'aplicació WireGuard o importeu-la com a fitxer.",
    config_written: "És al fitxer {path}.",
    config_once: "Conté la clau privada del dispositiu i no es tornarà a mostrar. Deseu-la només per a aquell dispositiu.",
    certificate: "Una vegada en aquest dispositiu, abans del primer matí: demaneu a informàtica que hi instal·li el certificat del portal; si no, el navegador us avisarà.",
    done: "Ja està tot a punt. Cada matí: activeu WireGuard, obriu {portal}, doneu contrasenya i codi.",
    left_before: "Heu sortit abans d'acabar. La invitació encara és vàlida: torneu a començar amb ella.",
    left_after: "Heu sortit abans d'acabar. La contrasenya i els codis de l'aplicació ja són vàlids; no s'ha afegit cap dispositiu. Per al dispositiu, informàtica escriu: {command}\nPer a altres codis de recuperació, demaneu una invitació nova.",
    wrong_code: "Aquest codi no era correcte o ja s'havia fet servir. Espereu el següent a l'aplicació i escriviu-lo.",
    invitation_void: "Aquesta invitació no és vàlida o ja no ho és: s'ha fet servir, s'ha retirat o és massa antiga. Demaneu-ne una de nova a informàtica.",
    password_too_short: "Aquesta contrasenya és massa curta. Trieu-ne una de 12 caràcters com a mínim.",
    password_too_long: "Aquesta contrasenya és massa llarga. Trieu-ne una de 256 bytes com a màxim.",
    password_guessable: "Aquesta contrasenya es pot endevinar pel vostre nom o pel de l'oficina. Trieu-ne una altra.",
    password_common: "Aquesta contrasenya és de les primeres que proven els lladres. Trieu-ne una altra.",
    too_many_attempts: "Massa intents. Espereu {seconds} segons i torneu-ho a provar.",
    already_exists: "Ja teniu un dispositiu amb aquest nom, o la clau ja es fa servir. Poseu-hi un altre nom, o una clau nova.",
    no_address: "L'oficina no té cap més adreça per a un altre dispositiu. Demaneu-ho a informàtica.",
    invalid: "La passarel·la no ha entès una resposta. Torneu a començar; el nom d'un dispositiu té 64 caràcters com a màxim.",
    not_allowed: "La passarel·la no permet fer això aquí. Demaneu-ho a informàtica.",
    not_confirmed: "S'ha desat, però la passarel·la no ha confirmat que ja s'aplica. Espereu un minut i demaneu a informàtica que miri `passerelle status`.",
    unavailable: "La passarel·la està ocupada o es reinicia. Espereu un minut i torneu-ho a provar.",
    cannot_store: "La passarel·la no pot desar res: té el disc ple o no arriba a la base de dades. Quan estigui arreglat, torneu-ho a provar.",
    wrong_clock: "El rellotge de la passarel·la no va a l'hora. Quan estigui ajustat, torneu-ho a provar.",
    internal: "Hi ha hagut un error a la passarel·la. Doneu aquest número a informàtica: {request}.",
};

static SPANISH: Words = Words {
    colon: ":",
    token_prompt: "Invitación",
    token_malformed: "Esa invitación no está completa: tiene 26 letras y cifras. Mire si sobra o falta alguna y escríbala de nuevo.",
    greeting: "{organisation} le invita, {name}. Su nombre de usuario será {login}. La invitación vale hasta el {until}.",
    password_rules: "Elija una contraseña de al menos 12 caracteres. Una frase se recuerda con facilidad. No use su nombre ni una contraseña que ya tenga en otro sitio.",
    password_prompt: "Contraseña",
    password_again: "La misma otra vez",
    passwords_differ: "Las dos no eran iguales. Escríbalas de nuevo.",
    device_prompt: "Nombre del dispositivo que quiere añadir ahora, por ejemplo portátil (vacío: ninguno)",
    factor_scan: "Abra la aplicación de autenticación de su teléfono y escanee esto:",
    factor_secret: "¿No tiene cámara? Escriba esta clave en la aplicación: {secret}",
    code_prompt: "Las 6 cifras que la aplicación muestra ahora",
    code_malformed: "El código tiene 6 cifras. Escriba las 6 cifras que la aplicación muestra ahora.",
    qr_window: "El código QR necesita una ventana de {columns} columnas y {lines} líneas; esta tiene {width} por {height}. Hágala más grande, o las letras más pequeñas (Ctrl y -), y pulse Intro.",
    qr_file: "(Con --output RUTA la configuración va a un archivo.)",
    recovery_intro: "Si pierde el teléfono, cada uno de estos códigos le deja entrar una vez. Anótelos ahora; no se volverán a mostrar. Una invitación nueva trae otros.",
    recovery_confirm: "Los he guardado: escriba sí",
    yes: "sí",
    config_intro: "Esta es la configuración de su dispositivo. Escanéela con la aplicación WireGuard o impórtela como archivo.",
    config_written: "Está en el archivo {path}.",
    config_once: "Contiene la clave privada del dispositivo y no se volverá a mostrar. Guárdela solo para ese dispositivo.",
    certificate: "Una vez en este dispositivo, antes de la primera mañana: pida a informática que instale el certificado del portal; si no, el navegador le avisará.",
    done: "Todo listo. Cada mañana: active WireGuard, abra {portal}, dé contraseña y código.",
    left_before: "Ha salido antes de terminar. La invitación sigue siendo válida: empiece de nuevo con ella.",
    left_after: "Ha salido antes de terminar. Su contraseña y los códigos de la aplicación ya valen; no se añadió ningún dispositivo. Para el dispositivo, informática escribe: {command}\nPara otros códigos de recuperación, pida una invitación nueva.",
    wrong_code: "Ese código no era correcto o ya se había usado. Espere el siguiente en la aplicación y escríbalo.",
    invitation_void: "Esta invitación no vale o ya no vale: se usó, se retiró o es demasiado antigua. Pida una nueva a informática.",
    password_too_short: "Esa contraseña es demasiado corta. Elija una de al menos 12 caracteres.",
    password_too_long: "Esa contraseña es demasiado larga. Elija una de 256 bytes como máximo.",
    password_guessable: "Esa contraseña se adivina por su nombre o el de la oficina. Elija otra.",
    password_common: "Esa contraseña es de las primeras que prueban los ladrones. Elija otra.",
    too_many_attempts: "Demasiados intentos. Espere {seconds} segundos e inténtelo de nuevo.",
    already_exists: "Ya tiene un dispositivo con ese nombre, o esa clave ya se usa. Tome otro nombre, o una clave nueva.",
    no_address: "La oficina no tiene más direcciones para otro dispositivo. Pregunte a informática.",
    invalid: "La pasarela no entendió una respuesta. Empiece de nuevo; el nombre de un dispositivo tiene 64 caracteres como máximo.",
    not_allowed: "La pasarela no permite esto aquí. Pregunte a informática.",
    not_confirmed: "Está guardado, pero la pasarela no ha confirmado que ya se aplique. Espere un minuto y pida a informática que mire `passerelle status`.",
    unavailable: "La pasarela está ocupada o se está reiniciando. Espere un minuto e inténtelo de nuevo.",
    cannot_store: "La pasarela no puede guardar nada: tiene el disco lleno o no alcanza su base de datos. Cuando esté arreglado, inténtelo de nuevo.",
    wrong_clock: "El reloj de la pasarela no va en hora. Cuando esté ajustado, inténtelo de nuevo.",
    internal: "Algo ha fallado en la pasarela. Dé este número a informática: {request}.",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn all(w: &Words) -> Vec<&'static str> {
        let Words {
            colon,
            token_prompt,
            token_malformed,
            greeting,
            password_rules,
            password_prompt,
            password_again,
            passwords_differ,
            device_prompt,
            factor_scan,
            factor_secret,
            code_prompt,
            code_malformed,
            qr_window,
            qr_file,
            recovery_intro,
            recovery_confirm,
            yes,
            config_intro,
            config_written,
            config_once,
            certificate,
            done,
            left_before,
            left_after,
            wrong_code,
            invitation_void,
            password_too_short,
            password_too_long,
            password_guessable,
            password_common,
            too_many_attempts,
            already_exists,
            no_address,
            invalid,
            not_allowed,
            not_confirmed,
            unavailable,
            cannot_store,
            wrong_clock,
            internal,
        } = *w;
        vec![
            colon,
            token_prompt,
            token_malformed,
            greeting,
            password_rules,
            password_prompt,
            password_again,
            passwords_differ,
            device_prompt,
            factor_scan,
            factor_secret,
            code_prompt,
            code_malformed,
            qr_window,
            qr_file,
            recovery_intro,
            recovery_confirm,
            yes,
            config_intro,
            config_written,
            config_once,
            certificate,
            done,
            left_before,
            left_after,
            wrong_code,
            invitation_void,
            password_too_short,
            password_too_long,
            password_guessable,
            password_common,
            too_many_attempts,
            already_exists,
            no_address,
            invalid,
            not_allowed,
            not_confirmed,
            unavailable,
            cannot_store,
            wrong_clock,
            internal,
        ]
    }

    fn placeholders(text: &str) -> Vec<&str> {
        let mut names: Vec<_> = text.split('{').skip(1).filter_map(|t| Some(t.split_once('}')?.0)).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn every_language_says_everything_with_the_same_values() {
        for words in [&FRENCH, &DUTCH, &CATALAN, &SPANISH] {
            for (ours, english) in all(words).into_iter().zip(all(&ENGLISH)) {
                assert!(!ours.is_empty());
                assert_eq!(placeholders(ours), placeholders(english), "{ours}");
            }
            assert!(words.recovery_confirm.ends_with(words.yes));
        }
    }

    #[test]
    fn french_has_its_spaces() {
        for text in all(&FRENCH) {
            for (at, mark) in text.match_indices([':', ';', '?', '!']) {
                let space = if mark == ":" { '\u{a0}' } else { '\u{202f}' };
                assert!(text[..at].ends_with(space), "{mark} in {text}");
            }
        }
    }

    #[test]
    fn languages_are_recognised() {
        for (text, language) in
            [("fr_BE.UTF-8", Language::French), ("ca@valencia", Language::Catalan), ("C.UTF-8", Language::English)]
        {
            assert_eq!(text.parse(), Ok(language));
        }
        assert!("de_DE".parse::<Language>().is_err());
    }

    #[test]
    fn values_cannot_draw_on_the_terminal() {
        assert_eq!(fill("{a} and {b}{c}", &[("a", "x\u{1b}[2J"), ("b", "{a}")]), "x[2J and {a}");
        assert_eq!(fill("open {", &[]), "open {");
    }
}
