//! The web interface in a real browser at home: from a locked door to an open share, and back.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use office::addresses::GATEWAY_LAN;
use office::gateway::{Cast, GatewayOptions, Lan, Role};
use office::totp::Authenticator;
use office::{Browser, Client, Home, OfficeOptions, connect, heavy, scenario, share_is, wait_until};
use rustix::process::Signal;
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
        let told = browser.lead("journey.ts", &mut cast.anne, |wanted| share_is(client.ns(), &share, wanted))?;
        ensure!((told.wanted("share open"), told.wanted("share refused")) == (3, 3), "{told:?}");
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
        browser.lead("events.ts", &mut cast.anne, |wanted| {
            Ok(match wanted {
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
        eprintln!("serve ended within {:?}, with a page open", restarted.context("a restart")?);
        Ok(())
    })
}

/// An invitation, a device that IT shuts out, a morning: `admin-ui/tests/keyboard.ts`.
#[test]
fn whole_journeys_by_the_keys_alone() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let options = GatewayOptions { lan: Lan::Handed, ..GatewayOptions::default() };
        let mut cast = Cast::start(office, options)?;
        let mut ada = cast.gateway.redeem("ada", &cast.gateway.admin_token.clone())?;
        cast.gateway.cli(&["user", "add", "wim", "--name", "Wim Peeters", "--language", "nl"])?;
        let token = cast.gateway.cli(&["invitation", "add", "wim"])?;
        let token = token.pointer("/token").and_then(Value::as_str).context("an invitation")?.to_owned();
        office.pc.resolve_by(&[GATEWAY_LAN.to_string()], &[])?;
        let client = cast.anne_at(Home::A)?;
        for (place, ns) in [("home", client.ns()), ("office", &office.pc)] {
            let browser = Browser::new(office, ns, Some(&cast.gateway.authority()?))?;
            browser.run("keyboard.ts", |wanted| {
                Ok(match wanted.split_once(' ').unwrap_or((wanted, "")) {
                    ("where", _) => place.to_owned(),
                    ("invitation", _) => {
                        json!({ "token": token, "word": "nine silver spoons in a drawer" }).to_string()
                    }
                    ("administrator", _) => ada.credentials(),
                    ("person", _) => cast.anne.credentials(),
                    ("code", "") => cast.anne.authenticator.fresh_code()?,
                    ("code", "of the administrator") => ada.authenticator.fresh_code()?,
                    ("code", secret) => Authenticator::new(secret)?.fresh_code()?,
                    other => bail!("the script wants `{other:?}`"),
                })
            })?;
        }
        Ok(())
    })
}

/// From the mail to the share, at home: `admin-ui/tests/first.ts`. Where there is time for it, as fast as people read and
/// type. Wim has an app for codes; Lea, once they are offered, a passkey: she never types a code, nor her user name.
#[test]
fn a_first_day_at_home_takes_three_minutes() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let cast = Cast::start(office, GatewayOptions { internet: true, ..GatewayOptions::default() })?;
        let (gateway, word) = (&cast.gateway, "nine silver spoons in a drawer");
        let rules = office.directory().join("rules.txt");
        std::fs::write(&rules, "Lock your screen when you leave.\n\nVerrouillez votre écran quand vous partez.\n")?;
        gateway.cli(&["settings", "change", "--rules", &rules.to_string_lossy()])?;
        for (login, name, by, at) in [("wim", "Wim Peeters", "app", Home::B), ("lea", "Lea Maes", "passkey", Home::A)] {
            gateway.cli(&["settings", "change", "--passkeys", if by == "passkey" { "true" } else { "false" }])?;
            gateway.cli(&["user", "add", login, "--name", name, "--language", "nl", "--group", "workshop"])?;
            let token = gateway.cli(&["invitation", "add", login])?;
            let token = token.pointer("/token").and_then(Value::as_str).context("an invitation")?.to_owned();
            let home = office.home(at);
            let browser = Browser::new(office, home, Some(&gateway.authority()?))?.with_limit(Duration::from_secs(300));
            let (mut app, mut client) = (None::<Authenticator>, None);
            browser.run("first.ts", |wanted| {
                Ok(match wanted.split_once(' ').unwrap_or((wanted, "")) {
                    ("invitation", _) => json!({ "token": token, "word": word, "login": login, "by": by }).to_string(),
                    ("pace", _) => String::from(if heavy("a person's own pace") { "1" } else { "0.02" }),
                    ("code", "again") => app.as_mut().context("an app")?.fresh_code()?,
                    ("code", secret) => app.insert(Authenticator::new(secret)?).fresh_code()?,
                    ("config", text) => {
                        let config = String::from_utf8(STANDARD.decode(text)?)?;
                        client.insert(Client::wireguard_go(office, home, &config)?).wait_for_handshake(KNOCK)?;
                        String::from("connected")
                    }
                    other => bail!("the script wants `{other:?}`"),
                })
            })?;
            for to in cast.files_at(445) {
                ensure!(connect(home, to, KNOCK)?.is_open(), "{to} is refused");
            }
        }
        Ok(())
    })
}

