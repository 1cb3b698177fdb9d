//! What the probe is made of: a TUN that goes with its descriptor, a table of counters, and the kernel's trace.
//!
//! Its packets are those that matter, for firewalls tell them apart: ufw lets echo requests through and drops the rest.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use netlink_sys::Socket;
use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};

use super::super::load::Nft;
use super::super::netlink::{Attributes, DATAGRAM, Message, NLM_F_ACK, NLM_F_DUMP, Request, Talk, messages};
use super::Place;
use crate::clock::Boot;
use crate::pure::checksum;
use crate::tunnel::tun;

const TABLE: &str = "passerelle-probe";
/// Of the range for measurements between networks (RFC 2544), which no office uses. The packet's sender is `.2`.
const OURS: Ipv4Addr = Ipv4Addr::new(198, 18, 255, 1);
const SENDER: Ipv4Addr = Ipv4Addr::new(198, 18, 255, 2);
const PREFIX: u8 = 30;
/// Before everybody's chains and after them.
const FIRST: i32 = -400;
const LAST: i32 = 400;
/// The kernel forwards in microseconds; the rest is a machine that is busy.
const PATIENCE: Duration = Duration::from_millis(500);

/// NFNLGRP_NFTRACE, and its message (linux/netfilter/nf_tables.h).
const TRACES: u32 = 9;
const TRACE: u16 = 10 << 8 | 17;
const TRACE_TABLE: u16 = 1;
const TRACE_CHAIN: u16 = 2;
const TRACE_VERDICT: u16 = 5;
const TRACE_POLICY: u16 = 16;
const VERDICT_CODE: u16 = 1;
const DROP: [u8; 4] = [0; 4];
/// linux/rtnetlink.h.
const SET_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
const LOCAL: u16 = 2;
/// Bytes of `struct ifaddrmsg`.
const ADDRESS_HEADER: usize = 8;
const INET: u8 = 2;
/// IANA's protocol numbers and ports.
const TCP: u8 = 6;
const UDP: u8 = 17;
const SMB: u16 = 445;
const HTTPS: u16 = 443;
/// Where the packets come from: of the ports that nobody is given (RFC 6335).
const FROM: u16 = 61_000;

/// The interface's name is in use.
#[derive(Debug, thiserror::Error)]
#[error("an interface named {0} is in use")]
pub(super) struct NameTaken(String);

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sent {
    /// A TCP SYN to a machine of the office, for its file share.
    Office,
    /// A TCP SYN to this machine, for its portal.
    Portal,
    /// A TCP SYN to this port of this machine.
    Syn(u16),
    /// A datagram to this port of this machine.
    Datagram(u16),
}

/// How far the packet came.
#[derive(Debug)]
pub(super) enum Seen {
    /// Out of this machine, or into it: where it was to go.
    Out,
    BeforeRouting,
    Dropped(Option<Place>),
}

/// Everything is removed when this is dropped.
pub(super) struct Rig<'a> {
    nft: &'a Nft,
    pub(super) name: &'a str,
    pub(super) target: Ipv4Addr,
    tun: OwnedFd,
    trace: Socket,
}

impl<'a> Rig<'a> {
    pub(super) fn build(nft: &'a Nft, name: &'a str, office: &str) -> anyhow::Result<Self> {
        let mut route = Talk::with(NETLINK_ROUTE).context("open a routing socket")?;
        let index = |name| -> io::Result<u32> {
            let any = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
            Ok(rustix::net::netdevice::name_to_index(any, name)?)
        };
        let office_index = index(office).with_context(|| format!("no interface {office}"))?;
        let target = target(&mut route, office_index)?.with_context(|| format!("{office} has no IPv4 address"))?;
        if index(name).is_ok() {
            bail!(NameTaken(name.to_owned()));
        }
        let tun = tun::transient(name).with_context(|| format!("open TUN {name}"))?;
        let own = index(name).context("look up the probe's interface")?;
        raise(&mut route, own).context("bring the probe's interface up")?;
        let mut trace = Socket::new(NETLINK_NETFILTER).context("open the trace")?;
        trace.bind_auto()?;
        trace.add_membership(TRACES)?;
        trace.set_non_blocking(true)?;
        // From here on there is something to remove.
        let rig = Self { nft, name, target, tun, trace };
        nft.load(serde_json::to_vec(&table(name))?).context("load the probe's table")?;
        Ok(rig)
    }

