//! Who uses which office PC from afar, and ending that.

use clap::Subcommand;

use super::client::escape;
use super::moment::local;
use super::output::{list, say, say_json};
use super::status::bytes;
use super::{Context, sure};
use crate::desktop::Via;
use crate::http::desktops::{Admit, Desktop as Shown, TellDesktop};

#[derive(Debug, Subcommand)]
pub(super) enum Desktop {
    /// Who is connected to which office PC through the gateway now
    List,
    /// Disconnect somebody from an office PC, at once; what they had open there stays open
    End {
        /// Id, as `passerelle desktop list` shows it
        desktop: String,
    },
    /// Tell somebody who is at an office PC something: on their page, or on the PC's screen
    Tell {
        /// Id, as `passerelle desktop list` shows it
        desktop: String,
        /// One line, at most 200 characters
        text: String,
    },
    /// Let somebody come to an office PC though somebody is at it, for three minutes: whoever sits there loses it
    Admit {
        /// Login or id
        user: String,
        /// Name or id of the workstation
        workstation: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
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
            Self::Tell { desktop, text } => {
                context.client.post::<()>(&format!("desktops/{}/message", escape(&desktop)), &TellDesktop { text })?;
                if context.json {
                    return say_json(&serde_json::json!({ "told": desktop }));
                }
                say("It is on their screen.");
                Ok(())
            }
            Self::Admit { user, workstation, yes } => {
                sure(&format!("Let {user} come to {workstation}? Whoever is at it is signed out or locked out."), yes)?;
                let admit = Admit { user, workstation };
                context.client.post::<()>("desktops/admit", &admit)?;
                if context.json {
                    return say_json(&serde_json::json!({ "admitted": admit.user }));
                }
                let Admit { user, workstation } = admit;
                say(format_args!("{user} may come to {workstation} within three minutes."));
                Ok(())
            }
        }
    }
}

fn all(context: &Context) -> anyhow::Result<()> {
    let all: Vec<Shown> = context.client.get("desktops")?;
    let head = ["PC", "WHO", "DEVICE", "BY", "SINCE", "IN", "OUT", "ID"];
    list(context.json, &all, "Nobody is connected to an office PC through the gateway now.", &head, |one| {
        vec![
            one.workstation.clone(),
            one.login.clone(),
            one.device_name.clone(),
            match one.via {
                Via::App => "app",
                Via::Browser => "browser",
            }
            .to_owned(),
            local(one.since),
            bytes(one.rx),
            bytes(one.tx),
            one.id.to_string(),
        ]
    })
}
