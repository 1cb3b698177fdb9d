//! Carries a packet through exactly the JSON we generate, the way the kernel would, without the kernel.
//!
//! Anything in the JSON that is not known here fails the test: what is not understood is not proven.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use proptest::prelude::*;
use serde_json::Value;

use super::elements::elements;
use super::ruleset::{Frame, LocalPorts, Options, whole};
use crate::clock::Boot;
use crate::link::message::Transport;
use crate::pure::decide::Verdict;
use crate::pure::model;
use crate::pure::model::decide_packet;
use crate::pure::state::State;
use crate::pure::x224::RDP;

const LAN: &str = "lan0";

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Passed,
    Refused,
    Dropped,
}

/// A packet on its way, with what connection tracking knows of it.
#[derive(Clone, Debug)]
struct Flying {
    iif: &'static str,
    oif: &'static str,
    source: IpAddr,
    destination: IpAddr,
    protocol: &'static str,
    sport: u16,
    dport: u16,
    icmp: &'static str,
    direction: &'static str,
    state: &'static str,
    translated: bool,
}

#[derive(Debug, Default)]
struct Kernel {
    /// Base chains by hook, in order of priority.
    hooks: BTreeMap<String, Vec<(i64, String)>>,
    rules: BTreeMap<String, Vec<Vec<Value>>>,
    /// Elements with the millisecond of their end.
    sets: BTreeMap<String, Vec<(Value, Option<u64>)>>,
    site: Vec<IpNet>,
}

impl Kernel {
    fn load(json: &[u8], at: Boot) -> Self {
        let whole: Value = serde_json::from_slice(json).unwrap();
        let mut kernel = Self::default();
        for command in whole["nftables"].as_array().unwrap() {
            let Some(added) = command.get("add") else {
                assert!(command["delete"].get("table").is_some(), "{command}");
                continue;
            };
            let (kind, object) = added.as_object().unwrap().iter().next().unwrap();
            let name = || object["name"].as_str().unwrap().to_owned();
            match kind.as_str() {
                "table" => {}
                "chain" => {
                    if let Some(hook) = object.get("hook") {
                        assert_eq!(object["policy"], "accept");
                        let chains = kernel.hooks.entry(hook.as_str().unwrap().to_owned()).or_default();
                        chains.push((object["prio"].as_i64().unwrap(), name()));
                        chains.sort_by_key(|(priority, _)| *priority);
                    }
                    assert!(kernel.rules.insert(name(), Vec::new()).is_none(), "chain twice: {object}");
                }
                "set" | "map" => drop(kernel.sets.insert(name(), Vec::new())),
                "element" => {
                    let elements = object["elem"].as_array().unwrap().iter().map(|e| match e.get("elem") {
                        Some(elem) => (elem["val"].clone(), elem["timeout"].as_u64().map(|s| at.0 + s * 1000)),
                        None => (e.clone(), None),
                    });
                    kernel.sets.get_mut(&name()).unwrap().extend(elements);
                }
                "rule" => {
                    let expr = object["expr"].as_array().unwrap().clone();
                    kernel.rules.get_mut(object["chain"].as_str().unwrap()).unwrap().push(expr);
                }
                other => panic!("{other}"),
            }
        }
        kernel
    }

    fn hook(&self, hook: &str, packet: &mut Flying, now: Boot) -> Fate {
        for (_, chain) in self.hooks.get(hook).into_iter().flatten() {
            match self.chain(chain, packet, now) {
                Fate::Passed => {}
                fate => return fate,
            }
        }
        Fate::Passed
    }

    /// The end of a chain means accept: base chains have that policy, and ours are only entered by goto.
    fn chain(&self, chain: &str, packet: &mut Flying, now: Boot) -> Fate {
        for rule in &self.rules[chain] {
            if let Some(fate) = self.rule(rule, packet, now) {
                return fate;
            }
        }
        Fate::Passed
    }

