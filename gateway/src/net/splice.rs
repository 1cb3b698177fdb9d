//! Desktops: two sockets become one connection, which the kernel carries (splice(2)) until one of them ends, `serve` says
//! so, or the device may not reach the PC any more.
//!
//! One thread for all, edge-triggered. A pipe is held only while something is in it, so an idle desktop is two
//! descriptors and no memory. Whoever does not read holds up the other side, and nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::time::Duration;

use anyhow::Context as _;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;
use rustix::net::{Shutdown, sockopt};
use rustix::pipe::{PipeFlags, SpliceFlags};

use super::Event;
use crate::clock::Boot;
use crate::ids::DesktopId;
use crate::link::message::DesktopEnd;

/// Desktops at once: two descriptors each, six while something waits in both directions. All of them told of fit a frame
/// of the link.
pub(super) const MOST: usize = 1_024;

/// Bytes that wait in a pipe for a slow reader.
const PIPE: usize = 256 * 1024;

/// Empty pipes that are kept for the next who needs one.
const SPARE: usize = 16;

/// Bytes that one direction of one desktop moves before the others have their turn.
const TURN: usize = 1 << 20;

/// Once one side has ended, the other has this long.
const HALF: Duration = Duration::from_secs(30);

/// A side that says nothing is asked after this, and given up after three questions without an answer.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVES: u32 = 3;

/// The same of a side that does not acknowledge what it is sent, in milliseconds.
const UNHEARD: u32 = 60_000;

/// What has passed so far, in bytes: from the device, and to it.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) rx: AtomicU64,
    pub(super) tx: AtomicU64,
}

/// Carries desktops.
#[derive(Debug)]
pub(super) struct Splicer {
    orders: Sender<Order>,
    bell: Arc<OwnedFd>,
}

#[derive(Debug)]
enum Order {
    Begin {
        id: DesktopId,
        ends: [OwnedFd; 2],
        passed: Arc<Passed>,
    },
    Cut(DesktopId, DesktopEnd),
    /// What was ordered before is done.
    Tell(Sender<()>),
}

impl Splicer {
    /// Starts the thread; ends are told as [`Event::DesktopEnded`].
    ///
    /// # Errors
    /// The kernel has no epoll, or no thread.
    pub(super) fn start(events: SyncSender<Event>) -> anyhow::Result<Self> {
        let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).context("eventfd")?);
        let watch = epoll::create(epoll::CreateFlags::CLOEXEC).context("epoll")?;
        epoll::add(&watch, &bell, EventData::new_u64(BELL), EventFlags::IN).context("epoll")?;
        // Filled by one thread alone, which keeps count of desktops ([`MOST`]).
        let (orders, given) = channel();
        let carrier = Carrier {
            watch,
            bell: bell.clone(),
            given,
            events,
            desktops: BTreeMap::new(),
            keys: BTreeMap::new(),
            next: FIRST,
            spare: Vec::new(),
        };
        std::thread::Builder::new().name("desktops".into()).spawn(move || carrier.run())?;
        Ok(Self { orders, bell })
    }

    /// Joins the device's connection and the PC's.
    pub(super) fn begin(&self, id: DesktopId, ends: [OwnedFd; 2], passed: Arc<Passed>) {
        self.order(Order::Begin { id, ends, passed });
    }

    /// Ends one, at once.
    pub(super) fn cut(&self, id: DesktopId, why: DesktopEnd) {
        self.order(Order::Cut(id, why));
    }

    /// Waits until what was ordered is done; for so long at most.
    pub(super) fn settle(&self, within: Duration) {
        let (done, told) = channel();
        self.order(Order::Tell(done));
        // Whoever is late is late: the locks close all the same.
        let _ = told.recv_timeout(within);
    }

    fn order(&self, order: Order) {
        // The thread ends with the process alone.
        if self.orders.send(order).is_ok() {
            let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        }
    }
}

const BELL: u64 = 0;
const FIRST: u64 = 1;

#[derive(Debug)]
struct Carrier {
    watch: OwnedFd,
    bell: Arc<OwnedFd>,
    given: Receiver<Order>,
    events: SyncSender<Event>,
    desktops: BTreeMap<u64, Desktop>,
    keys: BTreeMap<DesktopId, u64>,
    next: u64,
    spare: Vec<Pipe>,
}

