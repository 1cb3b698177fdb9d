//! A PostgreSQL server on the gateway's machine: unprivileged, reached by a Unix socket alone.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::Signal;

use crate::netns::Netns;
use crate::place::Office;
use crate::process::{Process, signal_pid, wait_until};

/// `nobody` and `nogroup` of Debian: the server refuses to run as root.
const NOBODY: u32 = 65_534;

const LIMIT: Duration = Duration::from_secs(20);

/// The server, and how to start it again.
#[derive(Debug)]
pub struct Postgres {
    directory: PathBuf,
    programs: PathBuf,
    process: Option<Process>,
}

impl Postgres {
    pub(super) fn start(office: &Office) -> anyhow::Result<Self> {
        let versions =
            fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is missing: apt-get install postgresql")?;
        let newest = versions.flatten().map(|v| v.path().join("bin")).max().context("a version of PostgreSQL")?;
        let directory = office.directory().join("postgres");
        fs::create_dir_all(&directory)?;
        // Only its owner may see the rest; everybody may come as far as here.
        fs::set_permissions(office.directory(), fs::Permissions::from_mode(0o711))?;
        chown(&directory, Some(NOBODY), Some(NOBODY))?;
        let mut server = Self { directory, programs: newest, process: None };
        let data = server.directory.join("data").to_string_lossy().into_owned();
        let initdb =
            ["--username=passerelle", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D", &data];
        office.gw.ok(server.argv("initdb", &initdb))?;
        server.restart(&office.gw)?;
        Ok(server)
    }

    fn argv(&self, program: &str, arguments: &[&str]) -> Vec<String> {
        let as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"].map(str::to_owned);
        let program = self.programs.join(program).to_string_lossy().into_owned();
        as_nobody.into_iter().chain([program]).chain(arguments.iter().map(|a| (*a).to_owned())).collect()
    }

    /// Where it is, for the gateway's configuration.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgresql:///postgres?host={}&user=passerelle", self.directory.display())
    }

    /// Starts it on this machine, and waits until it answers.
    ///
    /// # Errors
    /// It does not.
    pub fn restart(&mut self, ns: &Netns) -> anyhow::Result<()> {
        let (at, data) = (self.directory.display().to_string(), self.directory.join("data").display().to_string());
        let _ = fs::remove_file(self.directory.join("data/postmaster.pid"));
        let arguments = ["-D", &data, "-k", &at, "-c", "listen_addresses=", "-c", "fsync=off"];
        let process = ns.spawn_as("postgres", self.argv("postgres", &arguments), &[], None)?;
        self.process = Some(process);
        let ready = self.argv("pg_isready", &["-q", "-h", &at]);
        wait_until("PostgreSQL answers", LIMIT, || Ok(ns.run(ready.clone())?.ok().then_some(())))?;
        Ok(())
    }

    /// Ends it at once, as a crash would; nothing is left that could answer.
    ///
    /// # Errors
    /// It was not running, or does not end.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("PostgreSQL is not running")?;
        signal_pid(process.pid(), Signal::QUIT)?;
        process.wait(LIMIT)?;
        Ok(())
    }

    /// It and all its processes stand still, or go on.
    ///
    /// # Errors
    /// It is not running.
    pub fn freeze(&self, still: bool) -> anyhow::Result<()> {
        let server = self.process.as_ref().context("PostgreSQL is not running")?.pid();
        let signal = if still { Signal::STOP } else { Signal::CONT };
        signal_pid(server, signal)?;
        let children = fs::read_to_string(format!("/proc/{server}/task/{server}/children"))?;
        ensure!(!children.trim().is_empty(), "PostgreSQL has no processes");
        for child in children.split_whitespace() {
            // One that has just ended need not stand still.
            let _ = signal_pid(child.parse()?, signal);
        }
        Ok(())
    }
}
