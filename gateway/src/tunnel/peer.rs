//! One peer: boringtun's protocol state, where it is, what it carried.
//!
//! boringtun's clock moves only in `update_timers`, so [`Noise::tick`] runs before the first packet after a second of
//! silence and before every handshake message; without it a peer that slept completes a handshake and loses it again.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use boringtun::noise::errors::WireGuardError;
use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};

use super::udp::Endpoint;
use crate::clock::Boot;
use crate::ids::DeviceId;
use crate::link::message::{Key, Peer as Told, Secret};
use crate::planted::{Bug, planted};
use crate::pure::bucket::{Bucket, Rate};

/// Longest silence after which the clock of a session may stand still.
const SILENCE: Duration = Duration::from_secs(1);
/// A peer's refusals: programs need one to fail at once, and nobody is flooded with them.
const REFUSALS: Rate = Rate { burst: 100, each_second: 100 };
/// What a peer may begin towards the gateway itself: as many names as may be asked, and pages.
const BEGUN: Rate = Rate { burst: 400, each_second: 60 };
/// Packets that wait for a handshake; the rest of a burst is sent again by whoever sent it.
const WAITING: usize = 32;
/// Counters from here on are refused before boringtun sees them: its window arithmetic overflows at the top.
/// WireGuard paper §6.2, reject-after-messages.
const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);

/// A peer, shared by all workers.
#[derive(Debug)]
pub struct Peer {
    /// Whose.
    pub device: DeviceId,
    /// Number in the index table: the upper 24 bits of its session indices.
    pub index: u32,
    /// WireGuard public key.
    pub public_key: Key,
    /// WireGuard preshared key.
    pub preshared_key: Option<Secret>,
    /// Its only IPv4 source.
    pub address4: Ipv4Addr,
    /// Its only IPv6 source.
    pub address6: Ipv6Addr,
    noise: Mutex<Noise>,
    armed: AtomicBool,
    heard: AtomicU64,
    rx: AtomicU64,
    tx: AtomicU64,
    granted: AtomicU64,
}

/// What one packet at a time may touch.
pub struct Noise {
    tunn: Tunn,
    /// Where the peer was last heard.
    pub endpoint: Option<Endpoint>,
    ticked: Boot,
    refusals: Bucket,
    begins: Bucket,
    /// Whether there is a session to send by. Remembered, for boringtun reads a clock to answer: sessions begin in
    /// `decapsulate` and end in `update_timers`, nowhere else.
    session: bool,
    /// For the time without a session. Not in boringtun, whose queue nobody could ask again whether it may still pass.
    waiting: VecDeque<Vec<u8>>,
}

impl std::fmt::Debug for Noise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Noise").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// What the peer did, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Where it is.
    pub endpoint: Option<SocketAddr>,
    /// Age of the last handshake.
    pub handshake: Option<Duration>,
    /// When it was last heard; 0 is never.
    pub heard: Boot,
    /// Bytes received.
    pub rx: u64,
    /// Bytes sent.
    pub tx: u64,
    /// Bytes of both that a policy let pass: the office's, not the portal's or of names.
    pub granted: u64,
}

impl Peer {
    /// A new peer without a session.
    #[must_use]
    pub fn new(told: &Told, index: u32, private_key: &StaticSecret, limiter: &Arc<RateLimiter>, now: Boot) -> Self {
        let tunn = Tunn::new(
            private_key.clone(),
            PublicKey::from(told.public_key.0),
            told.preshared_key.as_ref().map(|k| k.0),
            None,
            index,
            Some(limiter.clone()),
        );
        let noise = Noise {
            tunn,
            endpoint: None,
            ticked: now,
            refusals: Bucket::full(REFUSALS, now),
            begins: Bucket::full(BEGUN, now),
            session: false,
            waiting: VecDeque::new(),
        };
        Self {
            device: told.device,
            index,
            public_key: told.public_key,
            preshared_key: told.preshared_key.clone(),
            address4: told.address4,
            address6: told.address6,
            noise: Mutex::new(noise),
            armed: AtomicBool::new(false),
            heard: AtomicU64::new(0),
            rx: AtomicU64::new(0),
            tx: AtomicU64::new(0),
            granted: AtomicU64::new(0),
        }
    }

    /// Whether this is still the same peer: its session may be kept.
    #[must_use]
    pub fn is(&self, told: &Told) -> bool {
        self.public_key == told.public_key
            && self.preshared_key == told.preshared_key
            && self.address4 == told.address4
            && self.address6 == told.address6
    }

