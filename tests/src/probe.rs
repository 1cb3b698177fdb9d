//! Knocking: is a port open, refused, or silent, and how soon is that known? And ports to knock at.

use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::io::Errno;

use crate::netns::Netns;

/// What became of a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Connected.
    Open,
    /// Somebody said no: a reset, or an ICMP error.
    Refused {
        /// After so long.
        after: Duration,
        /// `ECONNREFUSED` or `ECONNRESET` for a reset; `EHOSTUNREACH`, `EACCES` or the like for ICMP.
        errno: i32,
    },
    /// Nobody answered at all.
    Silent,
    /// There is not even a route.
    NoRoute,
}

impl Reach {
    /// Connected.
    #[must_use]
    pub fn is_open(self) -> bool {
        self == Self::Open
    }

    /// Refused, and the caller knows it in less than a second.
    #[must_use]
    pub fn is_refused_at_once(self) -> bool {
        matches!(self, Self::Refused { after, .. } if after < Duration::from_secs(1))
    }
}

/// Tries to open a TCP connection from inside a namespace.
///
/// # Errors
/// The namespace cannot be entered.
pub fn connect(ns: &Netns, to: SocketAddr, limit: Duration) -> anyhow::Result<Reach> {
    ns.within(|| {
        let began = Instant::now();
        Ok(match TcpStream::connect_timeout(&to, limit) {
            Ok(_) => Reach::Open,
            Err(e) if e.kind() == ErrorKind::TimedOut => Reach::Silent,
            Err(e) if Errno::from_io_error(&e) == Some(Errno::NETUNREACH) => Reach::NoRoute,
            // a reset, also of one who closes the port just now; ICMP errors as they come for IPv4 and IPv6
            Err(e)
                if matches!(
                    Errno::from_io_error(&e),
                    Some(Errno::CONNREFUSED | Errno::CONNRESET | Errno::HOSTUNREACH | Errno::ACCESS)
                ) =>
            {
                Reach::Refused { after: began.elapsed(), errno: e.raw_os_error().unwrap_or_default() }
            }
            Err(e) => return Err(e).with_context(|| format!("connect to {to}")),
        })
    })
}

/// What became of an echo request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    /// The echo came back.
    Answered,
    /// An ICMP error came back.
    Refused,
    /// Nothing came back.
    Silent,
}

/// One echo request from inside a namespace; waits a second for its answer.
///
/// # Errors
/// The program cannot be started.
pub fn ping(ns: &Netns, to: IpAddr) -> anyhow::Result<Ping> {
    let to = to.to_string();
    let out = ns.run(["ping", "-n", "-c", "1", "-W", "1", &to])?;
    let said = out.both();
    Ok(if out.ok() {
        Ping::Answered
    } else if ["nreachable", "rohibited", "ltered", "denied", "+1 errors"].iter().any(|w| said.contains(w)) {
        Ping::Refused
    } else {
        Ping::Silent
    })
}

/// An open TCP port that says a word to whoever comes, and counts them.
#[derive(Debug)]
pub struct Listener {
    accepted: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Opens `port` on all addresses of the namespace, IPv4 and IPv6.
    ///
    /// # Errors
    /// The port is taken.
    pub fn open(ns: &Netns, port: u16, word: &'static str) -> anyhow::Result<Self> {
        Self::serve(ns, port, move |mut stream| {
            let _ = stream.write_all(word.as_bytes());
        })
    }

    /// The same with something to do for each connection, on a thread of its own.
    ///
    /// # Errors
    /// The port is taken.
    pub fn serve(ns: &Netns, port: u16, each: impl Fn(TcpStream) + Send + Sync + 'static) -> anyhow::Result<Self> {
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let listener = ns.within(|| TcpListener::bind(any).with_context(|| format!("listen on port {port}")))?;
        listener.set_nonblocking(true)?;
        let accepted = Arc::new(AtomicU32::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (count, end, each) = (Arc::clone(&accepted), Arc::clone(&stop), Arc::new(each));
        let thread = thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        count.fetch_add(1, Ordering::Relaxed);
                        let _ = stream.set_nonblocking(false);
                        let each = Arc::clone(&each);
                        thread::spawn(move || each(stream));
                    }
                    // Accepting without blocking is what lets the thread see that it is to stop.
                    Err(_) => sleep(Duration::from_millis(10)),
                }
            }
        });
        Ok(Self { accepted, stop, thread: Some(thread) })
    }

    /// How many have come.
    #[must_use]
    pub fn accepted(&self) -> u32 {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
