//! Linux: sleep by logind; messages by our own binary, started as the person whose desktop it is.

use std::net::UdpSocket;
use std::process::Stdio;
use std::time::Duration;

use agent::message::Outcome;
use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use crate::ask::Question;
use crate::pc::linux::logind::Logind;

/// For logind to begin to sleep: it waits for programs that hold it for some seconds.
const SUSPENDING: Duration = Duration::from_secs(15);

/// Beyond the time that a person has: for the desktop to show and take away what it shows.
const SHOWING: Duration = Duration::from_secs(10);

/// The longest outcome that is read, in bytes.
const OUTCOME: u64 = 4 * 1024;

/// What is sent by this socket goes out there, whatever the routes say.
pub(super) fn bind_to(socket: &UdpSocket, interface: &str) -> std::io::Result<()> {
    socket2::SockRef::from(socket).bind_device(Some(interface.as_bytes()))
}

/// Sends the PC to sleep.
pub(super) async fn suspend() -> anyhow::Result<()> {
    let suspend = async { Logind::connect().await.context("logind is not there")?.suspend().await };
    timeout(SUSPENDING, suspend).await.context("logind does not answer")?.context("logind refuses")
}

/// Shows it to whoever is at the PC.
pub(super) async fn show(question: &Question) -> anyhow::Result<Outcome> {
    let logind = Logind::connect().await.context("logind is not there")?;
    let Some(person) = logind.at_the_pc().await.context("ask logind who is there")? else {
        return Ok(Outcome::Unanswered {});
    };
    let mut child = Command::new(std::env::current_exe().context("our own binary")?)
        .arg("ask")
        // `std` drops root's groups with this, before it drops root.
        .uid(person.uid)
        .gid(person.gid)
        .current_dir("/")
        .env_clear()
        .env("XDG_RUNTIME_DIR", &person.runtime)
        .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}/bus", person.runtime))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("start our own binary")?;
    let talk = async {
        let mut stdin = child.stdin.take().context("no pipe")?;
        stdin.write_all(&serde_json::to_vec(question)?).await.context("pass the text on")?;
        drop(stdin);
        let mut said = Vec::new();
        child
            .stdout
            .take()
            .context("no pipe")?
            .take(OUTCOME)
            .read_to_end(&mut said)
            .await
            .context("read the answer")?;
        serde_json::from_slice(&said).context("the desktop shows no notifications")
    };
    let within = Duration::from_secs(question.answer.unwrap_or_default().into()) + SHOWING;
    timeout(within, talk).await.unwrap_or(Ok(Outcome::Unanswered {}))
}
