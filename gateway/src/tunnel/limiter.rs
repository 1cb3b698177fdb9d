//! Handshake messages before they cost anything: mac1, load, cookies, a bucket a source (WireGuard paper §5.3, §5.4.7).
//!
//! boringtun's own limiter is switched off (it counts all sources as one). Differences from it, on purpose: the cookie is
//! bound to address *and* port, and a valid cookie still has a limit per source. Figures as in the Linux kernel.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac, Digest};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use subtle::ConstantTimeEq;

use crate::clock::Boot;
use crate::planted::{Bug, planted};
use crate::pure::source::source;

/// A cookie reply, in bytes.
pub const COOKIE_REPLY: usize = 64;

/// Messages a second that are worked on before cookies are asked for: a sixth of a core at 60 µs for one that turns out
/// to be noise, one scalar multiplication. At 2,000 false ones a second, 500 true ones still get in at once.
const FREE: f64 = 2_500.0;
/// Per source, once cookies are asked for (Linux: 20 a second, burst 5).
const SOURCE_RATE: f64 = 20.0;
const SOURCE_BURST: f64 = 5.0;
/// Sources remembered at once: 16,384 × about 64 bytes = 1 MiB.
const SOURCES: usize = 16_384;
/// How long a cookie holds (WireGuard paper §5.4.7).
const SECRET_AGE: Duration = Duration::from_secs(120);

/// What is to be done with a handshake message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Work on it.
    Process,
    /// Send the cookie reply that was written.
    Cookie,
    /// Not a word.
    Drop,
}

/// Judges handshake messages for one gateway key.
pub struct Limiter {
    pub(super) mac1_key: [u8; 32],
    cookie_cipher: XChaCha20Poly1305,
    secret: [u8; 32],
    secret_since: Boot,
    load: Bucket,
    sources: HashMap<IpAddr, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Boot,
}

impl Bucket {
    fn take(&mut self, rate: f64, burst: f64, now: Boot) -> bool {
        let elapsed = now.0.saturating_sub(self.at.0) as f64 / 1000.0;
        self.tokens = (self.tokens + elapsed * rate).min(burst);
        self.at = now;
        let some = self.tokens >= 1.0;
        if some {
            self.tokens -= 1.0;
        }
        some
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}

impl Limiter {
    /// A limiter for the gateway with this public key; `secret` is 32 random bytes.
    #[must_use]
    pub fn new(public_key: &[u8; 32], secret: [u8; 32], now: Boot) -> Self {
        let labelled = |label: &[u8]| -> [u8; 32] {
            let mut hash = Blake2s256::new();
            Digest::update(&mut hash, label);
            Digest::update(&mut hash, public_key);
            hash.finalize().into()
        };
        Self {
            mac1_key: labelled(b"mac1----"),
            cookie_cipher: XChaCha20Poly1305::new(&labelled(b"cookie--").into()),
            secret,
            secret_since: now,
            load: Bucket { tokens: FREE, at: now },
            sources: HashMap::new(),
        }
    }

    /// Judges one handshake initiation or response. `random` fills the nonce of a cookie and a new secret.
    pub fn judge(
        &mut self,
        from: SocketAddr,
        message: &[u8],
        now: Boot,
        reply: &mut [u8; COOKIE_REPLY],
        random: impl Fn(&mut [u8]),
    ) -> Judgement {
        let Some((body, macs)) = message.split_last_chunk::<32>() else { return Judgement::Drop };
        let (mac1, mac2) = macs.split_at(16);
        if !bool::from(mac(&self.mac1_key, &[body]).ct_eq(mac1)) {
            return Judgement::Drop;
        }
        if self.load.take(FREE, FREE, now) {
            return Judgement::Process;
        }
        if self.secret_since.remaining(now).is_zero() && now >= self.secret_since + SECRET_AGE {
            random(&mut self.secret);
            self.secret_since = now;
        }
        let cookie = self.cookie(from);
        if bool::from(mac(&cookie, &[body, mac1]).ct_eq(mac2)) {
            return if self.source(from.ip(), now) { Judgement::Process } else { Judgement::Drop };
        }
        self.write_cookie(cookie, message, mac1, reply, random)
    }

    fn cookie(&self, from: SocketAddr) -> [u8; 16] {
        let address = match from.ip() {
            IpAddr::V4(a) => a.to_ipv6_mapped(),
            IpAddr::V6(a) => a,
        };
        let port = if planted(Bug::CookieOfAnyPort) { 0 } else { from.port() };
        mac(&self.secret, &[&address.octets(), &port.to_be_bytes()])
    }

    fn source(&mut self, address: IpAddr, now: Boot) -> bool {
        let key = source(address);
        if self.sources.len() >= SOURCES && !self.sources.contains_key(&key) {
            self.sources.retain(|_, b| now.0.saturating_sub(b.at.0) < 1000);
            if self.sources.len() >= SOURCES {
                return false;
            }
        }
        self.sources.entry(key).or_insert(Bucket { tokens: SOURCE_BURST, at: now }).take(SOURCE_RATE, SOURCE_BURST, now)
    }

