//! Notices when somebody else changes or removes our table, within milliseconds, and every five seconds for certain.
//!
//! The kernel tells all changes to nf_tables to a netlink group. A transaction that touches our table is ours if it
//! brings a marker chain of this process; process numbers would not do, they differ between pid namespaces.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::Duration;

use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_NETFILTER;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::net::sockopt::set_socket_recv_buffer_size_force;

use super::netlink::{Attributes, DATAGRAM, Message, NLM_F_ACK, Request, Talk, messages};
use super::ruleset::marker;
use crate::clock::Boot;

/// NFNLGRP_NFTABLES.
const GROUP: u32 = 7;
/// NFNL_SUBSYS_NFTABLES, and messages of it (linux/netfilter/nf_tables.h).
const NFTABLES: u16 = 10 << 8;
const NEW_CHAIN: u16 = NFTABLES | 3;
const GET_CHAIN: u16 = NFTABLES | 4;
const NEW_GENERATION: u16 = NFTABLES | 15;
const TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const GENERATION_PID: u16 = 2;
const GENERATION_PROGRAM: u16 = 3;
const FAMILY_INET: u8 = 1;
/// Room for the notifications of a load of about 50,000 elements.
const RECEIVE: usize = 32 << 20;
/// How often it is checked that the table still has our marker.
const CHECK: Duration = Duration::from_secs(5);
/// A load of our own that overruns the buffer must not lead to another load at once, and so on for ever.
const MISSED_AGAIN: Duration = Duration::from_secs(30);
/// The kernel's timeouts stand still while the machine is suspended, ends do not.
const SLEPT: Duration = Duration::from_secs(1);

/// What happened to our table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// Somebody else's transaction touched it.
    Foreign {
        /// The program, as the kernel names it; escaped, for it is anybody's.
        program: String,
        /// Its process number.
        pid: u32,
    },
    /// Notifications were lost, so it may have been touched.
    Missed,
    /// It is not there any more, or not as we loaded it.
    Gone,
    /// The machine was suspended, and elements stay for longer than they should.
    Slept,
}

/// What tells our transactions from others'.
#[derive(Debug)]
pub struct Own {
    table: String,
    process: u64,
    /// Locked while a transaction is under way.
    current: Mutex<Current>,
}

#[derive(Debug, Default)]
struct Current {
    count: u64,
    marker: Option<u128>,
}

impl Own {
    pub(super) fn new(table: &str) -> Result<Self, getrandom::Error> {
        let mut process = [0; 8];
        getrandom::fill(&mut process)?;
        let process = u64::from_ne_bytes(process);
        Ok(Self { table: table.to_owned(), process, current: Mutex::default() })
    }

