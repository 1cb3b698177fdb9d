//! Mail to people: handed to the one server that IT named, and nowhere else. What it answers is told as a [`Trouble`] that
//! pages have words for. A password goes by TLS, or stays in the office.

pub mod letters;
pub mod remind;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::letters::Letter;
use crate::pure::mail::stays_in_office;
use crate::pure::shown::deceives;
use crate::store::mail_server::{MailServer, Security};
use crate::store::site::Site;

/// A server has taken a letter within this: a page waits ten seconds for us.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 8 });

/// So much of a server's answer is repeated, in characters.
const REPEATED: usize = 200;

/// Answers by which a server refuses who we say we are (RFC 4954 §6).
const WHO: [u16; 4] = [530, 534, 535, 538];

/// Why a letter was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// No mail server is set.
    NotSetUp,
    /// The person has no mail address.
    NoAddress,
    /// The server's name is not known, or it does not answer.
    Unreachable,
    /// The server does not speak TLS in the way that is set.
    NoTls,
    /// Its certificate is not for this name, or of nobody this machine trusts.
    Certificate,
    /// Without TLS, and not within the office.
    NotPrivate,
    /// The server does not take user and password, or wants some.
    WrongPassword,
    /// The server does not take the letter.
    Refused,
    /// It answers otherwise than mail servers do.
    Failed,
}

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MailOutcome)]
pub struct Outcome {
    /// Why it was not sent; nothing: the server has taken it.
    pub trouble: Option<Trouble>,
    /// What the server said, in its own words.
    pub answer: Option<String>,
}

impl Outcome {
    /// Without a word from a server.
    #[must_use]
    pub fn failed(trouble: Trouble) -> Self {
        Self { trouble: Some(trouble), answer: None }
    }

    /// The server has taken it.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.trouble.is_none()
    }
}

/// The name a letter is known by, and the one it follows; each before the `@`.
#[derive(Clone, Debug, Default)]
pub struct Thread {
    /// Its own.
    pub id: Option<String>,
    /// The earlier one's, so that mail programs show them together.
    pub follows: Option<String>,
}

/// Sends one letter to one person.
pub async fn send(server: &MailServer, site: &Site, to: &str, letter: &Letter, thread: &Thread) -> Outcome {
    send_trusting(server, site, to, letter, thread, None).await
}

async fn send_trusting(
    server: &MailServer,
    site: &Site,
    to: &str,
    letter: &Letter,
    thread: &Thread,
    also: Option<Certificate>,
) -> Outcome {
    let sent = async {
        let message = message(server, site, to, letter, thread)?;
        let answer = transport(server, &site.public_name, also).await?.send(message).await.map_err(|e| told(&e))?;
        Ok(answer.message().collect::<Vec<_>>().join(" "))
    };
    let said = match tokio::time::timeout(PATIENCE, sent).await {
        Ok(Ok(answer)) => return Outcome { trouble: None, answer: Some(repeated(&answer)).filter(|a| !a.is_empty()) },
        Ok(Err(outcome)) => outcome,
        Err(_) => Outcome::failed(Trouble::Unreachable),
    };
    tracing::warn!(host = %server.host, trouble = ?said.trouble, answer = said.answer, "a mail was not sent");
    said
}

fn message(server: &MailServer, site: &Site, to: &str, letter: &Letter, thread: &Thread) -> Result<Message, Outcome> {
    let failed = |_| Outcome::failed(Trouble::Failed);
    let from = Mailbox::new(Some(site.organisation.clone()), server.sender.parse::<Address>().map_err(failed)?);
    let to = Mailbox::new(None, to.parse::<Address>().map_err(failed)?);
    let named = |id: &String| format!("<{id}@{}>", site.public_name);
    let mut message = Message::builder().from(from).to(to).subject(&letter.subject);
    message = message.message_id(thread.id.as_ref().map(named));
    if let Some(earlier) = thread.follows.as_ref().map(named) {
        message = message.in_reply_to(earlier.clone()).references(earlier);
    }
    let both = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
    let mut message = message.multipart(both).map_err(|_| Outcome::failed(Trouble::Failed))?;
    // RFC 3834 §5: nobody's holiday note answers it.
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    message.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
    Ok(message)
}

type Transport = AsyncSmtpTransport<Tokio1Executor>;

async fn transport(server: &MailServer, own_name: &str, also: Option<Certificate>) -> Result<Transport, Outcome> {
    let mut host = server.host.clone();
    let tls = match server.security {
        Security::Plain => {
            // By the address that was looked at: another answer of DNS leads nowhere else.
            host = private(&host, server.port).await?.to_string();
            Tls::None
        }
        security => {
            let mut parameters = TlsParameters::builder(host.clone());
            if let Some(certificate) = also {
                parameters = parameters.add_root_certificate(certificate);
            }
            let parameters = parameters.build().map_err(|e| told(&e))?;
            if security == Security::Tls { Tls::Wrapper(parameters) } else { Tls::Required(parameters) }
        }
    };
    let mut builder = Transport::builder_dangerous(host)
        .port(server.port)
        .tls(tls)
        .hello_name(ClientId::Domain(own_name.to_owned()))
        .timeout(Some(PATIENCE));
    if let (Some(login), Some(password)) = (&server.login, &server.password) {
        builder = builder.credentials(Credentials::new(login.clone(), password.to_string()));
    }
    Ok(builder.build())
}

/// The server's address, if all of its addresses are private.
async fn private(host: &str, port: u16) -> Result<IpAddr, Outcome> {
    let found = tokio::net::lookup_host((host, port)).await.map_err(|_| Outcome::failed(Trouble::Unreachable))?;
    let found: Vec<IpAddr> = found.map(|at: SocketAddr| at.ip()).collect();
    match found.first() {
        Some(first) if found.iter().all(|ip| stays_in_office(*ip)) => Ok(*first),
        Some(_) => Err(Outcome::failed(Trouble::NotPrivate)),
        None => Err(Outcome::failed(Trouble::Unreachable)),
    }
}

/// What an error of the transport means.
fn told(error: &Error) -> Outcome {
    let text = error.to_string();
    let code = error.status().map(u16::from);
    let trouble = match tls_error(error) {
        Some(rustls::Error::InvalidCertificate(_)) => Trouble::Certificate,
        Some(_) => Trouble::NoTls,
        None if error.is_tls() => Trouble::NoTls,
        None if code.is_some_and(|code| WHO.contains(&code)) => Trouble::WrongPassword,
        None if error.is_permanent() || error.is_transient() => Trouble::Refused,
        None if error.is_client() && text.contains("STARTTLS") => Trouble::NoTls,
        None if error.is_client() && text.contains("authentication") => Trouble::WrongPassword,
        None if error.is_client() || error.is_response() => Trouble::Failed,
        None => Trouble::Unreachable,
    };
    Outcome { trouble: Some(trouble), answer: Some(repeated(&text)) }
}

fn tls_error(error: &Error) -> Option<&rustls::Error> {
    let mut cause = error.source();
    while let Some(e) = cause {
        let found = e.downcast_ref::<std::io::Error>().and_then(|e| e.get_ref()?.downcast_ref());
        if found.is_some() {
            return found;
        }
        cause = e.source();
    }
    None
}

/// A stranger's words: short, in one line, nothing in them that cannot be seen.
fn repeated(text: &str) -> String {
    text.chars().filter(|c| !deceives(*c)).take(REPEATED).collect()
}
