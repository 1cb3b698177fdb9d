//! Sets of people.

use clap::Subcommand;

use super::Context;
use super::client::escape;
use super::output::{list, say, say_json};
use super::user::carried_out;
use crate::http::groups::{AddGroup, Group as Set};

#[derive(Debug, Subcommand)]
pub(super) enum Group {
    /// Add a group; `passerelle user group` puts people in
    Add {
        /// Name for people
        name: String,
    },
    /// Every group and who is in it
    List,
    /// Remove a group, its policies with it
    Remove {
        /// Name or id
        group: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Group {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add { name } => {
                let group: Set = context.client.post("groups", &AddGroup { name })?;
                if context.json {
                    return say_json(&group);
                }
                say(format_args!(
                    "Group {} is added. Next: passerelle user group LOGIN --add '{}'",
                    group.name, group.name
                ));
                Ok(())
            }
            Self::List => {
                let groups: Vec<Set> = context.client.get("groups")?;
                let empty = "No group yet. Add one with `passerelle group add NAME`.";
                list(context.json, &groups, empty, &["GROUP", "MEMBERS"], |g| {
                    vec![g.name.clone(), g.members.join(", ")]
                })
            }
            Self::Remove { group, yes } => {
                super::sure(&format!("Remove group {group}? Its members lose what it gives them."), yes)?;
                carried_out(context, &context.client.delete(&format!("groups/{}", escape(&group)))?, |ms| {
                    format!("Group {group} is removed; what it gave no longer passes (after {ms} ms).")
                })
            }
        }
    }
}
