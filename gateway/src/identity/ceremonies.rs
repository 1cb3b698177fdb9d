//! Passkey ceremonies under way: in memory, good once, for two minutes, at the place where they were begun.
//!
//! Not in the database: whoever begins one is a stranger still, and strangers write nothing. A restart ends them all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use passki::{AuthenticationState, RegistrationState};

use crate::clock::Boot;
use crate::ids::{DeviceId, InvitationId};

/// A ceremony waits so long for its end: time to find the telephone and look into it.
pub const LIFE: Duration = Duration::from_secs(120);

/// Under way at one place; the oldest makes room. Somebody who thinks again needs one, shared office addresses some.
const MINE: usize = 8;

/// Under way altogether: a few hundred bytes each.
const MOST: usize = 1024;

/// Where a ceremony was begun, and is to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the tunnel of this device.
    Device(DeviceId),
    /// By this invitation, wherever it is held: no stranger makes it give way.
    Invitation(InvitationId),
    /// Elsewhere: where tries are counted as coming from.
    From(String),
}

/// Who may end what makes a passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    /// The web session with this hash.
    Session(String),
    /// Whoever has chosen an invitation's password, when this sealed secret was drawn.
    Invited(String),
}

/// What it is for.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// To show who one is.
    Proof(AuthenticationState),
    /// To make a passkey.
    Registration(Maker, RegistrationState),
}

#[derive(Debug)]
struct Ceremony {
    kind: Kind,
    place: Place,
    until: Boot,
}

/// All of them, by challenge.
#[derive(Debug, Default)]
pub struct Ceremonies(Mutex<HashMap<Vec<u8>, Ceremony>>);

impl Ceremonies {
    /// Begins one. False: too many are under way.
    pub(super) fn begin(&self, kind: Kind, place: Place, now: Boot) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, c| c.until > now);
        while all.values().filter(|c| c.place == place).count() >= MINE {
            if !end_oldest(&mut all, |c| c.place == place) {
                break;
            }
        }
        // Strangers make room, for they can be many; whoever is in their own tunnel never has to.
        if all.len() >= MOST && !end_oldest(&mut all, |c| matches!(c.place, Place::From(_))) {
            return false;
        }
        let challenge = match &kind {
            Kind::Proof(state) => state.challenge.clone(),
            Kind::Registration(_, state) => state.challenge.clone(),
        };
        all.insert(challenge, Ceremony { kind, place, until: now + LIFE });
        true
    }

    /// Ends the one of this challenge, whoever asks: it is given to its own place only, in its time.
    pub(super) fn take(&self, challenge: &[u8], place: &Place, now: Boot) -> Option<Kind> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(challenge)?;
        (taken.place == *place && taken.until > now).then_some(taken.kind)
    }
}

/// Ends the oldest of these; false: there is none.
fn end_oldest(all: &mut HashMap<Vec<u8>, Ceremony>, of: impl Fn(&Ceremony) -> bool) -> bool {
    let oldest = all.iter().filter(|(_, c)| of(c)).min_by_key(|(_, c)| c.until);
    let Some(challenge) = oldest.map(|(challenge, _)| challenge.clone()) else { return false };
    all.remove(&challenge).is_some()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn kind(challenge: usize) -> Kind {
        let state = serde_json::json!({
            "challenge": challenge.to_be_bytes(), "allowed_credentials": [], "user_verification": "required",
        });
        Kind::Proof(serde_json::from_value(state).unwrap())
    }

    fn from(n: usize) -> Place {
        Place::From(n.to_string())
    }

    #[test]
    fn one_is_good_once_in_its_time_and_at_its_place() {
        let (all, now) = (Ceremonies::default(), Boot(5));
        let taken = |n: usize, place, at| all.take(&n.to_be_bytes(), &place, at).is_some();
        for n in 0..4 {
            assert!(all.begin(kind(n), from(0), now));
        }
        assert!(taken(0, from(0), now) && !taken(0, from(0), now), "good once");
        assert!(!taken(1, from(1), now) && !taken(1, from(0), now), "elsewhere it ends, and is given to nobody");
        assert!(!taken(2, from(0), now + LIFE), "its time is over");
        assert!(taken(3, from(0), Boot((now + LIFE).0 - 1)));
        assert!(!taken(9, from(0), now), "never begun");
    }

    #[test]
    fn nobody_fills_the_memory_nor_takes_anothers_place() {
        let (all, now) = (Ceremonies::default(), Boot(5));
        assert!(all.begin(kind(0), from(0), now));
        for n in 1..100 {
            assert!(all.begin(kind(n), from(1), Boot(now.0 + n as u64)));
        }
        let count = || all.0.lock().unwrap().len();
        assert_eq!(count(), 1 + MINE, "the oldest of the same place make room");
        assert!(all.take(&99_usize.to_be_bytes(), &from(1), now).is_some());
        let device = || Place::Device(DeviceId::new());
        let mine = device();
        assert!(all.begin(kind(100), mine.clone(), Boot(1)));
        for n in 101..2 * MOST {
            assert!(all.begin(kind(n), from(n), now), "the oldest stranger's makes room");
        }
        assert_eq!(count(), MOST);
        assert!(all.take(&(2 * MOST - 1).to_be_bytes(), &from(2 * MOST - 1), now).is_some());
        assert!(all.take(&100_usize.to_be_bytes(), &mine, now).is_some(), "no stranger ends one of a tunnel");
        for n in 2 * MOST..3 * MOST {
            assert!(all.begin(kind(n), device(), now), "nor keeps one out");
        }
        assert!(!all.begin(kind(0), device(), now) && !all.begin(kind(0), from(0), now), "there is no more room");
        assert_eq!(count(), MOST);
        assert!(all.begin(kind(0), from(0), now + LIFE + LIFE), "those whose time is over are gone");
    }
}
