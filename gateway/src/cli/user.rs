//! People.

use clap::{Args, Subcommand};

use super::Context;
use super::client::{escape, who_shows_all};
use super::moment::local;
use super::output::{list, say, say_json, table};
use crate::http::cut::Stored;
use crate::http::groups::Group;
use crate::http::home_work::Checklist;
use crate::http::users::{AddUser, CarriedOut, ChangeUser, Role, SetGroups, SetMail, User as Person};
use crate::pure::home_work::Reply;

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Add somebody; `passerelle invitation add` then asks them in
    Add(Add),
    /// Everybody
    List,
    /// One person
    Show {
        /// Login or id
        user: String,
    },
    /// Change somebody's name, language or role
    Change(Change),
    /// Shut somebody out, reversibly; their doors lock at once
    Disable {
        /// Login or id
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Let a disabled user in again
    Enable {
        /// Login or id
        user: String,
    },
    /// Erase somebody for good: shut out first, then nothing names them any more, not even the audit
    Erase {
        /// Login or id
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// After a database was put back from before, or a clock that was wrong: those who are listed and not disabled may get in
    Confirm {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show or change the groups somebody is in
    Group(Membership),
    /// Say where somebody's invitations are mailed to
    Mail {
        /// Login or id
        user: String,
        /// anne@example.org
        #[arg(value_name = "ADDRESS", required_unless_present = "none", conflicts_with = "none")]
        address: Option<String>,
        /// Nowhere
        #[arg(long)]
        none: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Letters, digits, `.`, `-`, `_`, `@`
    login: String,
    /// Name for people; the login if absent
    #[arg(long)]
    name: Option<String>,
    /// Where invitations are mailed to
    #[arg(long, value_name = "ADDRESS")]
    mail: Option<String>,
    /// en, fr, nl, ca or es; that of the settings if absent
    #[arg(long, value_parser = ["en", "fr", "nl", "ca", "es"])]
    language: Option<String>,
    /// May change everything here
    #[arg(long)]
    admin: bool,
    /// A group to be in; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Change {
    /// Login or id
    user: String,
    /// Name for people
    #[arg(long)]
    name: Option<String>,
    /// en, fr, nl, ca or es
    #[arg(long, value_parser = ["en", "fr", "nl", "ca", "es"])]
    language: Option<String>,
    /// admin or user
    #[arg(long, value_parser = ["admin", "user"])]
    role: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Membership {
    /// Login or id
    user: String,
    /// Exactly these groups from now on
    #[arg(value_name = "GROUP", conflicts_with_all = ["add", "remove"])]
    exactly: Vec<String>,
    /// Into this group; may be repeated
    #[arg(long, value_name = "GROUP")]
    add: Vec<String>,
    /// Out of this group; may be repeated
    #[arg(long, value_name = "GROUP")]
    remove: Vec<String>,
}

impl User {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add(add) => add.run(context),
            Self::List => {
                let users: Vec<Person> = context.client.get("users")?;
                let head = ["LOGIN", "NAME", "ROLE", "STATE", "GROUPS", "DEVICES"];
                list(context.json, &users, "Nobody yet. Add somebody with `passerelle user add LOGIN`.", &head, |u| {
                    let role = if u.role == Role::Admin { "admin" } else { "user" };
                    let groups = u.groups.join(", ");
                    vec![u.login.clone(), u.name.clone(), role.into(), state(u), groups, u.devices.to_string()]
                })
            }
            Self::Show { user } => show(context, &user),
            Self::Disable { user, yes } => {
                let question =
                    format!("Shut out {user}? All their doors lock now. (`passerelle user enable` undoes it.)");
                super::sure(&question, yes)?;
                carried_out(context, &context.client.act(&format!("users/{}/disable", escape(&user)))?, |ms| {
                    format!("{user} is shut out; nothing of theirs passes any more (after {ms} ms).")
                })
            }
            Self::Change(change) => change.run(context),
            Self::Erase { user, yes } => {
                let question = format!(
                    "Erase {user}? All their doors lock now, their devices are revoked, and nothing names them any more. \
                     This cannot be undone."
                );
                super::sure(&question, yes)?;
                carried_out(context, &context.client.delete(&format!("users/{}", escape(&user)))?, |ms| {
                    format!("{user} is erased; nothing of theirs passes any more (after {ms} ms).")
                })
            }
            Self::Confirm { yes } => {
                super::sure("Have you looked through `passerelle user list` and `passerelle device list`?", yes)?;
                context.client.act::<()>("status/confirm-people")?;
                if context.json {
                    return say_json(&serde_json::json!({ "confirmed": true }));
                }
                say("People can sign in again, with password and a fresh code. Invitations of before are void.");
                Ok(())
            }
            Self::Enable { user } => {
                carried_out(context, &context.client.act(&format!("users/{}/enable", escape(&user)))?, |_| {
                    format!("{user} may come in again, with password and code.")
                })
            }
            Self::Group(membership) => membership.run(context),
            Self::Mail { user, address, none: _ } => {
                let mail = SetMail { mail: address };
                context.client.put::<()>(&format!("users/{}/mail", escape(&user)), &mail)?;
                if context.json {
                    return say_json(&mail);
                }
                match mail.mail {
                    Some(address) => say(format_args!("Invitations of {user} are mailed to {address}.")),
                    None => say(format_args!("Invitations of {user} are mailed nowhere.")),
                }
                Ok(())
            }
        }
    }
}

impl Add {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let body = AddUser {
            name: Some(self.name.unwrap_or_else(|| name_of(&self.login))),
            login: self.login,
            mail: self.mail,
            language: self.language,
            role: self.admin.then_some(Role::Admin),
            groups: self.groups,
        };
        let user: Person = context.client.post("users", &body)?;
        if context.json {
            return say_json(&user);
        }
        say(format_args!("{} is added. Next: passerelle invitation add {}", user.login, user.login));
        Ok(())
    }
}

impl Change {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let role = self.role.map(|role| if role == "admin" { Role::Admin } else { Role::User });
        let body = ChangeUser { name: self.name, language: self.language, role };
        let user: Person = context.client.patch(&format!("users/{}", escape(&self.user)), &body)?;
        if context.json {
            return say_json(&user);
        }
        say(format_args!("{} is changed.", user.login));
        Ok(())
    }
}

