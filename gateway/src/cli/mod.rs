//! The command line: one file a noun, each a client of the API over the root-only Unix socket.
//!
//! `net`, `serve` and `run` start processes; `setup` writes the first boot. Nothing secret is taken from the arguments:
//! they can be read by everybody on the machine. Exit codes: 0 done, 1 not done (the reason is on stderr), 2 misused,
//! 130 left with Ctrl-C.

mod agent;
mod audit;
mod authority;
mod client;
mod desktop;
mod device;
mod doctor;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod group;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod hostile_tests;
mod input;
mod invitation;
mod mail;
mod manual;
mod moment;
mod output;
mod policy;
mod pool;
mod probe;
mod qr;
mod redeem;
mod resource;
mod run;
mod settings;
mod setup;
mod status;
mod token;
mod user;
mod verification;
mod why;
mod words;
mod workstation;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::pure::shown::{deceives, shown};
use client::{ApiError, Client};

/// The way into a small office: share and PCs, from home, after password and code.
#[derive(Debug, Parser)]
#[command(name = "passerelle", version, propagate_version = true)]
struct Arguments {
    /// Configuration file; /etc/passerelle/passerelle.toml if absent
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The first steps on a new gateway
    Setup(Box<setup::Setup>),
    /// How the gateway and its devices are doing
    Status,
    /// The certificate that devices must trust for the portal to open without a warning
    Authority {
        /// Instead, the certificate that signs .rdp files, and what Windows' group policy knows it by
        #[arg(long)]
        publisher: bool,
    },
    /// May this user reach this resource now, and why (not)?
    Why(why::Why),
    /// Look for what is wrong and name the cure
    Doctor(doctor::Doctor),
    /// People
    #[command(subcommand)]
    User(user::User),
    /// Sets of people
    #[command(subcommand)]
    Group(group::Group),
    /// Laptops and phones
    #[command(subcommand)]
    Device(device::Device),
    /// File servers
    #[command(subcommand)]
    Share(resource::Share),
    /// Ports of other machines in the office
    #[command(subcommand)]
    Service(resource::Service),
    /// Office PCs
    #[command(subcommand)]
    Workstation(workstation::Workstation),
    /// Who is connected to which office PC, and disconnecting them
    #[command(subcommand)]
    Desktop(desktop::Desktop),
    /// Office PCs with the same licensed program
    #[command(subcommand)]
    Pool(pool::Pool),
    /// What people have booked of them
    #[command(subcommand)]
    Booking(pool::Booking),
    /// Wake an office PC
    Wake(workstation::Wake),
    /// What runs on office PCs and tells how they are
    #[command(subcommand)]
    Agent(agent::Agent),
    /// Whole networks of the office
    #[command(subcommand)]
    Network(resource::Network),
    /// Which group may reach what
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Ask people in, and let them in
    #[command(subcommand)]
    Invitation(invitation::Invitation),
    /// Doors that are open
    #[command(subcommand)]
    Verification(verification::Verification),
    /// What is decided for the whole site
    #[command(subcommand)]
    Settings(settings::Settings),
    /// Programs that use the API
    #[command(subcommand)]
    Token(token::Token),
    /// What was done, by whom, and when
    Audit(audit::Audit),
    /// What a shell completes: bash, zsh, fish
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// The manual page
    Man,
    /// Run both processes, for a trial or a demo
    Run,
    /// Run the data plane
    Net(run::Child),
    /// Run everything else
    Serve(run::Child),
}

/// Exit code where somebody went away instead of answering: what a shell says of Ctrl-C.
const LEFT: u8 = 130;

/// Exit code where the arguments are wrong, as clap has it.
const MISUSED: u8 = 2;

/// Longest argument, in characters: a path, or the hours of a week.
const LONGEST: usize = 1000;

/// What every command about a noun gets.
struct Context {
    client: Client,
    json: bool,
}

/// Reads the arguments, does what they say, and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let json = typed.iter().any(|word| word == "--json");
    let arguments = match legible(typed) {
        Ok(typed) => Arguments::parse_from(typed),
        Err(error) => {
            report(&error, json);
            return ExitCode::from(MISUSED);
        }
    };
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            report(&error, json);
            if error.is::<input::Left>() { ExitCode::from(LEFT) } else { ExitCode::FAILURE }
        }
    }
}