    /// Takes the peer for one packet or one train.
    pub fn noise(&self) -> MutexGuard<'_, Noise> {
        self.noise.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a packet with this source may come from it: allowed IPs are exactly its own addresses.
    #[must_use]
    pub fn owns(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(a) => a == self.address4,
            IpAddr::V6(a) => a == self.address6,
        }
    }

    /// An authenticated packet came, of so many inner bytes.
    pub fn received(&self, bytes: usize, now: Boot) {
        self.heard.store(now.0, Ordering::Relaxed);
        self.rx.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// So many inner bytes were sent.
    pub fn sent(&self, bytes: usize) {
        self.tx.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// So many inner bytes passed that a policy grants.
    pub fn carried(&self, bytes: usize) {
        self.granted.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Marks it for the wheel; true if it was not on it.
    pub fn arm(&self) -> bool {
        !self.armed.swap(true, Ordering::AcqRel)
    }

    /// It has left the wheel.
    pub fn disarm(&self) {
        self.armed.store(false, Ordering::Release);
    }

    /// For the report; nothing if it was never heard. Ten thousand are asked four times a second: whoever did nothing
    /// since `before` is not locked.
    #[must_use]
    pub fn activity(&self, before: impl FnOnce() -> Option<Activity>) -> Option<Activity> {
        let heard = Boot(self.heard.load(Ordering::Relaxed));
        if heard.0 == 0 {
            return None;
        }
        let (rx, tx) = (self.rx.load(Ordering::Relaxed), self.tx.load(Ordering::Relaxed));
        let granted = self.granted.load(Ordering::Relaxed);
        if let Some(before) = before().filter(|b| (b.heard, b.rx, b.tx) == (heard, rx, tx)) {
            return Some(Activity { granted, ..before });
        }
        let noise = self.noise();
        let (endpoint, handshake) =
            (noise.endpoint.map(|e| canonical(e.remote)), noise.tunn.time_since_last_handshake());
        Some(Activity { endpoint, handshake, heard, rx, tx, granted })
    }
}

/// IPv4-mapped addresses as IPv4.
#[must_use]
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Noise {
    /// Moves boringtun's clock if it has stood still for a second (or `always`); what it wants sent.
    pub fn tick<'a>(&mut self, now: Boot, always: bool, out: &'a mut [u8]) -> Option<&'a [u8]> {
        if !always && now < self.ticked + SILENCE {
            return None;
        }
        self.ticked = now;
        let wanted = self.tunn.update_timers(out);
        self.session = self.tunn.time_since_last_handshake().is_some();
        match wanted {
            TunnResult::WriteToNetwork(message) => Some(message),
            // the handshake was given up
            TunnResult::Err(_) => {
                self.waiting.clear();
                None
            }
            _ => None,
        }
    }

    /// Whether the wheel must go on visiting it: it has a session, or a handshake of ours is in flight.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.session || !self.tunn.is_expired()
    }

    /// Encrypts one padded packet; nothing if it waits for a handshake, whose first message is then the result.
    pub fn encapsulate<'a>(&mut self, packet: &[u8], out: &'a mut [u8]) -> Encapsulated<'a> {
        if !self.session {
            if self.waiting.len() < WAITING {
                self.waiting.push_back(packet.to_vec());
            }
            return self.initiate(out).map_or(Encapsulated::Waiting, Encapsulated::Handshake);
        }
        match self.tunn.encapsulate(packet, out) {
            TunnResult::WriteToNetwork(message) if message.first() == Some(&4) => Encapsulated::Data(message.len()),
            TunnResult::WriteToNetwork(message) => Encapsulated::Handshake(message),
            _ => Encapsulated::Waiting,
        }
    }

    /// Decrypts a data message or works on a handshake message.
    ///
    /// # Errors
    /// The message is not authentic, old, or not for a session that exists.
    pub fn decapsulate<'a>(&mut self, message: &[u8], out: &'a mut [u8]) -> Result<TunnResult<'a>, WireGuardError> {
        if message.first() == Some(&4) {
            let counter = message.get(8..16).and_then(|b| b.first_chunk::<8>()).ok_or(WireGuardError::InvalidPacket)?;
            if u64::from_le_bytes(*counter) >= REJECT_AFTER_MESSAGES && !planted(Bug::CountersRunOver) {
                return Err(WireGuardError::InvalidCounter);
            }
        }
        let result = self.tunn.decapsulate(None, message, out);
        if !self.session {
            self.session = self.tunn.time_since_last_handshake().is_some();
        }
        match result {
            TunnResult::Err(e) => Err(e),
            other => Ok(other),
        }
    }

    /// The packets that waited for a session, once there is one. They are to be judged again: what let them pass then
    /// may be gone.
    pub fn take_waiting(&mut self) -> VecDeque<Vec<u8>> {
        if self.waiting.is_empty() || !self.session {
            return VecDeque::new();
        }
        std::mem::take(&mut self.waiting)
    }

    /// A handshake initiation of ours.
    pub fn initiate<'a>(&mut self, out: &'a mut [u8]) -> Option<&'a [u8]> {
        match self.tunn.format_handshake_initiation(out, false) {
            TunnResult::WriteToNetwork(message) => Some(message),
            _ => None,
        }
    }

    /// Whether one more refusal may be sent now.
    pub fn may_refuse(&mut self, now: Boot) -> bool {
        self.refusals.take(REFUSALS, now)
    }

    /// Whether one more flow towards the gateway may begin now: each is remembered by the kernel for minutes, in a list
    /// that all share.
    pub fn may_begin(&mut self, now: Boot) -> bool {
        self.begins.take(BEGUN, now)
    }
}

/// What became of a packet that was to be encrypted.
#[derive(Debug)]
pub enum Encapsulated<'a> {
    /// A data message of so many bytes.
    Data(usize),
    /// The packet waits; this starts the handshake.
    Handshake(&'a [u8]),
    /// The packet waits for a handshake in flight, or was dropped.
    Waiting,
}