/// Who is invited needs a browser at the office, and a telephone. The key is made in the page: the gateway never has it.
#[test]
fn an_invitation_becomes_an_open_share_from_a_page_at_the_office() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let options = GatewayOptions { lan: Lan::Handed, ..GatewayOptions::default() };
        let cast = Cast::start(office, options)?;
        let (gateway, word) = (&cast.gateway, "nine silver spoons in a drawer");
        gateway.cli(&["user", "add", "wim", "--name", "Wim Peeters", "--language", "nl", "--group", "workshop"])?;
        let token = gateway.cli(&["invitation", "add", "wim"])?;
        let token = token.pointer("/token").and_then(Value::as_str).context("an invitation")?.to_owned();
        office.pc.resolve_by(&[GATEWAY_LAN.to_string()], &[])?;
        let browser = Browser::new(office, &office.pc, Some(&gateway.authority()?))?;
        let (mut app, mut config) = (None, None);
        browser.run("invitation.ts", |wanted| {
            Ok(match wanted.split_once(' ').unwrap_or((wanted, "")) {
                ("invitation", _) => {
                    json!({ "token": token, "word": word, "address": "https://door.example.org/invitation" })
                        .to_string()
                }
                ("code", secret) => app.insert(Authenticator::new(secret)?).fresh_code()?,
                ("config", text) => {
                    config = Some(String::from_utf8(STANDARD.decode(text)?)?);
                    String::from("taken")
                }
                other => bail!("the script wants `{other:?}`"),
            })
        })?;
        // At home: a real client with what the browser saved.
        let client = Client::wireguard_go(office, office.home(Home::B), &config.context("a configuration")?)?;
        client.wait_for_handshake(KNOCK)?;
        ensure!(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_refused_at_once(), "open before sign-in");
        let web = gateway.web(client.ns())?;
        let page = web.try_sign_in("wim", word, &app.context("an app")?.fresh_code()?)?;
        ensure!(page.status == 200, "{} {}", page.status, page.body);
        for to in cast.files_at(445) {
            ensure!(connect(client.ns(), to, KNOCK)?.is_open(), "{to} is refused");
        }
        Ok(())
    })
}

/// Anne adds a tablet from her laptop's page, and loses it: it gets in by what the page saved, and not any more after.
#[test]
fn a_device_is_added_and_lost_from_the_page() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let browser = Browser::new(office, client.ns(), Some(&cast.gateway.authority()?))?;
        let share = cast.files_at(445)[0];
        let (mut tablet, mut shut_out) = (None, false);
        browser.lead("devices.ts", &mut cast.anne, |wanted| {
            Ok(match wanted.split_once(' ').unwrap_or((wanted, "")) {
                ("config", text) => {
                    let text = String::from_utf8(STANDARD.decode(text)?)?;
                    let at_home = Client::wireguard_go(office, office.home(Home::B), &text)?;
                    at_home.wait_for_handshake(KNOCK)?;
                    let locked = connect(at_home.ns(), share, KNOCK)?;
                    ensure!(locked.is_refused_at_once(), "a new device's door is not locked: {locked:?}");
                    tablet = Some(at_home);
                    String::from("taken")
                }
                ("shut", "out") => {
                    let tablet = tablet.as_ref().context("a tablet")?;
                    let page = cast.gateway.web(tablet.ns())?.read("/api/v1/door");
                    ensure!(page.is_err(), "it reaches the portal still: {page:?}");
                    ensure!(connect(client.ns(), share, KNOCK)?.is_open(), "the laptop was shut out");
                    shut_out = true;
                    String::from("seen")
                }
                other => bail!("the script wants `{other:?}`"),
            })
        })?;
        ensure!(shut_out, "nobody looked whether the tablet is shut out");
        Ok(())
    })
}

