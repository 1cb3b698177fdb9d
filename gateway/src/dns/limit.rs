//! A token bucket for each client address, in a table that cannot grow without end. Pure: the time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::clock::Boot;

/// Queries a client may ask at once: a browser that restores fifty tabs asks some 200.
const BURST: u64 = 300;

/// Queries a second after that; a busy person's laptop stays below 10.
const RATE: u64 = 50;

/// Clients remembered. A client is a tunnel address, so these are 8,000 devices with both families.
const MAX_CLIENTS: usize = 16_384;

/// What each client may still ask. Counted in thousandths of a query, so that a millisecond earns a whole number.
#[derive(Debug, Default)]
pub struct Buckets(HashMap<IpAddr, Bucket>);

#[derive(Debug)]
struct Bucket {
    left: u64,
    at: Boot,
}

impl Bucket {
    fn filled(&self, now: Boot) -> u64 {
        let earned = now.0.saturating_sub(self.at.0).saturating_mul(RATE);
        self.left.saturating_add(earned).min(BURST * 1000)
    }
}

impl Buckets {
    /// Takes one query from the client's bucket; false if it is empty, or if there is no room to remember the client.
    pub fn take(&mut self, client: IpAddr, now: Boot) -> bool {
        if self.0.len() >= MAX_CLIENTS && !self.0.contains_key(&client) {
            self.0.retain(|_, bucket| bucket.filled(now) < BURST * 1000);
            if self.0.len() >= MAX_CLIENTS {
                return false;
            }
        }
        let bucket = self.0.entry(client).or_insert(Bucket { left: BURST * 1000, at: now });
        *bucket = Bucket { left: bucket.filled(now), at: now };
        let enough = bucket.left >= 1000;
        if enough {
            bucket.left -= 1000;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(n: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(n))
    }

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let mut buckets = Buckets::default();
        let passed = (0..BURST + 50).filter(|_| buckets.take(client(1), Boot(5))).count() as u64;
        assert_eq!(passed, BURST);
        let later = (0..1000).filter(|_| buckets.take(client(1), Boot(1005))).count() as u64;
        assert_eq!(later, RATE);
        assert!(buckets.take(client(2), Boot(1005)), "one client's thirst is not another's");
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_idle() {
        let mut buckets = Buckets::default();
        let clients = u32::try_from(MAX_CLIENTS).unwrap();
        for n in 0..clients {
            assert!(buckets.take(client(n), Boot(0)));
        }
        assert!(!buckets.take(client(clients), Boot(0)), "no room, no answer");
        assert!(buckets.take(client(clients), Boot(60_000)));
        assert_eq!(buckets.0.len(), 1);
    }
}
