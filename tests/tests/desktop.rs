//! Office PCs by people's own RDP apps: real xfreerdp at home, real xrdp on the PCs, woken by real magic packets.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use office::addresses::GATEWAY_LAN;
use office::agent::Agent;
use office::gateway::{Cast, GatewayOptions, Lan, Role};
use office::rdp::Screen;
use office::{Browser, Client, Home, Office, OfficeOptions, Part, Sleeper, connect, scenario, wait_until};
use serde_json::{Value, json};

/// An app comes to its PC within this; one that is woken, too.
const LIMIT: Duration = Duration::from_secs(30);

/// Whoever may not go on is cut off within this.
const CUT: Duration = Duration::from_secs(1);

/// Five languages, three widths, two cores.
const PATIENCE: Duration = Duration::from_secs(240);

const KNOCK: Duration = Duration::from_secs(3);

/// xfreerdp, when the other side closes instead of answering.
const CLOSED: &str = "ERRCONNECT_CONNECT_TRANSPORT_FAILED";

fn started(office: &Office) -> anyhow::Result<Cast<'_>> {
    Cast::start(office, GatewayOptions { lan: Lan::Named, ..GatewayOptions::default() })
}

/// The PC as people who may use it see it: its alias.
fn publish(cast: &Cast<'_>, name: &str, pc: &Sleeper) -> anyhow::Result<SocketAddr> {
    let added = cast.gateway.cli(&["workstation", "add", name, &pc.address()])?;
    cast.gateway.cli(&["policy", "add", "workshop", name])?;
    let alias: Ipv4Addr = added["alias4"].as_str().context("an alias")?.parse()?;
    Ok((alias, 3389).into())
}

fn anne<'o>(cast: &mut Cast<'o>, home: Home) -> anyhow::Result<Client<'o>> {
    let client = cast.anne_at(home)?;
    cast.anne_signs_in(client.ns())?;
    Ok(client)
}

fn desktops(cast: &Cast<'_>) -> anyhow::Result<Vec<Value>> {
    let all = cast.gateway.cli(&["desktop", "list"])?;
    Ok(all.as_array().cloned().unwrap_or_default())
}

/// How often it is in the audit, a moment after it has happened.
fn audited(cast: &Cast<'_>, event: &str, holds: &str) -> anyhow::Result<usize> {
    let all = || Ok(cast.gateway.audit(event)?.iter().filter(|line| line.to_string().contains(holds)).count());
    wait_until(event, KNOCK, || Ok((all()? > 0).then_some(())))?;
    all()
}

fn until_there(cast: &Cast<'_>) -> anyhow::Result<Value> {
    Ok(wait_until("a desktop in use", LIMIT, || Ok(desktops(cast)?.pop()))?.0)
}

/// By the name that the portal says, listed while it lasts, over at once when policy ends: the app, the list, the PC.
#[test]
fn an_app_comes_to_its_pc_by_name_and_goes_with_its_right() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let pc = Sleeper::awake(office, "pc-d", Part::First, 61)?;
        let mut cast = started(office)?;
        let at = publish(&cast, "desk", &pc)?;
        let client = cast.anne_at(Home::A)?;
        ensure!(connect(client.ns(), at, KNOCK)?.is_refused_at_once(), "the door is locked");
        let web = cast.anne_signs_in(client.ns())?;
        let mine = web.read("/api/v1/me/workstations")?.body;
        let name = mine.pointer("/0/dns_name").and_then(Value::as_str).context("a name")?.to_owned();
        let screen = Screen::on(client.ns())?;
        let knocked = screen.knock(&name)?;
        ensure!(knocked.ok(), "{}", knocked.both());

        let mut app = screen.app(&name)?;
        let there = until_there(&cast)?;
        ensure!(
            there["workstation"] == "desk" && there["login"] == "anne" && there["device_name"] == "laptop",
            "{there}"
        );
        wait_until("a picture has come", LIMIT, || {
            let one = desktops(&cast)?.pop().context("it is over")?;
            // xrdp's screen for signing in is plain, and packs well.
            Ok((one["tx"].as_u64() > Some(5_000)).then_some(()))
        })?;
        ensure!(app.runs(), "{}", app.log());
        let shown = cast.gateway.cli(&["workstation", "show", "desk"])?;
        let says = (&shown["state"], &shown["reason"]);
        ensure!(says.0 == "in_use_remotely" && says.1 == "through_gateway", "{shown}");
        let mine = web.read("/api/v1/me/workstations")?.body;
        ensure!(mine.pointer("/0/own") == Some(&Value::Bool(true)), "{mine}");
        // Somebody else, by whatever address, is not let near; nor one who may, while Anne is there.
        let boris = cast.boris_at(Home::B)?;
        ensure!(connect(boris.ns(), at, KNOCK)?.is_refused_at_once(), "Boris may not");
        cast.gateway.cli(&["user", "group", "boris", "--add", "workshop"])?;
        let web = cast.gateway.web(boris.ns())?;
        web.sign_in(&mut cast.boris)?;
        let his = Screen::on(boris.ns())?;
        let knocked = his.knock(&at.ip().to_string())?;
        ensure!(!knocked.ok() && knocked.both().contains(CLOSED), "{}", knocked.both());
        ensure!(audited(&cast, "desktop_refused", "in_use_remotely")? == 1, "Boris is refused once");
        ensure!(app.runs(), "Anne was thrown off: {}", app.log());

        let began = Instant::now();
        cast.gateway.cli(&["policy", "remove", "workshop", "desk", "--yes"])?;
        app.wait(CUT).context("the app goes on")?;
        ensure!(began.elapsed() < CUT, "cut after {:?}", began.elapsed());
        wait_until("nobody is there", CUT, || Ok(desktops(&cast)?.is_empty().then_some(())))?;
        cast.gateway.until_pc_is("desk", "stale", CUT)?;
        audited(&cast, "desktop_ended", "not_allowed")?;
        ensure!(connect(client.ns(), at, KNOCK)?.is_refused_at_once(), "without a policy");
        Ok(())
    })
}

