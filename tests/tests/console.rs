//! The console in a real browser: an administrator at the office, and what comes of it at people's homes.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use office::addresses::{FILES, GATEWAY_LAN, OFFICE_DNS, PC};
use office::gateway::{Cast, GatewayOptions, Lan, Nft, Person, Role};
use office::totp::Authenticator;
use office::{
    ARCHIVE, Browser, Client, Home, MailServer, Office, OfficeOptions, Stream, connect, scenario, wait_until,
};
use serde_json::json;

const KNOCK: Duration = Duration::from_secs(3);

/// A transfer that was cut brings nothing for this long.
const SILENT: Duration = Duration::from_secs(1);

/// Two cores, five languages, three widths.
const PATIENCE: Duration = Duration::from_secs(240);

/// The office, its people, the administrator of the set-up, and a browser at the office PC.
fn at_the_office(
    office: &Office,
    tell: impl FnOnce(&mut Cast<'_>, &mut Person, &Browser<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let options = GatewayOptions { lan: Lan::Handed, ..GatewayOptions::default() };
    let mut cast = Cast::start(office, options)?;
    let mut admin = cast.gateway.redeem("ada", &cast.gateway.admin_token.clone())?;
    office.pc.resolve_by(&[GATEWAY_LAN.to_string()], &[])?;
    let browser = Browser::new(office, &office.pc, Some(&cast.gateway.authority()?))?.with_limit(PATIENCE);
    tell(&mut cast, &mut admin, &browser)
}

#[test]
fn a_device_is_shut_out_from_its_row() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        at_the_office(office, |cast, admin, browser| {
            let client = cast.anne_at(Home::A)?;
            cast.anne_signs_in(client.ns())?;
            let share = cast.files_at(445)[0];
            browser.lead("overview.ts", admin, |wanted| {
                Ok(match wanted {
                    "door open" => {
                        ensure!(connect(client.ns(), share, KNOCK)?.is_open(), "the share is refused");
                        String::from("seen")
                    }
                    "door shut" => {
                        ensure!(!connect(client.ns(), share, KNOCK)?.is_open(), "the share is open still");
                        String::from("seen")
                    }
                    "other person" => cast.boris.credentials(),
                    "other code" => cast.boris.authenticator.fresh_code()?,
                    other => bail!("the script wants `{other}`"),
                })
            })?;
            Ok(())
        })
    })
}

/// People added, invited, imported, shut out and erased; what is taken from them is gone at their homes.
#[test]
fn people_come_and_go_by_the_console() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        at_the_office(office, |cast, admin, browser| {
            let client = cast.anne_at(Home::A)?;
            cast.anne_signs_in(client.ns())?;
            let share = cast.files_at(445)[0];
            browser.lead("people.ts", admin, |wanted| {
                match wanted.split_once(' ') {
                    Some(("redeemed", by)) => {
                        let (login, token) = by.split_once(' ').context("a login and a token")?;
                        cast.gateway.redeem(login, token)?;
                    }
                    Some(("door", "open")) => ensure!(connect(client.ns(), share, KNOCK)?.is_open(), "it is refused"),
                    Some(("door", "shut")) => {
                        ensure!(!connect(client.ns(), share, KNOCK)?.is_open(), "the share is open still");
                    }
                    Some(("erased", login)) => {
                        ensure!(cast.gateway.cli(&["user", "show", login]).is_err(), "{login} is still there");
                        let audit = cast.gateway.cli_text(&["audit", "--limit", "1000"])?;
                        ensure!(audit.contains("user_erased") && !audit.contains(login), "{audit}");
                    }
                    _ => bail!("the script wants `{wanted}`"),
                }
                Ok(String::from("seen"))
            })?;
            Ok(())
        })
    })
}

