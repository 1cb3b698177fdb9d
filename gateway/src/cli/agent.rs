//! Agents of office PCs: tokens that enrol them, and IT's word on which PC each is.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::client::escape;
use super::moment::{local, parse_end};
use super::output::{list, or_dash, say, say_json};
use super::{Context, sure};
use crate::clock::Unix;
use crate::fleet::Alike;
use crate::http::agents::{
    AddAgentToken, Agent as Shown, AgentToken, AgentTokenIssued, ApproveAgent, ApproveAgents, ApproveOne,
    ApprovedAgents, ExpectPc,
};

#[derive(Debug, Subcommand)]
pub(super) enum Agent {
    /// Make a token by which PCs enrol; it is shown this once
    Token(NewToken),
    /// Tokens that were made
    Tokens,
    /// Take a token back, for good; who is enrolled stays so
    RevokeToken {
        /// Name or id, as `passerelle agent tokens` shows them
        id: String,
    },
    /// Every PC that has enrolled
    List,
    /// Say which PC it is; of several, that each is published under its own name
    Approve {
        /// Id, or what the PC calls itself
        #[arg(required_unless_present = "alike")]
        which: Vec<String>,
        /// The workstation it is, by name or id; absent: it is published under its own name
        #[arg(long, value_name = "NAME")]
        workstation: Option<String>,
        /// All that wait and have both the name and the address of a workstation: each is that one
        #[arg(long, conflicts_with_all = ["which", "workstation"])]
        alike: bool,
    },
    /// Take its enrolment back, for good
    Revoke {
        /// Id, or what the PC calls itself
        which: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct NewToken {
    /// What it is for, by which it is found again among the tokens; absent: its workstation, or for how many PCs it is
    #[arg(long = "name", value_name = "NAME")]
    agent_name: Option<String>,
    /// For this workstation alone: it is approved with it
    #[arg(long, value_name = "NAME", conflicts_with_all = ["uses", "hosts"])]
    workstation: Option<String>,
    /// How many PCs it may enrol
    #[arg(long, value_name = "N")]
    uses: Option<u32>,
    /// PCs that are approved without looking at each, once and from their own address: a CSV of what each calls itself
    /// and, if it is another name, which workstation it is; `-` for standard input
    #[arg(long, value_name = "FILE")]
    hosts: Option<PathBuf>,
    /// Its end, within a month: 2026-12-31, 7d; a day if absent
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
}

impl Agent {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Token(new) => new.run(context),
            Self::Tokens => {
                let tokens: Vec<AgentToken> = context.client.get("agents/tokens")?;
                let empty = "No token yet. Make one with `passerelle agent token`.";
                list(context.json, &tokens, empty, &["NAME", "LEFT", "APPROVES", "BY", "UNTIL", "ID"], |t| {
                    let end = match t.revoked_at {
                        Some(_) => "revoked".to_owned(),
                        None if t.until <= Unix::now() => "over".to_owned(),
                        None => local(t.until),
                    };
                    let came = t.hosts.iter().filter(|host| host.agent.is_some()).count();
                    let approves = match (t.workstation, t.hosts.len()) {
                        (Some(_), _) => "one PC".to_owned(),
                        (None, 0) => "you, each".to_owned(),
                        (None, n) => format!("{n} PCs, {came} came"),
                    };
                    vec![t.name.clone(), t.uses.to_string(), approves, t.created_by.clone(), end, t.id.to_string()]
                })
            }
            Self::RevokeToken { id: which } => {
                let tokens: Vec<AgentToken> = context.client.get("agents/tokens")?;
                let named: Vec<_> = tokens.iter().filter(|t| t.revoked_at.is_none() && t.name == which).collect();
                anyhow::ensure!(
                    named.len() < 2,
                    "{} tokens are called {which}: give its id, which `passerelle agent tokens` shows",
                    named.len()
                );
                let id = named.first().map_or(which, |token| token.id.to_string());
                context.client.act::<()>(&format!("agents/tokens/{}/revoke", escape(&id)))?;
                done(context, "revoked", &id, format_args!("The token enrols nobody any more."))
            }
            Self::List => {
                let agents: Vec<Shown> = context.client.get("agents")?;
                let empty = "No PC has enrolled yet. Make a token with `passerelle agent token`.";
                let head = ["HOST", "WORKSTATION", "STATE", "VERSION", "LAST HEARD", "ID"];
                list(context.json, &agents, empty, &head, |a| {
                    let like = a.suggestion.as_ref().map(|s| format!("{}?", s.workstation));
                    let state = match (a.revoked_at, a.approved_at, a.connected) {
                        (Some(_), ..) => "revoked",
                        (None, None, _) => "waits for approval",
                        (None, Some(_), true) => "connected",
                        (None, Some(_), false) => "away",
                    };
                    vec![
                        a.host.clone(),
                        or_dash(a.workstation.as_deref().or(like.as_deref())),
                        state.to_owned(),
                        a.version.clone(),
                        or_dash(a.heard_at.map(local)),
                        a.id.to_string(),
                    ]
                })
            }
            Self::Approve { alike: true, .. } => {
                let agents: Vec<Shown> = context.client.get("agents")?;
                let same = |a: Shown| {
                    let like = a.suggestion.filter(|s| s.by == Alike::NameAndAddress)?;
                    Some(ApproveOne { agent: a.id.to_string(), workstation: Some(like.workstation) })
                };
                several(context, agents.into_iter().filter_map(same).collect())
            }
            Self::Approve { which, workstation, .. } if which.len() != 1 => {
                anyhow::ensure!(workstation.is_none(), "--workstation: say of one PC which workstation it is");
                several(context, which.into_iter().map(|agent| ApproveOne { agent, workstation: None }).collect())
            }
            Self::Approve { which, workstation, .. } => {
                let which = which.first().map(String::as_str).unwrap_or_default();
                let path = format!("agents/{}/approve", escape(which));
                let agent: Shown = context.client.post(&path, &ApproveAgent { workstation })?;
                if context.json {
                    return say_json(&agent);
                }
                let pc = agent.workstation.unwrap_or_default();
                say(format_args!("{} is the workstation {pc}. Who may use it is said by policies.", agent.host));
                Ok(())
            }
            Self::Revoke { which, yes } => {
                sure(&format!("Take the enrolment of {which} back? It has to be enrolled anew."), yes)?;
                context.client.act::<()>(&format!("agents/{}/revoke", escape(&which)))?;
                done(
                    context,
                    "revoked",
                    &which,
                    format_args!(
                        "{which} is not heard any more. The hardware address that it told is forgotten, too; without an \
                         agent, `passerelle workstation change --mac` gives the PC its own."
                    ),
                )
            }
        }
    }
}

