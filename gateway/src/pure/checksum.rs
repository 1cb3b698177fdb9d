//! The Internet checksum (RFC 1071).

use std::net::IpAddr;

/// The ones' complement sum of these bytes, not folded, added to `start`.
#[must_use]
pub fn sum(bytes: &[u8], start: u64) -> u64 {
    let mut total = u128::from(start);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut eight = [0; 8];
        eight.copy_from_slice(chunk);
        total += u128::from(u64::from_be_bytes(eight));
    }
    let mut last = [0; 8];
    let rest = chunks.remainder();
    last[..rest.len()].copy_from_slice(rest);
    total += u128::from(u64::from_be_bytes(last));
    // 2^16 ≡ 1 modulo 2^16 − 1, so a sum of 64-bit words folds to 16 bits like one of 16-bit words
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16 & u128::from(u64::MAX)) + (total >> 80);
    }
    u64::try_from(total).unwrap_or(0)
}

/// The sum, folded to 16 bits and complemented: what stands in the packet.
#[must_use]
pub fn finish(total: u64) -> u16 {
    let mut total = total;
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !u16::try_from(total).unwrap_or(0)
}

/// The sum over the pseudo-header of TCP, UDP and ICMPv6 (RFC 9293 §3.1, RFC 8200 §8.1). `length` in bytes.
#[must_use]
pub fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> u64 {
    let tail = u64::from(protocol) + u64::try_from(length).unwrap_or(0);
    match (source, destination) {
        (IpAddr::V4(s), IpAddr::V4(d)) => sum(&d.octets(), sum(&s.octets(), tail)),
        (IpAddr::V6(s), IpAddr::V6(d)) => sum(&d.octets(), sum(&s.octets(), tail)),
        _ => tail,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(bytes: &[u8]) -> u16 {
        let mut total = 0u32;
        for pair in bytes.chunks(2) {
            total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            total = (total & 0xffff) + (total >> 16);
        }
        !(total as u16)
    }

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(!finish(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7], 0)), 0xddf2);
    }

    proptest! {
        #[test]
        fn equals_the_naive_sum(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let fast = finish(sum(&bytes, 0));
            let slow = naive(&bytes);
            // zero has two forms in ones' complement
            prop_assert!(fast == slow || (fast == 0xffff && slow == 0) || (fast == 0 && slow == 0xffff));
        }

        #[test]
        fn a_packet_with_its_checksum_sums_to_nothing(mut bytes in proptest::collection::vec(any::<u8>(), 2..200)) {
            bytes[0] = 0; bytes[1] = 0;
            let c = finish(sum(&bytes, 0));
            bytes[..2].copy_from_slice(&c.to_be_bytes());
            prop_assert!(matches!(naive(&bytes), 0 | 0xffff));
        }
    }
}
