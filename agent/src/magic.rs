//! Magic packets, and where they go. The gateway sends them, and agents that are awake for their neighbours.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;

use crate::bounded::Mac;

/// Bytes of a magic packet.
pub const LENGTH: usize = 102;

/// The ports it is sent to: discard, by custom, and echo, which some adapters are set to.
pub const PORTS: [u16; 2] = [9, 7];

/// Six times 0xff, then the address sixteen times (AMD, Magic Packet Technology, publication 20213, 1995).
#[must_use]
pub fn packet(mac: Mac) -> [u8; LENGTH] {
    let mut packet = [0xff; LENGTH];
    for place in packet[6..].chunks_exact_mut(6) {
        place.copy_from_slice(&mac.0);
    }
    packet
}

/// Where it goes on an interface with this network: to everybody in the network, and to everybody on the wire.
#[must_use]
pub fn destinations(network: Ipv4Net) -> Vec<SocketAddrV4> {
    let mut hosts = vec![Ipv4Addr::BROADCAST];
    // A network of one or two has no broadcast address (RFC 3021).
    if network.prefix_len() < 31 {
        hosts.insert(0, network.broadcast());
    }
    hosts.iter().flat_map(|host| PORTS.map(|port| SocketAddrV4::new(*host, port))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_of_ones_then_sixteen_addresses() {
        let mac = Mac([0x3c, 0x52, 0x82, 0x11, 0x22, 0x33]);
        let bytes = packet(mac);
        assert_eq!(bytes.len(), 6 + 16 * 6);
        assert_eq!(bytes[..6], [0xff; 6]);
        for n in 0..16 {
            assert_eq!(bytes[6 + 6 * n..12 + 6 * n], mac.0, "{n}");
        }
    }

    #[test]
    fn everybody_hears_it_at_both_ports() {
        let shown = |net: &str| destinations(net.parse().unwrap()).iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = ["192.168.1.255:9", "192.168.1.255:7", "255.255.255.255:9", "255.255.255.255:7"];
        assert_eq!(shown("192.168.1.20/24"), all);
        assert_eq!(shown("10.0.0.1/32"), all[2..]);
    }
}
