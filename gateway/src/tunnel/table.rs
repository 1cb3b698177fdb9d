//! Who is who, and the lock: one immutable value for all workers, replaced as a whole.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::x25519::{PublicKey, StaticSecret};

use super::peer::Peer;
use crate::clock::Boot;
use crate::pure::lock::Lock;
use crate::pure::state::State;

/// The upper 24 bits of a session index name the peer (boringtun).
const MAX_PEERS: usize = 1 << 24;

/// Everything a worker looks up.
#[derive(Default)]
pub(super) struct Table {
    /// Rises with every table: verdicts that were cached under another are void.
    pub generation: u64,
    /// The first lock.
    pub lock: Lock,
    by_index: Vec<Option<Arc<Peer>>>,
    by_key: HashMap<[u8; 32], Arc<Peer>>,
    by_address: HashMap<IpAddr, Arc<Peer>>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("generation", &self.generation).field("peers", &self.by_key.len()).finish()
    }
}

/// The gateway's own key pair, and boringtun's limiter, which is off: ours stands in front of it.
pub(super) struct Identity {
    /// Private key.
    pub private: StaticSecret,
    /// Public key.
    pub public: PublicKey,
    limiter: Arc<RateLimiter>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    /// The identity with this private key.
    #[must_use]
    pub(super) fn new(private: [u8; 32]) -> Self {
        let private = StaticSecret::from(private);
        let public = PublicKey::from(&private);
        Self { private, public, limiter: Arc::new(RateLimiter::new(&public, u64::MAX)) }
    }
}

impl Table {
    /// The table for `state`. Peers that are the same as before keep their sessions. With it come the new peers.
    #[must_use]
    pub(super) fn next(&self, state: &State, identity: &Identity, now: Boot) -> (Self, Vec<Arc<Peer>>) {
        let mut table = Self {
            generation: self.generation + 1,
            lock: Lock::new(state),
            by_index: vec![None; self.by_index.len()],
            by_key: HashMap::with_capacity(state.peers.len()),
            by_address: HashMap::with_capacity(state.peers.len() * 2),
        };
        let mut new = Vec::new();
        for held in state.peers.values() {
            if let Some(old) = self.by_key.get(&held.peer.public_key.0).filter(|old| old.is(&held.peer)) {
                table.insert(old.clone());
            } else {
                new.push(&held.peer);
            }
        }
        // an index that was in use until now is not given away in the same step: packets under way would meet a stranger
        let mut free = 0;
        let mut added = Vec::with_capacity(new.len());
        for told in new {
            while table.by_index.get(free).is_some_and(Option::is_some)
                || self.by_index.get(free).is_some_and(Option::is_some)
            {
                free += 1;
            }
            if free >= MAX_PEERS {
                tracing::error!(device = %told.device, "more peers than WireGuard indices");
                break;
            }
            let index = u32::try_from(free).unwrap_or(u32::MAX);
            let peer = Arc::new(Peer::new(told, index, &identity.private, &identity.limiter, now));
            table.insert(peer.clone());
            added.push(peer);
        }
        (table, added)
    }

    fn insert(&mut self, peer: Arc<Peer>) {
        let slot = peer.index as usize;
        if self.by_index.len() <= slot {
            self.by_index.resize(slot + 1, None);
        }
        self.by_key.insert(peer.public_key.0, peer.clone());
        self.by_address.insert(peer.address4.into(), peer.clone());
        self.by_address.insert(peer.address6.into(), peer.clone());
        self.by_index[slot] = Some(peer);
    }

    /// The peer a session index belongs to.
    #[must_use]
    pub(super) fn by_session(&self, session: u32) -> Option<&Arc<Peer>> {
        self.by_index.get((session >> 8) as usize)?.as_ref()
    }

    /// The peer with this public key.
    #[must_use]
    pub(super) fn by_key(&self, key: &[u8; 32]) -> Option<&Arc<Peer>> {
        self.by_key.get(key)
    }

    /// The peer with this address in the site network.
    #[must_use]
    pub(super) fn by_address(&self, address: IpAddr) -> Option<&Arc<Peer>> {
        self.by_address.get(&address)
    }

    /// Every peer.
    pub(super) fn peers(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.by_key.values()
    }
}
