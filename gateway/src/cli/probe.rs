//! Whether a packet from the tunnel gets into the office past this machine's other firewalls, and the cure.

use std::fmt;

use serde::Serialize;

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
}

impl Probed {
    pub(super) fn failed(error: &anyhow::Error) -> Self {
        Self { passes: false, sentence: format!("not tried: {error:#}"), cure: Vec::new() }
    }

    fn new(finding: &Finding, cure: &[Step]) -> Self {
        let cure = cure.iter().map(ToString::to_string).collect();
        Self { passes: finding.is_fine(), sentence: finding.sentence(), cure }
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

/// Sends a probe from the tunnel towards the office, and deals with what drops it.
pub(super) fn probe(tunnel: &str, office: &str, cure: Cure) -> anyhow::Result<Probed> {
    let finding = probe::run(tunnel, office)?;
    let steps = finding.cure().unwrap_or_default();
    let probed = Probed::new(&finding, &steps);
    let apply = !steps.is_empty()
        && match cure {
            Cure::Apply => true,
            Cure::Show => false,
            Cure::Ask => {
                say(&probed);
                dialoguer::Confirm::new().with_prompt("Run this now?").default(false).interact()?
            }
        };
    if !apply {
        return Ok(probed);
    }
    probe::apply_cure(&steps)?;
    let after = probe::run(tunnel, office)?;
    Ok(Probed::new(&after, &after.cure().unwrap_or_default()))
}
