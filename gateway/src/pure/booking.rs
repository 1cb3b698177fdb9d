//! Bookings of office PCs: which times can be booked, and what a booking says at a moment.
//!
//! Times are quarters of an hour of Unix time: what nobody may have twice is one quarter of one PC. That it is nobody's
//! twice is the database's to hold.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Unix;
use crate::ids::{BookingId, ResourceId, UserId};

/// A quarter of an hour.
pub const QUARTER_MS: i64 = 15 * 60_000;

/// So far ahead, in days: two months, as meeting rooms have it.
pub const AHEAD_DAYS: i64 = 60;

/// Whoever booked, and is not there for so long, has the PC no more.
pub const ABSENT_MS: i64 = 15 * 60_000;

/// So long before it begins, nobody else comes to the PC any more: they would be gone again at once.
pub const LEAD_MS: i64 = 5 * 60_000;

/// The longest that a pool may allow: a working day, and some.
pub const LONGEST_MINUTES: u32 = 12 * 60;

/// A PC is somebody's for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Which one.
    pub id: BookingId,
    /// Of which PC.
    pub pc: ResourceId,
    /// Whose.
    pub user: UserId,
    /// From when on.
    pub begins: Unix,
    /// Until when.
    pub ends: Unix,
}

impl Booking {
    /// Whether it keeps its PC from others now.
    #[must_use]
    pub fn holds(&self, now: Unix) -> bool {
        self.begins.0.saturating_sub(LEAD_MS) <= now.0 && now < self.ends
    }
}

/// Why a time cannot be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTime {
    /// Not whole quarters.
    #[error("begins, ends: bookings begin and end at full quarters of an hour")]
    Uneven,
    /// It ends before it begins, or at once.
    #[error("ends: it has to be after its beginning")]
    Empty,
    /// It is over, or began more than a quarter ago.
    #[error("begins: this time has passed")]
    Past,
    /// Nobody knows yet.
    #[error("begins: at most {AHEAD_DAYS} days ahead")]
    Far,
    /// Longer than the pool allows.
    #[error("ends: at most {0} minutes")]
    Long(u32),
    /// The pool is not booked at all.
    #[error("pool: IT has switched bookings off here")]
    Off,
}

/// When so many of these are booked at once, or more: one after the other, none touching the next.
pub fn full<'b>(bookings: impl Iterator<Item = &'b Booking>, most: usize) -> Vec<(Unix, Unix)> {
    let mut edges = BTreeMap::<Unix, (usize, usize)>::new();
    for booking in bookings {
        edges.entry(booking.begins).or_default().0 += 1;
        edges.entry(booking.ends).or_default().1 += 1;
    }
    let (mut now, mut since, mut spans) = (0, None, Vec::new());
    for (at, (begin, end)) in edges {
        now = now + begin - end;
        match since {
            None if now >= most => since = Some(at),
            Some(from) if now < most => {
                spans.push((from, at));
                since = None;
            }
            _ => {}
        }
    }
    spans
}

/// The quarters of a time that can be booked now.
///
/// # Errors
/// Why it cannot.
pub fn quarters(begins: Unix, ends: Unix, longest_minutes: u32, now: Unix) -> Result<Range<i64>, NoTime> {
    if longest_minutes == 0 {
        return Err(NoTime::Off);
    }
    if begins.0 % QUARTER_MS != 0 || ends.0 % QUARTER_MS != 0 {
        return Err(NoTime::Uneven);
    }
    if ends <= begins {
        return Err(NoTime::Empty);
    }
    // The quarter that runs can be booked: "now, for an hour".
    if begins.0.saturating_add(QUARTER_MS) <= now.0 {
        return Err(NoTime::Past);
    }
    if begins.0.saturating_sub(now.0) > AHEAD_DAYS * 24 * 3_600_000 {
        return Err(NoTime::Far);
    }
    if ends.0.saturating_sub(begins.0) > i64::from(longest_minutes) * 60_000 {
        return Err(NoTime::Long(longest_minutes));
    }
    Ok(begins.0 / QUARTER_MS..ends.0 / QUARTER_MS)
}

/// Whose a PC is now, by these bookings.
#[must_use]
pub fn holder(bookings: &[Booking], pc: ResourceId, now: Unix) -> Option<&Booking> {
    let of = |b: &&Booking| b.pc == pc && b.holds(now);
    // Two touch at most: who has it now goes before who has it soon.
    bookings.iter().filter(of).min_by_key(|b| b.begins)
}

