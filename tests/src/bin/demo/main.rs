//! The demo: the whole story with real clients and servers, a tick and a measured time for each step; then it stays up
//! for a visitor at `https://localhost:8443`. With `ONESHOT=1` it ends after the story: exit code 0 if every step held.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]
#![allow(clippy::print_stdout)]

mod screen;
mod splice;
mod story;

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Context as _;
use office::gateway::{Cast, GatewayOptions};
use office::{Office, OfficeOptions, leftovers, missing};
use screen::Screen;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Set once by the first Ctrl-C: what fails from then on fails because everything is being taken down.
static ENDING: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    if let Some(why) = missing() {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            wait_if_ending();
            eprintln!("the demo ends: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<bool> {
    let oneshot = std::env::var("ONESHOT").is_ok_and(|v| v == "1");
    let listener = splice::listen()?;
    let mut screen = Screen::new();
    screen.title("Passerelle, in a virtual office");
    let mut office = None;
    screen.must("an internet, two homes and an office, in network namespaces", || {
        let built = Office::start(OfficeOptions::default())?;
        clean_up_on_signal(built.prefix().to_owned())?;
        office = Some(built);
        Ok(format!("Samba, dnsmasq, {}", office.as_ref().map_or("", |o| o.rdp_server())))
    })?;
    let mut office = office.context("the office")?;
    let told = tell(&office, listener, &mut screen, oneshot);
    if !matches!(told, Ok(true)) {
        wait_if_ending();
        office.fail();
    }
    told
}

fn tell(office: &Office, listener: TcpListener, screen: &mut Screen, oneshot: bool) -> anyhow::Result<bool> {
    let mut cast = None;
    screen.must("the gateway set up; Anne and Boris invited, enrolled, each with a device", || {
        cast = Some(Cast::start(office, GatewayOptions::default())?);
        Ok("password, TOTP, WireGuard key".to_owned())
    })?;
    let mut cast = cast.context("the cast")?;
    let scene = story::play(&mut cast, screen)?;
    let portal = splice::open(listener, &cast, &scene)?;
    screen.step("the portal answers on this machine, spliced into Anne's home", || portal.check());
    screen.verdict();
    if !oneshot {
        scene.introduce(&cast, &portal, screen)?;
        loop {
            thread::park();
        }
    }
    Ok(screen.all_held())
}

/// Ctrl-C at any moment removes everything that this run has made.
fn clean_up_on_signal(prefix: String) -> anyhow::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]).context("listen for Ctrl-C")?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            ENDING.store(true, Ordering::SeqCst);
            eprintln!("\ntaking everything down");
            leftovers::remove(&prefix);
            eprintln!("all is taken down");
            std::process::exit(130);
        }
    });
    Ok(())
}

/// Leaves the last word to the thread that takes everything down.
fn wait_if_ending() {
    while ENDING.load(Ordering::SeqCst) {
        thread::park();
    }
}
