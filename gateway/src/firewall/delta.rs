//! From what stands in the sets to what shall stand there: elements only.
//!
//! Open doors are closed in a transaction of their own, first, for it is small whatever the number of grants. A door that
//! only gets another end is replaced within one transaction: in between, packets of its connections would be refused, and
//! the office's machines would take them for over. Elements that ended by themselves are not deleted again. Where the kernel may or may not still hold an element, there is no
//! delta: the caller loads everything anew, which is always right.

use std::time::Duration;

use super::batch::{Batch, Expr};
use super::elements::{Elements, Key, RESOLUTION_MS, timeout};
use super::ruleset::{add, marker};
use crate::clock::Boot;

/// An element stays as it is if it ends by so much before the wanted end, or less: ends that travel as remaining time
/// waver by milliseconds, and the kernel's are rounded down to seconds.
const SLACK_MS: u64 = 2 * RESOLUTION_MS;
/// For so long after its end an element may still be there: the kernel counts from when nft had committed.
const LINGER: Duration = Duration::from_secs(7);

/// What is to be done, in this order. Each transaction is whole by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Doors to close at once.
    pub close: Vec<Key>,
    /// All else that goes.
    pub remove: Vec<Key>,
    /// What comes.
    pub add: Elements,
}

/// The generations before and after a transaction, by which the table is known to be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// Markers that are there and go with this transaction. To delete costs the kernel about 10 ms whatever it is, so
    /// they go with one that deletes anyway.
    pub from: &'a [u128],
    /// The marker that comes.
    pub to: u128,
}

impl Delta {
    /// The difference. `held` has the ends as the kernel keeps them. `None`: load everything anew.
    #[must_use]
    pub fn between(held: &Elements, wanted: &Elements, now: Boot) -> Option<Self> {
        let mut delta = Self::default();
        for (key, end) in held {
            let gone = end.is_some_and(|end| end <= now);
            let comes_back = wanted.get(key).is_some_and(|w| w.is_none_or(|end| timeout(end, now).is_some()));
            let stays = match (end, wanted.get(key)) {
                (None, Some(None)) => true,
                (Some(held), Some(Some(wanted))) => held <= wanted && wanted.0 - held.0 < SLACK_MS,
                _ => false,
            };
            if gone {
                let lingers = end.is_some_and(|end| end + LINGER > now);
                if lingers && comes_back && !stays {
                    return None;
                }
            } else if !stays {
                let closes = matches!(key, Key::Open(_)) && !comes_back;
                let list = if closes { &mut delta.close } else { &mut delta.remove };
                list.push(*key);
            }
        }
        for (key, end) in wanted {
            let lives = end.is_none_or(|end| timeout(end, now).is_some());
            let stands = held.get(key).is_some_and(|h| h.is_none_or(|end| end > now));
            let replaced = || delta.remove.binary_search(key).is_ok();
            if lives && (!stands || replaced()) {
                delta.add.insert(*key, *end);
            }
        }
        Some(delta)
    }

    /// Nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.close.is_empty() && self.remove.is_empty() && self.add.is_empty()
    }

    /// Something is taken away.
    #[must_use]
    pub fn deletes(&self) -> bool {
        !self.close.is_empty() || !self.remove.is_empty()
    }

    /// Closing doors is to go first, and not to wait for the rest.
    #[must_use]
    pub fn closes_first(&self) -> bool {
        !self.close.is_empty() && (!self.remove.is_empty() || !self.add.is_empty())
    }

    /// The transaction that only closes doors.
    #[must_use]
    pub fn closing(&self, table: &str, step: Step<'_>) -> Batch {
        let mut b = marked(table, step);
        delete(&mut b, &self.close);
        b
    }

    /// The transaction for all of it, or for what [`Delta::closing`] left.
    #[must_use]
    pub fn rest(&self, table: &str, step: Step<'_>, closed: bool, now: Boot) -> Batch {
        let mut b = marked(table, step);
        if !closed {
            delete(&mut b, &self.close);
        }
        delete(&mut b, &self.remove);
        add(&mut b, &self.add, now);
        b
    }
}

fn marked(table: &str, step: Step<'_>) -> Batch {
    let mut b = Batch::new(table);
    step.from.iter().for_each(|old| b.delete_chain(marker(*old)));
    b.chain(marker(step.to));
    b
}

fn delete(b: &mut Batch, keys: &[Key]) {
    let mut rest = keys;
    while let Some(first) = rest.first() {
        let set = first.set();
        let same = rest.iter().take_while(|k| k.set() == set).count();
        let values: Vec<Expr> = rest[..same].iter().map(Key::deleted).collect();
        b.delete_elements(set, values);
        rest = &rest[same..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    const NOW: Boot = Boot(1_000_000);

    fn key(n: u8) -> Key {
        Key::Open(IpAddr::from([10, 0, 0, n]))
    }

    fn between(held: Option<i64>, wanted: Option<i64>) -> Option<(usize, usize, usize)> {
        let end =
            |ms: Option<i64>| ms.map(|ms| (key(1), Some(Boot(NOW.0.wrapping_add_signed(ms))))).into_iter().collect();
        Delta::between(&end(held), &end(wanted), NOW).map(|d| (d.close.len(), d.remove.len(), d.add.len()))
    }

    #[test]
    fn only_what_differs_is_touched() {
        for (held, wanted, expected) in [
            (None, None, Some((0, 0, 0))),
            (None, Some(5000), Some((0, 0, 1))),
            (None, Some(999), Some((0, 0, 0))),
            (Some(5000), None, Some((1, 0, 0))),
            (Some(5000), Some(999), Some((1, 0, 0))),
            (Some(5000), Some(5000), Some((0, 0, 0))),
            (Some(5000), Some(6999), Some((0, 0, 0))),
            // Another end: replaced, not closed.
            (Some(5000), Some(7000), Some((0, 1, 1))),
            // Never later than wanted, not by a millisecond.
            (Some(5000), Some(4999), Some((0, 1, 1))),
            // Ended by itself: nothing to delete, and if it is to come back, nobody knows whether it has gone yet.
            (Some(-1), None, Some((0, 0, 0))),
            (Some(-1), Some(500), Some((0, 0, 0))),
            (Some(-1), Some(5000), None),
            (Some(-8000), Some(5000), Some((0, 0, 1))),
        ] {
            assert_eq!(between(held, wanted), expected, "{held:?} {wanted:?}");
        }
    }
}
