//! Seats: office PCs with the same program and fewer licences than people. Real xfreerdp and Chromium at home, real xrdp.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use office::gateway::{Cast, GatewayOptions, Lan};
use office::rdp::Screen;
use office::{Browser, Home, Office, OfficeOptions, Part, Sleeper, scenario, wait_until};
use serde_json::{Value, json};

/// A PC is called, or a picture comes, within this.
const LIMIT: Duration = Duration::from_secs(45);

/// A seat that is given back is the next one's within this.
const NEXT: Duration = Duration::from_secs(2);

/// Five languages, three widths, two cores.
const PATIENCE: Duration = Duration::from_secs(240);

const CLOSED: &str = "ERRCONNECT_CONNECT_TRANSPORT_FAILED";

/// Two PCs that are on, one licence, and two people who may use both.
fn pool(office: &Office, cast: &Cast<'_>) -> anyhow::Result<([Sleeper; 2], [SocketAddr; 2])> {
    let pcs =
        [Sleeper::awake(office, "pc-cad1", Part::First, 81)?, Sleeper::awake(office, "pc-cad2", Part::First, 82)?];
    let at = |name: &str, pc: &Sleeper| -> anyhow::Result<SocketAddr> {
        let added = cast.gateway.cli(&["workstation", "add", name, &pc.address()])?;
        cast.gateway.cli(&["policy", "add", "workshop", name])?;
        cast.gateway.until_pc_is(name, "stale", LIMIT)?;
        let alias: Ipv4Addr = added["alias4"].as_str().context("an alias")?.parse()?;
        Ok((alias, 3389).into())
    };
    let ats = [at("cad1", &pcs[0])?, at("cad2", &pcs[1])?];
    cast.gateway.cli(&["user", "group", "boris", "--add", "workshop"])?;
    let add = ["pool", "add", "CAD", "--workstation", "cad1", "--workstation", "cad2", "--seats", "1"];
    cast.gateway.cli(&add)?;
    Ok((pcs, ats))
}

fn place(pools: &Value) -> Value {
    pools.pointer("/0/place").cloned().unwrap_or_default()
}

/// By their own apps: one licence is one desktop, whichever PC; who waits has it within two seconds, and by the file that
/// the portal gives.
#[test]
fn one_licence_and_two_apps() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions { lan: Lan::Named, ..GatewayOptions::default() })?;
        let (_pcs, at) = pool(office, &cast)?;
        let (anne, boris) = (cast.anne_at(Home::A)?, cast.boris_at(Home::B)?);
        let hers = cast.anne_signs_in(anne.ns())?;
        let his = cast.gateway.web(boris.ns())?;
        his.sign_in(&mut cast.boris)?;
        let (her_screen, his_screen) = (Screen::on(anne.ns())?, Screen::on(boris.ns())?);

        let mut app = her_screen.app(&at[0].ip().to_string())?;
        let there = || Ok(cast.gateway.cli(&["desktop", "list"])?.get(0).cloned());
        let desktop = wait_until("a desktop in use", LIMIT, there)?.0;
        let told =
            cast.gateway.try_cli(&["desktop", "tell", desktop["id"].as_str().context("an id")?, "Until six."])?;
        ensure!(!told.ok() && told.both().contains("agent"), "nobody shows it: {}", told.both());
        let knocked = his_screen.knock(&at[1].ip().to_string())?;
        ensure!(!knocked.ok() && knocked.both().contains(CLOSED), "the only licence is used: {}", knocked.both());
        let mine = his.read("/api/v1/me/workstations")?.body;
        ensure!(mine.pointer("/1/refused/why") == Some(&json!("no_seat")), "{mine}");
        let waits = his.post("/api/v1/me/pools/CAD/seat", &json!({}))?;
        ensure!(
            waits.body["place"] == json!({ "at": "waiting", "before": 0, "since": waits.body["place"]["since"] }),
            "{}",
            waits.body
        );
        let seen = hers.read("/api/v1/me/pools")?.body;
        ensure!(place(&seen)["at"] == "there" && seen.pointer("/0/waiting") == Some(&json!(1)), "{seen}");
        ensure!(!seen.to_string().contains("boris"), "who waits is told: {seen}");

        let began = Instant::now();
        app.signal(rustix::process::Signal::TERM)?;
        app.wait(LIMIT)?;
        let gone = || Ok(Some(place(&his.read("/api/v1/me/pools")?.body)).filter(|place| place["at"] == "kept"));
        let (kept, _) = wait_until("it is his turn", LIMIT, gone)?;
        ensure!(began.elapsed() < NEXT, "it took {:?}", began.elapsed());
        eprintln!("from the end of one to the next one's turn: {:?}", began.elapsed());
        let pc = kept["workstation"].as_str().context("a PC")?;
        let knocked = her_screen.knock(&at[0].ip().to_string())?;
        ensure!(!knocked.ok(), "it is kept for him: {}", knocked.both());
        let file = office.directory().join("his.rdp");
        his.download(&format!("/api/v1/me/workstations/{pc}/rdp"), &file)?;
        let knocked = his_screen.knock_by(&file)?;
        ensure!(knocked.ok(), "by the file: {}", knocked.both());
        Ok(())
    })
}

/// The portal's card, the line, a booking; and what IT sees of it: `admin-ui/tests/seats.ts`.
#[test]
fn a_free_seat_is_found_waited_for_and_booked() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions { lan: Lan::Named, ..GatewayOptions::default() })?;
        let (_pcs, _) = pool(office, &cast)?;
        let (anne, boris) = (cast.anne_at(Home::A)?, cast.boris_at(Home::B)?);
        let his = cast.gateway.web(boris.ns())?;
        his.sign_in(&mut cast.boris)?;
        let browser = Browser::new(office, anne.ns(), Some(&cast.gateway.authority()?))?.with_limit(PATIENCE);
        let gateway = &cast.gateway;
        let told = browser.lead("seats.ts", &mut cast.anne, |wanted| {
            match wanted {
                "boris sits" => {
                    let sits = his.post("/api/v1/me/pools/CAD/seat", &json!({}))?.body;
                    ensure!(sits["place"]["at"] == "kept", "{sits}");
                }
                "boris goes" => ensure!(his.delete("/api/v1/me/pools/CAD/seat")?.status == 204, "he had no seat"),
                "booked" => return Ok(gateway.cli(&["booking", "list"])?.to_string()),
                "IT takes it back" => {
                    let all = gateway.cli(&["booking", "list"])?;
                    let id = all.pointer("/0/id").and_then(Value::as_str).context("nothing is booked")?;
                    gateway.cli(&["booking", "remove", id, "--yes"])?;
                }
                other => bail!("the script wants `{other}`"),
            }
            Ok(String::from("seen"))
        })?;
        ensure!(told.wanted("booked") > 0, "nothing was booked");
        Ok(())
    })
}