/// When a PC has to be given to somebody else who booked it.
#[must_use]
pub fn next_of_another(bookings: &[Booking], pc: ResourceId, user: UserId, now: Unix) -> Option<Unix> {
    bookings.iter().filter(|b| b.pc == pc && b.user != user && now < b.ends).map(|b| b.begins).min()
}

/// What became of a booking that is over before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Freed {
    /// They gave it back.
    Back,
    /// They were not there for a quarter of an hour.
    Absent,
    /// IT took it back.
    It,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Unix = Unix(1_750_000_500_000);
    const HOUR: i64 = 3_600_000;

    #[test]
    fn times_that_can_be_booked() {
        let q = NOW.0 / QUARTER_MS;
        let at = |n: i64| Unix((q + n) * QUARTER_MS);
        let far = AHEAD_DAYS * 24 * 4;
        let cases = [
            (at(0), at(4), 60, Ok(q..q + 4)),
            (at(1), at(2), 15, Ok(q + 1..q + 2)),
            (at(far), at(far + 1), 60, Ok(q + far..q + far + 1)),
            (at(-1), at(4), 240, Err(NoTime::Past)),
            (at(far + 1), at(far + 2), 60, Err(NoTime::Far)),
            (at(1), at(6), 60, Err(NoTime::Long(60))),
            (at(2), at(2), 60, Err(NoTime::Empty)),
            (at(3), at(2), 60, Err(NoTime::Empty)),
            (Unix(at(1).0 + 1), at(2), 60, Err(NoTime::Uneven)),
            (at(1), Unix(at(2).0 - 1), 60, Err(NoTime::Uneven)),
            (at(1), at(2), 0, Err(NoTime::Off)),
            (Unix(i64::MIN / QUARTER_MS * QUARTER_MS), at(2), 60, Err(NoTime::Past)),
            (at(1), Unix(i64::MAX / QUARTER_MS * QUARTER_MS), 60, Err(NoTime::Long(60))),
        ];
        for (begins, ends, longest, expected) in cases {
            assert_eq!(quarters(begins, ends, longest, NOW), expected, "{begins:?} {ends:?}");
        }
    }

    #[test]
    fn whose_a_pc_is() {
        let pc = ResourceId::new();
        let (marta, paul) = (UserId::new(), UserId::new());
        let one =
            |user, begins, ends| Booking { id: BookingId::new(), pc, user, begins: Unix(begins), ends: Unix(ends) };
        let all = [one(paul, 2 * HOUR, 3 * HOUR), one(marta, HOUR, 2 * HOUR)];
        let has = |at: i64| holder(&all, pc, Unix(at)).map(|b| b.user);
        assert_eq!(has(HOUR - LEAD_MS - 1), None);
        assert_eq!(has(HOUR - LEAD_MS), Some(marta), "soon");
        assert_eq!(has(HOUR), Some(marta));
        assert_eq!(has(2 * HOUR - 1), Some(marta), "until its end, though the next begins soon");
        assert_eq!(has(2 * HOUR), Some(paul));
        assert_eq!(has(3 * HOUR), None);
        assert_eq!(holder(&all, ResourceId::new(), Unix(HOUR)), None, "another PC");
        let next = |user, at: i64| next_of_another(&all, pc, user, Unix(at));
        assert_eq!(next(marta, 0), Some(Unix(2 * HOUR)));
        assert_eq!(next(paul, 0), Some(Unix(HOUR)));
        assert_eq!(next(paul, 2 * HOUR), None, "it is over");
        assert_eq!(next(UserId::new(), 0), Some(Unix(HOUR)));
    }

    #[test]
    fn when_no_seat_is_left() {
        let one = |from: i64, to: i64| Booking {
            id: BookingId::new(),
            pc: ResourceId::new(),
            user: UserId::new(),
            begins: Unix(from),
            ends: Unix(to),
        };
        let spans = |all: &[Booking], most| full(all.iter(), most).iter().map(|(a, b)| (a.0, b.0)).collect::<Vec<_>>();
        let all = [one(9, 10), one(10, 12), one(10, 11), one(14, 15)];
        assert_eq!(spans(&all, 1), [(9, 12), (14, 15)], "what follows at once is one");
        assert_eq!(spans(&all, 2), [(10, 11)]);
        assert_eq!(spans(&all, 3), []);
        assert_eq!(spans(&all, usize::MAX), []);
        assert_eq!(spans(&[], 1), []);
    }
}
