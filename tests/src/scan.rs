//! Packets of a scan, and what an answer to one of them is.

use std::net::IpAddr;

/// A name is asked for, so that an open DNS port has something to answer (RFC 1035 §4.1): `a.invalid`, type A.
const QUERY: [u8; 27] = *b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07invalid\x00\x00\x01\x00\x01";
/// All probes have this source port.
pub const FROM: u16 = 40_404;

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// What answered, or what was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// A connection would have been made to this port of this machine.
    Tcp(IpAddr, u16),
    /// This port of this machine sent a datagram.
    Udp(IpAddr, u16),
    /// An echo reply of this machine.
    Echo(IpAddr),
    /// A reset, or an ICMP error.
    Refusal,
    /// Anything else is one too many: protocol and first byte of its payload.
    Other(IpAddr, u8, u8),
}

/// A SYN.
#[must_use]
pub fn syn(from: IpAddr, to: IpAddr, port: u16) -> Vec<u8> {
    let mut segment = vec![0; 20];
    segment[..2].copy_from_slice(&FROM.to_be_bytes());
    segment[2..4].copy_from_slice(&port.to_be_bytes());
    segment[4..8].copy_from_slice(&(0x5000_0000 | u32::from(port)).to_be_bytes());
    (segment[12], segment[13], segment[14]) = (5 << 4, SYN, 0x40);
    checked(from, to, TCP, segment, 16)
}

/// A DNS query to any port.
#[must_use]
pub fn datagram(from: IpAddr, to: IpAddr, port: u16) -> Vec<u8> {
    let mut datagram = vec![0; 8];
    datagram[..2].copy_from_slice(&FROM.to_be_bytes());
    datagram[2..4].copy_from_slice(&port.to_be_bytes());
    datagram.extend_from_slice(&QUERY);
    let length = u16::try_from(datagram.len()).unwrap_or_default();
    datagram[4..6].copy_from_slice(&length.to_be_bytes());
    checked(from, to, UDP, datagram, 6)
}

/// An ICMP message of this type, with an identifier and 16 bytes.
#[must_use]
pub fn icmp(from: IpAddr, to: IpAddr, kind: u8) -> Vec<u8> {
    let mut message = vec![0; 24];
    (message[0], message[5], message[7]) = (kind, 7, 1);
    let protocol = if from.is_ipv4() { ICMP } else { ICMPV6 };
    checked(from, to, protocol, message, 2)
}

/// A packet of this protocol with some bytes in it: a whole inner packet, so that tunnels have something to carry.
#[must_use]
pub fn protocol(from: IpAddr, to: IpAddr, protocol: u8, inside: &[u8]) -> Vec<u8> {
    packet(from, to, protocol, inside)
}

/// A packet in two pieces, the second of which holds the rest from byte 24 on (RFC 791 §3.2, RFC 8200 §4.5).
#[must_use]
pub fn pieces(whole: &[u8]) -> [Vec<u8>; 2] {
    const AT: usize = 24;
    let ipv4 = whole[0] >> 4 == 4;
    let header = if ipv4 { 20 } else { 40 };
    let (first, second) = whole[header..].split_at(AT.min(whole.len() - header));
    let piece = |payload: &[u8], offset: u16, more: bool| {
        let mut p = whole[..header].to_vec();
        if ipv4 {
            p[2..4].copy_from_slice(&u16::try_from(header + payload.len()).unwrap_or_default().to_be_bytes());
            p[4..6].copy_from_slice(&[0x77, 0x77]);
            p[6..8].copy_from_slice(&((offset / 8) | (u16::from(more) << 13)).to_be_bytes());
            p[10..12].fill(0);
            let sum = checksum(&[&p[..20]]);
            p[10..12].copy_from_slice(&sum.to_be_bytes());
        } else {
            p[4..6].copy_from_slice(&u16::try_from(8 + payload.len()).unwrap_or_default().to_be_bytes());
            let next = std::mem::replace(&mut p[6], 44);
            p.extend_from_slice(&[next, 0]);
            p.extend_from_slice(&(offset | u16::from(more)).to_be_bytes());
            p.extend_from_slice(&[0, 0, 0x77, 0x77]);
        }
        p.extend_from_slice(payload);
        p
    };
    [piece(first, 0, true), piece(second, 24, false)]
}

