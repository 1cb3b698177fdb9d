//! A real browser on one machine of the office: Chromium, with a profile of its own that trusts one authority more.
//!
//! A script of the web interface leads it. Script and test speak by lines: `want …` asks the test for something (a code,
//! a look at the network), and the answer is one line on the script's standard input, where secrets belong.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::gateway::Person;
use crate::netns::Netns;
use crate::place::Office;
use crate::probe::connect;

/// A share answers in so long, or not at all.
const KNOCK: Duration = Duration::from_secs(3);

/// What a script may take.
const LIMIT: Duration = Duration::from_secs(90);

/// A browser that is not running yet.
#[derive(Debug)]
pub struct Browser<'o> {
    ns: &'o Netns,
    home: PathBuf,
    limit: Duration,
}

/// What a script told.
#[derive(Debug)]
pub struct Told {
    /// What it said beside what it wanted.
    pub lines: Vec<String>,
    wanted: Vec<String>,
}

impl Told {
    /// How often it wanted this.
    #[must_use]
    pub fn wanted(&self, what: &str) -> usize {
        self.wanted.iter().filter(|w| *w == what).count()
    }
}

impl<'o> Browser<'o> {
    /// On this machine, trusting this authority (a PEM file), if one is given, besides the usual ones.
    ///
    /// # Errors
    /// The profile cannot be made.
    pub fn new(office: &Office, ns: &'o Netns, authority: Option<&Path>) -> anyhow::Result<Self> {
        let home = office.directory().join(format!("browser-{}", ns.name()));
        let store = home.join(".pki/nssdb");
        std::fs::create_dir_all(&store).context("create the browser's profile")?;
        let store = format!("sql:{}", store.display());
        ns.ok(["certutil", "-d", &store, "-N", "--empty-password"])?;
        if let Some(authority) = authority {
            ns.ok(["certutil", "-d", &store, "-A", "-n", "office", "-t", "C,,", "-i", &authority.to_string_lossy()])?;
        }
        Ok(Self { ns, home, limit: LIMIT })
    }

    /// For scripts that take longer than most.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// The same as this person, whose name, password and codes the script asks for.
    ///
    /// # Errors
    /// As [`Browser::run`].
    pub fn lead(
        &self,
        script: &str,
        person: &mut Person,
        mut answer: impl FnMut(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<Told> {
        self.run(script, |wanted| match wanted {
            "person" => Ok(person.credentials()),
            "code" => person.authenticator.fresh_code(),
            "wrong code" => person.authenticator.wrong_code(),
            other => answer(other),
        })
    }

    /// Runs a script of `admin-ui/tests` to its good end; `answer` gives what it wants.
    ///
    /// # Errors
    /// The script failed, or `answer` did.
    pub fn run(&self, script: &str, mut answer: impl FnMut(&str) -> anyhow::Result<String>) -> anyhow::Result<Told> {
        let limit = self.limit.as_secs().to_string();
        let interface = Path::new(env!("CARGO_MANIFEST_DIR")).join("../admin-ui");
        ensure!(interface.join("node_modules").exists(), "the web interface is not built: run `make web` first");
        let script = interface.join("tests").join(script).to_string_lossy().into_owned();
        let mut command = self.ns.command(["node", &script], Some(&limit));
        command.env("HOME", &self.home).env("XDG_CONFIG_HOME", &self.home).env("XDG_CACHE_HOME", &self.home);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start node")?;
        let mut input = child.stdin.take().context("standard input")?;
        let output = BufReader::new(child.stdout.take().context("standard output")?);
        let (mut lines, mut asked) = (Vec::new(), Vec::new());
        let mut failed = None;
        for line in output.lines() {
            let line = line?;
            let Some(wanted) = line.strip_prefix("want ") else {
                lines.push(line);
                continue;
            };
            asked.push(wanted.to_owned());
            match answer(wanted) {
                Ok(line) => writeln!(input, "{line}").context("answer the script")?,
                Err(e) => {
                    failed = Some(e.context(wanted.to_owned()));
                    break;
                }
            }
        }
        // Without anybody to answer it, the script ends, and its browser with it.
        drop(input);
        let status = child.wait()?;
        if let Some(e) = failed {
            return Err(e);
        }
        ensure!(status.success(), "the script ended with {status}: {}", lines.join("\n"));
        ensure!(lines.pop().as_deref() == Some("done"), "the script left early: {}", lines.join("\n"));
        for line in &lines {
            eprintln!("{line}");
        }
        Ok(Told { lines, wanted: asked })
    }
}

/// What a script sees of a share from this machine, when it wants `share open` or `share refused`.
///
/// # Errors
/// It is not so, or something else is wanted.
pub fn share_is(ns: &Netns, share: &[SocketAddr], wanted: &str) -> anyhow::Result<String> {
    for to in share {
        let reach = connect(ns, *to, KNOCK)?;
        match wanted {
            "share open" => ensure!(reach.is_open(), "{to} is not open: {reach:?}"),
            "share refused" => ensure!(reach.is_refused_at_once(), "{to} is not refused: {reach:?}"),
            _ => bail!("the script wants `{wanted}`"),
        }
    }
    Ok(String::from("seen"))
}
