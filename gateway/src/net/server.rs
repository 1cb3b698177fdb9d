//! The link's end in `net`: accepts `serve`, checks who it is, turns its messages into events.
//!
//! One `serve` at a time; a newer connection takes the place of an older one, which may belong to a process that hangs.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
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
/// Supplementary groups of a peer that are looked at; a service has two or three.
const MOST_GROUPS: usize = 64;

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
    let group = std::fs::metadata(path)?.gid();
    std::thread::Builder::new().name("link".into()).spawn(move || accept(&listener, group, &events))?;
    Ok(())
}

fn accept(listener: &UnixListener, group: u32, events: &SyncSender<Event>) {
    let mut number = 0;
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        if let Err(e) = check_peer(&stream, group) {
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

/// Root, our own user, or a member of the group that owns the socket: its user is `serve`'s.
fn check_peer(stream: &UnixStream, group: u32) -> anyhow::Result<()> {
    let uid = rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw();
    let fits = uid == rustix::process::geteuid().as_raw() || admits(uid, &groups_of_peer(stream)?, group);
    anyhow::ensure!(fits, "user {uid} is not the one of `passerelle serve`");
    Ok(())
}

/// Root's own group admits nobody: that is a socket of a trial, not of the units.
fn admits(uid: u32, groups: &[u32], group: u32) -> bool {
    uid == 0 || (group != 0 && groups.contains(&group))
}

/// The peer's supplementary groups as of its connecting (unix(7), SO_PEERGROUPS).
#[allow(unsafe_code)]
fn groups_of_peer(stream: &UnixStream) -> io::Result<Vec<u32>> {
    let mut groups = [0_u32; MOST_GROUPS];
    let mut length = libc::socklen_t::try_from(size_of_val(&groups)).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `length` bytes into `groups`, and into `length` how many they are.
    let answer = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(groups.iter().take(length as usize / size_of::<u32>()).copied().collect())
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
    use super::*;

    #[test]
    fn the_control_plane_is_known_by_its_group_and_nobody_else_is() {
        assert!(admits(0, &[], 990), "root");
        assert!(admits(991, &[27, 990], 990), "the user of the other unit");
        assert!(!admits(991, &[27], 990), "any other user");
        assert!(!admits(1000, &[0], 0), "a socket of root's group");
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut own: Vec<u32> = rustix::process::getgroups().unwrap().iter().map(|g| g.as_raw()).collect();
        let mut seen = groups_of_peer(&ours).unwrap();
        (own.sort_unstable(), seen.sort_unstable());
        assert_eq!(seen, own);
        drop(theirs);
    }
}
