//! What IT decides for the whole site.

use std::net::SocketAddr;

use clap::{Args, Subcommand};

use super::Context;
use super::input::tell;
use super::output::{say, say_json};
use super::resolvers;
use crate::http::settings::{ChangeSettings, Settings as Shown};
use crate::pure::site;

#[derive(Debug, Subcommand)]
pub(super) enum Settings {
    /// As they are
    Show,
    /// Change what is named; the rest stays
    Change(Change),
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
}

impl Settings {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let asked = matches!(&self, Self::Change(change) if !change.resolvers.is_empty());
        let settings: Shown = match self {
            Self::Show => context.client.get("settings")?,
            Self::Change(change) => context.client.patch("settings", &change.body())?,
        };
        if context.json {
            return say_json(&settings);
        }
        if asked {
            let how = "The change is made all the same; name another with --resolver.";
            let all = resolvers::ask(&settings.resolvers, &settings.office_zones);
            all.iter().filter_map(|one| one.sentence(how)).for_each(|sentence| tell(format_args!("! {sentence}")));
        }
        let list = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
        for (name, value) in [
            ("Organisation", settings.organisation),
            ("Public name", settings.public_name),
            ("Endpoint", settings.endpoint),
            ("Office interface", settings.office_interface),
            ("Time zone", settings.time_zone),
            ("Resolvers", list(settings.resolvers.iter().map(ToString::to_string).collect())),
            ("Office zones", list(settings.office_zones)),
            ("Masquerade", if settings.masquerade { "yes" } else { "no" }.to_owned()),
        ] {
            say(format_args!("{name:<17} {value}"));
        }
        Ok(())
    }
}

impl Change {
    fn body(self) -> ChangeSettings {
        let zones = (self.no_office_zones || !self.office_zones.is_empty()).then_some(self.office_zones);
        ChangeSettings {
            organisation: self.organisation,
            endpoint: self.endpoint,
            office_interface: self.office_interface,
            time_zone: self.time_zone,
            resolvers: Some(self.resolvers).filter(|r| !r.is_empty()),
            office_zones: zones,
            masquerade: self.masquerade,
        }
    }
}
