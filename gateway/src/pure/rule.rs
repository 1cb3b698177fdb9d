//! A policy as IT wrote it, and as it stands at a moment: the one way from its hours and its end to what
//! [`super::decide`] asks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::decide::Policy;
use super::hours::Hours;
use crate::clock::{Boot, Unix};
use crate::ids::{GroupId, PolicyId, ResourceId};

/// A group may reach a resource: always, or in these hours, and without end, or until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Who.
    pub group: GroupId,
    /// What.
    pub resource: ResourceId,
    /// When in the week, in the office's time zone; always if absent.
    pub hours: Option<Hours>,
    /// Until when, if it has an end.
    pub until: Option<Unix>,
}

/// Every rule, by the policy it is of.
pub type Rules = BTreeMap<PolicyId, Rule>;

impl Rule {
    /// What decides at this moment. Of hours, the running or the next span; what has an end of its own is over then.
    #[must_use]
    pub fn at(&self, zone: &TimeZone, now: Unix, clock: impl Fn(Unix) -> Boot) -> Policy {
        let (from, until) = match &self.hours {
            Some(hours) => in_hours(hours, zone, now, self.until),
            None => (None, self.until),
        };
        Policy { group: self.group, resource: self.resource, from: from.map(&clock), until: until.map(&clock) }
    }

    /// Whether it lets somebody in for the whole of this time.
    #[must_use]
    pub fn covers(&self, zone: &TimeZone, begins: Unix, ends: Unix) -> bool {
        let within = |hours| window(hours, zone, begins).is_some_and(|(from, to)| from <= begins && ends <= to);
        self.until.is_none_or(|until| ends <= until) && self.hours.as_ref().is_none_or(within)
    }
}

fn in_hours(hours: &Hours, zone: &TimeZone, now: Unix, end: Option<Unix>) -> (Option<Unix>, Option<Unix>) {
    // A clock beyond the calendar opens nothing.
    let Some((from, to)) = window(hours, zone, now) else { return (None, Some(Unix(0))) };
    match end {
        Some(end) if end <= from => (None, Some(Unix(0))),
        Some(end) => (Some(from), Some(end.min(to))),
        None => (Some(from), Some(to)),
    }
}

/// The running or the next span of these hours.
pub(super) fn window(hours: &Hours, zone: &TimeZone, now: Unix) -> Option<(Unix, Unix)> {
    let (from, to) = hours.window(zone, Timestamp::from_millisecond(now.0).ok()?)?;
    Some((Unix(from.as_millisecond()), Unix(to.as_millisecond())))
}
