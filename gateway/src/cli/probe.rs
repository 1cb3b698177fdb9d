//! Whether a packet from the tunnel gets into the office past this machine's other firewalls, and the cure.

use serde::Serialize;

use super::output::say;
use crate::firewall::probe;

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

/// What was found; said already, unless in JSON.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Probed {
    pub(super) passes: bool,
    pub(super) sentence: String,
    /// The commands that help, as one would type them.
    pub(super) cure: Vec<String>,
}

impl Probed {
    pub(super) fn failed(error: &anyhow::Error) -> Self {
        Self { passes: false, sentence: format!("not tried: {error:#}"), cure: Vec::new() }
    }
}

/// Sends a probe from the tunnel towards the office, and deals with what drops it.
pub(super) fn probe(interface: &str, cure: Cure, json: bool) -> anyhow::Result<Probed> {
    let finding = probe::run(interface)?;
    let steps = finding.cure().unwrap_or_default();
    let shown: Vec<String> = steps.iter().map(ToString::to_string).collect();
    if !json {
        say(format_args!("{}.", finding.sentence()));
        for step in &shown {
            say(format_args!("    {step}"));
        }
    }
    let apply = !steps.is_empty()
        && match cure {
            Cure::Apply => true,
            Cure::Show => false,
            Cure::Ask => dialoguer::Confirm::new().with_prompt("Run this now?").default(false).interact()?,
        };
    if !apply {
        return Ok(Probed { passes: finding.is_fine(), sentence: finding.sentence(), cure: shown });
    }
    probe::apply_cure(&steps)?;
    let after = probe::run(interface)?;
    if !json {
        say(format_args!("Applied. Now: {}.", after.sentence()));
    }
    Ok(Probed { passes: after.is_fine(), sentence: after.sentence(), cure: shown })
}
