//! The whole second lock as one transaction on our own table.
//!
//! Default deny on our interface, accept off it. Each packet of original direction from the tunnel is tested on its
//! alias before translation; each reply is tested after translation back, against the same sets, so that nothing hangs
//! on "established". Elements expire by the kernel's own clock.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;
use nftables::expr::{Expression, Fib, FibFlag, FibResult, Map, MetaKey, NamedExpression, RT, RTKey, Range, TcpOption};
use nftables::schema::{SetFlag, SetType};
use nftables::stmt::{Mangle, NAT, NATFamily, Statement};
use nftables::types::{NfChainType, NfHook};

use super::batch::{
    Batch, Expr, Step, accept, address, any, concat, ct_direction, ct_has, discard, field, goto, is, is_not, member,
    meta, net, netmap, notrack, number, reject_prohibited, reject_reset, tcp_syn, text,
};
use super::elements::{Elements, Published, published, timeout};
use crate::clock::Boot;
use crate::planted::{Bug, planted};
use crate::pure::state::State;
use crate::pure::x224::RDP;

/// Before connection tracking (-200) and after the reassembly of fragments (-400).
const RAW: i32 = -300;
/// After connection tracking, before anybody's translation (-100).
const GATE: i32 = -160;
/// After source translation (100): a reply carries its alias again.
const LAST: i32 = 150;
/// ICMP errors, by nft's names.
const ERRORS4: [&str; 3] = ["destination-unreachable", "time-exceeded", "parameter-problem"];
const ERRORS6: [&str; 4] = ["destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem"];
/// Where the source ports of masqueraded UDP go that would otherwise be our own WireGuard port: replies to that port
/// are not tracked, so they would never be translated back. The first block without a WireGuard port is taken.
const SPARE_PORTS: [(u16, u16); 3] = [(20_000, 24_095), (30_000, 34_095), (40_000, 44_095)];

/// Unprivileged ports on the gateway's tunnel address that stand behind 53, 80 and 443. The same for both families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalPorts {
    /// Behind UDP 53.
    pub dns_udp: u16,
    /// Behind TCP 53.
    pub dns_tcp: u16,
    /// Behind TCP 80.
    pub http: u16,
    /// Behind TCP 443.
    pub https: u16,
    /// Behind TCP 3389 of office PCs' aliases.
    pub desktop: u16,
}

/// What the ruleset hangs on besides the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Our table, of family inet.
    pub table: String,
    /// The TUN's kernel name, used while the state does not name one.
    pub interface: String,
    /// Where the gateway's own services listen.
    pub ports: LocalPorts,
    /// Test only: translate, but test nothing, so that the first lock can be seen to hold alone.
    pub test_open: bool,
}

impl Options {
    /// The product's table.
    #[must_use]
    pub fn new(interface: &str, ports: LocalPorts) -> Self {
        Self { table: "passerelle".to_owned(), interface: interface.to_owned(), ports, test_open: false }
    }
}

/// All of the ruleset that elements are not: if it differs between two states, the table is loaded anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    interface: String,
    site: Option<Site>,
    prefixes: Vec<(IpNet, IpNet)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Site {
    gateway: [IpAddr; 2],
    net: [IpNet; 2],
    wireguard: Vec<u16>,
    masquerade: bool,
}

impl Frame {
    /// The frame for this state.
    #[must_use]
    pub fn of(state: &State, options: &Options) -> Self {
        let site = state.interface.as_ref().map(|i| {
            let mut wireguard = i.ports.clone();
            wireguard.sort_unstable();
            wireguard.dedup();
            Site {
                gateway: [i.address4.addr().into(), i.address6.addr().into()],
                net: [i.address4.trunc().into(), i.address6.trunc().into()],
                wireguard,
                masquerade: i.masquerade,
            }
        });
        let interface = state.interface.as_ref().map_or(&options.interface, |i| &i.name).clone();
        let shorter = |p: &Published| p.alias.prefix_len() < p.alias.max_prefix_len();
        let prefixes = published(state).iter().filter(|p| shorter(p)).map(|p| (p.alias, p.real)).collect();
        Self { interface, site, prefixes }
    }
}

