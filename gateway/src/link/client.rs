//! `serve`'s end of the link: connects, says hello, connects again for ever.
//!
//! One thread reads and one writes, with bounded queues to the async side. A peer that does not read in time is cut off:
//! after the next connection it gets everything again.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use super::frame::{self, Reader};
use super::message::{Command, Report, SocketRole, VERSION};

/// First wait before another try to connect: a restarted `net` has its snapshot back in milliseconds.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// Longest wait before another try to connect.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The peer has this long to say hello, and to read what fills the socket's buffer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Frames waiting to be written: a snapshot of 10,000 peers is some twenty frames.
const OUTGOING: usize = 256;

/// Reports waiting to be looked at.
const INCOMING: usize = 256;

/// What comes from the link.
#[derive(Debug)]
pub enum FromNet {
    /// A connection stands, hellos are exchanged.
    Connected {
        /// For what is to be said.
        sender: Sender,
        /// It was told nothing yet: nothing passes.
        empty: bool,
    },
    /// A report.
    Report(Report),
    /// The sockets on the gateway's tunnel address.
    Sockets(Vec<(SocketRole, OwnedFd)>),
    /// The connection is gone.
    Lost,
}

/// Sends commands on one connection.
#[derive(Clone, Debug)]
pub struct Sender {
    queue: SyncSender<(Command, Vec<OwnedFd>)>,
    stream: Arc<UnixStream>,
}

/// The connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the link to the data plane is gone")]
pub struct Gone;

impl Sender {
    /// Puts a command into the queue; cuts the connection if the queue is full.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn send(&self, command: Command) -> Result<(), Gone> {
        self.send_with(command, Vec::new())
    }

    /// The same, with descriptors; they are closed here once they have gone.
    ///
    /// # Errors
    /// The connection is gone, and so are they.
    pub fn send_with(&self, command: Command, descriptors: Vec<OwnedFd>) -> Result<(), Gone> {
        self.queue.try_send((command, descriptors)).map_err(|_| {
            // It may be gone already.
            let _ = self.stream.shutdown(Shutdown::Both);
            Gone
        })
    }

    /// Ends the connection; after the next one everything is told anew.
    pub fn cut(&self) {
        // It may be gone already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Says "I am alive", unless there is more to say already.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn alive(&self) -> Result<(), Gone> {
        match self.queue.try_send((Command::Alive, Vec::new())) {
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(Gone),
        }
    }
}

/// Starts the link's thread; it ends when the receiver is dropped.
///
/// # Errors
/// No thread can be started.
pub fn start(socket: PathBuf) -> io::Result<mpsc::Receiver<FromNet>> {
    let (events, receiver) = mpsc::channel(INCOMING);
    thread::Builder::new().name("link".into()).spawn(move || run(&socket, &events))?;
    Ok(receiver)
}

fn run(socket: &Path, events: &mpsc::Sender<FromNet>) {
    let mut wait = FIRST_WAIT;
    let mut told = String::new();
    while !events.is_closed() {
        match connect(socket) {
            Ok((stream, reader, empty)) => {
                told.clear();
                wait = FIRST_WAIT;
                let why = attend(stream, reader, empty, events);
                tracing::warn!(reason = %why, "link to the data plane lost");
                if events.blocking_send(FromNet::Lost).is_err() {
                    return;
                }
            }
            Err(e) => {
                let text = e.to_string();
                if text != told {
                    tracing::info!(socket = %socket.display(), error = %text, "data plane not reachable, still trying");
                    told = text;
                }
            }
        }
        thread::sleep(wait);
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// The answer says besides whether it was told nothing yet.
fn connect(socket: &Path) -> io::Result<(UnixStream, Reader, bool)> {
    let stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    frame::write(&stream, &Command::Hello { version: VERSION }, &[])?;
    let mut reader = Reader::new(stream.try_clone()?);
    let empty = match reader.read::<Report>()? {
        Some(Report::Hello { version: VERSION, empty }) => empty,
        Some(Report::Hello { version, .. }) => {
            return Err(io::Error::other(format!(
                "`passerelle net` speaks version {version} of the link, `serve` version {VERSION}: restart both"
            )));
        }
        _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "no hello from the data plane")),
    };
    stream.set_read_timeout(None)?;
    Ok((stream, reader, empty))
}

/// Reads until the connection ends; the answer is why it did.
fn attend(stream: UnixStream, mut reader: Reader, empty: bool, events: &mpsc::Sender<FromNet>) -> io::Error {
    let stream = Arc::new(stream);
    let (queue, commands) = sync_channel(OUTGOING);
    let writing = stream.clone();
    let writer = thread::Builder::new().name("link-writer".into()).spawn(move || write(&writing, &commands));
    if let Err(e) = writer {
        return e;
    }
    let closing = || io::Error::other("serve is stopping");
    if events.blocking_send(FromNet::Connected { sender: Sender { queue, stream: stream.clone() }, empty }).is_err() {
        return closing();
    }
    let mut descriptors = VecDeque::new();
    let why = loop {
        let report = match reader.read::<Report>() {
            Ok(Some(report)) => report,
            Ok(None) => break io::ErrorKind::UnexpectedEof.into(),
            Err(e) => break e,
        };
        descriptors.extend(reader.take_descriptors());
        let event = match report {
            Report::Sockets { roles } if roles.len() <= descriptors.len() => {
                FromNet::Sockets(roles.into_iter().zip(std::iter::from_fn(|| descriptors.pop_front())).collect())
            }
            Report::Sockets { .. } => break io::Error::other("sockets without descriptors"),
            report => FromNet::Report(report),
        };
        if events.blocking_send(event).is_err() {
            break closing();
        }
    };
    // It may be gone already; this wakes the writer.
    let _ = stream.shutdown(Shutdown::Both);
    why
}

fn write(stream: &UnixStream, commands: &Receiver<(Command, Vec<OwnedFd>)>) {
    while let Ok((command, descriptors)) = commands.recv() {
        let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        if let Err(e) = frame::write(stream, &command, &descriptors) {
            tracing::debug!(error = %e, "link cannot be written to");
            // The reader notices and reports.
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}
