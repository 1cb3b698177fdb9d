//! For how long lines of the audit are kept: by class, in whole days.
//!
//! CNIL, délibération n° 2021-122 of 14 October 2021 on logs: six months to a year, longer (three years at most) where
//! it is argued.

use serde::Serialize;

use crate::audit::Class;
use crate::clock::Unix;

/// Nobody clears the audit of what they did this month by a setting.
pub const SHORTEST_DAYS: u32 = 30;

/// Three years.
pub const LONGEST_DAYS: u32 = 1096;

/// Each class's days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// Sign-ins and doors: six months, the least that the CNIL recommends, for they tell when people work.
    pub access: u32,
    /// Changes: a year.
    pub administration: u32,
    /// Refusals and the like: a year, for break-ins are found late.
    pub security: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { access: 183, administration: 365, security: 365 }
    }
}

impl Retention {
    /// Lines of this class from before this moment go.
    #[must_use]
    pub fn cutoff(&self, class: Class, now: Unix) -> Unix {
        let days = match class {
            Class::Access => self.access,
            Class::Administration => self.administration,
            Class::Security => self.security,
        };
        Unix(now.0.saturating_sub(i64::from(days) * 24 * 3_600_000))
    }
}
