//! Looks for what is wrong and names the cure.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::client::Client;
use super::output::{say, say_json};
use super::{detect, probe, status};
use crate::config::Config;
use crate::dns::ask;
use crate::firewall::load::Nft;
use crate::http::health::Firewalls;
use crate::http::settings::Settings;
use crate::http::status::Status;
use crate::pure::health::{self, Line, State};
use crate::pure::shown::deceives;

/// Before this, the clock was never set: 2026-01-01T00:00:00Z.
const PLAUSIBLE: i64 = 1_767_225_600_000;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Interface in the office LAN; the one that the settings name, if absent
    #[arg(long, value_name = "INTERFACE")]
    office_interface: Option<String>,
    /// If another firewall on this machine drops packets on their way to the office: apply the cure that is shown
    #[arg(long)]
    apply_cure: bool,
    /// Take back what cures put into other firewalls on this machine, before this gateway is removed from it
    #[arg(long, conflicts_with = "apply_cure")]
    undo_cure: bool,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Check {
    what: &'static str,
    well: bool,
    /// What is wrong and the cure; what was found where all is well.
    note: String,
}

impl Doctor {
    pub(super) fn run(&self, config: anyhow::Result<Config>, json: bool) -> anyhow::Result<ExitCode> {
        if self.undo_cure {
            return self.undo(&config?, json);
        }
        let mut checks = vec![tun(), nft(), clock()];
        match config {
            Ok(config) => {
                checks.push(Check::well("configuration", "readable"));
                let settings = gateway(&config, &mut checks);
                checks.extend(settings.as_ref().map(dns).unwrap_or_default());
                checks.extend(health(&config));
                checks.push(self.probe(&config, settings.as_ref()));
            }
            Err(error) => checks.push(Check::ill("configuration", format!("{error:#}"))),
        }
        if json {
            say_json(&checks)?;
        } else {
            for check in &checks {
                say(format_args!("{:<8} {}: {}", if check.well { "well" } else { "TROUBLE" }, check.what, check.note));
            }
        }
        Ok(if checks.iter().all(|c| c.well) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn undo(&self, config: &Config, json: bool) -> anyhow::Result<ExitCode> {
        anyhow::ensure!(rustix::process::geteuid().is_root(), "this needs root: run it with sudo");
        let settings = Client::of(config).and_then(|client| client.get("settings")).ok();
        let office = self.office(settings.as_ref()).context("no interface in the office LAN: --office-interface")?;
        let undone = probe::undo(config, &office)?;
        if json {
            say_json(&undone)?;
        } else if undone.is_empty() {
            say("Nothing to take back: no other firewall holds a cure of this gateway's.");
        } else {
            undone.iter().for_each(say);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The interface towards the office: given, in the settings, or detected.
    fn office(&self, settings: Option<&Settings>) -> Option<String> {
        let detected = || detect::Network::detect().ok()?.office().map(|i| i.name.clone());
        self.office_interface.clone().or_else(|| settings.map(|s| s.office_interface.clone())).or_else(detected)
    }

    fn probe(&self, config: &Config, settings: Option<&Settings>) -> Check {
        const WHAT: &str = "way into the office";
        if !rustix::process::geteuid().is_root() {
            return Check::ill(WHAT, "not tried: sending a probe needs root, run this with sudo".to_owned());
        }
        let Some(interface) = self.office(settings) else {
            return Check::ill(
                WHAT,
                "no interface in the office LAN was found; name it with --office-interface".to_owned(),
            );
        };
        let cure = if self.apply_cure { probe::Cure::Apply } else { probe::Cure::Show };
        match probe::probe(config, &interface, cure) {
            Ok(finding) if finding.passes => {
                tell(config, None);
                Check::well(
                    WHAT,
                    &format!("a probe reached {interface}; no other firewall shuts off portal or WireGuard"),
                )
            }
            Ok(finding) => {
                tell(config, Some(one_line(&finding)));
                Check::ill(WHAT, finding.to_string())
            }
            Err(error) => Check::ill(WHAT, format!("{error:#}")),
        }
    }
}

impl Check {
    fn well(what: &'static str, note: &str) -> Self {
        Self { what, well: true, note: note.to_owned() }
    }

    fn ill(what: &'static str, note: String) -> Self {
        Self { what, well: false, note }
    }
}

/// The console's health page knows by this: the gateway itself cannot look at other firewalls.
fn tell(config: &Config, problem: Option<String>) {
    let told = Client::of(config).and_then(|client| client.put("health/firewalls", &Firewalls { problem }));
    // A gateway that does not answer is a line of its own.
    let _: anyhow::Result<Option<()>> = told;
}

/// As the page shows it: no longer than the API takes.
fn one_line(finding: &probe::Probed) -> String {
    let cure = if finding.cure.is_empty() { String::new() } else { format!("; cure: {}", finding.cure.join(" && ")) };
    let text: String = format!("{}{cure}", finding.sentence).chars().filter(|c| !deceives(*c)).collect();
    text.chars().take(1000).collect()
}

fn tun() -> Check {
    match Path::new("/dev/net/tun").exists() {
        true => Check::well("tunnel device", "/dev/net/tun is there"),
        false => Check::ill(
            "tunnel device",
            "/dev/net/tun is missing: `modprobe tun`; in a container, hand the device in".to_owned(),
        ),
    }
}

fn nft() -> Check {
    match Nft::find() {
        Ok(nft) => Check::well("nft", &format!("{} is there", nft.program().display())),
        Err(error) => Check::ill("nft", format!("nothing can be opened: {error}")),
    }
}

fn clock() -> Check {
    if crate::clock::Unix::now().0 >= PLAUSIBLE {
        Check::well("clock", "plausible")
    } else {
        Check::ill(
            "clock",
            "it is years behind, so no code can fit: set it, or `apt install systemd-timesyncd`".to_owned(),
        )
    }
}

/// Each of the office's DNS servers.
fn dns(settings: &Settings) -> Vec<Check> {
    const WHAT: &str = "DNS";
    const HOW: &str =
        "Start it, let it answer this machine, or name another: `passerelle settings change --resolver ADDRESS`.";
    if settings.resolvers.is_empty() {
        return vec![Check::ill(WHAT, format!("no DNS server: while the tunnel is on, names fail for devices. {HOW}"))];
    }
    let asked = ask::ask(&settings.resolvers, &settings.office_zones);
    let check = |asked: &ask::Asked| match asked.sentence(HOW) {
        Some(sentence) => Check::ill(WHAT, sentence),
        None => Check::well(WHAT, &format!("{} answers", asked.resolver)),
    };
    asked.iter().map(check).collect()
}

/// What the gateway finds besides, as its health page tells it.
fn health(config: &Config) -> Vec<Check> {
    let lines: Vec<Line> = Client::of(config).and_then(|client| client.get("health")).unwrap_or_default();
    let named = |line: Line| {
        let what = match line.check {
            health::Check::Disk => "room on the disk",
            health::Check::Certificate => "certificate",
            health::Check::PublicName => "public name",
            health::Check::Outside => "from outside",
            // These are told above, or by `status`.
            _ => return None,
        };
        match (line.state, line.detail) {
            (State::Trouble, detail) => Some(Check::ill(what, detail.unwrap_or_default())),
            (State::Watch, detail) => Some(Check::well(what, &format!("look at it: {}", detail.unwrap_or_default()))),
            (State::Well, _) => Some(Check::well(what, "as it should be")),
            (State::Unknown, _) => None,
        }
    };
    lines.into_iter().filter_map(named).collect()
}

/// What it says of itself; the settings, if it answers.
fn gateway(config: &Config, checks: &mut Vec<Check>) -> Option<Settings> {
    let asked = Client::of(config).and_then(|client| Ok((client.get::<Status>("status")?, client.get("settings")?)));
    match asked {
        Ok((status, settings)) => {
            let sentences = status::sentences(&status).into_iter().skip(1);
            let sentences: Vec<_> = sentences.take_while(|s| !s.starts_with("Site network")).collect();
            checks.push(Check { what: "gateway", well: status.is_well(), note: sentences.join(" ") });
            Some(settings)
        }
        Err(error) => {
            checks.push(Check::ill("gateway", format!("{error:#}")));
            None
        }
    }
}