/// What a packet that came back says.
#[must_use]
pub fn answer(packet: &[u8]) -> Option<Answer> {
    let ipv4 = packet.first()? >> 4 == 4;
    let (from, protocol, payload): (IpAddr, u8, &[u8]) = if ipv4 {
        let header = usize::from(packet[0] & 15) * 4;
        (IpAddr::from(*packet.get(12..)?.first_chunk::<4>()?), *packet.get(9)?, packet.get(header..)?)
    } else {
        (IpAddr::from(*packet.get(8..)?.first_chunk::<16>()?), *packet.get(6)?, packet.get(40..)?)
    };
    let port = || Some(u16::from_be_bytes(*payload.first_chunk()?));
    let kind = *payload.first()?;
    Some(match (protocol, kind) {
        (TCP, _) if payload.get(13)? & RST != 0 => Answer::Refusal,
        (TCP, _) if payload.get(13)? & (SYN | ACK) != 0 => Answer::Tcp(from, port()?),
        (UDP, _) => Answer::Udp(from, port()?),
        (ICMP, 3) | (ICMPV6, 1) => Answer::Refusal,
        (ICMP, 0) | (ICMPV6, 129) => Answer::Echo(from),
        _ => Answer::Other(from, protocol, kind),
    })
}

fn checked(from: IpAddr, to: IpAddr, protocol: u8, mut payload: Vec<u8>, at: usize) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    let pseudo = [&octets(from)[..], &octets(to), &length, &[0, 0, 0, protocol]].concat();
    // ICMP of IPv4 has no pseudo header
    let pseudo = if protocol == ICMP { &[][..] } else { &pseudo };
    let sum = checksum(&[pseudo, &payload]);
    payload[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    packet(from, to, protocol, &payload)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

fn packet(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut p = Vec::with_capacity(40 + payload.len());
    if from.is_ipv4() {
        let length = u16::try_from(20 + payload.len()).unwrap_or_default().to_be_bytes();
        p.extend_from_slice(&[0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, protocol, 0, 0]);
        p.extend(octets(from));
        p.extend(octets(to));
        let sum = checksum(&[&p]);
        p[10..12].copy_from_slice(&sum.to_be_bytes());
    } else {
        let length = u16::try_from(payload.len()).unwrap_or_default().to_be_bytes();
        p.extend_from_slice(&[0x60, 0, 0, 0, length[0], length[1], protocol, 64]);
        p.extend(octets(from));
        p.extend(octets(to));
    }
    p.extend_from_slice(payload);
    p
}

/// RFC 1071, over parts of even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|p| p.chunks(2));
    let mut sum: u32 = words.map(|w| u32::from(w[0]) << 8 | w.get(1).copied().map_or(0, u32::from)).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> [(IpAddr, IpAddr); 2] {
        let v4 = (IpAddr::from([10, 1, 0, 2]), IpAddr::from([192, 168, 1, 10]));
        let v6 = (IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 2]), IpAddr::from([0xfd5e, 0, 0, 0, 0, 0, 0, 10]));
        [v4, v6]
    }

    #[test]
    fn what_comes_back_is_told_apart() {
        for (from, to) in addresses() {
            let turned = |mut p: Vec<u8>, at: usize, flags: u8| {
                let header = if to.is_ipv4() { 20 } else { 40 };
                p[header + at] = flags;
                answer(&p)
            };
            // sent the other way, a probe looks like its answer
            assert_eq!(turned(syn(to, from, 7), 13, SYN | ACK), Some(Answer::Tcp(to, FROM)));
            assert_eq!(turned(syn(to, from, 7), 13, RST | ACK), Some(Answer::Refusal));
            assert_eq!(answer(&datagram(to, from, 7)), Some(Answer::Udp(to, FROM)));
            let (reply, error, kind) = if to.is_ipv4() { (0, 3, 14) } else { (129, 1, 140) };
            assert_eq!(answer(&icmp(to, from, reply)), Some(Answer::Echo(to)));
            assert_eq!(answer(&icmp(to, from, error)), Some(Answer::Refusal));
            assert!(matches!(answer(&icmp(to, from, kind)), Some(Answer::Other(..))));
            assert!(matches!(answer(&protocol(to, from, 47, &[1; 20])), Some(Answer::Other(_, 47, 1))));
        }
    }

    #[test]
    fn checksums_and_pieces_are_right() {
        for (from, to) in addresses() {
            let whole = datagram(from, to, 53);
            let header = if from.is_ipv4() { 20 } else { 40 };
            let payload = &whole[header..];
            let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
            let pseudo = [&octets(from)[..], &octets(to), &length, &[0, 0, 0, UDP]].concat();
            assert_eq!(checksum(&[&pseudo, payload]), 0);
            let [first, second] = pieces(&whole);
            let head = if from.is_ipv4() { 20 } else { 48 };
            assert_eq!([&first[head..], &second[head..]].concat(), payload);
            if from.is_ipv4() {
                assert!([&whole, &first, &second].iter().all(|p| checksum(&[&p[..20]]) == 0));
            }
        }
    }
}