    fn write_cookie(
        &self,
        cookie: [u8; 16],
        message: &[u8],
        mac1: &[u8],
        reply: &mut [u8; COOKIE_REPLY],
        random: impl Fn(&mut [u8]),
    ) -> Judgement {
        reply.fill(0);
        reply[0] = 3;
        reply[4..8].copy_from_slice(&message[4..8]);
        random(&mut reply[8..32]);
        reply[32..48].copy_from_slice(&cookie);
        let mut nonce = [0; 24];
        nonce.copy_from_slice(&reply[8..32]);
        let sealed = self.cookie_cipher.encrypt_inout_detached(&XNonce::from(nonce), mac1, (&mut reply[32..48]).into());
        match sealed {
            Ok(tag) => {
                reply[48..].copy_from_slice(&tag);
                Judgement::Cookie
            }
            Err(_) => Judgement::Drop,
        }
    }
}

pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let Ok(mut mac) = <Blake2sMac<U16> as KeyInit>::new_from_slice(key) else { return [0; 16] };
    for part in parts {
        Update::update(&mut mac, part);
    }
    mac.finalize_fixed().into()
}

#[cfg(test)]
mod tests {
    use boringtun::noise::{Tunn, TunnResult};
    use boringtun::x25519::{PublicKey, StaticSecret};

    use super::*;

    fn fill(bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([203, 0, 113, 9], port))
    }

    struct Pair {
        limiter: Limiter,
        client: Tunn,
    }

    fn pair() -> Pair {
        let (mut a, mut b) = ([0; 32], [0; 32]);
        fill(&mut a);
        fill(&mut b);
        let gateway = PublicKey::from(&StaticSecret::from(a));
        let client = Tunn::new(StaticSecret::from(b), gateway, None, None, 7, None);
        Pair { limiter: Limiter::new(gateway.as_bytes(), [3; 32], Boot(0)), client }
    }

    fn initiation(client: &mut Tunn) -> Vec<u8> {
        let mut out = [0; 256];
        match client.format_handshake_initiation(&mut out, true) {
            TunnResult::WriteToNetwork(m) => m.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    fn exhaust(p: &mut Pair, message: &[u8]) {
        let mut reply = [0; COOKIE_REPLY];
        while p.limiter.judge(from(1), message, Boot(0), &mut reply, fill) == Judgement::Process {}
    }

    #[test]
    fn without_load_a_real_initiation_passes_and_one_with_a_wrong_mac1_does_not() {
        let mut p = pair();
        let mut message = initiation(&mut p.client);
        let mut reply = [0; COOKIE_REPLY];
        assert_eq!(p.limiter.judge(from(1), &message, Boot(0), &mut reply, fill), Judgement::Process);
        message[120] ^= 1;
        assert_eq!(p.limiter.judge(from(1), &message, Boot(0), &mut reply, fill), Judgement::Drop);
    }

    #[test]
    fn under_load_a_client_gets_in_with_its_cookie_but_from_its_own_port_only() {
        let mut p = pair();
        let message = initiation(&mut p.client);
        exhaust(&mut p, &message);
        let mut reply = [0; COOKIE_REPLY];
        assert_eq!(p.limiter.judge(from(1), &message, Boot(0), &mut reply, fill), Judgement::Cookie);
        assert!(matches!(p.client.decapsulate(None, &reply, &mut [0; 256]), TunnResult::Done));
        let again = initiation(&mut p.client);
        assert_eq!(p.limiter.judge(from(2), &again, Boot(0), &mut reply, fill), Judgement::Cookie);
        assert_eq!(p.limiter.judge(from(1), &again, Boot(0), &mut reply, fill), Judgement::Process);
    }

    #[test]
    fn a_valid_cookie_still_has_a_limit() {
        let mut p = pair();
        let message = initiation(&mut p.client);
        exhaust(&mut p, &message);
        let mut reply = [0; COOKIE_REPLY];
        p.limiter.judge(from(1), &message, Boot(0), &mut reply, fill);
        p.client.decapsulate(None, &reply, &mut [0; 256]);
        let again = initiation(&mut p.client);
        let passed = (0..100)
            .filter(|_| p.limiter.judge(from(1), &again, Boot(0), &mut reply, fill) == Judgement::Process)
            .count();
        assert_eq!(passed, 5);
    }

    #[test]
    fn many_sources_take_no_more_memory_than_the_table() {
        let mut p = pair();
        for n in 0..40_000u32 {
            p.limiter.source(IpAddr::from(n.to_be_bytes()), Boot(0));
        }
        assert_eq!(p.limiter.sources.len(), SOURCES);
    }
}
