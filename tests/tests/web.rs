//! The web interface in a real browser at home: from a locked door to an open share, and back.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use office::gateway::{Cast, GatewayOptions, Role};
use office::{Browser, Home, OfficeOptions, connect, scenario, wait_until};
use serde_json::{Value, json};

const KNOCK: Duration = Duration::from_secs(3);

/// Password managers, keyboards, five languages, three widths, both colour schemes: `admin-ui/tests/journey.ts`. Here is
/// what the browser cannot know: codes, and whether the share really opens.
#[test]
fn the_door_opens_and_locks_from_the_page() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let share = cast.files_at(445);
        let browser = Browser::new(office, client.ns(), Some(&cast.gateway.authority()?))?;
        let (mut opened, mut refused) = (0, 0);
        let said = browser.run("journey.ts", |wanted| {
            Ok(match wanted {
                "person" => {
                    let recovery = cast.anne.recovery_codes.first().context("a recovery code")?;
                    json!({ "login": cast.anne.login, "password": cast.anne.password, "recovery": recovery })
                        .to_string()
                }
                "code" => cast.anne.authenticator.fresh_code()?,
                "wrong code" => cast.anne.authenticator.wrong_code()?,
                "share open" => {
                    for to in share {
                        ensure!(connect(client.ns(), to, KNOCK)?.is_open(), "{to} is refused");
                    }
                    opened += 1;
                    String::from("seen")
                }
                "share refused" => {
                    for to in share {
                        let reach = connect(client.ns(), to, KNOCK)?;
                        ensure!(reach.is_refused_at_once(), "{to}: {reach:?}");
                    }
                    refused += 1;
                    String::from("seen")
                }
                other => bail!("the script wants `{other}`"),
            })
        })?;
        ensure!(said.last().map(String::as_str) == Some("done"), "{said:?}");
        ensure!((opened, refused) == (3, 3), "the share was looked at {opened} times open, {refused} times refused");
        for line in said {
            eprintln!("{line}");
        }
        // Signed out and locked, for the gateway too.
        let open = || Ok((!cast.gateway.web(client.ns())?.door_is_open()?).then_some(()));
        wait_until("the door is locked", KNOCK, open)?;
        Ok(())
    })
}

/// The gateway tells of it: nobody asks. It goes on after an upgrade of the gateway, which no open page delays.
#[test]
fn the_page_is_told_of_what_happens_elsewhere() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let browser = Browser::new(office, client.ns(), Some(&cast.gateway.authority()?))?;
        let mut restarted = None;
        let said = browser.run("events.ts", |wanted| {
            Ok(match wanted {
                "person" => json!({ "login": cast.anne.login, "password": cast.anne.password }).to_string(),
                "code" => cast.anne.authenticator.fresh_code()?,
                "lock" => {
                    let openings = cast.gateway.cli(&["verification", "list"])?;
                    let id = openings.pointer("/0/id").and_then(Value::as_str).context("a verification")?;
                    cast.gateway.change("POST", &format!("verifications/{id}/end"))?;
                    String::from("locked")
                }
                "restart" => {
                    let took = cast.gateway.stop(Role::Serve)?;
                    ensure!(took < KNOCK, "with a page open it took {took:?} to end");
                    cast.gateway.launch(Role::Serve)?;
                    cast.gateway.wait_until_ready()?;
                    restarted = Some(took);
                    String::from("back")
                }
                other => bail!("the script wants `{other}`"),
            })
        })?;
        ensure!(said.last().map(String::as_str) == Some("done"), "{said:?}");
        eprintln!("serve ended within {:?}, with a page open", restarted.context("a restart")?);
        for line in said {
            eprintln!("{line}");
        }
        Ok(())
    })
}

/// A browser that does not trust the authority shows no page: the certificate is what makes it the office.
#[test]
fn without_the_authority_there_is_no_page() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let browser = Browser::new(office, client.ns(), None)?;
        let said = browser.run("stranger.ts", |wanted| bail!("the script wants `{wanted}`"))?;
        ensure!(said.iter().any(|line| line.contains("ERR_CERT_AUTHORITY_INVALID")), "{said:?}");
        Ok(())
    })
}
