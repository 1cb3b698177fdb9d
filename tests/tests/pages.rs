//! Every page of the web interface, in five languages, with an office's worth of people and things in it.
//! `make screenshots` keeps how each looks.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::time::Duration;

use anyhow::{Context as _, bail};
use office::addresses::{GATEWAY_LAN, PC};
use office::agent::Agent;
use office::gateway::{Cast, Gateway, GatewayOptions, Lan, Person};
use office::{Browser, Home, OfficeOptions, Part, Sleeper, scenario, wait_until};
use serde_json::Value;

/// Every page in five languages, twice or thrice, on two cores.
const PATIENCE: Duration = Duration::from_secs(300);

/// Login, name, language, groups: the lengths that names have.
const PEOPLE: [(&str, &str, &str, &[&str]); 8] = [
    ("claire", "Claire Vanderlinden-Desmet", "fr", &["Comptabilité"]),
    ("joris", "Joris van den Bossche", "nl", &["Atelier", "Direction"]),
    ("montserrat", "Montserrat Puigdemont i Casals", "ca", &["Direction"]),
    ("amelie", "Amélie Dubois", "fr", &["Comptabilité"]),
    ("wim", "Wim Peeters", "nl", &["Atelier"]),
    ("inaki", "Iñaki Etxeberria", "es", &[]),
    ("jean-baptiste", "Jean-Baptiste de la Tour", "fr", &["Atelier"]),
    ("li", "Li", "en", &[]),
];

/// Names, eight people more, groups, an intranet, who may reach them, and whom to call.
fn furnish(gateway: &Gateway<'_>) -> anyhow::Result<()> {
    for group in ["Comptabilité", "Atelier", "Direction"] {
        gateway.cli(&["group", "add", group])?;
    }
    for (login, name, language, groups) in PEOPLE {
        let mut arguments = vec!["user", "add", login, "--name", name, "--language", language];
        arguments.extend(groups.iter().flat_map(|g| ["--group", g]));
        gateway.cli(&arguments)?;
    }
    let pc = PC.to_string();
    gateway.cli(&["service", "add", "intranet", &pc, "--dns-name", "intranet.office.lan", "--port", "443"])?;
    gateway.cli(&["policy", "add", "Comptabilité", "files"])?;
    gateway.cli(&["policy", "add", "Direction", "files"])?;
    gateway.cli(&["policy", "add", "Direction", "intranet", "--hours", "Mo-Fr 07:00-20:00"])?;
    gateway.cli(&["invitation", "add", "claire"])?;
    for (login, name) in [("anne", "Anne Dubois"), ("boris", "Boris Janssens"), ("ada", "Ada Martin")] {
        gateway.cli(&["user", "change", login, "--name", name])?;
    }
    let contact = ["--contact-text", "Ada Martin", "--contact-phone", "+32 2 123 45 67"];
    gateway.cli(&[&["settings", "change", "--link", "Intranet=https://intranet.office.lan"], &contact[..]].concat())?;
    Ok(())
}

/// A PC is on, approved and seen within this.
const SEEN: Duration = Duration::from_secs(30);

/// The PC's agent, enrolled with this token, and heard.
fn report<'o>(cast: &Cast<'o>, pc: &'o Sleeper, token: &Value) -> anyhow::Result<Agent<'o>> {
    let mut agent = Agent::on(cast.gateway.office(), pc.ns())?;
    agent.enrol(&GATEWAY_LAN.to_string(), token["secret"].as_str().context("a token")?)?;
    agent.run()?;
    let host = pc.ns().name();
    wait_until(&format!("{host} is heard"), SEEN, || {
        let agents: Value = cast.gateway.cli(&["agent", "list"])?;
        let mut all = agents.as_array().into_iter().flatten();
        Ok(all.any(|a| a["host"] == host && a["connected"] == true).then_some(()))
    })?;
    Ok(agent)
}

fn lead(browser: &Browser<'_>, part: &str, person: &mut Person) -> anyhow::Result<()> {
    let answer = |wanted: &str| match wanted {
        "part" => Ok(part.to_owned()),
        other => bail!("the script wants `{other}`"),
    };
    browser.lead("pages.ts", person, answer).map(drop)
}

#[test]
fn every_page_fits_in_every_language() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let options = GatewayOptions { lan: Lan::Handed, ..GatewayOptions::default() };
        let mut cast = Cast::start(office, options)?;
        furnish(&cast.gateway)?;
        // One that somebody works at, one that sleeps, one that waits for IT.
        let pcs = [("pc-compta", 51), ("pc-cad", 52), ("pc-accueil", 53)];
        let pcs: Vec<Sleeper> = pcs
            .into_iter()
            .map(|(name, last)| Sleeper::awake(office, name, Part::First, last))
            .collect::<anyhow::Result<_>>()?;
        for pc in &pcs[..2] {
            cast.gateway.cli(&["workstation", "add", pc.ns().name(), &pc.address()])?;
            cast.gateway.cli(&["policy", "add", "workshop", pc.ns().name()])?;
        }
        let token = |more: &[&str]| cast.gateway.cli(&[&["agent", "token"], more].concat());
        let compta = report(&cast, &pcs[0], &token(&["--workstation", "pc-compta"])?)?;
        let cad = report(&cast, &pcs[1], &token(&["--workstation", "pc-cad"])?)?;
        let _waits = report(&cast, &pcs[2], &token(&["--name", "Déploiement", "--uses", "20"])?)?;
        cast.gateway.cli(&["settings", "change", "--agent-names", "true"])?;
        compta.sign_in("7", "claire")?;
        cad.prepare_for_sleep()?;
        pcs[1].sleep()?;
        let mut ada = cast.gateway.redeem("ada", &cast.gateway.admin_token.clone())?;
        let client = cast.anne_at(Home::A)?;
        let authority = cast.gateway.authority()?;
        office.pc.resolve_by(&[GATEWAY_LAN.to_string()], &[])?;
        let at_home = Browser::new(office, client.ns(), Some(&authority))?.with_limit(PATIENCE);
        let at_the_office = Browser::new(office, &office.pc, Some(&authority))?.with_limit(PATIENCE);
        lead(&at_home, "portal", &mut cast.anne)?;
        lead(&at_the_office, "visitor", &mut ada)?;
        lead(&at_the_office, "console", &mut ada)
    })
}
