//! The answer to a packet that may not pass: TCP RST (RFC 9293 §3.10.7.1), or ICMP "administratively prohibited"
//! (RFC 1812 §5.2.7.1, RFC 4443 §3.1). So programs fail at once instead of hanging.

use std::net::IpAddr;

use super::checksum::{finish, pseudo_header, sum};
use super::packet::{Inner, Kind, protocol};
use crate::link::message::Transport;

/// Room for the longest refusal, an IPv6 ICMP error that quotes [`QUOTE6`] bytes, and for WireGuard's padding behind it.
pub const MAX_REFUSAL: usize = 40 + 8 + QUOTE6 + 16;

/// IPv4 ICMP errors quote the header and eight bytes (RFC 792).
const QUOTE4: usize = 60 + 8;
/// IPv6 ones as much as fits the minimum MTU (RFC 4443 §2.4 c); this much is plenty.
const QUOTE6: usize = 256;
/// Hop limit of what we send.
const TTL: u8 = 64;

const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const SYN: u8 = 0x02;
const FIN: u8 = 0x01;

/// Writes the refusal of `packet` (read as `inner`) into `out`; its length, or nothing where an answer would be wrong
/// (to a RST, to an ICMP error, to a multicast or broadcast address).
#[must_use]
pub fn refuse(packet: &[u8], inner: &Inner, out: &mut [u8; MAX_REFUSAL]) -> Option<usize> {
    let many = match inner.destination {
        IpAddr::V4(a) => a.is_multicast() || a.is_broadcast(),
        IpAddr::V6(a) => a.is_multicast(),
    };
    if many || inner.source.is_unspecified() {
        return None;
    }
    match inner.kind {
        Kind::Ports { transport: Transport::Tcp, .. } => reset(packet, inner, out),
        Kind::Error(_) | Kind::EchoReply | Kind::Fragment => None,
        Kind::Other if is_icmp(packet, inner) => None,
        _ => Some(prohibited(packet, inner, out)),
    }
}

fn is_icmp(packet: &[u8], inner: &Inner) -> bool {
    match inner.source {
        IpAddr::V4(_) => packet.get(9) == Some(&protocol::ICMP),
        IpAddr::V6(_) => packet.get(6) == Some(&protocol::ICMPV6),
    }
}

fn reset(packet: &[u8], inner: &Inner, out: &mut [u8; MAX_REFUSAL]) -> Option<usize> {
    let tcp = packet.get(inner.payload..inner.length)?.first_chunk::<20>()?;
    let flags = tcp[13];
    if flags & RST != 0 {
        return None;
    }
    let header = usize::from(tcp[12] >> 4) * 4;
    let data = (inner.length - inner.payload).checked_sub(header)?;
    let word = |at: usize| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
    let (seq, ack, answer) = if flags & ACK != 0 {
        (word(8), 0, RST)
    } else {
        let length = u32::try_from(data).ok()? + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        (0, word(4).wrapping_add(length), RST | ACK)
    };
    let at = ip_header(inner, protocol::TCP, 20, out);
    let segment = &mut out[at..at + 20];
    segment.fill(0);
    segment[0..2].copy_from_slice(&tcp[2..4]);
    segment[2..4].copy_from_slice(&tcp[0..2]);
    segment[4..8].copy_from_slice(&seq.to_be_bytes());
    segment[8..12].copy_from_slice(&ack.to_be_bytes());
    segment[12] = 5 << 4;
    segment[13] = answer;
    let check = finish(sum(segment, pseudo_header(inner.destination, inner.source, protocol::TCP, 20)));
    segment[16..18].copy_from_slice(&check.to_be_bytes());
    Some(at + 20)
}

