//! What the data plane holds: the interface, peers with their grants and ends, resources.
//!
//! Both locks are made from a [`State`]. [`State::common`] is what is in force while a change is under way: all that it
//! takes away is gone, nothing that it gives is there yet.

use std::collections::BTreeMap;

use crate::clock::Boot;
use crate::ids::{DeviceId, ResourceId};
use crate::link::message::{Change, Interface, Peer, Resource};

/// Everything `net` was told. Empty: everything is closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The epoch this stands for.
    pub epoch: u64,
    /// The interface, once known.
    pub interface: Option<Interface>,
    /// Devices.
    pub peers: BTreeMap<DeviceId, Held>,
    /// What is published.
    pub resources: BTreeMap<ResourceId, Resource>,
}

/// A peer with its ends in this machine's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// As it was sent; `open_for_ms` and `grants` are emptied.
    pub peer: Peer,
    /// When the door locks. Absent: it is locked.
    pub open_until: Option<Boot>,
    /// What may be reached, and until when if that has an end of its own.
    pub grants: BTreeMap<ResourceId, Option<Boot>>,
}

impl Held {
    /// Fixes the ends of a peer as it arrives.
    #[must_use]
    pub fn new(peer: Peer, now: Boot) -> Self {
        let end = |ms: u64| Boot(now.0.saturating_add(ms));
        Self {
            open_until: peer.open_for_ms.map(end),
            grants: peer.grants.iter().map(|g| (g.resource, g.for_ms.map(end))).collect(),
            peer: Peer { open_for_ms: None, grants: Vec::new(), ..peer },
        }
    }
}

impl State {
    /// Carries out one change.
    pub fn apply(&mut self, change: Change, now: Boot) {
        match change {
            Change::PutPeer(peer) => {
                self.peers.insert(peer.device, Held::new(*peer, now));
            }
            Change::RemovePeer(device) => {
                self.peers.remove(&device);
            }
            Change::PutResource(resource) => {
                self.resources.insert(resource.resource, *resource);
            }
            Change::RemoveResource(resource) => {
                self.resources.remove(&resource);
            }
        }
    }

    /// What is in force in `self` and stays in force in `next`. Peers are those of `next`, for a tunnel alone opens
    /// nothing; a resource that moved counts as closed until the second lock leads to its new place.
    #[must_use]
    pub fn common(&self, next: &State) -> State {
        let resources: BTreeMap<_, _> = next
            .resources
            .iter()
            .filter_map(|(id, new)| {
                let old = self.resources.get(id)?;
                (old.v4 == new.v4 && old.v6 == new.v6 && old.desktop == new.desktop).then(|| {
                    let ports = new.ports.iter().copied().filter(|p| old.ports.contains(p)).collect();
                    (*id, Resource { ports, ..new.clone() })
                })
            })
            .collect();
        let peers = next
            .peers
            .iter()
            .map(|(id, new)| {
                let old = self.peers.get(id).filter(|old| {
                    old.peer.address4 == new.peer.address4
                        && old.peer.address6 == new.peer.address6
                        && old.peer.public_key == new.peer.public_key
                });
                let open_until = match (old.and_then(|o| o.open_until), new.open_until) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    _ => None,
                };
                let grants = new
                    .grants
                    .iter()
                    .filter_map(|(r, until)| {
                        let before = old?.grants.get(r)?;
                        Some((*r, [*until, *before].into_iter().flatten().min()))
                    })
                    .collect();
                (*id, Held { peer: new.peer.clone(), open_until, grants })
            })
            .collect();
        State { epoch: next.epoch, interface: next.interface.clone(), peers, resources }
    }
}