/// Published by the preset, given, and taken again: what the page says is what a device at home finds.
#[test]
fn a_group_is_given_a_share_and_loses_it() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        at_the_office(office, |cast, admin, browser| {
            let _archive = office.second_file_server()?;
            cast.gateway.cli(&["group", "add", "studio"])?;
            cast.gateway.cli(&["user", "group", "boris", "--add", "studio"])?;
            let client = cast.boris_at(Home::B)?;
            cast.gateway.web(client.ns())?.sign_in(&mut cast.boris)?;
            let share = |client: &Client<'_>| -> anyhow::Result<SocketAddr> {
                let found = client.ns().resolve("archive.office.lan", "A")?;
                let alias: IpAddr = found.first().context("the share has no address")?.parse()?;
                Ok((alias, 445).into())
            };
            let (mut opened, mut refused) = (0, 0);
            browser.lead("access.ts", admin, |wanted| {
                Ok(match wanted {
                    "share open" => {
                        let out = office.smb(client.ns(), "archive.office.lan", ARCHIVE, "ls")?;
                        ensure!(out.ok(), "the share does not open: {}", out.both());
                        opened += 1;
                        String::from("seen")
                    }
                    "share refused" => {
                        let reach = connect(client.ns(), share(&client)?, KNOCK)?;
                        ensure!(reach.is_refused_at_once(), "{reach:?}");
                        refused += 1;
                        String::from("seen")
                    }
                    "boris leaves" => cast.gateway.cli(&["user", "group", "boris", "--remove", "studio"])?.to_string(),
                    "boris returns" => cast.gateway.cli(&["user", "group", "boris", "--add", "studio"])?.to_string(),
                    "days" => {
                        // The next of each, whatever today is.
                        let day =
                            |name: &str| cast.gateway.office().gw.ok(["date", "+%F", "-d", &format!("next {name}")]);
                        json!({ "sunday": day("sunday")?.trim(), "wednesday": day("wednesday")?.trim() }).to_string()
                    }
                    other => bail!("the script wants `{other}`"),
                })
            })?;
            ensure!((opened, refused) == (1, 2), "looked at {opened} times open, {refused} times refused");
            Ok(())
        })
    })
}

#[test]
fn what_passes_is_seen_live_and_ends_with_a_cut() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        at_the_office(office, |cast, admin, browser| {
            let client = cast.anne_at(Home::A)?;
            cast.anne_signs_in(client.ns())?;
            let stream = std::cell::RefCell::new(None);
            let at = cast.pc_at(9000)[0];
            let share = cast.files_at(445)[0];
            let passes = |wanted: bool| -> anyhow::Result<String> {
                let stream = stream.borrow();
                let stream: &Stream = stream.as_ref().context("no transfer")?;
                let began = stream.bytes();
                wait_until("the transfer is as it should be", KNOCK, || {
                    let silent = stream.ended().is_some() || stream.last().is_some_and(|at| at.elapsed() > SILENT);
                    Ok((if wanted { stream.bytes() > began } else { silent }).then_some(()))
                })?;
                Ok("seen".into())
            };
            browser.lead("watch.ts", admin, |wanted| {
                Ok(match wanted {
                    "part" => "live".into(),
                    "transfer" => {
                        *stream.borrow_mut() = Some(Stream::open(client.ns(), at)?);
                        passes(true)?
                    }
                    "gateway down" => format!("{:?}", cast.gateway.stop(Role::Serve)?),
                    "gateway up" => {
                        cast.gateway.launch(Role::Serve)?;
                        String::from("up")
                    }
                    "transfer goes on" => passes(true)?,
                    "transfer over" => passes(false)?,
                    other => bail!("the script wants `{other}`"),
                })
            })?;
            cast.gateway.cli(&["device", "enable", "anne/laptop"])?;
            client.wait_for_handshake(Duration::from_secs(30))?;
            cast.anne_signs_in(client.ns())?;
            ensure!(connect(client.ns(), share, KNOCK)?.is_open(), "let in again, the share is refused");
            browser.lead("watch.ts", admin, |wanted| {
                Ok(match wanted {
                    "part" => "lock".into(),
                    "share shut" => {
                        ensure!(!connect(client.ns(), share, KNOCK)?.is_open(), "locked, and the share is open");
                        String::from("seen")
                    }
                    other => bail!("the script wants `{other}`"),
                })
            })?;
            Ok(())
        })
    })
}