impl Carrier {
    fn run(mut self) {
        let mut ready = BTreeSet::new();
        let mut swept = Boot::now();
        loop {
            let pause = if ready.is_empty() { 1 } else { 0 };
            let mut happened: [epoll::Event; 64] =
                [epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(BELL) }; 64];
            let some = match epoll::wait(&self.watch, &mut happened, Some(&Timespec { tv_sec: pause, tv_nsec: 0 })) {
                Ok(some) => some,
                Err(Errno::INTR) => 0,
                Err(e) => {
                    // As after a panic: a `net` that half works is none.
                    tracing::error!(error = %e, "desktops cannot be carried any more");
                    std::process::abort();
                }
            };
            for event in happened.iter().take(some) {
                // The kernel's struct is packed.
                let data = event.data;
                match data.u64() {
                    BELL => {}
                    both => {
                        let (key, side) = (both >> 1, usize::from(both & 1 == 1));
                        // While a pipe is full this is heard nowhere else.
                        let left = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
                        let flags = event.flags;
                        if let Some(desktop) = self.desktops.get_mut(&key).filter(|_| flags.intersects(left)) {
                            desktop.first.get_or_insert((side, Boot::now()));
                        }
                        ready.insert(key);
                    }
                }
            }
            let mut rung = [0; 8];
            let _ = rustix::io::read(&self.bell, &mut rung);
            while let Ok(order) = self.given.try_recv() {
                self.obey(order, &mut ready);
            }
            for key in std::mem::take(&mut ready) {
                let Some(desktop) = self.desktops.get_mut(&key) else { continue };
                match desktop.carry(&mut self.spare) {
                    Turn::Waits => {}
                    Turn::Again => _ = ready.insert(key),
                    Turn::Ended(why, how) => self.end(key, why, how),
                }
            }
            let now = Boot::now();
            if swept + Duration::from_secs(1) <= now {
                swept = now;
                self.sweep(now);
            }
        }
    }

    fn obey(&mut self, order: Order, ready: &mut BTreeSet<u64>) {
        match order {
            Order::Begin { id, ends, passed } => {
                let key = self.next;
                self.next += 1;
                let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
                let watched = ends.iter().zip(0..).try_for_each(|(end, side)| {
                    prepare(end);
                    epoll::add(&self.watch, end, EventData::new_u64(key << 1 | side), flags)
                });
                if let Err(e) = watched {
                    tracing::warn!(error = %e, "a desktop cannot be carried");
                    let _ = self.events.send(Event::DesktopEnded(id, DesktopEnd::NoRoom));
                    return;
                }
                self.desktops.insert(key, Desktop { id, ends, halves: Default::default(), first: None, passed });
                self.keys.insert(id, key);
                ready.insert(key);
            }
            Order::Tell(done) => _ = done.send(()),
            Order::Cut(id, why) => {
                if let Some(key) = self.keys.get(&id).copied() {
                    self.end(key, why, How::Hard);
                }
            }
        }
    }

    /// One side has ended, and the other takes its time.
    fn sweep(&mut self, now: Boot) {
        let old = |d: &Desktop| d.first.is_some_and(|(_, at)| at + HALF < now);
        let late: Vec<_> = self.desktops.iter().filter(|(_, d)| old(d)).map(|(key, d)| (*key, d.by())).collect();
        for (key, why) in late {
            self.end(key, why, How::Hard);
        }
    }

    fn end(&mut self, key: u64, why: DesktopEnd, how: How) {
        let Some(desktop) = self.desktops.remove(&key) else { return };
        self.keys.remove(&desktop.id);
        if how == How::Hard {
            for end in &desktop.ends {
                // A reset: whoever waits for the other side need not wait.
                let _ = sockopt::set_socket_linger(end, Some(Duration::ZERO));
            }
        }
        // Closing takes them out of epoll.
        let _ = self.events.send(Event::DesktopEnded(desktop.id, why));
    }
}

/// A dead side is noticed, and keys are not held back for larger packets.
fn prepare(end: &OwnedFd) {
    let set = || {
        rustix::io::ioctl_fionbio(end, true)?;
        sockopt::set_tcp_nodelay(end, true)?;
        sockopt::set_tcp_user_timeout(end, UNHEARD)?;
        sockopt::set_socket_keepalive(end, true)?;
        sockopt::set_tcp_keepidle(end, KEEPALIVE)?;
        sockopt::set_tcp_keepintvl(end, KEEPALIVE_EVERY)?;
        sockopt::set_tcp_keepcnt(end, KEEPALIVES)
    };
    if let Err(e) = set() {
        tracing::debug!(error = %e, "a desktop's socket is not as it should be");
    }
}

/// How a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Both sides have said that they are done.
    Soft,
    /// By a reset.
    Hard,
}

enum Turn {
    Waits,
    Again,
    Ended(DesktopEnd, How),
}

#[derive(Debug)]
struct Desktop {
    id: DesktopId,
    /// The device's, and the PC's.
    ends: [OwnedFd; 2],
    /// What comes from the same.
    halves: [Half; 2],
    /// Which of the two ended first, and when.
    first: Option<(usize, Boot)>,
    passed: Arc<Passed>,
}

