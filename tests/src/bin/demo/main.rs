//! The demo: the whole story with real clients and servers, a tick and a measured time for each step; then it stays up
//! for a visitor: the portal at `https://localhost:8443`, the console at `https://127.0.0.1:8543/admin`. With `ONESHOT=1` it ends after the story: exit code 0 if every step held.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]
#![allow(clippy::print_stdout)]

mod desk;
mod screen;
mod splice;
mod story;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Context as _;
use desk::Desk;
use office::gateway::{Cast, GatewayOptions, Lan};
use office::totp::Authenticator;
use office::{Office, OfficeOptions, leftovers, missing};
use screen::Screen;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use splice::Taken;

/// Set once by the first Ctrl-C: what fails from then on fails because everything is being taken down.
static ENDING: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    if let [word, secret] = &std::env::args().skip(1).collect::<Vec<_>>()[..]
        && word == "code"
    {
        return telephone(secret);
    }
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

/// `demo code SECRET`, for who has no authenticator app at hand.
fn telephone(secret: &str) -> ExitCode {
    match Authenticator::new(secret).and_then(|app| app.current_code()) {
        Ok(code) => {
            println!("{code}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<bool> {
    let oneshot = std::env::var("ONESHOT").is_ok_and(|v| v == "1");
    let taken = splice::listen()?;
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
    let told = tell(&office, taken, &mut screen, oneshot);
    if !matches!(told, Ok(true)) {
        wait_if_ending();
        office.fail();
    }
    told
}

fn tell(office: &Office, taken: Taken, screen: &mut Screen, oneshot: bool) -> anyhow::Result<bool> {
    let mut cast = None;
    screen.must("the gateway set up; Ada (IT), Anne and Boris enrolled, the last two with a device", || {
        let started = Cast::start(office, GatewayOptions { lan: Lan::Named, ..GatewayOptions::default() })?;
        let admin = started.gateway.redeem("ada", &started.gateway.admin_token)?;
        cast = Some((started, admin));
        Ok("password, TOTP, WireGuard key".to_owned())
    })?;
    let (mut cast, admin) = cast.context("the cast")?;
    let pc = desk::pc(office)?;
    let mut found = None;
    screen.must("an office PC with its agent, enrolled, seen by the gateway, and asleep", || {
        found = Some(Desk::start(&cast, &pc)?);
        Ok("xrdp, passerelle-agent".to_owned())
    })?;
    let desk = found.context("the PC")?;
    let machine = desk::shown_machine(office)?;
    let mut shown = None;
    screen.must("another that is on, with a desktop to be seen in the browser", || {
        shown = Some(desk::shown(&cast, &machine)?);
        Ok("freerdp-shadow, network level authentication".to_owned())
    })?;
    let room = desk::room(office)?;
    let mut seats = Vec::new();
    screen.must("two more with one licence between them: one seat, a line for it, a calendar", || {
        seats = desk::pool(&cast, &room)?;
        Ok("weston, a pool".to_owned())
    })?;
    let scene = story::play(&mut cast, &desk, screen)?;
    let ways = splice::open(taken, &cast, &scene)?;
    screen.step("the portal answers on this machine, spliced into Anne's home", || ways.portal.check());
    screen.step("and the console, spliced into the office LAN", || ways.console.check());
    screen.verdict();
    if !oneshot {
        scene.introduce(&cast, &admin, &ways, screen)?;
        desk.stay(&cast, screen);
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
