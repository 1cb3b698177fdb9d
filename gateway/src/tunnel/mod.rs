//! The data path: UDP on one side, the TUN on the other, boringtun's `noise` between, the first lock asked for every
//! flow.
//!
//! [`Device`] is the control thread's handle. [`Device::install`] returns only when no worker uses the state before any
//! more: what it took away does not pass after that.

mod coalesce;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod limiter;
mod outbox;
pub mod peer;
pub mod segment;
mod table;
pub mod tun;
pub mod udp;
mod verdicts;
mod wheel;
mod worker;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustix::event::{EventfdFlags, eventfd};

use self::limiter::{COOKIE_REPLY, Judgement, Limiter};
use self::peer::{Activity, Peer};
use self::table::{Identity, Table};
use self::tun::Tun;
use self::udp::{Lane, Socket};
use self::worker::Worker;
use crate::clock::Boot;
use crate::ids::DeviceId;
use crate::link::message::Interface;
use crate::pure::state::State;

/// A round of a worker lasts well below a millisecond; this is for a machine that stands still.
const ROUND_LIMIT: Duration = Duration::from_secs(2);

/// What the workers share.
#[derive(Debug)]
pub struct Shared {
    table: ArcSwap<Table>,
    identity: Identity,
    limiter: Mutex<Limiter>,
    sockets: Vec<Socket>,
    owners: Vec<usize>,
    rounds: Vec<AtomicU64>,
    wakes: Vec<OwnedFd>,
    wakened: Mutex<Vec<Arc<Peer>>>,
    mtu: usize,
}

/// The running data path.
#[derive(Debug)]
pub struct Device {
    shared: Arc<Shared>,
}

impl Device {
    /// Starts one worker for each queue of the TUN, under `state`, and one for handshakes. With each socket comes the
    /// worker that reads its packets.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(
        interface: &Interface,
        state: &State,
        sockets: Vec<(usize, Socket)>,
        queues: Vec<Tun>,
        now: Boot,
    ) -> io::Result<Self> {
        let identity = Identity::new(interface.private_key.0);
        let mut secret = [0; 32];
        random(&mut secret);
        let (owners, sockets) = sockets.into_iter().unzip();
        let Some(first) = queues.first() else { return Err(io::ErrorKind::InvalidInput.into()) };
        let mut tasks = vec![(Lane::Handshakes, first.duplicate()?)];
        tasks.splice(0..0, queues.into_iter().map(|queue| (Lane::Packets, queue)));
        let workers = tasks.len();
        let wakes = (0..workers)
            .map(|_| eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC))
            .collect::<Result<_, _>>()?;
        let shared = Arc::new(Shared {
            table: ArcSwap::default(),
            limiter: Mutex::new(Limiter::new(identity.public.as_bytes(), secret, now)),
            identity,
            sockets,
            owners,
            rounds: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            wakes,
            wakened: Mutex::new(Vec::new()),
            mtu: usize::from(interface.mtu),
        });
        let device = Self { shared };
        device.install(state, now);
        for (number, (lane, queue)) in tasks.into_iter().enumerate() {
            let worker = Worker::new(number, lane, device.shared.clone(), queue);
            let name = if lane == Lane::Packets { format!("worker-{number}") } else { "handshakes".to_owned() };
            std::thread::Builder::new().name(name).spawn(move || worker.run())?;
        }
        Ok(device)
    }

    /// Puts a state in force. When it returns, nothing passes any more that this state does not let pass.
    pub fn install(&self, state: &State, now: Boot) {
        let shared = &self.shared;
        let (table, added) = shared.table.load().next(state, &shared.identity, now);
        for peer in added {
            let Some(told) = state.peers.get(&peer.device).map(|held| &held.peer) else { continue };
            let stored = told.endpoint.and_then(|remote| worker::stored(remote, &shared.sockets));
            peer.noise().endpoint = stored;
            if told.recent && stored.is_some() {
                shared.wakened.lock().unwrap_or_else(PoisonError::into_inner).push(peer);
            }
        }
        shared.table.store(Arc::new(table));
        self.wait_for_rounds();
        self.wake(0);
    }

    /// What peers did that were ever heard; `before` is what was said of one last.
    #[must_use]
    pub fn activities(&self, before: impl Fn(DeviceId) -> Option<Activity>) -> Vec<(DeviceId, Activity)> {
        let table = self.shared.table.load();
        table.peers().filter_map(|peer| Some((peer.device, peer.activity(|| before(peer.device))?))).collect()
    }

    /// Waits until every round that was under way is over: the next one sees the new table.
    fn wait_for_rounds(&self) {
        fence(Ordering::SeqCst);
        for round in &self.shared.rounds {
            let seen = round.load(Ordering::SeqCst);
            let give_up = Boot::now() + ROUND_LIMIT;
            while seen % 2 == 1 && round.load(Ordering::SeqCst) == seen {
                if Boot::now() > give_up {
                    tracing::error!("a worker has not finished its round for two seconds");
                    break;
                }
                std::thread::yield_now();
            }
        }
    }

    fn wake(&self, worker: usize) {
        if let Some(wake) = self.shared.wakes.get(worker) {
            // full means that it will wake anyway
            let _ = rustix::io::write(wake, &1u64.to_ne_bytes());
        }
    }
}

impl Shared {
    fn enter(&self, worker: usize) {
        self.rounds[worker].fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    fn leave(&self, worker: usize) {
        self.rounds[worker].fetch_add(1, Ordering::SeqCst);
    }

    fn sockets_of(&self, worker: usize, lane: Lane) -> impl Iterator<Item = usize> + '_ {
        let its = move |owner: usize| lane == Lane::Handshakes || owner == worker;
        self.owners.iter().enumerate().filter(move |(_, owner)| its(**owner)).map(|(number, _)| number)
    }

    fn judge(&self, from: SocketAddr, message: &[u8], now: Boot, reply: &mut [u8; COOKIE_REPLY]) -> Judgement {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner).judge(from, message, now, reply, random)
    }

    fn take_wakened(&self, worker: usize) -> Vec<Arc<Peer>> {
        if worker != 0 {
            return Vec::new();
        }
        std::mem::take(&mut *self.wakened.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The kernel's random numbers. Without them nothing may go on: every secret would be known.
#[allow(clippy::expect_used)]
fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the kernel gives random numbers");
}