#[derive(Debug, Default)]
struct Half {
    pipe: Option<Pipe>,
    /// Bytes in it.
    held: usize,
    /// Nothing more comes.
    over: bool,
    /// The other side knows.
    told: bool,
}

#[derive(Debug)]
struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
}

impl Pipe {
    fn new() -> rustix::io::Result<Self> {
        let (out, into) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // A user may have so much in pipes; what is left is enough, only slower.
        let _ = rustix::pipe::fcntl_setpipe_size(&into, PIPE);
        Ok(Self { out, into })
    }
}

impl Desktop {
    fn by(&self) -> DesktopEnd {
        if self.first.is_some_and(|(side, _)| side == 1) { DesktopEnd::ByPc } else { DesktopEnd::ByDevice }
    }

    fn carry(&mut self, spare: &mut Vec<Pipe>) -> Turn {
        let mut again = false;
        for from in [0, 1] {
            let to = 1 - from;
            let half = &mut self.halves[from];
            let moved = half.carry(&self.ends[from], &self.ends[to], spare);
            let counter = if from == 0 { &self.passed.rx } else { &self.passed.tx };
            match moved {
                Ok(moved) => {
                    counter.fetch_add(moved as u64, Ordering::Relaxed);
                    again |= moved >= TURN;
                }
                Err(Broken::From) => return Turn::Ended([DesktopEnd::ByDevice, DesktopEnd::ByPc][from], How::Hard),
                Err(Broken::To) => return Turn::Ended([DesktopEnd::ByDevice, DesktopEnd::ByPc][to], How::Hard),
                Err(Broken::NoPipe) => return Turn::Ended(DesktopEnd::NoRoom, How::Hard),
            }
            if half.over && self.first.is_none() {
                self.first = Some((from, Boot::now()));
            }
        }
        if self.halves.iter().all(|half| half.told) {
            return Turn::Ended(self.by(), How::Soft);
        }
        if again { Turn::Again } else { Turn::Waits }
    }
}

enum Broken {
    From,
    To,
    NoPipe,
}

impl Half {
    /// Moves what there is, one turn's at most; gives how many bytes arrived.
    fn carry(&mut self, from: &OwnedFd, to: &OwnedFd, spare: &mut Vec<Pipe>) -> Result<usize, Broken> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let mut moved = 0;
        while moved < TURN {
            let mut stands = true;
            if !self.over && self.held < PIPE {
                let pipe = match &self.pipe {
                    Some(pipe) => pipe,
                    None => {
                        let pipe = spare.pop().map_or_else(Pipe::new, Ok).map_err(|_| Broken::NoPipe)?;
                        self.pipe.insert(pipe)
                    }
                };
                match rustix::pipe::splice(from, None, &pipe.into, None, PIPE - self.held, flags) {
                    Ok(0) => (self.over, stands) = (true, false),
                    Ok(n) => (self.held, stands) = (self.held + n, false),
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(_) => return Err(Broken::From),
                }
            }
            if let Some(pipe) = self.pipe.as_ref().filter(|_| self.held > 0) {
                match rustix::pipe::splice(&pipe.out, None, to, None, self.held, flags) {
                    Ok(n) => (self.held, moved, stands) = (self.held - n, moved + n, stands && n == 0),
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(_) => return Err(Broken::To),
                }
            }
            if stands {
                break;
            }
        }
        if self.held == 0 {
            if let Some(pipe) = self.pipe.take().filter(|_| spare.len() < SPARE) {
                spare.push(pipe);
            }
            if self.over && !self.told {
                self.told = true;
                rustix::net::shutdown(to, Shutdown::Write).map_err(|_| Broken::To)?;
            }
        }
        Ok(moved)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests measure real time")]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;
    use std::sync::mpsc::sync_channel;
    use std::time::Instant;

    use super::*;

    /// A connection: what a client has, and what a server has of it.
    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    struct Joined {
        device: TcpStream,
        pc: TcpStream,
        id: DesktopId,
        passed: Arc<Passed>,
    }

    fn joined(splicer: &Splicer) -> Joined {
        let ((device, here), (there, pc)) = (pair(), pair());
        let (id, passed) = (DesktopId::new(), Arc::<Passed>::default());
        splicer.begin(id, [here.into(), there.into()], passed.clone());
        for stream in [&device, &pc] {
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        }
        Joined { device, pc, id, passed }
    }

    fn started() -> (Splicer, Receiver<Event>) {
        let (events, told) = sync_channel(64);
        (Splicer::start(events).unwrap(), told)
    }

