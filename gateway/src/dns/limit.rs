//! A token bucket for each client address, in a table that cannot grow without end. Pure: the time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::clock::Boot;
use crate::pure::bucket::{Bucket, Rate};

/// A browser that restores fifty tabs asks some 200 at once; a busy person's laptop stays below 10 a second.
const QUERIES: Rate = Rate { burst: 300, each_second: 50 };

/// Clients remembered. A client is a tunnel address, so these are 8,000 devices with both families.
const MAX_CLIENTS: usize = 16_384;

/// What each client may still ask.
#[derive(Debug, Default)]
pub struct Buckets(HashMap<IpAddr, Bucket>);

impl Buckets {
    /// Takes one query from the client's bucket; false if it is empty, or if there is no room to remember the client.
    pub fn take(&mut self, client: IpAddr, now: Boot) -> bool {
        if self.0.len() >= MAX_CLIENTS && !self.0.contains_key(&client) {
            self.0.retain(|_, bucket| !bucket.is_full(QUERIES, now));
            if self.0.len() >= MAX_CLIENTS {
                return false;
            }
        }
        self.0.entry(client).or_insert_with(|| Bucket::full(QUERIES, now)).take(QUERIES, now)
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
        let passed = (0..QUERIES.burst + 50).filter(|_| buckets.take(client(1), Boot(5))).count() as u64;
        assert_eq!(passed, QUERIES.burst);
        let later = (0..1000).filter(|_| buckets.take(client(1), Boot(1005))).count() as u64;
        assert_eq!(later, QUERIES.each_second);
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