/// What differs between IPv4 and IPv6.
struct Family {
    index: usize,
    ip: &'static str,
    nat: NATFamily,
    icmp: &'static str,
    errors: &'static [&'static str],
    address: SetType,
    open: &'static str,
    grants: &'static str,
    echo: &'static str,
    alias: &'static str,
    desks: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family {
        index: 0,
        ip: "ip",
        nat: NATFamily::IP,
        icmp: "icmp",
        errors: &ERRORS4,
        address: SetType::Ipv4Addr,
        open: "open4",
        grants: "grants4",
        echo: "echo4",
        alias: "alias4",
        desks: "desks4",
    },
    Family {
        index: 1,
        ip: "ip6",
        nat: NATFamily::IP6,
        icmp: "icmpv6",
        errors: &ERRORS6,
        address: SetType::Ipv6Addr,
        open: "open6",
        grants: "grants6",
        echo: "echo6",
        alias: "alias6",
        desks: "desks6",
    },
];

impl Family {
    fn source(&self) -> Expr {
        field(self.ip, "saddr")
    }

    fn destination(&self) -> Expr {
        field(self.ip, "daddr")
    }

    fn error(&self) -> Step {
        is(field(self.icmp, "type"), any(self.errors.iter().map(|e| text(*e))))
    }

    fn pair(&self) -> Step {
        member(concat(vec![self.source(), self.destination()]), self.echo)
    }

    /// The other way round: a reply goes from alias to device.
    fn pair_back(&self) -> Step {
        member(concat(vec![self.destination(), self.source()]), self.echo)
    }
}

/// The name of the empty chain by which a generation of our table is known.
#[must_use]
pub fn marker(generation: u128) -> String {
    format!("g_{generation:032x}")
}

/// The whole ruleset: closed where frame and elements say nothing.
pub(super) fn whole(frame: &Frame, elements: &Elements, options: &Options, generation: u128, now: Boot) -> Batch {
    let mut b = Batch::new(&options.table);
    b.fresh_table();
    b.chain(marker(generation));
    sets(&mut b);
    add(&mut b, elements, now);
    let rules = Rules { frame, options };
    rules.refuse(&mut b);
    if let Some(site) = &frame.site {
        rules.untracked(&mut b, site);
        rules.translation(&mut b, site);
    }
    rules.clamp(&mut b);
    if !options.test_open {
        rules.strangers(&mut b);
        rules.devices(&mut b);
        rules.gate(&mut b);
        rules.forward(&mut b);
        rules.local(&mut b);
        rules.replies(&mut b);
    }
    b
}

fn sets(b: &mut Batch) {
    use SetFlag::{Interval, Timeout};
    for f in &FAMILIES {
        b.set(f.open, &[f.address], &[Timeout]);
        b.set(f.grants, &[f.address, f.address, SetType::InetProto, SetType::InetService], &[Interval, Timeout]);
        b.set(f.echo, &[f.address, f.address], &[Interval, Timeout]);
        b.map(f.alias, f.address);
        b.set(f.desks, &[f.address], &[]);
    }
}

/// Adds these elements, one command a set.
pub(super) fn add(b: &mut Batch, elements: &Elements, now: Boot) {
    let mut chosen: Vec<(&'static str, Vec<Expr>)> = Vec::new();
    for (key, end) in elements {
        let value = match end {
            None => key.added(None),
            Some(_) if planted(Bug::NoTimeout) => key.added(None),
            Some(end) => match timeout(*end, now) {
                None => continue,
                seconds => key.added(seconds),
            },
        };
        match chosen.iter_mut().find(|(set, _)| *set == key.set()) {
            Some((_, values)) => values.push(value),
            None => chosen.push((key.set(), vec![value])),
        }
    }
    chosen.into_iter().for_each(|(set, values)| b.add_elements(set, values));
}

struct Rules<'a> {
    frame: &'a Frame,
    options: &'a Options,
}

