//! Windows: sleep as services may ask for it; messages by its terminal services, in the session of whoever is there.

use std::net::UdpSocket;
use std::time::Duration;

use agent::message::Outcome;
use anyhow::Context as _;
use tokio::time::timeout;

use crate::ask::Question;
use crate::pc::windows::apart;
use crate::pure::windows::sessions::{sessions, shown};
use crate::win32;

/// For Windows to refuse to sleep. It answers a wish that it grants when the PC is back.
const SUSPENDING: Duration = Duration::from_secs(5);

/// Beyond the time that a person has: for the desktop to show and take away what it shows.
const SHOWING: Duration = Duration::from_secs(10);

/// Nothing: what is sent from an adapter's own address goes out there ("strong host model", since Windows Vista).
#[allow(clippy::unnecessary_wraps)]
pub(super) fn bind_to(_socket: &UdpSocket, _interface: &str) -> std::io::Result<()> {
    Ok(())
}

/// Sends the PC to sleep.
pub(super) async fn suspend() -> anyhow::Result<()> {
    let asked = apart(win32::power::suspend).context("no thread")?;
    match timeout(SUSPENDING, asked).await {
        Ok(answer) => answer.context("no answer")?.context("Windows refuses"),
        Err(_) => Ok(()),
    }
}

/// Shows it to whoever is at the PC.
pub(super) async fn show(question: &Question) -> anyhow::Result<Outcome> {
    let within = Duration::from_secs(question.answer.unwrap_or_default().into()) + SHOWING;
    let question = question.clone();
    let shown = apart(move || show_now(&question)).context("no thread")?;
    timeout(within, shown).await.unwrap_or(Ok(Ok(Outcome::Unanswered {}))).context("no answer")?
}

fn show_now(question: &Question) -> anyhow::Result<Outcome> {
    let all = sessions(&win32::sessions::Services, false).context("Windows does not tell who is there")?;
    let Some(session) = shown(&all) else { return Ok(Outcome::Unanswered {}) };
    let Some(seconds) = question.answer else {
        win32::sessions::tell(session, &question.text).context("show a message")?;
        return Ok(Outcome::Done {});
    };
    let answer = win32::sessions::ask_yes_no(session, &question.text, seconds).context("ask")?;
    Ok(answer.map_or(Outcome::Unanswered {}, |yes| Outcome::Answered { yes }))
}
