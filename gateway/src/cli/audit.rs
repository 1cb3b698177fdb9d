//! What was done, by whom, and when.

use clap::Args;

use super::Context;
use super::moment::{local, local_seconds, parse_start};
use super::output::{list, or_dash};
use crate::audit::Event;
use crate::clock::Unix;
use crate::http::audit::AuditEntry;

#[derive(Debug, Args)]
pub(super) struct Audit {
    /// Only from then on: 2026-11-22, "2026-11-22 08:00", 10m, 8h or 30d (ago)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only from before then, written alike
    #[arg(long, value_name = "WHEN")]
    before: Option<String>,
    /// Only this event, such as device_revoked
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(Event::NAMES), hide_possible_values = true)]
    event: Option<String>,
    /// Only what concerns this login or id
    #[arg(long)]
    user: Option<String>,
    /// At most so many lines
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: Option<u32>,
}

/// Details that are moments, in Unix milliseconds.
const TIMES: [&str; 3] = ["until", "at", "made_at"];

impl Audit {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let moment = |text: Option<String>| text.map(|text| parse_start(&text, Unix::now())).transpose();
        let (since, before) = (moment(self.since)?, moment(self.before)?);
        let query: Vec<(&str, String)> = [
            ("since", since.map(|at| at.0.to_string())),
            ("before", before.map(|at| at.0.to_string())),
            ("event", self.event),
            ("user", self.user),
            ("limit", self.limit.map(|n| n.to_string())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        let entries: Vec<AuditEntry> = context.client.get_with("audit", &query)?;
        list(context.json, &entries, "Nothing fits.", &["WHEN", "WHO", "EVENT", "USER", "DETAILS"], |e| {
            let user = or_dash(e.user.as_ref());
            vec![local_seconds(e.at), e.actor.clone(), e.event.clone(), user, details(&e.details)]
        })
    }
}

fn details(value: &serde_json::Value) -> String {
    let Some(fields) = value.as_object() else { return String::new() };
    let one = |(name, value): (&String, &serde_json::Value)| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(format!("{name}={text}")),
        serde_json::Value::Number(at) if TIMES.contains(&name.as_str()) => {
            Some(format!("{name}={}", at.as_i64().map_or_else(|| at.to_string(), |ms| local(Unix(ms)))))
        }
        other => Some(format!("{name}={other}")),
    };
    // What came from outside must not move the cursor.
    fields.iter().filter_map(one).collect::<Vec<_>>().join(" ").replace(char::is_control, "·")
}
