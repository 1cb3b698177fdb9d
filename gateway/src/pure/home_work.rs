//! What IT decides for those who work from home: how long a door stays open, whom they call, which rules they accept,
//! what they are asked about their home. Kept as one value of the site; checked here, whoever writes it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mail;
use super::shown::deceives;

/// Least and most minutes that a door stays open: an hour, and a day.
pub const VERIFICATION_MINUTES: [u32; 2] = [60, 24 * 60];

/// Least and most minutes without use: shorter than a meeting is a nuisance, longer than half a day is no lock.
pub const IDLE_MINUTES: [u32; 2] = [15, 12 * 60];

/// Least and most minutes of a desktop without use; 0 is without end.
pub const DESKTOP_IDLE: [u32; 2] = [10, 12 * 60];
/// The same in all.
pub const DESKTOP_LONGEST: [u32; 2] = [15, 24 * 60];

/// Most links on the home page.
const MOST_LINKS: usize = 20;

/// Longest address of a link, in bytes.
const LONGEST_URL: usize = 500;

/// Longest rules, in bytes: ten printed pages.
const LONGEST_RULES: usize = 20 << 10;

/// Most questions, and the longest, in characters.
const MOST_QUESTIONS: usize = 30;
const LONGEST_QUESTION: usize = 200;

/// Longest line about whom to call, in characters.
const LONGEST_LINE: usize = 200;

/// The questions the pages have words for, in all languages.
pub const KNOWN_QUESTIONS: [&str; 5] = ["disk", "updates", "account", "wifi", "screen"];

/// All of it. What is absent in a database is as it is by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HomeWork {
    /// A door opened from now on stays open for so long at most.
    pub verification_minutes: u32,
    /// … and for so long without use.
    pub idle_minutes: u32,
    /// A desktop ends after so many minutes without use; 0: never.
    pub desktop_idle_minutes: u32,
    /// … and after so many in all; 0: never.
    pub desktop_longest_minutes: u32,
    /// Of people who are added without one.
    pub language: String,
    /// Whom to call.
    pub contact: Contact,
    /// What else there is in the office to open by a browser.
    pub links: Vec<Link>,
    /// The telework rules in plain paragraphs; empty: none.
    pub rules: String,
    /// Rises with every change of the rules; 0 before the first.
    pub rules_version: u32,
    /// What people answer about their home.
    pub checklist: Vec<Question>,
}

impl Default for HomeWork {
    fn default() -> Self {
        Self {
            verification_minutes: 10 * 60,
            idle_minutes: 2 * 60,
            desktop_idle_minutes: 0,
            desktop_longest_minutes: 0,
            language: "en".to_owned(),
            contact: Contact::default(),
            links: Vec::new(),
            rules: String::new(),
            rules_version: 0,
            checklist: KNOWN_QUESTIONS.map(|id| Question { id: id.to_owned(), text: None }).into(),
        }
    }
}

impl HomeWork {
    /// For how long a door is opened.
    #[must_use]
    pub fn cap(&self) -> Duration {
        minutes(self.verification_minutes, VERIFICATION_MINUTES)
    }

    /// For how long it stays open without use.
    #[must_use]
    pub fn idle(&self) -> Duration {
        minutes(self.idle_minutes, IDLE_MINUTES)
    }
}

/// Within the bounds, whatever a database says.
fn minutes(n: u32, [least, most]: [u32; 2]) -> Duration {
    Duration::from_secs(u64::from(n.clamp(least, most)) * 60)
}

/// Whom people call when something does not work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Contact {
    /// Who, and when: `IT, weekdays 8 to 18`.
    pub text: String,
    /// As it is dialled.
    pub phone: String,
    /// A mail address.
    pub mail: String,
}

impl Contact {
    /// Nobody is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.phone.is_empty() && self.mail.is_empty()
    }
}

/// Something to open by a browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What it is called.
    pub name: String,
    /// `http://…` or `https://…`
    pub url: String,
}

/// One question about working at home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// `disk`, `updates`, `account`, `wifi` and `screen` have words in every language; others have a text.
    pub id: String,
    /// In IT's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What somebody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is so.
    Yes,
    /// It is not.
    No,
    /// They do not know: IT helps.
    Unsure,
}

/// Answers by the question's id.
pub type Replies = BTreeMap<String, Reply>;

/// Minutes within bounds.
///
/// # Errors
/// What is expected.
pub fn within(n: u32, [least, most]: [u32; 2]) -> Result<u32, String> {
    if (least..=most).contains(&n) { Ok(n) } else { Err(format!("{least} to {most} minutes")) }
}

/// One line for people; may be empty.
fn line(text: &str, longest: usize) -> Option<String> {
    let text = text.trim();
    (text.chars().count() <= longest && !text.chars().any(deceives)).then(|| text.to_owned())
}

/// Whom to call.
///
/// # Errors
/// What is expected.
pub fn contact(contact: &Contact) -> Result<Contact, String> {
    let text = line(&contact.text, LONGEST_LINE).ok_or("text: one line of at most 200 characters")?;
    let phone = contact.phone.trim();
    let dials = |c: char| c.is_ascii_digit() || "+ ()-./".contains(c);
    if !phone.chars().all(dials) || phone.len() > 40 {
        return Err("phone: digits, spaces and + ( ) - . / only: +32 2 123 45 67".to_owned());
    }
    let mail = match contact.mail.trim() {
        "" => String::new(),
        text => mail::address(text)?,
    };
    Ok(Contact { text, phone: phone.to_owned(), mail })
}

