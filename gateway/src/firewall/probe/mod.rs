//! Sends packets from a TUN of its own, sees how far they come, and names what stops them.
//!
//! We never touch foreign tables and cannot override their drops: an accept counts for its own chain only, and Docker's
//! and ufw's FORWARD policies drop in silence, ufw drops what is for this machine too. So the cure is printed, exactly,
//! applied only after a yes, and can be taken back. Only IPv4 is sent; whoever drops it drops IPv6 alike. The packets never
//! reach the wire, and nothing of the probe stays.

mod cure;
mod rig;

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

pub use self::cure::{apply_cure, undo};
use self::rig::{Rig, Seen, Sent};
use super::load::Nft;

/// The probe's own name while the tunnel's is taken.
const OTHER: &str = "pass-probe0";
/// Where forwarding is switched on for good.
const SYSCTL: &str = "/etc/sysctl.d/50-passerelle.conf";

/// Where a packet was stopped: names as the kernel has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `ip`, `inet`, …
    pub family: String,
    /// Table.
    pub table: String,
    /// Chain.
    pub chain: String,
}

/// What has to pass for devices to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the tunnel to the office.
    Office,
    /// From the tunnel to this machine: names and portal.
    Portal,
    /// To this machine's WireGuard port.
    WireGuard(u16),
    /// To the TCP port where agents of office PCs are heard.
    Agents(u16),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Office => f.write_str("packets from the tunnel to the office"),
            Self::Portal => f.write_str("what devices send to names and portal"),
            Self::WireGuard(port) => write!(f, "WireGuard on UDP {port}"),
            Self::Agents(port) => write!(f, "agents of office PCs on TCP {port}"),
        }
    }
}

/// Whose rules stop the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Docker sets the policy of FORWARD to drop.
    Docker,
    /// ufw denies what is routed.
    Ufw,
    /// firewalld rejects between zones.
    Firewalld,
    /// Rules by `iptables`, nobody's in particular.
    Iptables,
    /// A table of nftables.
    Nftables,
}

/// What the probe found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The packet was forwarded.
    Forwarded,
    /// This machine forwards nothing.
    ForwardingOff {
        /// The interface towards the office.
        office: String,
    },
    /// The machine forwards, but found no way for the packet, or thought its sender false.
    NotRouted {
        /// The interface towards the office.
        office: String,
        /// The address that was tried.
        target: Ipv4Addr,
    },
    /// Somebody else's rules drop it.
    Dropped {
        /// What was to pass.
        way: Way,
        /// Whose.
        owner: Owner,
        /// Where exactly.
        place: Place,
        /// The tunnel's interface.
        tunnel: String,
        /// The interface towards the office.
        office: String,
        /// IPv6 has rules of its own, to be cured alike.
        v6: bool,
    },
    /// It is dropped by what nftables does not show.
    DroppedUnseen,
    /// Dropped for the probe's name, while a rule for the tunnel's own name, or for one interface, lets it pass.
    Exempted(Place),
}

/// One step of a cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This file gets this text.
    Write(PathBuf, String),
    /// This program is run, without a shell.
    Run(Vec<String>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {} {}, chain {}", self.family, self.table.escape_debug(), self.chain.escape_debug())
    }
}

impl fmt::Display for Step {
    /// As one would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |word: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./=,:+".contains(&b);
            if word.bytes().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
        };
        match self {
            Self::Write(path, text) => {
                let lines: Vec<_> = text.lines().map(quoted).collect();
                write!(f, "printf '%s\\n' {} > {}", lines.join(" "), path.display())
            }
            Self::Run(words) => {
                let words: Vec<_> = words.iter().map(|w| quoted(w)).collect();
                f.write_str(&words.join(" "))
            }
        }
    }
}