    fn ended(told: &Receiver<Event>) -> (DesktopId, DesktopEnd) {
        match told.recv_timeout(Duration::from_secs(20)).unwrap() {
            Event::DesktopEnded(id, end) => (id, end),
            other => panic!("{other:?}"),
        }
    }

    fn noise(n: usize, seed: u64) -> Vec<u8> {
        let mut x = seed | 1;
        (0..n)
            .map(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (x >> 33) as u8
            })
            .collect()
    }

    #[test]
    fn megabytes_pass_both_ways_and_halves_close_in_turn() {
        let (splicer, told) = started();
        let Joined { device, mut pc, id, passed } = joined(&splicer);
        const MUCH: usize = 9_000_001;
        let (up, down) = (noise(MUCH, 3), noise(MUCH, 5));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                device.try_clone().unwrap().write_all(&up).unwrap();
                device.shutdown(std::net::Shutdown::Write).unwrap();
            });
            scope.spawn(|| {
                // Slower than whoever sends: it waits for us.
                let mut got = Vec::new();
                let mut from = pc.try_clone().unwrap();
                let mut some = vec![0; 100_000];
                while got.len() < MUCH {
                    let n = from.read(&mut some).unwrap();
                    got.extend_from_slice(&some[..n]);
                    std::thread::sleep(Duration::from_millis(1));
                }
                assert!(got == up, "what came is not what was sent");
                assert_eq!(from.read(&mut some).unwrap(), 0, "the half that closed");
                // The other half is open.
                pc.write_all(&down).unwrap();
                pc.shutdown(std::net::Shutdown::Write).unwrap();
            });
            let mut got = Vec::new();
            device.try_clone().unwrap().read_to_end(&mut got).unwrap();
            assert!(got == down, "what came is not what was sent");
        });
        assert_eq!(ended(&told), (id, DesktopEnd::ByDevice));
        let passed = [passed.rx.load(Ordering::Relaxed), passed.tx.load(Ordering::Relaxed)];
        assert_eq!(passed, [MUCH as u64; 2]);
    }

    #[test]
    fn who_does_not_read_holds_up_the_sender_and_nobody_else() {
        let (splicer, told) = started();
        let mut stuck = joined(&splicer);
        let mut other = joined(&splicer);
        stuck.device.set_nonblocking(true).unwrap();
        let mut sent = 0_usize;
        let bytes = [7; 65_536];
        let mut still = Instant::now();
        // Buffers of the kernel, and our pipe: far less than all that is offered.
        while still.elapsed() < Duration::from_millis(300) && sent < 1 << 28 {
            match stuck.device.write(&bytes) {
                Ok(n) => (sent, still) = (sent + n, Instant::now()),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(5)),
                Err(e) => panic!("{e}"),
            }
        }
        assert!(sent < 1 << 28, "nothing holds the sender up");
        other.device.write_all(b"key").unwrap();
        let mut key = [0; 3];
        other.pc.read_exact(&mut key).unwrap();
        assert_eq!(&key, b"key");
        // All of it is there for who begins to read.
        let mut left = sent;
        let mut some = vec![0; 1 << 20];
        while left > 0 {
            left -= stuck.pc.read(&mut some).unwrap();
        }
        drop((stuck.pc, stuck.device));
        drop(other);
        let ends = [ended(&told).1, ended(&told).1];
        assert!(ends.iter().all(|end| matches!(end, DesktopEnd::ByPc | DesktopEnd::ByDevice)), "{ends:?}");
    }

    #[test]
    fn a_cut_resets_both_sides_at_once() {
        let (splicer, told) = started();
        let mut one = joined(&splicer);
        one.device.write_all(b"x").unwrap();
        one.pc.read_exact(&mut [0]).unwrap();
        let began = Instant::now();
        splicer.cut(one.id, DesktopEnd::NotAllowed);
        for side in [&mut one.device, &mut one.pc] {
            let end = side.read(&mut [0]).unwrap_err();
            assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
        }
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert_eq!(ended(&told), (one.id, DesktopEnd::NotAllowed));
        // Of one that is over nothing is said twice.
        splicer.cut(one.id, DesktopEnd::Cut);
        let next = joined(&splicer);
        splicer.cut(next.id, DesktopEnd::Cut);
        assert_eq!(ended(&told), (next.id, DesktopEnd::Cut));
    }

    #[test]
    fn a_reset_of_one_side_reaches_the_other() {
        let (splicer, told) = started();
        let one = joined(&splicer);
        sockopt::set_socket_linger(one.pc.as_fd(), Some(Duration::ZERO)).unwrap();
        drop(one.pc);
        let mut device = one.device;
        let end = device.read(&mut [0]);
        assert!(matches!(&end, Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset), "{end:?}");
        assert_eq!(ended(&told), (one.id, DesktopEnd::ByPc));
    }
}