    /// `None`: the next rule.
    fn rule(&self, rule: &[Value], packet: &mut Flying, now: Boot) -> Option<Fate> {
        for step in rule {
            let (kind, with) = step.as_object().unwrap().iter().next().unwrap();
            match kind.as_str() {
                "match" if self.matches(with, packet, now)? => {}
                "match" => return None,
                "accept" => return Some(Fate::Passed),
                "drop" => return Some(Fate::Dropped),
                "reject" if with["type"] == "tcp reset" => {
                    assert_eq!(packet.protocol, "tcp");
                    return Some(Fate::Refused);
                }
                "reject" => return Some(Fate::Refused),
                "goto" => return Some(self.chain(with["target"].as_str().unwrap(), packet, now)),
                "dnat" => return self.dnat(with, packet, now).then_some(Fate::Passed),
                // A source that is translated is translated back before replies are tested.
                "masquerade" => return Some(Fate::Passed),
                "mangle" | "notrack" => {}
                other => panic!("{other}"),
            }
        }
        None
    }

    fn dnat(&self, with: &Value, packet: &mut Flying, now: Boot) -> bool {
        let to = &with["addr"];
        if packet.direction != "original" {
            return true;
        }
        if let Some(map) = to.get("map") {
            let Some(key) = self.value(&map["key"], packet) else { return false };
            let name = map["data"].as_str().unwrap().trim_start_matches('@');
            let found = self.live(name, now).find(|pair| equals(&pair[0], &key));
            let Some(pair) = found else { return false };
            packet.destination = pair[1].as_str().unwrap().parse().unwrap();
        } else if let Some(prefix) = to.get("prefix") {
            assert_eq!((&with["flags"], &with["type_flags"]), (&"netmap".into(), &"prefix".into()));
            packet.destination = netmap(packet.destination, &net_of(prefix));
        } else {
            packet.destination = to.as_str().unwrap().parse().unwrap();
            packet.dport = u16::try_from(with["port"].as_u64().unwrap()).unwrap();
        }
        packet.translated = true;
        true
    }

    fn live(&self, set: &str, now: Boot) -> impl Iterator<Item = &Value> {
        self.sets[set].iter().filter(move |(_, end)| end.is_none_or(|end| now.0 < end)).map(|(value, _)| value)
    }

    /// `None`: the expression says nothing about such a packet, and the rule ends.
    fn matches(&self, with: &Value, packet: &Flying, now: Boot) -> Option<bool> {
        let left = self.value(&with["left"], packet)?;
        let right = &with["right"];
        let holds = if let Some(set) = right.as_str().and_then(|r| r.strip_prefix('@')) {
            self.live(set, now).any(|element| equals(element, &left))
        } else if let Some(any) = right.get("set").and_then(Value::as_array) {
            any.iter().any(|r| equals(r, &left))
        } else if let Some(any) = right.as_array() {
            any.iter().any(|r| equals(r, &left))
        } else {
            equals(right, &left)
        };
        match with["op"].as_str().unwrap() {
            "==" | "in" => Some(holds),
            "!=" => Some(!holds),
            other => panic!("{other}"),
        }
    }

    fn value(&self, expression: &Value, p: &Flying) -> Option<Value> {
        let (kind, of) = expression.as_object().unwrap().iter().next().unwrap();
        let of_family = |protocol: &str, address: IpAddr| {
            ((protocol == "ip") == address.is_ipv4()).then(|| Value::from(address.to_string()))
        };
        match kind.as_str() {
            "concat" => {
                let parts: Option<Vec<_>> = of.as_array().unwrap().iter().map(|e| self.value(e, p)).collect();
                parts.map(Value::from)
            }
            "meta" => match of["key"].as_str().unwrap() {
                "iifname" => Some(p.iif.into()),
                "oifname" => Some(p.oif.into()),
                "l4proto" => Some(p.protocol.into()),
                other => panic!("{other}"),
            },
            "ct" => match of["key"].as_str().unwrap() {
                "direction" => Some(p.direction.into()),
                "state" => Some(p.state.into()),
                "status" => Some(if p.translated { "dnat" } else { "" }.into()),
                other => panic!("{other}"),
            },
            "payload" => match (of["protocol"].as_str().unwrap(), of["field"].as_str().unwrap()) {
                (family @ ("ip" | "ip6"), "saddr") => of_family(family, p.source),
                (family @ ("ip" | "ip6"), "daddr") => of_family(family, p.destination),
                ("th", "sport") => Some(p.sport.into()),
                ("th", "dport") => Some(p.dport.into()),
                (protocol @ ("tcp" | "udp"), "dport") => (p.protocol == protocol).then(|| p.dport.into()),
                (protocol @ ("tcp" | "udp"), "sport") => (p.protocol == protocol).then(|| p.sport.into()),
                ("tcp", "flags") => (p.protocol == "tcp").then(|| "syn".into()),
                (icmp @ ("icmp" | "icmpv6"), "type") => (p.protocol == icmp).then(|| p.icmp.into()),
                other => panic!("{other:?}"),
            },
            // Nothing is for this machine itself: packets to the gateway are not thrown here.
            "fib" => Some("unicast".into()),
            other => panic!("{other}"),
        }
    }