#[test]
fn the_audit_is_filtered_and_exported() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        at_the_office(office, |cast, admin, browser| {
            // What a spreadsheet would reckon.
            cast.gateway.cli(&["group", "add", "=1+1"])?;
            browser.lead("watch.ts", admin, |wanted| {
                Ok(match wanted {
                    "part" => "audit".into(),
                    "kept" => cast.gateway.cli(&["settings", "show"])?["retention"]["access"].to_string(),
                    other => bail!("the script wants `{other}`"),
                })
            })?;
            Ok(())
        })
    })
}

#[test]
fn what_is_not_well_turns_red_with_its_cure_and_green_again() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        at_the_office(office, |cast, admin, browser| {
            let resolver = OFFICE_DNS.to_string();
            browser.lead("watch.ts", admin, |wanted| {
                Ok(match wanted {
                    "part" => "health".into(),
                    // Where nobody answers.
                    "dns away" => cast.gateway.cli(&["settings", "change", "--resolver", &PC.to_string()])?.to_string(),
                    "dns back" => cast.gateway.cli(&["settings", "change", "--resolver", &resolver])?.to_string(),
                    "nft missing" => {
                        cast.gateway.nft(Nft::Missing)?;
                        // Noticed with the next change, which is stored and not confirmed.
                        let pc = PC.to_string();
                        cast.gateway.try_cli(&["service", "add", "more", &pc, "--port", "9001"])?;
                        String::from("missing")
                    }
                    "nft back" => {
                        cast.gateway.nft(Nft::Real)?;
                        cast.gateway.wait_until_ready()?;
                        String::from("back")
                    }
                    "doctor" => cast.gateway.try_cli(&["doctor"])?.stdout.replace('\n', " "),
                    other => bail!("the script wants `{other}`"),
                })
            })?;
            Ok(())
        })
    })
}

#[test]
fn settings_mail_and_tokens_and_what_comes_of_them() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        at_the_office(office, |cast, admin, browser| {
            let account = ("gate", "a-kettle-of-mail");
            let server = MailServer::start(office, &office.files, 2525, account, false)?;
            let _encrypting = MailServer::start(office, &office.files, 2587, account, true)?;
            let user = |login: &str| cast.gateway.cli(&["user", "show", login]);
            browser.lead("settings.ts", admin, |wanted| {
                Ok(match wanted.split_once(' ').unwrap_or((wanted, "")) {
                    ("mail", "server") => {
                        json!({ "host": FILES.to_string(), "user": account.0, "password": account.1 }).to_string()
                    }
                    ("letter", to) => plain(&server.letter(to)?)?,
                    ("code", secret) => Authenticator::new(secret)?.fresh_code()?,
                    ("rules", of) => user(of.trim_start_matches("of "))?["rules_accepted"].to_string(),
                    ("checklist", of) => user(of.trim_start_matches("of "))?["checklist"].to_string(),
                    ("other", "person") => cast.boris.credentials(),
                    ("other", "code") => cast.boris.authenticator.fresh_code()?,
                    _ => bail!("the script wants `{wanted}`"),
                })
            })?;
            Ok(())
        })
    })
}

/// A letter's plain text, in one line.
fn plain(letter: &str) -> anyhow::Result<String> {
    let script = "import sys, email, email.policy as p; \
                  m = email.message_from_string(sys.stdin.read(), policy=p.default); \
                  print(m['from'], m.get_body(('plain',)).get_content())";
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("start python")?;
    python.stdin.take().context("its standard input")?.write_all(letter.as_bytes())?;
    let out = python.wait_with_output()?;
    ensure!(out.status.success(), "the letter cannot be read: {letter}");
    Ok(String::from_utf8(out.stdout)?.split_whitespace().collect::<Vec<_>>().join(" "))
}
