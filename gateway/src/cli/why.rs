//! May this user reach this resource now, and why (not)?

use clap::Args;

use super::Context;
use super::moment::{lasting, local, parse_end};
use super::output::{say, say_json};
use crate::clock::Unix;
use crate::http::why::{Why as Answer, WhyDevice, WhyReason, WhyVerdict};

#[derive(Debug, Args)]
pub(super) struct Why {
    /// Login or id
    user: String,
    /// Name or id of a share or service
    resource: String,
    /// Not now, but then: 2026-12-31, "2026-12-31 18:00", 8h or 30d
    #[arg(long, value_name = "WHEN")]
    at: Option<String>,
}

impl Why {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let mut query = vec![("user", self.user), ("resource", self.resource)];
        if let Some(text) = self.at {
            query.push(("at", parse_end(&text, Unix::now())?.0.to_string()));
        }
        let answer: Answer = context.client.get_with("why", &query)?;
        if context.json {
            return say_json(&answer);
        }
        if answer.devices.is_empty() || !answer.reasons.is_empty() {
            say(format_args!("No: {} cannot reach {}.", answer.user, answer.resource));
            say_reasons(&answer.reasons);
        }
        for device in &answer.devices {
            say_device(device, &answer.reasons);
        }
        if answer.devices.iter().any(|d| matches!(d.verdict, WhyVerdict::Allow)) {
            say("An end moves while the door is used, until the time that the settings give it after sign-in is over.");
        }
        Ok(())
    }
}

fn say_device(device: &WhyDevice, said: &[WhyReason]) {
    match device.verdict {
        WhyVerdict::Allow => {
            let policy = device.policy.as_deref().unwrap_or("a policy");
            let end = match (device.until, device.remaining_ms) {
                (Some(at), Some(ms)) => format!(", until {} (another {})", local(at), lasting(ms)),
                (Some(at), None) => format!(", until {}", local(at)),
                _ => String::new(),
            };
            say(format_args!("Yes: {} passes, by {policy}{end}.", device.name));
        }
        WhyVerdict::Deny => {
            say(format_args!("No: {} is refused.", device.name));
            let more: Vec<_> = device.reasons.iter().filter(|r| !said.contains(r)).cloned().collect();
            say_reasons(&more);
        }
    }
}

fn say_reasons(reasons: &[WhyReason]) {
    for reason in reasons {
        say(format_args!("  – {}", reason.sentence));
        say(format_args!("    {}", reason.cure));
    }
}
