//! How long a desktop may last: until nobody has used it for a while, until its longest time is over, until somebody else
//! who booked the PC comes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Boot;

/// It is said this long before.
pub const WARNED: Duration = Duration::from_secs(5 * 60);

/// What IT allows; absent: without end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Without use.
    pub idle: Option<Duration>,
    /// In all.
    pub longest: Option<Duration>,
}

/// Why it comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// Nobody used it.
    Idle,
    /// Its time is over.
    Longest,
    /// The PC is booked by somebody else.
    Booked,
}

/// When it ends, and why, as it is now; `booked`: when somebody else's booking begins.
#[must_use]
pub fn ends(limits: Limits, began: Boot, used: Boot, booked: Option<Boot>) -> Option<(Boot, Due)> {
    let idle = limits.idle.map(|idle| (used + idle, Due::Idle));
    let longest = limits.longest.map(|longest| (began + longest, Due::Longest));
    [idle, longest, booked.map(|at| (at, Due::Booked))].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first() {
        let minutes = |m: u64| Duration::from_secs(m * 60);
        let at = |m: u64| Boot(m * 60_000);
        let limits =
            |idle: Option<u64>, longest: Option<u64>| Limits { idle: idle.map(minutes), longest: longest.map(minutes) };
        let cases = [
            (limits(None, None), at(10), None, None),
            (limits(Some(30), None), at(10), None, Some((at(40), Due::Idle))),
            (limits(Some(30), Some(60)), at(10), None, Some((at(40), Due::Idle))),
            (limits(Some(30), Some(60)), at(50), None, Some((at(61), Due::Longest))),
            (limits(None, Some(60)), at(10), Some(at(45)), Some((at(45), Due::Booked))),
            (limits(None, None), at(10), Some(at(45)), Some((at(45), Due::Booked))),
        ];
        for (limits, used, booked, expected) in cases {
            assert_eq!(ends(limits, at(1), used, booked), expected, "{limits:?}");
        }
    }
}