impl Membership {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let path = format!("users/{}", escape(&self.user));
        let user: Person = context.client.get(&path)?;
        let mut groups = if self.exactly.is_empty() { user.groups } else { self.exactly.clone() };
        if self.exactly.is_empty() && self.add.is_empty() && self.remove.is_empty() {
            if context.json {
                return say_json(&groups);
            }
            say(if groups.is_empty() { "(no group)".to_owned() } else { groups.join("\n") });
            return Ok(());
        }
        if self.remove.iter().any(|g| !groups.contains(g)) {
            let all: Vec<Group> = context.client.get("groups")?;
            let unknown = self.remove.iter().find(|name| !all.iter().any(|g| g.name == **name));
            if let Some(name) = unknown {
                anyhow::bail!("no group `{name}`; {}", who_shows_all("group").unwrap_or_default());
            }
        }
        groups.retain(|g| !self.remove.contains(g));
        groups.extend(self.add.into_iter().filter(|g| !groups.contains(g)).collect::<Vec<_>>());
        let body = SetGroups { groups: groups.clone() };
        carried_out(context, &context.client.put(&format!("{path}/groups"), &body)?, |_| {
            let now = if groups.is_empty() { "no group".to_owned() } else { groups.join(", ") };
            format!("{} is in: {now}.", user.login)
        })
    }
}

/// How somebody is greeted of whom only the login is known.
pub(super) fn name_of(login: &str) -> String {
    let mut letters = login.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn show(context: &Context, user: &str) -> anyhow::Result<()> {
    let user: Person = context.client.get(&format!("users/{}", escape(user)))?;
    if context.json {
        return say_json(&user);
    }
    let groups = if user.groups.is_empty() { "–".to_owned() } else { user.groups.join(", ") };
    let rows = [
        ("Login", user.login.clone()),
        ("Name", user.name.clone()),
        ("Mail", user.mail.clone().unwrap_or_else(|| "–".to_owned())),
        ("Language", user.language.clone()),
        ("Role", if user.role == Role::Admin { "admin" } else { "user" }.to_owned()),
        ("State", state(&user)),
        ("Groups", groups),
        ("Devices", user.devices.to_string()),
        ("Rules accepted", user.rules_accepted.map_or("–".to_owned(), |n| format!("version {n}"))),
        ("Home checklist", user.checklist.as_ref().map_or("–".to_owned(), checked)),
        ("Added", local(user.created_at)),
        ("Id", user.id.to_string()),
    ];
    let rows: Vec<_> = rows.map(|(name, value)| vec![name.to_owned(), value]).into();
    say(table(&["", ""], &rows).trim_start());
    Ok(())
}

/// `disk yes, wifi unsure (23 Nov 2026 18:00)`
fn checked(list: &Checklist) -> String {
    let word = |reply: &Reply| match reply {
        Reply::Yes => "yes",
        Reply::No => "no",
        Reply::Unsure => "unsure",
    };
    let all: Vec<_> = list.replies.iter().map(|(id, reply)| format!("{id} {}", word(reply))).collect();
    format!("{} ({})", all.join(", "), local(list.answered_at))
}

fn state(user: &Person) -> String {
    match user {
        Person { disabled_at: Some(at), .. } => format!("disabled since {}", local(*at)),
        Person { factor_suspended: true, .. } => {
            "suspended: too many wrong passwords or codes; invite again".to_owned()
        }
        Person { factor_confirmed: false, .. } => "to redeem an invitation".to_owned(),
        _ => "ready".to_owned(),
    }
}

/// Says that a change is in force and how long that took; as JSON, the answer itself.
pub(super) fn carried_out(
    context: &Context,
    answer: &CarriedOut,
    sentence: impl FnOnce(u64) -> String,
) -> anyhow::Result<()> {
    if context.json {
        return say_json(answer);
    }
    say(sentence(answer.closed_in_ms));
    match answer.stored {
        Stored::Yes => {}
        Stored::Soon => say(
            "It is being stored: the gateway cannot write to its database now (`passerelle status` says why). It is in \
             force all the same, also after a restart.",
        ),
        Stored::InMemory => say(
            "WARNING: it is in force, but nothing could be written, neither to the database nor beside it. Mend that \
             before the gateway restarts, or do it again after (`passerelle status` says why).",
        ),
    }
    Ok(())
}
