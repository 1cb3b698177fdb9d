//! What was read last, put together from partial loads, against one reading of everything.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::resources::{NewResource, ResourceKind};
use super::tests::{fixture, key, person};
use super::users::Role;
use super::verifications::EndReason;
use super::*;
use crate::ids::{DeviceId, GroupId, PolicyId, ResourceId, UserId};
use crate::link::message::{Ports, Transport};
use crate::pure::cut::{By, What};
use crate::pure::decide::decide;

/// An office that changes at random.
struct Office {
    store: Arc<Store>,
    _dir: tempfile::TempDir,
    made: usize,
    last: Option<u64>,
    users: Vec<UserId>,
    devices: Vec<DeviceId>,
    groups: Vec<GroupId>,
    resources: Vec<ResourceId>,
    policies: Vec<PolicyId>,
}

/// Which change, and to what.
#[derive(Clone, Copy, Debug)]
struct Dice(u8, u8, u8);

/// What this number stands for; nothing where there is none yet.
fn pick<T: Copy>(of: &[T], number: u8) -> Option<T> {
    (!of.is_empty()).then(|| of[usize::from(number) % of.len()])
}

impl Office {
    async fn new() -> Self {
        let (dir, store) = fixture().await;
        let nothing = (vec![], vec![], vec![], vec![], vec![]);
        let (users, devices, groups, resources, policies) = nothing;
        let mut office = Self { store, _dir: dir, made: 0, last: None, users, devices, groups, resources, policies };
        office.hire(Role::Admin).await;
        for dice in [Dice(1, 0, 0), Dice(3, 0, 0), Dice(5, 0, 0), Dice(7, 0, 0), Dice(9, 0, 0)] {
            office.change(dice).await;
        }
        office
    }

    fn name(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}{}", self.made)
    }

    async fn hire(&mut self, role: Role) {
        let login = self.name("user");
        let (user, device) = person(&self.store, &login, role, "x").await;
        self.users.push(user);
        self.devices.push(device);
    }

    /// What is refused (gone already, there already, revoked) changes nothing.
    async fn change(&mut self, Dice(which, a, b): Dice) {
        let now = Moment::now();
        let name = self.name("made");
        let user = pick(&self.users, a);
        let (device, group, resource) = (pick(&self.devices, a), pick(&self.groups, b), pick(&self.resources, a));
        if which == 0 {
            return self.hire(Role::User).await;
        }
        let cut = match which {
            15 => device.map(What::RevokeDevice),
            16 => device.map(What::DisableDevice),
            17 => user.map(What::DisableUser),
            18 => device.map(What::LockDevice),
            19 => pick(&self.policies, a).map(What::RemovePolicy),
            20 => resource.map(What::RemoveResource),
            _ => None,
        };
        if let Some(what) = cut {
            return drop(self.store.cut_without_database(what, By::Local, now).await);
        }
        let mut write = self.store.write(now, Actor::Local).await.unwrap();
        let done = match (which, user, device, group, resource) {
            (1, ..) => write.add_group(&name).await.map(|id| self.groups.push(id)),
            (2, _, _, Some(group), _) => write.remove_group(group).await,
            (3, Some(user), _, Some(group), _) => write.add_member(group, user).await,
            (4, Some(user), _, Some(group), _) => write.remove_member(group, user).await,
            (5, ..) => {
                let ports = vec![Ports { transport: Transport::Tcp, first: 445, last: 445 }];
                let real4 = Some(format!("192.168.1.{b}/32").parse().unwrap());
                let kind = ResourceKind::Share;
                let new = NewResource { kind, name, dns_names: vec![], real4, real6: None, ports };
                write.add_resource(&new).await.map(|id| self.resources.push(id))
            }
            (6, _, _, _, Some(resource)) => write.remove_resource(resource).await,
            (7, _, _, Some(group), Some(resource)) => {
                write.add_policy(group, resource, None, None).await.map(|id| self.policies.push(id))
            }
            (8, ..) => match pick(&self.policies, a) {
                Some(policy) => write.remove_policy(policy).await,
                None => Ok(()),
            },
            (9, _, Some(device), ..) => match self.store.device(device).await {
                Ok(found) => write.open_door(found.user, device).await.map(drop),
                Err(e) => Err(e),
            },
            (10, _, Some(device), ..) => write.end_of_device(device, EndReason::User).await,
            (11, Some(user), ..) => write.set_user_disabled(user, b & 1 == 0).await,
            (12, _, Some(device), ..) if b & 1 == 0 => write.disable_device(device).await,
            (12, _, Some(device), ..) => write.enable_device(device).await,
            (13, _, Some(device), ..) => write.revoke_device(device).await,
            (14, Some(user), ..) => write.add_device(user, &name, &key()).await.map(|id| self.devices.push(id)),
            _ => Ok(()),
        };
        match done {
            Ok(()) => drop(write.commit().await.unwrap()),
            Err(e) => assert!(!e.is_of_storage(), "{which}: {e:?}"),
        }
    }

    async fn read(&mut self) {
        self.last = Some(self.store.load_since(self.last, Moment::now()).await.unwrap().epoch);
    }

    /// What is known is what there is.
    async fn check(&self) {
        let now = Moment::now();
        let truth = self.store.world(&Scope::All, now).await.unwrap();
        let (epoch, known) = self.store.last_world().unwrap();
        assert_eq!(epoch, self.store.epoch().await.unwrap());
        let grouped: BTreeSet<_> = truth.users.values().flat_map(|u| &u.groups).collect();
        // A policy of a group without members is loaded with its first member.
        let of = |world: &crate::pure::decide::World| {
            let users: BTreeMap<_, _> =
                world.users.iter().filter(|(u, _)| truth.devices.values().any(|d| d.user == **u)).collect();
            let policies: BTreeMap<_, _> = world.policies.iter().filter(|(_, p)| grouped.contains(&p.group)).collect();
            format!("{users:#?} {:#?} {:#?} {policies:#?} {:#?}", world.devices, world.resources, world.verifications)
        };
        assert_eq!(of(&known), of(&truth));
        for device in &self.devices {
            for resource in &self.resources {
                let verdict = |world| decide(world, *device, *resource, now.boot);
                assert_eq!(verdict(&known), verdict(&truth));
            }
            let (known, read) = (self.store.known_device(&device.to_string()).unwrap(), self.store.device(*device));
            let read = read.await.unwrap();
            assert_eq!((&known.login, &known.owner, &known.name), (&read.login, &read.owner, &read.name));
            assert_eq!((known.owner_role, known.factor, known.user), (read.owner_role, read.factor, read.user));
            if known.revoked_at.is_none() {
                let by_name = format!("{}/{}", read.login, read.name);
                assert_eq!(self.store.known_device(&by_name).unwrap().id, *device);
            }
        }
    }
}

fn dice() -> impl Strategy<Value = Vec<Dice>> {
    proptest::collection::vec((0u8..26, any::<u8>(), any::<u8>()).prop_map(|(w, a, b)| Dice(w, a, b)), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_known_from_parts_is_what_there_is(dice in dice()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut office = Office::new().await;
            office.read().await;
            office.check().await;
            for dice in dice {
                match dice.0 {
                    // Several changes between two loads are as usual as one.
                    21..=24 => {
                        office.read().await;
                        office.check().await;
                    }
                    25 => office.last = None,
                    _ => office.change(dice).await,
                }
            }
            office.read().await;
            office.check().await;
        });
    }
}
