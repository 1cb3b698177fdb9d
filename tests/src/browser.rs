//! A real browser on one machine of the office: Chromium, with a profile of its own that trusts one authority more.
//!
//! A script of the web interface leads it. Script and test speak by lines: `want …` asks the test for something (a code,
//! a look at the network), and the answer is one line on the script's standard input, where secrets belong.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::netns::Netns;
use crate::place::Office;

/// What a script may take.
const LIMIT: Duration = Duration::from_secs(90);

/// A browser that is not running yet.
#[derive(Debug)]
pub struct Browser<'o> {
    ns: &'o Netns,
    home: PathBuf,
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
        Ok(Self { ns, home })
    }

    /// Runs a script of `admin-ui/tests` to its good end; `answer` gives what it wants. Returns what else it said.
    ///
    /// # Errors
    /// The script failed, or `answer` did.
    pub fn run(&self, script: &str, answer: impl FnMut(&str) -> anyhow::Result<String>) -> anyhow::Result<Vec<String>> {
        self.run_within(LIMIT, script, answer)
    }

    /// The same for a script that takes longer.
    ///
    /// # Errors
    /// As [`Browser::run`].
    pub fn run_within(
        &self,
        limit: Duration,
        script: &str,
        mut answer: impl FnMut(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<Vec<String>> {
        let limit = limit.as_secs().to_string();
        let interface = Path::new(env!("CARGO_MANIFEST_DIR")).join("../admin-ui");
        ensure!(interface.join("node_modules").exists(), "the web interface is not built: run `make web` first");
        let script = interface.join("tests").join(script).to_string_lossy().into_owned();
        let mut command = self.ns.command(["node", &script], Some(&limit));
        command.env("HOME", &self.home).env("XDG_CONFIG_HOME", &self.home).env("XDG_CACHE_HOME", &self.home);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start node")?;
        let mut input = child.stdin.take().context("standard input")?;
        let output = BufReader::new(child.stdout.take().context("standard output")?);
        let mut said = Vec::new();
        let mut failed = None;
        for line in output.lines() {
            let line = line?;
            let Some(wanted) = line.strip_prefix("want ") else {
                said.push(line);
                continue;
            };
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
        match failed {
            Some(e) => Err(e),
            None if status.success() => Ok(said),
            None => bail!("the script ended with {status}: {}", said.join("\n")),
        }
    }
}
