//! Agents of office PCs: tokens that enrol them, and IT's word on which PC each is.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::client::escape;
use super::moment::{local, parse_end};
use super::output::{list, or_dash, say, say_json};
use super::{Context, sure};
use crate::clock::Unix;
use crate::http::agents::{AddAgentToken, Agent as Shown, AgentToken, AgentTokenIssued, ApproveAgent};

#[derive(Debug, Subcommand)]
pub(super) enum Agent {
    /// Make a token by which PCs enrol; it is shown this once
    Token(NewToken),
    /// Tokens that were made
    Tokens,
    /// Take a token back, for good; who is enrolled stays so
    RevokeToken {
        /// Id, as `passerelle agent tokens` shows it
        id: String,
    },
    /// Every PC that has enrolled
    List,
    /// Say which PC it is
    Approve {
        /// Id, or what the PC calls itself
        which: String,
        /// The workstation it is, by name or id; absent: it is published under its own name
        #[arg(long, value_name = "NAME")]
        workstation: Option<String>,
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
    /// What it is for
    #[arg(long = "name", value_name = "NAME", default_value = "office PC")]
    agent_name: String,
    /// For this workstation alone: it is approved with it
    #[arg(long, value_name = "NAME", conflicts_with_all = ["uses", "approve", "hosts"])]
    workstation: Option<String>,
    /// How many PCs it may enrol
    #[arg(long, value_name = "N")]
    uses: Option<u32>,
    /// Approve them without looking at each
    #[arg(long)]
    approve: bool,
    /// Only PCs named in this file are approved, one a line (first column of a CSV); `-` for standard input
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
                    let approves = match (t.approves, &t.hosts) {
                        (false, _) => "no".to_owned(),
                        (true, Some(hosts)) => format!("{} PCs", hosts.len()),
                        (true, None) => "all".to_owned(),
                    };
                    vec![t.name.clone(), t.uses.to_string(), approves, t.created_by.clone(), end, t.id.to_string()]
                })
            }
            Self::RevokeToken { id } => {
                context.client.act::<()>(&format!("agents/tokens/{}/revoke", escape(&id)))?;
                done(context, "revoked", &id, format_args!("The token enrols nobody any more."))
            }
            Self::List => {
                let agents: Vec<Shown> = context.client.get("agents")?;
                let empty = "No PC has enrolled yet. Make a token with `passerelle agent token`.";
                let head = ["HOST", "WORKSTATION", "STATE", "VERSION", "LAST HEARD", "ID"];
                list(context.json, &agents, empty, &head, |a| {
                    let state = match (a.revoked_at, a.approved_at, a.connected) {
                        (Some(_), ..) => "revoked",
                        (None, None, _) => "waits for approval",
                        (None, Some(_), true) => "connected",
                        (None, Some(_), false) => "away",
                    };
                    vec![
                        a.host.clone(),
                        or_dash(a.workstation.as_deref()),
                        state.to_owned(),
                        a.version.clone(),
                        or_dash(a.heard_at.map(local)),
                        a.id.to_string(),
                    ]
                })
            }
            Self::Approve { which, workstation } => {
                let path = format!("agents/{}/approve", escape(&which));
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
                done(context, "revoked", &which, format_args!("{which} is not heard any more."))
            }
        }
    }
}

impl NewToken {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let hosts = self.hosts.as_deref().map(read_hosts).transpose()?;
        let uses = self.uses.or_else(|| hosts.as_ref().and_then(|hosts| u32::try_from(hosts.len()).ok()));
        let until = self.until.map(|text| parse_end(&text, Unix::now())).transpose()?;
        let approves = self.approve || hosts.is_some();
        let add = AddAgentToken { name: self.agent_name, workstation: self.workstation, uses, approves, hosts, until };
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

/// The first column of each line that is not empty.
fn read_hosts(file: &std::path::Path) -> anyhow::Result<Vec<String>> {
    let named = || format!("read the names in {}", file.display());
    let text = if file == std::path::Path::new("-") {
        std::io::read_to_string(std::io::stdin().lock()).with_context(named)?
    } else {
        std::fs::read_to_string(file).with_context(named)?
    };
    let first =
        |line: &str| line.split([',', ';', '\t']).next().unwrap_or_default().trim().trim_matches('"').to_owned();
    let hosts: Vec<String> = text.trim_start_matches('\u{feff}').lines().map(first).filter(|h| !h.is_empty()).collect();
    anyhow::ensure!(!hosts.is_empty(), "{} names no PC", file.display());
    Ok(hosts)
}

fn done(context: &Context, key: &str, which: &str, line: std::fmt::Arguments<'_>) -> anyhow::Result<()> {
    if context.json {
        return say_json(&serde_json::json!({ key: which }));
    }
    say(line);
    Ok(())
}
