//! Which desktops there are, as the control thread knows them: whose, to which PC, what has passed, and what ends them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use rustix::net::sockopt;

use super::Event;
use super::splice::{MOST, Passed, Splicer};
use crate::clock::Boot;
use crate::ids::{DesktopId, DeviceId, ResourceId};
use crate::link::message::{DesktopEnd, DesktopReport, Report, Resource, Transport};
use crate::pure::state::State;
use crate::pure::x224::RDP;

/// What `serve` asks to be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub(super) desktop: DesktopId,
    pub(super) device: DeviceId,
    pub(super) resource: ResourceId,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Desktops {
    splicer: Splicer,
    all: BTreeMap<DesktopId, Desktop>,
    /// Listeners that `serve` answers, while it lives.
    listeners: Vec<TcpListener>,
    /// When `serve` was told of all of them; not yet, if it has just come.
    told: Option<Boot>,
}

/// A desktop ends so long before the time of its door, or of its policy, does.
const EARLY: Duration = Duration::from_millis(500);

/// Desktops are cut off within this; nobody waits longer for it.
const SETTLED: Duration = Duration::from_millis(50);

/// What was sent to the tunnel is on its way within this.
const LEAVES: Duration = Duration::from_millis(20);

/// `serve` is told of all of them this often: what got lost on the way is put right then.
const ALL_EVERY: Duration = Duration::from_secs(10);

/// Desktops of one device: somebody has two screens, and an app that comes again before it has gone.
const EACH: usize = 8;

#[derive(Debug)]
struct Desktop {
    asked: Asked,
    /// The PC as it was published then: elsewhere it is another one.
    published: Resource,
    since: Boot,
    passed: Arc<Passed>,
    /// What `serve` knows of it.
    reported: Option<(u64, u64)>,
    /// It has been told to end.
    ending: bool,
}

impl Desktops {
    /// None yet; `listeners` are those that `serve` answers.
    ///
    /// # Errors
    /// The kernel has no room for it.
    pub(super) fn start(listeners: Vec<TcpListener>, events: SyncSender<Event>) -> anyhow::Result<Self> {
        Ok(Self { splicer: Splicer::start(events)?, all: BTreeMap::new(), listeners, told: None })
    }

    /// Joins two connections, if the device may reach the PC; what is to be reported at once where they are closed instead.
    pub(super) fn begin(
        &mut self,
        asked: Asked,
        ends: [OwnedFd; 2],
        wanted: &State,
        now: Boot,
    ) -> Option<DesktopReport> {
        let published = wanted.resources.get(&asked.resource).filter(|_| may(asked, wanted, now));
        let refused = |ended| {
            ends.iter().for_each(|end| _ = sockopt::set_socket_linger(end, Some(Duration::ZERO)));
            Some(DesktopReport { ended: Some(ended), ..report(asked, now, now, (0, 0)) })
        };
        let Some(published) = published.filter(|pc| fits(asked, pc, &ends, wanted)) else {
            return refused(DesktopEnd::NotAllowed);
        };
        let own = self.all.values().filter(|other| other.asked.device == asked.device).count();
        if self.all.len() >= MOST || own >= EACH || self.all.contains_key(&asked.desktop) {
            return refused(DesktopEnd::NoRoom);
        }
        let passed = Arc::<Passed>::default();
        let published = published.clone();
        self.splicer.begin(asked.desktop, ends, passed.clone());
        self.all.insert(asked.desktop, Desktop { asked, published, since: now, passed, reported: None, ending: false });
        None
    }

    /// `serve` wants it to end.
    pub(super) fn end(&mut self, desktop: DesktopId) {
        if let Some(desktop) = self.all.get_mut(&desktop) {
            desktop.ending = true;
        }
        self.splicer.cut(desktop, DesktopEnd::Cut);
    }

