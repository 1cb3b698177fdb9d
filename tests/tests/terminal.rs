//! Somebody at a terminal: slips are answered where they are made, and whoever leaves is told what holds.

use std::fs;

use anyhow::ensure;
use office::gateway::{Gateway, GatewayOptions, binary};
use office::totp::Authenticator;
use office::{OfficeOptions, Terminal, scenario};
use serde_json::Value;

const PASSWORD: &str = "Seven-blue-kettles-7";

#[test]
fn set_up_asks_again_where_the_slip_was_made() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let folder = office.directory().join("dialogue");
        fs::create_dir_all(&folder)?;
        let (at, file) = (folder.display(), folder.join("passerelle.toml"));
        fs::write(&file, format!("state_dir = \"{at}/state\"\nruntime_dir = \"{at}/run\"\ninterface = \"pass0\"\n"))?;
        let command = |words: &[&str]| -> anyhow::Result<Vec<String>> {
            let program = binary()?.to_string_lossy().into_owned();
            let config = ["--config".to_owned(), file.to_string_lossy().into_owned()];
            Ok([program].into_iter().chain(config).chain(words.iter().map(|&w| w.to_owned())).collect())
        };
        for early in ["run", "status"] {
            let out = office.gw.run(command(&[early])?)?;
            ensure!(out.code == 1 && out.stderr.contains("not set up"), "{early}: {}", out.both());
        }
        let doctor = office.gw.run(command(&["doctor"])?)?;
        ensure!(doctor.code == 1 && doctor.both().contains("not set up"), "{}", doctor.both());
        let flags = office.gw.run(command(&["setup", "--yes", "--office-interface", "lo"])?)?;
        for flag in ["--organisation must", "--name must", "--admin must", "--office-interface: lo"] {
            ensure!(flags.code == 1 && flags.stderr.contains(flag), "{flag}: {}", flags.both());
        }
        let setup = command(&["setup", "--no-probe", "--resolver", "192.168.1.77"])?;
        let answers = |person: &mut Terminal| -> anyhow::Result<()> {
            person.answer("Whose gateway is this:", "  ")?;
            person.see("cannot be guessed")?;
            person.answer("Whose gateway is this:", "Example Joiners")?;
            person.answer("Public name", "http://door.example.org/")?;
            person.see("the name alone")?;
            person.answer("Public name", "door")?;
            person.see("not a whole name")?;
            person.answer("Public name", "door.example.org")?;
            person.answer("[door.example.org:51820]:", "")?;
            person.answer("Interface in the office LAN", "eth9")?;
            person.see("there is no interface `eth9`; there are: ")?;
            person.answer("Interface in the office LAN", "lan0")?;
            person.answer("from the internet", "perhaps")?;
            person.answer("from the internet", "")?;
            person.answer("Login of the first administrator:", "Marc Dupré")?;
            person.see("letters without accents")?;
            person.answer("Login of the first administrator:", "marc")?;
            person.answer("[Marc]:", "Marc Dupré")?;
            person.answer("[en]:", "de")?;
            person.see("language: ")?;
            person.answer("[en]:", "fr")
        };
        let mut person = Terminal::start(&office.gw, setup.clone())?;
        answers(&mut person)?;
        person.see("Is this right?")?;
        person.leave()?;
        let (code, rest) = person.end()?;
        ensure!(code == 130 && rest.contains("nothing was changed"), "{code} {rest}");
        ensure!(!folder.join("state").exists(), "something was changed");

        let mut person = Terminal::start(&office.gw, setup)?;
        answers(&mut person)?;
        person.see("192.168.1.77:53 ")?;
        person.see("names fail for devices")?;
        person.answer("Is this right?", "maybe")?;
        person.see("a number from 1 to 12")?;
        person.answer("Is this right?", "6")?;
        person.answer("DNS servers of the office", &office::addresses::OFFICE_DNS.to_string())?;
        let shown = person.see("Is this right?")?;
        ensure!(!shown.contains("names fail"), "{shown}");
        person.enter("yes")?;
        person.see("shown this once:")?;
        let (code, rest) = person.end()?;
        ensure!(code == 0, "{code} {rest}");
        Ok(())
    })
}

