//! A bad wire: what may become of a packet between a home and the internet. The kernel's own (`netem`) is a module that
//! not every machine has.
//!
//! [`Faults::fate`] decides, from seed, direction and number alone: the same seed, the same fates. [`relay`] does what it
//! says. Only UDP is touched; ARP and neighbour discovery pass.

pub(crate) mod packet_socket;
mod relay;

use std::ops::Range;
use std::time::Duration;

pub use relay::{Counts, Frame, Wire};
pub(crate) use relay::{HOME_SIDE, INTERNET_SIDE};

/// Loss, duplicates and late packets are given in so many of a thousand.
const OF: u64 = 1000;

/// What a wire does to packets; by [`Default`] nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Another seed, other packets.
    pub seed: u64,
    /// Of a thousand packets so many are lost.
    pub loss: u16,
    /// Of a thousand so many come twice, the second time after [`Faults::behind`] at most.
    pub duplicate: u16,
    /// Of a thousand so many come late, by [`Faults::behind`] at most, and those behind overtake them.
    pub late: u16,
    /// By how much they come late at most.
    pub behind: Duration,
    /// All take so long.
    pub delay: Duration,
    /// One bit is turned in every so-manieth packet; 0 is never.
    pub corrupt_every: u32,
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the home to the internet.
    Out,
    /// From the internet to the home.
    In,
}

/// What becomes of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// The delay of each copy that arrives; none is loss.
    pub copies: [Option<Duration>; 2],
    /// A number that says which bit is turned, if any is.
    pub corrupt: Option<u64>,
}

impl Faults {
    /// The fate of the `number`-th packet of a direction.
    #[must_use]
    pub fn fate(&self, way: Way, number: u64) -> Fate {
        let way = match way {
            Way::Out => 0x6f75_7400,
            Way::In => 0x696e_0000,
        };
        let mut state = mix(self.seed ^ way) ^ number;
        let mut draw = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(state)
        };
        if draw() % OF < self.loss.into() {
            return Fate::default();
        }
        let behind = u64::try_from(self.behind.as_nanos()).unwrap_or(u64::MAX).max(1);
        let mut held = |of: u16| (draw() % OF < of.into()).then(|| Duration::from_nanos(draw() % behind));
        let late = held(self.late).unwrap_or_default();
        let again = held(self.duplicate).map(|after| self.delay + late + after);
        let turn = self.corrupt_every > 0 && number.is_multiple_of(self.corrupt_every.into());
        Fate { copies: [Some(self.delay + late), again], corrupt: turn.then(draw) }
    }
}

/// Finalizer of splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Where the UDP payload of an Ethernet frame is; nothing if it holds none.
fn udp_payload(frame: &[u8]) -> Option<Range<usize>> {
    const UDP: u8 = 17;
    let at = match frame.get(12..14)? {
        [0x08, 0x00] if frame.get(23) == Some(&UDP) => 14 + usize::from(frame.get(14)? & 0x0f) * 4,
        [0x86, 0xdd] if frame.get(20) == Some(&UDP) => 14 + 40,
        _ => return None,
    };
    let length = usize::from(u16::from_be_bytes(*frame.get(at + 4..)?.first_chunk()?));
    let payload = at + 8..at + length;
    (length > 8 && payload.end <= frame.len()).then_some(payload)
}

/// Turns one bit of the UDP payload.
fn corrupt(frame: &mut [u8], which: u64) {
    let Some(payload) = udp_payload(frame) else { return };
    let bytes = &mut frame[payload];
    let bit = usize::try_from(which % (bytes.len() as u64 * 8)).unwrap_or_default();
    bytes[bit / 8] ^= 1 << (bit % 8);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: u64 = 100_000;

    fn fates(faults: Faults) -> Vec<Fate> {
        (0..MANY).map(|n| faults.fate(Way::Out, n)).collect()
    }

    /// How many of a thousand.
    fn share(fates: &[Fate], of: impl Fn(&Fate) -> bool) -> usize {
        fates.iter().filter(|f| of(f)).count() * 1000 / fates.len()
    }

    #[test]
    fn a_good_wire_does_nothing() {
        let untouched = Fate { copies: [Some(Duration::ZERO), None], corrupt: None };
        assert!(fates(Faults::default()).iter().all(|f| *f == untouched));
        assert!(fates(Faults { seed: 7, ..Faults::default() }).iter().all(|f| *f == untouched));
    }

    #[test]
    fn a_seed_decides_all_and_another_decides_otherwise() {
        let faults = Faults { seed: 1, loss: 200, duplicate: 50, late: 100, ..Faults::default() };
        assert_eq!(fates(faults), fates(faults));
        assert_ne!(fates(faults), fates(Faults { seed: 2, ..faults }));
        let back: Vec<Fate> = (0..MANY).map(|n| faults.fate(Way::In, n)).collect();
        assert_ne!(fates(faults), back, "both directions have their own fates");
    }

    #[test]
    fn shares_are_as_asked_for() {
        let ms = Duration::from_millis;
        let all = fates(Faults {
            seed: 3,
            loss: 200,
            duplicate: 50,
            late: 100,
            behind: ms(30),
            delay: ms(80),
            corrupt_every: 10,
        });
        let near = |found: usize, wanted: usize| assert!(found.abs_diff(wanted) <= 5, "{found} of {wanted}");
        near(share(&all, |f| f.copies[0].is_none()), 200);
        near(share(&all, |f| f.copies[1].is_some()), 800 * 50 / 1000);
        near(share(&all, |f| f.copies[0].is_some_and(|d| d > ms(80))), 800 * 100 / 1000);
        near(share(&all, |f| f.corrupt.is_some()), 80);
        assert!(all.iter().flat_map(|f| f.copies).flatten().all(|d| (ms(80)..ms(140)).contains(&d)));
        assert!(all.iter().all(|f| f.copies[0].is_some() || (f.copies[1].is_none() && f.corrupt.is_none())));
    }

    fn frame(ipv6: bool, payload: usize) -> Vec<u8> {
        let udp = if ipv6 { 54 } else { 34 };
        let mut f = vec![0; udp + 8 + payload];
        if ipv6 {
            (f[12], f[13], f[20]) = (0x86, 0xdd, 17);
        } else {
            (f[12], f[14], f[23]) = (0x08, 0x45, 17);
        }
        f[udp + 4..udp + 6].copy_from_slice(&u16::try_from(8 + payload).unwrap_or_default().to_be_bytes());
        f
    }

    #[test]
    fn one_bit_of_the_payload_is_turned_and_nothing_else() {
        for (ipv6, begins) in [(false, 42), (true, 62)] {
            for which in 0..800 {
                let (before, mut after) = (frame(ipv6, 100), frame(ipv6, 100));
                corrupt(&mut after, which);
                let turned: u32 = before.iter().zip(&after).map(|(a, b)| (a ^ b).count_ones()).sum();
                assert_eq!((turned, before[..begins] == after[..begins]), (1, true), "{which}");
            }
        }
    }

    #[test]
    fn what_is_not_udp_is_left_alone() {
        let mut arp = frame(false, 20);
        arp[13] = 6;
        let mut tcp = frame(false, 20);
        tcp[23] = 6;
        let mut long = frame(false, 20);
        long[39] = 200;
        for mut f in [arp, tcp, long, vec![0; 13], frame(false, 0), frame(true, 0)] {
            let before = f.clone();
            corrupt(&mut f, 5);
            assert_eq!((udp_payload(&f), &f), (None, &before));
        }
    }
}