/// These, if a message may repeat them as they are.
fn legible(typed: Vec<OsString>) -> anyhow::Result<Vec<OsString>> {
    for (number, word) in typed.iter().enumerate().skip(1) {
        let text = word.to_string_lossy();
        let named = || format!("argument {number} (`{}`)", shown(&text));
        anyhow::ensure!(word.to_str().is_some(), "{} is not UTF-8", named());
        anyhow::ensure!(text.chars().count() <= LONGEST, "{} is longer than {LONGEST} characters", named());
        if let Some(c) = text.chars().find(|c| deceives(*c)) {
            anyhow::bail!("{} holds what cannot be seen (U+{:04X}); type it anew", named(), u32::from(c));
        }
    }
    Ok(typed)
}

fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (path, json) = (arguments.config, arguments.json);
    let config = Config::load(path.as_deref());
    // Setup writes the file that is not there yet; the doctor reports a broken one among its findings.
    let config = match (&arguments.command, config) {
        (Command::Setup(setup), config) => return setup.run(config, path.as_deref(), json),
        (Command::Doctor(doctor), config) => return doctor.run(config, json),
        (Command::Completions { shell }, _) => return manual::completions(*shell).map(|()| ExitCode::SUCCESS),
        (Command::Man, _) => return manual::man().map(|()| ExitCode::SUCCESS),
        (_, config) => config?,
    };
    let context = || Client::of(&config).map(|client| Context { client, json });
    match arguments.command {
        Command::Setup(_) | Command::Doctor(_) | Command::Completions { .. } | Command::Man => {}
        Command::Run => run::run(path.as_deref(), &config)?,
        Command::Net(child) => run::net(&config, &child)?,
        Command::Serve(child) => run::serve(config, &child)?,
        Command::Status => status::status(&context()?)?,
        Command::Authority { publisher: true } => authority::publisher(&context()?)?,
        Command::Authority { .. } => authority::authority(&context()?)?,
        Command::Why(why) => why.run(&context()?)?,
        Command::User(user) => user.run(&context()?)?,
        Command::Group(group) => group.run(&context()?)?,
        Command::Device(device) => device.run(&context()?)?,
        Command::Share(share) => share.run(&context()?)?,
        Command::Service(service) => service.run(&context()?)?,
        Command::Workstation(workstation) => workstation.run(&context()?)?,
        Command::Desktop(desktop) => desktop.run(&context()?)?,
        Command::Pool(pool) => pool.run(&context()?)?,
        Command::Booking(booking) => booking.run(&context()?)?,
        Command::Wake(wake) => wake.run(&context()?)?,
        Command::Agent(agent) => agent.run(&context()?)?,
        Command::Network(network) => network.run(&context()?)?,
        Command::Policy(policy) => policy.run(&context()?)?,
        Command::Invitation(invitation) => invitation.run(&context()?)?,
        Command::Verification(verification) => verification.run(&context()?)?,
        Command::Settings(settings) => settings.run(&context()?)?,
        Command::Token(token) => token.run(&context()?)?,
        Command::Audit(audit) => audit.run(&context()?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// On stderr: what happened and, with the causes, why.
fn report(error: &anyhow::Error, json: bool) {
    use std::io::Write as _;
    let spoken = error.downcast_ref::<words::Spoken>().map(|s| s.slug);
    let slug = spoken.or_else(|| error.downcast_ref::<ApiError>().and_then(|e| e.0.slug()));
    // Who went away knows; what it means was said by whoever asked.
    let said = error.chain().filter(|cause| cause.downcast_ref::<input::Left>().is_none());
    let text = said.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let text = if text.is_empty() { error.to_string() } else { text };
    let line = if json {
        serde_json::json!({ "error": text, "slug": slug }).to_string()
    } else {
        format!("passerelle: {text}")
    };
    // With stderr closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Asks before something that hurts; a script says `--yes`.
fn sure(question: &str, yes: bool) -> anyhow::Result<()> {
    use std::io::IsTerminal as _;
    if yes {
        return Ok(());
    }
    anyhow::ensure!(std::io::stdin().is_terminal(), "{question} There is no terminal to answer at: give --yes");
    let wanted = input::yes_or_no(question, false).context("nothing was changed")?;
    anyhow::ensure!(wanted, "nothing was changed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_grammar_holds() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_secret_is_an_argument() {
        fn names(command: &clap::Command, into: &mut Vec<String>) {
            into.extend(command.get_arguments().map(|a| a.get_id().to_string()));
            command.get_subcommands().for_each(|c| names(c, into));
        }
        let mut all = Vec::new();
        names(&Arguments::command(), &mut all);
        for secret in ["password", "token", "code", "private_key", "preshared_key"] {
            assert!(!all.iter().any(|name| name == secret), "{secret} must not be an argument");
        }
    }
}
