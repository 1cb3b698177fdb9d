//! What is written to people, in their language: as plain text, and as HTML that fetches nothing.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::Unix;
use crate::pure::home_work::Contact;
use crate::store::invitations::Invitation;
use crate::store::site::Site;

/// A letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// One language's sentences.
struct Words {
    months: [&'static str; 12],
    /// `{day}`, `{month}`, `{year}`, `{time}`
    moment: &'static str,
    hello: &'static str,
    subject: &'static str,
    invites: &'static str,
    /// `{place}`
    open: &'static str,
    /// Where invitations are not opened from home.
    place: &'static str,
    until: &'static str,
    alone: &'static str,
    reminder_subject: &'static str,
    reminder: &'static str,
    find: &'static str,
    call: &'static str,
    test_subject: &'static str,
    test: &'static str,
}

const EN: Words = Words {
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    moment: "{day} {month} {year}, {time}",
    hello: "Hello {name},",
    subject: "Your invitation to work from home",
    invites: "{organisation} invites you to work from home. Your user name is {login}.",
    open: "Open this page{place}, with your telephone at hand. It takes about three minutes:",
    place: " at the office",
    until: "The invitation is good until {until} ({zone}), and works once.",
    alone: "Please forward it to nobody: whoever opens it first gets your access.",
    reminder_subject: "Your invitation to work from home ends soon",
    reminder: "you have not opened your invitation from {organisation} yet. It is good until {until} ({zone}).",
    find: "Its address is in our earlier mail, “{subject}”. Open it{place}. If you do not find it, ask IT for another.",
    call: "Questions?",
    test_subject: "A test mail from Passerelle",
    test: "Mail from {organisation}’s gateway works: invitations can be sent.",
};

const FR: Words = Words {
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    moment: "{day} {month} {year} à {time}",
    hello: "Bonjour {name},",
    subject: "Votre invitation au télétravail",
    invites: "{organisation} vous invite à travailler depuis chez vous. Votre nom d’utilisateur est {login}.",
    open: "Ouvrez cette page{place}, votre téléphone à portée de main. Comptez environ trois minutes\u{a0}:",
    place: " au bureau",
    until: "L’invitation est valable jusqu’au {until} ({zone}) et ne sert qu’une fois.",
    alone: "Ne la transférez à personne\u{a0}: qui l’ouvre en premier obtient votre accès.",
    reminder_subject: "Votre invitation au télétravail expire bientôt",
    reminder: "vous n’avez pas encore ouvert votre invitation de {organisation}. Elle est valable jusqu’au {until} ({zone}).",
    find: "Son adresse se trouve dans notre précédent message, «\u{a0}{subject}\u{a0}». Ouvrez-la{place}. Si vous ne la trouvez pas, demandez-en une autre au service informatique.",
    call: "Des questions\u{202f}?",
    test_subject: "Message d’essai de Passerelle",
    test: "L’envoi de messages par la passerelle de {organisation} fonctionne\u{a0}: les invitations peuvent partir.",
};

const NL: Words = Words {
    months: [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    moment: "{day} {month} {year} om {time}",
    hello: "Dag {name},",
    subject: "Uw uitnodiging om thuis te werken",
    invites: "{organisation} nodigt u uit om van thuis te werken. Uw gebruikersnaam is {login}.",
    open: "Open deze pagina{place}, met uw telefoon bij de hand. Het duurt ongeveer drie minuten:",
    place: " op kantoor",
    until: "De uitnodiging is geldig tot {until} ({zone}) en werkt één keer.",
    alone: "Stuur ze aan niemand door: wie ze het eerst opent, krijgt uw toegang.",
    reminder_subject: "Uw uitnodiging om thuis te werken vervalt binnenkort",
    reminder: "u hebt uw uitnodiging van {organisation} nog niet geopend. Ze is geldig tot {until} ({zone}).",
    find: "Het adres staat in onze vorige mail, “{subject}”. Open het{place}. Vindt u die niet, vraag IT dan om een nieuwe.",
    call: "Vragen?",
    test_subject: "Een testmail van Passerelle",
    test: "Mail van de gateway van {organisation} werkt: uitnodigingen kunnen verstuurd worden.",
};

const CA: Words = Words {
    months: [
        "de gener",
        "de febrer",
        "de març",
        "d’abril",
        "de maig",
        "de juny",
        "de juliol",
        "d’agost",
        "de setembre",
        "d’octubre",
        "de novembre",
        "de desembre",
    ],
    moment: "{day} {month} de {year} a les {time}",
    hello: "Hola, {name}:",
    subject: "La vostra invitació per treballar des de casa",
    invites: "{organisation} us convida a treballar des de casa. El vostre nom d’usuari és {login}.",
    open: "Obriu aquesta pàgina{place}, amb el telèfon a mà. Us caldran uns tres minuts:",
    place: " a l’oficina",
    until: "La invitació val fins al {until} ({zone}) i només serveix un cop.",
    alone: "No la reenvieu a ningú: qui l’obri primer obtindrà el vostre accés.",
    reminder_subject: "La vostra invitació per treballar des de casa caduca aviat",
    reminder: "encara no heu obert la invitació de {organisation}. Val fins al {until} ({zone}).",
    find: "L’adreça és al nostre missatge anterior, «{subject}». Obriu-la{place}. Si no el trobeu, demaneu-ne una altra a informàtica.",
    call: "Teniu preguntes?",
    test_subject: "Missatge de prova de Passerelle",
    test: "El correu de la passarel·la de {organisation} funciona: ja es poden enviar invitacions.",
};

const ES: Words = Words {
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    moment: "{day} de {month} de {year} a las {time}",
    hello: "Hola, {name}:",
    subject: "Su invitación para trabajar desde casa",
    invites: "{organisation} le invita a trabajar desde casa. Su nombre de usuario es {login}.",
    open: "Abra esta página{place}, con el teléfono a mano. Tardará unos tres minutos:",
    place: " en la oficina",
    until: "La invitación vale hasta el {until} ({zone}) y sirve una sola vez.",
    alone: "No la reenvíe a nadie: quien la abra primero obtendrá su acceso.",
    reminder_subject: "Su invitación para trabajar desde casa caduca pronto",
    reminder: "todavía no ha abierto la invitación de {organisation}. Vale hasta el {until} ({zone}).",
    find: "La dirección está en nuestro mensaje anterior, «{subject}». Ábrala{place}. Si no lo encuentra, pida otra a informática.",
    call: "¿Preguntas?",
    test_subject: "Mensaje de prueba de Passerelle",
    test: "El correo de la pasarela de {organisation} funciona: ya se pueden enviar invitaciones.",
};

fn words(language: &str) -> &'static Words {
    match language {
        "fr" => &FR,
        "nl" => &NL,
        "ca" => &CA,
        "es" => &ES,
        _ => &EN,
    }
}

/// The page that redeems an invitation. The token stands after the `#`: browsers send that to no server.
#[must_use]
pub fn address(site: &Site, token: &str) -> String {
    format!("https://{}/invitation#{token}", site.public_name)
}

/// An invitation, with the way in. `from_home`: it can be opened there, too.
#[must_use]
pub fn invitation(site: &Site, to: &Invitation, token: &str, from_home: bool) -> Letter {
    let (w, until) = (words(&to.language), moment(site, words(&to.language), to.until));
    let place = if from_home { "" } else { w.place };
    let fill = |text: &str| filled(&text.replace("{place}", place), site, to, &until);
    let mut parts = vec![
        Part::Text(fill(w.hello)),
        Part::Text(fill(w.invites)),
        Part::Text(fill(w.open)),
        Part::Link(address(site, token)),
        Part::Text(fill(w.until)),
        Part::Text(fill(w.alone)),
    ];
    parts.extend(calling(w, &site.home_work.contact));
    letter(&to.language, w.subject, &parts)
}

/// That an invitation ends soon.
#[must_use]
pub fn reminder(site: &Site, to: &Invitation, from_home: bool) -> Letter {
    let (w, until) = (words(&to.language), moment(site, words(&to.language), to.until));
    let place = if from_home { "" } else { w.place };
    let fill = |text: &str| filled(&text.replace("{place}", place), site, to, &until);
    let mut parts = vec![
        Part::Text(fill(w.hello)),
        Part::Text(fill(w.reminder)),
        Part::Text(fill(w.find).replace("{subject}", w.subject)),
    ];
    parts.extend(calling(w, &site.home_work.contact));
    letter(&to.language, w.reminder_subject, &parts)
}

/// That mail works.
#[must_use]
pub fn test(site: &Site, language: &str) -> Letter {
    let w = words(language);
    letter(language, w.test_subject, &[Part::Text(w.test.replace("{organisation}", &site.organisation))])
}

enum Part {
    Text(String),
    Link(String),
}

fn filled(text: &str, site: &Site, to: &Invitation, until: &str) -> String {
    // What people are called comes last: their names are no templates.
    text.replace("{until}", until)
        .replace("{zone}", &site.time_zone)
        .replace("{login}", &to.login)
        .replace("{organisation}", &site.organisation)
        .replace("{name}", &to.name)
}

fn calling(w: &Words, contact: &Contact) -> Option<Part> {
    let known: Vec<&str> = [&contact.text, &contact.phone, &contact.mail]
        .into_iter()
        .map(String::as_str)
        .filter(|t| !t.is_empty())
        .collect();
    (!known.is_empty()).then(|| Part::Text(format!("{} {}", w.call, known.join(" · "))))
}

fn moment(site: &Site, w: &Words, at: Unix) -> String {
    let zone = TimeZone::get(&site.time_zone).unwrap_or(TimeZone::UTC);
    let at = Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(zone);
    let month = usize::try_from(at.month() - 1).ok().and_then(|n| w.months.get(n)).copied().unwrap_or_default();
    w.moment
        .replace("{day}", &at.day().to_string())
        .replace("{month}", month)
        .replace("{year}", &at.year().to_string())
        .replace("{time}", &at.strftime("%H:%M").to_string())
}

fn letter(language: &str, subject: &str, parts: &[Part]) -> Letter {
    let text = parts.iter().map(|part| match part {
        Part::Text(text) | Part::Link(text) => text.clone(),
    });
    let html = parts.iter().map(|part| match part {
        Part::Text(text) => format!("<p>{}</p>\n", escaped(text)),
        Part::Link(url) => format!("<p><a href=\"{0}\">{0}</a></p>\n", escaped(url)),
    });
    let html = format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head><meta charset=\"utf-8\"><title>{}</title></head>\n<body>\n{}</body>\n</html>\n",
        escaped(subject),
        html.collect::<String>()
    );
    Letter { subject: subject.to_owned(), text: text.collect::<Vec<_>>().join("\n\n") + "\n", html }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::http::input::LANGUAGES;
    use crate::ids::{InvitationId, UserId};
    use crate::store::tests::site;

