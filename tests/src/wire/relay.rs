//! The wire's hands: frames in on one side, out on the other, with the fate that was decided.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::IoSlice;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{MMsgHdr, RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmmsg};

use super::packet_socket::{HEADER, PacketSocket};
use super::{Faults, Way, corrupt, udp_payload};
use crate::netns::Netns;

/// The interfaces of the wire's namespace.
pub(crate) const HOME_SIDE: &str = "home";
pub(crate) const INTERNET_SIDE: &str = "inet";

/// Frames from one side before the other has its turn.
const TURN: usize = 64;
/// Frames that are on their way at once: more are lost, as in any queue.
const QUEUE: usize = 50_000;
/// Frames that are kept for [`Wire::taken`].
const TAKEN: usize = 50_000;
/// The thread looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);
/// No frame is larger.
const LARGEST: usize = 1 << 16;
/// Frames that one call sends again.
const BATCH: usize = 64;

/// One frame that went over the wire.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Which way.
    pub way: Way,
    bytes: Vec<u8>,
}

impl Frame {
    /// What UDP carries: WireGuard's message.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        let frame = self.bytes.get(HEADER..).unwrap_or_default();
        udp_payload(frame).map_or(&[], |payload| &frame[payload])
    }
}

/// How many datagrams met which fate, both ways together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Came.
    pub seen: u64,
    /// Were lost on purpose.
    pub lost: u64,
    /// Were sent twice.
    pub doubled: u64,
    /// Overtook one that was ahead of them.
    pub overtook: u64,
    /// Had a bit turned.
    pub corrupted: u64,
    /// Were lost because the queue was full, or because the other side took no more.
    pub overflown: u64,
}

#[derive(Debug, Default)]
struct Shared {
    faults: Faults,
    numbers: [u64; 2],
    counts: Counts,
    taking: bool,
    taken: Vec<Frame>,
}

/// The wire between one home and the internet.
#[derive(Debug)]
pub struct Wire {
    ns: Netns,
    shared: Arc<Mutex<Shared>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Wire {
    /// Connects the two interfaces of `ns`; without a fault for now.
    pub(crate) fn lay(ns: Netns) -> anyhow::Result<Self> {
        let ends = ns.within(|| Ok([PacketSocket::open(HOME_SIDE)?, PacketSocket::open(INTERNET_SIDE)?]))?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let mut relay = Relay {
            ends,
            shared: Arc::clone(&shared),
            due: BinaryHeap::new(),
            last: [Instant::now(); 2],
            buffer: vec![0; LARGEST],
        };
        let end = Arc::clone(&stop);
        let thread = thread::Builder::new().name("wire".to_owned()).spawn(move || {
            while !end.load(Ordering::Relaxed) {
                relay.round();
            }
        })?;
        Ok(Self { ns, shared, stop, thread: Some(thread) })
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the wire is so; packets are numbered and counted from the beginning.
    pub fn be(&self, faults: Faults) {
        let mut shared = self.shared();
        (shared.faults, shared.numbers, shared.counts) = (faults, [0; 2], Counts::default());
    }

    /// What became of packets since [`Wire::be`].
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared().counts
    }

    /// Keeps every datagram from now on (fifty thousand at most).
    pub fn take(&self) {
        let mut shared = self.shared();
        shared.taking = true;
        shared.taken.clear();
    }

    /// Ends [`Wire::take`] and gives what was kept.
    #[must_use]
    pub fn taken(&self) -> Vec<Frame> {
        let mut shared = self.shared();
        shared.taking = false;
        std::mem::take(&mut shared.taken)
    }

    /// Sends frames again, round and round, as they were and as fast as it goes, until there are `count`, or time is up.
    /// Says how many there were.
    ///
    /// # Errors
    /// The wire is cut.
    pub fn replay(&self, frames: &[Frame], count: u64, limit: Duration) -> anyhow::Result<u64> {
        let first = frames.first().context("frames to send again")?;
        let side = if first.way == Way::Out { INTERNET_SIDE } else { HOME_SIDE };
        let socket = self.ns.within(|| PacketSocket::sender(side))?;
        let (until, mut sent) = (Instant::now() + limit, 0);
        for batch in frames.chunks(BATCH).cycle() {
            if sent >= count || Instant::now() >= until {
                break;
            }
            let left = usize::try_from(count - sent).unwrap_or(usize::MAX);
            let slices: Vec<[IoSlice<'_>; 1]> = batch.iter().take(left).map(|f| [IoSlice::new(&f.bytes)]).collect();
            let mut controls: Vec<_> = slices.iter().map(|_| SendAncillaryBuffer::default()).collect();
            let mut messages: Vec<_> = slices.iter().zip(&mut controls).map(|(s, c)| MMsgHdr::new(s, c)).collect();
            match sendmmsg(socket.as_fd(), &mut messages, SendFlags::empty()) {
                Ok(n) => sent += n as u64,
                // the other side's queue is full
                Err(Errno::AGAIN | Errno::NOBUFS) => thread::yield_now(),
                Err(e) => return Err(e).context("send again"),
            }
        }
        Ok(sent)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A frame under way: when it is due, in which order it was decided, to which end, and its bytes.
type Due = Reverse<(Instant, u64, usize, Vec<u8>)>;

struct Relay {
    ends: [PacketSocket; 2],
    shared: Arc<Mutex<Shared>>,
    due: BinaryHeap<Due>,
    /// When the last of each direction is due: who is due earlier overtakes it.
    last: [Instant; 2],
    buffer: Vec<u8>,
}

impl Relay {
    fn round(&mut self) {
        let wait = self.due.peek().map_or(LOOK, |Reverse((at, ..))| at.saturating_duration_since(Instant::now()));
        let wait = wait.min(LOOK);
        let timeout = Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() };
        let mut fds: [PollFd<'_>; 2] = std::array::from_fn(|n| PollFd::new(&self.ends[n], PollFlags::IN));
        // an interrupted poll is a round without frames
        let _ = poll(&mut fds, Some(&timeout));
        self.read(Way::Out);
        self.read(Way::In);
        let now = Instant::now();
        while self.due.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, _, to, bytes))) = self.due.pop() else { return };
            if !write(self.ends[to].as_fd(), &bytes) {
                self.shared.lock().unwrap_or_else(PoisonError::into_inner).counts.overflown += 1;
            }
        }
    }

