//! The world as it was last read: what a cut is made from when the database cannot be read, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use super::devices::Device;
use super::users::Role;
use super::world::Loaded;
use super::{Scope, Store};
use crate::clock::Unix;
use crate::ids::{DeviceId, PolicyId, UserId, VerificationId};
use crate::pure::cut::{Cut, overlay, shut_out};
use crate::pure::decide::{World, standing};

/// How somebody is called.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// Login.
    pub login: String,
    /// Display name.
    pub name: String,
    /// Language.
    pub language: String,
    /// What they may do in the product itself.
    pub role: Role,
}

/// Names of those a world is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Of people.
    pub people: BTreeMap<UserId, Person>,
    /// Of devices.
    pub devices: BTreeMap<DeviceId, String>,
}

/// What was last read, put together from all loads.
#[derive(Debug, Default)]
pub(super) struct Known {
    epoch: Option<u64>,
    world: World,
    names: Names,
}

impl Known {
    /// Takes in what was read, before any cut is laid over it.
    pub(super) fn learn(&mut self, loaded: &Loaded, names: Names) {
        let new = &loaded.world;
        match &loaded.scope {
            Scope::All => (self.world, self.names) = (new.clone(), names),
            Scope::Users(users) => {
                let world = &mut self.world;
                let groups: BTreeSet<_> = new.users.values().flat_map(|u| &u.groups).collect();
                world.policies.retain(|_, p| !groups.contains(&p.group));
                world.verifications.retain(|d, _| world.devices.get(d).is_none_or(|d| !users.contains(&d.user)));
                // No row of these is ever deleted.
                world.users.extend(new.users.clone());
                world.devices.extend(new.devices.clone());
                world.policies.extend(new.policies.clone());
                world.verifications.extend(new.verifications.clone());
                world.resources.clone_from(&new.resources);
                self.names.people.extend(names.people);
                self.names.devices.extend(names.devices);
            }
        }
        self.epoch = Some(loaded.epoch);
    }
}

impl Store {
    /// The world as last read, less what was cut since; nothing if none was ever read. It may be older than what is
    /// committed: fit for taking away, not for giving.
    #[must_use]
    pub fn last_world(&self) -> Option<(u64, World)> {
        let cuts = self.waiting_cuts();
        let known = self.known();
        let mut world = known.world.clone();
        overlay(&mut world, &cuts);
        Some((known.epoch?, world))
    }

    /// The same, unless something was committed since.
    #[must_use]
    pub fn current_world(&self) -> Option<(u64, World)> {
        self.last_world().filter(|(epoch, _)| *epoch >= self.committed.load(Ordering::Relaxed))
    }

    /// The epoch of the database when it was last read.
    #[must_use]
    pub fn known_epoch(&self) -> u64 {
        self.known().epoch.unwrap_or(0)
    }

    /// Who has this login.
    #[must_use]
    pub fn known_login(&self, login: &str) -> Option<UserId> {
        self.known().names.people.iter().find(|(_, p)| p.login == login).map(|(id, _)| *id)
    }

    /// Somebody by id or login, with their role.
    #[must_use]
    pub fn known_user(&self, which: &str) -> Option<(UserId, Role)> {
        let known = self.known();
        let named = |(id, p): &(&UserId, &Person)| p.login == which.to_lowercase() || id.to_string() == which;
        known.names.people.iter().find(named).map(|(id, p)| (*id, p.role))
    }

    /// Whether nobody else could administer, with these cuts and as far as is known; who knows nobody knows nobody else.
    pub(super) fn known_as_last_administrator(&self, user: UserId, cuts: &[Cut]) -> bool {
        let known = self.known();
        if known.epoch.is_none() {
            return true;
        }
        let could = |id: &UserId| {
            let stands = known.world.users.get(id).is_some_and(|u| !u.disabled && u.factor);
            stands && !shut_out(cuts, *id, None)
        };
        let mut admins = known.names.people.iter().filter(|(_, p)| p.role == Role::Admin).map(|(id, _)| id);
        admins.clone().any(|id| *id == user) && !admins.any(|id| *id != user && could(id))
    }

    /// A device by id, or by `login/name`.
    #[must_use]
    pub fn known_device(&self, which: &str) -> Option<Device> {
        let known = self.known();
        let id = match which.parse() {
            Ok(id) => id,
            Err(_) => {
                let (login, name) = which.split_once('/')?;
                let named = |(id, d): &(&DeviceId, &String)| {
                    let device = known.world.devices.get(id);
                    let of = device.and_then(|d| known.names.people.get(&d.user)).is_some_and(|p| p.login == login);
                    *d == name && of && device.is_some_and(|d| !d.revoked)
                };
                *known.names.devices.iter().find(named)?.0
            }
        };
        known.device(id)
    }

    /// The device with this address in the site network, if it and its owner stand.
    #[must_use]
    pub fn known_device_at(&self, address: IpAddr) -> Option<Device> {
        let cuts = self.waiting_cuts();
        let known = self.known();
        let at =
            |d: &crate::pure::decide::Device| IpAddr::V4(d.address4) == address || IpAddr::V6(d.address6) == address;
        let (id, device) = known.world.devices.iter().find(|(_, d)| at(d))?;
        let stands = standing(&known.world, *id).is_ok() && !shut_out(&cuts, device.user, Some(*id));
        if stands { known.device(*id) } else { None }
    }

    /// Whose open door this is.
    #[must_use]
    pub fn known_verification(&self, id: VerificationId) -> Option<Device> {
        let known = self.known();
        let device = known.world.verifications.iter().find(|(_, v)| v.id == id).map(|(device, _)| *device)?;
        known.device(device)
    }

    /// Whether there is such a policy.
    #[must_use]
    pub fn known_policy(&self, id: PolicyId) -> bool {
        self.known().world.policies.contains_key(&id)
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn device(&self, id: DeviceId) -> Option<Device> {
        let device = self.world.devices.get(&id)?;
        let user = self.world.users.get(&device.user)?;
        let person = self.names.people.get(&device.user)?.clone();
        Some(Device {
            id,
            user: device.user,
            login: person.login,
            owner: person.name,
            language: person.language,
            owner_role: person.role,
            factor: user.factor,
            owner_disabled: user.disabled,
            name: self.names.devices.get(&id).cloned().unwrap_or_default(),
            public_key: String::new(),
            address4: device.address4,
            address6: device.address6,
            endpoint: device.endpoint,
            heard_at: None,
            disabled_at: device.disabled.then_some(Unix(0)),
            revoked_at: device.revoked.then_some(Unix(0)),
            created_at: Unix(0),
            outside: false,
        })
    }
}