/// Anne changes her password, telephone and recovery codes, and ends what is open elsewhere: a second browser stands for
/// the one that was stolen.
#[test]
fn people_look_after_their_own_security_and_data() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let share = cast.files_at(445);
        let browser = Browser::new(office, client.ns(), Some(&cast.gateway.authority()?))?;
        let mut recovery = cast.anne.recovery_codes.clone().into_iter();
        let mut new: Option<Authenticator> = None;
        browser.lead("security.ts", &mut cast.anne, |wanted| {
            Ok(match wanted.split_once(' ').unwrap_or((wanted, "")) {
                ("code", "new") => new.as_mut().context("a new telephone")?.fresh_code()?,
                ("telephone", secret) => new.insert(Authenticator::new(secret)?).fresh_code()?,
                ("recovery", _) => recovery.next().context("a recovery code")?,
                _ => share_is(client.ns(), &share, wanted)?,
            })
        })?;
        for event in [
            "password_changed",
            "factor_replaced",
            "recovery_codes_renewed",
            "web_session_ended",
            "signed_out_everywhere",
        ] {
            ensure!(!cast.gateway.audit(event)?.is_empty(), "no {event} in the audit");
        }
        Ok(())
    })
}

/// The share as the portal gives it; and why it does not open: Samba halted, Samba ended, moved to where nobody is.
#[test]
fn the_portal_says_why_a_drive_does_not_open() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let browser = Browser::new(office, client.ns(), Some(&cast.gateway.authority()?))?;
        let told = browser.lead("home.ts", &mut cast.anne, |wanted| {
            Ok(match wanted {
                "halt" => {
                    office.servers()?.signal_files(Signal::STOP)?;
                    String::from("halted")
                }
                "go on" => {
                    office.servers()?.signal_files(Signal::CONT)?;
                    String::from("on")
                }
                "end" => {
                    office.servers()?.signal_files(Signal::TERM)?;
                    let at = "192.168.1.10:445".parse()?;
                    let ended = || Ok((!connect(&office.pc, at, KNOCK)?.is_open()).then_some(()));
                    wait_until("Samba has ended", KNOCK, ended)?;
                    String::from("ended")
                }
                "move" => {
                    cast.gateway.cli(&["share", "move", "files", "192.168.1.99"])?;
                    String::from("moved")
                }
                other => bail!("the script wants `{other}`"),
            })
        })?;
        ensure!(["halt", "go on", "end", "move"].iter().all(|w| told.wanted(w) > 0), "{told:?}");
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
        let told = browser.run("stranger.ts", |wanted| bail!("the script wants `{wanted}`"))?;
        ensure!(told.lines.iter().any(|line| line.contains("ERR_CERT_AUTHORITY_INVALID")), "{told:?}");
        Ok(())
    })
}

/// A passkey of the browser's own opens the real share by one touch, on Anne's laptop, until she removes it.
#[test]
fn a_passkey_opens_the_share_by_one_touch() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let share = cast.files_at(445);
        let browser = Browser::new(office, client.ns(), Some(&cast.gateway.authority()?))?;
        let told = browser.lead("passkey.ts", &mut cast.anne, |wanted| {
            Ok(match wanted {
                "offer" => {
                    let before = cast.gateway.cli(&["settings", "show"])?;
                    ensure!(before["passkeys"] == false, "offered from the start: {before}");
                    cast.gateway.cli(&["settings", "change", "--passkeys", "true"])?;
                    String::from("offered")
                }
                "extended" => {
                    let audit = cast.gateway.cli(&["audit", "--event", "door_extended"])?;
                    ensure!(audit.as_array().is_some_and(|all| all.len() == 1), "{audit}");
                    String::from("seen")
                }
                other => share_is(client.ns(), &share, other)?,
            })
        })?;
        ensure!((told.wanted("share open"), told.wanted("share refused")) == (2, 4), "{told:?}");
        Ok(())
    })
}
