//! HAProxy on a machine of the office: what carries connections elsewhere.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, bail};
use office::{Netns, Office, Process, connect, wait_until};

/// It listens within this.
const LIMIT: Duration = Duration::from_secs(10);

/// Runs it in the foreground, by these lines: one process with one thread, which uses no more than a core.
///
/// # Errors
/// It is missing, or does not start.
pub(crate) fn start(office: &Office, ns: &Netns, at: &str, lines: &str) -> anyhow::Result<Process> {
    if !std::path::Path::new("/usr/sbin/haproxy").exists() {
        bail!("without HAProxy: `tests/install bench` installs it");
    }
    let file = office.directory().join(format!("haproxy-{}.cfg", ns.name()));
    let text = format!(
        "global\n maxconn 1000\n nbthread 1\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n\
         listen all\n bind {at}{lines}"
    );
    fs::write(&file, text).context("HAProxy's configuration")?;
    let process = ns.spawn(["/usr/sbin/haproxy", "-db", "-f", &file.to_string_lossy()])?;
    let at = at.parse().context("where it listens")?;
    wait_until("HAProxy listens", LIMIT, || Ok(connect(ns, at, LIMIT)?.is_open().then_some(())))?;
    Ok(process)
}
