//! Who uses which office PC from afar, and ending that.

use clap::Subcommand;

use super::Context;
use super::client::escape;
use super::moment::local;
use super::output::{list, say, say_json};
use super::status::bytes;
use crate::http::desktops::Desktop as Shown;

#[derive(Debug, Subcommand)]
pub(super) enum Desktop {
    /// Who is connected to which office PC through the gateway now
    List,
    /// Disconnect somebody from an office PC, at once; what they had open there stays open
    End {
        /// Id, as `passerelle desktop list` shows it
        desktop: String,
    },
}

impl Desktop {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::List => all(context),
            Self::End { desktop } => {
                context.client.act::<()>(&format!("desktops/{}/end", escape(&desktop)))?;
                if context.json {
                    return say_json(&serde_json::json!({ "ended": desktop }));
                }
                say("It was disconnected.");
                Ok(())
            }
        }
    }
}

fn all(context: &Context) -> anyhow::Result<()> {
    let all: Vec<Shown> = context.client.get("desktops")?;
    let head = ["PC", "WHO", "DEVICE", "SINCE", "IN", "OUT", "ID"];
    list(context.json, &all, "Nobody is connected to an office PC through the gateway now.", &head, |one| {
        vec![
            one.workstation.clone(),
            one.login.clone(),
            one.device_name.clone(),
            local(one.since),
            bytes(one.rx),
            bytes(one.tx),
            one.id.to_string(),
        ]
    })
}