    fn read(&mut self, way: Way) {
        let (from, to) = if way == Way::Out { (0, 1) } else { (1, 0) };
        let mut buffer = std::mem::take(&mut self.buffer);
        self.pass(way, from, to, &mut buffer);
        self.buffer = buffer;
    }

    fn pass(&mut self, way: Way, from: usize, to: usize, buffer: &mut [u8]) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..TURN {
            let Ok((n, _)) = recv(&self.ends[from], &mut *buffer, RecvFlags::DONTWAIT) else { return };
            let bytes = &mut buffer[..n];
            if bytes.get(HEADER..).and_then(udp_payload).is_none() {
                write(self.ends[to].as_fd(), bytes);
                continue;
            }
            if shared.taking && shared.taken.len() < TAKEN {
                shared.taken.push(Frame { way, bytes: bytes.to_vec() });
            }
            let number = shared.numbers[from];
            shared.numbers[from] += 1;
            let fate = shared.faults.fate(way, number);
            let counts = &mut shared.counts;
            counts.seen += 1;
            counts.lost += u64::from(fate.copies[0].is_none());
            counts.doubled += u64::from(fate.copies[1].is_some());
            if let Some(which) = fate.corrupt {
                counts.corrupted += 1;
                corrupt(&mut bytes[HEADER..], which);
            }
            let now = Instant::now();
            for delay in fate.copies.into_iter().flatten() {
                let at = now + delay;
                counts.overtook += u64::from(at < self.last[from]);
                self.last[from] = self.last[from].max(at);
                if delay.is_zero() {
                    counts.overflown += u64::from(!write(self.ends[to].as_fd(), bytes));
                } else if self.due.len() < QUEUE {
                    self.due.push(Reverse((at, number, to, bytes.to_vec())));
                } else {
                    counts.overflown += 1;
                }
            }
        }
    }
}

fn write(end: BorrowedFd<'_>, frame: &[u8]) -> bool {
    send(end, frame, SendFlags::DONTWAIT).is_ok()
}