    /// Runs a transaction that brings the marker of a new generation.
    pub(super) fn next<E>(&self, transaction: impl FnOnce(u128) -> Result<(), E>) -> Result<u128, E> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.count += 1;
        let generation = u128::from(self.process) << 64 | u128::from(current.count);
        transaction(generation)?;
        current.marker = Some(generation);
        Ok(generation)
    }

    /// Whether a chain of this name is a marker of this process.
    fn owns(&self, chain: &[u8]) -> bool {
        let ours = marker(u128::from(self.process) << 64);
        chain.len() == ours.len() && chain.get(..18) == ours.as_bytes().get(..18)
    }

    fn marker(&self) -> Option<u128> {
        match self.current.try_lock() {
            Ok(current) => current.marker,
            Err(TryLockError::Poisoned(e)) => e.into_inner().marker,
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Whether the kernel has the table as we loaded it last. While a transaction is under way: yes.
    ///
    /// # Errors
    /// The kernel could not be asked.
    fn stands(&self, talk: &mut Talk) -> io::Result<bool> {
        let Some(generation) = self.marker() else { return Ok(true) };
        let zero = |text: &str| [text.as_bytes(), &[0]].concat();
        let request = Request::new(GET_CHAIN, NLM_F_ACK, FAMILY_INET)
            .attribute(TABLE, &zero(&self.table), false)
            .attribute(CHAIN_NAME, &zero(&marker(generation)), false);
        match talk.ask(request, |_| {}) {
            Ok(()) => Ok(true),
            // It may have been replaced by our own next one meanwhile.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(self.marker() != Some(generation)),
            Err(e) => Err(e),
        }
    }
}

/// The watching thread; it ends when this is dropped.
#[derive(Debug)]
pub struct Watch {
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts to watch in the network namespace of the calling thread. `touched` is called on the watching thread.
    ///
    /// # Errors
    /// The kernel has no nf_tables notifications for us, or no thread.
    pub fn start(own: Arc<Own>, touched: impl FnMut(Touched) + Send + 'static) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        // Without the privilege to exceed the system's limit we take what we get: a miss is noticed.
        let _ = set_socket_recv_buffer_size_force(&socket, RECEIVE);
        socket.add_membership(GROUP)?;
        socket.set_non_blocking(true)?;
        let talk = Talk::open()?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
        let stopped = stop.try_clone()?;
        let watcher = Watcher { own, socket, talk, transaction: Transaction::default(), touched };
        let thread = std::thread::Builder::new().name("nft-watch".to_owned()).spawn(move || watcher.run(&stopped))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is known of the transaction whose messages are coming in.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    touches_us: bool,
    is_ours: bool,
}

impl Transaction {
    /// Takes in one message; at the end of a foreign transaction that touched us, who it was.
    pub(super) fn message(&mut self, own: &Own, message: Message<'_>) -> Option<Touched> {
        if message.kind & 0xff00 != NFTABLES {
            return None;
        }
        let attributes = message.attributes();
        if message.kind == NEW_GENERATION {
            let Self { touches_us, is_ours } = std::mem::take(self);
            return (touches_us && !is_ours).then(|| foreign(attributes));
        }
        if message.family() == FAMILY_INET && attributes.name(TABLE) == Some(own.table.as_bytes()) {
            self.touches_us = true;
            self.is_ours |= message.kind == NEW_CHAIN && attributes.name(CHAIN_NAME).is_some_and(|n| own.owns(n));
        }
        None
    }
}

fn foreign(attributes: Attributes<'_>) -> Touched {
    let program = attributes.name(GENERATION_PROGRAM).unwrap_or(b"?").escape_ascii().to_string();
    let pid = attributes.find(GENERATION_PID).and_then(|v| v.try_into().ok()).map_or(0, u32::from_be_bytes);
    Touched::Foreign { program, pid }
}

struct Watcher<F> {
    own: Arc<Own>,
    socket: Socket,
    talk: Talk,
    transaction: Transaction,
    touched: F,
}

impl<F: FnMut(Touched)> Watcher<F> {
    fn run(mut self, stop: &OwnedFd) {
        let mut check = Boot::now() + CHECK;
        let mut missed: Option<Boot> = None;
        let mut asleep = suspended();
        loop {
            let left = check.remaining(Boot::now());
            let left = Timespec::try_from(left).ok();
            let mut fds =
                [PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN), PollFd::new(&self.socket, PollFlags::IN)];
            match poll(&mut fds, left.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "second lock: the watch cannot go on; changes by others will go unnoticed");
                    return;
                }
            }
            if !fds[0].revents().is_empty() {
                return;
            }
            if !fds[1].revents().is_empty() && self.drain() {
                let again = missed.is_some_and(|at| Boot::now() < at + MISSED_AGAIN);
                if !again {
                    missed = Some(Boot::now());
                    (self.touched)(Touched::Missed);
                }
                // What was missed may have removed us: not five seconds from now, but at once.
                check = Boot::now();
            }
            if check <= Boot::now() {
                self.check(&mut asleep);
                check = Boot::now() + CHECK;
            }
        }
    }

    /// Reads what has come. `true`: something was lost.
    fn drain(&mut self) -> bool {
        let mut buffer = Vec::with_capacity(DATAGRAM);
        let mut lost = false;
        loop {
            buffer.clear();
            match self.socket.recv(&mut buffer, 0) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return lost,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    // Messages were dropped. What came before them cannot be judged any more.
                    self.transaction = Transaction::default();
                    if error.raw_os_error() != Some(rustix::io::Errno::NOBUFS.raw_os_error()) {
                        tracing::warn!(%error, "second lock: the watch cannot read");
                        return true;
                    }
                    lost = true;
                    continue;
                }
            }
            for message in messages(&buffer) {
                if let Some(touched) = self.transaction.message(&self.own, message) {
                    (self.touched)(touched);
                }
            }
        }
    }

    fn check(&mut self, asleep: &mut Duration) {
        match self.own.stands(&mut self.talk) {
            Ok(true) => {}
            Ok(false) => (self.touched)(Touched::Gone),
            Err(error) => tracing::warn!(%error, "second lock: cannot ask the kernel for our table"),
        }
        let now = suspended();
        if now > *asleep + SLEPT {
            (self.touched)(Touched::Slept);
        }
        *asleep = now;
    }
}

/// How long the machine was suspended since it started.
fn suspended() -> Duration {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let awake = t.tv_sec.unsigned_abs() * 1000 + t.tv_nsec.unsigned_abs() / 1_000_000;
    Duration::from_millis(Boot::now().0.saturating_sub(awake))
}