fn prohibited(packet: &[u8], inner: &Inner, out: &mut [u8; MAX_REFUSAL]) -> usize {
    let v4 = inner.source.is_ipv4();
    let quote = &packet[..inner.length.min(if v4 { QUOTE4 } else { QUOTE6 })];
    let length = 8 + quote.len();
    let number = if v4 { protocol::ICMP } else { protocol::ICMPV6 };
    let at = ip_header(inner, number, length, out);
    let message = &mut out[at..at + length];
    message[..8].fill(0);
    (message[0], message[1]) = if v4 { (3, 13) } else { (1, 1) };
    message[8..].copy_from_slice(quote);
    let start = if v4 { 0 } else { pseudo_header(inner.destination, inner.source, number, length) };
    let check = finish(sum(message, start));
    message[2..4].copy_from_slice(&check.to_be_bytes());
    at + length
}

/// Writes the IP header of an answer and says where it ends.
fn ip_header(inner: &Inner, number: u8, length: usize, out: &mut [u8; MAX_REFUSAL]) -> usize {
    match (inner.destination, inner.source) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let head = &mut out[..20];
            head.fill(0);
            head[0] = 0x45;
            head[2..4].copy_from_slice(&u16::try_from(20 + length).unwrap_or(u16::MAX).to_be_bytes());
            head[6] = 0x40;
            head[8] = TTL;
            head[9] = number;
            head[12..16].copy_from_slice(&from.octets());
            head[16..20].copy_from_slice(&to.octets());
            let check = finish(sum(head, 0));
            head[10..12].copy_from_slice(&check.to_be_bytes());
            20
        }
        (from, to) => {
            let head = &mut out[..40];
            head.fill(0);
            head[0] = 0x60;
            head[4..6].copy_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
            head[6] = number;
            head[7] = TTL;
            if let (IpAddr::V6(from), IpAddr::V6(to)) = (from, to) {
                head[8..24].copy_from_slice(&from.octets());
                head[24..40].copy_from_slice(&to.octets());
            }
            40
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pure::packet::parse;

    fn syn() -> Vec<u8> {
        let mut p = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 128, 1];
        p.extend([0x9c, 0x40, 0x01, 0xbd, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, SYN, 0, 0, 0, 0, 0, 0]);
        p
    }

    #[test]
    fn a_syn_is_reset_so_that_connect_fails_at_once() {
        let packet = syn();
        let mut out = [0; MAX_REFUSAL];
        let n = refuse(&packet, &parse(&packet).unwrap(), &mut out).unwrap();
        let answer = parse(&out[..n]).unwrap();
        assert_eq!(answer.kind, Kind::Ports { transport: Transport::Tcp, source: 445, destination: 40000 });
        assert_eq!(out[20 + 13], RST | ACK);
        assert_eq!(&out[28..32], &8u32.to_be_bytes());
        assert_eq!(finish(sum(&out[..20], 0)), 0);
    }

    #[test]
    fn a_reset_is_never_answered() {
        let mut packet = syn();
        packet[33] = RST;
        assert_eq!(refuse(&packet, &parse(&packet).unwrap(), &mut [0; MAX_REFUSAL]), None);
    }

    proptest! {
        #[test]
        fn whatever_is_refused_the_answer_is_well_formed_and_goes_back(bytes in proptest::collection::vec(any::<u8>(), 20..400),
                                                                        four in any::<bool>(), number in 0u8..60) {
            let mut bytes = bytes;
            if four { bytes[0] = 0x45; bytes[9] = number; bytes[6] = 0; bytes[7] = 0; } else { bytes[0] = 0x60; bytes[6] = number; }
            let n = bytes.len();
            if four { bytes[2..4].copy_from_slice(&(n as u16).to_be_bytes()); }
            else if n >= 40 { bytes[4..6].copy_from_slice(&((n - 40) as u16).to_be_bytes()); }
            let Ok(inner) = parse(&bytes) else { return Ok(()) };
            let mut out = [0; MAX_REFUSAL];
            let Some(n) = refuse(&bytes, &inner, &mut out) else { return Ok(()) };
            let answer = parse(&out[..n]).unwrap();
            prop_assert_eq!((answer.source, answer.destination), (inner.destination, inner.source));
            prop_assert_eq!(answer.length, n);
        }
    }
}