impl Rules<'_> {
    fn ours(&self) -> Expr {
        text(self.frame.interface.clone())
    }

    fn ours_or_loopback(&self) -> Expr {
        any([self.ours(), text("lo")])
    }

    fn comes_by_us(&self) -> Step {
        is(meta(MetaKey::Iifname), self.ours())
    }

    fn leaves_by_us(&self) -> Step {
        is(meta(MetaKey::Oifname), self.ours())
    }

    fn comes_by_others(&self) -> Step {
        is_not(meta(MetaKey::Iifname), self.ours_or_loopback())
    }

    fn refuse(&self, b: &mut Batch) {
        b.chain("c_refuse");
        b.rule("c_refuse", [is(meta(MetaKey::L4proto), text("tcp")), reject_reset()]);
        b.rule("c_refuse", [reject_prohibited()]);
    }

    /// WireGuard's own packets are not tracked, so no other flow can shadow its ports (CVE-2021-3773). Only what is for
    /// this machine: other people's UDP 443 passes through as before.
    fn untracked(&self, b: &mut Batch, site: &Site) {
        let ports = || any(site.wireguard.iter().map(|p| number(*p)));
        let local = |flag| {
            let fib = Fib { result: FibResult::Type, flags: HashSet::from([flag]) };
            is(Expression::Named(NamedExpression::Fib(fib)), text("local"))
        };
        b.base_chain("c_untracked_in", NfChainType::Filter, NfHook::Prerouting, RAW);
        b.base_chain("c_untracked_out", NfChainType::Filter, NfHook::Output, RAW);
        let tunnel = is_not(meta(MetaKey::Iifname), self.ours());
        b.rule("c_untracked_in", [tunnel, is(field("udp", "dport"), ports()), local(FibFlag::Daddr), notrack()]);
        let tunnel = is_not(meta(MetaKey::Oifname), self.ours());
        b.rule("c_untracked_out", [tunnel, is(field("udp", "sport"), ports()), local(FibFlag::Saddr), notrack()]);
    }

    fn translation(&self, b: &mut Batch, site: &Site) {
        b.base_chain("c_translate", NfChainType::NAT, NfHook::Prerouting, -100);
        b.base_chain("c_masquerade", NfChainType::NAT, NfHook::Postrouting, 100);
        let ports = &self.options.ports;
        let services = [
            ("udp", 53u16, ports.dns_udp),
            ("tcp", 53, ports.dns_tcp),
            ("tcp", 80, ports.http),
            ("tcp", 443, ports.https),
        ];
        for f in &FAMILIES {
            let gateway = site.gateway[f.index];
            for (protocol, seen, real) in services {
                let to = dnat(f, address(gateway), Some(real));
                let port = is(field(protocol, "dport"), number(seen));
                b.rule("c_translate", [self.comes_by_us(), is(f.destination(), address(gateway)), port, to]);
            }
            let rdp = is(field("tcp", "dport"), number(RDP));
            let to = dnat(f, address(gateway), Some(ports.desktop));
            b.rule("c_translate", [self.comes_by_us(), member(f.destination(), f.desks), rdp, to]);
            let map = Map { key: f.destination(), data: text(format!("@{}", f.alias)) };
            let to = dnat(f, Expression::Named(NamedExpression::Map(Box::new(map))), None);
            b.rule("c_translate", [self.comes_by_us(), to]);
            for (alias, real) in self.frame.prefixes.iter().filter(|(a, _)| a.addr().is_ipv4() == (f.index == 0)) {
                b.rule("c_translate", [self.comes_by_us(), is(f.destination(), net(*alias)), netmap(f.ip, *real)]);
            }
            if site.masquerade {
                let leaving = || is_not(meta(MetaKey::Oifname), self.ours_or_loopback());
                let inside = || is(f.source(), net(site.net[f.index]));
                let clash = is(field("udp", "sport"), any(site.wireguard.iter().map(|p| number(*p))));
                b.rule("c_masquerade", [leaving(), inside(), clash, masquerade(spare_ports(&site.wireguard))]);
                b.rule("c_masquerade", [leaving(), inside(), masquerade(None)]);
            }
        }
    }

    /// TCP agrees on segments that fit the route, in both directions.
    fn clamp(&self, b: &mut Batch) {
        b.base_chain("c_forward", NfChainType::Filter, NfHook::Forward, 0);
        for ours in [self.comes_by_us(), self.leaves_by_us()] {
            let size = TcpOption { name: "maxseg".into(), field: Some("size".into()) };
            let key = Expression::Named(NamedExpression::TcpOption(size));
            let value = Expression::Named(NamedExpression::RT(RT { key: RTKey::MTU, family: None }));
            b.rule("c_forward", [ours, tcp_syn(), Step::Typed(Statement::Mangle(Mangle { key, value }))]);
        }
    }

    /// False senders, and other interfaces that try the gateway's tunnel address.
    fn strangers(&self, b: &mut Batch) {
        let Some(site) = &self.frame.site else { return };
        b.base_chain("c_strangers", NfChainType::Filter, NfHook::Prerouting, RAW);
        for f in &FAMILIES {
            let (gateway, inside) = (site.gateway[f.index], site.net[f.index]);
            b.rule("c_strangers", [self.comes_by_us(), is_not(f.source(), net(inside)), discard()]);
            b.rule("c_strangers", [self.comes_by_us(), is(f.source(), address(gateway)), discard()]);
            b.rule("c_strangers", [self.comes_by_others(), is(f.source(), net(inside)), discard()]);
            b.rule("c_strangers", [self.comes_by_others(), is(f.destination(), address(gateway)), discard()]);
        }
    }

    /// Everything a device sends comes through here, whatever connection tracking thinks of it.
    fn devices(&self, b: &mut Batch) {
        let chain = "c_from_tunnel";
        b.chain(chain);
        let Some(site) = &self.frame.site else {
            b.rule(chain, [goto("c_refuse")]);
            return;
        };
        // Nobody connects to a device but the gateway itself, so nobody else is answered.
        for f in &FAMILIES {
            let gateway = is(f.destination(), address(site.gateway[f.index]));
            b.rule(chain, [ct_direction("reply"), gateway, accept()]);
        }
        b.rule(chain, [ct_direction("reply"), goto("c_refuse")]);
        for f in &FAMILIES {
            let gateway = || is(f.destination(), address(site.gateway[f.index]));
            let open = || member(f.source(), f.open);
            let echo = || is(field(f.icmp, "type"), text("echo-request"));
            b.rule(chain, [gateway(), is(field("udp", "dport"), number(53u16)), accept()]);
            b.rule(chain, [gateway(), is(field("tcp", "dport"), any([53u16, 80, 443].map(number))), accept()]);
            b.rule(chain, [gateway(), echo(), accept()]);
            b.rule(chain, [gateway(), ct_has("state", &["related"]), f.error(), accept()]);
            let flow = concat(vec![f.source(), f.destination(), meta(MetaKey::L4proto), field("th", "dport")]);
            b.rule(chain, [member(flow, f.grants), open(), accept()]);
            b.rule(chain, [echo(), f.pair(), open(), accept()]);
            b.rule(chain, [ct_has("state", &["related"]), f.error(), f.pair(), open(), accept()]);
        }
        b.rule(chain, [goto("c_refuse")]);
    }

    fn gate(&self, b: &mut Batch) {
        b.base_chain("c_gate", NfChainType::Filter, NfHook::Prerouting, GATE);
        b.rule("c_gate", [self.comes_by_us(), goto("c_from_tunnel")]);
        let Some(site) = &self.frame.site else { return };
        for f in &FAMILIES {
            let gateway = is(f.destination(), address(site.gateway[f.index]));
            let here = is(meta(MetaKey::Iifname), text("lo"));
            b.rule("c_gate", [here, gateway, ct_direction("original"), goto("c_refuse")]);
            // Without masquerade, replies arrive with the device's own address; nothing else may.
            let device = || is(f.destination(), net(site.net[f.index]));
            let known = ct_has("state", &["established", "related"]);
            b.rule("c_gate", [self.comes_by_others(), device(), ct_direction("reply"), known, accept()]);
            b.rule("c_gate", [self.comes_by_others(), device(), discard()]);
        }
    }

    fn forward(&self, b: &mut Batch) {
        let chain = "c_forward";
        // What tracking finds invalid is not translated and comes back to us: no answer, a reset could hit a live flow.
        b.rule(chain, [self.comes_by_us(), self.leaves_by_us(), ct_has("state", &["invalid"]), discard()]);
        b.rule(chain, [self.comes_by_us(), self.leaves_by_us(), goto("c_refuse")]);
        for f in &FAMILIES {
            let translated = ct_has("status", &["dnat"]);
            b.rule(chain, [self.comes_by_us(), translated, member(f.source(), f.open), accept()]);
        }
        b.rule(chain, [self.comes_by_us(), goto("c_refuse")]);
        for f in &FAMILIES {
            let known = ct_has("state", &["established", "related"]);
            let open = member(f.destination(), f.open);
            b.rule(chain, [self.leaves_by_us(), ct_direction("reply"), known, open, accept()]);
        }
        // The server learns that the door was closed, so that it lets go of files and locks.
        let known = ct_has("state", &["established"]);
        let tcp = is(meta(MetaKey::L4proto), text("tcp"));
        b.rule(chain, [self.leaves_by_us(), ct_direction("reply"), known, tcp, reject_reset()]);
        b.rule(chain, [self.leaves_by_us(), discard()]);
    }

    /// An alias may lead to an address of this machine itself, in a network that was published whole: what listens there
    /// is for the office. Devices reach the gateway by its tunnel address, after translation of ports, or not at all.
    fn local(&self, b: &mut Batch) {
        b.base_chain("c_local", NfChainType::Filter, NfHook::Input, 0);
        if let Some(site) = &self.frame.site {
            for f in &FAMILIES {
                b.rule("c_local", [self.comes_by_us(), is(f.destination(), address(site.gateway[f.index])), accept()]);
            }
        }
        b.rule("c_local", [self.comes_by_us(), goto("c_refuse")]);
    }

    /// Replies to devices, with their alias again: tested against the grant they answer to. What the gateway itself
    /// answers always passes; refusals are of state related and pass too.
    fn replies(&self, b: &mut Batch) {
        let Some(site) = &self.frame.site else { return };
        b.base_chain("c_replies", NfChainType::Filter, NfHook::Postrouting, LAST);
        let reply = || ct_has("state", &["established"]);
        for f in &FAMILIES {
            let open = || member(f.destination(), f.open);
            let own = is(f.source(), address(site.gateway[f.index]));
            b.rule("c_replies", [self.leaves_by_us(), own, accept()]);
            let flow = concat(vec![f.destination(), f.source(), meta(MetaKey::L4proto), field("th", "sport")]);
            b.rule("c_replies", [self.leaves_by_us(), reply(), member(flow, f.grants), open(), accept()]);
            let echo = is(field(f.icmp, "type"), text("echo-reply"));
            b.rule("c_replies", [self.leaves_by_us(), reply(), echo, f.pair_back(), open(), accept()]);
        }
        b.rule("c_replies", [self.leaves_by_us(), reply(), ct_direction("reply"), discard()]);
    }
}

fn dnat(f: &Family, to: Expr, port: Option<u16>) -> Step {
    let nat = NAT { addr: Some(to), family: Some(f.nat), port: port.map(number), flags: None };
    Step::Typed(Statement::DNAT(Some(nat)))
}

fn masquerade(ports: Option<(u16, u16)>) -> Step {
    let nat = ports.map(|(first, last)| {
        let range = Expression::Range(Box::new(Range { range: [number(first), number(last)] }));
        NAT { addr: None, family: None, port: Some(range), flags: None }
    });
    Step::Typed(Statement::Masquerade(nat))
}

fn spare_ports(taken: &[u16]) -> Option<(u16, u16)> {
    SPARE_PORTS.into_iter().find(|(first, last)| !taken.iter().any(|p| (first..=last).contains(&p)))
}
