//! The `net` process: what `serve` wants, brought into both locks.
//!
//! Plain threads: one reads the link, one keeps nftables, the workers carry packets, and this one decides. A change is
//! carried out in this order: what it takes away leaves the first lock, `Closed` is reported; nftables is brought up;
//! what it gives enters the first lock, `Complete` is reported. Without the second lock nothing new is opened.

mod desktops;
mod interface;
pub mod resolver;
mod second_lock;
mod server;
mod sockets;
mod splice;

use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::Context as _;

use self::desktops::{Asked, Desktops};
use self::resolver::Fallback;
use self::second_lock::SecondLock;
use self::server::Connection;
use self::sockets::Services;
use crate::claim::{Role, claim};
use crate::clock::Boot;
use crate::config::Config;
use crate::firewall::Options;
use crate::ids::{DesktopId, DeviceId};
use crate::link::message::{Change, Command, DesktopEnd, DesktopReport, Interface, PeerReport, Report};
use crate::pure::state::State;
use crate::tunnel::Device;
use crate::tunnel::peer::Activity;
use crate::tunnel::tun::Tun;

/// Events that wait for the control thread.
const QUEUE: usize = 64;
/// `serve` says "alive" four times a second; after a second without, public DNS goes on without it.
const SILENCE: Duration = Duration::from_secs(1);
/// How often the control thread looks at the clock, and at peers.
const TICK: Duration = Duration::from_millis(100);
/// How often peers are reported: `serve` must know where a peer is before this process can die, or the peer waits for
/// its own handshake, 15 s later.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// Bytes of granted traffic in a minute that make it one of use; keepalives of file shares stay below.
pub const BUSY: u64 = 16_000;

/// One.
pub const MINUTE: Duration = Duration::from_secs(60);
/// Peers in one report: 4,000 × about 200 bytes stays below a frame.
const PEERS_A_REPORT: usize = 4_000;
/// Changes of one snapshot that are held until it is whole: 100,000 devices and resources.
const MAX_SNAPSHOT: usize = 100_000;
/// nftables table of ours.
const TABLE: &str = "passerelle";

/// What happens to the control thread.
#[derive(Debug)]
pub enum Event {
    /// `serve` is there.
    Connected(Connection),
    /// It said something.
    Command(u64, Command),
    /// It wants two connections to be one: the device's, and the PC's.
    Splice(u64, Asked, [OwnedFd; 2]),
    /// One of these has ended.
    DesktopEnded(DesktopId, DesktopEnd),
    /// It is gone.
    Disconnected(u64),
    /// The second lock holds this state.
    Loaded(Arc<State>),
    /// It does not, and why.
    NotLoaded(u64, String),
    /// It was rebuilt after somebody else changed it.
    Rebuilt(Duration),
}

/// Runs the data plane for as long as the process lives.
///
/// # Errors
/// It cannot start, or the kernel no longer lets it do its job.
pub fn run(config: &Config) -> anyhow::Result<()> {
    let _claim = claim(&config.runtime_dir, Role::Net)?;
    let (events, queue) = sync_channel(QUEUE);
    let told = Arc::<AtomicBool>::default();
    server::start(&config.link_socket(), events.clone(), told.clone())?;
    tracing::info!(socket = %config.link_socket().display(), "data plane waits for its first snapshot");
    let mut control = Control {
        config: config.clone(),
        events,
        told,
        connection: None,
        informed: None,
        heard: Boot::now(),
        pending: None,
        wanted: State::default(),
        holds: Arc::new(State::default()),
        plane: None,
        reported: HashMap::new(),
        reported_at: Boot::now(),
        uses: HashMap::new(),
    };
    control.attend(&queue)
}

/// What there is once the interface is known.
struct Plane {
    interface: Interface,
    services: Services,
    second: SecondLock,
    fallback: Fallback,
    desktops: Desktops,
    sockets: Option<Vec<(usize, crate::tunnel::udp::Socket)>>,
    /// Started when the second lock was loaded, or failed to, for the first time.
    device: Option<Device>,
}

struct Control {
    config: Config,
    events: std::sync::mpsc::SyncSender<Event>,
    /// A snapshot was taken in.
    told: Arc<AtomicBool>,
    connection: Option<Connection>,
    /// The connection whose snapshot is in force: only it may change something.
    informed: Option<u64>,
    heard: Boot,
    pending: Option<(u64, Interface, Vec<Change>)>,
    wanted: State,
    holds: Arc<State>,
    plane: Option<Plane>,
    reported: HashMap<DeviceId, Activity>,
    reported_at: Boot,
    uses: HashMap<DeviceId, Use>,
}