impl Finding {
    /// What it means, in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Forwarded => "packets from the tunnel reach the office".to_owned(),
            Self::ForwardingOff { .. } => "this machine forwards no packets (net.ipv4.ip_forward is 0)".to_owned(),
            Self::NotRouted { office, target } => format!(
                "this machine does not route packets from the tunnel to {target} on {office}: \
                 forwarding is off for one interface, or a rule before routing drops them"
            ),
            Self::Dropped { way, owner, place, .. } => {
                let owner = match owner {
                    Owner::Docker => "Docker",
                    Owner::Ufw => "ufw",
                    Owner::Firewalld => "firewalld",
                    Owner::Iptables => "a rule by iptables",
                    Owner::Nftables => "a rule of nftables",
                };
                format!("{owner} drops {way} ({place})")
            }
            Self::DroppedUnseen => "packets from the tunnel to the office are dropped by something that nftables does \
                 not show: look at `iptables-legacy -S FORWARD`"
                .to_owned(),
            Self::Exempted(place) => {
                format!(
                    "packets from the tunnel reach the office ({place} drops others, and has a rule for the tunnel)"
                )
            }
        }
    }

    /// Nothing is to be done.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        matches!(self, Self::Forwarded | Self::Exempted(_))
    }

    /// What helps, step by step. `None`: nothing to do, or nothing that we know.
    #[must_use]
    pub fn cure(&self) -> Option<Vec<Step>> {
        match self {
            Self::ForwardingOff { .. } => {
                let text =
                    "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n-net.ipv6.conf.*.accept_ra = 2\n";
                Some(vec![Step::Write(SYSCTL.into(), text.to_owned()), cure::run(&["sysctl", "-q", "-p", SYSCTL])])
            }
            Self::Dropped { way, owner, place, tunnel, office, v6 } => {
                Some(cure::steps(*way, *owner, place, tunnel, office, *v6))
            }
            _ => None,
        }
    }
}

/// Whether this machine forwards IPv4 packets at all; nothing where that cannot be read.
#[must_use]
pub fn forwards() -> Option<bool> {
    let value = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").ok()?;
    Some(value.trim() != "0")
}

/// Probes all that has to pass: from the tunnel to the office and to this machine, to its WireGuard ports, and to that of
/// agents. One finding each, that of the office first. Needs CAP_NET_ADMIN.
///
/// # Errors
/// The probe itself could not be made, or its packet was lost before any rule; everything it made is removed then too.
pub fn run(tunnel: &str, office: &str, ports: &[u16], agents: Option<u16>) -> anyhow::Result<Vec<Finding>> {
    let mut findings = vec![one(Way::Office, tunnel, office)?];
    if matches!(findings[..], [Finding::ForwardingOff { .. }]) {
        return Ok(findings);
    }
    for way in cure::inward(ports, agents) {
        findings.push(one(way, tunnel, office)?);
    }
    Ok(findings)
}

fn one(way: Way, tunnel: &str, office: &str) -> anyhow::Result<Finding> {
    let nft = Nft::find()?;
    let rig = match Rig::build(&nft, tunnel, office) {
        Ok(rig) => rig,
        // The gateway is running: its interface is in use.
        Err(e) if e.downcast_ref::<rig::NameTaken>().is_some() => Rig::build(&nft, OTHER, office)?,
        Err(e) => return Err(e),
    };
    let forwarding = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").context("read net.ipv4.ip_forward")?;
    if forwarding.trim() == "0" {
        return Ok(Finding::ForwardingOff { office: office.to_owned() });
    }
    let target = rig.target;
    let (sent, hook) = match way {
        Way::Office => (Sent::Office, "forward"),
        Way::Portal => (Sent::Portal, "input"),
        Way::WireGuard(port) => (Sent::Datagram(port), "input"),
        Way::Agents(port) => (Sent::Syn(port), "input"),
    };
    match rig.send(sent)? {
        Seen::Out => Ok(Finding::Forwarded),
        Seen::BeforeRouting => Ok(Finding::NotRouted { office: office.to_owned(), target }),
        Seen::Dropped(None) => Ok(Finding::DroppedUnseen),
        Seen::Dropped(Some(place)) => {
            let listing = nft.run(&["-j", "list", "ruleset"], Vec::new())?;
            let listing: Value = serde_json::from_slice(&listing).context("read nft's listing")?;
            // The probe's name is not the tunnel's, nor that of the interface towards the internet.
            let exempted = match way {
                Way::WireGuard(port) => exempts(&listing, &place, hook, &|with| goes_to(with, "udp", port)),
                Way::Agents(port) => exempts(&listing, &place, hook, &|with| goes_to(with, "tcp", port)),
                _ => rig.name != tunnel && exempts(&listing, &place, hook, &|with| comes_by(with, tunnel)),
            };
            if exempted {
                return Ok(Finding::Exempted(place));
            }
            let owner = owner(&listing, &place);
            let twin = Place { family: "ip6".to_owned(), ..place.clone() };
            let v6 = place.family == "ip" && objects(&listing, "chain", &twin).any(|chain| chain["hook"] == hook);
            let (tunnel, office) = (tunnel.to_owned(), office.to_owned());
            Ok(Finding::Dropped { way, owner, place, tunnel, office, v6 })
        }
    }
}

