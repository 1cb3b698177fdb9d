//! The console in a real browser: an administrator at the office, and what comes of it at people's homes.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::time::Duration;

use anyhow::{bail, ensure};
use office::addresses::GATEWAY_LAN;
use office::gateway::{Cast, GatewayOptions, Lan, Person};
use office::{Browser, Home, Office, OfficeOptions, connect, scenario};
use serde_json::json;

const KNOCK: Duration = Duration::from_secs(3);

/// The office, its people, the administrator of the set-up, and a browser at the office PC.
fn at_the_office(
    office: &Office,
    tell: impl FnOnce(&mut Cast<'_>, &mut Person, &Browser<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let options = GatewayOptions { lan: Lan::Handed, ..GatewayOptions::default() };
    let mut cast = Cast::start(office, options)?;
    let mut admin = cast.gateway.redeem("ada", &cast.gateway.admin_token.clone())?;
    office.pc.resolve_by(&[GATEWAY_LAN.to_string()], &[])?;
    let browser = Browser::new(office, &office.pc, Some(&cast.gateway.authority()?))?;
    tell(&mut cast, &mut admin, &browser)
}

/// Leads the browser by this script; what it wants beside the administrator's credentials is given by `answer`.
fn lead(
    browser: &Browser<'_>,
    script: &str,
    admin: &mut Person,
    mut answer: impl FnMut(&str) -> anyhow::Result<String>,
) -> anyhow::Result<Vec<String>> {
    let said = browser.run(script, |wanted| match wanted {
        "person" => Ok(credentials(admin)),
        "code" => admin.authenticator.fresh_code(),
        other => answer(other),
    })?;
    ensure!(said.last().map(String::as_str) == Some("done"), "{said:?}");
    for line in &said {
        eprintln!("{line}");
    }
    Ok(said)
}

fn credentials(person: &Person) -> String {
    json!({ "login": person.login, "password": person.password }).to_string()
}

#[test]
fn a_device_is_shut_out_from_its_row() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        at_the_office(office, |cast, admin, browser| {
            let client = cast.anne_at(Home::A)?;
            cast.anne_signs_in(client.ns())?;
            let share = cast.files_at(445)[0];
            lead(browser, "overview.ts", admin, |wanted| {
                Ok(match wanted {
                    "door open" => {
                        ensure!(connect(client.ns(), share, KNOCK)?.is_open(), "the share is refused");
                        String::from("seen")
                    }
                    "door shut" => {
                        ensure!(!connect(client.ns(), share, KNOCK)?.is_open(), "the share is open still");
                        String::from("seen")
                    }
                    "other person" => credentials(&cast.boris),
                    "other code" => cast.boris.authenticator.fresh_code()?,
                    other => bail!("the script wants `{other}`"),
                })
            })?;
            Ok(())
        })
    })
}
