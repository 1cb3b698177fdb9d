//! Which desktops there are, as the control thread knows them: whose, to which PC, what has passed, and what ends them.

use std::collections::BTreeMap;
use std::net::TcpListener;
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
use crate::link::message::{DesktopEnd, DesktopReport, Resource, Transport};
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
}

#[derive(Debug)]
struct Desktop {
    asked: Asked,
    /// The PC as it was published then: elsewhere it is another one.
    published: Resource,
    since: Boot,
    passed: Arc<Passed>,
    /// What `serve` knows of it.
    reported: Option<(u64, u64)>,
    cut: bool,
}

impl Desktops {
    /// # Errors
    /// The kernel has no room for it.
    pub(super) fn start(listeners: Vec<TcpListener>, events: SyncSender<Event>) -> anyhow::Result<Self> {
        Ok(Self { splicer: Splicer::start(events)?, all: BTreeMap::new(), listeners })
    }

    /// Joins two connections, if the device may reach the PC; nobody waits for an answer else.
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
        let Some(published) = published else { return refused(DesktopEnd::NotAllowed) };
        if self.all.len() >= MOST || self.all.contains_key(&asked.desktop) {
            return refused(DesktopEnd::NoRoom);
        }
        let passed = Arc::<Passed>::default();
        let published = published.clone();
        self.splicer.begin(asked.desktop, ends, passed.clone());
        self.all.insert(asked.desktop, Desktop { asked, published, since: now, passed, reported: None, cut: false });
        None
    }

    /// `serve` wants it to end.
    pub(super) fn cut(&mut self, desktop: DesktopId) {
        self.splicer.cut(desktop, DesktopEnd::Cut);
    }

    /// What the devices of these may not do any more ends now.
    pub(super) fn keep(&mut self, wanted: &State, now: Boot) {
        for (id, desktop) in self.all.iter_mut().filter(|(_, desktop)| !desktop.cut) {
            let there = wanted
                .resources
                .get(&desktop.asked.resource)
                .is_some_and(|r| r.v4 == desktop.published.v4 && r.v6 == desktop.published.v6);
            if !there || !may(desktop.asked, wanted, now) {
                desktop.cut = true;
                self.splicer.cut(*id, DesktopEnd::NotAllowed);
            }
        }
    }

    /// One has ended: what is said of it last.
    pub(super) fn ended(&mut self, id: DesktopId, end: DesktopEnd, now: Boot) -> Option<DesktopReport> {
        let desktop = self.all.remove(&id)?;
        Some(DesktopReport { ended: Some(end), ..report(desktop.asked, desktop.since, now, desktop.passed()) })
    }

    /// A `serve` that has just come knows of none.
    pub(super) fn forget_reported(&mut self) {
        self.all.values_mut().for_each(|desktop| desktop.reported = None);
    }

    /// Those of which something has passed since they were told of last.
    pub(super) fn news(&mut self, now: Boot) -> Vec<DesktopReport> {
        let news = self.all.values_mut().filter_map(|desktop| {
            let passed = desktop.passed();
            let known = desktop.reported.replace(passed) == Some(passed);
            (!known).then(|| report(desktop.asked, desktop.since, now, passed))
        });
        news.collect()
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

/// Whether this device may reach RDP on this PC now: what both locks say of a packet, said of a connection.
fn may(asked: Asked, wanted: &State, now: Boot) -> bool {
    let Some(held) = wanted.peers.get(&asked.device) else { return false };
    let Some(resource) = wanted.resources.get(&asked.resource) else { return false };
    let open = held.open_until.is_some_and(|end| now < end);
    let granted = held.grants.get(&asked.resource).is_some_and(|end| end.is_none_or(|end| now < end));
    open && granted && resource.desktop && resource.ports.iter().any(|ports| ports.contains(Transport::Tcp, RDP))
}
