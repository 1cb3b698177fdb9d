//! Magic packets on the wires of the office: UDP broadcasts, bound to their interface.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use agent::bounded::Mac;
use agent::magic::{destinations, packet};
use ipnet::IpNet;
use socket2::{Domain, Socket, Type};

use crate::detect::Network;

/// Interfaces that are no wire of the office: of containers, of virtual machines, of tunnels.
const NOT_A_WIRE: [&str; 8] = ["docker", "br-", "veth", "virbr", "lxc", "tun", "wg", "pass"];

/// A network of the office that this machine is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lan {
    pub(super) interface: String,
    pub(super) address: Ipv4Addr,
    pub(super) network: IpNet,
}

/// Where PCs may be: private networks on interfaces that are up. What leads to the internet is no office.
pub(super) fn lans(network: &Network) -> Vec<Lan> {
    let wires = network.interfaces.iter().filter(|i| i.up && !i.loopback);
    let wires = wires.filter(|i| !NOT_A_WIRE.iter().any(|prefix| i.name.starts_with(prefix)));
    let of = |name: &str, net: &IpNet| match net.addr() {
        IpAddr::V4(address) if address.is_private() => Some(Lan { interface: name.to_owned(), address, network: *net }),
        _ => None,
    };
    wires.flat_map(|i| i.addresses.iter().filter_map(|net| of(&i.name, net)).collect::<Vec<_>>()).collect()
}

/// Sends magic packets for these on every one of them; on how many it went out.
pub(super) fn everywhere(lans: &[Lan], macs: &[Mac]) -> usize {
    let sent = lans.iter().filter(|lan| match send(lan, macs) {
        Ok(()) => true,
        Err(e) => {
            tracing::warn!(interface = lan.interface, error = %e, "magic packets cannot be sent on this interface");
            false
        }
    });
    sent.count()
}

fn send(lan: &Lan, macs: &[Mac]) -> io::Result<()> {
    let socket = bound(lan)?;
    for mac in macs {
        for to in destinations(&[lan.network]) {
            socket.send_to(&packet(*mac), SocketAddr::V4(to))?;
        }
    }
    Ok(())
}

/// A socket whose broadcasts leave by this interface alone.
fn bound(lan: &Lan) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    socket.set_broadcast(true)?;
    // Since Linux 5.7 no capability is needed for it.
    socket.bind_device(Some(lan.interface.as_bytes()))?;
    socket.bind(&SocketAddr::from((lan.address, 0)).into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Interface;

    #[test]
    fn only_wires_of_the_office_are_called_on() {
        let interface = |name: &str, up, addresses: &[&str]| Interface {
            name: name.to_owned(),
            up,
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            ..Interface::default()
        };
        let network = Network {
            interfaces: vec![
                interface("lan0", true, &["192.168.1.2/24", "fd5e:ff1:ce::2/64"]),
                interface("lan1", false, &["192.168.2.2/24"]),
                interface("vlan20", true, &["10.20.0.2/16"]),
                interface("wan0", true, &["203.0.113.10/28"]),
                interface("docker0", true, &["172.17.0.1/16"]),
                interface("pass0", true, &["10.99.0.1/16"]),
            ],
            ..Network::default()
        };
        let lans = lans(&network);
        let names: Vec<&str> = lans.iter().map(|lan| lan.interface.as_str()).collect();
        assert_eq!(names, ["lan0", "vlan20"]);
        assert_eq!(lans[0].network, "192.168.1.2/24".parse().unwrap());
    }
}
