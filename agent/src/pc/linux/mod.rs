//! Linux: /sys, /proc and /etc below a root that tests choose, logind, and what the kernel says of its adapters.
//!
//! NetworkManager is not asked: what it knows of adapters stands in /sys already, and many offices do without it.

mod adapters;
pub(crate) mod logind;
mod os;
mod power;
mod programs;
mod rdp;
mod sessions;
mod wol;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::bounded::AtMost;
use agent::facts::Facts;
use agent::message::Leaving;
use tokio::time::timeout;
use tracing::debug;

use super::{Event, Pc, Wanted};
use crate::clock;
use logind::{Logind, Signal};
use programs::Programs;

/// The longest file that is read whole, in bytes: those of /proc/net grow with the machine's connections.
const FILE: u64 = 4 * 1024 * 1024;

/// For everything that is asked of logind at once.
const ASKING: Duration = Duration::from_secs(3);

/// The directory that everything is looked for in.
#[derive(Clone, Debug)]
pub(crate) struct Root(PathBuf);

impl Root {
    /// An absolute path of the system, in this root.
    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// What a file says; nothing if it cannot be read.
    fn read(&self, path: &str) -> Option<String> {
        read(&self.at(path))
    }
}

fn read(path: &Path) -> Option<String> {
    let mut text = Vec::new();
    std::fs::File::open(path).ok()?.take(FILE).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).trim().to_owned())
}

/// A PC with Linux.
pub(crate) struct Linux {
    root: Root,
    logind: Option<Logind>,
    programs: Programs,
}

impl Linux {
    /// Asks logind; where it has gone, it is looked for again.
    async fn ask_logind(&mut self, names: bool) -> logind::Told {
        if self.logind.is_none() {
            self.hold().await;
        }
        let Some(logind) = &self.logind else { return logind::Told::default() };
        match timeout(ASKING, logind.tell(&self.root, names)).await {
            Ok(Ok(told)) => told,
            Ok(Err(e)) => {
                debug!(error = format!("{e:#}"), "logind cannot be asked");
                self.logind = None;
                logind::Told::default()
            }
            Err(_) => logind::Told::default(),
        }
    }
}

impl Pc for Linux {
    async fn open() -> Self {
        Self { root: Root("/".into()), logind: None, programs: Programs::default() }
    }

    async fn facts(&mut self, wanted: &Wanted) -> Facts {
        let told = self.ask_logind(wanted.names).await;
        let root = &self.root;
        Facts {
            host: os::host(),
            os: os::os(root),
            up_ms: u64::try_from(clock::up().as_millis()).unwrap_or(u64::MAX),
            restart_pending: os::restart_pending(root),
            adapters: AtMost::first(adapters::adapters(root)),
            rdp: rdp::rdp(root),
            power: power::power(root, &told),
            sessions: told.sessions,
            programs: AtMost::first(self.programs.found(root, &wanted.rules)),
        }
    }

    async fn event(&mut self) -> Event {
        loop {
            let Some(logind) = &mut self.logind else { return std::future::pending().await };
            match logind.signal().await {
                Some(Signal::Changed) => return Event::Changed,
                Some(Signal::Sleeps(true)) => return Event::Leaves(Leaving::Sleep),
                Some(Signal::Stops(Some(how))) => return Event::Leaves(how),
                Some(Signal::Sleeps(false) | Signal::Stops(None)) => return Event::Stays,
                Some(Signal::Other) => {}
                None => {
                    self.logind = None;
                    return Event::Changed;
                }
            }
        }
    }

    async fn hold(&mut self) {
        let open = async {
            if self.logind.is_none() {
                self.logind = Some(Logind::connect().await?.watched().await?);
            }
            if let Some(logind) = &mut self.logind {
                logind.hold().await?;
            }
            anyhow::Ok(())
        };
        match timeout(ASKING, open).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => debug!(error = format!("{e:#}"), "no logind: nobody knows who is signed in"),
            Err(_) => debug!("logind does not answer"),
        }
    }

    fn let_go(&mut self) {
        if let Some(logind) = &mut self.logind {
            logind.let_go();
        }
    }
}
