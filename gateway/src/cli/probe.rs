//! Whether a packet from the tunnel gets into the office past this machine's other firewalls, and the cure.

use std::fmt;

use serde::Serialize;

use super::input::yes_or_no;
use super::output::say;
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

    fn new(finding: &Finding, cure: &[Step]) -> Self {
        let cure = cure.iter().map(ToString::to_string).collect();
        Self { passes: finding.is_fine(), sentence: finding.sentence(), cure, shown: false }
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

/// Whether this machine forwards IPv4 packets at all; true where that cannot be read.
pub(super) fn forwards() -> bool {
    !std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").is_ok_and(|value| value.trim() == "0")
}

/// Sends a probe from the tunnel towards the office, and deals with what drops it.
pub(super) fn probe(tunnel: &str, office: &str, cure: Cure) -> anyhow::Result<Probed> {
    let finding = probe::run(tunnel, office)?;
    let steps = finding.cure().unwrap_or_default();
    let mut probed = Probed::new(&finding, &steps);
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
    let after = probe::run(tunnel, office)?;
    Ok(Probed::new(&after, &after.cure().unwrap_or_default()))
}
