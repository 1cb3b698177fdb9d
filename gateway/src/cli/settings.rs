//! What IT decides for the whole site.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::Context;
use super::input::tell;
use super::output::{say, say_json};
use crate::dns::ask;
use crate::http::settings::{ChangeSettings, KeepAudit, Settings as Shown};
use crate::pure::home_work::{Contact, Link};
use crate::pure::site;
use crate::pure::wanted::{Program, Where};

#[derive(Debug, Subcommand)]
pub(super) enum Settings {
    /// As they are
    Show,
    /// Change what is named; the rest stays
    Change(Box<Change>),
    /// The server that mail goes by
    #[command(subcommand)]
    Mail(super::mail::Mail),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Change {
    /// Whose gateway this is
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// Where devices reach the gateway, in configurations issued from now on: door.example.org:51820
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: Option<String>,
    /// The interface towards the office
    #[arg(long, value_name = "INTERFACE")]
    office_interface: Option<String>,
    /// The office's time zone, for the hours of policies: Europe/Brussels
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// An office resolver, all of them anew: 192.168.1.1 or 192.168.1.1:53; may be repeated
    #[arg(long = "resolver", value_name = "ADDRESS", value_parser = site::resolver)]
    resolvers: Vec<SocketAddr>,
    /// A zone that only the office's resolvers know, all of them anew; may be repeated
    #[arg(long = "office-zone", value_name = "ZONE", conflicts_with = "no_office_zones")]
    office_zones: Vec<String>,
    /// There are no such zones
    #[arg(long)]
    no_office_zones: bool,
    /// Whether the office sees the gateway's address instead of the device's: true needs no route back
    #[arg(long, value_name = "BOOL")]
    masquerade: Option<bool>,
    /// Whether people may sign in with passkeys: their browsers must trust the certificate of the public name
    #[arg(long, value_name = "BOOL")]
    passkeys: Option<bool>,
    /// For how many days the audit keeps sign-ins and doors, changes, and refusals: 183,365,365
    #[arg(long, value_name = "DAYS,DAYS,DAYS", value_parser = keep)]
    keep_audit: Option<KeepAudit>,
    /// Whether agents of office PCs tell IT the names of people in sessions; false forgets those that are known
    #[arg(long, value_name = "BOOL")]
    agent_names: Option<bool>,
    /// Whether whoever is at a PC may be asked to let somebody else use it
    #[arg(long, value_name = "BOOL")]
    ask_people: Option<bool>,
    /// Whether PCs may be used by a browser in the internet, without the tunnel; signed in as ever, by the same policy
    #[arg(long, value_name = "BOOL")]
    desktops_outside: Option<bool>,
    /// A program to look for on office PCs, all of them anew; may be repeated. A path, `registry:` and a key below
    /// HKEY_LOCAL_MACHINE, or `package:` and its name: Sage=C:\Program Files\Sage
    #[arg(long = "program", value_name = "NAME=WHERE", value_parser = program, conflicts_with = "no_programs")]
    programs: Vec<Program>,
    /// No program is looked for
    #[arg(long)]
    no_programs: bool,
    /// A door opened from now on stays open for so long at most: 60 to 1440
    #[arg(long, value_name = "MINUTES")]
    verification_minutes: Option<u32>,
    /// … and for so long without use: 15 to 720
    #[arg(long, value_name = "MINUTES")]
    idle_minutes: Option<u32>,
    /// A desktop of an office PC ends after so many minutes without use: 10 to 720; 0: never
    #[arg(long, value_name = "MINUTES")]
    desktop_idle_minutes: Option<u32>,
    /// … and after so many in all: 15 to 1440; 0: never
    #[arg(long, value_name = "MINUTES")]
    desktop_longest_minutes: Option<u32>,
    /// The language of people who are added without one
    #[arg(long, value_parser = ["en", "fr", "nl", "ca", "es"])]
    language: Option<String>,
    /// Whom people call, as they read it: "IT, weekdays 8 to 18"
    #[arg(long, value_name = "TEXT")]
    contact_text: Option<String>,
    /// Their telephone
    #[arg(long, value_name = "NUMBER")]
    contact_phone: Option<String>,
    /// Their mail address
    #[arg(long, value_name = "ADDRESS")]
    contact_mail: Option<String>,
    /// A link on people's first page, all of them anew: Intranet=https://intranet.example; may be repeated
    #[arg(long = "link", value_name = "NAME=URL", value_parser = link, conflicts_with = "no_links")]
    links: Vec<Link>,
    /// There are no such links
    #[arg(long)]
    no_links: bool,
    /// The telework rules, from a file of plain text; an empty one: there are none
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
}

fn keep(text: &str) -> Result<KeepAudit, String> {
    let days: Option<Vec<u32>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match days.as_deref() {
        Some(&[access, administration, security]) => Ok(KeepAudit { access, administration, security }),
        _ => {
            Err("three numbers of days are expected: sign-ins and doors, changes, refusals, such as 183,365,365".into())
        }
    }
}

fn kept(days: KeepAudit) -> String {
    let KeepAudit { access, administration, security } = days;
    format!("{access} days sign-ins and doors, {administration} changes, {security} refusals")
}

fn program(text: &str) -> Result<Program, String> {
    let why = "write it as Sage=/opt/sage, Sage=registry:SOFTWARE\\Sage or Sage=package:sage";
    let (name, place) = text.split_once('=').ok_or(why)?;
    let look = match place.split_once(':') {
        Some((of, key)) if of.eq_ignore_ascii_case("registry") => Where::Registry { key: key.to_owned() },
        Some((of, name)) if of.eq_ignore_ascii_case("package") => Where::Package { name: name.to_owned() },
        _ => Where::Path { path: place.to_owned() },
    };
    Ok(Program { name: name.to_owned(), look })
}

fn link(text: &str) -> Result<Link, String> {
    let (name, url) = text.split_once('=').ok_or("write it as Intranet=https://intranet.example")?;
    Ok(Link { name: name.to_owned(), url: url.to_owned() })
}

impl Settings {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let asked = matches!(&self, Self::Change(change) if !change.resolvers.is_empty());
        let settings: Shown = match self {
            Self::Show => context.client.get("settings")?,
            Self::Change(change) => {
                let now: Shown = context.client.get("settings")?;
                context.client.patch("settings", &change.body(&now)?)?
            }
            Self::Mail(mail) => return mail.run(context),
        };
        if context.json {
            return say_json(&settings);
        }
        if asked {
            let how = "The change is made all the same; name another with --resolver.";
            let all = ask::ask(&settings.resolvers, &settings.office_zones);
            all.iter().filter_map(|one| one.sentence(how)).for_each(|sentence| tell(format_args!("! {sentence}")));
        }
        let yes = |held: bool| if held { "yes" } else { "no" }.to_owned();
        let passkeys = match settings.passkeys_alone {
            0 => yes(settings.passkeys),
            n if settings.passkeys => format!("yes; all that {n} have besides recovery codes"),
            n => format!("no; {n} have nothing else: they need a recovery code, or a new invitation"),
        };
        let contact = settings.contact;
        let list = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
        for (name, value) in [
            ("Organisation", settings.organisation),
            ("Public name", settings.public_name),
            ("Endpoint", settings.endpoint),
            ("Office interface", settings.office_interface),
            ("Time zone", settings.time_zone),
            ("Resolvers", list(settings.resolvers.iter().map(ToString::to_string).collect())),
            ("Office zones", list(settings.office_zones)),
            ("Masquerade", yes(settings.masquerade)),
            ("Passkeys", passkeys),
            ("Audit kept", kept(settings.retention)),
            ("Agents' names", yes(settings.agent_names)),
            ("People are asked", yes(settings.ask_people)),
            ("PCs without tunnel", yes(settings.desktops_outside)),
            ("Programs", list(settings.programs.into_iter().map(|p| p.name).collect())),
            (
                "Verification",
                format!("{} minutes at most, {} without use", settings.verification_minutes, settings.idle_minutes),
            ),
            ("Desktops", desktops(Some(settings.desktop_idle_minutes), Some(settings.desktop_longest_minutes))),
            ("Language", settings.language),
            (
                "Contact",
                list([contact.text, contact.phone, contact.mail].into_iter().filter(|t| !t.is_empty()).collect()),
            ),
            ("Links", list(settings.links.iter().map(|l| format!("{} ({})", l.name, l.url)).collect())),
            (
                "Rules",
                if settings.rules.is_empty() {
                    "none".to_owned()
                } else {
                    format!("version {}", settings.rules_version)
                },
            ),
            ("Checklist", list(settings.checklist.into_iter().map(|q| q.text.unwrap_or(q.id)).collect())),
        ] {
            say(format_args!("{name:<17} {value}"));
        }
        Ok(())
    }
}

