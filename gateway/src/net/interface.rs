//! The tunnel interface: addresses, MTU, queue length, up; and a route that keeps the site network from ever leaving by
//! another interface. Over rtnetlink (rtnetlink(7)).

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context as _;
use ipnet::IpNet;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkBuffer, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use crate::link::message::Interface;

/// Packets that wait for a worker: bursts of a fast office LAN (measured: the kernel's 500 lose 1 % at 92,000 a second).
const QUEUE: u32 = 4_000;
/// The kernel answers at once; a socket that does not is broken.
const ANSWER: Duration = Duration::from_secs(2);
/// Behind every route a person would make.
const LAST_METRIC: u32 = 4_278_198_272;

/// Brings the interface to what it is to be; it must exist.
///
/// # Errors
/// The kernel refuses; the message names the step.
pub(super) fn configure(interface: &Interface) -> anyhow::Result<()> {
    let mut kernel = Kernel::open().context("open rtnetlink")?;
    let index = rustix::net::netdevice::name_to_index(
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?,
        &interface.name,
    )
    .with_context(|| format!("find interface {}", interface.name))?;
    kernel.up(index, interface.mtu).with_context(|| format!("bring {} up", interface.name))?;
    for net in [IpNet::V4(interface.address4), IpNet::V6(interface.address6)] {
        let done = kernel.address(index, net);
        if net.addr().is_ipv6() && done.is_err() && !ipv6_available() {
            tracing::warn!("this machine has IPv6 switched off: devices reach the office over IPv4 only");
            continue;
        }
        done.with_context(|| format!("give {} the address {net}", interface.name))?;
        kernel.unreachable(net.trunc()).with_context(|| format!("make {net} unreachable elsewhere"))?;
    }
    Ok(())
}

/// Warns if the kernel does not forward: then nobody reaches the office, whatever the policy says.
pub(super) fn check_forwarding() {
    for (path, what) in [("ipv4/ip_forward", "IPv4"), ("ipv6/conf/all/forwarding", "IPv6")] {
        let on = std::fs::read_to_string(format!("/proc/sys/net/{path}")).is_ok_and(|v| v.trim() == "1");
        if !on {
            let setting = path.replace('/', ".");
            tracing::warn!("{what} forwarding is off, the office cannot be reached: `sysctl -w net.{setting}=1`");
        }
    }
}

fn ipv6_available() -> bool {
    std::path::Path::new("/proc/net/if_inet6").exists()
}

struct Kernel {
    socket: Socket,
    sequence: u32,
}

impl Kernel {
    fn open() -> std::io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER))?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    fn up(&mut self, index: u32, mtu: u16) -> anyhow::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        message.attributes = vec![LinkAttribute::Mtu(mtu.into()), LinkAttribute::TxQueueLen(QUEUE)];
        self.ask(RouteNetlinkMessage::SetLink(message), 0)
    }

    fn address(&mut self, index: u32, net: IpNet) -> anyhow::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = family(net.addr());
        message.header.prefix_len = net.prefix_len();
        message.header.scope = AddressScope::Universe;
        message.header.index = index;
        message.attributes = vec![AddressAttribute::Local(net.addr()), AddressAttribute::Address(net.addr())];
        if net.addr().is_ipv6() {
            message.header.flags = AddressHeaderFlags::Nodad;
        }
        self.ask(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    fn unreachable(&mut self, net: IpNet) -> anyhow::Result<()> {
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: family(net.addr()),
            destination_prefix_length: net.prefix_len(),
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Static,
            scope: RouteScope::Universe,
            kind: RouteType::Unreachable,
            ..RouteHeader::default()
        };
        message.attributes =
            vec![RouteAttribute::Destination(RouteAddress::from(net.addr())), RouteAttribute::Priority(LAST_METRIC)];
        self.ask(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    fn ask(&mut self, message: RouteNetlinkMessage, flags: u16) -> anyhow::Result<()> {
        self.sequence += 1;
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        request.header.sequence_number = self.sequence;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let (answer, _) = self.socket.recv_from_full()?;
        NetlinkBuffer::new_checked(&answer[..])?;
        match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)?.payload {
            NetlinkPayload::Error(e) if e.code.is_some() => Err(e.to_io().into()),
            _ => Ok(()),
        }
    }
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