    /// What the devices of these may not do any more ends now: before the locks close, which would let no reset through to
    /// the device. A change waits for that, some hundredths of a second.
    pub(super) fn keep(&mut self, wanted: &State, now: Boot) {
        let soon = now + EARLY;
        let mut ended = false;
        for (id, desktop) in self.all.iter_mut().filter(|(_, desktop)| !desktop.ending) {
            let there = wanted
                .resources
                .get(&desktop.asked.resource)
                .is_some_and(|r| r.v4 == desktop.published.v4 && r.v6 == desktop.published.v6);
            if !there || !may(desktop.asked, wanted, soon) {
                (desktop.ending, ended) = (true, true);
                self.splicer.cut(*id, DesktopEnd::NotAllowed);
            }
        }
        if ended {
            self.splicer.settle(SETTLED);
            // The reset is in the tunnel's queue by now, and leaves it.
            std::thread::sleep(LEAVES);
        }
    }

    /// One has ended: what is said of it last.
    pub(super) fn ended(&mut self, id: DesktopId, end: DesktopEnd, now: Boot) -> Option<DesktopReport> {
        let desktop = self.all.remove(&id)?;
        Some(DesktopReport { ended: Some(end), ..report(desktop.asked, desktop.since, now, desktop.passed()) })
    }

    /// A `serve` that has just come knows of none.
    pub(super) fn forget_reported(&mut self) {
        self.told = None;
    }

    /// Those of which something has passed since they were told of last; now and then all of them.
    pub(super) fn news(&mut self, now: Boot) -> Option<Report> {
        let all = self.told.is_none_or(|at| at + ALL_EVERY <= now);
        if all {
            self.told = Some(now);
        }
        let news = self.all.values_mut().filter_map(|desktop| {
            let passed = desktop.passed();
            let known = desktop.reported.replace(passed) == Some(passed);
            (all || !known).then(|| report(desktop.asked, desktop.since, now, passed))
        });
        let desktops: Vec<_> = news.collect();
        (all || !desktops.is_empty()).then_some(Report::Desktops { all, desktops })
    }

    /// While `serve` is silent nobody is heard: whoever comes is told so at once.
    pub(super) fn refuse_all(&self) {
        for listener in &self.listeners {
            while let Ok((stream, _)) = listener.accept() {
                let _ = sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
            }
        }
    }
}

impl Desktop {
    fn passed(&self) -> (u64, u64) {
        (self.passed.rx.load(Ordering::Relaxed), self.passed.tx.load(Ordering::Relaxed))
    }
}

fn report(asked: Asked, since: Boot, now: Boot, (rx, tx): (u64, u64)) -> DesktopReport {
    let Asked { desktop, device, resource } = asked;
    DesktopReport { desktop, device, resource, since_ms: now.0.saturating_sub(since.0), rx, tx, ended: None }
}

/// Whether the two connections are those of this device and this PC: what `serve` thinks of them may be old.
fn fits(asked: Asked, pc: &Resource, ends: &[OwnedFd; 2], wanted: &State) -> bool {
    let peer = |end: &OwnedFd| {
        let address = rustix::net::getpeername(end).ok()??;
        SocketAddr::try_from(address).ok().map(|at| (at.ip().to_canonical(), at.port()))
    };
    let (Some((device, _)), Some((host, port))) = (peer(&ends[0]), peer(&ends[1])) else { return false };
    let own = wanted.peers.get(&asked.device).is_some_and(|held| match device {
        IpAddr::V4(a) => held.peer.address4 == a,
        IpAddr::V6(a) => held.peer.address6 == a,
    });
    let there = match host {
        IpAddr::V4(a) => pc.v4.is_some_and(|v4| v4.real.addr() == a),
        IpAddr::V6(a) => pc.v6.is_some_and(|v6| v6.real.addr() == a),
    };
    own && there && port == RDP
}

/// Whether this device may reach RDP on this PC now: what both locks say of a packet, said of a connection.
fn may(asked: Asked, wanted: &State, now: Boot) -> bool {
    let Some(held) = wanted.peers.get(&asked.device) else { return false };
    let Some(resource) = wanted.resources.get(&asked.resource) else { return false };
    let open = held.open_until.is_some_and(|end| now < end);
    let granted = held.grants.get(&asked.resource).is_some_and(|end| end.is_none_or(|end| now < end));
    open && granted && resource.desktop && resource.ports.iter().any(|ports| ports.contains(Transport::Tcp, RDP))
}
