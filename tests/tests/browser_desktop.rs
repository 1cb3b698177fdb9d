//! Office PCs in the browser, from home: Chromium, the gateway, and real RDP servers.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use office::addresses::GATEWAY_LAN;
use office::agent::Agent;
use office::desktops::{COLOUR, PASSWORD, Recorder, Security, Shadow, USER, weston};
use office::gateway::{Cast, GatewayOptions, Lan, Role};
use office::{Browser, Home, OfficeOptions, Part, Sleeper, connect, heavy, scenario, wait_until};
use serde_json::{Value, json};

/// A PC is called within this.
const LIMIT: Duration = Duration::from_secs(45);

/// What is typed has arrived within this.
const TYPED: Duration = Duration::from_secs(5);

/// Five languages, three widths, two cores.
const PATIENCE: Duration = Duration::from_secs(150);

/// Wrong password, picture, keys, chord, clipboard, policy, the PC's death: `admin-ui/tests/desktop.ts`.
#[test]
fn a_pc_is_shown_and_says_how_it_ends() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions { lan: Lan::Named, ..GatewayOptions::default() })?;
        let cad = office.machine("pc-cad", Part::First, 71)?;
        let mut shadow = Shadow::on(office, &cad, "192.168.1.71")?;
        let linux = office.machine("pc-linux", Part::First, 72)?;
        let _weston = weston(office, &linux, "192.168.1.72")?;
        for (name, at) in [("pc-cad", "192.168.1.71"), ("pc-linux", "192.168.1.72")] {
            cast.gateway.cli(&["workstation", "add", name, at])?;
            cast.gateway.cli(&["policy", "add", "workshop", name])?;
            cast.gateway.until_pc_is(name, "stale", LIMIT)?;
        }
        let client = cast.anne_at(Home::A)?;
        let browser = Browser::new(office, client.ns(), Some(&cast.gateway.authority()?))?.with_limit(PATIENCE);
        let gateway = &mut cast.gateway;
        browser.lead("desktop.ts", &mut cast.anne, |wanted| {
            match wanted {
                "part" => return Ok(String::from("shown")),
                "restarted" => {
                    gateway.kill(Role::Serve)?;
                    gateway.launch(Role::Serve)?;
                    gateway.wait_until_ready()?;
                }
                "desk" => return Ok(json!({ "user": USER, "password": PASSWORD, "colour": COLOUR }).to_string()),
                "typed" => {
                    let typed = || Ok(Some(shadow.typed()).filter(|typed| typed.ends_with('\n')));
                    return Ok(wait_until("a line is typed", TYPED, typed)?.0.trim_end().to_owned());
                }
                "list" => return Ok(gateway.cli(&["desktop", "list"])?.to_string()),
                "policy removed" => drop(gateway.cli(&["policy", "remove", "workshop", "pc-cad", "--yes"])?),
                "policy added" => drop(gateway.cli(&["policy", "add", "workshop", "pc-cad"])?),
                "dead" => shadow.die()?,
                "alive" => {
                    shadow.serve()?;
                    gateway.until_pc_is("pc-cad", "stale", LIMIT)?;
                }
                other => bail!("the script wants `{other}`"),
            }
            Ok(String::from("seen"))
        })?;
        Ok(())
    })
}

/// Every key as it was pressed, every character as it was meant, the clipboard both ways; and a PC that is not the one it
/// was, or offers less than it did, hears no password: `admin-ui/tests/desktop.ts`.
#[test]
fn a_pc_hears_exactly_what_is_typed_and_copied() -> anyhow::Result<()> {
    if !heavy("a PC that writes down every key") {
        return Ok(());
    }
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions { lan: Lan::Named, ..GatewayOptions::default() })?;
        let ns = office.machine("pc-cad", Part::First, 71)?;
        let mut pc = Recorder::on(office, &ns, "192.168.1.71")?;
        cast.gateway.cli(&["workstation", "add", "pc-cad", "192.168.1.71"])?;
        cast.gateway.cli(&["policy", "add", "workshop", "pc-cad"])?;
        cast.gateway.until_pc_is("pc-cad", "stale", LIMIT)?;
        let client = cast.anne_at(Home::A)?;
        let browser = Browser::new(office, client.ns(), Some(&cast.gateway.authority()?))?.with_limit(PATIENCE);
        let gateway = &cast.gateway;
        browser.lead("desktop.ts", &mut cast.anne, |wanted| {
            match wanted {
                "part" => return Ok(String::from("recorded")),
                "desk" => return Ok(json!({ "user": USER, "password": PASSWORD, "colour": COLOUR }).to_string()),
                "said" => return Ok(json!(pc.said().lines().collect::<Vec<_>>()).to_string()),
                "changed" => {
                    pc.change_certificate()?;
                    pc.serve(Security::Nla)?;
                }
                "approved" => {
                    drop(gateway.cli(&["workstation", "change", "pc-cad", "--forget-certificate"])?);
                }
                "weaker" => pc.serve(Security::Tls)?,
                "as before" => pc.serve(Security::Nla)?,
                other => match other.split_once(' ') {
                    Some(("copy", _)) => pc.tell(other)?,
                    Some((what @ ("offer" | "received"), more)) => {
                        let (length, name) = more.split_once(' ').context("a length and a name")?;
                        let content: Vec<u8> =
                            (0..length.parse::<u32>()?).map(|n| ((n * 7 + (n >> 8)) % 251) as u8).collect();
                        if what == "received" {
                            ensure!(
                                std::fs::read(pc.file(&format!("received-{name}")))? == content,
                                "not what was sent"
                            );
                            return Ok(String::from("the same"));
                        }
                        std::fs::write(pc.file(name), content)?;
                        pc.tell(&format!("offer {name}"))?;
                    }
                    _ => bail!("the script wants `{other}`"),
                },
            }
            Ok(String::from("seen"))
        })?;
        Ok(())
    })
}

