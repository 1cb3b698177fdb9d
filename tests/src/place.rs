//! The office and everything around it: who is connected to whom, by which addresses.
//!
//! ```text
//!  nas-a .10 ┐                                                             ┌ files 192.168.1.10  (Samba)
//!  home-a .50 ┴ 192.168.1.0/24 ─ box-a (NAT) ─┐               ┌─ gw ──── lan ┼ pc    192.168.1.20  (RDP)
//!  home-b .50 ─ 192.168.77.0/24 ─ box-b (NAT) ┼── internet ───┤              │
//!  home-b ────── roam0, a second uplink ──────┘               └─ odns ───────┘ 192.168.1.1 (router, DNS)
//! ```
//! The office's machines route by `odns`, so answers find the way back to a tunnel only if the gateway masquerades.

use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, ensure};
use rustix::process::geteuid;

use crate::addresses::{OFFICE_DNS, PUBLIC_DNS};
use crate::leftovers::{self, Prefix};
use crate::netns::Netns;
use crate::plan::{BOX_A, BOX_B, GW, INTERNET, LAN, ODNS, ROAM, SILENT, home_router, machine};
use crate::process::tail;
use crate::servers::Servers;
use crate::wire::{HOME_SIDE, INTERNET_SIDE, Wire};

/// How an office is to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfficeOptions {
    /// The path from the internet to this home carries only packets of so many bytes, and nobody says so: ICMP about
    /// it is filtered.
    pub narrow: Option<(Home, u16)>,
    /// Between this home and the internet there is a wire that can be made bad ([`Office::wire`]).
    pub wire: Option<Home>,
}

/// One of the two homes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// Its LAN is numbered like the office LAN.
    A,
    /// It can roam.
    B,
}

/// A part of the office's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The gateway's own.
    First,
    /// Behind the office's router ([`Office::second_part`]).
    Second,
}

impl Part {
    /// The beginning of its addresses.
    #[must_use]
    pub fn network(self) -> &'static str {
        match self {
            Self::First => "192.168.1",
            Self::Second => "192.168.2",
        }
    }

    fn bridge(self) -> &'static str {
        match self {
            Self::First => "br0",
            Self::Second => "br1",
        }
    }
}

/// The hardware address of a machine that was added.
#[must_use]
pub fn hardware(last: u8) -> String {
    format!("02:00:5e:10:00:{last:02x}")
}

/// The virtual office. Dropped, nothing of it remains.
#[derive(Debug)]
pub struct Office {
    /// Routes between all public addresses; public DNS and a web server.
    pub internet: Netns,
    /// Home router of home-a.
    pub box_a: Netns,
    /// The client whose home LAN is 192.168.1.0/24, as in the office.
    pub home_a: Netns,
    /// A machine at home-a with the address of the office's file server.
    pub nas_a: Netns,
    /// Home router of home-b.
    pub box_b: Netns,
    /// The other client.
    pub home_b: Netns,
    /// Where the gateway runs: `wan0` and `lan0`.
    pub gw: Netns,
    /// The office's switch.
    pub lan: Netns,
    /// The file server.
    pub files: Netns,
    /// The office PC.
    pub pc: Netns,
    /// The office's own router and DNS server.
    pub odns: Netns,
    servers: Option<Servers>,
    wire: Option<Wire>,
    clients: std::sync::atomic::AtomicU32,
    failed: bool,
    logs: PathBuf,
    prefix: Prefix,
}

impl Office {
    /// Sweeps what dead runs left, builds the namespaces and starts the servers; ends when all of them answer.
    ///
    /// # Errors
    /// Not root, a program is missing (see [`crate::missing`]), or a server did not come up; its log is shown.
    pub fn start(options: OfficeOptions) -> anyhow::Result<Self> {
        ensure!(geteuid().is_root(), "the virtual office needs root: it makes network namespaces");
        leftovers::sweep().context("sweep what earlier runs left")?;
        let prefix = Prefix::take()?;
        let logs = prefix.directory().join("logs");
        std::fs::create_dir_all(&logs).context("create the directory for logs")?;
        let made = |short| Netns::create(prefix.name(), short, &logs);
        let wire = options.wire.map(|home| anyhow::Ok((home, made("wire")?))).transpose()?;
        let mut office = Self {
            internet: made("internet")?,
            box_a: made("box-a")?,
            home_a: made("home-a")?,
            nas_a: made("nas-a")?,
            box_b: made("box-b")?,
            home_b: made("home-b")?,
            gw: made("gw")?,
            lan: made("lan")?,
            files: made("files")?,
            pc: made("pc")?,
            odns: made("odns")?,
            servers: None,
            wire: None,
            clients: 0.into(),
            failed: false,
            logs,
            prefix,
        };
        office.failed = true;
        office.connect(wire.as_ref())?;
        if let Some((_, ns)) = wire {
            office.wire = Some(Wire::lay(ns)?);
        }
        if let Some((home, mtu)) = options.narrow {
            office.narrow(home, mtu)?;
        }
        office.servers = Some(Servers::start(&office)?);
        office.failed = false;
        Ok(office)
    }