impl NewToken {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let hosts = self.hosts.as_deref().map(read_hosts).transpose()?;
        let until = self.until.map(|text| parse_end(&text, Unix::now())).transpose()?;
        let name = self.agent_name.unwrap_or_else(|| match (&self.workstation, &hosts, self.uses) {
            (Some(workstation), ..) => workstation.clone(),
            (None, Some(hosts), _) => format!("{} listed PCs", hosts.len()),
            (None, None, Some(n)) if n > 1 => format!("any {n} PCs"),
            (None, None, _) => "any PC".to_owned(),
        });
        let add = AddAgentToken { name, workstation: self.workstation, uses: self.uses, hosts, until };
        let issued: AgentTokenIssued = context.client.post("agents/tokens", &add)?;
        if context.json {
            return say_json(&issued);
        }
        let at = issued.gateways.first().map_or("ADDRESS-OF-THIS-GATEWAY", String::as_str);
        let how = match issued.token.uses {
            1 => "for one PC".to_owned(),
            n => format!("for {n} PCs"),
        };
        say(format_args!(
            "A token {how}, good until {}, shown this once:\n\n    {}\n\nOn the PC, with its package installed:\n\n    \
             passerelle-agent enrol --gateway {at}\n\nIt asks for the token.",
            local(issued.token.until),
            issued.secret
        ));
        if issued.gateways.is_empty() {
            say("This gateway hears no agents yet: it has no address on the office LAN (office_listen).");
        }
        Ok(())
    }
}

/// Approves several; the command fails if one was not.
fn several(context: &Context, agents: Vec<ApproveOne>) -> anyhow::Result<()> {
    anyhow::ensure!(!agents.is_empty(), "no PC waits that has both the name and the address of a workstation");
    let done: ApprovedAgents = context.client.post("agents/approve", &ApproveAgents { agents })?;
    if context.json {
        return say_json(&done);
    }
    for agent in &done.approved {
        say(format_args!("{} is the workstation {}.", agent.host, agent.workstation.as_deref().unwrap_or_default()));
    }
    let refused: Vec<String> = done.refused.into_iter().map(|one| format!("{}: {}", one.agent, one.why)).collect();
    anyhow::ensure!(refused.is_empty(), "not approved: {}", refused.join("; "));
    Ok(())
}

/// The first two columns of each line that is not empty: what a PC calls itself, and which workstation it is. A first line
/// that names the columns is left out.
fn read_hosts(file: &std::path::Path) -> anyhow::Result<Vec<ExpectPc>> {
    let named = || format!("read the names in {}", file.display());
    let text = if file == std::path::Path::new("-") {
        std::io::read_to_string(std::io::stdin().lock()).with_context(named)?
    } else {
        std::fs::read_to_string(file).with_context(named)?
    };
    let hosts = hosts_of(&text);
    anyhow::ensure!(!hosts.is_empty(), "{} names no PC", file.display());
    Ok(hosts)
}

fn hosts_of(text: &str) -> Vec<ExpectPc> {
    let one = |line: &str| {
        let mut columns = line.split([',', ';', '\t']).map(|column| column.trim().trim_matches('"').trim().to_owned());
        let host = columns.next().filter(|host| !host.is_empty())?;
        Some(ExpectPc { host, workstation: columns.next().filter(|name| !name.is_empty()) })
    };
    let mut all: Vec<ExpectPc> = text.trim_start_matches('\u{feff}').lines().filter_map(one).collect();
    let names = |pc: &ExpectPc| ["host", "hostname", "name"].contains(&pc.host.to_lowercase().as_str());
    if all.first().is_some_and(names) {
        all.remove(0);
    }
    all
}

fn done(context: &Context, key: &str, which: &str, line: std::fmt::Arguments<'_>) -> anyhow::Result<()> {
    if context.json {
        return say_json(&serde_json::json!({ key: which }));
    }
    say(line);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_hosts_and_workstations() {
        let read = |text: &str| -> Vec<(String, Option<String>)> {
            hosts_of(text).into_iter().map(|pc| (pc.host, pc.workstation)).collect()
        };
        let one = |host: &str, pc: Option<&str>| (host.to_owned(), pc.map(str::to_owned));
        let text = "\u{feff}Host;Workstation\r\nPC-01;accounts\r\n\r\n\"PC-02\"; \"desk\" ;x\r\nPC-03\r\nPC-04;\r\n";
        let wanted =
            [one("PC-01", Some("accounts")), one("PC-02", Some("desk")), one("PC-03", None), one("PC-04", None)];
        assert_eq!(read(text), wanted);
        assert_eq!(read("pc-1\npc-2,x"), [one("pc-1", None), one("pc-2", Some("x"))]);
        assert!(read("\n;x\n").is_empty());
    }
}