/// From a browser in the internet, without a tunnel: not before IT wants it, and no longer than IT wants it.
#[test]
fn a_pc_is_used_without_the_tunnel_where_it_wants_that() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let options = GatewayOptions { lan: Lan::Named, internet: true, ..GatewayOptions::default() };
        let mut cast = Cast::start(office, options)?;
        let linux = office.machine("pc-linux", Part::First, 72)?;
        let _weston = weston(office, &linux, "192.168.1.72")?;
        cast.gateway.cli(&["workstation", "add", "pc-linux", "192.168.1.72"])?;
        cast.gateway.cli(&["policy", "add", "workshop", "pc-linux"])?;
        cast.gateway.until_pc_is("pc-linux", "stale", LIMIT)?;
        let home = office.home(Home::B);
        let browser = Browser::new(office, home, Some(&cast.gateway.authority()?))?.with_limit(PATIENCE);
        let gateway = &cast.gateway;
        let switch = |on: &str| gateway.cli(&["settings", "change", "--desktops-outside", on]).map(drop);
        browser.lead("desktop.ts", &mut cast.anne, |wanted| {
            match wanted {
                "part" => return Ok(String::from("outside")),
                "list" => return Ok(gateway.cli(&["desktop", "list"])?.to_string()),
                "on" => switch("true")?,
                "off" => switch("false")?,
                other => bail!("the script wants `{other}`"),
            }
            Ok(String::from("seen"))
        })?;
        // What stands for her browsers opens nothing else: the file server is as closed as before.
        for to in cast.files_at(445) {
            ensure!(!connect(home, to, TYPED)?.is_open(), "{to} is open");
        }
        Ok(())
    })
}

/// Asleep, with the password typed meanwhile: one touch wakes it and shows it.
#[test]
fn a_pc_that_sleeps_is_woken_and_shown() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions { lan: Lan::Named, ..GatewayOptions::default() })?;
        let pc = Sleeper::awake(office, "pc-compta", Part::First, 53)?;
        let mut agent = Agent::on(office, pc.ns())?;
        cast.gateway.cli(&["workstation", "add", "pc-compta", &pc.address()])?;
        cast.gateway.cli(&["policy", "add", "workshop", "pc-compta"])?;
        let issued: Value = cast.gateway.cli(&["agent", "token", "--workstation", "pc-compta"])?;
        agent.enrol(&GATEWAY_LAN.to_string(), issued["secret"].as_str().context("a token")?)?;
        agent.run()?;
        cast.gateway.until_pc_is("pc-compta", "free", LIMIT)?;
        agent.prepare_for_sleep()?;
        cast.gateway.until_pc_is("pc-compta", "asleep", LIMIT)?;
        pc.sleep()?;
        let client = cast.anne_at(Home::A)?;
        let browser = Browser::new(office, client.ns(), Some(&cast.gateway.authority()?))?.with_limit(PATIENCE);
        let told = browser.lead("desktop.ts", &mut cast.anne, |wanted| {
            match wanted {
                "part" => return Ok(String::from("woken")),
                "called" => {
                    pc.wake_when_called(office, LIMIT, true)?;
                    agent.resume()?;
                }
                "sign in" => agent.sign_in("7", "paul")?,
                other => bail!("the script wants `{other}`"),
            }
            Ok(String::from("seen"))
        })?;
        ensure!(told.wanted("called") == 1, "it was never woken");
        Ok(())
    })
}
