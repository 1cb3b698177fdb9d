//! The link's end in `net`: accepts `serve`, checks who it is, turns its messages into events.
//!
//! One `serve` at a time; a newer connection takes the place of an older one, which may belong to a process that hangs.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use anyhow::Context as _;

use super::Event;
use super::desktops::Asked;
use crate::link::frame::{self, Reader};
use crate::link::message::{Command, Report, VERSION};

/// `serve` has this long to say hello, and to read a report.
const PATIENCE: Duration = Duration::from_secs(2);

/// Groups of a peer that are looked at: a service has a few; who has more is refused.
const MAX_GROUPS: usize = 256;

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
pub(super) fn start(path: &Path, events: SyncSender<Event>, told: Arc<AtomicBool>) -> anyhow::Result<()> {
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
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    // the directory's, by its setgid bit; `serve` is in it
    let group = std::fs::metadata(path)?.gid();
    std::thread::Builder::new().name("link".into()).spawn(move || accept(&listener, group, &events, &told))?;
    Ok(())
}

fn accept(listener: &UnixListener, group: u32, events: &SyncSender<Event>, told: &AtomicBool) {
    let mut number = 0;
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        if let Err(e) = check_peer(&stream, group) {
            tracing::warn!(error = %e, "link refused");
            continue;
        }
        number += 1;
        let (events, empty) = (events.clone(), !told.load(Ordering::Acquire));
        let spawned = std::thread::Builder::new().name(format!("link-{number}")).spawn(move || {
            if let Err(e) = attend(stream, number, empty, &events) {
                tracing::warn!(error = %e, "link to serve lost");
            }
            let _ = events.send(Event::Disconnected(number));
        });
        if let Err(e) = spawned {
            tracing::error!(error = %e, "no thread for the link");
        }
    }
}

/// Root, our own user, or a member of the group that the socket belongs to; root's own group admits nobody, for that is
/// a socket of a trial, not of the units.
///
/// The file's mode says the same; but the mode is only looked at when connecting, and can be changed by hand.
fn check_peer(stream: &UnixStream, group: u32) -> anyhow::Result<()> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    let (user, own) = (peer.uid.as_raw(), rustix::process::geteuid().as_raw());
    let member = || Ok::<_, io::Error>(peer.gid.as_raw() == group || peer_groups(stream)?.contains(&group));
    let fits = user == 0 || user == own || group != 0 && member()?;
    anyhow::ensure!(fits, "user {user} is neither root nor in group {group}, which `passerelle serve` has");
    Ok(())
}

/// The groups beside the first one that the peer had when it connected (SO_PEERGROUPS, socket(7)).
#[allow(unsafe_code)]
fn peer_groups(stream: &UnixStream) -> io::Result<Vec<libc::gid_t>> {
    let mut groups = vec![0; MAX_GROUPS];
    let mut size = libc::socklen_t::try_from(size_of_val(groups.as_slice())).unwrap_or_default();
    // SAFETY: the buffer lives until the call returns, and its size is passed with it; any bits are a `gid_t`.
    let answer = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    groups.truncate(usize::try_from(size).unwrap_or_default() / size_of::<libc::gid_t>());
    Ok(groups)
}

fn attend(stream: UnixStream, number: u64, empty: bool, events: &SyncSender<Event>) -> anyhow::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    frame::write(&stream, &Report::Hello { version: VERSION, empty }, &[])?;
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
        let event = match command {
            Command::Splice { desktop, device, resource } => {
                let ends = reader.take().context("a desktop without its two descriptors")?;
                Event::Splice(number, Asked { desktop, device, resource }, ends)
            }
            command => Event::Command(number, command),
        };
        events.send(event)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_groups_are_all_of_ours() {
        let (here, _there) = UnixStream::pair().unwrap();
        let mut told = peer_groups(&here).unwrap();
        let mut own: Vec<u32> = rustix::process::getgroups().unwrap().iter().map(|g| g.as_raw()).collect();
        told.sort_unstable();
        own.sort_unstable();
        assert_eq!(told, own);
        assert!(check_peer(&here, u32::MAX).is_ok(), "our own user may always");
    }
}
