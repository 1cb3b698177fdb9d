//! Tickets: by one, a page of somebody who may go to a PC opens the connection that shows it; once, and at once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use provisioning::digest::digest;
use zeroize::Zeroizing;

use super::millis;
use crate::clock::Boot;
use crate::ids::{DesktopId, DeviceId, ResourceId, UserId};

/// A page uses it as soon as it has it.
const GOOD: Duration = Duration::from_secs(30);

/// Tickets at once of one device, and in all.
const EACH: usize = 8;
const ALL: usize = 1_000;

/// What whoever has it shows: 256 bits, in base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(ticket)")
    }
}

impl Secret {
    /// For the page that it is given to.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// What a ticket is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) desktop: DesktopId,
    pub(super) user: UserId,
    pub(super) device: DeviceId,
    /// Hash of the token of the web session it was given to.
    pub(super) session: String,
    pub(super) resource: ResourceId,
}

/// Those that are good.
#[derive(Debug, Default)]
pub(super) struct Tickets(Mutex<HashMap<String, (Ticket, Boot)>>);

impl Tickets {
    /// A new one; nothing if there are too many, or the kernel gives no randomness.
    pub(super) fn give(&self, ticket: Ticket, now: Boot) -> Option<Secret> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut()).ok()?;
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref()));
        let mut all = self.all(now);
        let own = all.values().filter(|(other, _)| other.device == ticket.device).count();
        if own >= EACH || all.len() >= ALL {
            return None;
        }
        all.insert(digest(&[secret.as_bytes()]), (ticket, now));
        Some(Secret(secret))
    }

    /// What this one is for, if it is shown by the device and the web session it was given to; it is good no more, whoever
    /// shows it.
    pub(super) fn take(&self, shown: &str, device: DeviceId, session: &str, now: Boot) -> Option<Ticket> {
        let (ticket, _) = self.all(now).remove(&digest(&[shown.as_bytes()]))?;
        (ticket.device == device && ticket.session == session).then_some(ticket)
    }

    /// Takes back that of a desktop that is wanted no more; whether there was one.
    pub(super) fn take_back(&self, desktop: DesktopId, user: UserId, now: Boot) -> bool {
        let mut all = self.all(now);
        let before = all.len();
        all.retain(|_, (ticket, _)| (ticket.desktop, ticket.user) != (desktop, user));
        all.len() < before
    }

    /// The PC that it is for.
    pub(super) fn of(&self, desktop: DesktopId, user: UserId, now: Boot) -> Option<ResourceId> {
        let all = self.all(now);
        all.values().find(|(t, _)| (t.desktop, t.user) == (desktop, user)).map(|(ticket, _)| ticket.resource)
    }

    /// Without those whose time is over.
    fn all(&self, now: Boot) -> MutexGuard<'_, HashMap<String, (Ticket, Boot)>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (_, given)| now.0.saturating_sub(given.0) < millis(GOOD));
        all
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_good_once_for_whom_it_was_given_to_and_not_for_long() {
        let (tickets, now) = (Tickets::default(), Boot(1_000_000));
        let device = DeviceId::new();
        let ticket = |desktop| Ticket {
            desktop,
            user: UserId(uuid::Uuid::nil()),
            device,
            session: "s".into(),
            resource: ResourceId(uuid::Uuid::nil()),
        };
        let one = ticket(DesktopId::new());
        let give = || tickets.give(one.clone(), now).unwrap();
        let secret = give();
        assert_eq!(format!("{secret:?}"), "(ticket)");
        assert_eq!(tickets.take("", device, "s", now), None);
        assert_eq!(tickets.take(&secret.0, device, "s", now), Some(one.clone()));
        assert_eq!(tickets.take(&secret.0, device, "s", now), None, "twice");
        let secret = give();
        assert_eq!(tickets.take(&secret.0, DeviceId::new(), "s", now), None, "another device's");
        assert_eq!(tickets.take(&secret.0, device, "s", now), None, "what was stolen is good no more");
        let secret = give();
        assert_eq!(tickets.take(&secret.0, device, "other", now), None, "another session's");
        let secret = give();
        assert_eq!(tickets.take(&secret.0, device, "s", now + GOOD), None, "too late");
        let secret = give();
        assert_eq!(tickets.of(one.desktop, one.user, now), Some(one.resource));
        assert!(tickets.take_back(one.desktop, one.user, now) && !tickets.take_back(one.desktop, one.user, now));
        assert_eq!(tickets.take(&secret.0, device, "s", now), None, "taken back");
        let given = (0..EACH + 1).filter_map(|_| tickets.give(ticket(DesktopId::new()), now)).count();
        assert_eq!(given, EACH);
    }
}
