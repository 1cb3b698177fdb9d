//! What is taken away from somebody at once, whether or not the database can store it: ids only, as fixed-size records.
//!
//! [`overlay`] lays cuts over a world that does not know of them yet, so that [`super::decide`] never allows what was cut.

use blake2::{Blake2s256, Digest as _};
use uuid::Uuid;

use super::decide::World;
use crate::clock::Unix;
use crate::ids::{DeviceId, PolicyId, ResourceId, TokenId, UserId, VerificationId};

/// Bytes of a record: four fit into a disk's smallest sector, so that none lies across two.
pub const RECORD: usize = 128;

/// Where the checksum begins; what is before it is what it is of.
const SUMMED: usize = 96;

const MAGIC: [u8; 4] = *b"CUT1";

/// What is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A device, for good.
    RevokeDevice(DeviceId),
    /// A device, reversibly.
    DisableDevice(DeviceId),
    /// A person with all devices, reversibly.
    DisableUser(UserId),
    /// An open door, by IT.
    EndVerification(VerificationId),
    /// The open door of a device, by its owner.
    LockDevice(DeviceId),
    /// What a group may reach.
    RemovePolicy(PolicyId),
    /// What could be reached.
    RemoveResource(ResourceId),
}

/// Who cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Root, on the command line.
    Local,
    /// A person.
    User(UserId),
    /// A program.
    Token(TokenId),
}

/// One cut, told apart from all others by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The id under which the audit notes that it was stored: once.
    pub id: Uuid,
    /// When it was made.
    pub at: Unix,
    /// Who made it.
    pub by: By,
    /// What it takes away.
    pub what: What,
}

impl What {
    /// Its name in the audit.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::RevokeDevice(_) => "revoke_device",
            Self::DisableDevice(_) => "disable_device",
            Self::DisableUser(_) => "disable_user",
            Self::EndVerification(_) => "end_verification",
            Self::LockDevice(_) => "lock_device",
            Self::RemovePolicy(_) => "remove_policy",
            Self::RemoveResource(_) => "remove_resource",
        }
    }

    fn parts(self) -> (u8, Uuid) {
        match self {
            Self::RevokeDevice(id) => (1, id.0),
            Self::DisableDevice(id) => (2, id.0),
            Self::DisableUser(id) => (3, id.0),
            Self::EndVerification(id) => (4, id.0),
            Self::LockDevice(id) => (5, id.0),
            Self::RemovePolicy(id) => (6, id.0),
            Self::RemoveResource(id) => (7, id.0),
        }
    }

    fn of(kind: u8, id: Uuid) -> Option<Self> {
        Some(match kind {
            1 => Self::RevokeDevice(DeviceId(id)),
            2 => Self::DisableDevice(DeviceId(id)),
            3 => Self::DisableUser(UserId(id)),
            4 => Self::EndVerification(VerificationId(id)),
            5 => Self::LockDevice(DeviceId(id)),
            6 => Self::RemovePolicy(PolicyId(id)),
            7 => Self::RemoveResource(ResourceId(id)),
            _ => return None,
        })
    }
}

impl By {
    fn parts(self) -> (u8, Uuid) {
        match self {
            Self::Local => (0, Uuid::nil()),
            Self::User(id) => (1, id.0),
            Self::Token(id) => (2, id.0),
        }
    }

    fn of(kind: u8, id: Uuid) -> Option<Self> {
        match kind {
            0 => Some(Self::Local),
            1 => Some(Self::User(UserId(id))),
            2 => Some(Self::Token(TokenId(id))),
            _ => None,
        }
    }
}

impl Cut {
    /// As it is written down.
    #[must_use]
    pub fn record(&self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        let ((what, subject), (by, who)) = (self.what.parts(), self.by.parts());
        bytes[..4].copy_from_slice(&MAGIC);
        (bytes[4], bytes[5]) = (what, by);
        bytes[8..24].copy_from_slice(self.id.as_bytes());
        bytes[24..40].copy_from_slice(subject.as_bytes());
        bytes[40..56].copy_from_slice(who.as_bytes());
        bytes[56..64].copy_from_slice(&self.at.0.to_le_bytes());
        let sum = Blake2s256::digest(&bytes[..SUMMED]);
        bytes[SUMMED..].copy_from_slice(&sum);
        bytes
    }

    /// What is written there; nothing if it was never written, or not whole.
    #[must_use]
    pub fn read(bytes: &[u8; RECORD]) -> Option<Self> {
        if bytes[..4] != MAGIC || Blake2s256::digest(&bytes[..SUMMED]).as_slice() != &bytes[SUMMED..] {
            return None;
        }
        let id = |from: usize| Uuid::from_slice(&bytes[from..from + 16]).ok();
        Some(Self {
            id: id(8)?,
            at: Unix(i64::from_le_bytes(bytes[56..64].try_into().ok()?)),
            by: By::of(bytes[5], id(40)?)?,
            what: What::of(bytes[4], id(24)?)?,
        })
    }
}

