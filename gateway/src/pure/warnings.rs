//! When whoever is at an open door is warned that it will lock, and of which end.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// So long before an end it is warned of, the last warning first: time to finish a sentence, and to finish a task.
pub const BEFORE: [Duration; 2] = [Duration::from_secs(5 * 60), Duration::from_secs(15 * 60)];

/// Which of its two ends a door comes to first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Its time is over, however much it is used: a fresh code is the cure.
    Expired,
    /// It is not used: using it is the cure.
    Idle,
}

/// A warning that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Of which end.
    pub reason: Ending,
    /// So long before it.
    pub before: Duration,
}

/// The warning that holds for a door with so much left at most, and so much if it is not used.
#[must_use]
pub fn due(at_most: Duration, unused: Duration) -> Option<Due> {
    let reason = if unused < at_most { Ending::Idle } else { Ending::Expired };
    let before = BEFORE.into_iter().find(|before| at_most.min(unused) <= *before)?;
    Some(Due { reason, before })
}

/// How long until another warning holds, or the door locks.
#[must_use]
pub fn next(at_most: Duration, unused: Duration) -> Duration {
    let left = at_most.min(unused);
    let passed = BEFORE.into_iter().filter(|before| *before < left).max().unwrap_or_default();
    left.saturating_sub(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    #[test]
    fn fifteen_and_five_minutes_before_whichever_end_comes_first() {
        use Ending::{Expired, Idle};
        for (at_most, unused, warned, wait) in [
            (10 * HOUR, 2 * HOUR, None, 2 * HOUR - 900),
            (HOUR, HOUR, None, HOUR - 900),
            (901, 901, None, 1),
            (900, 900, Some((Expired, 15)), 600),
            (301, 301, Some((Expired, 15)), 1),
            (300, 300, Some((Expired, 5)), 300),
            (1, 1, Some((Expired, 5)), 1),
            (HOUR, 901, None, 1),
            (HOUR, 900, Some((Idle, 15)), 600),
            (310, 300, Some((Idle, 5)), 300),
            // What would be unused for longer than it has is not idle.
            (900, HOUR, Some((Expired, 15)), 600),
            (0, 0, Some((Expired, 5)), 0),
        ] {
            let (at_most, unused) = (Duration::from_secs(at_most), Duration::from_secs(unused));
            let held = due(at_most, unused).map(|due| (due.reason, due.before.as_secs() / 60));
            assert_eq!(held, warned, "{at_most:?} {unused:?}");
            assert_eq!(next(at_most, unused).as_secs(), wait, "{at_most:?} {unused:?}");
        }
    }
}
