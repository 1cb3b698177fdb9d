//! Doors that are open.

use clap::Subcommand;

use super::Context;
use super::client::escape;
use super::moment::{lasting, local};
use super::output::list;
use super::user::carried_out;
use crate::http::verifications::Verification as Opening;

#[derive(Debug, Subcommand)]
pub(super) enum Verification {
    /// Doors that are open
    List {
        /// Those that were open, too: the latest thousand
        #[arg(long)]
        all: bool,
    },
    /// Lock a door now
    End {
        /// Id, as `passerelle verification list` shows it
        verification: String,
    },
}

impl Verification {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::List { all } => {
                let openings: Vec<Opening> = context.client.get_with("verifications", &[("all", all.to_string())])?;
                let head = ["USER", "DEVICE", "OPENED", "STATE", "ID"];
                list(context.json, &openings, "Every door is locked.", &head, |v| {
                    let state = match (v.ended_at, v.remaining_ms) {
                        (Some(at), _) => format!("ended {}", local(at)),
                        (None, Some(ms)) => format!("open until {} (another {})", local(v.until), lasting(ms)),
                        (None, None) => format!("locked since {}", local(v.until)),
                    };
                    vec![v.login.clone(), v.device_name.clone(), local(v.started_at), state, v.id.to_string()]
                })
            }
            Self::End { verification } => {
                let answer = context.client.act(&format!("verifications/{}/end", escape(&verification)))?;
                carried_out(context, &answer, |ms| format!("The door is locked (after {ms} ms)."))
            }
        }
    }
}
