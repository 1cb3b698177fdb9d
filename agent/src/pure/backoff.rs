//! How long to wait before the gateway is asked again. An office of PCs that all come back at once must not beat its
//! gateway down, so the wait is drawn from the whole of a range that grows ("full jitter"); the draw is an argument.

use std::time::Duration;

use agent::message::Refused;

/// The first range: a gateway that was upgraded is back within a second.
const FIRST: Duration = Duration::from_secs(1);

/// The widest range: who switches the gateway on again sees all PCs within a minute.
const WIDEST: Duration = Duration::from_secs(60);

/// A connection that lasted this long was a good one: what comes after it begins anew.
pub(crate) const GOOD: Duration = Duration::from_secs(60);

/// After the gateway said that it does not know this PC, or no longer: only a person changes that.
const QUIET: Duration = Duration::from_secs(600);

/// After it said that it is busy, or that another connection took this one's place.
const BUSY: Duration = Duration::from_secs(30);

/// How a connection, or the attempt at one, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It broke, or did not come about; it had been welcomed for so long.
    Lost(Duration),
    /// The gateway said so.
    Refused(Refused),
    /// We left it: the PC slept.
    Left,
}

/// The range from which the next wait is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    range: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { range: FIRST }
    }
}

impl Backoff {
    /// How long to wait after this; `chance` is random.
    pub(crate) fn after(&mut self, end: End, chance: u64) -> Duration {
        match end {
            End::Refused(Refused::Revoked | Refused::Unknown) => QUIET,
            // Not all at the same moment, and none before.
            End::Refused(Refused::Busy | Refused::Replaced) => BUSY + draw(FIRST, chance),
            End::Left => {
                self.range = FIRST;
                Duration::ZERO
            }
            End::Lost(welcomed) if welcomed >= GOOD => {
                self.range = FIRST * 2;
                draw(FIRST, chance)
            }
            End::Lost(_) | End::Refused(_) => {
                let wait = draw(self.range, chance);
                self.range = (self.range * 2).min(WIDEST);
                wait
            }
        }
    }
}

/// A part of this range.
fn draw(range: Duration, chance: u64) -> Duration {
    let nanos = u64::try_from(range.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(u64::try_from((u128::from(nanos) * u128::from(chance)) >> 64).unwrap_or(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKE: End = End::Lost(Duration::ZERO);

    #[test]
    fn doubles_to_a_minute_and_begins_anew_after_a_good_connection() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..8).map(|_| backoff.after(BROKE, u64::MAX).as_millis() as u64).collect();
        assert_eq!(waits, [999, 1999, 3999, 7999, 15_999, 31_999, 59_999, 59_999]);
        assert_eq!(backoff.after(End::Lost(GOOD - Duration::from_millis(1)), u64::MAX).as_secs(), 59);
        assert_eq!(backoff.after(End::Lost(GOOD), u64::MAX).as_millis(), 999);
        assert_eq!(backoff.after(BROKE, u64::MAX).as_millis(), 1999);
    }

    #[test]
    fn the_wait_is_drawn_from_the_whole_range() {
        assert_eq!(Backoff::default().after(BROKE, 0), Duration::ZERO);
        assert_eq!(Backoff::default().after(BROKE, u64::MAX / 2).as_millis(), 499);
    }

    #[test]
    fn what_only_a_person_changes_is_asked_seldom() {
        for chance in [0, u64::MAX] {
            let mut backoff = Backoff::default();
            assert_eq!(backoff.after(End::Refused(Refused::Revoked), chance), QUIET);
            assert_eq!(backoff.after(End::Refused(Refused::Unknown), chance), QUIET);
            assert!(backoff.after(End::Refused(Refused::Busy), chance) >= BUSY);
            assert!(backoff.after(End::Refused(Refused::Replaced), chance) >= BUSY);
            assert!(backoff.after(End::Refused(Refused::Flood), chance) <= FIRST);
            assert_eq!(backoff.after(End::Left, chance), Duration::ZERO);
        }
    }
}
