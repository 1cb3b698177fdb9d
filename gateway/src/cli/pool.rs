//! Office PCs with the same licensed program, and what is booked of them.

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::client::escape;
use super::moment::{local, parse_end};
use super::output::{list, say, say_json};
use super::settings::desktops;
use super::{Context, sure};
use crate::clock::Unix;
use crate::http::pools::{Booking as Booked, Pool as Shown, SetPool};
use crate::pure::booking::Freed;

#[derive(Debug, Subcommand)]
pub(super) enum Pool {
    /// Every pool, and how it is used now
    List,
    /// Add a pool: PCs that have the same licensed program
    Add {
        /// Its name: the program's, say
        name: String,
        /// Name or id of a PC; may be repeated
        #[arg(long = "workstation", value_name = "PC")]
        workstations: Vec<String>,
        #[command(flatten)]
        rules: Rules,
    },
    /// Change a pool: what is not named stays
    Change {
        /// Name or id
        pool: String,
        /// Another name
        #[arg(long)]
        name: Option<String>,
        /// Name or id of a PC, all of them anew; may be repeated
        #[arg(long = "workstation", value_name = "PC", conflicts_with = "no_workstations")]
        workstations: Vec<String>,
        /// No PC any more
        #[arg(long)]
        no_workstations: bool,
        #[command(flatten)]
        rules: Rules,
    },
    /// Remove a pool; its PCs stay, what is booked of them does not
    Remove {
        /// Name or id
        pool: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Rules {
    /// How many may be used at once, as many as there are licences: 1 to 1000, or `all`
    #[arg(long, value_name = "SEATS", value_parser = seats)]
    seats: Option<Seats>,
    /// The longest booking, in minutes: 15 to 720; 0: none
    #[arg(long, value_name = "MINUTES")]
    longest_booking_minutes: Option<u32>,
    /// A desktop there ends after so many minutes without use: 10 to 720; 0: never; `site`: as everywhere
    #[arg(long, value_name = "MINUTES", value_parser = minutes)]
    desktop_idle_minutes: Option<Minutes>,
    /// … and after so many in all: 15 to 1440; 0: never; `site`: as everywhere
    #[arg(long, value_name = "MINUTES", value_parser = minutes)]
    desktop_longest_minutes: Option<Minutes>,
}

/// Nothing: all of them.
#[derive(Clone, Copy, Debug)]
struct Seats(Option<u32>);

/// Nothing: as the site has it.
#[derive(Clone, Copy, Debug)]
struct Minutes(Option<u32>);

fn seats(text: &str) -> Result<Seats, String> {
    let number = || text.parse().map_err(|_| "a number, or `all`, is expected".to_owned());
    if text == "all" { Ok(Seats(None)) } else { number().map(|n| Seats(Some(n))) }
}

fn minutes(text: &str) -> Result<Minutes, String> {
    let number = || text.parse().map_err(|_| "a number of minutes, or `site`, is expected".to_owned());
    if text == "site" { Ok(Minutes(None)) } else { number().map(|n| Minutes(Some(n))) }
}

/// Half a day: a morning, or an afternoon.
const BOOKING: u32 = 240;

#[derive(Debug, Subcommand)]
pub(super) enum Booking {
    /// What is booked of the PCs of all pools
    List {
        /// Until when: a date, a time, or `7d` from now
        #[arg(long, default_value = "7d")]
        until: String,
    },
    /// Take a booking back: its PC is anybody's then
    Remove {
        /// Id, as `passerelle booking list` shows it
        booking: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Pool {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::List => all(context),
            Self::Add { name, workstations, rules } => {
                let none = SetPool {
                    name,
                    workstations,
                    seats: None,
                    longest_booking_minutes: BOOKING,
                    desktop_idle_minutes: None,
                    desktop_longest_minutes: None,
                };
                let pool: Shown = context.client.post("pools", &rules.over(none))?;
                told(context, &pool, "is added. Next: let a group reach its PCs (`passerelle policy add GROUP PC`)")
            }
            Self::Change { pool, name, workstations, no_workstations, rules } => {
                let all: Vec<Shown> = context.client.get("pools")?;
                let is = |p: &Shown| p.rules.name == pool || p.id.to_string() == pool;
                let known = all.into_iter().find(is);
                let known = known.with_context(|| format!("no such pool: {pool}; `passerelle pool list` shows all"))?;
                let mut set = rules.over(known.rules);
                set.name = name.unwrap_or(set.name);
                if no_workstations || !workstations.is_empty() {
                    set.workstations = workstations;
                }
                let pool: Shown = context.client.put(&format!("pools/{}", known.id), &set)?;
                told(context, &pool, "is changed")
            }
            Self::Remove { pool, yes } => {
                sure(&format!("Remove pool {pool}? Its PCs stay; whoever waits, and what is booked, is gone."), yes)?;
                context.client.delete::<()>(&format!("pools/{}", escape(&pool)))?;
                if context.json {
                    return say_json(&serde_json::json!({ "removed": pool }));
                }
                say(format_args!("Pool {pool} is removed."));
                Ok(())
            }
        }
    }
}

impl Rules {
    fn over(self, known: SetPool) -> SetPool {
        SetPool {
            seats: self.seats.map_or(known.seats, |seats| seats.0),
            longest_booking_minutes: self.longest_booking_minutes.unwrap_or(known.longest_booking_minutes),
            desktop_idle_minutes: self.desktop_idle_minutes.map_or(known.desktop_idle_minutes, |minutes| minutes.0),
            desktop_longest_minutes: self
                .desktop_longest_minutes
                .map_or(known.desktop_longest_minutes, |minutes| minutes.0),
            ..known
        }
    }
}

impl Booking {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::List { until } => {
                let now = Unix::now();
                let to = parse_end(&until, now)?;
                let path = format!("bookings?from={}&to={}", now.0, to.0);
                let mut booked: Vec<Booked> = context.client.get(&path)?;
                booked.retain(|b| b.freed.is_none());
                let empty = format!("Nothing is booked until {}.", local(to));
                list(context.json, &booked, &empty, &["PC", "WHO", "FROM", "UNTIL", "ID"], |b| {
                    vec![b.workstation.clone(), b.login.clone(), local(b.begins), local(b.ends), b.id.to_string()]
                })
            }
            Self::Remove { booking, yes } => {
                sure(&format!("Take booking {booking} back? Whoever made it reads so on their first page."), yes)?;
                context.client.delete::<()>(&format!("bookings/{}", escape(&booking)))?;
                if context.json {
                    return say_json(&serde_json::json!({ "freed": Freed::It }));
                }
                say("The booking is taken back; the PC is anybody's then.");
                Ok(())
            }
        }
    }
}

