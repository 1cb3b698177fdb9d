//! The sockets of `net`: WireGuard's on the outside, the gateway's own services on the tunnel address.
//!
//! The services' sockets have unprivileged ports of the kernel's choice; nftables leads 53, 80 and 443 there. They are
//! handed to `serve`; a duplicate of the DNS ones stays here for the time when `serve` is silent.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use anyhow::Context as _;
use socket2::{Domain, Protocol, Socket as Socket2, Type};

use crate::activation;
use crate::firewall::LocalPorts;
use crate::link::message::{Interface, SocketRole};
use crate::tunnel::udp::Socket;

/// Connections that wait for `serve`.
const BACKLOG: i32 = 1024;

/// The services' sockets.
#[derive(Debug)]
pub(super) struct Services {
    sockets: Vec<(SocketRole, Socket2)>,
    /// Where nftables leads to.
    pub ports: LocalPorts,
}

impl Services {
    /// Binds everything on the gateway's tunnel addresses.
    ///
    /// # Errors
    /// An address is not there, or no port is left.
    pub(super) fn open(interface: &Interface) -> anyhow::Result<Self> {
        use SocketRole::{Desktop4, Desktop6, DnsTcp4, DnsTcp6, DnsUdp4, DnsUdp6, Http4, Http6, Https4, Https6};
        let (v4, v6) = (IpAddr::V4(interface.address4.addr()), IpAddr::V6(interface.address6.addr()));
        let mut sockets = Vec::new();
        let mut pair = |roles: [SocketRole; 2], kind: Type| -> anyhow::Result<u16> {
            let first = bind(&interface.name, v4, 0, kind).with_context(|| format!("bind {:?} on {v4}", roles[0]))?;
            let port = port_of(&first)?;
            sockets.push((roles[0], first));
            match bind(&interface.name, v6, port, kind) {
                Ok(second) => sockets.push((roles[1], second)),
                Err(e) => tracing::warn!(address = %v6, error = %e, "no IPv6 for the gateway's own services"),
            }
            Ok(port)
        };
        let ports = LocalPorts {
            dns_udp: pair([DnsUdp4, DnsUdp6], Type::DGRAM)?,
            dns_tcp: pair([DnsTcp4, DnsTcp6], Type::STREAM)?,
            http: pair([Http4, Http6], Type::STREAM)?,
            https: pair([Https4, Https6], Type::STREAM)?,
            desktop: pair([Desktop4, Desktop6], Type::STREAM)?,
        };
        Ok(Self { sockets, ports })
    }

    /// What goes to `serve`.
    #[must_use]
    pub(super) fn handed_over(&self) -> (Vec<SocketRole>, Vec<BorrowedFd<'_>>) {
        self.sockets.iter().map(|(role, socket)| (*role, socket.as_fd())).unzip()
    }

    /// Duplicates of the listeners for RDP.
    ///
    /// # Errors
    /// No descriptor is left.
    pub(super) fn desktops(&self) -> std::io::Result<Vec<std::net::TcpListener>> {
        self.sockets
            .iter()
            .filter(|(role, _)| matches!(role, SocketRole::Desktop4 | SocketRole::Desktop6))
            .map(|(_, socket)| Ok(socket.try_clone()?.into()))
            .collect()
    }

    /// Duplicates of the UDP sockets for DNS: they share one queue with `serve`'s.
    ///
    /// # Errors
    /// No descriptor is left.
    pub(super) fn dns(&self) -> std::io::Result<Vec<std::net::UdpSocket>> {
        self.sockets
            .iter()
            .filter(|(role, _)| matches!(role, SocketRole::DnsUdp4 | SocketRole::DnsUdp6))
            .map(|(_, socket)| Ok(socket.try_clone()?.into()))
            .collect()
    }
}

/// Bound to the interface too: the address alone is answered on every one, if nothing else forbids it.
fn bind(interface: &str, address: IpAddr, port: u16, kind: Type) -> std::io::Result<Socket2> {
    let (domain, protocol) = (
        if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 },
        if kind == Type::DGRAM { Protocol::UDP } else { Protocol::TCP },
    );
    let socket = Socket2::new(domain, kind.nonblocking().cloexec(), Some(protocol))?;
    socket.set_reuse_address(true)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SocketAddr::new(address, port).into())?;
    if kind == Type::STREAM {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

fn port_of(socket: &Socket2) -> anyhow::Result<u16> {
    Ok(socket.local_addr()?.as_socket().context("socket without an address")?.port())
}

/// WireGuard's sockets: those that systemd bound for us, and the others of `ports`. The first worker reads their packets.
///
/// # Errors
/// None of the ports can be had.
pub(super) fn wireguard(ports: &[u16]) -> anyhow::Result<Vec<(usize, Socket)>> {
    let mut sockets = adopt(activation::sockets().into_iter().map(Socket2::from).collect());
    let port_of = |socket: &Socket| socket.local().map(|address| address.port()).ok();
    for port in ports {
        if sockets.iter().any(|s| port_of(s) == Some(*port)) {
            continue;
        }
        match Socket::bind(*port) {
            Ok(socket) => sockets.push(socket),
            Err(e) => tracing::warn!(port, error = %e, "UDP port not available; devices that use it cannot connect"),
        }
    }
    anyhow::ensure!(!sockets.is_empty(), "no UDP port for WireGuard is available: {ports:?}; is another VPN running?");
    // the port that configs name comes first: handshakes of ours leave from it
    sockets.sort_by_key(|s| port_of(s).and_then(|p| ports.iter().position(|q| *q == p)).unwrap_or(ports.len()));
    Ok(sockets.into_iter().map(|socket| (0, socket)).collect())
}

/// Ports that were bound for us: two sockets of one address are a port's queues, in this order.
fn adopt(mut given: Vec<Socket2>) -> Vec<Socket> {
    let address = |socket: &Socket2| socket.local_addr().ok().and_then(|a| a.as_socket());
    let mut sockets = Vec::new();
    while !given.is_empty() {
        let first = given.remove(0);
        let second = given.iter().position(|s| address(s) == address(&first)).map(|n| given.remove(n));
        match Socket::adopt(first.into(), second.map(OwnedFd::from)) {
            Ok(socket) => sockets.push(socket),
            Err(e) => tracing::warn!(error = %e, "a socket from systemd is not UDP, not used"),
        }
    }
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnel::udp::Lane;

    fn bound(address: &str, shared: bool) -> Socket2 {
        let address: SocketAddr = address.parse().unwrap();
        let socket = Socket2::new(Domain::for_address(address), Type::DGRAM.nonblocking(), None).unwrap();
        if address.is_ipv6() {
            socket.set_only_v6(true).unwrap();
        }
        socket.set_reuse_port(shared).unwrap();
        socket.bind(&address.into()).unwrap();
        socket
    }

    #[test]
    fn two_sockets_of_an_address_are_one_port_with_two_queues() {
        let first = bound("0.0.0.0:0", true);
        let port = port_of(&first).unwrap();
        let [four, six] = [format!("0.0.0.0:{port}"), format!("[::]:{port}")];
        let sockets = adopt(vec![first, bound(&four, true), bound(&six, true), bound(&six, true)]);
        let lanes = |s: &Socket| [Lane::Packets, Lane::Handshakes].map(|lane| s.descriptor(lane).is_some());
        assert_eq!(sockets.iter().map(lanes).collect::<Vec<_>>(), [[true, true]; 2]);
        let alone = adopt(vec![bound("0.0.0.0:0", false), bound("[::]:0", false)]);
        assert_eq!(alone.iter().map(lanes).collect::<Vec<_>>(), [[true, false]; 2]);
    }
}
