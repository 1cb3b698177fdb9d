//! What this machine can tell about its network: interfaces, networks, the way out, resolvers. Reads only.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context as _;
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr as NetlinkAddr};

/// Resolver files, in the order in which they are believed; a stub of this machine is passed over.
const RESOLVER_FILES: [&str; 3] =
    ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf"];

/// The kernel sends at most 32 kB a datagram in a dump.
const BUFFER: usize = 64 * 1024;

/// More messages than any office box has links, addresses and routes.
const MAX_MESSAGES: usize = 100_000;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    pub(crate) interfaces: Vec<Interface>,
    /// Every network that has a route, the default route aside.
    pub(crate) routed: Vec<IpNet>,
    /// Index of the interface that leads to the internet.
    pub(crate) way_out: Option<u32>,
    /// Whom this machine asks for names.
    pub(crate) resolvers: Vec<IpAddr>,
    /// Search domains of this machine: most likely the office's own zones.
    pub(crate) zones: Vec<String>,
}

/// One network card, bridge or VLAN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interface {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) up: bool,
    pub(crate) loopback: bool,
    /// Addresses with their prefix lengths; link-local ones left out.
    pub(crate) addresses: Vec<IpNet>,
}

impl Network {
    /// Asks the kernel and reads the resolver files.
    pub(crate) fn detect() -> anyhow::Result<Self> {
        let mut network = Self::default();
        network.add(dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))?);
        network.add(dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))?);
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            network.add(dump(RouteNetlinkMessage::GetRoute(request))?);
        }
        for file in RESOLVER_FILES {
            let (resolvers, zones) = parse_resolv_conf(&std::fs::read_to_string(file).unwrap_or_default());
            if network.resolvers.is_empty() {
                network.resolvers = resolvers;
            }
            if network.zones.is_empty() {
                network.zones = zones;
            }
        }
        Ok(network)
    }

    /// The interface in the office LAN, most likely: up, with a private IPv4 address; the way out before others.
    pub(crate) fn office(&self) -> Option<&Interface> {
        let fits = |i: &&Interface| i.up && !i.loopback && i.subnet().is_some();
        let private = |i: &Interface| matches!(i.subnet(), Some(IpNet::V4(net)) if net.addr().is_private());
        let virtual_ =
            |i: &Interface| ["docker", "br-", "veth", "virbr", "lxc", "pass"].iter().any(|p| i.name.starts_with(p));
        self.interfaces
            .iter()
            .filter(fits)
            .max_by_key(|i| (!virtual_(i), private(i), Some(i.index) == self.way_out, std::cmp::Reverse(i.index)))
    }

    pub(crate) fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|i| i.name == name)
    }

    /// Every network this machine sees, for the site network to avoid.
    pub(crate) fn taken(&self) -> Vec<IpNet> {
        let own = self.interfaces.iter().filter(|i| !i.loopback).flat_map(|i| i.addresses.iter().map(IpNet::trunc));
        own.chain(self.routed.iter().copied()).collect()
    }

    /// Resolvers with their port.
    pub(crate) fn resolver_sockets(&self) -> Vec<SocketAddr> {
        self.resolvers.iter().map(|ip| SocketAddr::new(*ip, 53)).collect()
    }

    fn add(&mut self, messages: Vec<RouteNetlinkMessage>) {
        for message in messages {
            match message {
                RouteNetlinkMessage::NewLink(link) => self.interfaces.push(interface(&link)),
                RouteNetlinkMessage::NewAddress(address) => self.add_address(&address),
                RouteNetlinkMessage::NewRoute(route) => self.add_route(&route),
                _ => {}
            }
        }
    }

    /// Takes in a datagram of the kernel's, and what a resolver file says.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(datagram: &[u8], resolver_file: &str) -> Self {
        let (mut network, mut found) = (Self::default(), Vec::new());
        // What came before the broken part counts here: the more is looked at.
        let _ = take(datagram, &mut found);
        network.add(found);
        (network.resolvers, network.zones) = parse_resolv_conf(resolver_file);
        network
    }

    fn add_address(&mut self, message: &AddressMessage) {
        // On a point-to-point link `Address` is the far end, `Local` is ours.
        let local = message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Local(ip) => Some(*ip),
            _ => None,
        });
        let address = local.or_else(|| {
            message.attributes.iter().find_map(|a| match a {
                AddressAttribute::Address(ip) => Some(*ip),
                _ => None,
            })
        });
        let net = address.and_then(|ip| IpNet::new(ip, message.header.prefix_len).ok());
        let Some(net) = net.filter(|net| !link_local(net.addr())) else { return };
        if let Some(interface) = self.interfaces.iter_mut().find(|i| i.index == message.header.index) {
            interface.addresses.push(net);
        }
    }

    fn add_route(&mut self, message: &RouteMessage) {
        if message.header.kind != RouteType::Unicast {
            return;
        }
        let destination = message.attributes.iter().find_map(|a| match a {
            RouteAttribute::Destination(RouteAddress::Inet(ip)) => Some(IpAddr::from(*ip)),
            RouteAttribute::Destination(RouteAddress::Inet6(ip)) => Some(IpAddr::from(*ip)),
            _ => None,
        });
        let out = message.attributes.iter().find_map(|a| match a {
            RouteAttribute::Oif(index) => Some(*index),
            _ => None,
        });
        match destination {
            None if message.header.destination_prefix_length == 0 => self.way_out = self.way_out.or(out),
            Some(ip) if !link_local(ip) => {
                self.routed.extend(IpNet::new(ip, message.header.destination_prefix_length).map(|net| net.trunc()));
            }
            _ => {}
        }
    }
}

