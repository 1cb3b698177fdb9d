//! Ask people in, and let them in.

use clap::Subcommand;

use super::Context;
use super::input::tell;
use super::moment::local;
use super::output::{list, say, say_json};
use super::redeem::Redeem;
use crate::clock::Unix;
use crate::http::invitations::{AddInvitation, Invitation as Issued, InvitationIssued};
use crate::http::mail::MailInvitation;
use crate::http::users::User as Person;
use crate::ids::InvitationId;
use crate::mail::Outcome;

#[derive(Debug, Subcommand)]
pub(super) enum Invitation {
    /// Invite a user; also replaces a lost password or telephone
    Add {
        /// Login or id
        user: String,
        /// Send it to their mail address
        #[arg(long)]
        mail: bool,
    },
    /// Every invitation
    List,
    /// Make an invitation void
    Revoke {
        /// Id, or the login it is for
        invitation: String,
    },
    /// Redeem an invitation here: password, second factor, recovery codes, first device
    Redeem(Redeem),
}

impl Invitation {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add { user, mail } => {
                let before: Vec<Issued> = context.client.get("invitations")?;
                let issued: InvitationIssued = context.client.post("invitations", &AddInvitation { user })?;
                if context.json {
                    if mail {
                        send(context, &issued)?;
                    }
                    return say_json(&issued);
                }
                if mail && send(context, &issued)? {
                    return Ok(());
                }
                say(&issued.token);
                say(&issued.link);
                say(format_args!("For {}, once, until {}.", issued.invitation.login, local(issued.invitation.until)));
                say("Hand it over in person or by telephone: the link for a browser, or the letters and digits for");
                say("`passerelle invitation redeem`.");
                let now = Unix::now();
                let open = |i: &&Issued| i.redeemed_at.is_none() && i.revoked_at.is_none() && i.until > now;
                if before.iter().filter(open).any(|i| i.login == issued.invitation.login) {
                    tell(format_args!("! The invitation {} had before is void now.", issued.invitation.login));
                }
                let person: Person = context.client.get(&format!("users/{}", issued.invitation.user))?;
                if person.disabled_at.is_some() {
                    let login = &person.login;
                    tell(format_args!("! {login} is disabled, and stays so: `passerelle user enable {login}`."));
                }
                Ok(())
            }
            Self::List => {
                let all: Vec<Issued> = context.client.get("invitations")?;
                let empty = "No invitation. Invite with `passerelle invitation add LOGIN`.";
                let now = Unix::now();
                list(context.json, &all, empty, &["USER", "STATE", "ISSUED", "ID"], |i| {
                    vec![i.login.clone(), state(i, now), local(i.created_at), i.id.to_string()]
                })
            }
            Self::Revoke { invitation } => {
                let id = find(context, &invitation)?;
                context.client.act::<()>(&format!("invitations/{id}/revoke"))?;
                if context.json {
                    return say_json(&serde_json::json!({ "revoked": id }));
                }
                say("The invitation is void.");
                Ok(())
            }
            Self::Redeem(redeem) => redeem.run(context),
        }
    }
}

/// Mails it; false, and why, if it was not sent.
fn send(context: &Context, issued: &InvitationIssued) -> anyhow::Result<bool> {
    let path = format!("invitations/{}/mail", issued.invitation.id);
    let outcome: Outcome = context.client.post(&path, &MailInvitation { token: issued.token.clone() })?;
    match outcome.trouble {
        None if context.json => {}
        None => {
            say(format_args!("Mailed to {}, good until {}.", issued.invitation.login, local(issued.invitation.until)))
        }
        Some(trouble) => {
            tell(format_args!("! Not mailed: {}", super::mail::sentence(trouble, outcome.answer.as_deref())))
        }
    }
    Ok(outcome.is_sent())
}

fn state(invitation: &Issued, now: Unix) -> String {
    match invitation {
        Issued { redeemed_at: Some(at), .. } => format!("redeemed {}", local(*at)),
        Issued { revoked_at: Some(at), .. } => format!("revoked {}", local(*at)),
        Issued { until, .. } if *until <= now => format!("void since {}", local(*until)),
        Issued { until, .. } => format!("good until {}", local(*until)),
    }
}

fn find(context: &Context, which: &str) -> anyhow::Result<InvitationId> {
    if let Ok(id) = which.parse() {
        return Ok(id);
    }
    let all: Vec<Issued> = context.client.get("invitations")?;
    let now = Unix::now();
    let good = |i: &&Issued| i.login == which && i.redeemed_at.is_none() && i.revoked_at.is_none() && i.until > now;
    let fitting: Vec<_> = all.iter().filter(good).collect();
    match fitting.as_slice() {
        [one] => Ok(one.id),
        [] => anyhow::bail!("no invitation for {which} is open; `passerelle invitation list` shows all"),
        _ => anyhow::bail!(
            "several invitations for {which} are open: give the id that `passerelle invitation list` shows"
        ),
    }
}
