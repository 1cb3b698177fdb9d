//! What makes other firewalls let through what they dropped, in their own words; and what takes it back.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::super::load::Nft;
use super::{Owner, Place, Step, Way};

/// Programs are found here, whatever the caller's own is.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What rules of nftables say by their comment, and what firewalld's zone and policy are called.
const OURS: &str = "passerelle";

pub(super) fn run(words: &[&str]) -> Step {
    Step::Run(words.iter().map(|w| (*w).to_owned()).collect())
}

/// The cure.
pub(super) fn steps(way: Way, owner: Owner, place: &Place, tunnel: &str, office: &str, v6: bool) -> Vec<Step> {
    let chain = match (way, owner) {
        (Way::Office, Owner::Docker) => "DOCKER-USER",
        (Way::Office, _) => "FORWARD",
        _ => "INPUT",
    };
    match owner {
        Owner::Docker | Owner::Iptables => {
            let programs: &[&str] = match (place.family.as_str(), v6) {
                ("ip6", _) => &["ip6tables"],
                (_, false) => &["iptables"],
                (_, true) => &["iptables", "ip6tables"],
            };
            let rules = iptables(way, tunnel, office);
            let each = programs.iter().flat_map(|program| rules.iter().map(move |rule| (*program, rule)));
            each.map(|(program, rule)| with(&[program, "-I", chain], rule)).collect()
        }
        Owner::Ufw => vec![with(&["ufw"], &ufw(way, tunnel, office))],
        Owner::Firewalld => firewalld(way, tunnel),
        Owner::Nftables => {
            let insert = ["nft", "insert", "rule", &place.family, &place.table, &place.chain];
            nftables(way, tunnel, office).iter().map(|rule| with(&insert, rule)).collect()
        }
    }
}

/// What comes to this machine itself.
pub(super) fn inward(ports: &[u16], agents: Option<u16>) -> impl Iterator<Item = Way> {
    let wireguard = ports.iter().map(|port| Way::WireGuard(*port));
    [Way::Portal].into_iter().chain(wireguard).chain(agents.map(Way::Agents))
}

fn with(words: &[&str], more: &[String]) -> Step {
    Step::Run(words.iter().map(|w| (*w).to_owned()).chain(more.iter().cloned()).collect())
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn iptables(way: Way, tunnel: &str, office: &str) -> Vec<Vec<String>> {
    let replies = format!("-i {office} -o {tunnel} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT");
    match way {
        Way::Office => vec![words(&format!("-i {tunnel} -o {office} -j ACCEPT")), words(&replies)],
        Way::Portal => vec![words(&format!("-i {tunnel} -j ACCEPT"))],
        Way::WireGuard(port) => vec![words(&format!("-p udp --dport {port} -j ACCEPT"))],
        Way::Agents(port) => vec![words(&format!("-i {office} -p tcp --dport {port} -j ACCEPT"))],
    }
}

fn ufw(way: Way, tunnel: &str, office: &str) -> Vec<String> {
    words(&match way {
        Way::Office => format!("route allow in on {tunnel} out on {office}"),
        Way::Portal => format!("allow in on {tunnel}"),
        Way::WireGuard(port) => format!("allow {port}/udp"),
        Way::Agents(port) => format!("allow in on {office} to any port {port} proto tcp"),
    })
}

fn nftables(way: Way, tunnel: &str, office: &str) -> Vec<Vec<String>> {
    let replies = format!("iifname {office} oifname {tunnel} ct state established,related accept");
    let rules = match way {
        Way::Office => vec![format!("iifname {tunnel} oifname {office} accept"), replies],
        Way::Portal => vec![format!("iifname {tunnel} accept")],
        Way::WireGuard(port) => vec![format!("udp dport {port} accept")],
        Way::Agents(port) => vec![format!("iifname {office} tcp dport {port} accept")],
    };
    rules.iter().map(|rule| words(&format!("{rule} comment {OURS}"))).collect()
}

fn firewalld(way: Way, tunnel: &str) -> Vec<Step> {
    let permanent = |rest: &str| with(&["firewall-cmd", "--permanent"], &words(rest));
    let mut steps = match way {
        Way::Office => vec![
            permanent("--new-zone=passerelle"),
            permanent(&format!("--zone=passerelle --add-interface {tunnel}")),
            permanent("--new-policy=passerelle"),
            permanent("--policy=passerelle --add-ingress-zone=passerelle"),
            permanent("--policy=passerelle --add-egress-zone=ANY"),
            permanent("--policy=passerelle --set-target=ACCEPT"),
        ],
        // After the zone was made for the way into the office, which the same firewall drops.
        Way::Portal => vec![permanent("--zone=passerelle --set-target=ACCEPT")],
        Way::WireGuard(port) => vec![permanent(&format!("--add-port={port}/udp"))],
        Way::Agents(port) => vec![permanent(&format!("--add-port={port}/tcp"))],
    };
    steps.push(run(&["firewall-cmd", "--reload"]));
    steps
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
                // What it prints is kept from our own output, which may be JSON.
                let out = Command::new(program)
                    .args(arguments)
                    .env("PATH", PATH)
                    .stdin(Stdio::null())
                    .output()
                    .with_context(what)?;
                let complaint = String::from_utf8_lossy(&out.stderr);
                ensure!(out.status.success(), "{}: {} {}", what(), out.status, complaint.trim());
            }
        }
    }
    Ok(())
}