/// An app of another make is led there and cut off as any other.
#[test]
fn another_app_is_heard_as_well() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let pc = Sleeper::awake(office, "pc-d", Part::First, 66)?;
        let mut cast = started(office)?;
        let at = publish(&cast, "desk", &pc)?;
        let client = anne(&mut cast, Home::A)?;
        let screen = Screen::on(client.ns())?;
        let mut app = screen.other_app(&at.ip().to_string())?;
        until_there(&cast)?;
        wait_until("a picture has come", LIMIT, || {
            let one = desktops(&cast)?.pop().with_context(|| format!("it is over: {}", app.log()))?;
            Ok((one["tx"].as_u64() > Some(5_000)).then_some(()))
        })?;
        cast.gateway.cli(&["policy", "remove", "workshop", "desk", "--yes"])?;
        app.wait(CUT).context("the app goes on")?;
        wait_until("nobody is there", CUT, || Ok(desktops(&cast)?.is_empty().then_some(())))?;
        Ok(())
    })
}

/// One attempt, while the PC sleeps; and what is no RDP wakes nobody.
#[test]
fn an_app_waits_for_a_pc_that_is_woken_for_it() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let pc = Sleeper::awake(office, "pc-d", Part::First, 62)?;
        let mut cast = started(office)?;
        let at = publish(&cast, "desk", &pc)?;
        wait_until("its hardware address is known", LIMIT, || {
            let shown = cast.gateway.cli(&["workstation", "show", "desk"])?;
            Ok((shown.pointer("/macs/0").and_then(Value::as_str) == Some(pc.mac().as_str())).then_some(()))
        })?;
        pc.sleep()?;
        let client = anne(&mut cast, Home::A)?;
        // A scan opens the port, and says nothing or something else.
        ensure!(connect(client.ns(), at, KNOCK)?.is_open(), "it is heard here");
        client.ns().run(["curl", "-s", "--max-time", "3", &format!("http://{at}/")])?;
        ensure!(pc.heard()?.frames.is_empty(), "a scan wakes the PC");

        let screen = Screen::on(client.ns())?;
        let began = Instant::now();
        let knocked = std::thread::scope(|scope| {
            let knocked = scope.spawn(|| screen.knock(&at.ip().to_string()));
            pc.wake_when_called(office, LIMIT, true)?;
            knocked.join().map_err(|_| anyhow::anyhow!("the app panicked"))?
        })?;
        ensure!(knocked.ok(), "{}", knocked.both());
        eprintln!("from the app's first packet to the PC's answer: {:?}, the PC's own start within", began.elapsed());
        ensure!(audited(&cast, "desktop_begun", "desk")? == 1, "one attempt");
        Ok(())
    })
}

