//! Real WireGuard clients in user space: Debian's `wireguard-go`, and `boringtun-cli`.

use std::net::{IpAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::config_text::TunnelConfig;
use crate::netns::Netns;
use crate::place::Office;
use crate::process::{Process, wait_until};

/// A userspace client has its control socket well within this.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A client that roamed and hears nothing tells again after this, and gives up after that.
const ROAM_AGAIN: Duration = Duration::from_millis(500);
const ROAM_LIMIT: Duration = Duration::from_secs(10);

/// The discard service, RFC 863: nobody answers there.
const DISCARD: u16 = 9;

/// A WireGuard key pair, made by `wg`.
#[derive(Clone)]
pub struct KeyPair {
    /// The private half, base64.
    pub private: String,
    /// The public half, base64.
    pub public: String,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyPair({})", self.public)
    }
}

impl KeyPair {
    /// Makes one, as a client does.
    ///
    /// # Errors
    /// `wg` is missing.
    pub fn generate(office: &Office) -> anyhow::Result<Self> {
        let private = office.home_a.ok(["wg", "genkey"])?.trim().to_owned();
        let public = office.home_a.run_with(["wg", "pubkey"], &private)?.stdout.trim().to_owned();
        ensure!(public.len() == 44, "wg pubkey gave `{public}`");
        Ok(Self { private, public })
    }
}

/// What a peer has carried, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfer {
    /// Received by us.
    pub rx: u64,
    /// Sent by us.
    pub tx: u64,
}

/// Which program.
#[derive(Clone, Copy, Debug)]
enum Program {
    WireguardGo,
    Boringtun,
}

/// A WireGuard interface in a namespace, up until it is dropped.
#[derive(Debug)]
pub struct Client<'o> {
    ns: &'o Netns,
    interface: String,
    config: TunnelConfig,
    file: PathBuf,
    resolv_before: Vec<u8>,
    process: Option<Process>,
    program: Program,
}

impl<'o> Client<'o> {
    /// Debian's `wireguard-go`, set up by the text the product issues, as `wg-quick` would.
    ///
    /// # Errors
    /// The configuration cannot be read, or the interface does not come up.
    pub fn wireguard_go(office: &'o Office, ns: &'o Netns, text: &str) -> anyhow::Result<Self> {
        Self::start(office, ns, text, Program::WireguardGo)
    }

    /// `boringtun-cli`, set up in the same way.
    ///
    /// # Errors
    /// The same; or it is not installed (`make` does that).
    pub fn boringtun(office: &'o Office, ns: &'o Netns, text: &str) -> anyhow::Result<Self> {
        Self::start(office, ns, text, Program::Boringtun)
    }

    fn start(office: &'o Office, ns: &'o Netns, text: &str, program: Program) -> anyhow::Result<Self> {
        let interface = office.interface_name();
        let mut client = Self {
            ns,
            file: office.directory().join(format!("{interface}.conf")),
            interface,
            config: TunnelConfig::parse(text)?,
            resolv_before: std::fs::read(ns.etc("resolv.conf"))?,
            process: None,
            program,
        };
        client.up()?;
        Ok(client)
    }

    /// Brings the interface up again.
    ///
    /// # Errors
    /// It does not come up.
    pub fn up(&mut self) -> anyhow::Result<()> {
        let name = self.interface.as_str();
        let mut process = match self.program {
            Program::WireguardGo => self.ns.spawn_with(
                ["wireguard-go", "--foreground", name],
                &[("LOG_LEVEL", "error"), ("WG_PROCESS_FOREGROUND", "1")],
            )?,
            Program::Boringtun => {
                let program = boringtun_path()?;
                let program = program.to_string_lossy();
                self.ns.spawn([&program, "--foreground", "--disable-drop-privileges", "--threads", "2", name])?
            }
        };
        wait_until("the client's interface", START_LIMIT, || {
            ensure!(process.runs(), "the client ended: {}", process.log());
            self.ns.within(|| listens(name))
        })?;
        self.process = Some(process);
        std::fs::write(&self.file, &self.config.wg).context("write the client's configuration")?;
        let file = self.file.to_string_lossy();
        self.ns.ok(["wg", "setconf", name, &file])?;
        let mut lines = String::new();
        for address in &self.config.addresses {
            let nodad = if address.contains(':') { " nodad" } else { "" };
            lines.push_str(&format!("addr add {address} dev {name}{nodad}\n"));
        }
        lines.push_str(&format!("link set {name} mtu {} up\n", self.config.mtu.unwrap_or(1420)));
        for route in &self.config.routes {
            lines.push_str(&format!("route replace {route} dev {name}\n"));
        }
        self.ns.ip(&lines)?;
        if !self.config.dns.is_empty() {
            self.ns.resolve_by(&self.config.dns, &self.config.search)?;
        }
        Ok(())
    }

