//! The timer wheel: every peer with a session or a handshake in flight is visited four times a second, no other.

use std::sync::Arc;

use super::peer::Peer;
use crate::clock::Boot;

/// Slots of one turn.
const SLOTS: usize = 8;
/// Time a slot stands for, in milliseconds: a turn of 256 ms, boringtun's own is 250.
const SLOT_MS: u64 = 32;

/// Peers by the slot in which they are visited.
#[derive(Debug)]
pub(super) struct Wheel {
    slots: [Vec<Arc<Peer>>; SLOTS],
    cursor: usize,
    due: Boot,
    len: usize,
}

impl Wheel {
    /// An empty wheel.
    #[must_use]
    pub(super) fn new(now: Boot) -> Self {
        Self { slots: Default::default(), cursor: 0, due: now, len: 0 }
    }

    /// Puts a peer on the wheel. The caller made sure that it is not on it ([`Peer::arm`]).
    pub(super) fn put(&mut self, peer: Arc<Peer>, now: Boot) {
        if self.len == 0 {
            self.due = Boot(now.0 + SLOT_MS);
        }
        self.len += 1;
        self.slots[peer.index as usize % SLOTS].push(peer);
    }

    /// When the next slot is due; nothing while the wheel is empty.
    #[must_use]
    pub(super) fn due(&self) -> Option<Boot> {
        (self.len > 0).then_some(self.due)
    }

    /// Visits what is due. `visit` says whether the peer stays on the wheel; one that does not, it has disarmed.
    pub(super) fn turn(&mut self, now: Boot, mut visit: impl FnMut(&Arc<Peer>) -> bool) {
        let mut visited = 0;
        while self.len > 0 && self.due <= now && visited < SLOTS {
            let slot = &mut self.slots[self.cursor];
            let before = slot.len();
            slot.retain(|peer| visit(peer));
            self.len -= before - slot.len();
            self.cursor = (self.cursor + 1) % SLOTS;
            self.due = Boot(self.due.0 + SLOT_MS);
            visited += 1;
        }
        if self.due < now {
            self.due = now;
        }
    }
}
