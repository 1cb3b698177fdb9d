//! Whether a packet from the tunnel gets into the office past this machine's other firewalls, and the cure.

use serde::Serialize;

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
}

impl Probed {
    pub(super) fn failed(error: &anyhow::Error) -> Self {
        Self { passes: false, sentence: format!("not tried: {error:#}") }
    }
}

/// Sends a probe from the tunnel towards the office, and deals with what drops it.
pub(super) fn probe(interface: &str, cure: Cure, _json: bool) -> anyhow::Result<Probed> {
    let _ = cure;
    anyhow::bail!(
        "this version cannot send a probe towards {interface} yet; look with `nft list ruleset` for a chain of hook forward with policy drop"
    )
}
