//! Passkey ceremonies under way: in memory, good once, for two minutes, at the place where they were begun.
//!
//! Not in the database: whoever begins one is a stranger still, and strangers write nothing. A restart ends them all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use passki::{AuthenticationState, RegistrationState};

use crate::clock::Boot;
use crate::ids::DeviceId;

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
    /// Elsewhere: where tries are counted as coming from.
    From(String),
}

/// What it is for.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// To show who one is.
    Proof(AuthenticationState),
    /// To register a passkey, in the web session with this hash.
    Registration(String, RegistrationState),
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
            let oldest = all.iter().filter(|(_, c)| c.place == place).min_by_key(|(_, c)| c.until);
            let Some(challenge) = oldest.map(|(challenge, _)| challenge.clone()) else { break };
            all.remove(&challenge);
        }
        if all.len() >= MOST {
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
        for n in 100..2 * MOST {
            all.begin(kind(n), from(n), now);
        }
        assert_eq!(count(), MOST);
        assert!(!all.begin(kind(0), Place::From("late".into()), now));
        assert!(all.begin(kind(0), Place::From("late".into()), now + LIFE + LIFE), "those whose time is over are gone");
    }
}