    /// The office's own directory, removed with it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.prefix.directory()
    }

    /// Beginning of all names of this run.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.prefix.name()
    }

    /// The servers: Samba, RDP, DNS, and the machines' open ports.
    ///
    /// # Errors
    /// The office is being torn down.
    pub fn servers(&self) -> anyhow::Result<&Servers> {
        self.servers.as_ref().context("the servers are not there")
    }

    /// Which program answers RDP on the office PC.
    #[must_use]
    pub fn rdp_server(&self) -> &'static str {
        self.servers.as_ref().map_or("none", |s| s.rdp)
    }

    /// The wire of [`OfficeOptions::wire`].
    ///
    /// # Errors
    /// None was asked for.
    pub fn wire(&self) -> anyhow::Result<&Wire> {
        self.wire.as_ref().context("an office with a wire that can be made bad")
    }

    /// Another machine on the office's switch, or behind the office's router in its second part: the last byte of the
    /// address says which. Its hardware address is [`hardware`]'s.
    ///
    /// # Errors
    /// There is one of this name.
    pub fn machine(&self, name: &'static str, part: Part, last: u8) -> anyhow::Result<Netns> {
        let ns = Netns::create(self.prefix.name(), name, &self.logs)?;
        let (there, net) = (format!("to{name}"), part.network());
        self.lan.ip(&format!("link add name {there} type veth peer name eth0 netns {}", ns.full_name()))?;
        self.lan.ip(&format!("link set {there} up\nlink set {there} master {}", part.bridge()))?;
        let mac = hardware(last);
        ns.ip(&format!("link set eth0 address {mac}\nlink set eth0 up"))?;
        ns.ip(&machine(&format!("{net}.{last}/24"), &format!("{net}.1"), None))?;
        ns.resolve_by(&[OFFICE_DNS.to_string()], &["office.lan".to_owned()])?;
        Ok(ns)
    }

    /// The second part of the office, behind the office's router: no broadcast of the first reaches it.
    ///
    /// # Errors
    /// It is there already.
    pub fn second_part(&self) -> anyhow::Result<()> {
        self.lan.ip("link add br1 type bridge\nlink set br1 up")?;
        self.odns.ip(&format!("link add name lan1 type veth peer name toodns1 netns {}", self.lan.full_name()))?;
        self.lan.ip("link set toodns1 master br1\nlink set toodns1 up")?;
        self.odns.ip("link set lan1 up\naddr add 192.168.2.1/24 dev lan1")?;
        self.gw.ip("route add 192.168.2.0/24 via 192.168.1.1")
    }

    /// Something went wrong: the logs are shown and kept when the office is dropped.
    pub fn fail(&mut self) {
        self.failed = true;
    }

    /// The namespace of a home's client.
    #[must_use]
    pub fn home(&self, home: Home) -> &Netns {
        match home {
            Home::A => &self.home_a,
            Home::B => &self.home_b,
        }
    }

    /// A name for a WireGuard interface that no other namespace of the machine has: the control sockets of userspace
    /// WireGuard are files, and files are not in a network namespace.
    pub(crate) fn interface_name(&self) -> String {
        format!("{}c{}", self.prefix(), self.clients.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }

    fn connect(&self, wire: Option<&(Home, Netns)>) -> anyhow::Result<()> {
        let link = |a: &Netns, a_if: &str, b: &Netns, b_if: &str| {
            a.ip(&format!("link add name {a_if} type veth peer name {b_if} netns {}", b.full_name()))?;
            a.ip(&format!("link set {a_if} up"))?;
            b.ip(&format!("link set {b_if} up"))
        };
        link(&self.internet, "togw", &self.gw, "wan0")?;
        link(&self.internet, "toodns", &self.odns, "wan0")?;
        for home in [Home::A, Home::B] {
            let (router, there) = self.uplink(home);
            match wire {
                Some((which, ns)) if *which == home => {
                    link(&self.internet, there, ns, INTERNET_SIDE)?;
                    link(ns, HOME_SIDE, router, "wan0")?;
                    // A wire carries packets, not trains of them.
                    self.internet.ip(&format!("link set {there} gso_max_segs 1"))?;
                    router.ip("link set wan0 gso_max_segs 1")?;
                }
                _ => link(&self.internet, there, router, "wan0")?,
            }
        }
        link(&self.internet, "toroam", &self.home_b, "roam0")?;
        link(&self.box_a, "lan1", &self.home_a, "eth0")?;
        link(&self.box_a, "lan2", &self.nas_a, "eth0")?;
        link(&self.box_b, "lan0", &self.home_b, "eth0")?;
        link(&self.lan, "togw", &self.gw, "lan0")?;
        link(&self.lan, "tofiles", &self.files, "eth0")?;
        link(&self.lan, "topc", &self.pc, "eth0")?;
        link(&self.lan, "toodns", &self.odns, "lan0")?;

        for router in [&self.internet, &self.box_a, &self.box_b, &self.gw, &self.odns] {
            router.sysctl("net/ipv4/ip_forward", "1")?;
            router.sysctl("net/ipv6/conf/all/forwarding", "1")?;
        }
        self.internet.ip(INTERNET)?;
        self.gw.ip(GW)?;
        self.box_a.ip(BOX_A)?;
        self.box_b.ip(BOX_B)?;
        self.lan.ip(LAN)?;
        self.odns.ip(ODNS)?;
        self.nas_a.ip(&machine("192.168.1.10/24", "192.168.1.1", None))?;
        self.home_a.ip(&machine("192.168.1.50/24", "192.168.1.1", Some(("2001:db8:a1::50/64", "2001:db8:a1::1"))))?;
        self.home_b.ip(&machine("192.168.77.50/24", "192.168.77.1", Some(("2001:db8:b1::50/64", "2001:db8:b1::1"))))?;
        self.home_b.ip(ROAM)?;
        self.files.ip(&machine("192.168.1.10/24", "192.168.1.1", Some(("fd5e:ff1:ce::10/64", "fd5e:ff1:ce::1"))))?;
        self.pc.ip(&machine("192.168.1.20/24", "192.168.1.1", Some(("fd5e:ff1:ce::20/64", "fd5e:ff1:ce::1"))))?;

        self.box_a.nft(&home_router(40000))?;
        self.box_b.nft(&home_router(40000))?;
        self.odns.nft(&home_router(40000))?;

        for machine in [&self.internet, &self.box_a, &self.home_a, &self.nas_a, &self.box_b, &self.home_b] {
            machine.resolve_by(&[PUBLIC_DNS.to_string()], &[])?;
        }
        for machine in [&self.gw, &self.files, &self.pc, &self.lan, &self.odns] {
            machine.resolve_by(&[OFFICE_DNS.to_string()], &["office.lan".to_owned()])?;
        }
        Ok(())
    }

    /// A home's router, and the internet's interface towards it.
    fn uplink(&self, home: Home) -> (&Netns, &'static str) {
        match home {
            Home::A => (&self.box_a, "toboxa"),
            Home::B => (&self.box_b, "toboxb"),
        }
    }

    fn narrow(&self, home: Home, mtu: u16) -> anyhow::Result<()> {
        let (router, there) = self.uplink(home);
        self.internet.ip(&format!("link set {there} mtu {mtu}"))?;
        router.ip(&format!("link set wan0 mtu {mtu}"))?;
        self.internet.nft(SILENT)?;
        router.nft(SILENT)
    }

    /// home-b loses its WLAN: everything goes by its second uplink, with another public address. The client has to be
    /// told ([`crate::Client::network_changed`]).
    ///
    /// # Errors
    /// The routes could not be changed.
    pub fn roam(&self) -> anyhow::Result<()> {
        self.home_b.ip("link set eth0 down\nlink set roam0 up\naddr replace 2001:db8:c::150/64 dev roam0 nodad\n\
             route replace default via 192.0.2.129 dev roam0\n\
             route replace ::/0 via 2001:db8:c::1 dev roam0\n")
    }

    /// home-b comes back to its WLAN.
    ///
    /// # Errors
    /// The routes could not be changed.
    pub fn roam_back(&self) -> anyhow::Result<()> {
        self.home_b.ip("link set roam0 down\nlink set eth0 up\naddr replace 2001:db8:b1::50/64 dev eth0 nodad\n\
             route replace default via 192.168.77.1 dev eth0\nroute replace ::/0 via 2001:db8:b1::1 dev eth0\n")
    }

    /// A home router forgets its translations, as after a restart: its clients appear from other ports.
    ///
    /// # Errors
    /// The router's rules could not be changed.
    pub fn rebind(&self, home: Home) -> anyhow::Result<()> {
        match home {
            Home::A => self.box_a.nft(&home_router(50000)),
            Home::B => self.box_b.nft(&home_router(50000)),
        }
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        if self.failed || thread::panicking() {
            self.show_logs();
        }
        self.servers = None;
        self.wire = None;
        leftovers::remove(self.prefix.name());
    }
}

impl Office {
    /// Prints the end of every log that is not empty.
    fn show_logs(&self) {
        let mut names: Vec<PathBuf> =
            std::fs::read_dir(&self.logs).into_iter().flatten().flatten().map(|e| e.path()).collect();
        names.sort();
        let kept = std::env::temp_dir().join(format!("passerelle-office-logs-{}", self.prefix()));
        let mut keeps = false;
        for path in names {
            let text = std::fs::read(&path).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
            if text.trim().is_empty() {
                continue;
            }
            let name = path.file_name().unwrap_or_default();
            eprintln!("--- {}\n{}", name.to_string_lossy(), tail(&text, 25));
            let _ = std::fs::create_dir_all(&kept);
            keeps |= std::fs::copy(&path, kept.join(name)).is_ok();
        }
        if keeps {
            eprintln!("--- whole logs: {}", kept.display());
        }
    }
}