    /// Takes the interface down; names are resolved as before.
    ///
    /// # Errors
    /// `resolv.conf` cannot be written.
    pub fn down(&mut self) -> anyhow::Result<()> {
        self.process = None;
        let _ = std::fs::remove_file(Path::new("/run/wireguard").join(format!("{}.sock", self.interface)));
        std::fs::write(self.ns.etc("resolv.conf"), &self.resolv_before).context("write resolv.conf")
    }

    /// The machine it is on.
    #[must_use]
    pub fn ns(&self) -> &'o Netns {
        self.ns
    }

    /// The interface's name in the kernel.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// The configuration it was set up with.
    #[must_use]
    pub fn config(&self) -> &TunnelConfig {
        &self.config
    }

    fn show(&self, what: &str) -> anyhow::Result<Vec<String>> {
        let text = self.ns.ok(["wg", "show", &self.interface, what])?;
        Ok(text.split_whitespace().skip(1).map(str::to_owned).collect())
    }

    /// When the last handshake was completed, in seconds since 1970; nothing if there was none.
    ///
    /// # Errors
    /// `wg` cannot ask the client.
    pub fn latest_handshake(&self) -> anyhow::Result<Option<u64>> {
        let at: u64 = self.show("latest-handshakes")?.first().context("no peer")?.parse()?;
        Ok((at > 0).then_some(at))
    }

    /// What was carried so far.
    ///
    /// # Errors
    /// `wg` cannot ask the client.
    pub fn transfer(&self) -> anyhow::Result<Transfer> {
        let words = self.show("transfer")?;
        let at = |i: usize| words.get(i).context("no peer")?.parse().context("not a number");
        Ok(Transfer { rx: at(0)?, tx: at(1)? })
    }

    /// Sends a byte into the tunnel, for which it needs a session, and waits until a handshake has been completed.
    ///
    /// # Errors
    /// None within `limit`.
    pub fn wait_for_handshake(&self, limit: Duration) -> anyhow::Result<Duration> {
        self.nudge()?;
        let (_, took) = wait_until("a handshake", limit, || self.latest_handshake())?;
        Ok(took)
    }

    fn nudge(&self) -> anyhow::Result<()> {
        let route = self.config.routes.first().context("a route")?;
        let inside: IpAddr = route.split('/').next().unwrap_or_default().parse().context("a route")?;
        self.ns.within(|| {
            let socket = UdpSocket::bind(if inside.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
            socket.send_to(&[0], (inside, DISCARD)).context("send into the tunnel")
        })?;
        Ok(())
    }

    /// Opens its UDP socket anew and says so, as the WireGuard apps of phones and PCs do when the network changes (the
    /// programs for servers keep the address on which they last received); ends when something comes back. Packets
    /// that were still queued from the old network can undo it, so it is said again until then.
    ///
    /// # Errors
    /// Nothing came back.
    pub fn network_changed(&self) -> anyhow::Result<Duration> {
        let before = self.transfer()?.rx;
        let mut told: Option<Instant> = None;
        let (_, took) = wait_until("traffic after a change of network", ROAM_LIMIT, || {
            if told.is_none_or(|at| at.elapsed() >= ROAM_AGAIN) {
                self.ns.ok(["wg", "set", &self.interface, "listen-port", "0"])?;
                self.nudge()?;
                told = Some(Instant::now());
            }
            Ok((self.transfer()?.rx > before).then_some(()))
        })?;
        Ok(took)
    }

    /// The client's own complaints.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        let _ = self.down();
    }
}

/// Whether the control socket of an interface is listened on; in the namespace of its program. `wg` itself must not ask
/// too early: it removes a socket that is bound and not yet listened on, taking its program for dead.
fn listens(interface: &str) -> anyhow::Result<Option<()>> {
    let all = std::fs::read_to_string("/proc/thread-self/net/unix").context("list Unix sockets")?;
    let name = format!("/{interface}.sock");
    // The fourth column holds the flags; __SO_ACCEPTCON is 0x10000 (linux/net.h).
    let listening = |line: &str| line.ends_with(&name) && line.split_whitespace().nth(3) == Some("00010000");
    Ok(all.lines().any(listening).then_some(()))
}

/// Where `make` has put `boringtun-cli`: below the target directory, or on the path.
pub(crate) fn boringtun_path() -> anyhow::Result<PathBuf> {
    let target = target_directory();
    let built = target.join("tools/bin/boringtun-cli");
    if built.exists() {
        return Ok(built);
    }
    std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).map(|p| p.join("boringtun-cli")).find(|p| p.exists()))
        .with_context(|| format!("boringtun-cli is missing: {} or the path; `make tools` builds it", built.display()))
}

/// Cargo's target directory.
pub(crate) fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from)
}
