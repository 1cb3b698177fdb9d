//! Headers of inner packets (RFC 791, 8200, 768, 9293, 792, 4443): just what the locks and the refusals need.
//!
//! Hostile bytes in, a value or [`Malformed`] out; nothing here allocates or panics.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::link::message::Transport;

/// IP protocol numbers (IANA).
pub mod protocol {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// Fragment header of IPv6.
    pub const FRAGMENT: u8 = 44;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
}

/// Where a TCP header has its flags, and two of them (RFC 9293 §3.1).
const FLAGS: usize = 13;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Not a packet that may go on: cut short, lengths that contradict each other, or an unknown version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed inner packet")]
pub struct Malformed;

/// What the lock asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inner {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// What it carries.
    pub kind: Kind,
    /// Length of the packet as its own header says, in bytes.
    pub length: usize,
    /// Where the header after IP begins, in bytes.
    pub payload: usize,
}

impl Inner {
    /// Whether these, its bytes, may begin a flow that the kernel then remembers: all but what goes on within a TCP
    /// connection, and errors.
    #[must_use]
    pub fn may_begin(&self, packet: &[u8]) -> bool {
        match self.kind {
            Kind::Ports { transport: Transport::Tcp, .. } => {
                packet.get(self.payload + FLAGS).is_none_or(|flags| flags & (SYN | ACK) != ACK)
            }
            Kind::Error(_) => false,
            _ => true,
        }
    }
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TCP or UDP with both ports.
    Ports {
        /// TCP or UDP.
        transport: Transport,
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// ICMP echo request.
    EchoRequest,
    /// ICMP echo reply.
    EchoReply,
    /// An ICMP error about a packet that went the other way.
    Error(About),
    /// A fragment after the first: it has no ports. The kernel puts it together before the second lock tests it.
    Fragment,
    /// Anything else.
    Other,
}

/// The packet that an ICMP error quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Its source: where the error goes.
    pub source: IpAddr,
    /// Its destination.
    pub destination: IpAddr,
    /// Transport, source port and destination port; absent for an echo.
    pub ports: Option<(Transport, u16, u16)>,
}

/// Reads the headers of one inner packet.
///
/// # Errors
/// [`Malformed`]; such a packet is dropped.
pub fn parse(packet: &[u8]) -> Result<Inner, Malformed> {
    let head = Header::parse(packet)?;
    if head.length > packet.len() {
        return Err(Malformed);
    }
    let body = packet.get(head.payload..head.length).ok_or(Malformed)?;
    let kind = match (head.protocol, head.fragment) {
        (_, Piece::Later) => Kind::Fragment,
        (protocol::TCP | protocol::UDP, _) => {
            let (transport, source, destination) = ports(head.protocol, body).ok_or(Malformed)?;
            Kind::Ports { transport, source, destination }
        }
        (protocol::ICMP, Piece::Whole) if head.source.is_ipv4() => icmp4(body)?,
        (protocol::ICMPV6, Piece::Whole) if head.source.is_ipv6() => icmp6(body)?,
        _ => Kind::Other,
    };
    Ok(Inner { source: head.source, destination: head.destination, kind, length: head.length, payload: head.payload })
}

/// The destination alone, for the look-up of the peer.
#[must_use]
pub fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(IpAddr::V4(Ipv4Addr::from(*packet.get(16..)?.first_chunk::<4>()?))),
        6 => Some(IpAddr::V6(Ipv6Addr::from(*packet.get(24..)?.first_chunk::<16>()?))),
        _ => None,
    }
}

#[derive(PartialEq, Eq)]
enum Piece {
    Whole,
    First,
    Later,
}

struct Header {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    fragment: Piece,
    length: usize,
    payload: usize,
}

impl Header {
    fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        match packet.first().ok_or(Malformed)? >> 4 {
            4 => Self::v4(packet.first_chunk::<20>().ok_or(Malformed)?),
            6 => Self::v6(packet.first_chunk::<40>().ok_or(Malformed)?, &packet[40..]),
            _ => Err(Malformed),
        }
    }

    fn v4(h: &[u8; 20]) -> Result<Self, Malformed> {
        let payload = usize::from(h[0] & 15) * 4;
        let length = usize::from(u16::from_be_bytes([h[2], h[3]]));
        if payload < 20 || length < payload {
            return Err(Malformed);
        }
        let field = u16::from_be_bytes([h[6], h[7]]);
        let fragment = match (field & 0x1fff, field & 0x2000) {
            (0, 0) => Piece::Whole,
            (0, _) => Piece::First,
            _ => Piece::Later,
        };
        Ok(Self {
            source: Ipv4Addr::new(h[12], h[13], h[14], h[15]).into(),
            destination: Ipv4Addr::new(h[16], h[17], h[18], h[19]).into(),
            protocol: h[9],
            fragment,
            length,
            payload,
        })
    }

    /// The only extension header that is followed is Fragment; any other makes the packet [`Kind::Other`].
    fn v6(h: &[u8; 40], rest: &[u8]) -> Result<Self, Malformed> {
        let address = |at: usize| {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&h[at..at + 16]);
            IpAddr::V6(Ipv6Addr::from(bytes))
        };
        let length = 40 + usize::from(u16::from_be_bytes([h[4], h[5]]));
        let (mut protocol, mut fragment, mut payload) = (h[6], Piece::Whole, 40);
        if protocol == protocol::FRAGMENT {
            let f = rest.first_chunk::<8>().ok_or(Malformed)?;
            let field = u16::from_be_bytes([f[2], f[3]]);
            fragment = match (field >> 3, field & 1) {
                (0, 0) => Piece::Whole,
                (0, _) => Piece::First,
                _ => Piece::Later,
            };
            protocol = f[0];
            payload = 48;
            if length < payload {
                return Err(Malformed);
            }
        }
        Ok(Self { source: address(8), destination: address(24), protocol, fragment, length, payload })
    }
}

