//! What a resolver said, as a device may hear it: published office addresses become their aliases, other private
//! addresses are taken out.
//!
//! Records that hold addresses in forms which are not translated are taken out as well: default deny.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Edns, Message};
use hickory_proto::rr::rdata::svcb::SvcParamValue;
use hickory_proto::rr::rdata::{SVCB, TXT};
use hickory_proto::rr::{Name, RData, Record};
use ipnet::{Ipv4Net, Ipv6Net};

use super::View;
use crate::link::message::Alias;
use crate::planted::{Bug, planted};

/// Seconds for which a rewritten answer may be kept: aliases come and go with what is published.
const MAX_TTL: u32 = 60;

/// WKS, A6, APL, IPSECKEY, L32, L64, AMTRELAY, and WINS of Windows' own zones: addresses inside other data.
const HIDDEN_ADDRESSES: [u16; 8] = [11, 38, 42, 45, 105, 106, 260, 65281];

/// Bytes of an address in a text, with a tag before it: an IPv6 address has 45 at most.
const LONGEST_ADDRESS: usize = 64;

/// The office's answer, fit for the tunnel.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// There was nothing to change: the bytes may be passed on as they came.
    Unchanged,
    /// This is to be sent instead.
    Rewritten(Box<Message>),
}

/// Rewrites `message`. If a record had to change, signatures no longer hold: they go, and AD with them. The resolver's
/// EDNS options stay here: they are between two neighbours (RFC 6891 §6.1.1), and may name addresses (RFC 7871, RFC 8914).
#[must_use]
pub fn rewrite(mut message: Message, view: &View) -> Outcome {
    let mut changed = false;
    let optioned = message.edns.as_ref().is_some_and(|edns| !edns.options().as_ref().is_empty());
    if optioned && let Some(edns) = &mut message.edns {
        let (payload, signed) = (edns.max_payload(), edns.flags().dnssec_ok);
        *edns = Edns::new();
        edns.set_max_payload(payload).set_dnssec_ok(signed);
    }
    let office = asks_office(&message, view);
    for section in [&mut message.answers, &mut message.authorities, &mut message.additionals] {
        section.retain_mut(|record| match treat(record, view, office) {
            Treated::Kept => true,
            Treated::Changed => {
                changed = true;
                true
            }
            Treated::Gone => {
                changed = true;
                false
            }
        });
    }
    if !changed {
        return if optioned { Outcome::Rewritten(Box::new(message)) } else { Outcome::Unchanged };
    }
    for section in [&mut message.answers, &mut message.authorities, &mut message.additionals] {
        section.retain(|record| !record.record_type().is_dnssec());
        section.iter_mut().for_each(|record| record.ttl = record.ttl.min(MAX_TTL));
    }
    message.metadata.authentic_data = false;
    message.signature = None;
    Outcome::Rewritten(Box::new(message))
}

/// Whether the question lies in the office's own zones. A name of anybody's that points at a published office address
/// gets no alias: a web page could reach an intranet server under its own name (DNS rebinding). The records' own names
/// do not count, for an office name may lead elsewhere by CNAME. Where IT named no zones, every name may be the office's.
fn asks_office(message: &Message, view: &View) -> bool {
    let mut zones = view.office_zones.iter().filter_map(|zone| Name::from_utf8(zone).ok()).peekable();
    let Some(question) = message.queries.first() else { return false };
    zones.peek().is_none() || zones.any(|zone| !zone.is_root() && zone.zone_of(question.name()))
}

/// Whether any record tells of a private address.
#[must_use]
pub fn holds_private(message: &Message) -> bool {
    message.all_sections().any(|record| match &record.data {
        RData::A(a) => is_private(a.0.into()),
        RData::AAAA(a) => is_private(a.0.into()),
        RData::HTTPS(data) => hints(&data.0).any(is_private),
        RData::SVCB(data) => hints(data).any(is_private),
        RData::TXT(data) => tells_private(data),
        _ => HIDDEN_ADDRESSES.contains(&record.record_type().into()),
    })
}