fn objects<'a>(listing: &'a Value, kind: &'a str, place: &'a Place) -> impl Iterator<Item = &'a Value> {
    let all = listing["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(move |o| o.get(kind)).filter(|o| o["family"] == *place.family && o["table"] == *place.table)
}

fn owner(listing: &Value, place: &Place) -> Owner {
    let chain =
        |wanted: &dyn Fn(&str) -> bool| objects(listing, "chain", place).filter_map(|c| c["name"].as_str()).any(wanted);
    let iptables = place.table == "filter" && chain(&|name| name == "FORWARD");
    if place.table == "firewalld" {
        Owner::Firewalld
    } else if iptables && chain(&|name| name.starts_with("ufw-")) {
        Owner::Ufw
    } else if iptables && chain(&|name| name == "DOCKER-USER") {
        Owner::Docker
    } else if iptables {
        Owner::Iptables
    } else {
        Owner::Nftables
    }
}

fn goes_to(with: &Value, protocol: &str, port: u16) -> bool {
    let payload = &with["left"]["payload"];
    payload["protocol"] == protocol && payload["field"] == "dport" && with["right"] == port
}

fn comes_by(with: &Value, interface: &str) -> bool {
    with["left"]["meta"]["key"] == "iifname" && with["right"] == interface
}

