//! The frame of an end-to-end test: one office after the other, skipped or refused where it cannot be had.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use rustix::process::geteuid;

use crate::place::{Office, OfficeOptions};
use crate::wireguard::boringtun_path;

/// Figures are measured: one office at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Programs of the office, and Debian's package of each.
const PROGRAMS: [(&str, &str); 28] = [
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("ping", "iputils-ping"),
    ("wg", "wireguard-tools"),
    ("wireguard-go", "wireguard-go"),
    ("smbd", "samba"),
    ("smbclient", "smbclient"),
    ("dnsmasq", "dnsmasq-base"),
    ("dig", "dnsutils"),
    ("named", "bind9"),
    ("ufw", "ufw"),
    ("iptables", "iptables"),
    ("tcpdump", "tcpdump"),
    ("curl", "curl"),
    ("xrdp", "xrdp"),
    ("xfreerdp", "freerdp2-x11"),
    ("Xvfb", "xvfb"),
    ("freerdp-shadow-cli", "freerdp2-shadow-x11"),
    ("weston", "weston"),
    ("xterm", "xterm"),
    ("xsetroot", "x11-xserver-utils"),
    ("dbus-daemon", "dbus-daemon"),
    ("setpriv", "util-linux"),
    ("node", "nodejs"),
    ("chromium", "chromium"),
    ("certutil", "libnss3-tools"),
    ("timeout", "coreutils"),
    ("sha256sum", "coreutils"),
];

/// Why the virtual office cannot be had here, with the cure; nothing if it can.
#[must_use]
pub fn missing() -> Option<String> {
    if !geteuid().is_root() {
        return Some("the virtual office needs root, for network namespaces; run as root".to_owned());
    }
    if !Path::new("/dev/net/tun").exists() {
        return Some("the virtual office needs /dev/net/tun; `modprobe tun`".to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &str| {
        std::env::split_paths(&path)
            .chain([Path::new("/usr/sbin").into(), Path::new("/sbin").into()])
            .any(|dir| dir.join(program).exists())
    };
    let packages: Vec<&str> = PROGRAMS.iter().filter(|(p, _)| !there(p)).map(|(_, package)| *package).collect();
    if !packages.is_empty() {
        return Some(format!("the virtual office needs: apt-get install {}", packages.join(" ")));
    }
    boringtun_path().err().map(|e| e.to_string())
}

/// Runs a test in an office of its own. Where there can be none, it says so in one line and passes, unless
/// `PASSERELLE_E2E=required` is set, as `make test` does: then it fails. Logs are shown when the test fails.
///
/// # Errors
/// What the test says.
pub fn scenario(options: OfficeOptions, test: impl FnOnce(&Office) -> anyhow::Result<()>) -> anyhow::Result<()> {
    if let Some(why) = missing() {
        if std::env::var("PASSERELLE_E2E").as_deref() == Ok("required") {
            bail!(why);
        }
        eprintln!("skipped: {why}");
        return Ok(());
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut office = Office::start(options).context("start the office")?;
    let outcome = test(&office);
    if outcome.is_err() {
        office.fail();
    }
    outcome
}

/// Whether the heavy tests are wanted (`make test-all`); says so in one line where not.
#[must_use]
pub fn heavy(what: &str) -> bool {
    let wanted = std::env::var_os("PASSERELLE_HEAVY").is_some();
    if !wanted {
        eprintln!("skipped: {what} is heavy; `make test-all` runs it");
    }
    wanted
}
