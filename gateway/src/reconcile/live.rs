//! What `net` told of each peer: kept in memory, written to the database now and then, never a reason for an epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Boot;
use crate::ids::DeviceId;
use crate::link::message::PeerReport;
use crate::store::Moment;
use crate::store::devices::Heard;

/// One peer, as last told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Where it is.
    pub endpoint: Option<SocketAddr>,
    /// Its last completed handshake.
    pub handshake: Option<Boot>,
    /// Its last authenticated packet.
    pub heard: Option<Boot>,
    /// When it was last in use.
    pub busy: Option<Boot>,
    /// Bytes from it since `net` started.
    pub rx: u64,
    /// Bytes to it since `net` started.
    pub tx: u64,
}

#[derive(Debug, Default)]
struct Peers {
    told: BTreeMap<DeviceId, Told>,
    unwritten: BTreeSet<DeviceId>,
}

/// All peers; shared.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<Mutex<Peers>>);

impl Live {
    /// What is known of this peer.
    #[must_use]
    pub fn of(&self, device: DeviceId) -> Told {
        self.peers().told.get(&device).copied().unwrap_or_default()
    }

    /// Whether one of them is somewhere else than before.
    pub(super) fn hear(&self, reports: &[PeerReport], now: Boot) -> bool {
        let mut peers = self.peers();
        let mut moved = false;
        let ago = |ms: Option<u64>| ms.map(|ms| Boot(now.0.saturating_sub(ms)));
        for report in reports {
            let told = peers.told.entry(report.device).or_default();
            moved |= report.endpoint.is_some_and(|new| told.endpoint != Some(new));
            told.endpoint = report.endpoint.or(told.endpoint);
            told.handshake = ago(report.handshake_ms).or(told.handshake);
            told.heard = ago(report.heard_ms).or(told.heard);
            // By the gateway itself it may have been in use since.
            told.busy = ago(report.busy_ms).max(told.busy);
            (told.rx, told.tx) = (report.rx, report.tx);
            peers.unwritten.insert(report.device);
        }
        moved
    }

    pub(super) fn at_work(&self, device: DeviceId, now: Boot) {
        if let Some(told) = self.peers().told.get_mut(&device) {
            told.busy = told.busy.max(Some(now));
        }
    }

    pub(super) fn take_unwritten(&self, now: Moment) -> Vec<Heard> {
        let mut peers = self.peers();
        let wall = |at: Boot| {
            let ago = now.boot.0.saturating_sub(at.0);
            crate::clock::Unix(now.wall.0.saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX)))
        };
        let unwritten = std::mem::take(&mut peers.unwritten);
        unwritten
            .into_iter()
            .filter_map(|device| {
                let told = peers.told.get(&device)?;
                Some(Heard {
                    device,
                    endpoint: told.endpoint,
                    handshake_at: told.handshake.map(wall),
                    heard_at: told.heard.map(wall),
                })
            })
            .collect()
    }

    /// Who was ever in use, and when last.
    pub(super) fn used(&self) -> Vec<(DeviceId, Boot)> {
        self.peers().told.iter().filter_map(|(device, told)| Some((*device, told.busy?))).collect()
    }

    /// Forgets those that are no peers any more.
    pub(super) fn keep(&self, which: impl Fn(&DeviceId) -> bool) {
        let mut peers = self.peers();
        peers.told.retain(|device, _| which(device));
        peers.unwritten.retain(|device| which(device));
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// Whether it was heard within this time.
    #[must_use]
    pub fn heard_within(&self, time: Duration, now: Boot) -> bool {
        self.heard.is_some_and(|at| Duration::from_millis(now.0.saturating_sub(at.0)) < time)
    }
}