    pub(super) fn send(&self, what: Sent) -> anyhow::Result<Seen> {
        let packet = match what {
            Sent::Office => packet(self.target, TCP, SMB),
            Sent::Portal => packet(OURS, TCP, HTTPS),
            Sent::Syn(port) => packet(OURS, TCP, port),
            Sent::Datagram(port) => packet(OURS, UDP, port),
        };
        rustix::io::write(&self.tun, &packet).context("send the probe's packet")?;
        let end = Boot::now() + PATIENCE;
        let mut place = None;
        loop {
            let [entered, routed, left, arrived] = self.counters()?;
            if left > 0 || arrived > 0 {
                return Ok(Seen::Out);
            }
            place = place.or(self.dropped()?);
            if place.is_some() {
                return Ok(Seen::Dropped(place));
            }
            let rest = end.remaining(Boot::now());
            if rest.is_zero() {
                ensure!(entered > 0, "the probe's packet did not come out of its own interface");
                let unseen = routed > 0 || !matches!(what, Sent::Office);
                return Ok(if unseen { Seen::Dropped(None) } else { Seen::BeforeRouting });
            }
            let wait = Timespec::try_from(rest.min(PATIENCE / 10)).ok();
            poll(&mut [PollFd::new(&self.trace, PollFlags::IN)], wait.as_ref())?;
        }
    }

    fn counters(&self) -> anyhow::Result<[u64; 4]> {
        let listing = self.nft.run(&["-j", "list", "counters", "table", "inet", TABLE], Vec::new())?;
        let listing: Value = serde_json::from_slice(&listing).context("read the probe's counters")?;
        let packets = |name: &str| {
            let all = listing["nftables"].as_array().into_iter().flatten();
            all.filter_map(|o| o.get("counter")).find(|c| c["name"] == name).and_then(|c| c["packets"].as_u64())
        };
        Ok(["c_entered", "c_routed", "c_left", "c_arrived"].map(|name| packets(name).unwrap_or(0)))
    }

    /// The chain that the kernel's trace says dropped it.
    fn dropped(&self) -> io::Result<Option<Place>> {
        let mut buffer = Vec::with_capacity(DATAGRAM);
        loop {
            buffer.clear();
            match self.trace.recv(&mut buffer, 0) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) => return Err(e),
            }
            if let Some(place) = messages(&buffer).find_map(|m| place(&m)) {
                return Ok(Some(place));
            }
        }
    }
}

impl Drop for Rig<'_> {
    fn drop(&mut self) {
        let json = json!({ "nftables": [{ "delete": { "table": { "family": "inet", "name": TABLE } } }] });
        if let Err(error) = self.nft.load(json.to_string().into_bytes()) {
            tracing::debug!(%error, "the probe's table was not there to remove");
        }
    }
}

fn place(message: &Message<'_>) -> Option<Place> {
    let attributes = message.attributes();
    let verdict = attributes.find(TRACE_VERDICT).and_then(|v| Attributes(v).find(VERDICT_CODE));
    let drops = verdict == Some(&DROP) || attributes.find(TRACE_POLICY) == Some(&DROP);
    let text = |kind| attributes.name(kind).map(|n| String::from_utf8_lossy(n).into_owned());
    let table = text(TRACE_TABLE)?;
    if message.kind != TRACE || !drops || table == TABLE {
        return None;
    }
    let family = match message.family() {
        1 => "inet",
        2 => "ip",
        _ => return None,
    };
    Some(Place { family: family.to_owned(), table, chain: text(TRACE_CHAIN)? })
}

/// Another address on the office's network than ours. Nobody needs to have it.
fn target(route: &mut Talk, index: u32) -> io::Result<Option<Ipv4Addr>> {
    let mut found = None;
    let header = [INET, 0, 0, 0, 0, 0, 0, 0];
    route.ask(Request::fixed(GET_ADDRESS, NLM_F_DUMP, &header), |message| {
        let (fixed, attributes) = message.split(ADDRESS_HEADER);
        let [family, prefix, _, _, at @ ..] = fixed else { return };
        let own = attributes.find(LOCAL).and_then(|v| <[u8; 4]>::try_from(v).ok()).map(Ipv4Addr::from);
        let (INET, Some(own), true) = (*family, own, at == index.to_ne_bytes()) else { return };
        let Ok(net) = ipnet::Ipv4Net::new(own, *prefix) else { return };
        // The first few suffice: one of them is not ours.
        found = found.or(net.hosts().take(2).find(|host| *host != own));
    })?;
    Ok(found)
}