fn ports(protocol: u8, body: &[u8]) -> Option<(Transport, u16, u16)> {
    let p = body.first_chunk::<4>()?;
    let transport = match protocol {
        protocol::TCP => Transport::Tcp,
        protocol::UDP => Transport::Udp,
        _ => return None,
    };
    Some((transport, u16::from_be_bytes([p[0], p[1]]), u16::from_be_bytes([p[2], p[3]])))
}

fn icmp4(body: &[u8]) -> Result<Kind, Malformed> {
    let h = body.first_chunk::<8>().ok_or(Malformed)?;
    Ok(match h[0] {
        0 => Kind::EchoReply,
        8 => Kind::EchoRequest,
        // destination unreachable, time exceeded, parameter problem
        3 | 11 | 12 => about(&body[8..]).map_or(Kind::Other, Kind::Error),
        _ => Kind::Other,
    })
}

fn icmp6(body: &[u8]) -> Result<Kind, Malformed> {
    let h = body.first_chunk::<8>().ok_or(Malformed)?;
    Ok(match h[0] {
        128 => Kind::EchoRequest,
        129 => Kind::EchoReply,
        // destination unreachable, packet too big, time exceeded, parameter problem
        1..=4 => about(&body[8..]).map_or(Kind::Other, Kind::Error),
        _ => Kind::Other,
    })
}

fn about(quoted: &[u8]) -> Option<About> {
    let head = Header::parse(quoted).ok()?;
    if head.fragment == Piece::Later {
        return None;
    }
    let body = quoted.get(head.payload..)?;
    let ports = match head.protocol {
        protocol::TCP | protocol::UDP => Some(ports(head.protocol, body)?),
        protocol::ICMP if matches!(body.first()?, 0 | 8) => None,
        protocol::ICMPV6 if matches!(body.first()?, 128 | 129) => None,
        _ => return None,
    };
    Some(About { source: head.source, destination: head.destination, ports })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tcp4() -> Vec<u8> {
        let mut p = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 128, 1];
        p.extend([0x9c, 0x40, 0x01, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]);
        p
    }

    #[test]
    fn ports_are_read() {
        let inner = parse(&tcp4()).unwrap();
        assert_eq!(inner.kind, Kind::Ports { transport: Transport::Tcp, source: 40000, destination: 445 });
        assert_eq!(inner.destination, "10.0.128.1".parse::<IpAddr>().unwrap());
        assert_eq!((inner.length, inner.payload), (40, 20));
    }

    #[test]
    fn a_later_fragment_has_no_ports_whatever_its_bytes_say() {
        let mut p = tcp4();
        p[7] = 1;
        assert_eq!(parse(&p).unwrap().kind, Kind::Fragment);
    }

    #[test]
    fn lengths_that_lie_are_malformed() {
        for (at, value) in [(3, 41), (3, 19), (0, 0x44), (0, 0x4f), (0, 0x55)] {
            let mut p = tcp4();
            p[at] = value;
            assert_eq!(parse(&p), Err(Malformed), "byte {at} = {value}");
        }
    }

    #[test]
    fn an_error_tells_what_it_is_about() {
        let mut p = vec![0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 192, 168, 1, 1, 10, 0, 0, 2];
        p.extend([3, 4, 0, 0, 0, 0, 5, 0]);
        p.extend(&tcp4()[..28]);
        let Kind::Error(about) = parse(&p).unwrap().kind else { panic!("not an error") };
        assert_eq!(about.ports, Some((Transport::Tcp, 40000, 445)));
        assert_eq!(about.source, "10.0.0.2".parse::<IpAddr>().unwrap());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(inner) = parse(&bytes) {
                prop_assert!(inner.length <= bytes.len() && inner.payload <= inner.length);
            }
            let _ = destination(&bytes);
        }
    }
}
