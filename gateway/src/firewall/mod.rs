//! The second lock: nftables holds the same policy as our own lock, independently of it.
//!
//! [`Firewall`] is used by one thread. It owns our table and what it believes to stand in it; it never touches any
//! other table. [`watch`] tells when somebody else touched ours; then [`Firewall::forget`] and bring it up again.

mod batch;
pub mod conntrack;
pub mod delta;
pub mod elements;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod interpret;
pub mod load;
mod netlink;
pub mod probe;
pub mod ruleset;
pub mod watch;

use std::sync::Arc;

use self::delta::{Delta, Step};
use self::elements::{Elements, elements, timeout};
pub use self::load::LoadError;
use self::load::Nft;
use self::ruleset::{Frame, whole};
pub use self::ruleset::{LocalPorts, Options};
use self::watch::Own;
use crate::clock::Boot;
use crate::pure::state::State;

/// Why the second lock could not be brought to a state. What stood there before still stands.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// nft did not carry it out.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The system has no random numbers.
    #[error("no random numbers from the system: {0}")]
    Random(getrandom::Error),
    /// The transaction could not be written down.
    #[error("write the transaction: {0}")]
    Json(#[from] serde_json::Error),
}

/// Our table, as far as we know it.
#[derive(Debug)]
pub struct Firewall {
    options: Options,
    own: Arc<Own>,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    frame: Frame,
    /// With the ends as the kernel keeps them.
    elements: Elements,
    /// Markers that are there, the newest last.
    generations: Vec<u128>,
}

/// So many markers may pile up before they are deleted for their own sake.
const MARKERS: usize = 64;

impl Firewall {
    /// Nothing is loaded yet; whatever an earlier process left in force stays so until then.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn new(options: Options) -> Result<Self, FirewallError> {
        let own = Own::new(&options.table).map_err(FirewallError::Random)?;
        Ok(Self { options, own: Arc::new(own), held: None })
    }

    /// What the watch must know to tell our transactions from others'.
    #[must_use]
    pub fn own(&self) -> Arc<Own> {
        Arc::clone(&self.own)
    }

    /// Brings the kernel to this state: by elements if that is enough, otherwise by loading everything anew.
    ///
    /// # Errors
    /// It was not done. A door that was to close may have closed nevertheless.
    pub fn bring_to(&mut self, state: &State, now: Boot) -> Result<(), FirewallError> {
        let frame = Frame::of(state, &self.options);
        let wanted = elements(state);
        let Some(held) = self.held.as_ref().filter(|h| h.frame == frame) else {
            return self.load_all(frame, wanted, now);
        };
        let Some(delta) = Delta::between(&held.elements, &wanted, now) else {
            return self.load_all(frame, wanted, now);
        };
        if delta.is_empty() {
            return Ok(());
        }
        match self.load_delta(&delta, now) {
            Ok(()) => Ok(()),
            Err(error) => {
                // An element that ended in between, or a table that is not as we believe: all anew is always right.
                tracing::debug!(%error, "second lock: the difference did not load, loading everything");
                self.load_all(frame, wanted, now)
            }
        }
    }

    /// Nothing is believed about the table any more; the next [`Firewall::bring_to`] loads everything.
    pub fn forget(&mut self) {
        self.held = None;
    }

    fn load_all(&mut self, frame: Frame, wanted: Elements, now: Boot) -> Result<(), FirewallError> {
        self.held = None;
        let nft = Nft::find()?;
        let generation = self.own.next(|generation| {
            nft.load(whole(&frame, &wanted, &self.options, generation, now).to_json()?)?;
            Ok::<_, FirewallError>(())
        })?;
        let elements = wanted.into_iter().filter_map(|(key, end)| kept(end, now).map(|end| (key, end))).collect();
        self.held = Some(Held { frame, elements, generations: vec![generation] });
        Ok(())
    }

    fn load_delta(&mut self, delta: &Delta, now: Boot) -> Result<(), FirewallError> {
        let Some(mut held) = self.held.take() else { return Ok(()) };
        let nft = Nft::find()?;
        let table = &self.options.table;
        let first = delta.closes_first();
        for closing in [true, false].into_iter().filter(|closing| first || !closing) {
            let clears = delta.deletes() || held.generations.len() >= MARKERS;
            let from = if clears { std::mem::take(&mut held.generations) } else { Vec::new() };
            let generation = self.own.next(|to| {
                let step = Step { from: &from, to };
                let batch = if closing { delta.closing(table, step) } else { delta.rest(table, step, first, now) };
                nft.load(batch.to_json()?)?;
                Ok::<_, FirewallError>(())
            })?;
            held.generations.push(generation);
        }
        held.elements.retain(|_, end| end.is_none_or(|end| end > now));
        for key in delta.close.iter().chain(&delta.remove) {
            held.elements.remove(key);
        }
        held.elements.extend(delta.add.iter().filter_map(|(key, end)| kept(*end, now).map(|end| (*key, end))));
        self.held = Some(held);
        Ok(())
    }
}

/// The end as the kernel will keep it; `None` if the element was not worth loading.
fn kept(end: Option<Boot>, now: Boot) -> Option<Option<Boot>> {
    match end {
        None => Some(None),
        Some(end) => {
            timeout(end, now).map(|s| Some(Boot(now.0.saturating_add(u64::from(s) * elements::RESOLUTION_MS))))
        }
    }
}