/// Somebody sits there: the app is not let in, the portal says why, and nobody notices at the PC.
#[test]
fn nobody_who_sits_there_is_thrown_off() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let pc = Sleeper::awake(office, "pc-d", Part::First, 63)?;
        let mut agent = Agent::on(office, pc.ns())?;
        let mut cast = started(office)?;
        let at = publish(&cast, "desk", &pc)?;
        let issued = cast.gateway.cli(&["agent", "token", "--workstation", "desk"])?;
        agent.enrol(&GATEWAY_LAN.to_string(), issued["secret"].as_str().context("a token")?)?;
        agent.run()?;
        cast.gateway.until_pc_is("desk", "free", LIMIT)?;
        cast.gateway.cli(&["settings", "change", "--agent-names", "true"])?;
        agent.sign_in("7", "paul")?;
        cast.gateway.until_pc_is("desk", "in_use_here", LIMIT)?;
        let shown = cast.gateway.cli(&["workstation", "show", "desk"])?;
        ensure!(shown["by"] == "paul", "IT wanted names: {shown}");

        let client = cast.anne_at(Home::A)?;
        let web = cast.anne_signs_in(client.ns())?;
        let screen = Screen::on(client.ns())?;
        let pc_at = at.ip().to_string();
        let knocked = screen.knock(&pc_at)?;
        ensure!(!knocked.ok() && knocked.both().contains(CLOSED), "{}", knocked.both());
        let mine = web.read("/api/v1/me/workstations")?.body;
        ensure!(mine.pointer("/0/refused/why") == Some(&Value::from("in_use_here")), "{mine}");
        ensure!(!mine.to_string().contains("paul"), "who sits there is told: {mine}");
        // The same once a minute, however often they knock.
        screen.knock(&pc_at)?;
        ensure!(audited(&cast, "desktop_refused", "in_use_here")? == 1, "each knock is written down");

        agent.sign_out("7")?;
        cast.gateway.until_pc_is("desk", "free", LIMIT)?;
        let app = screen.app(&pc_at)?;
        until_there(&cast)?;
        let mine = web.read("/api/v1/me/workstations")?.body;
        ensure!(mine.pointer("/0/refused").is_none_or(Value::is_null), "{mine}");
        drop(app);
        wait_until("nobody is there", LIMIT, || Ok(desktops(&cast)?.is_empty().then_some(())))?;
        Ok(())
    })
}

/// The control plane is replaced under a desktop: it goes on, is known again, and can be ended. While nobody answers for
/// the gateway, whoever comes is told so at once.
#[test]
fn a_desktop_outlives_the_control_plane() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let pc = Sleeper::awake(office, "pc-d", Part::First, 64)?;
        let mut cast = started(office)?;
        let at = publish(&cast, "desk", &pc)?;
        let client = anne(&mut cast, Home::A)?;
        let screen = Screen::on(client.ns())?;
        let mut app = screen.app(&at.ip().to_string())?;
        let before = until_there(&cast)?;

        cast.gateway.kill(Role::Serve)?;
        std::thread::sleep(Duration::from_millis(1_500));
        let reach = connect(client.ns(), at, KNOCK)?;
        let silent = !reach.is_open()
            || client.ns().run(["curl", "-s", "--max-time", "3", &format!("telnet://{at}")])?.code != 28;
        ensure!(silent, "nobody is heard, and nobody is told: {reach:?}");
        ensure!(app.runs(), "{}", app.log());

        cast.gateway.launch(Role::Serve)?;
        cast.gateway.wait_until_ready()?;
        let after = until_there(&cast)?;
        ensure!(after["id"] == before["id"] && after["login"] == "anne", "{before} {after}");
        ensure!(app.runs(), "{}", app.log());
        let id = after["id"].as_str().context("an id")?;
        cast.gateway.cli(&["desktop", "end", id])?;
        app.wait(CUT).context("the app goes on")?;
        ensure!(audited(&cast, "desktop_cut", "anne")? == 1, "ended twice");
        Ok(())
    })
}

/// On the console's page: `admin-ui/tests/desktops.ts`.
#[test]
fn it_sees_who_is_connected_and_ends_it() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let pc = Sleeper::awake(office, "pc-d", Part::First, 65)?;
        let mut cast = Cast::start(office, GatewayOptions { lan: Lan::Handed, ..GatewayOptions::default() })?;
        let at = publish(&cast, "desk", &pc)?;
        let mut ada = cast.gateway.redeem("ada", &cast.gateway.admin_token.clone())?;
        let client = anne(&mut cast, Home::A)?;
        let screen = Screen::on(client.ns())?;
        office.pc.resolve_by(&[GATEWAY_LAN.to_string()], &[])?;
        let browser = Browser::new(office, &office.pc, Some(&cast.gateway.authority()?))?.with_limit(PATIENCE);
        let mut app = None;
        browser.lead("desktops.ts", &mut ada, |wanted| {
            match wanted {
                "connect" => {
                    app = Some(screen.app(&at.ip().to_string())?);
                    until_there(&cast)?;
                }
                "book" => {
                    let quarter = 15 * 60_000;
                    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
                    let begins = (now / quarter + 8) * quarter;
                    let book = json!({ "pool": "CAD", "begins": begins, "ends": begins + quarter });
                    let booked = cast.gateway.web(client.ns())?.post("/api/v1/me/bookings", &book)?;
                    ensure!(booked.status == 201, "{}", booked.body);
                }
                "gone" => {
                    app.take().context("an app")?.wait(CUT).context("the app goes on")?;
                }
                other => bail!("the script wants `{other}`"),
            }
            Ok(String::from("seen"))
        })?;
        Ok(())
    })
}