/// Up to the recovery codes.
fn until_recovery(person: &mut Terminal, token: &str, slips: bool) -> anyhow::Result<()> {
    person.answer("Invitation:", token)?;
    if slips {
        person.answer("Password:", "short")?;
        person.see("too short")?;
    }
    person.answer("Password:", PASSWORD)?;
    person.answer("The same again:", PASSWORD)?;
    person.see("into the app instead: ")?;
    let secret = person.see("\r\n")?.replace(' ', "");
    let mut app = Authenticator::new(&secret)?;
    if slips {
        person.answer("shows now:", "123")?;
        person.see("The code has 6 digits")?;
    }
    let code = app.fresh_code()?;
    person.answer("shows now:", &code)?;
    person.see("I have kept them: type yes:")?;
    Ok(())
}

#[test]
fn whoever_leaves_while_redeeming_is_told_what_holds() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let gateway = Gateway::start(office, GatewayOptions::default())?;
        gateway.cli(&["user", "add", "wim"])?;
        let invite = || -> anyhow::Result<String> {
            let issued = gateway.cli(&["invitation", "add", "wim"])?;
            Ok(issued.pointer("/token").and_then(Value::as_str).unwrap_or_default().to_owned())
        };
        let devices = || -> anyhow::Result<usize> {
            Ok(gateway.cli(&["device", "list", "--user", "wim"])?.as_array().map_or(0, Vec::len))
        };
        let (redeem, token) = (["invitation", "redeem"], invite()?);
        let mut person = gateway.at_terminal(&redeem)?;
        person.answer("Invitation:", &token)?;
        person.see("Password:")?;
        person.leave()?;
        let (code, rest) = person.end()?;
        ensure!(code == 130 && rest.contains("The invitation is still good"), "{code} {rest}");

        let mut person = gateway.at_terminal(&redeem)?;
        until_recovery(&mut person, &token, true)?;
        person.leave()?;
        let (code, rest) = person.end()?;
        ensure!(code == 130 && rest.contains("passerelle device add wim laptop --generate --qr"), "{code} {rest}");
        ensure!(devices()? == 0, "a device whose configuration nobody saw");

        let token = invite()?;
        let mut person = gateway.at_terminal(&redeem)?;
        until_recovery(&mut person, &token, false)?;
        person.enter("yes")?;
        person.resize(60, 24)?;
        person.answer("Name of the device", "laptop")?;
        person.see("PrivateKey = ")?;
        person.see("The QR code needs a window of ")?;
        person.see("this one has 60 by 24")?;
        person.see("--output")?;
        person.resize(100, 50)?;
        person.enter("")?;
        person.see("▀")?;
        person.see("not shown again")?;
        person.see("certificate")?;
        person.see("open https://door.example.org,")?;
        let (code, rest) = person.end()?;
        ensure!(code == 0 && devices()? == 1, "{code} {rest}");

        let mut it = gateway.at_terminal(&["user", "disable", "wim"])?;
        it.answer("Shut out wim?", "maybe")?;
        it.see("Please answer yes or no.")?;
        it.answer("[y/N]", "n")?;
        let (code, rest) = it.end()?;
        ensure!(code == 1 && rest.contains("nothing was changed"), "{code} {rest}");
        let script = gateway.try_cli(&["user", "disable", "wim"])?;
        ensure!(script.code == 1 && script.stderr.contains("--yes"), "{}", script.both());
        gateway.cli(&["user", "disable", "wim", "--yes"])?;
        let last = gateway.try_cli(&["user", "disable", "ada", "--yes"])?;
        ensure!(last.code == 1 && last.stderr.contains("last-administrator"), "{}", last.both());
        Ok(())
    })
}