    fn to(language: &str, name: &str) -> Invitation {
        Invitation {
            id: InvitationId::new(),
            user: UserId::new(),
            login: "anne".into(),
            name: name.into(),
            language: language.into(),
            mail: Some("anne@example.org".into()),
            created_at: Unix(0),
            until: Unix(1_795_449_900_000),
            mailed_at: None,
            redeemed_at: None,
            revoked_at: None,
            totp_secret: None,
        }
    }

    #[test]
    fn every_language_has_every_sentence_and_leaves_no_gap() {
        let mut site = site();
        site.home_work.contact.phone = "+32 2 123 45 67".into();
        for language in LANGUAGES {
            let to = to(language, "Anne <b>{login}</b>");
            for letter in [invitation(&site, &to, "pi-x", false), reminder(&site, &to, true), test(&site, language)] {
                assert!(!letter.text.replace("{login}", "").contains(['{', '}']), "{}", letter.text);
                assert!(!letter.html.contains("<b>") && letter.html.contains(&format!("lang=\"{language}\"")));
                assert!(!["src=", "http://", "<img", "<link"].iter().any(|remote| letter.html.contains(remote)));
            }
            let letter = invitation(&site, &to, "pi-x", true);
            assert!(letter.text.contains("https://door.example.org/invitation#pi-x\n"), "{}", letter.text);
            assert!(letter.text.contains("Anne <b>{login}</b>") && letter.text.contains("+32 2 123 45 67"));
            assert!(!reminder(&site, &to, false).text.contains("pi-x"), "no token is kept");
        }
    }

    #[test]
    fn moments_are_written_as_the_language_does_in_the_offices_time() {
        let at = |language| moment(&site(), words(language), Unix(1_795_449_900_000));
        assert_eq!(at("en"), "23 November 2026, 17:05");
        assert_eq!(at("fr"), "23 novembre 2026 à 17:05");
        assert_eq!(at("ca"), "23 de novembre de 2026 a les 17:05");
    }
}