impl Interface {
    /// The network it is in: IPv4 before IPv6.
    pub(crate) fn subnet(&self) -> Option<IpNet> {
        let v4 = self.addresses.iter().find(|net| matches!(net, IpNet::V4(_)));
        v4.or_else(|| self.addresses.first()).copied()
    }
}

fn interface(link: &LinkMessage) -> Interface {
    let name = link.attributes.iter().find_map(|a| match a {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    });
    let flags = link.header.flags;
    Interface {
        index: link.header.index,
        name: name.unwrap_or_default(),
        up: flags.contains(LinkFlags::Up | LinkFlags::LowerUp),
        loopback: flags.contains(LinkFlags::Loopback),
        addresses: Vec::new(),
    }
}

fn link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_multicast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_multicast(),
    }
}

/// Nameservers that are not stubs of this machine, and search domains in lower case without the final dot.
fn parse_resolv_conf(text: &str) -> (Vec<IpAddr>, Vec<String>) {
    let (mut resolvers, mut zones) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => {
                let ip = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                resolvers.extend(ip.filter(|ip| !ip.is_loopback() && !link_local(*ip)));
            }
            Some("search" | "domain") => {
                zones = words.map(|w| w.trim_end_matches('.').to_lowercase()).filter(|w| !w.is_empty()).collect();
            }
            _ => {}
        }
    }
    (resolvers, zones)
}

/// A machine in one of this machine's segments, as the kernel last heard it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Neighbour {
    pub(crate) address: IpAddr,
    pub(crate) hardware: [u8; 6],
}

/// Every neighbour that has a hardware address.
///
/// # Errors
/// The kernel does not tell.
pub(crate) fn neighbours() -> anyhow::Result<Vec<Neighbour>> {
    let found = dump(RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default()))?;
    let of = |message| match message {
        RouteNetlinkMessage::NewNeighbour(neighbour) => self::neighbour(&neighbour),
        _ => None,
    };
    Ok(found.into_iter().filter_map(of).collect())
}

fn neighbour(message: &NeighbourMessage) -> Option<Neighbour> {
    // What is on trial, or was given up, keeps its hardware address.
    let lost = matches!(message.header.state, NeighbourState::Failed | NeighbourState::Incomplete);
    let (mut address, mut hardware) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(a)) => address = Some(IpAddr::from(*a)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(a)) => address = Some(IpAddr::from(*a)),
            NeighbourAttribute::LinkLayerAddress(bytes) => hardware = <[u8; 6]>::try_from(bytes.as_slice()).ok(),
            _ => {}
        }
    }
    Some(Neighbour { address: address?, hardware: hardware? }).filter(|_| !lost)
}

fn dump(request: RouteNetlinkMessage) -> anyhow::Result<Vec<RouteNetlinkMessage>> {
    let mut socket = Socket::new(NETLINK_ROUTE).context("open a netlink socket")?;
    socket.bind_auto().context("bind a netlink socket")?;
    socket.connect(&NetlinkAddr::new(0, 0)).context("connect a netlink socket")?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(request));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0).context("ask the kernel")?;
    let mut found = Vec::new();
    let mut buffer = vec![0; BUFFER];
    while found.len() < MAX_MESSAGES {
        let size = socket.recv(&mut &mut buffer[..], 0).context("read the kernel's answer")?;
        if take(buffer.get(..size).unwrap_or_default(), &mut found)? {
            return Ok(found);
        }
    }
    Ok(found)
}

/// Takes in a datagram of the kernel's answer; whether it was the last.
fn take(datagram: &[u8], found: &mut Vec<RouteNetlinkMessage>) -> anyhow::Result<bool> {
    let mut rest = datagram;
    while !rest.is_empty() {
        let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest).context("read the kernel's answer")?;
        match message.payload {
            NetlinkPayload::Done(_) => return Ok(true),
            NetlinkPayload::Error(error) => anyhow::bail!("the kernel refuses: {error:?}"),
            NetlinkPayload::InnerMessage(inner) => found.push(inner),
            _ => {}
        }
        // Messages are padded to four bytes.
        let length = usize::try_from(message.header.length).unwrap_or(usize::MAX).next_multiple_of(4);
        rest = rest.get(length.max(16)..).unwrap_or_default();
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_without_stubs_and_zones_without_dots() {
        let text = "# x\nnameserver 127.0.0.53\nnameserver 192.168.1.1\nnameserver fe80::1%eth0\nnameserver fe80::1\nnameserver 2001:db8::53\noptions edns0\nsearch Office.LAN. other\n";
        let (resolvers, zones) = parse_resolv_conf(text);
        assert_eq!(resolvers, ["192.168.1.1".parse::<IpAddr>().unwrap(), "2001:db8::53".parse().unwrap()]);
        assert_eq!(zones, ["office.lan", "other"]);
    }

    #[test]
    fn the_office_is_guessed() {
        let make = |index, name: &str, address: &str| Interface {
            index,
            name: name.into(),
            up: true,
            loopback: name == "lo",
            addresses: vec![address.parse().unwrap()],
        };
        let mut network = Network {
            interfaces: vec![
                make(1, "lo", "127.0.0.1/8"),
                make(2, "wan0", "198.51.100.7/24"),
                make(3, "lan0", "192.168.1.2/24"),
                make(4, "docker0", "172.17.0.1/16"),
            ],
            way_out: Some(2),
            ..Network::default()
        };
        assert_eq!(network.office().unwrap().name, "lan0");
        network.interfaces.retain(|i| i.name != "lan0");
        assert_eq!(network.office().unwrap().name, "wan0");
    }

    #[test]
    fn this_machine_can_be_asked() {
        let network = Network::detect().unwrap();
        assert!(network.interfaces.iter().any(|i| i.loopback));
    }
}
