//! The packet that wakes a PC, and where it is sent to: for the gateway and for agents alike.
//!
//! AMD, "Magic Packet Technology", white paper 20213. What sends it is not here.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::IpNet;

use crate::bounded::Mac;

/// Bytes of a magic packet: six of 0xff, then the hardware address sixteen times.
pub const LENGTH: usize = 6 + 16 * 6;

/// UDP ports it is sent to: 9 (discard) is the usual one, 7 (echo) the older. The card reads neither, but switches and
/// firewalls may let only one of them through.
pub const PORTS: [u16; 2] = [9, 7];

/// The packet for this card.
#[must_use]
pub fn packet(mac: Mac) -> [u8; LENGTH] {
    let mut bytes = [0xff; LENGTH];
    for (n, byte) in bytes.iter_mut().enumerate().skip(6) {
        *byte = mac.0[n % 6];
    }
    bytes
}

/// Where to send it on one interface, which has these addresses: the broadcast address of each network, and 255.255.255.255.
/// Without an IPv4 address nothing can be sent by UDP.
#[must_use]
pub fn destinations(addresses: &[IpNet]) -> Vec<SocketAddrV4> {
    let mut hosts: Vec<Ipv4Addr> = Vec::new();
    for address in addresses {
        if let IpNet::V4(network) = address {
            // Networks of one or two addresses have no broadcast address (RFC 3021).
            if network.prefix_len() <= 30 && !hosts.contains(&network.broadcast()) {
                hosts.push(network.broadcast());
            }
            if !hosts.contains(&Ipv4Addr::BROADCAST) {
                hosts.insert(0, Ipv4Addr::BROADCAST);
            }
        }
    }
    hosts.iter().flat_map(|host| PORTS.map(|port| SocketAddrV4::new(*host, port))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_where_the_white_paper_puts_it() {
        let mac = Mac([0x3c, 0x52, 0x82, 0x11, 0x22, 0x33]);
        let bytes = packet(mac);
        assert_eq!(bytes.len(), 102);
        assert_eq!(bytes[..6], [0xff; 6]);
        for n in 0..16 {
            assert_eq!(bytes[6 + 6 * n..12 + 6 * n], mac.0, "copy {n}");
        }
    }

    #[test]
    fn goes_to_the_whole_network_and_to_no_other() {
        let shown = |nets: &[&str]| {
            let nets: Vec<IpNet> = nets.iter().map(|n| n.parse().unwrap()).collect();
            destinations(&nets).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let office = "255.255.255.255:9 255.255.255.255:7 192.168.1.255:9 192.168.1.255:7";
        assert_eq!(shown(&["192.168.1.20/24", "192.168.1.21/24", "fd5e::20/64"]), office);
        assert_eq!(shown(&["10.0.0.1/31"]), "255.255.255.255:9 255.255.255.255:7");
        assert_eq!(shown(&["fd5e::20/64"]), "");
        assert_eq!(shown(&[]), "");
    }
}
