//! Office PCs in a real browser: an administrator's console at the office, and the portal at home. The agents are real, and
//! so are the magic packets that wake the PCs.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use office::addresses::GATEWAY_LAN;
use office::agent::Agent;
use office::gateway::{Cast, GatewayOptions, Lan};
use office::{Browser, Home, OfficeOptions, Part, Sleeper, scenario};
use serde_json::Value;

/// A PC is called within this, or taken to do something.
const LIMIT: Duration = Duration::from_secs(45);

/// Five languages, three widths, two cores.
const PATIENCE: Duration = Duration::from_secs(240);

/// Enrolled, approved, seen, woken, sent to sleep: `admin-ui/tests/computers.ts`.
#[test]
fn it_sees_office_pcs_as_they_change_and_wakes_them() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let options = GatewayOptions { lan: Lan::Handed, ..GatewayOptions::default() };
        let cast = Cast::start(office, options)?;
        let gateway = &cast.gateway;
        let mut ada = gateway.redeem("ada", &gateway.admin_token.clone())?;
        office.pc.resolve_by(&[GATEWAY_LAN.to_string()], &[])?;
        let reception = Sleeper::awake(office, "pc-r", Part::First, 51)?;
        let studio = Sleeper::awake(office, "pc-s", Part::First, 52)?;
        studio.sleep()?;
        let mut agent = Agent::on(office, reception.ns())?;
        let mut classroom = Vec::new();
        for (name, at) in [("pc-1", 54), ("pc-2", 55), ("pc-3", 56)] {
            classroom.push(Sleeper::awake(office, name, Part::First, at)?);
        }
        let mut learners = Vec::new();
        for pc in &classroom {
            learners.push(Agent::on(office, pc.ns())?);
        }
        let browser = Browser::new(office, &office.pc, Some(&gateway.authority()?))?.with_limit(PATIENCE);
        browser.lead("computers.ts", &mut ada, |wanted| {
            match wanted.split_once(' ').unwrap_or((wanted, "")) {
                ("enrol", token) => {
                    agent.enrol(&GATEWAY_LAN.to_string(), token)?;
                    agent.run()?;
                    gateway.cli(&["workstation", "add", "pc-r", &reception.address()])?;
                    gateway.cli(&["workstation", "add", "pc-s", &studio.address()])?;
                }
                ("two", token) => {
                    for learner in &mut learners[..2] {
                        learner.enrol(&GATEWAY_LAN.to_string(), token)?;
                        learner.run()?;
                    }
                }
                ("meanwhile", token) => {
                    gateway.cli(&["agent", "approve", "pc-2"])?;
                    learners[2].enrol(&GATEWAY_LAN.to_string(), token)?;
                    learners[2].run()?;
                }
                ("sign", "in") => agent.sign_in("7", "marta")?,
                ("sign", "out") => agent.sign_out("7")?,
                ("suspended", _) => return Ok(agent.suspended()?.to_string()),
                ("mac", _) => return Ok(studio.mac()),
                ("called", _) => {
                    let heard = studio.wake_when_called(office, LIMIT, true)?;
                    ensure!(heard.woken, "it woke by itself");
                }
                other => bail!("the script wants `{other:?}`"),
            }
            Ok(String::from("seen"))
        })?;
        Ok(())
    })
}

/// Asleep, woken, in use, from home: `admin-ui/tests/wake.ts`.
#[test]
fn a_pc_is_woken_from_home_by_a_touch() -> anyhow::Result<()> {
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
        browser.lead("wake.ts", &mut cast.anne, |wanted| {
            match wanted {
                "called" => {
                    pc.wake_when_called(office, LIMIT, true)?;
                    agent.resume()?;
                }
                "sign in" => agent.sign_in("7", "marta")?,
                other => bail!("the script wants `{other}`"),
            }
            Ok(String::from("seen"))
        })?;
        Ok(())
    })
}