/// Gives it its address and brings it up.
fn raise(route: &mut Talk, index: u32) -> io::Result<()> {
    const UP: [u8; 4] = 1u32.to_ne_bytes();
    let index = index.to_ne_bytes();
    let address = [&[INET, PREFIX, 0, 0][..], &index].concat();
    route.ask(Request::fixed(NEW_ADDRESS, NLM_F_ACK, &address).attribute(LOCAL, &OURS.octets(), false), |_| {})?;
    let link = [&[0; 4][..], &index, &UP, &UP].concat();
    route.ask(Request::fixed(SET_LINK, NLM_F_ACK, &link), |_| {})
}

fn table(interface: &str) -> Value {
    let add = |kind: &str, mut object: Value| {
        object["family"] = "inet".into();
        if kind != "table" {
            object["table"] = TABLE.into();
        }
        json!({ "add": { kind: object } })
    };
    let source = json!({ "payload": { "protocol": "ip", "field": "saddr" } });
    let ours = json!({ "match": { "op": "==", "left": source, "right": SENDER.to_string() } });
    let trace = json!({ "mangle": { "key": { "meta": { "key": "nftrace" } }, "value": 1 } });
    let entering = json!({ "match": { "op": "==", "left": { "meta": { "key": "iifname" } }, "right": interface } });
    let mut commands = vec![add("table", json!({ "name": TABLE }))];
    for (chain, hook, priority, expr) in [
        ("c_entered", "prerouting", FIRST, vec![entering, ours.clone(), json!({ "counter": "c_entered" }), trace]),
        ("c_routed", "forward", FIRST, vec![ours.clone(), json!({ "counter": "c_routed" })]),
        ("c_left", "postrouting", LAST, vec![ours.clone(), json!({ "counter": "c_left" }), json!({ "drop": null })]),
        ("c_arrived", "input", LAST, vec![ours, json!({ "counter": "c_arrived" }), json!({ "drop": null })]),
    ] {
        commands.push(add("counter", json!({ "name": chain })));
        let base = json!({ "name": chain, "type": "filter", "hook": hook, "prio": priority, "policy": "accept" });
        commands.push(add("chain", base));
        commands.push(add("rule", json!({ "chain": chain, "expr": expr })));
    }
    json!({ "nftables": commands })
}

/// A SYN or an empty datagram by IPv4.
fn packet(destination: Ipv4Addr, protocol: u8, port: u16) -> Vec<u8> {
    let mut payload = [FROM.to_be_bytes(), port.to_be_bytes()].concat();
    let checksum = if protocol == TCP {
        // Sequence number 1, five words of header, SYN, a window.
        payload.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
        16
    } else {
        payload.extend([0, 8, 0, 0]);
        6
    };
    let length = payload.len();
    let pseudo = checksum::pseudo_header(SENDER.into(), destination.into(), protocol, length);
    let sum = checksum::finish(checksum::sum(&payload, pseudo));
    payload[checksum..checksum + 2].copy_from_slice(&sum.to_be_bytes());
    let total = u8::try_from(20 + length).unwrap_or(u8::MAX);
    let mut packet = vec![0x45, 0, 0, total, 0, 1, 0x40, 0, 64, protocol, 0, 0];
    packet.extend(SENDER.octets());
    packet.extend(destination.octets());
    let sum = checksum::finish(checksum::sum(&packet, 0));
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_add_up() {
        let to = Ipv4Addr::new(192, 168, 1, 7);
        for (protocol, length) in [(TCP, 40), (UDP, 28)] {
            let packet = packet(to, protocol, 445);
            assert_eq!((packet.len(), usize::from(packet[3])), (length, length));
            assert_eq!(checksum::finish(checksum::sum(&packet[..20], 0)), 0);
            let pseudo = checksum::pseudo_header(SENDER.into(), to.into(), protocol, length - 20);
            assert_eq!(checksum::finish(checksum::sum(&packet[20..], pseudo)), 0);
        }
    }
}
