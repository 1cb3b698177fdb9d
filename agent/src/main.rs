//! `passerelle-agent`: tells the gateway how an office PC is, and does the few things it may ask for.
//!
//! The library half holds the messages. What differs between systems is below `pc/` and `act/`.

mod act;
mod ask;
mod clock;
mod config;
mod connect;
mod enrol;
mod identity;
mod link;
#[cfg(any(windows, test))]
mod log;
mod pc;
mod prepare;
mod pure;
#[cfg(windows)]
mod service;
mod status;
mod stop;
mod trust;
#[cfg(windows)]
mod win32;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use config::Config;
use identity::Folder;
use pc::{Pc as _, ThisPc, Wanted};
use status::Status;
use stop::Stop;

/// What does not run for want of set-up (`EX_CONFIG` of sysexits.h): nobody should start it again and again.
const SET_UP: u8 = 78;

/// Tells the Passerelle gateway whether this PC is free, and wakes its neighbours.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", default_value_os_t = config::default_path())]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Enrol this PC with a token from IT
    Enrol(enrol::Args),
    /// Run the service
    Run,
    /// Print what the gateway would be told, names included, as JSON
    Facts,
    /// Say how it goes
    Status,
    /// Take away the enrolment, the configuration and the log
    Forget,
    /// Leave gateway and token for the service, which enrols by itself: what the installer does
    #[cfg(windows)]
    #[command(hide = true)]
    Prepare(prepare::Args),
    /// Show a message to the person whose desktop this is
    #[cfg(unix)]
    #[command(hide = true)]
    Ask,
    /// Run as a service of Windows, started by Windows
    #[cfg(windows)]
    #[command(hide = true)]
    Service,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    #[cfg(windows)]
    if matches!(arguments.command, Command::Service) {
        return ended(service::run(arguments.config));
    }
    let tty = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).with_ansi(tty).without_time().init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start");
    ended(runtime.and_then(|runtime| runtime.block_on(run(arguments))))
}

/// Where it may not read or write.
const ROOT: &str =
    if cfg!(windows) { "Run it from a prompt that was opened as administrator." } else { "Run it as root: sudo." };

fn ended(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "passerelle-agent: {e:#}");
            let denied = |e: &(dyn std::error::Error + 'static)| {
                e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied)
            };
            if e.chain().any(denied) {
                let _ = writeln!(std::io::stderr(), "{ROOT}");
            }
            ExitCode::from(SET_UP)
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let file = arguments.config;
    let load = || Config::load(&file)?.with_context(|| format!("no {}: enrol this PC first", file.display()));
    match arguments.command {
        Command::Enrol(args) => {
            let host = ThisPc::open().await.facts(&Wanted::default()).await.host;
            enrol::enrol(args, &file, host).await
        }
        Command::Run => link::run(&load()?, ThisPc::open().await, Stop::new()?).await,
        Command::Facts => {
            let facts = ThisPc::open().await.facts(&Wanted { names: true, rules: Vec::new() }).await;
            print(&format!("{}\n", serde_json::to_string_pretty(&facts)?))
        }
        Command::Status => status(&load()?),
        Command::Forget => prepare::forget(&file),
        #[cfg(windows)]
        Command::Prepare(args) => prepare::prepare(args, &file),
        #[cfg(unix)]
        Command::Ask => ask::ask().await,
        // `main` has seen to it.
        #[cfg(windows)]
        Command::Service => Ok(()),
    }
}

fn status(config: &Config) -> anyhow::Result<()> {
    let folder = Folder::new(&config.state_dir);
    folder.load()?.context("this PC is not enrolled: passerelle-agent enrol")?;
    let text = match status::read(&config.state_dir)? {
        None => "enrolled, but the service does not run".to_owned(),
        Some(Status::Unknown) => "enrolled; the service is connecting".to_owned(),
        Some(Status::Connected { approved: true }) => "connected".to_owned(),
        Some(Status::Connected { approved: false }) => "connected; IT has to approve this PC on the gateway".to_owned(),
        Some(Status::Waiting { why, for_s }) => format!("not connected: {why}; tried again within {for_s} s"),
    };
    print(&format!("gateway {}\n{text}\n", config.gateway))
}

/// On standard output, which may be closed.
fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("print")
}
