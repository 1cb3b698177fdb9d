//! Public names while `serve` is silent: tunnel DNS goes to the resolvers from here, so that a person at home does not
//! lose the internet because the control plane restarts.
//!
//! The sockets are the very ones `serve` reads: one queue, two readers, of which this one stays away unless engaged.
//! Site and office names are not answered here (their aliases are in the database), they fail; an answer that holds a
//! private address fails too, for only `serve` knows its alias. TCP waits for `serve`. One thread, no tokio.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::Name;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::clock::Boot;
use crate::dns::MAX_QUERY;
use crate::dns::answer::{Screened, is_private_reverse, reply, screen, udp_limit};
use crate::dns::limit::Buckets;
use crate::dns::rewrite::holds_private;
use crate::dns::upstream::{ANSWER_BUFFER, MAX_TRIES, PER_TRY, accept, ask, random_id, readdress};

/// Queries that wait for a resolver at once, each with a socket of its own.
const MAX_IN_FLIGHT: usize = 256;

/// Datagrams taken from one socket before the others have their turn.
const BATCH: usize = 32;

/// Answers public DNS while engaged. Dropping it ends its thread.
pub struct Fallback {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    wake: OwnedFd,
    engaged: AtomicBool,
    stop: AtomicBool,
    upstream: ArcSwap<Upstream>,
}

#[derive(Default)]
struct Upstream {
    resolvers: Vec<SocketAddr>,
    private_zones: Vec<Name>,
}