impl Change {
    /// What of the contact is not named stays as it is now.
    fn body(self, now: &Shown) -> anyhow::Result<ChangeSettings> {
        let links = (self.no_links || !self.links.is_empty()).then_some(self.links);
        let parts = [self.contact_text, self.contact_phone, self.contact_mail];
        let contact = parts.iter().any(Option::is_some).then(|| {
            let [text, phone, mail] = parts;
            Contact {
                text: text.unwrap_or_else(|| now.contact.text.clone()),
                phone: phone.unwrap_or_else(|| now.contact.phone.clone()),
                mail: mail.unwrap_or_else(|| now.contact.mail.clone()),
            }
        });
        let read =
            |file: &PathBuf| fs::read_to_string(file).with_context(|| format!("read the rules in {}", file.display()));
        let zones = (self.no_office_zones || !self.office_zones.is_empty()).then_some(self.office_zones);
        let programs = (self.no_programs || !self.programs.is_empty()).then_some(self.programs);
        Ok(ChangeSettings {
            organisation: self.organisation,
            endpoint: self.endpoint,
            office_interface: self.office_interface,
            time_zone: self.time_zone,
            resolvers: Some(self.resolvers).filter(|r| !r.is_empty()),
            office_zones: zones,
            masquerade: self.masquerade,
            passkeys: self.passkeys,
            ask_people: self.ask_people,
            desktops_outside: self.desktops_outside,
            retention: self.keep_audit,
            agent_names: self.agent_names,
            programs,
            verification_minutes: self.verification_minutes,
            idle_minutes: self.idle_minutes,
            desktop_idle_minutes: self.desktop_idle_minutes,
            desktop_longest_minutes: self.desktop_longest_minutes,
            language: self.language,
            contact,
            links,
            rules: self.rules.as_ref().map(read).transpose()?,
            checklist: None,
        })
    }
}

/// How long desktops last; nothing: as the site has it.
pub(super) fn desktops(idle: Option<u32>, longest: Option<u32>) -> String {
    let minutes = |minutes: Option<u32>| match minutes {
        None => "as long as everywhere".to_owned(),
        Some(0) => "any time".to_owned(),
        Some(n) => format!("{n} minutes"),
    };
    format!("{} at most, {} without use", minutes(longest), minutes(idle))
}
