//! What people are shown, and on Linux `passerelle-agent ask`: shows a notification on the desktop it is started on, and
//! prints the answer. The text comes on standard input, so it is no option and nobody reads it in the list of processes.

#[cfg(unix)]
use std::io::Read as _;
#[cfg(unix)]
use std::time::Duration;

use agent::bounded::Short;
#[cfg(unix)]
use agent::message::Outcome;
#[cfg(unix)]
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
#[cfg(unix)]
use tokio::time::timeout;

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    /// To whoever is at the PC.
    pub(crate) text: Short,
    /// Yes or no is wanted, within so many seconds.
    pub(crate) answer: Option<u32>,
}

/// The longest question that is read, in bytes: [`Short`] has 255 characters.
#[cfg(unix)]
const LONGEST: u64 = 4 * 1024;

/// For the desktop to take a message.
#[cfg(unix)]
const SHOWING: Duration = Duration::from_secs(5);

/// The hidden subcommand.
#[cfg(unix)]
pub(crate) async fn ask() -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().take(LONGEST).read_to_string(&mut text).context("read the question")?;
    let question: Question = serde_json::from_str(&text).context("read the question")?;
    let within = SHOWING + Duration::from_secs(question.answer.unwrap_or_default().into());
    let outcome = timeout(within, show(&question)).await.unwrap_or(Ok(Outcome::Unanswered {}));
    let outcome = outcome.unwrap_or_else(|e| Outcome::Failed { why: Short::new(&format!("{e:#}")) });
    crate::print(&serde_json::to_string(&outcome)?)
}

/// What a desktop may take for markup, shown as it is.
#[cfg(target_os = "linux")]
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// By the desktop's notifications (freedesktop.org, "Desktop Notifications Specification" 1.2).
#[cfg(target_os = "linux")]
async fn show(question: &Question) -> anyhow::Result<Outcome> {
    use std::collections::HashMap;

    use futures_util::StreamExt as _;
    use zbus::{Connection, MatchRule, MessageStream, Variant};

    const NAME: &str = "org.freedesktop.Notifications";
    const PATH: &str = "/org/freedesktop/Notifications";
    /// Signals that wait: there is one at the end, and those of other programs' messages.
    const QUEUE: std::num::NonZeroUsize = std::num::NonZeroUsize::new(64).unwrap();

    let bus = Connection::session().await.context("no desktop")?;
    let rule = MatchRule::builder().sender(NAME).interface(NAME).path(PATH).build()?;
    let mut signals = MessageStream::for_match_rule(rule, &bus, Some(QUEUE)).await?;
    let mut actions: Vec<&str> = Vec::new();
    if question.answer.is_some() {
        let able =
            bus.call_method(Some(NAME), PATH, Some(NAME), "GetCapabilities", &()).await.context("no notifications")?;
        let able: Vec<String> = able.body().deserialize()?;
        anyhow::ensure!(able.iter().any(|a| a == "actions"), "the desktop's notifications take no answer");
        actions = vec!["yes", "✓", "no", "✗"];
    }
    let expires = question.answer.map_or(0, |s| i32::try_from(s.saturating_mul(1000)).unwrap_or(i32::MAX));
    // Critical: it stays until it is answered or taken away.
    let hints = HashMap::from([("urgency", Variant::from(if question.answer.is_some() { 2_u8 } else { 1 }))]);
    let body = plain(&question.text);
    let message = ("Passerelle", 0_u32, "network-workgroup", "Passerelle", body, actions, hints, expires);
    let shown = bus.call_method(Some(NAME), PATH, Some(NAME), "Notify", &message).await.context("no notifications")?;
    let id: u32 = shown.body().deserialize()?;
    let Some(seconds) = question.answer else { return Ok(Outcome::Done {}) };
    let answered = async {
        while let Some(Ok(signal)) = signals.next().await {
            match signal.header().member().map(|name| name.as_str()) {
                Some("ActionInvoked") => match signal.body().deserialize::<(u32, String)>() {
                    Ok((of, key)) if of == id && (key == "yes" || key == "no") => {
                        return Outcome::Answered { yes: key == "yes" };
                    }
                    _ => {}
                },
                Some("NotificationClosed") => match signal.body().deserialize::<(u32, u32)>() {
                    Ok((of, _)) if of == id => return Outcome::Unanswered {},
                    _ => {}
                },
                _ => {}
            }
        }
        Outcome::Unanswered {}
    };
    let outcome = timeout(Duration::from_secs(seconds.into()), answered).await.unwrap_or(Outcome::Unanswered {});
    let _ = bus.call_method(Some(NAME), PATH, Some(NAME), "CloseNotification", &(id)).await;
    Ok(outcome)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_as_it_is() {
        assert_eq!(plain("<b>a & b</b>"), "&lt;b&gt;a &amp; b&lt;/b&gt;");
    }
}
