//! Which group may reach what.

use clap::Subcommand;

use super::Context;
use super::client::{escape, who_shows_all};
use super::moment::{local, parse_end};
use super::output::{list, say, say_json};
use super::user::carried_out;
use crate::clock::Unix;
use crate::http::policies::{AddPolicy, Policy as Rule};
use crate::ids::PolicyId;
use crate::pure::shown::shown;

#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// A group may reach something that is published
    Add {
        /// Name or id
        group: String,
        /// Name or id of what is published
        resource: String,
        /// Only in these hours of the week, in the office's time zone: "Mo-Fr 07:00-20:00; Sa 09:00-12:00"
        #[arg(long, value_name = "HOURS")]
        hours: Option<String>,
        /// Only until then: 2026-12-31, "2026-12-31 18:00", 8h or 30d
        #[arg(long, value_name = "WHEN")]
        until: Option<String>,
    },
    /// Every policy
    List,
    /// Take it away again
    Remove {
        /// A group and a resource, or the policy's id
        #[arg(required = true, num_args = 1..=2, value_name = "GROUP RESOURCE | ID")]
        which: Vec<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Policy {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add { group, resource, hours, until } => {
                let until = until.map(|text| parse_end(&text, Unix::now())).transpose()?;
                let rule: Rule = context.client.post("policies", &AddPolicy { group, resource, hours, until })?;
                if context.json {
                    return say_json(&rule);
                }
                let end = rule.until.map_or_else(String::new, |at| format!(" until {}", local(at)));
                let hours = rule.hours.map_or_else(String::new, |hours| format!(", {hours}"));
                say(format_args!("{} may reach {}{hours}{end}.", rule.group_name, rule.resource_name));
                Ok(())
            }
            Self::List => {
                let rules: Vec<Rule> = context.client.get("policies")?;
                let empty =
                    "No policy yet: nobody reaches anything. Add one with `passerelle policy add GROUP RESOURCE`.";
                list(context.json, &rules, empty, &["GROUP", "RESOURCE", "HOURS", "UNTIL", "ID"], |r| {
                    let until = r.until.map_or_else(|| "no end".to_owned(), local);
                    let hours = r.hours.clone().unwrap_or_else(|| "always".to_owned());
                    vec![r.group_name.clone(), r.resource_name.clone(), hours, until, r.id.to_string()]
                })
            }
            Self::Remove { which, yes } => {
                let rule = find(context, &which)?;
                let (group, resource) = (&rule.group_name, &rule.resource_name);
                super::sure(&format!("Shall {group} no longer reach {resource}?"), yes)?;
                let path = format!("policies/{}", escape(&rule.id.to_string()));
                carried_out(context, &context.client.delete(&path)?, |ms| {
                    format!("{group} no longer reaches {resource} by this policy (after {ms} ms).")
                })
            }
        }
    }
}

fn find(context: &Context, which: &[String]) -> anyhow::Result<Rule> {
    let rules: Vec<Rule> = context.client.get("policies")?;
    let wanted = |rule: &&Rule| match which {
        [id] => id.parse::<PolicyId>().is_ok_and(|id| id == rule.id),
        [group, resource] => {
            (rule.group_name == *group || rule.group.to_string() == *group)
                && (rule.resource_name == *resource || rule.resource.to_string() == *resource)
        }
        _ => false,
    };
    let found: Vec<&Rule> = rules.iter().filter(wanted).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let all = who_shows_all("policy").unwrap_or_default();
            match which {
                [group, resource] => {
                    anyhow::bail!("no policy lets `{}` reach `{}`; {all}", shown(group), shown(resource))
                }
                _ => anyhow::bail!("no policy `{}`; {all}", shown(&which.join(" "))),
            }
        }
        _ => anyhow::bail!("several policies fit: give the id that `passerelle policy list` shows"),
    }
}
