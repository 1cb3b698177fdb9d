//! Sends one packet from a TUN of its own towards the office, sees how far it comes, and names what stops it.
//!
//! We never touch foreign tables and cannot override their drops: an accept counts for its own chain only, and Docker's
//! and ufw's FORWARD policies drop in silence. So the cure is printed, exactly, and applied only after a yes. Only IPv4
//! is sent; whoever drops it drops IPv6 alike. The packet never reaches the wire, and nothing of the probe stays.

mod rig;

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use self::rig::{Rig, Seen};
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
        /// Whose.
        owner: Owner,
        /// Where exactly.
        place: Place,
        /// The tunnel's interface.
        tunnel: String,
        /// The interface towards the office.
        office: String,
    },
    /// It is dropped by what nftables does not show.
    DroppedUnseen,
    /// Dropped for the probe's name, while a rule for the tunnel's own name lets it pass.
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
            Self::Dropped { owner, place, .. } => match owner {
                Owner::Docker => format!("Docker drops packets from the tunnel to the office ({place})"),
                Owner::Ufw => format!("ufw drops packets from the tunnel to the office ({place})"),
                Owner::Firewalld => format!("firewalld drops packets from the tunnel to the office ({place})"),
                Owner::Iptables => format!("a rule by iptables drops packets from the tunnel to the office ({place})"),
                Owner::Nftables => format!("a rule of nftables drops packets from the tunnel to the office ({place})"),
            },
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
        let run = |words: &[&str]| Step::Run(words.iter().map(|w| (*w).to_owned()).collect());
        match self {
            Self::ForwardingOff { .. } => {
                let text =
                    "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n-net.ipv6.conf.*.accept_ra = 2\n";
                Some(vec![Step::Write(SYSCTL.into(), text.to_owned()), run(&["sysctl", "-q", "-p", SYSCTL])])
            }
            Self::Dropped { owner, place, tunnel, office } => {
                let (tunnel, office) = (tunnel.as_str(), office.as_str());
                let back = ["-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED"];
                let iptables = |chain: &str| {
                    let replies =
                        [&["iptables", "-I", chain, "-i", office, "-o", tunnel][..], &back, &["-j", "ACCEPT"]];
                    let there = run(&["iptables", "-I", chain, "-i", tunnel, "-o", office, "-j", "ACCEPT"]);
                    vec![there, run(&replies.concat())]
                };
                Some(match owner {
                    Owner::Docker => iptables("DOCKER-USER"),
                    Owner::Iptables => iptables("FORWARD"),
                    Owner::Ufw => vec![run(&["ufw", "route", "allow", "in", "on", tunnel, "out", "on", office])],
                    Owner::Firewalld => {
                        let own = "--policy=passerelle";
                        vec![
                            run(&["firewall-cmd", "--permanent", "--new-zone=passerelle"]),
                            run(&["firewall-cmd", "--permanent", "--zone=passerelle", "--add-interface", tunnel]),
                            run(&["firewall-cmd", "--permanent", "--new-policy=passerelle"]),
                            run(&["firewall-cmd", "--permanent", own, "--add-ingress-zone=passerelle"]),
                            run(&["firewall-cmd", "--permanent", own, "--add-egress-zone=ANY"]),
                            run(&["firewall-cmd", "--permanent", own, "--set-target=ACCEPT"]),
                            run(&["firewall-cmd", "--reload"]),
                        ]
                    }
                    Owner::Nftables => {
                        let insert = ["nft", "insert", "rule", &place.family, &place.table, &place.chain];
                        let there = ["iifname", tunnel, "oifname", office, "accept"];
                        let replies =
                            ["iifname", office, "oifname", tunnel, "ct", "state", "established,related", "accept"];
                        vec![run(&[&insert[..], &there].concat()), run(&[&insert[..], &replies].concat())]
                    }
                })
            }
            _ => None,
        }
    }
}

/// Carries out a cure, step by step. Nothing is undone if a later step fails.
///
/// # Errors
/// The step that failed, as one would type it.
pub fn apply_cure(steps: &[Step]) -> anyhow::Result<()> {
    for step in steps {
        let what = || format!("cure: {step}");
        match step {
            Step::Write(path, text) => std::fs::write(path, text).with_context(what)?,
            Step::Run(words) => {
                let (program, arguments) = words.split_first().with_context(what)?;
                let status = Command::new(program)
                    .args(arguments)
                    .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                    .stdin(Stdio::null())
                    .status()
                    .with_context(what)?;
                ensure!(status.success(), "{}: {status}", what());
            }
        }
    }
    Ok(())
}

/// Probes from the tunnel towards the office, both by their interfaces' names. Needs CAP_NET_ADMIN.
///
/// # Errors
/// The probe itself could not be made, or its packet was lost before any rule; everything it made is removed then too.
pub fn run(tunnel: &str, office: &str) -> anyhow::Result<Finding> {
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
    match rig.send()? {
        Seen::Out => Ok(Finding::Forwarded),
        Seen::BeforeRouting => Ok(Finding::NotRouted { office: office.to_owned(), target }),
        Seen::Dropped(None) => Ok(Finding::DroppedUnseen),
        Seen::Dropped(Some(place)) => {
            let listing = nft.run(&["-j", "list", "ruleset"], Vec::new())?;
            let listing: Value = serde_json::from_slice(&listing).context("read nft's listing")?;
            if rig.name != tunnel && exempts(&listing, &place, tunnel) {
                return Ok(Finding::Exempted(place));
            }
            let owner = owner(&listing, &place);
            Ok(Finding::Dropped { owner, place, tunnel: tunnel.to_owned(), office: office.to_owned() })
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

/// Whether some rule of that table accepts what comes in by this interface.
fn exempts(listing: &Value, place: &Place, interface: &str) -> bool {
    objects(listing, "rule", place).filter_map(|rule| rule["expr"].as_array()).any(|steps| {
        let names = |step: &Value| {
            let with = &step["match"];
            with["op"] == "==" && with["left"]["meta"]["key"] == "iifname" && with["right"] == interface
        };
        steps.iter().any(names) && steps.iter().any(|step| step.get("accept").is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dropped(owner: Owner) -> Finding {
        let place = Place { family: "ip".into(), table: "filter".into(), chain: "FORWARD".into() };
        Finding::Dropped { owner, place, tunnel: "pass0".into(), office: "eth0".into() }
    }

    #[test]
    fn cures_are_exact() {
        for (owner, first) in [
            (Owner::Docker, "iptables -I DOCKER-USER -i pass0 -o eth0 -j ACCEPT"),
            (Owner::Ufw, "ufw route allow in on pass0 out on eth0"),
            (Owner::Iptables, "iptables -I FORWARD -i pass0 -o eth0 -j ACCEPT"),
            (Owner::Nftables, "nft insert rule ip filter FORWARD iifname pass0 oifname eth0 accept"),
        ] {
            let cure = dropped(owner).cure().unwrap();
            assert_eq!(cure[0].to_string(), first);
        }
        let cure = Finding::ForwardingOff { office: "eth0".into() }.cure().unwrap();
        assert!(cure[0].to_string().starts_with("printf '%s\\n' 'net.ipv4.ip_forward = 1' "), "{}", cure[0]);
        assert_eq!(Finding::Forwarded.cure(), None);
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
