//! The link's end in `net`: accepts `serve`, checks who it is, turns its messages into events.
//!
//! One `serve` at a time; a newer connection takes the place of an older one, which may belong to a process that hangs.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use anyhow::Context as _;

use super::Event;
use crate::link::frame::{self, Reader};
use crate::link::message::{Command, Report, VERSION};

/// `serve` has this long to say hello, and to read a report.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection to `serve`.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Rises with every connection.
    pub number: u64,
    stream: Arc<UnixStream>,
}

impl Connection {
    /// Sends a report; a `serve` that does not read is cut off.
    pub fn report(&self, report: &Report, descriptors: &[BorrowedFd<'_>]) {
        if let Err(e) = frame::write(&self.stream, report, descriptors) {
            tracing::debug!(error = %e, "report not sent");
            self.close();
        }
    }

    /// Ends it.
    pub fn close(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

/// Listens at `path` and accepts for as long as the process runs.
///
/// # Errors
/// The socket cannot be made there.
pub(super) fn start(path: &Path, events: SyncSender<Event>) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(e).with_context(|| format!("remove the old {}", path.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(|| format!("listen at {}", path.display()))?;
    // the group is `serve`'s; who connects is checked below all the same
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    std::thread::Builder::new().name("link".into()).spawn(move || accept(&listener, &events))?;
    Ok(())
}

fn accept(listener: &UnixListener, events: &SyncSender<Event>) {
    let mut number = 0;
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        if let Err(e) = check_peer(&stream) {
            tracing::warn!(error = %e, "link refused");
            continue;
        }
        number += 1;
        let events = events.clone();
        let spawned = std::thread::Builder::new().name(format!("link-{number}")).spawn(move || {
            if let Err(e) = attend(stream, number, &events) {
                tracing::warn!(error = %e, "link to serve lost");
            }
            let _ = events.send(Event::Disconnected(number));
        });
        if let Err(e) = spawned {
            tracing::error!(error = %e, "no thread for the link");
        }
    }
}

/// The user as which the packaged `serve` runs.
const SERVE_USER: &str = "passerelle";

/// Root, our own user, or the user of the packaged `serve`.
fn check_peer(stream: &UnixStream) -> anyhow::Result<()> {
    let uid = rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let fits = uid == 0 || uid == rustix::process::geteuid().as_raw() || uid_of(&users, SERVE_USER) == Some(uid);
    anyhow::ensure!(fits, "user {uid} is not the one of `passerelle serve`");
    Ok(())
}

/// passwd(5): name, password, number.
fn uid_of(users: &str, name: &str) -> Option<u32> {
    let mut fields = users.lines().map(|line| line.split(':')).find_map(|mut f| (f.next()? == name).then_some(f))?;
    fields.nth(1)?.parse().ok()
}

fn attend(stream: UnixStream, number: u64, events: &SyncSender<Event>) -> anyhow::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    frame::write(&stream, &Report::Hello { version: VERSION }, &[])?;
    let mut reader = Reader::new(stream.try_clone()?);
    match reader.read::<Command>()? {
        Some(Command::Hello { version: VERSION }) => {}
        Some(Command::Hello { version }) => {
            anyhow::bail!("serve speaks version {version} of the link, net version {VERSION}: restart both")
        }
        _ => anyhow::bail!("no hello from serve"),
    }
    stream.set_read_timeout(None)?;
    let connection = Connection { number, stream: Arc::new(stream) };
    events.send(Event::Connected(connection))?;
    while let Some(command) = reader.read::<Command>()? {
        events.send(Event::Command(number, command))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::uid_of;

    #[test]
    fn the_number_of_a_user_is_found_by_its_whole_name() {
        let users =
            "root:x:0:0::/root:/bin/sh\npasserelle-net:x:997:997::/:/bin/false\npasserelle:x:998:998::/:/bin/false\n";
        assert_eq!(uid_of(users, "passerelle"), Some(998));
        assert_eq!(uid_of(users, "passerell"), None);
    }
}
