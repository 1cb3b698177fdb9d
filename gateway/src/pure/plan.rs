//! From the world to the data plane: what `net` must hold, and the changes that lead there.
//!
//! A device whose user has no confirmed factor, or that is disabled or revoked, is not in it at all.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{World, entitled, standing, verified};
use crate::clock::Boot;
use crate::ids::{DeviceId, GroupId, ResourceId};
use crate::link::message::{Change, Grant, Peer, Resource};

/// What `net` must hold. Ends are in [`Boot`] time, so that two of them can be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// Every device with a right to a tunnel.
    pub peers: BTreeMap<DeviceId, DesiredPeer>,
    /// Everything published.
    pub resources: BTreeMap<ResourceId, Resource>,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredPeer {
    /// Keys and addresses; its `open_for_ms` and `grants` are empty here.
    pub peer: Peer,
    /// When its open door locks.
    pub open_until: Option<Boot>,
    /// What it may reach, and the policy's own end.
    pub grants: BTreeMap<ResourceId, Option<Boot>>,
}

impl DesiredPeer {
    /// The message that says this.
    #[must_use]
    pub fn message(&self, now: Boot) -> Peer {
        let ms = |until: Boot| until.0.saturating_sub(now.0);
        Peer {
            open_for_ms: self.open_until.map(ms).filter(|ms| *ms > 0),
            grants: self
                .grants
                .iter()
                .map(|(resource, until)| Grant { resource: *resource, for_ms: until.map(ms) })
                .collect(),
            ..self.peer.clone()
        }
    }

    /// Equal but for where the device was last heard, which `net` knows better.
    fn same(&self, other: &Self) -> bool {
        self.open_until == other.open_until && self.grants == other.grants && bare(&self.peer) == bare(&other.peer)
    }
}

impl Desired {
    /// What is in both, with the earlier of two ends: less than either, never more.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        let ends = |a: Option<Boot>, b: Option<Boot>| [a, b].into_iter().flatten().min();
        let peers = self.peers.iter().filter_map(|(id, mine)| {
            let theirs = other.peers.get(id).filter(|theirs| bare(&mine.peer) == bare(&theirs.peer))?;
            let grants = mine.grants.iter().filter_map(|(r, end)| Some((*r, ends(*end, *theirs.grants.get(r)?))));
            let open_until = mine.open_until.and(theirs.open_until).and(ends(mine.open_until, theirs.open_until));
            Some((*id, DesiredPeer { peer: mine.peer.clone(), open_until, grants: grants.collect() }))
        });
        let published = self.resources.iter().filter(|(id, mine)| other.resources.get(id) == Some(mine));
        Self { peers: peers.collect(), resources: published.map(|(id, mine)| (*id, mine.clone())).collect() }
    }
}

/// Without where it was last heard, which `net` knows better.
fn bare(peer: &Peer) -> Peer {
    Peer { endpoint: None, recent: false, ..peer.clone() }
}

/// What `net` must hold for this world.
#[must_use]
pub fn compile(world: &World, now: Boot) -> Desired {
    // Which resources a group may reach at all: asking about every other one would take people × things × policies.
    let mut named = BTreeMap::<GroupId, BTreeSet<ResourceId>>::new();
    for policy in world.policies.values() {
        named.entry(policy.group).or_default().insert(policy.resource);
    }
    let mut peers = BTreeMap::new();
    for (id, device) in &world.devices {
        let Ok(user) = standing(world, *id) else { continue };
        let asked: BTreeSet<ResourceId> = user.groups.iter().filter_map(|g| named.get(g)).flatten().copied().collect();
        let grants =
            asked.into_iter().filter_map(|r| entitled(world, user, r, now).ok().map(|(_, until)| (r, until))).collect();
        let peer = Peer {
            device: *id,
            public_key: device.public_key,
            preshared_key: device.preshared_key.clone(),
            address4: device.address4,
            address6: device.address6,
            endpoint: device.endpoint,
            recent: device.recent,
            open_for_ms: None,
            grants: Vec::new(),
        };
        peers.insert(*id, DesiredPeer { peer, open_until: verified(world, *id, now), grants });
    }
    Desired { peers, resources: world.resources.clone() }
}

/// The changes that lead from one to the other; with `scope`, only of these devices (and of all resources).
#[must_use]
pub fn plan(from: &Desired, to: &Desired, scope: Option<&BTreeSet<DeviceId>>, now: Boot) -> Vec<Change> {
    let in_scope = |id: &DeviceId| scope.is_none_or(|s| s.contains(id));
    let mut changes = Vec::new();
    for id in from.peers.keys().filter(|id| in_scope(id) && !to.peers.contains_key(id)) {
        changes.push(Change::RemovePeer(*id));
    }
    for id in from.resources.keys().filter(|id| !to.resources.contains_key(id)) {
        changes.push(Change::RemoveResource(*id));
    }
    for (id, resource) in to.resources.iter().filter(|(id, r)| from.resources.get(id) != Some(r)) {
        debug_assert_eq!(*id, resource.resource);
        changes.push(Change::PutResource(Box::new(resource.clone())));
    }
    for (id, peer) in to.peers.iter().filter(|(id, _)| in_scope(id)) {
        if !from.peers.get(id).is_some_and(|old| old.same(peer)) {
            changes.push(Change::PutPeer(Box::new(peer.message(now))));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::model::{self, NOW};
    use super::*;

    proptest! {
        #[test]
        fn a_device_is_sent_if_and_only_if_it_and_its_owner_stand(world in model::world()) {
            let desired = compile(&world, NOW);
            for (id, device) in &world.devices {
                let owner = &world.users[&device.user];
                let stands = owner.factor && !owner.disabled && !device.disabled && !device.revoked;
                prop_assert_eq!(desired.peers.contains_key(id), stands, "{:?} of {:?}", device, owner);
            }
            prop_assert!(desired.peers.keys().all(|id| world.devices.contains_key(id)));
        }

        #[test]
        fn what_two_have_in_common_is_in_both_and_ends_no_later(a in model::world(), b in model::world()) {
            let (one, two) = (compile(&a, NOW), compile(&b, NOW));
            let common = one.common(&two);
            prop_assert!(one.common(&one) == one);
            for (id, peer) in &common.peers {
                for whole in [&one.peers[id], &two.peers[id]] {
                    prop_assert!(peer.open_until.is_none_or(|end| whole.open_until.is_some_and(|of| end <= of)));
                    for (resource, end) in &peer.grants {
                        let of = whole.grants[resource];
                        prop_assert!(of.is_none_or(|of| end.is_some_and(|end| end <= of)), "{:?} {:?}", end, of);
                    }
                }
            }
            for (id, resource) in &common.resources {
                prop_assert!(one.resources[id] == *resource && two.resources[id] == *resource);
            }
        }

        #[test]
        fn a_grant_is_sent_if_and_only_if_some_policy_entitles(world in model::world()) {
            let desired = compile(&world, NOW);
            for (id, peer) in &desired.peers {
                let owner = &world.users[&world.devices[id].user];
                for resource in world.resources.keys() {
                    let entitled = entitled(&world, owner, *resource, NOW).ok().map(|(_, until)| until);
                    prop_assert_eq!(peer.grants.get(resource).copied(), entitled);
                }
            }
        }
    }
}
