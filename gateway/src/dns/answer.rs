//! What a query gets: nothing, an answer from here, or a place in the queue to the resolvers.
//!
//! [`screen`] judges bytes before they are parsed in full, [`answer`] a well-formed question. Both are pure; the zone is
//! whatever the [`View`] says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, NS, PTR, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::rewrite::is_private;
use super::{Addresses, MAX_QUERY, MAX_UDP_ANSWER, View};

/// Seconds for which an answer from here may be kept: short, for an alias may go and a laptop may leave the tunnel.
pub const TTL: u32 = 30;

/// Names that are always empty here. The first keeps Firefox on this resolver, without which the public name would lead
/// outside the tunnel (Mozilla's canary domain); the second keeps clients from moving on to the upstream's encrypted
/// resolver (RFC 9462 §6.4).
const ALWAYS_EMPTY: [&str; 2] = ["use-application-dns.net", "resolver.arpa"];

/// Bytes that came in, judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Screened {
    /// Not a query at all: no answer, so that two servers never talk to each other for ever.
    Ignore,
    /// Refused without a look at the name.
    Refuse(Message),
    /// One question of class IN and of an ordinary type.
    Query(Message),
}

/// Who answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// We do.
    Local(Message),
    /// The resolvers do.
    Forward,
}

/// Reads a query. Responses, oversized and stunted messages are ignored; other operations than QUERY get NOTIMP, more
/// or fewer questions than one FORMERR, other classes than IN and questions for everything or a whole zone REFUSED.
#[must_use]
pub fn screen(bytes: &[u8]) -> Screened {
    let Some(&[id0, id1, flags, _, qd0, qd1, an0, an1, ns0, ns1, ar0, ar1]) = bytes.first_chunk() else {
        return Screened::Ignore;
    };
    if flags & 0x80 != 0 || bytes.len() > MAX_QUERY {
        return Screened::Ignore;
    }
    let op_code = OpCode::from_u8((flags & 0x78) >> 3);
    let refuse = |code| Screened::Refuse(Message::error_msg(u16::from_be_bytes([id0, id1]), op_code, code));
    if op_code != OpCode::Query {
        return refuse(ResponseCode::NotImp);
    }
    // Counted before parsing, for the parser trusts the counts when it allocates. At most OPT and TSIG may follow.
    let counts = [[qd0, qd1], [an0, an1], [ns0, ns1], [ar0, ar1]].map(u16::from_be_bytes);
    if !matches!(counts, [1, 0, 0, 0..=2]) {
        return refuse(ResponseCode::FormErr);
    }
    let Ok(query) = Message::from_vec(bytes) else { return refuse(ResponseCode::FormErr) };
    let Some(question) = query.queries.first() else { return refuse(ResponseCode::FormErr) };
    if query.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
        return Screened::Refuse(reply(&query, ResponseCode::BADVERS));
    }
    // 249 to 255 are TKEY, TSIG, whole zones, mailboxes and ANY (RFC 8482); 41 is OPT, which nobody can ask for.
    let all_of_it = matches!(u16::from(question.query_type()), 0 | 41 | 249..=255);
    if question.query_class() != DNSClass::IN || all_of_it {
        return Screened::Refuse(reply(&query, ResponseCode::Refused));
    }
    Screened::Query(query)
}

/// Answers what is ours to answer in the tunnel: the zone, published names, the public name, and the reverse of every
/// private address.
#[must_use]
pub fn answer(query: &Message, view: &View) -> Answer {
    let Some(question) = query.queries.first() else { return Answer::Forward };
    let name = question.name();
    if let Some(private) = Reverse::of(name).filter(|r| is_private_net(r.net)) {
        return Answer::Local(reverse(query, question, &private, view));
    }
    if ALWAYS_EMPTY.iter().any(|zone| parse(zone).is_some_and(|zone| zone.zone_of(name))) {
        return Answer::Local(nothing(query, ResponseCode::NXDomain, apex_of(name, 2)));
    }
    own(query, question, view).map_or(Answer::Forward, Answer::Local)
}

/// Answers the office LAN: the zone and the public name, and REFUSED for whatever else is asked. Nobody is asked for it.
#[must_use]
pub fn answer_office(query: &Message, view: &View) -> Message {
    let found = query.queries.first().and_then(|question| own(query, question, view));
    let mut answer = found.unwrap_or_else(|| reply(query, ResponseCode::Refused));
    answer.metadata.recursion_available = false;
    answer
}

