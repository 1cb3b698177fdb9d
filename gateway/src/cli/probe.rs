//! Whether a packet from the tunnel gets into the office past this machine's other firewalls, and the cure.

use std::{fmt, fs};

use serde::Serialize;

use super::input::yes_or_no;
use super::output::say;
use crate::config::Config;
use crate::firewall::probe::{self, Finding, Step};

/// What to do about a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cure {
    /// Apply it: the person said so in the arguments.
    Apply,
    /// Ask first.
    Ask,
    /// Only show it.
    Show,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Probed {
    pub(super) passes: bool,
    pub(super) sentence: String,
    /// The commands that help, as one would type them; empty when they were run.
    pub(super) cure: Vec<String>,
    /// Said already, with the question.
    #[serde(skip)]
    pub(super) shown: bool,
}

impl Probed {
    pub(super) fn failed(error: &anyhow::Error) -> Self {
        Self { passes: false, sentence: format!("not tried: {error:#}"), cure: Vec::new(), shown: false }
    }

    fn new(findings: &[Finding]) -> Self {
        let ill: Vec<_> = findings.iter().filter(|finding| !finding.is_fine()).collect();
        // Where all is well, that of the office, which comes first, says so.
        let said = if ill.is_empty() { findings.iter().take(1).collect() } else { ill };
        let passes = findings.iter().all(Finding::is_fine);
        let sentence = said.iter().map(|finding| finding.sentence()).collect::<Vec<_>>().join("; ");
        let cure = steps(findings).iter().map(ToString::to_string).collect();
        Self { passes, sentence, cure, shown: false }
    }
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        if !self.cure.is_empty() {
            write!(f, "; this cures it:\n    {}", self.cure.join("\n    "))?;
        }
        Ok(())
    }
}

/// All cures together, none twice.
fn steps(findings: &[Finding]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for step in findings.iter().filter_map(Finding::cure).flatten() {
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps
}

/// Sends probes on all ways that devices need, and deals with what drops them.
pub(super) fn probe(config: &Config, office: &str, cure: Cure) -> anyhow::Result<Probed> {
    let look = || probe::run(&config.interface, office, &config.ports, agents(config));
    let findings = look()?;
    let steps = steps(&findings);
    let mut probed = Probed::new(&findings);
    let apply = !steps.is_empty()
        && match cure {
            Cure::Apply => true,
            Cure::Show => false,
            Cure::Ask => {
                say(format_args!("\nThe way into the office: {probed}\n"));
                probed.shown = true;
                // Set-up is done by then: whoever goes away has said no.
                yes_or_no("Run this now?", false).unwrap_or(false)
            }
        };
    if !apply {
        return Ok(probed);
    }
    probe::apply_cure(&steps)?;
    Ok(Probed::new(&look()?))
}

/// The port where agents of office PCs are heard, if they are.
fn agents(config: &Config) -> Option<u16> {
    let port = config.agents_port;
    (port != 0 && (!config.office_listen.is_empty() || listens(port))).then_some(port)
}

/// Whether a program of this machine listens on this TCP port.
pub(super) fn listens(port: u16) -> bool {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    tables.iter().any(|table| is_listening(table, port))
}

/// As the kernel tells: the second column is address and port in hexadecimal, the fourth `0A` of who listens.
fn is_listening(table: &str, port: u16) -> bool {
    table.lines().skip(1).any(|line| {
        let columns: Vec<&str> = line.split_whitespace().take(4).collect();
        let [_, local, _, "0A"] = columns[..] else { return false };
        local.rsplit_once(':').is_some_and(|(_, hex)| u16::from_str_radix(hex, 16) == Ok(port))
    })
}

/// Takes back what cures put into other firewalls, and says what was run.
pub(super) fn undo(config: &Config, office: &str) -> anyhow::Result<Vec<String>> {
    let steps = probe::undo(&config.interface, office, &config.ports, Some(config.agents_port))?;
    probe::apply_cure(&steps)?;
    Ok(steps.iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_is_told_by_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue\n   \
             0: 0100007F:20FC 00000000:0000 0A 00000000:00000000 00:00000000\n   \
             1: 0201A8C0:20FD 0301A8C0:C350 01 00000000:00000000 00:00000000\n   \
             2: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 0\n";
        assert!(is_listening(table, 8444) && is_listening(table, 443));
        assert!(!is_listening(table, 8445) && !is_listening(table, 50000), "a connection is no listener");
        assert!(!is_listening("", 8444) && !is_listening("x\ny\n", 8444));
    }
}