/// Whether an address means something only inside some network: RFC 1918, shared (RFC 6598), link-local, loopback,
/// unspecified, unique local, site-local, or an IPv6 form of such an IPv4 address.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => {
            let [first, second, ..] = a.octets();
            let shared = first == 100 && second & 0xc0 == 64;
            first == 0 || shared || a.is_private() || a.is_link_local() || a.is_loopback()
        }
        IpAddr::V6(a) => {
            let first = a.segments()[0];
            let own = a.is_loopback() || a.is_unspecified();
            let local = first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 || first & 0xffc0 == 0xfec0;
            own || local || embedded(a).is_some_and(|v4| is_private(v4.into()))
        }
    }
}

/// The IPv4 address inside: mapped or compatible (RFC 4291 §2.5.5), translated (RFC 6052 §2.1), 6to4 (RFC 3056).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

enum Treated {
    Kept,
    Changed,
    Gone,
}

fn treat(record: &mut Record, view: &View, office: bool) -> Treated {
    let hidden = HIDDEN_ADDRESSES.contains(&record.record_type().into());
    let hinted = |data: &SVCB| hints(data).any(|a| is_private(a) || is_published(a, view));
    match &mut record.data {
        RData::A(a) => match alias4(a.0, &view.aliases4).filter(|_| office) {
            Some(alias) => {
                a.0 = alias;
                Treated::Changed
            }
            None if is_private(a.0.into()) && !planted(Bug::PrivateAnswers) => Treated::Gone,
            None => Treated::Kept,
        },
        RData::AAAA(a) => match alias6(a.0, &view.aliases6).filter(|_| office) {
            Some(alias) => {
                a.0 = alias;
                Treated::Changed
            }
            None if is_private(a.0.into()) => Treated::Gone,
            None => Treated::Kept,
        },
        RData::HTTPS(data) if hinted(&data.0) => Treated::Gone,
        RData::SVCB(data) if hinted(data) => Treated::Gone,
        RData::TXT(data) if tells_private(data) => Treated::Gone,
        _ if hidden => Treated::Gone,
        _ => Treated::Kept,
    }
}

fn hints(data: &SVCB) -> impl Iterator<Item = IpAddr> {
    data.svc_params.iter().flat_map(|(_, value)| -> Vec<IpAddr> {
        match value {
            SvcParamValue::Ipv4Hint(hint) => hint.0.iter().map(|a| a.0.into()).collect(),
            SvcParamValue::Ipv6Hint(hint) => hint.0.iter().map(|a| a.0.into()).collect(),
            _ => Vec::new(),
        }
    })
}

/// Whether a text holds a private address as people and programs write it (`v=spf1 ip4:192.168.1.25 -all`).
fn tells_private(text: &TXT) -> bool {
    let foreign = |byte: &u8| !byte.is_ascii_hexdigit() && *byte != b'.' && *byte != b':';
    let whole = text.txt_data.concat();
    let words = whole.split(foreign).filter(|w| w.len() <= LONGEST_ADDRESS).filter_map(|w| std::str::from_utf8(w).ok());
    // A tag before an address ends in a colon, which is part of IPv6 addresses as well: `ip4:10.0.0.1`.
    words
        .flat_map(|word| word.match_indices(':').map(|(at, _)| &word[at + 1..]).chain([word]))
        .filter_map(|word| word.trim_end_matches(['.', ':']).parse().ok())
        .any(is_private)
}

fn is_published(address: IpAddr, view: &View) -> bool {
    match address {
        IpAddr::V4(a) => alias4(a, &view.aliases4).is_some(),
        IpAddr::V6(a) => alias6(a, &view.aliases6).is_some(),
    }
}

/// The alias of the narrowest published network that holds `real`, with the same host part.
fn alias4(real: Ipv4Addr, aliases: &[Alias<Ipv4Net>]) -> Option<Ipv4Addr> {
    let narrowest = aliases.iter().filter(|a| a.real.contains(&real)).max_by_key(|a| a.real.prefix_len())?;
    let host = real.to_bits() & narrowest.real.hostmask().to_bits();
    Some(Ipv4Addr::from(narrowest.alias.network().to_bits() | host))
}

/// As [`alias4`].
fn alias6(real: Ipv6Addr, aliases: &[Alias<Ipv6Net>]) -> Option<Ipv6Addr> {
    let narrowest = aliases.iter().filter(|a| a.real.contains(&real)).max_by_key(|a| a.real.prefix_len())?;
    let host = real.to_bits() & narrowest.real.hostmask().to_bits();
    Some(Ipv6Addr::from(narrowest.alias.network().to_bits() | host))
}

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;
