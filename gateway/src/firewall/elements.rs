//! What stands in the sets: who is open, which grants there are, where aliases lead, each with its end.
//!
//! One value a set element, so that the difference of two states is the difference of two maps.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use nftables::expr::{Elem, Expression, NamedExpression, Range};

use super::batch::{Expr, address, concat, net, number, text};
use crate::clock::Boot;
use crate::ids::ResourceId;
use crate::link::message::{Ports, Transport};
use crate::pure::state::State;

/// nft's JSON knows whole seconds: an end is rounded down, and what ends within the first second is not loaded at all.
/// So the second lock closes up to a second before the first one, never after it.
pub const RESOLUTION_MS: u64 = 1000;

/// One element of one set. The order is the order of sets within a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The door of this device is open.
    Open(IpAddr),
    /// This device may reach these ports.
    Grant(IpAddr, IpNet, Ports),
    /// This device may ping, and hear of errors.
    Echo(IpAddr, IpNet),
    /// Where a single alias leads.
    Alias(IpAddr, IpAddr),
    /// This alias is an office PC's: RDP to it is heard here first.
    Desk(IpAddr),
}

/// Elements with their ends; an absent end: it stays until it is taken away.
pub type Elements = BTreeMap<Key, Option<Boot>>;

impl Key {
    /// The set it is in.
    #[must_use]
    pub fn set(&self) -> &'static str {
        match self {
            Self::Open(IpAddr::V4(_)) => "open4",
            Self::Open(IpAddr::V6(_)) => "open6",
            Self::Grant(IpAddr::V4(_), ..) => "grants4",
            Self::Grant(IpAddr::V6(_), ..) => "grants6",
            Self::Echo(IpAddr::V4(_), _) => "echo4",
            Self::Echo(IpAddr::V6(_), _) => "echo6",
            Self::Alias(IpAddr::V4(_), _) => "alias4",
            Self::Alias(IpAddr::V6(_), _) => "alias6",
            Self::Desk(IpAddr::V4(_)) => "desks4",
            Self::Desk(IpAddr::V6(_)) => "desks6",
        }
    }

    fn value(&self) -> Expr {
        match *self {
            Self::Open(one) | Self::Desk(one) => address(one),
            Self::Grant(device, alias, ports) => {
                let protocol = match ports.transport {
                    Transport::Tcp => "tcp",
                    Transport::Udp => "udp",
                };
                let range = match (ports.first, ports.last) {
                    (first, last) if first == last => number(first),
                    (first, last) => Expression::Range(Box::new(Range { range: [number(first), number(last)] })),
                };
                concat(vec![address(device), net(alias), text(protocol), range])
            }
            Self::Echo(device, alias) => concat(vec![address(device), net(alias)]),
            Self::Alias(alias, real) => Expression::List(vec![address(alias), address(real)]),
        }
    }

    /// The element as it is added.
    pub(super) fn added(&self, timeout_s: Option<u32>) -> Expr {
        match timeout_s {
            None => self.value(),
            timeout => {
                let elem = Elem { val: Box::new(self.value()), timeout, ..Elem::default() };
                Expression::Named(NamedExpression::Elem(elem))
            }
        }
    }

    /// The element as it is deleted.
    pub(super) fn deleted(&self) -> Expr {
        self.value()
    }
}

/// How long the kernel is to keep an element that ends then, in seconds. `None`: not worth adding any more.
#[must_use]
pub fn timeout(end: Boot, now: Boot) -> Option<u32> {
    let seconds = end.0.saturating_sub(now.0) / RESOLUTION_MS;
    (seconds > 0).then(|| u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// A published address or prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Of which resource.
    pub resource: ResourceId,
    /// In the site network.
    pub alias: IpNet,
    /// In the office.
    pub real: IpNet,
}

/// Everything published. An alias that overlaps an earlier one, is not in the site network, or covers the gateway's
/// own address is left out (so it is refused): the database forbids these, and a broken load would be worse.
#[must_use]
pub fn published(state: &State) -> Vec<Published> {
    let Some(interface) = &state.interface else { return Vec::new() };
    let site = [IpNet::from(interface.address4.trunc()), IpNet::from(interface.address6.trunc())];
    let own = [IpAddr::V4(interface.address4.addr()), IpAddr::V6(interface.address6.addr())];
    let mut seen: BTreeMap<IpAddr, IpNet> = BTreeMap::new();
    let mut out = Vec::new();
    for (id, resource) in &state.resources {
        let v4 = resource.v4.map(|a| (IpNet::from(a.alias.trunc()), IpNet::from(a.real.trunc())));
        let v6 = resource.v6.map(|a| (IpNet::from(a.alias.trunc()), IpNet::from(a.real.trunc())));
        for (alias, real) in v4.into_iter().chain(v6) {
            let before = seen.range(..=alias.broadcast()).next_back();
            let apart = before.is_none_or(|(_, other)| other.broadcast() < alias.network());
            let inside = site.iter().any(|s| s.contains(&alias)) && !own.iter().any(|a| alias.contains(a));
            if apart && inside && alias.prefix_len() == real.prefix_len() {
                seen.insert(alias.network(), alias);
                out.push(Published { resource: *id, alias, real });
            }
        }
    }
    out
}

/// Everything that stands in the sets for this state.
#[must_use]
pub fn elements(state: &State) -> Elements {
    let mut elements = Elements::new();
    let mut aliases: BTreeMap<ResourceId, Vec<IpNet>> = BTreeMap::new();
    for p in published(state) {
        aliases.entry(p.resource).or_default().push(p.alias);
        if p.alias.prefix_len() == p.alias.max_prefix_len() {
            elements.insert(Key::Alias(p.alias.addr(), p.real.addr()), None);
            if state.resources.get(&p.resource).is_some_and(|r| r.desktop) {
                elements.insert(Key::Desk(p.alias.addr()), None);
            }
        }
    }
    let ports: BTreeMap<_, _> = state.resources.iter().map(|(id, r)| (*id, merged(&r.ports))).collect();
    for held in state.peers.values() {
        let own = [IpAddr::V4(held.peer.address4), IpAddr::V6(held.peer.address6)];
        if let Some(until) = held.open_until {
            for address in own {
                elements.entry(Key::Open(address)).or_insert(Some(until));
            }
        }
        for (resource, until) in &held.grants {
            let (Some(aliases), Some(ports)) = (aliases.get(resource), ports.get(resource)) else { continue };
            for alias in aliases {
                let Some(device) = own.iter().find(|a| a.is_ipv4() == alias.addr().is_ipv4()) else { continue };
                for range in ports {
                    elements.entry(Key::Grant(*device, *alias, *range)).or_insert(*until);
                }
                if !ports.is_empty() {
                    elements.entry(Key::Echo(*device, *alias)).or_insert(*until);
                }
            }
        }
    }
    elements
}

/// The same ports in ranges that neither overlap nor touch: nft refuses overlapping intervals.
fn merged(ports: &[Ports]) -> Vec<Ports> {
    let mut sorted: Vec<Ports> = ports.iter().copied().filter(|p| p.first <= p.last).collect();
    sorted.sort();
    let mut out: Vec<Ports> = Vec::with_capacity(sorted.len());
    for p in sorted {
        match out.last_mut() {
            Some(last) if last.transport == p.transport && p.first <= last.last.saturating_add(1) => {
                last.last = last.last.max(p.last);
            }
            _ => out.push(p),
        }
    }
    out
}