/// What the zone, the published names and the public name say of this; nothing if it is somebody else's.
fn own(query: &Message, question: &Query, view: &View) -> Option<Message> {
    let (name, of) = (question.name(), question.query_type());
    let zone = parse(&view.zone).unwrap_or_default();
    let in_zone = !zone.is_root() && zone.zone_of(name);
    if let Some(addresses) = gateway(name, view) {
        let apex = if in_zone { zone } else { office_zone(name, view) };
        return Some(host(query, name, of, addresses, apex));
    }
    if let Some(addresses) = view.hosts.get(&text(name)) {
        // Whatever else the office says of its own name (the SOA of a domain, say) is the office's to say.
        if !in_zone && !matches!(of, RecordType::A | RecordType::AAAA) {
            return None;
        }
        let apex = if in_zone { zone } else { office_zone(name, view) };
        return Some(host(query, name, of, *addresses, apex));
    }
    if !in_zone {
        return None;
    }
    if *name == zone {
        return Some(apex(query, of, zone));
    }
    // A name between two that exist has no data but is there (RFC 8020).
    let below = format!(".{}", text(name));
    let between = view.hosts.keys().any(|host| host.ends_with(&below));
    let code = if between { ResponseCode::NoError } else { ResponseCode::NXDomain };
    Some(nothing(query, code, zone))
}

/// An empty answer to `query` with this code, its question and, if it had one, an OPT record.
#[must_use]
pub fn reply(query: &Message, code: ResponseCode) -> Message {
    let mut answer = Message::response(query.id, query.op_code);
    answer.metadata = Metadata::response_from_request(&query.metadata);
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.recursion_available = true;
    answer.metadata.response_code = code;
    answer.add_queries(query.queries.iter().cloned());
    if let Some(asked) = &query.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(MAX_UDP_ANSWER).set_dnssec_ok(asked.flags().dnssec_ok);
        answer.set_edns(edns);
    }
    answer
}

/// Whether `name` is the reverse of an address, or a part of one, that means nothing outside its own network. Names
/// below such a one count too (`b._dns-sd._udp.0.1.168.192.in-addr.arpa`).
#[must_use]
pub fn is_private_reverse(name: &Name) -> bool {
    Reverse::of(name).is_some_and(|r| is_private_net(r.net))
}

/// The bytes a UDP client may be sent: what it offered, never less than 512 (RFC 6891 §6.2.3), never what fragments.
#[must_use]
pub fn udp_limit(query: &Message) -> usize {
    usize::from(query.max_payload().min(MAX_UDP_ANSWER))
}

fn host(query: &Message, name: &Name, of: RecordType, addresses: Addresses, apex: Name) -> Message {
    let data = match of {
        RecordType::A => addresses.v4.map(|a| RData::A(A(a))),
        RecordType::AAAA => addresses.v6.map(|a| RData::AAAA(AAAA(a))),
        _ => None,
    };
    match data {
        Some(data) => found(query, name.clone(), data),
        None => nothing(query, ResponseCode::NoError, apex),
    }
}

fn apex(query: &Message, of: RecordType, zone: Name) -> Message {
    match of {
        RecordType::SOA => found(query, zone.clone(), soa(&zone)),
        RecordType::NS => found(query, zone.clone(), RData::NS(NS(gateway_of(&zone)))),
        _ => nothing(query, ResponseCode::NoError, zone),
    }
}

fn reverse(query: &Message, question: &Query, asked: &Reverse, view: &View) -> Message {
    let apex = apex_of(question.name(), 4);
    let target = asked.address.and_then(|address| name_of(address, view));
    match (target, question.query_type()) {
        (Some(target), RecordType::PTR) => found(query, question.name().clone(), RData::PTR(PTR(target))),
        (Some(_), _) => nothing(query, ResponseCode::NoError, apex),
        (None, _) if asked.address.is_none() => nothing(query, ResponseCode::NoError, apex),
        (None, _) => nothing(query, ResponseCode::NXDomain, apex),
    }
}

/// The name of a tunnel address. Of several names the office's own comes first: Kerberos asks for the ticket by it.
fn name_of(address: IpAddr, view: &View) -> Option<Name> {
    let leads = |a: &Addresses| match address {
        IpAddr::V4(v4) => a.v4 == Some(v4),
        IpAddr::V6(v6) => a.v6 == Some(v6),
    };
    if leads(&view.gateway) {
        return parse(&format!("gateway.{}", view.zone));
    }
    let ours = format!(".{}", view.zone);
    let names = view.hosts.iter().filter(|(_, a)| leads(a)).map(|(name, _)| name);
    parse(names.min_by_key(|name| (name.ends_with(&ours), name.len(), name.as_str()))?)
}

