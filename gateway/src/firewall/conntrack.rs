//! Removes connection tracking entries of devices, over ctnetlink: the kernel forgets a flow whose right has ended.
//!
//! Only entries that a device began, by its own address; never anybody else's, and never what is for the gateway
//! itself, for the page that says "the door is locked" must go on loading.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::netlink::{Attributes, Message, NLM_F_ACK, NLM_F_DUMP, Request, Talk};

/// NFNL_SUBSYS_CTNETLINK and its messages (linux/netfilter/nfnetlink_conntrack.h).
const CONNTRACK: u16 = 1 << 8;
const GET: u16 = CONNTRACK | 1;
const DELETE: u16 = CONNTRACK | 2;
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const ID: u16 = 12;
const ZONE: u16 = 18;
const TUPLE_ADDRESSES: u16 = 1;
const V4_SOURCE: u16 = 1;
const V4_DESTINATION: u16 = 2;
const V6_SOURCE: u16 = 3;
const V6_DESTINATION: u16 = 4;
const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 10;
/// Entries removed in one go. More than the kernel's default table (262,144) cannot be there.
const MOST: usize = 262_144;
/// A dump that is overtaken by changes is asked again; what it showed was right, and was removed.
const ATTEMPTS: usize = 3;

/// Which flows to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flows {
    /// All that this address began.
    From(IpAddr),
    /// What this address began towards this alias.
    Between(IpAddr, IpNet),
    /// What was begun towards an alias (the first) and is answered from anywhere but the address that it stands for in
    /// the second, which is as wide.
    Misled(IpNet, IpNet),
}

impl Flows {
    fn cover(&self, Ends { source, destination, answers }: Ends) -> bool {
        match *self {
            Self::From(device) => device == source,
            Self::Between(device, alias) => device == source && alias.contains(&destination),
            Self::Misled(alias, real) => alias.contains(&destination) && answers != behind(destination, alias, real),
        }
    }

    fn family(&self) -> u8 {
        match self {
            Self::From(IpAddr::V4(_)) | Self::Between(IpAddr::V4(_), _) | Self::Misled(IpNet::V4(_), _) => FAMILY_V4,
            Self::From(IpAddr::V6(_)) | Self::Between(IpAddr::V6(_), _) | Self::Misled(IpNet::V6(_), _) => FAMILY_V6,
        }
    }
}

/// Removes the entries of these flows, except those to one of the `spared` addresses. How many went.
///
/// # Errors
/// The kernel has no connection tracking, or not for us. Entries may be left then; the two locks hold without this.
pub fn forget(flows: &[Flows], spared: &[IpAddr]) -> io::Result<usize> {
    if flows.is_empty() {
        return Ok(0);
    }
    let mut talk = Talk::open()?;
    let mut gone = 0;
    for family in [FAMILY_V4, FAMILY_V6] {
        let flows: Vec<Flows> = flows.iter().copied().filter(|f| f.family() == family).collect();
        if flows.is_empty() {
            continue;
        }
        let mut result = Ok(());
        for _ in 0..ATTEMPTS {
            let mut found = Vec::new();
            result = talk.ask(Request::new(GET, NLM_F_DUMP, family), |message| {
                if found.len() < MOST && wanted(message, &flows, spared) {
                    found.extend(removal(message, family));
                }
            });
            for request in found {
                match talk.ask(request, |_| {}) {
                    Ok(()) => gone += 1,
                    // It ended by itself.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return Err(e),
                }
            }
            match &result {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        result?;
    }
    Ok(gone)
}

pub(super) fn wanted(message: Message<'_>, flows: &[Flows], spared: &[IpAddr]) -> bool {
    ends(message.attributes())
        .is_some_and(|ends| !spared.contains(&ends.destination) && flows.iter().any(|f| f.cover(ends)))
}

/// Between whom a flow is.
#[derive(Clone, Copy)]
struct Ends {
    /// Who began it.
    source: IpAddr,
    /// Whereto.
    destination: IpAddr,
    /// Who answers, after translation.
    answers: Option<IpAddr>,
}

fn ends(attributes: Attributes<'_>) -> Option<Ends> {
    let (source, destination) = tuple(attributes, TUPLE_ORIGINAL)?;
    Some(Ends { source, destination, answers: tuple(attributes, TUPLE_REPLY).map(|(source, _)| source) })
}

fn tuple(attributes: Attributes<'_>, which: u16) -> Option<(IpAddr, IpAddr)> {
    let addresses = Attributes(Attributes(attributes.find(which)?).find(TUPLE_ADDRESSES)?);
    let v4 = |kind| addresses.find(kind).and_then(|v| <[u8; 4]>::try_from(v).ok()).map(|b| Ipv4Addr::from(b).into());
    let v6 = |kind| addresses.find(kind).and_then(|v| <[u8; 16]>::try_from(v).ok()).map(|b| Ipv6Addr::from(b).into());
    let source = v4(V4_SOURCE).or_else(|| v6(V6_SOURCE))?;
    Some((source, v4(V4_DESTINATION).or_else(|| v6(V6_DESTINATION))?))
}

/// The address that this one of an alias stands for.
fn behind(address: IpAddr, alias: IpNet, real: IpNet) -> Option<IpAddr> {
    match (address, alias.network(), real.network()) {
        (IpAddr::V4(a), IpAddr::V4(alias), IpAddr::V4(real)) => {
            Some(Ipv4Addr::from(u32::from(real).checked_add(u32::from(a).checked_sub(u32::from(alias))?)?).into())
        }
        (IpAddr::V6(a), IpAddr::V6(alias), IpAddr::V6(real)) => {
            Some(Ipv6Addr::from(u128::from(real).checked_add(u128::from(a).checked_sub(u128::from(alias))?)?).into())
        }
        _ => None,
    }
}

/// The request that removes exactly this entry: its tuple, its zone, and its number in case it was replaced meanwhile.
pub(super) fn removal(message: Message<'_>, family: u8) -> Option<Request> {
    let attributes = message.attributes();
    let tuple = attributes.find(TUPLE_ORIGINAL)?;
    let mut request = Request::new(DELETE, NLM_F_ACK, family).attribute(TUPLE_ORIGINAL, tuple, true);
    for kind in [ID, ZONE] {
        if let Some(value) = attributes.find(kind) {
            request = request.attribute(kind, value, false);
        }
    }
    Some(request)
}
