//! A Windows of wine's on a PC of the office, with a registry and services of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::netns::Netns;
use crate::place::Office;
use crate::process::Output;

/// wine makes its files within this; on a busy machine it takes half a minute.
const LIMIT: Duration = Duration::from_secs(120);

/// Windows 10 has this library, wine 8 has not; `make agent-wine` builds it.
const RANDOM: &str = "drive_c/windows/system32/bcryptprimitives.dll";

/// Where `make agent-windows` builds: `PASSERELLE_WINDOWS`.
///
/// # Errors
/// It is not said, or nothing was built there.
pub fn built() -> anyhow::Result<PathBuf> {
    let at = std::env::var_os("PASSERELLE_WINDOWS").context("PASSERELLE_WINDOWS: where `make agent-wine` builds")?;
    let at = std::path::absolute(at)?;
    ensure!(at.join("wine").join(RANDOM).exists(), "{} is empty; `make agent-wine` fills it", at.display());
    Ok(at)
}

/// A PC with Windows. Dropped, all that runs on it ends.
#[derive(Debug)]
pub struct Wine<'o> {
    ns: &'o Netns,
    prefix: PathBuf,
}

impl<'o> Wine<'o> {
    /// Set up on this PC.
    ///
    /// # Errors
    /// wine is missing, or takes too long.
    pub fn on(office: &Office, ns: &'o Netns) -> anyhow::Result<Self> {
        let prefix = office.directory().join(format!("wine-{}", ns.name()));
        let env = environment(&prefix);
        let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let made = ns.spawn_as("wineboot", ["wine", "wineboot", "-i"], &env, None)?.wait(LIMIT)?;
        ensure!(made == 0, "wineboot ended with {made}");
        std::fs::copy(built()?.join("wine").join(RANDOM), prefix.join(RANDOM)).context("random numbers for wine")?;
        // The server that was started by itself ends first. Then comes one that stays, for services do not keep it up, and only
        // then the services: two beginnings at once leave a Windows that has none.
        for (argument, what) in [("-w", "waiting for wineserver"), ("-p600", "wineserver")] {
            let ended = ns.spawn_as("wineserver", ["wineserver", argument], &env, None)?.wait(LIMIT)?;
            ensure!(ended == 0, "{what} ended with {ended}");
        }
        let wine = Self { ns, prefix };
        // Not by `run`: services would hold its pipe open.
        let started = ns.spawn_as("services", ["wine", "wineboot", "-u"], &env, None)?.wait(LIMIT)?;
        ensure!(started == 0, "wineboot ended with {started}");
        Ok(wine)
    }

    /// Runs a program of Windows to its end.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut argv: Vec<String> = vec!["env".to_owned()];
        argv.extend(environment(&self.prefix).iter().map(|(name, value)| format!("{name}={value}")));
        argv.push("wine".to_owned());
        argv.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self.ns.run(argv)
    }

    /// The same, and it has to end well.
    ///
    /// # Errors
    /// It does not.
    pub fn ok(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let out = self.run(arguments)?;
        ensure!(out.ok(), "`{}` ended with {}: {}", arguments.first().unwrap_or(&""), out.code, out.both());
        Ok(out.stdout)
    }

    /// A file of its drive C.
    #[must_use]
    pub fn file(&self, path: &str) -> PathBuf {
        self.prefix.join("drive_c").join(path)
    }

    /// All of its registry, as wine writes it to disk within a minute.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn registry(&self) -> anyhow::Result<String> {
        let read = |file: &str| std::fs::read(self.prefix.join(file)).context("a registry");
        let all = [read("system.reg")?, read("user.reg")?].concat();
        Ok(String::from_utf8_lossy(&all).into_owned())
    }

    /// The processes of Linux whose command line holds this, on this PC.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub fn processes(&self, part: &str) -> anyhow::Result<Vec<u32>> {
        let prefix = format!("WINEPREFIX={}", self.prefix.display());
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc")?.filter_map(Result::ok) {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
            let has = |bytes: Vec<u8>, part: &str| String::from_utf8_lossy(&bytes).contains(part);
            if has(read("cmdline"), part) && has(read("environ"), &prefix) {
                found.push(pid);
            }
        }
        Ok(found)
    }
}

impl Drop for Wine<'_> {
    fn drop(&mut self) {
        // Ends the programs of this prefix, and of no other.
        let mut argv: Vec<String> = vec!["env".to_owned()];
        argv.extend(environment(&self.prefix).iter().map(|(name, value)| format!("{name}={value}")));
        argv.extend(["wineserver".to_owned(), "-k".to_owned()]);
        let _ = self.ns.run(argv);
    }
}

fn environment(prefix: &Path) -> [(&'static str, String); 4] {
    [
        ("WINEPREFIX", prefix.display().to_string()),
        ("WINEARCH", "win64".to_owned()),
        ("WINEDEBUG", "-all".to_owned()),
        ("WINEDLLOVERRIDES", "mscoree,mshtml=".to_owned()),
    ]
}