/// Whether a rule that packets of this hook may come to, in that table, accepts what matches so.
fn exempts(listing: &Value, place: &Place, hook: &str, so: &dyn Fn(&Value) -> bool) -> bool {
    let base = objects(listing, "chain", place).filter(|chain| chain["hook"] == hook);
    let mut reached: Vec<&str> = base.filter_map(|chain| chain["name"].as_str()).collect();
    let mut seen = 0;
    while let Some(chain) = reached.get(seen).copied() {
        seen += 1;
        for rule in objects(listing, "rule", place).filter(|rule| rule["chain"] == chain) {
            let steps = rule["expr"].as_array().map(Vec::as_slice).unwrap_or_default();
            let matches = |step: &Value| step["match"]["op"] == "==" && so(&step["match"]);
            if steps.iter().any(matches) && steps.iter().any(|step| step.get("accept").is_some()) {
                return true;
            }
            let targets = steps.iter().flat_map(|step| [&step["jump"]["target"], &step["goto"]["target"]]);
            for target in targets.filter_map(Value::as_str) {
                if !reached.contains(&target) {
                    reached.push(target);
                }
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dropped(way: Way, owner: Owner) -> Finding {
        let place = Place { family: "ip".into(), table: "filter".into(), chain: "FORWARD".into() };
        let (tunnel, office) = ("pass0".into(), "eth0".into());
        Finding::Dropped { way, owner, place, tunnel, office, v6: true }
    }

    #[test]
    fn cures_are_exact() {
        for (way, owner, expected) in [
            (
                Way::Office,
                Owner::Docker,
                &[
                    "iptables -I DOCKER-USER -i pass0 -o eth0 -j ACCEPT",
                    "iptables -I DOCKER-USER -i eth0 -o pass0 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
                    "ip6tables -I DOCKER-USER -i pass0 -o eth0 -j ACCEPT",
                    "ip6tables -I DOCKER-USER -i eth0 -o pass0 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
                ][..],
            ),
            (Way::Office, Owner::Ufw, &["ufw route allow in on pass0 out on eth0"]),
            (Way::Portal, Owner::Ufw, &["ufw allow in on pass0"]),
            (Way::WireGuard(51820), Owner::Ufw, &["ufw allow 51820/udp"]),
            (Way::Agents(8444), Owner::Ufw, &["ufw allow in on eth0 to any port 8444 proto tcp"]),
            (
                Way::Agents(8444),
                Owner::Iptables,
                &[
                    "iptables -I INPUT -i eth0 -p tcp --dport 8444 -j ACCEPT",
                    "ip6tables -I INPUT -i eth0 -p tcp --dport 8444 -j ACCEPT",
                ],
            ),
            (
                Way::Agents(8444),
                Owner::Nftables,
                &["nft insert rule ip filter FORWARD iifname eth0 tcp dport 8444 accept comment passerelle"],
            ),
            (
                Way::Agents(8444),
                Owner::Firewalld,
                &["firewall-cmd --permanent --add-port=8444/tcp", "firewall-cmd --reload"],
            ),
            (
                Way::WireGuard(443),
                Owner::Iptables,
                &["iptables -I INPUT -p udp --dport 443 -j ACCEPT", "ip6tables -I INPUT -p udp --dport 443 -j ACCEPT"],
            ),
            (
                Way::Portal,
                Owner::Nftables,
                &["nft insert rule ip filter FORWARD iifname pass0 accept comment passerelle"],
            ),
        ] {
            let cure: Vec<_> = dropped(way, owner).cure().unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(cure, expected);
        }
        let cure = dropped(Way::Office, Owner::Nftables).cure().unwrap();
        let rule = "nft insert rule ip filter FORWARD iifname pass0 oifname eth0 accept comment passerelle";
        assert_eq!(cure[0].to_string(), rule);
        let cure = Finding::ForwardingOff { office: "eth0".into() }.cure().unwrap();
        assert!(cure[0].to_string().starts_with("printf '%s\\n' 'net.ipv4.ip_forward = 1' "), "{}", cure[0]);
        assert_eq!(Finding::Forwarded.cure(), None);
    }

    #[test]
    fn an_exemption_counts_where_packets_come_by() {
        let place = Place { family: "ip".into(), table: "filter".into(), chain: "FORWARD".into() };
        let chain = |name: &str, hook: Option<&str>| json!({"chain": {"family": "ip", "table": "filter", "name": name, "hook": hook}});
        let rule = |chain: &str, expr: Value| json!({"rule": {"family": "ip", "table": "filter", "chain": chain, "expr": expr}});
        let lets = json!([
            {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "pass0"}},
            {"accept": null}
        ]);
        let listing = |at: &str| {
            let jump = json!([{"jump": {"target": "user-forward"}}]);
            json!({ "nftables": [
                chain("FORWARD", Some("forward")), chain("INPUT", Some("input")), chain("user-forward", None),
                rule("FORWARD", jump), rule(at, lets.clone()),
            ] })
        };
        for (at, forward, input) in [("user-forward", true, false), ("INPUT", false, true), ("FORWARD", true, false)] {
            let by =
                |hook: &str, interface: &str| exempts(&listing(at), &place, hook, &|with| comes_by(with, interface));
            assert_eq!((by("forward", "pass0"), by("input", "pass0")), (forward, input), "{at}");
            assert!(!by("forward", "pass1"));
        }
    }

    #[test]
    fn tells_whose_rules_they_are() {
        let place = Place { family: "ip".into(), table: "filter".into(), chain: "FORWARD".into() };
        let listing = |chains: &[&str]| {
            let chains: Vec<_> =
                chains.iter().map(|c| json!({"chain": {"family": "ip", "table": "filter", "name": c}})).collect();
            json!({ "nftables": chains })
        };
        assert_eq!(owner(&listing(&["FORWARD", "DOCKER-USER"]), &place), Owner::Docker);
        assert_eq!(owner(&listing(&["FORWARD", "DOCKER-USER", "ufw-before-forward"]), &place), Owner::Ufw);
        assert_eq!(owner(&listing(&["FORWARD"]), &place), Owner::Iptables);
        assert_eq!(owner(&listing(&["forward"]), &place), Owner::Nftables);
    }
}
