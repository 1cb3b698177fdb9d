//! Programs that use the API.

use clap::Subcommand;

use super::Context;
use super::client::escape;
use super::moment::{local, parse_end};
use super::output::{list, or_dash, say, say_json};
use crate::clock::Unix;
use crate::http::tokens::{AddToken, Token as Shown, TokenIssued};

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Make a token; it is shown this once
    Add {
        /// What it is for
        name: String,
        /// What it may do: NOUN:read or NOUN:write (which includes reading), such as users:read; all:read; may be repeated
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// Its end, within a year: 2026-12-31, 30d
        #[arg(long, value_name = "WHEN", default_value = "90d")]
        until: String,
    },
    /// All of them
    List,
    /// Take it back, for good
    Revoke {
        /// Name or id
        which: String,
    },
}

impl Token {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add { name, scopes, until } => {
                let until = parse_end(&until, Unix::now())?;
                let issued: TokenIssued = context.client.post("tokens", &AddToken { name, scopes, until })?;
                if context.json {
                    return say_json(&issued);
                }
                say(format_args!(
                    "The token {}, good until {} on the office LAN, shown this once:\n\n    {}\n\nSend it as \
                     `Authorization: Bearer …`.",
                    issued.token.name,
                    local(issued.token.until),
                    issued.secret
                ));
                Ok(())
            }
            Self::List => {
                let tokens: Vec<Shown> = context.client.get("tokens")?;
                let empty = "No token yet. Make one with `passerelle token add`.";
                list(context.json, &tokens, empty, &["NAME", "SCOPES", "BY", "UNTIL", "LAST USED"], |t| {
                    let end = match t.revoked_at {
                        Some(_) => "revoked".to_owned(),
                        None if t.until <= Unix::now() => "over".to_owned(),
                        None => local(t.until),
                    };
                    vec![t.name.clone(), t.scopes.join(" "), t.created_by.clone(), end, or_dash(t.used_at.map(local))]
                })
            }
            Self::Revoke { which } => {
                let path = format!("tokens/{}/revoke", escape(&which));
                context.client.act::<()>(&path)?;
                if context.json {
                    return say_json(&serde_json::json!({ "revoked": which }));
                }
                say(format_args!("The token {which} is good no more."));
                Ok(())
            }
        }
    }
}