impl Control {
    fn attend(&mut self, queue: &Receiver<Event>) -> anyhow::Result<()> {
        loop {
            match queue.recv_timeout(TICK) {
                Ok(event) => self.handle(event)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.watch_over_serve();
            self.keep_and_report();
        }
    }

    fn handle(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Connected(connection) => {
                tracing::info!(connection = connection.number, "serve connected");
                if let Some(old) = self.connection.replace(connection) {
                    old.close();
                }
                self.heard = Boot::now();
                self.pending = None;
                self.reported.clear();
                if let Some(plane) = &mut self.plane {
                    plane.desktops.forget_reported();
                }
                self.hand_over_sockets();
            }
            Event::Disconnected(number) => {
                if self.connection.as_ref().is_some_and(|c| c.number == number) {
                    tracing::warn!("serve is gone; tunnels stay up, nothing new is opened");
                    self.connection = None;
                }
            }
            Event::Command(number, command) => {
                if self.connection.as_ref().is_some_and(|c| c.number == number) {
                    self.heard = Boot::now();
                    self.command(command)?;
                }
            }
            Event::Splice(number, asked, ends) => {
                if self.connection.as_ref().is_some_and(|c| c.number == number) {
                    self.heard = Boot::now();
                    let plane = self.plane.as_mut();
                    let refused = plane.and_then(|p| p.desktops.begin(asked, ends, &self.wanted, Boot::now()));
                    self.report_desktop(refused);
                }
            }
            Event::DesktopEnded(id, end) => {
                let plane = self.plane.as_mut();
                let last = plane.and_then(|p| p.desktops.ended(id, end, Boot::now()));
                self.report_desktop(last);
            }
            Event::Loaded(state) => {
                self.holds = state;
                self.put_in_force()?;
                self.report(&Report::Complete { epoch: self.holds.epoch });
            }
            Event::NotLoaded(epoch, reason) => {
                self.put_in_force()?;
                self.report(&Report::Failed { epoch, reason });
            }
            Event::Rebuilt(after) => {
                let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                self.report(&Report::FirewallRebuilt { after_ms });
            }
        }
        Ok(())
    }

    fn command(&mut self, command: Command) -> anyhow::Result<()> {
        match command {
            // A desktop comes with its descriptors, as an event of its own.
            Command::Hello { .. } | Command::Alive | Command::Splice { .. } => {}
            Command::EndDesktop { desktop } => {
                if let Some(plane) = &mut self.plane {
                    plane.desktops.end(desktop);
                }
            }
            Command::SnapshotBegin { epoch, interface } => self.pending = Some((epoch, *interface, Vec::new())),
            Command::Changes { changes, .. } if self.pending.is_some() => {
                if let Some((_, _, held)) = &mut self.pending {
                    if held.len() + changes.len() > MAX_SNAPSHOT {
                        tracing::error!("snapshot of more than {MAX_SNAPSHOT} entries refused");
                        self.pending = None;
                        if let Some(connection) = self.connection.take() {
                            connection.close();
                        }
                        return Ok(());
                    }
                    held.extend(changes);
                }
            }
            Command::Changes { epoch, changes } => {
                // without a snapshot on this connection there is nothing that could change
                if self.informed == self.connection.as_ref().map(|c| c.number) && self.plane.is_some() {
                    let now = Boot::now();
                    for change in changes {
                        self.wanted.apply(change, now);
                    }
                    self.wanted.epoch = epoch;
                    self.change()?;
                }
            }
            Command::SnapshotEnd { epoch } => {
                let Some((_, interface, changes)) = self.pending.take().filter(|(begun, ..)| *begun == epoch) else {
                    tracing::error!(epoch, "end of a snapshot that never began");
                    return Ok(());
                };
                self.told.store(true, Ordering::Release);
                let now = Boot::now();
                let mut next = State { epoch, interface: Some(interface), ..State::default() };
                for change in changes {
                    next.apply(change, now);
                }
                self.wanted = next;
                self.informed = self.connection.as_ref().map(|c| c.number);
                self.prepare()?;
                self.change()?;
            }
        }
        Ok(())
    }