/// What takes back every cure of another firewall that is in place now; nothing where there is none. Forwarding stays on.
///
/// # Errors
/// nft cannot be asked.
pub fn undo(tunnel: &str, office: &str, ports: &[u16], agents: Option<u16>) -> anyhow::Result<Vec<Step>> {
    let ways: Vec<Way> = [Way::Office].into_iter().chain(inward(ports, agents)).collect();
    let mut steps = Vec::new();
    let added = said(&["ufw", "show", "added"]).unwrap_or_default();
    for rule in ways.iter().map(|way| ufw(*way, tunnel, office)) {
        let line = format!("ufw {}", rule.join(" "));
        if added.lines().any(|l| l.trim() == line) {
            // `ufw route delete allow …`, `ufw delete allow …`
            let at = rule.iter().position(|word| word == "allow").unwrap_or(0);
            let (before, after) = rule.split_at(at);
            let before: Vec<_> =
                ["ufw"].into_iter().chain(before.iter().map(String::as_str)).chain(["delete"]).collect();
            steps.push(with(&before, after));
        }
    }
    for program in ["iptables", "ip6tables"] {
        for chain in ["DOCKER-USER", "FORWARD", "INPUT"] {
            let here = ways.iter().filter(|way| (chain == "INPUT") != (**way == Way::Office));
            for rule in here.flat_map(|way| iptables(*way, tunnel, office)) {
                let is: Vec<_> = [program, "-C", chain].into_iter().chain(rule.iter().map(String::as_str)).collect();
                if said(&is).is_some() {
                    steps.push(with(&[program, "-D", chain], &rule));
                }
            }
        }
    }
    let listing = Nft::find()?.run(&["-j", "list", "ruleset"], Vec::new())?;
    steps.extend(by_handle(&serde_json::from_slice(&listing).context("read nft's listing")?));
    if said(&["firewall-cmd", "--permanent", "--get-policies"]).is_some_and(|p| p.split_whitespace().any(|p| p == OURS))
    {
        steps.push(run(&["firewall-cmd", "--permanent", "--delete-policy=passerelle"]));
        steps.push(run(&["firewall-cmd", "--permanent", "--delete-zone=passerelle"]));
        let udp = ports.iter().map(|port| format!("{port}/udp"));
        for port in udp.chain(agents.map(|port| format!("{port}/tcp"))) {
            steps.push(with(&["firewall-cmd", "--permanent"], &[format!("--remove-port={port}")]));
        }
        steps.push(run(&["firewall-cmd", "--reload"]));
    }
    Ok(steps)
}

/// Rules of others' tables that say by their comment whose they are.
fn by_handle(listing: &Value) -> Vec<Step> {
    let rules = listing["nftables"].as_array().into_iter().flatten().filter_map(|o| o.get("rule"));
    let delete = |rule: &Value| {
        let handle = rule["handle"].as_u64()?.to_string();
        let [family, table, chain] = ["family", "table", "chain"].map(|key| rule[key].as_str());
        Some(run(&["nft", "delete", "rule", family?, table?, chain?, "handle", &handle]))
    };
    rules.filter(|rule| rule["comment"] == OURS).filter_map(delete).collect()
}

/// What a program printed, if it is there and ended well.
fn said(argv: &[&str]) -> Option<String> {
    let (program, arguments) = argv.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", PATH).env("LC_ALL", "C").stdin(Stdio::null()).stderr(Stdio::null());
    let out = command.output().ok().filter(|out| out.status.success())?;
    Some(String::from_utf8_lossy(&out.stdout).into_owned())
}