fn all(context: &Context) -> anyhow::Result<()> {
    let pools: Vec<Shown> = context.client.get("pools")?;
    let empty = "No pool yet. Add one with `passerelle pool add NAME --workstation PC`.";
    let head = ["POOL", "SEATS", "USED", "WAIT", "PCS", "BOOKINGS", "DESKTOPS"];
    list(context.json, &pools, empty, &head, |pool| {
        let SetPool {
            name,
            workstations,
            seats,
            longest_booking_minutes,
            desktop_idle_minutes,
            desktop_longest_minutes,
        } = pool.rules.clone();
        vec![
            name,
            seats.map_or_else(|| "all".to_owned(), |seats| seats.to_string()),
            pool.taken.to_string(),
            pool.line.len().to_string(),
            workstations.join(", "),
            if longest_booking_minutes == 0 {
                "no".to_owned()
            } else {
                format!("up to {longest_booking_minutes} minutes")
            },
            match (desktop_idle_minutes, desktop_longest_minutes) {
                (None, None) => "as everywhere".to_owned(),
                (idle, longest) => desktops(idle, longest),
            },
        ]
    })
}

fn told(context: &Context, pool: &Shown, what: &str) -> anyhow::Result<()> {
    if context.json {
        return say_json(pool);
    }
    say(format_args!("Pool {} {what}.", pool.rules.name));
    Ok(())
}