    /// Makes the interface and all sockets when they are known for the first time.
    fn prepare(&mut self) -> anyhow::Result<()> {
        let Some(interface) = self.wanted.interface.clone() else { return Ok(()) };
        if let Some(plane) = &self.plane {
            if !same_interface(&plane.interface, &interface) {
                anyhow::bail!("the tunnel interface is to be another one: starting anew");
            }
            plane.fallback.set(interface.resolvers, interface.private_zones);
            return Ok(());
        }
        // one queue is opened to make the device, and closed again: it is persistent
        let tun = Tun::open(&interface.name);
        drop(tun.map_err(|e| {
            let cure = tun_cure(e.kind(), &interface.name);
            anyhow::Error::new(e).context(format!("open TUN {}; {cure}", interface.name))
        })?);
        interface::configure(&interface)?;
        interface::check_forwarding();
        let services = Services::open(&interface)?;
        let options = Options {
            table: TABLE.to_owned(),
            interface: interface.name.clone(),
            ports: services.ports,
            test_open: test_open("second-lock"),
        };
        let second = SecondLock::start(options, self.events.clone())?;
        let fallback = Fallback::new(services.dns()?).context("start DNS for the time when serve is silent")?;
        fallback.set(interface.resolvers.clone(), interface.private_zones.clone());
        let sockets = Some(sockets::wireguard(&self.config.ports)?);
        let desktops = Desktops::start(services.desktops()?, self.events.clone())?;
        self.plane = Some(Plane { interface, services, second, fallback, desktops, sockets, device: None });
        self.hand_over_sockets();
        Ok(())
    }

    /// The wanted state has changed: close at once, then bring up the second lock.
    fn change(&mut self) -> anyhow::Result<()> {
        let Some(plane) = &mut self.plane else { return Ok(()) };
        plane.desktops.keep(&self.wanted, Boot::now());
        if plane.device.is_some() {
            self.put_in_force()?;
        }
        self.report(&Report::Closed { epoch: self.wanted.epoch });
        if let Some(plane) = &self.plane {
            plane.second.want(Arc::new(self.wanted.clone()));
        }
        Ok(())
    }

    /// The first lock gets what is wanted and what the second lock holds, and nothing else.
    fn put_in_force(&mut self) -> anyhow::Result<()> {
        let Some(plane) = &mut self.plane else { return Ok(()) };
        let state = if test_open("first-lock") { open_state(&self.wanted) } else { self.holds.common(&self.wanted) };
        let now = Boot::now();
        if let Some(device) = &plane.device {
            device.install(&state, now);
            return Ok(());
        }
        let (Some(interface), Some(sockets)) = (&self.wanted.interface, plane.sockets.take()) else { return Ok(()) };
        // half the cores: the kernel needs the others to forward what the workers hand it
        let workers = (std::thread::available_parallelism().map_or(1, usize::from) / 2).clamp(1, 4);
        let queues = (0..workers).map(|_| Tun::open(&interface.name)).collect::<Result<_, _>>().context("open TUN")?;
        plane.device = Some(Device::start(interface, &state, sockets, queues, now).context("start the data path")?);
        tracing::info!(workers, peers = state.peers.len(), "data path started");
        Ok(())
    }

    fn hand_over_sockets(&self) {
        let (Some(connection), Some(plane)) = (&self.connection, &self.plane) else { return };
        let (roles, descriptors) = plane.services.handed_over();
        connection.report(&Report::Sockets { roles }, &descriptors);
    }

    fn watch_over_serve(&self) {
        let Some(plane) = &self.plane else { return };
        if self.connection.is_none() && self.heard + TICK < Boot::now() || self.heard + SILENCE < Boot::now() {
            plane.fallback.engage();
            plane.desktops.refuse_all();
        } else {
            plane.fallback.disengage();
        }
    }

    fn report(&self, report: &Report) {
        if let Some(connection) = &self.connection {
            connection.report(report, &[]);
        }
    }

    fn report_desktop(&self, one: Option<DesktopReport>) {
        if let Some(one) = one {
            self.report(&Report::Desktops { all: false, desktops: vec![one] });
        }
    }

    /// What is due four times a second.
    fn keep_and_report(&mut self) {
        let now = Boot::now();
        if self.reported_at + REPORT_EVERY > now {
            return;
        }
        self.reported_at = now;
        if let Some(plane) = &mut self.plane {
            // Doors lock and policies end by the clock, whether `serve` is there or not.
            plane.desktops.keep(&self.wanted, now);
        }
        if self.connection.is_none() {
            return;
        }
        if let Some(news) = self.plane.as_mut().and_then(|plane| plane.desktops.news(now)) {
            self.report(&news);
        }
        self.report_peers(now);
    }