/// Takes from this world what these cuts take.
pub fn overlay(world: &mut World, cuts: &[Cut]) {
    for cut in cuts {
        match cut.what {
            What::RevokeDevice(id) => {
                world.devices.entry(id).and_modify(|d| d.revoked = true);
                world.verifications.remove(&id);
            }
            What::DisableDevice(id) => {
                world.devices.entry(id).and_modify(|d| d.disabled = true);
                world.verifications.remove(&id);
            }
            What::DisableUser(id) => {
                world.users.entry(id).and_modify(|u| u.disabled = true);
                let devices = &world.devices;
                world.verifications.retain(|device, _| devices.get(device).is_none_or(|d| d.user != id));
            }
            What::EndVerification(id) => world.verifications.retain(|_, v| v.id != id),
            What::LockDevice(id) => drop(world.verifications.remove(&id)),
            What::RemovePolicy(id) => drop(world.policies.remove(&id)),
            What::RemoveResource(id) => drop(world.resources.remove(&id)),
        }
    }
}

/// Whether these cuts shut out this device, or this person on any.
#[must_use]
pub fn shut_out(cuts: &[Cut], user: UserId, device: Option<DeviceId>) -> bool {
    cuts.iter().any(|cut| match cut.what {
        What::RevokeDevice(id) | What::DisableDevice(id) => device == Some(id),
        What::DisableUser(id) => id == user,
        _ => false,
    })
}

/// Whether these cuts lock this opening of this device's door.
#[must_use]
pub fn locked(cuts: &[Cut], user: UserId, device: DeviceId, verification: VerificationId) -> bool {
    let named = cuts.iter().any(|cut| match cut.what {
        What::EndVerification(id) => id == verification,
        What::LockDevice(id) => id == device,
        _ => false,
    });
    named || shut_out(cuts, user, Some(device))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::decide::{Verdict, decide};
    use super::super::model::{self, NOW};
    use super::super::plan::compile;
    use super::*;

    fn cut() -> impl Strategy<Value = Cut> {
        // Ids as small as the model's, so that they meet.
        (any::<u128>(), any::<i64>(), 0u8..3, 0u128..5, 1u8..8, 0u128..5).prop_map(
            |(id, at, by, who, what, subject)| {
                let (who, subject) = (Uuid::from_u128(who), Uuid::from_u128(subject));
                let by = By::of(by, if by == 0 { Uuid::nil() } else { who }).unwrap();
                Cut { id: Uuid::from_u128(id), at: Unix(at), by, what: What::of(what, subject).unwrap() }
            },
        )
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written_and_a_damaged_one_not_at_all(cut in cut(), at in 0..RECORD, bit in 0u8..8) {
            let mut bytes = cut.record();
            prop_assert_eq!(Cut::read(&bytes), Some(cut));
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(Cut::read(&bytes), None);
        }

        #[test]
        fn a_torn_record_is_none(cut in cut(), before in cut(), length in 0..RECORD) {
            for rest in [[0; RECORD], before.record()] {
                let mut bytes = cut.record();
                bytes[length..].copy_from_slice(&rest[length..]);
                prop_assert!(Cut::read(&bytes).is_none_or(|read| read == cut || read == before));
            }
        }

        #[test]
        fn cuts_take_away_what_they_name_and_give_nobody_anything(
            world in model::world(),
            cuts in prop::collection::vec(cut(), 0..4),
        ) {
            let mut after = world.clone();
            overlay(&mut after, &cuts);
            for device in world.devices.keys() {
                for resource in world.resources.keys() {
                    let (was, is) = (decide(&world, *device, *resource, NOW), decide(&after, *device, *resource, NOW));
                    let named = cuts.iter().any(|c| named(&world, c.what, *device, *resource));
                    match (was, is) {
                        (_, Verdict::Allow { .. }) if named => prop_assert!(false, "{device:?} {resource:?} {cuts:?}"),
                        (Verdict::Deny(_), Verdict::Allow { .. }) => prop_assert!(false, "given by a cut"),
                        // A policy that goes may leave another one.
                        (Verdict::Allow { by, .. }, Verdict::Deny(_)) => prop_assert!(named || cuts.iter().any(|c| c.what == What::RemovePolicy(by))),
                        _ => {}
                    }
                }
            }
            let mut twice = after.clone();
            overlay(&mut twice, &cuts);
            prop_assert_eq!(compile(&twice, NOW), compile(&after, NOW));
        }
    }

    fn named(world: &World, what: What, device: DeviceId, resource: ResourceId) -> bool {
        match what {
            What::RevokeDevice(id) | What::DisableDevice(id) | What::LockDevice(id) => id == device,
            What::DisableUser(id) => world.devices[&device].user == id,
            What::EndVerification(id) => world.verifications.get(&device).is_some_and(|v| v.id == id),
            What::RemoveResource(id) => id == resource,
            What::RemovePolicy(_) => false,
        }
    }

    #[test]
    fn a_cut_names_whom_it_shuts_out() {
        let [user, device, other] = [1, 2, 3].map(Uuid::from_u128);
        let cut = |what| Cut { id: Uuid::nil(), at: Unix(0), by: By::Local, what };
        let (user, device, other) = (UserId(user), DeviceId(device), DeviceId(other));
        for (what, shut) in [
            (What::DisableUser(user), [true, true]),
            (What::DisableDevice(device), [true, false]),
            (What::RevokeDevice(device), [true, false]),
            (What::LockDevice(device), [false, false]),
        ] {
            let found = [device, other].map(|d| shut_out(&[cut(what)], user, Some(d)));
            assert_eq!(found, shut, "{what:?}");
        }
        assert!(!shut_out(&[], user, None));
    }
}
