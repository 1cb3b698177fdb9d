//! The command line, as IT uses it; every answer as JSON.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::cast::{Device, Person};
use super::{Gateway, binary, text_at};
use crate::netns::Netns;
use crate::process::{Output, wait_until};
use crate::terminal::Terminal;
use crate::totp::Authenticator;
use crate::wireguard::KeyPair;

/// A journey at the terminal takes no longer, in seconds.
const JOURNEY_LIMIT_S: &str = "60";

impl Gateway<'_> {
    fn argv(&self, arguments: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut argv = vec![
            binary()?.to_string_lossy().into_owned(),
            "--config".to_owned(),
            self.config().to_string_lossy().into_owned(),
            "--json".to_owned(),
        ];
        argv.extend(arguments.iter().map(|&a| a.to_owned()));
        Ok(argv)
    }

    /// A command, whatever comes of it.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub fn try_cli(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        self.office().gw.run(self.argv(arguments)?)
    }

    /// A command that must succeed, and its answer.
    ///
    /// # Errors
    /// It failed; the message is its own.
    pub fn cli(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let out = self.try_cli(arguments)?;
        ensure!(out.ok(), "passerelle {}: {}", arguments.join(" "), out.both().trim());
        serde_json::from_str(&out.stdout)
            .with_context(|| format!("passerelle {} answered `{}`", arguments.join(" "), out.stdout))
    }

    /// The same command for people: what it prints without `--json`.
    ///
    /// # Errors
    /// It failed.
    pub fn cli_text(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut argv = self.argv(arguments)?;
        argv.retain(|a| a != "--json");
        self.office().gw.ok(argv)
    }

    /// A command for somebody who sits at a terminal.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn at_terminal(&self, arguments: &[&str]) -> anyhow::Result<Terminal> {
        let mut argv = self.argv(arguments)?;
        argv.retain(|a| a != "--json");
        Terminal::start(&self.office().gw, argv)
    }

    /// How the gateway is.
    ///
    /// # Errors
    /// It does not answer.
    pub fn status(&self) -> anyhow::Result<Value> {
        self.cli(&["status"])
    }

    /// The first verdict for a user's device about a resource: `allow` or `deny`, and the slugs of the reasons.
    ///
    /// # Errors
    /// There is no such user or resource.
    pub fn why(&self, login: &str, resource: &str) -> anyhow::Result<(String, Vec<String>)> {
        let answer = self.cli(&["why", login, resource])?;
        let verdict = answer.pointer("/devices/0/verdict").and_then(Value::as_str).unwrap_or("deny").to_owned();
        let mut reasons = Vec::new();
        for list in ["/devices/0/reasons", "/reasons"] {
            let list = answer.pointer(list).and_then(Value::as_array).into_iter().flatten();
            reasons.extend(list.filter_map(|r| r.get("reason").and_then(Value::as_str)).map(str::to_owned));
        }
        reasons.dedup();
        Ok((verdict, reasons))
    }

    /// Waits until an office PC is taken to do this, and says how long that took.
    ///
    /// # Errors
    /// It is not, in time; the last that was told of it is in the message.
    pub fn until_pc_is(&self, name: &str, state: &str, within: Duration) -> anyhow::Result<Duration> {
        let mut last = Value::Null;
        let waited = wait_until(&format!("{name} is {state}"), within, || {
            last = self.cli(&["workstation", "show", name])?;
            Ok((last["state"] == state).then_some(()))
        });
        waited.map(|((), took)| took).with_context(|| last.to_string())
    }

    /// The audit's lines of one event, newest first.
    ///
    /// # Errors
    /// The gateway does not answer.
    pub fn audit(&self, event: &str) -> anyhow::Result<Vec<Value>> {
        let entries = self.cli(&["audit", "--event", event, "--limit", "1000"])?;
        Ok(entries.as_array().cloned().unwrap_or_default())
    }

    /// Adds a user to groups, invites and redeems: password chosen, factor enrolled.
    ///
    /// # Errors
    /// A step was refused.
    pub fn admit(&self, login: &str, groups: &[&str]) -> anyhow::Result<Person> {
        let mut arguments = vec!["user", "add", login];
        arguments.extend(groups.iter().flat_map(|g| ["--group", g]));
        self.cli(&arguments)?;
        let token = text_at(&self.cli(&["invitation", "add", login])?, "/token")?;
        self.redeem(login, &token)
    }

    /// Redeems an invitation as the person invited would at a terminal.
    ///
    /// # Errors
    /// A step was refused.
    pub fn redeem(&self, login: &str, token: &str) -> anyhow::Result<Person> {
        let argv = self.argv(&["invitation", "redeem", "--script"])?;
        let mut child = self
            .office()
            .gw
            .command(argv, Some(JOURNEY_LIMIT_S))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start the journey")?;
        // Everybody's differs, and holds nothing of the name: that would be refused.
        let password = format!("{}-{}", super::PASSWORD, login.bytes().map(u32::from).sum::<u32>());
        let journey = (|| {
            let mut input = child.stdin.take().context("standard input")?;
            let mut lines = BufReader::new(child.stdout.take().context("standard output")?).lines();
            let mut step = |name: &str| -> anyhow::Result<Value> {
                let line = lines.next().with_context(|| format!("the journey ended before `{name}`"))??;
                let value: Value = serde_json::from_str(&line).with_context(|| format!("`{line}`"))?;
                ensure!(value.get("step") == Some(&Value::from(name)), "instead of `{name}`: {value}");
                Ok(value)
            };
            writeln!(input, "{token}\n{password}")?;
            step("invitation")?;
            let enrolment = step("enrolment")?;
            let mut authenticator = Authenticator::new(&text_at(&enrolment, "/secret")?)?;
            writeln!(input, "{}", authenticator.fresh_code()?)?;
            let redeemed = step("redeemed")?;
            let codes = redeemed.get("recovery_codes").and_then(Value::as_array).into_iter().flatten();
            Ok(Person {
                login: login.to_owned(),
                password: password.clone(),
                uri: text_at(&enrolment, "/uri")?,
                recovery_codes: codes.filter_map(Value::as_str).map(str::to_owned).collect(),
                authenticator,
            })
        })();
        let out = child.wait_with_output().context("end of the journey")?;
        match journey {
            Ok(person) if out.status.success() => Ok(person),
            Ok(_) => bail!("the journey of {login} failed: {}", String::from_utf8_lossy(&out.stderr)),
            Err(error) => Err::<_, anyhow::Error>(error)
                .with_context(|| format!("the journey of {login}: {}", String::from_utf8_lossy(&out.stderr))),
        }
    }

    /// Adds a device with a key pair of its own, and completes its configuration as the device would.
    ///
    /// # Errors
    /// It was refused, or the configuration is withheld.
    pub fn add_device(&self, login: &str, name: &str) -> anyhow::Result<Device> {
        let keys = KeyPair::generate(self.office())?;
        let added = self.cli(&["device", "add", login, name, "--public-key", &keys.public])?;
        let config = text_at(&added, "/config")?;
        ensure!(!config.contains(&keys.private), "the gateway knows the private key");
        ensure!(config.starts_with("[Interface]\n"), "an unexpected configuration: {config}");
        let own_key = format!("[Interface]\nPrivateKey = {}\n", keys.private);
        Ok(Device {
            id: text_at(&added, "/device/id")?,
            address4: text_at(&added, "/device/address4")?.parse()?,
            address6: text_at(&added, "/device/address6")?.parse()?,
            config: config.replacen("[Interface]\n", &own_key, 1),
        })
    }
}

impl Netns {
    /// The addresses a name has, as seen from this machine; empty if it has none.
    ///
    /// # Errors
    /// `dig` cannot be started, or no DNS server answers.
    pub fn resolve(&self, name: &str, kind: &str) -> anyhow::Result<Vec<String>> {
        let out = self.run(["dig", "+short", "+tries=2", "+time=2", name, kind])?;
        ensure!(out.ok(), "dig {name}: {}", out.both());
        Ok(out.stdout.lines().filter(|l| !l.starts_with(';')).map(str::to_owned).collect())
    }
}