    fn report_peers(&mut self, now: Boot) {
        let Some(device) = self.plane.as_ref().and_then(|p| p.device.as_ref()) else { return };
        let ago = |at: Boot| (at.0 > 0).then(|| now.0.saturating_sub(at.0));
        let mut news = Vec::new();
        let activities = device.activities(|id| self.reported.get(&id).copied());
        if self.uses.len() > activities.len() {
            let here: HashSet<_> = activities.iter().map(|(id, _)| *id).collect();
            self.uses.retain(|id, _| here.contains(id));
        }
        for (id, activity) in activities {
            let busy = self.uses.entry(id).or_default().at(activity.granted, now);
            let quiet = self
                .reported
                .get(&id)
                .is_some_and(|old| Activity { handshake: None, ..*old } == Activity { handshake: None, ..activity });
            if quiet {
                continue;
            }
            self.reported.insert(id, activity);
            news.push(PeerReport {
                device: id,
                endpoint: activity.endpoint,
                handshake_ms: activity.handshake.and_then(|d| u64::try_from(d.as_millis()).ok()),
                heard_ms: ago(activity.heard),
                busy_ms: busy.and_then(ago),
                rx: activity.rx,
                tx: activity.tx,
            });
        }
        for part in news.chunks(PEERS_A_REPORT) {
            self.report(&Report::Peers { peers: part.to_vec() });
        }
    }
}

/// When a peer was in use: a minute that carries less than [`BUSY`] of what policy grants is none of work.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    since: Boot,
    base: u64,
    busy: Option<Boot>,
}

impl Use {
    /// When it was last in use, `granted` bytes having passed in all by now. A peer made anew counts from nothing.
    fn at(&mut self, granted: u64, now: Boot) -> Option<Boot> {
        if granted < self.base {
            self.base = 0;
        }
        // Nobody looked for longer than a minute: what came in that time may have come drop by drop.
        if self.since + MINUTE * 2 < now && self.since.0 > 0 {
            (self.since, self.base) = (now, granted);
        }
        let enough = granted - self.base >= BUSY;
        if enough {
            self.busy = Some(now);
        }
        if enough || self.since + MINUTE <= now {
            (self.since, self.base) = (now, granted);
        }
        self.busy
    }
}

/// Differences that need other sockets or another TUN.
fn same_interface(a: &Interface, b: &Interface) -> bool {
    let bare =
        |i: &Interface| Interface { masquerade: false, resolvers: Vec::new(), private_zones: Vec::new(), ..i.clone() };
    bare(a) == bare(b)
}

/// What to do where the TUN does not open.
fn tun_cure(kind: std::io::ErrorKind, interface: &str) -> String {
    use std::io::ErrorKind;
    match kind {
        ErrorKind::NotFound => "load its driver, `modprobe tun`; a container must be given /dev/net/tun".into(),
        ErrorKind::PermissionDenied => format!(
            "run as root or by the systemd unit; a container must be given /dev/net/tun and CAP_NET_ADMIN; if another \
             user's program made it: `ip link delete {interface}`"
        ),
        _ => format!("if another program made it: `ip link delete {interface}`"),
    }
}

/// Test only, debug builds only: `PASSERELLE_TEST_OPEN=first-lock` or `second-lock` switches that lock off, so that the other one can be
/// seen to hold alone. Said loudly.
fn test_open(lock: &str) -> bool {
    let off = cfg!(debug_assertions) && std::env::var("PASSERELLE_TEST_OPEN").is_ok_and(|v| v == lock);
    if off {
        tracing::error!(lock, "switched off by PASSERELLE_TEST_OPEN: for tests only");
    }
    off
}

/// Everything that is granted, open without end: what is left of the first lock when it is switched off.
fn open_state(wanted: &State) -> State {
    let mut state = wanted.clone();
    let everything: Vec<_> = state.resources.keys().copied().collect();
    for held in state.peers.values_mut() {
        held.open_until = Some(Boot(u64::MAX));
        held.grants = everything.iter().map(|r| (*r, None)).collect();
    }
    for resource in state.resources.values_mut() {
        resource.ports = [crate::link::message::Transport::Tcp, crate::link::message::Transport::Udp]
            .map(|transport| crate::link::message::Ports { transport, first: 0, last: u16::MAX })
            .to_vec();
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_with_little_is_no_use_and_one_with_enough_is() {
        let (mut peer, minute) = (Use::default(), 60_000);
        let at = |n: u64| Boot(1_000_000 + n);
        for n in 0..10_u64 {
            assert_eq!(peer.at(n * (BUSY - 1), at(n * minute)), None, "minute {n}");
        }
        let busy = at(10 * minute + 5);
        assert_eq!(peer.at(9 * (BUSY - 1) + BUSY, busy), Some(busy));
        assert_eq!(peer.at(9 * (BUSY - 1) + BUSY + 100, at(12 * minute)), Some(busy), "it was then");
        // The peer was made anew, and its count with it.
        assert_eq!(peer.at(100, at(13 * minute)), Some(busy));
        assert_eq!(peer.at(BUSY + 200, at(13 * minute + 1)), Some(at(13 * minute + 1)));
    }
}