impl Fallback {
    /// Starts disengaged and without resolvers. `sockets` share their queue with `serve`'s.
    ///
    /// # Errors
    /// The kernel gives no thread or no event descriptor, or a socket cannot be made non-blocking.
    pub fn new(sockets: Vec<UdpSocket>) -> io::Result<Self> {
        for socket in &sockets {
            socket.set_nonblocking(true)?;
        }
        let shared = Arc::new(Shared {
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            engaged: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            upstream: ArcSwap::default(),
        });
        let worker = Worker { shared: Arc::clone(&shared), sockets, pending: Vec::new(), buckets: Buckets::default() };
        let thread = std::thread::Builder::new().name("dns-fallback".into()).spawn(move || worker.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Who is asked, in this order, and the zones (without final dot) that are never asked outside. A zone that is no
    /// name at all closes everything: nobody is asked.
    pub fn set(&self, resolvers: Vec<SocketAddr>, private_zones: Vec<String>) {
        let zones: Result<Vec<Name>, _> = private_zones
            .into_iter()
            .map(|zone| {
                Name::from_ascii(zone).map(|mut zone| {
                    zone.set_fqdn(true);
                    zone
                })
            })
            .collect();
        let upstream = match zones {
            Ok(private_zones) => Upstream { resolvers, private_zones },
            Err(error) => {
                tracing::warn!(%error, "private zone is not a name: no DNS while serve is silent");
                Upstream::default()
            }
        };
        self.shared.upstream.store(Arc::new(upstream));
    }

    /// `serve` is silent: answer from now on.
    pub fn engage(&self) {
        self.shared.engaged.store(true, Ordering::Release);
        self.shared.wake();
    }

    /// `serve` is back: read no more. What was asked already is still answered.
    pub fn disengage(&self) {
        self.shared.engaged.store(false, Ordering::Release);
        self.shared.wake();
    }
}

impl Drop for Fallback {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn wake(&self) {
        // It fails only when the counter is full, and then the thread is awake.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

/// A query somebody waits for.
struct Pending {
    query: Message,
    client: SocketAddr,
    /// Index of the socket it came by.
    through: usize,
    /// How many resolvers were asked.
    tried: usize,
    id: u16,
    socket: UdpSocket,
    until: Boot,
}

struct Worker {
    shared: Arc<Shared>,
    sockets: Vec<UdpSocket>,
    pending: Vec<Pending>,
    buckets: Buckets,
}

impl Worker {
    fn run(mut self) {
        while !self.shared.stop.load(Ordering::Acquire) {
            let (first, ready) = match self.wait() {
                Ok(ready) => ready,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => {
                    tracing::error!(%error, "poll: DNS while serve is silent ends");
                    return;
                }
            };
            let mut counter = [0; 8];
            // Nothing to read means that it was something else.
            let _ = rustix::io::read(&self.shared.wake, &mut counter);
            self.collect(&ready[first..]);
            for (index, _) in ready[..first].iter().enumerate().filter(|(_, ready)| **ready) {
                self.take(index);
            }
            self.expire();
        }
    }

    /// Waits for something to do. Says which descriptors are ready: first the shared sockets, if they were asked about
    /// (their number comes along), then those of the pending queries.
    fn wait(&self) -> Result<(usize, Vec<bool>), rustix::io::Errno> {
        let shared: &[UdpSocket] = if self.shared.engaged.load(Ordering::Acquire) { &self.sockets } else { &[] };
        let sockets = shared.iter().chain(self.pending.iter().map(|p| &p.socket));
        let mut fds = vec![PollFd::new(&self.shared.wake, PollFlags::IN)];
        fds.extend(sockets.map(|socket| PollFd::new(socket, PollFlags::IN)));
        let now = Boot::now();
        let timeout = self.pending.iter().map(|p| p.until.remaining(now)).min().map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        poll(&mut fds, timeout.as_ref())?;
        Ok((shared.len(), fds.iter().skip(1).map(|fd| !fd.revents().is_empty()).collect()))
    }

    /// Reads what clients ask.
    fn take(&mut self, index: usize) {
        let mut buffer = [0; MAX_QUERY + 1];
        for _ in 0..BATCH {
            // Asked before every read: after `disengage` the queue belongs to `serve` alone.
            if !self.shared.engaged.load(Ordering::Acquire) {
                return;
            }
            let Ok((read, client)) = self.sockets[index].recv_from(&mut buffer) else { return };
            let within = self.buckets.take(client.ip(), Boot::now());
            match screen(&buffer[..read]) {
                Screened::Query(query) if within => self.begin(query, client, index),
                Screened::Query(query) => self.refuse(&query, client, index, ResponseCode::Refused),
                Screened::Refuse(refusal) if within => {
                    let _ = self.sockets[index].send_to(&refusal.to_vec().unwrap_or_default(), client);
                }
                Screened::Refuse(_) | Screened::Ignore => {}
            }
        }
    }

    fn begin(&mut self, query: Message, client: SocketAddr, through: usize) {
        let upstream = self.shared.upstream.load();
        let outside = query.queries.first().is_some_and(|question| {
            let name = question.name();
            !is_private_reverse(name) && !upstream.private_zones.iter().any(|zone| zone.zone_of(name))
        });
        // Half of what is left: nobody takes it all.
        let mine = self.pending.iter().filter(|p| p.client.ip() == client.ip()).count();
        if !outside || mine >= MAX_IN_FLIGHT - self.pending.len().min(MAX_IN_FLIGHT) {
            self.refuse(&query, client, through, ResponseCode::ServFail);
            return;
        }
        self.ask_next(query, client, through, 0);
    }

    /// Asks the next resolver that can be asked; if there is none, the query has failed.
    fn ask_next(&mut self, query: Message, client: SocketAddr, through: usize, mut tried: usize) {
        let upstream = self.shared.upstream.load_full();
        for resolver in upstream.resolvers.iter().take(MAX_TRIES).skip(tried) {
            tried += 1;
            if let Ok((id, socket)) = send(&query, *resolver) {
                let until = Boot::now() + PER_TRY;
                self.pending.push(Pending { query, client, through, tried, id, socket, until });
                return;
            }
        }
        self.refuse(&query, client, through, ResponseCode::ServFail);
    }

    /// Takes in what resolvers said. `ready` follows the order of `pending`.
    fn collect(&mut self, ready: &[bool]) {
        let mut at = 0;
        for ready in ready {
            match if *ready { self.pending[at].receive() } else { Received::Nothing } {
                Received::Nothing => at += 1,
                Received::Answer(bytes) => {
                    let done = self.pending.remove(at);
                    let _ = self.sockets[done.through].send_to(&bytes, done.client);
                }
                Received::Failure => {
                    let failed = self.pending.remove(at);
                    self.ask_next(failed.query, failed.client, failed.through, failed.tried);
                }
            }
        }
    }

    fn expire(&mut self) {
        let now = Boot::now();
        let (late, waiting) = std::mem::take(&mut self.pending).into_iter().partition(|p| p.until <= now);
        self.pending = waiting;
        for late in Vec::into_iter(late) {
            self.ask_next(late.query, late.client, late.through, late.tried);
        }
    }

    fn refuse(&self, query: &Message, client: SocketAddr, through: usize, code: ResponseCode) {
        // The client may be gone; it asks again if it is not.
        let _ = self.sockets[through].send_to(&reply(query, code).to_vec().unwrap_or_default(), client);
    }
}

enum Received {
    Nothing,
    Answer(Vec<u8>),
    Failure,
}

impl Pending {
    fn receive(&self) -> Received {
        let mut buffer = [0; ANSWER_BUFFER];
        let read = match self.socket.recv(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Received::Nothing,
            Err(_) => return Received::Failure,
        };
        let Some(message) = accept(&buffer[..read], self.id, &self.query) else { return Received::Nothing };
        let code = message.response_code;
        if matches!(code, ResponseCode::ServFail | ResponseCode::Refused) {
            return Received::Failure;
        }
        let answer = if holds_private(&message) {
            reply(&self.query, ResponseCode::ServFail).to_vec().ok()
        } else if read > udp_limit(&self.query) {
            let mut short = reply(&self.query, ResponseCode::NoError);
            short.metadata.truncation = true;
            short.to_vec().ok()
        } else {
            readdress(buffer[..read].to_vec(), self.query.id)
        };
        answer.map_or(Received::Failure, Received::Answer)
    }
}

/// Sends the query from a socket, and so a random port, of its own.
fn send(query: &Message, resolver: SocketAddr) -> io::Result<(u16, UdpSocket)> {
    let id = random_id()?;
    let asked = ask(query, id).ok_or(io::ErrorKind::InvalidData)?;
    let any: SocketAddr =
        if resolver.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    // Connected: the kernel drops what any other address sends, and reports a closed port at once.
    socket.connect(resolver)?;
    socket.send(&asked)?;
    Ok((id, socket))
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