/// Links for the home page.
///
/// # Errors
/// Which one is none.
pub fn links(links: &[Link]) -> Result<Vec<Link>, String> {
    if links.len() > MOST_LINKS {
        return Err(format!("at most {MOST_LINKS}"));
    }
    let one = |(n, link): (usize, &Link)| {
        let name = line(&link.name, 64).filter(|n| !n.is_empty());
        let name = name.ok_or(format!("{}: name: 1 to 64 characters in one line", n + 1))?;
        let good =
            |url: &url::Url| ["http", "https"].contains(&url.scheme()) && url.has_host() && url.password().is_none();
        let text = link.url.trim();
        let url = url::Url::parse(text).ok().filter(|url| good(url) && text.len() <= LONGEST_URL);
        let url = url.ok_or(format!("{}: url: an address such as https://intranet.example.org is expected", n + 1))?;
        Ok(Link { name, url: url.into() })
    };
    links.iter().enumerate().map(one).collect()
}

/// The rules: paragraphs, with the ends of lines as Unix writes them.
///
/// # Errors
/// What is expected.
pub fn rules(text: &str) -> Result<String, String> {
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    if text.len() > LONGEST_RULES || text.chars().any(|c| deceives(c) && c != '\n' && c != '\t') {
        return Err(format!("at most {} KiB of text, no character of it invisible", LONGEST_RULES >> 10));
    }
    Ok(text.to_owned())
}

/// The questions.
///
/// # Errors
/// Which one is none.
pub fn checklist(questions: &[Question]) -> Result<Vec<Question>, String> {
    if questions.len() > MOST_QUESTIONS {
        return Err(format!("at most {MOST_QUESTIONS} questions"));
    }
    let mut all: Vec<Question> = Vec::new();
    for (n, question) in questions.iter().enumerate() {
        let Question { id, text } = question;
        let known = KNOWN_QUESTIONS.contains(&id.as_str());
        if !super::site::is_label(id) || id.len() > 32 || all.iter().any(|q| q.id == *id) {
            return Err(format!("{}: id: letters without accents, digits or hyphens; each its own", n + 1));
        }
        let text = match text {
            Some(text) => {
                let text = line(text, LONGEST_QUESTION).filter(|t| !t.is_empty());
                Some(text.ok_or(format!("{}: text: 1 to {LONGEST_QUESTION} characters in one line", n + 1))?)
            }
            None if known => None,
            None => return Err(format!("{}: text: what is asked", n + 1)),
        };
        all.push(Question { id: id.clone(), text });
    }
    Ok(all)
}

/// Answers to these questions and to no others.
///
/// # Errors
/// What is expected.
pub fn replies(given: &Replies, asked: &[Question]) -> Result<Replies, String> {
    if given.keys().all(|id| asked.iter().any(|q| q.id == *id)) {
        Ok(given.clone())
    } else {
        Err("an answer to a question that is not asked".to_owned())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_web_pages_only() {
        let link = |url: &str| links(&[Link { name: "Intranet".into(), url: url.into() }]);
        assert_eq!(link("https://intranet.example").unwrap()[0].url, "https://intranet.example/");
        assert!(link("http://10.0.0.1:8080/x?y").is_ok());
        for bad in ["javascript:alert(1)", "data:text/html,x", "ftp://x", "//x", "intranet", "https://u:p@x.org", ""] {
            assert!(link(bad).is_err(), "{bad}");
        }
        let many = vec![Link { name: "x".into(), url: "http://x".into() }; MOST_LINKS + 1];
        assert!(links(&many).is_err() && links(&many[1..]).is_ok());
    }

    #[test]
    fn questions_have_words() {
        let question = |id: &str, text: Option<&str>| Question { id: id.into(), text: text.map(Into::into) };
        assert!(checklist(&HomeWork::default().checklist).is_ok());
        assert!(checklist(&[question("dog", Some("Is there a dog?"))]).is_ok());
        for bad in [vec![question("dog", None)], vec![question("disk", None); 2], vec![question("a b", Some("x"))]] {
            assert!(checklist(&bad).is_err(), "{bad:?}");
        }
        let asked = [question("disk", None)];
        assert!(replies(&Replies::from([("disk".into(), Reply::No)]), &asked).is_ok());
        assert!(replies(&Replies::from([("wifi".into(), Reply::No)]), &asked).is_err());
    }

    #[test]
    fn rules_are_text_and_caps_stay_within_bounds() {
        assert_eq!(rules(" a\r\n\r\nb ").as_deref(), Ok("a\n\nb"));
        assert!(
            rules("a\u{202e}b").is_err() && rules("a\0").is_err() && rules(&"x".repeat(LONGEST_RULES + 1)).is_err()
        );
        let wild = HomeWork { verification_minutes: 0, idle_minutes: u32::MAX, ..HomeWork::default() };
        assert_eq!((wild.cap(), wild.idle()), (Duration::from_secs(3600), Duration::from_secs(12 * 3600)));
    }
}