    fn local(&self, destination: IpAddr) -> &'static str {
        if self.site.iter().any(|s| s.contains(&destination)) { "pass0" } else { LAN }
    }

    /// A packet from the tunnel, to where it leaves, or to this machine itself.
    fn outwards(&self, packet: &mut Flying, now: Boot) -> Fate {
        match self.hook("prerouting", packet, now) {
            Fate::Passed if here(packet.destination) => return self.hook("input", packet, now),
            Fate::Passed => {}
            fate => return fate,
        }
        for hook in ["forward", "postrouting"] {
            if hook == "forward" {
                packet.oif = self.local(packet.destination);
            }
            match self.hook(hook, packet, now) {
                Fate::Passed => {}
                fate => return fate,
            }
        }
        Fate::Passed
    }

    /// The reply of this machine itself to a packet that was translated from `alias` to it.
    fn back_from_here(&self, sent: &Flying, alias: IpAddr, now: Boot) -> Fate {
        let mut reply = Flying {
            iif: "",
            oif: "pass0",
            source: alias,
            destination: sent.source,
            sport: sent.dport,
            dport: sent.sport,
            direction: "reply",
            state: "established",
            ..sent.clone()
        };
        self.hook("postrouting", &mut reply, now)
    }

    /// The reply to a packet that was translated from `alias` to `real`. Masqueraded, so it arrives for our LAN address.
    fn back(&self, sent: &Flying, alias: IpAddr, real: IpAddr, now: Boot) -> Fate {
        let ours: IpAddr = if real.is_ipv4() { [192, 168, 7, 1].into() } else { "fd77::ffff".parse().unwrap() };
        let mut reply = Flying {
            iif: LAN,
            oif: "",
            source: real,
            destination: ours,
            sport: sent.dport,
            dport: sent.sport,
            icmp: "echo-reply",
            direction: "reply",
            state: "established",
            ..sent.clone()
        };
        for hook in ["prerouting", "forward", "postrouting"] {
            match hook {
                "forward" => (reply.destination, reply.oif) = (sent.source, "pass0"),
                "postrouting" => reply.source = alias,
                _ => {}
            }
            match self.hook(hook, &mut reply, now) {
                Fate::Passed => {}
                fate => return fate,
            }
        }
        Fate::Passed
    }
}

/// One of the gateway's addresses in every such world.
fn here(address: IpAddr) -> bool {
    let interface = model::interface();
    address == interface.address4.addr() || address == interface.address6.addr()
}

fn net_of(prefix: &Value) -> IpNet {
    let address: IpAddr = prefix["addr"].as_str().unwrap().parse().unwrap();
    IpNet::new(address, u8::try_from(prefix["len"].as_u64().unwrap()).unwrap()).unwrap()
}

fn netmap(address: IpAddr, to: &IpNet) -> IpAddr {
    match (address, to) {
        (IpAddr::V4(a), IpNet::V4(to)) => {
            (u32::from(a) & u32::from(to.hostmask()) | u32::from(to.network())).to_be_bytes().into()
        }
        (IpAddr::V6(a), IpNet::V6(to)) => {
            (u128::from(a) & u128::from(to.hostmask()) | u128::from(to.network())).to_be_bytes().into()
        }
        _ => panic!("families mixed"),
    }
}