fn gateway(name: &Name, view: &View) -> Option<Addresses> {
    let text = text(name);
    let gateway = text.strip_prefix("gateway.") == Some(&view.zone) || text == view.public_name;
    (gateway && !text.is_empty()).then_some(view.gateway)
}

fn found(query: &Message, name: Name, data: RData) -> Message {
    let mut answer = reply(query, ResponseCode::NoError);
    answer.metadata.authoritative = true;
    answer.add_answer(Record::from_rdata(name, TTL, data));
    answer
}

fn nothing(query: &Message, code: ResponseCode, apex: Name) -> Message {
    let mut answer = reply(query, code);
    answer.metadata.authoritative = true;
    let soa = soa(&apex);
    answer.add_authority(Record::from_rdata(apex, TTL, soa));
    answer
}

/// The record that lets "there is no such thing" be kept for [`TTL`] seconds (RFC 2308). Nobody transfers the zone, so
/// its other figures mean nothing.
fn soa(apex: &Name) -> RData {
    let mailbox = apex.prepend_label("hostmaster").unwrap_or_else(|_| apex.clone());
    RData::SOA(SOA::new(gateway_of(apex), mailbox, 1, 3600, 600, 86_400, TTL))
}

fn gateway_of(zone: &Name) -> Name {
    zone.prepend_label("gateway").unwrap_or_else(|_| zone.clone())
}

/// The longest of the office's zones that holds `name`, or `name` itself.
fn office_zone(name: &Name, view: &View) -> Name {
    let zones = view.office_zones.iter().filter_map(|zone| parse(zone)).filter(|zone| zone.zone_of(name));
    zones.max_by_key(Name::num_labels).unwrap_or_else(|| name.clone())
}

fn apex_of(name: &Name, labels: u8) -> Name {
    name.trim_to(usize::from(labels.min(name.num_labels())))
}

fn parse(text: &str) -> Option<Name> {
    let mut name = Name::from_ascii(text).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// As the keys of [`View::hosts`]. A dot inside a label is escaped, so it never counts as one between labels.
fn text(name: &Name) -> String {
    let mut text = name.to_ascii();
    text.make_ascii_lowercase();
    text.truncate(text.trim_end_matches('.').len());
    text
}

/// The address, or the network, whose reverse a name is.
struct Reverse {
    net: IpNet,
    /// All of the address is there, and nothing below it.
    address: Option<IpAddr>,
}

impl Reverse {
    fn of(name: &Name) -> Option<Self> {
        let mut labels = name.iter().rev().map(|l| std::str::from_utf8(l).unwrap_or_default());
        if !labels.next()?.eq_ignore_ascii_case("arpa") {
            return None;
        }
        let family = labels.next()?;
        let (net, used) = if family.eq_ignore_ascii_case("in-addr") {
            let mut octets = [0; 4];
            let used = fill(&mut octets, labels.map(|l| l.parse().ok()));
            (Ipv4Net::new(Ipv4Addr::from(octets), 8 * u8::try_from(used).ok()?).ok()?.into(), used)
        } else if family.eq_ignore_ascii_case("ip6") {
            let mut nibbles = [0; 32];
            let used = fill(&mut nibbles, labels.map(|l| u8::from_str_radix(l, 16).ok().filter(|_| l.len() == 1)));
            let bits = nibbles.iter().fold(0_u128, |bits, nibble| bits << 4 | u128::from(*nibble));
            (Ipv6Net::new(Ipv6Addr::from(bits), 4 * u8::try_from(used).ok()?).ok()?.into(), used)
        } else {
            return None;
        };
        let net: IpNet = net;
        let whole = net.prefix_len() == net.max_prefix_len() && usize::from(name.num_labels()) == used + 2;
        Some(Self { net, address: whole.then(|| net.addr()) })
    }
}

/// Fills from the left while there are values; says how many there were.
fn fill(into: &mut [u8], from: impl Iterator<Item = Option<u8>>) -> usize {
    let mut used = 0;
    for (slot, value) in into.iter_mut().zip(from.map_while(|v| v)) {
        *slot = value;
        used += 1;
    }
    used
}

/// Whether every address of `net` is private: then its reverse is nobody's business outside.
fn is_private_net(net: IpNet) -> bool {
    // An aligned block with two private ends lies within one private network, but for those that span several.
    net.prefix_len() >= 7 && is_private(net.network()) && is_private(net.broadcast())
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
