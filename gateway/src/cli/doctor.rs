//! Looks for what is wrong and names the cure: what the gateway says of itself, check by check, and what root alone sees.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::client::Client;
use super::output::{say, say_json};
use super::probe;
use crate::config::Config;
use crate::detect;
use crate::firewall::load::Nft;
use crate::http::health::Firewalls;
use crate::http::settings::Settings;
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
    state: State,
    /// What is wrong and the cure; what was found where all is well.
    note: String,
}

impl Doctor {
    pub(super) fn run(&self, config: anyhow::Result<Config>, json: bool) -> anyhow::Result<ExitCode> {
        if self.undo_cure {
            return self.undo(&config?, json);
        }
        let mut checks = vec![tun(), nft()];
        match config {
            Ok(config) => {
                checks.push(Check::well("configuration", "readable"));
                checks.extend(gateway(&config));
                checks.push(agents(&config));
                checks.push(self.probe(&config, settings(&config).ok().as_ref()));
            }
            Err(error) => checks.push(Check::ill("configuration", format!("{error:#}"))),
        }
        if json {
            say_json(&checks)?;
        } else {
            for check in &checks {
                say(format_args!("{:<8} {}: {}", check.word(), check.what, check.note));
            }
        }
        let trouble = checks.iter().any(|c| c.state == State::Trouble);
        Ok(if trouble { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn undo(&self, config: &Config, json: bool) -> anyhow::Result<ExitCode> {
        anyhow::ensure!(rustix::process::geteuid().is_root(), "this needs root: run it with sudo");
        let settings = settings(config).ok();
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
                    &format!("a probe reached {interface}; no other firewall shuts off portal, WireGuard or agents"),
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
        Self { what, state: State::Well, note: note.to_owned() }
    }

    fn ill(what: &'static str, note: String) -> Self {
        Self { what, state: State::Trouble, note }
    }

    fn word(&self) -> &'static str {
        match self.state {
            State::Well => "well",
            State::Watch => "look at",
            State::Trouble => "TROUBLE",
            State::Unknown => "unknown",
        }
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

/// Whether agents of office PCs find somebody who hears them. What drops them on the way, the probe finds.
fn agents(config: &Config) -> Check {
    const WHAT: &str = "agents of office PCs";
    let port = config.agents_port;
    if port == 0 {
        return Check::well(WHAT, "not heard: agents_port is 0");
    }
    if probe::listens(port) {
        return Check::well(WHAT, &format!("heard on TCP {port}"));
    }
    let note = if config.office_listen.is_empty() {
        format!(
            "nothing listens on TCP {port}: name this machine's address on the office LAN in office_listen, and restart \
             passerelle; agents_port = 0 if no office PC is to have an agent"
        )
    } else {
        format!("nothing listens on TCP {port}: look at `systemctl status passerelle`, and who else has the port")
    };
    Check { what: WHAT, state: State::Watch, note }
}

fn settings(config: &Config) -> anyhow::Result<Settings> {
    Client::of(config).and_then(|client| client.get("settings"))
}

/// What the gateway finds, as its health page tells it.
fn gateway(config: &Config) -> Vec<Check> {
    let asked: anyhow::Result<Vec<Line>> = Client::of(config).and_then(|client| client.get("health"));
    match asked {
        Ok(lines) => lines.into_iter().filter_map(named).collect(),
        // Then the clock is looked at from here: it may be why.
        Err(error) => vec![Check::ill("gateway", format!("{error:#}")), clock()],
    }
}

fn named(Line { check, state, detail, .. }: Line) -> Option<Check> {
    let what = match check {
        health::Check::DataPlane => "data plane",
        health::Check::SecondLock => "second lock (nftables)",
        // Looked at below, by a probe.
        health::Check::OtherFirewalls => return None,
        health::Check::Forwarding => "forwarding",
        health::Check::Clock => "clock",
        health::Check::Restored => "database of today",
        health::Check::Storage => "database stores",
        health::Check::Disk => "room on the disk",
        health::Check::WaitingCuts => "cuts are stored",
        health::Check::Certificate => "certificate",
        health::Check::Dns => "DNS",
        health::Check::PublicName => "public name",
        health::Check::Outside => "from outside",
        health::Check::Unheard => "devices that came",
    };
    let note = detail.unwrap_or_else(|| match state {
        State::Well => "as it should be".to_owned(),
        _ => "it cannot be told now".to_owned(),
    });
    Some(Check { what, state, note })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_told_as_it_is() {
        let lines = health::Facts { devices: 1, ..health::Facts::default() }.lines(crate::clock::Unix(0));
        let told: Vec<_> = lines.iter().cloned().filter_map(named).collect();
        assert_eq!(told.len(), lines.len() - 1, "all but other firewalls");
        for line in lines.iter().filter(|l| l.state != State::Well && l.check != health::Check::OtherFirewalls) {
            let note = line.detail.clone().unwrap_or_else(|| "it cannot be told now".to_owned());
            assert!(told.iter().any(|c| c.state == line.state && c.note == note), "{line:?}");
        }
        let words: std::collections::BTreeSet<_> = told.iter().map(Check::word).collect();
        assert!(words.contains("TROUBLE") && words.contains("look at") && words.contains("well"), "{words:?}");
    }
}