/// Whether a value lies in what stands in the rule: the same, in a range, in a prefix, part by part.
fn equals(pattern: &Value, value: &Value) -> bool {
    if let (Some(pattern), Some(value)) = (pattern.get("concat").and_then(Value::as_array), value.as_array()) {
        return pattern.len() == value.len() && pattern.iter().zip(value).all(|(p, v)| equals(p, v));
    }
    if let Some(range) = pattern.get("range") {
        let value = value.as_u64().unwrap();
        return range[0].as_u64().unwrap() <= value && value <= range[1].as_u64().unwrap();
    }
    if let Some(prefix) = pattern.get("prefix") {
        return value.as_str().unwrap().parse().is_ok_and(|a: IpAddr| net_of(prefix).contains(&a));
    }
    pattern == value
}

fn options() -> Options {
    Options::new("pass0", LocalPorts { dns_udp: 5301, dns_tcp: 5302, http: 8081, https: 8444, desktop: 3390 })
}

fn kernel(state: &State, at: Boot) -> Kernel {
    let whole = whole(&Frame::of(state, &options()), &elements(state), &options(), 1, at);
    let mut kernel = Kernel::load(&whole.to_json().unwrap(), at);
    kernel.site = vec!["10.99.0.0/16".parse().unwrap(), "fd99::/48".parse().unwrap()];
    kernel
}

fn flying(packet: &model::Packet) -> Flying {
    let (protocol, dport) = match packet.port {
        Some((Transport::Tcp, port)) => ("tcp", port),
        Some((Transport::Udp, port)) => ("udp", port),
        None if packet.source.is_ipv4() => ("icmp", 0),
        None => ("icmpv6", 0),
    };
    Flying {
        iif: "pass0",
        oif: "",
        source: packet.source,
        destination: packet.destination,
        protocol,
        sport: 50_000,
        dport,
        icmp: "echo-request",
        direction: "original",
        state: "new",
        translated: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_ruleset_says_what_decide_says(world in model::world(), throws in prop::collection::vec(model::dice(), 40)) {
        let kernel = kernel(&model::held(&world, model::NOW), model::NOW);
        for dice in throws {
            let packet = model::packet(&world, dice);
            let verdict = decide_packet(&world, packet.source, packet.destination, packet.port, packet.at);
            let mut sent = flying(&packet);
            let fate = kernel.outwards(&mut sent, packet.at);
            let allowed = matches!(verdict, Verdict::Allow { .. });
            // Never in silence: what is not allowed is refused.
            let expected = if allowed { Fate::Passed } else { Fate::Refused };
            prop_assert_eq!(fate, expected, "{:?} {:?}", packet, verdict);
            let desk = packet.port == Some((Transport::Tcp, RDP))
                && world.resources.values().any(|r| r.desktop && r.covers(packet.destination));
            if allowed && desk {
                // Heard by `serve`, and by nobody else.
                prop_assert!(here(sent.destination) && sent.dport == options().ports.desktop, "{:?} {:?}", packet, sent);
                let answer = kernel.back_from_here(&flying(&packet), packet.destination, packet.at);
                prop_assert_eq!(answer, Fate::Passed, "{:?}", packet);
                continue;
            }
            if allowed {
                prop_assert_eq!(sent.oif, LAN, "not translated: {:?}", packet);
            }
            if desk {
                let answer = kernel.back_from_here(&flying(&packet), packet.destination, packet.at);
                prop_assert_ne!(answer, Fate::Passed, "a reply to {:?} {:?}", packet, verdict);
            }
            // The reply to the same flow, had it been allowed once: it needs the right just as much.
            let real = if allowed { sent.destination } else if packet.source.is_ipv4() {
                [192, 168, 7, 200].into()
            } else {
                "fd77::200".parse().unwrap()
            };
            let mut once = flying(&packet);
            once.translated = true;
            let fate = kernel.back(&once, packet.destination, real, packet.at);
            prop_assert_eq!(fate == Fate::Passed, allowed, "reply to {:?} {:?}", packet, verdict);
        }
    }
}

#[test]
fn nothing_known_is_all_refused() {
    let kernel = kernel(&State::default(), Boot(0));
    for destination in ["10.99.0.1", "10.99.128.5", "192.168.7.10"] {
        let packet = model::Packet {
            source: [10, 99, 1, 1].into(),
            destination: destination.parse().unwrap(),
            port: Some((Transport::Tcp, 443)),
            at: Boot(1),
        };
        assert_eq!(kernel.outwards(&mut flying(&packet), Boot(1)), Fate::Refused);
    }
}
