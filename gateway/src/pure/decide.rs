//! Who may reach what, now, and why: the one answer behind both locks, the screen, `passerelle why` and the audit.
//!
//! Default deny: a verdict is `Allow` only if a named policy says so, and it always says until when.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Boot;
use crate::ids::{DeviceId, GroupId, PolicyId, ResourceId, UserId, VerificationId};
use crate::link::message::{Key, Ports, Resource, Secret, Transport};
use crate::planted::{Bug, planted};

/// What the database says, read in one transaction. Ends are in [`Boot`] time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// Everybody.
    pub users: BTreeMap<UserId, User>,
    /// Every device that was ever added, revoked ones too.
    pub devices: BTreeMap<DeviceId, Device>,
    /// Everything published.
    pub resources: BTreeMap<ResourceId, Resource>,
    /// Every policy in force.
    pub policies: BTreeMap<PolicyId, Policy>,
    /// The running verification of each device that has one.
    pub verifications: BTreeMap<DeviceId, Verification>,
}

/// A person, as far as access hangs on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct User {
    /// Reversibly shut out.
    pub disabled: bool,
    /// Has a confirmed second factor.
    pub factor: bool,
    /// Member of these.
    pub groups: BTreeSet<GroupId>,
}

/// A device.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Whose it is.
    pub user: UserId,
    /// WireGuard public key.
    pub public_key: Key,
    /// WireGuard preshared key.
    pub preshared_key: Option<Secret>,
    /// Its own addresses.
    pub address4: Ipv4Addr,
    /// Its own addresses.
    pub address6: Ipv6Addr,
    /// Where it was last heard.
    pub endpoint: Option<SocketAddr>,
    /// It was heard in the last three minutes.
    pub recent: bool,
    /// Reversibly shut out.
    pub disabled: bool,
    /// Shut out for good.
    pub revoked: bool,
}

/// A group may reach a resource.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Who.
    pub group: GroupId,
    /// What.
    pub resource: ResourceId,
    /// From when, if its hours have not begun.
    pub from: Option<Boot>,
    /// Until when, if it or the hours that run have an end.
    pub until: Option<Boot>,
}

/// A door that was opened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verification {
    /// Which opening.
    pub id: VerificationId,
    /// When it ends.
    pub until: Boot,
}

/// The answer, with its reason and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allow {
        /// The policy that says so: of several, the one that ends last.
        by: PolicyId,
        /// The earlier end of policy and verification.
        until: Boot,
    },
    /// No, for all of these reasons.
    Deny(Vec<Reason>),
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No such user, device or resource.
    Unknown,
    /// The user is disabled.
    UserDisabled,
    /// The user has not confirmed a second factor yet.
    FactorMissing,
    /// The device is disabled.
    DeviceDisabled,
    /// The device is revoked.
    DeviceRevoked,
    /// The device's door is locked: no verification, or it has ended.
    Locked,
    /// No policy links one of the user's groups with the resource.
    NoPolicy,
    /// The policy has ended.
    PolicyEnded,
    /// The policy is for other hours of the week.
    OutsideHours,
}

/// May this device reach this resource now?
#[must_use]
pub fn decide(world: &World, device: DeviceId, resource: ResourceId, now: Boot) -> Verdict {
    let mut reasons = Vec::new();
    let user = match standing(world, device) {
        Ok(user) => Some(user),
        Err(mut why) => {
            reasons.append(&mut why);
            world.devices.get(&device).and_then(|d| world.users.get(&d.user))
        }
    };
    let open_until = verified(world, device, now);
    if open_until.is_none() {
        reasons.push(Reason::Locked);
    }
    let entitled = user.map_or(Err(Reason::Unknown), |u| entitled(world, u, resource, now));
    match (entitled, open_until) {
        (Ok((by, end)), Some(open)) if reasons.is_empty() => {
            Verdict::Allow { by, until: end.map_or(open, |end| end.min(open)) }
        }
        (Err(reason), _) => {
            reasons.push(reason);
            reasons.sort();
            reasons.dedup();
            Verdict::Deny(reasons)
        }
        _ => Verdict::Deny(reasons),
    }
}

/// Whether one of these ranges holds the port.
#[must_use]
pub fn opens(ports: &[Ports], transport: Transport, port: u16) -> bool {
    ports.iter().any(|p| p.contains(transport, port))
}

/// The device may have a tunnel: it and its user are in good standing.
///
/// # Errors
/// Every reason why not.
pub fn standing(world: &World, device: DeviceId) -> Result<&User, Vec<Reason>> {
    let Some(device) = world.devices.get(&device) else { return Err(vec![Reason::Unknown]) };
    let Some(user) = world.users.get(&device.user) else { return Err(vec![Reason::Unknown]) };
    let reasons: Vec<_> = [
        (user.disabled, Reason::UserDisabled),
        (!user.factor && !planted(Bug::FactorNotAsked), Reason::FactorMissing),
        (device.disabled, Reason::DeviceDisabled),
        (device.revoked, Reason::DeviceRevoked),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect();
    if reasons.is_empty() { Ok(user) } else { Err(reasons) }
}

/// When the device's open door locks; nothing if it is locked.
#[must_use]
pub fn verified(world: &World, device: DeviceId, now: Boot) -> Option<Boot> {
    world.verifications.get(&device).map(|v| v.until).filter(|until| *until > now)
}

/// The policy that lets this user reach the resource, and its end.
///
/// # Errors
/// Why there is none.
pub fn entitled(
    world: &World,
    user: &User,
    resource: ResourceId,
    now: Boot,
) -> Result<(PolicyId, Option<Boot>), Reason> {
    if !world.resources.contains_key(&resource) {
        return Err(Reason::Unknown);
    }
    let (mut ended, mut early) = (false, false);
    let mut best: Option<(PolicyId, Option<Boot>)> = None;
    for (id, policy) in &world.policies {
        if policy.resource != resource || !user.groups.contains(&policy.group) {
            continue;
        }
        match (policy.until, best) {
            (Some(until), _) if until <= now => ended = true,
            _ if policy.from.is_some_and(|from| from > now) => early = true,
            (_, Some((_, None))) => {}
            (None, _) => best = Some((*id, None)),
            (Some(until), Some((_, Some(other)))) if until <= other => {}
            (until, _) => best = Some((*id, until)),
        }
    }
    best.ok_or(match (early, ended) {
        (true, _) => Reason::OutsideHours,
        (false, true) => Reason::PolicyEnded,
        (false, false) => Reason::NoPolicy,
    })
}
