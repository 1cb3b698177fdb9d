//! What an agent sees of its PC: facts, never judgements. What they mean is for the gateway to say.
//!
//! No date is among them, for the PC's clock may be wrong: moments are told as milliseconds that have gone by.
//! What a system does not tell is absent, which is not the same as "no".

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::bounded::{AtMost, Fingerprint, Mac, Short};

/// Network adapters that are told: more than any office PC has, virtual ones of hypervisors included.
pub const ADAPTERS: usize = 16;

/// Addresses of an adapter that are told.
pub const ADDRESSES: usize = 16;

/// Sessions that are told: a terminal server with more is not what this product is for.
pub const SESSIONS: usize = 64;

/// Programs that are looked for on one PC.
pub const PROGRAMS: usize = 64;

/// All that an agent knows of its PC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Its name, as the system has it.
    pub host: Short,
    /// Its operating system.
    pub os: Os,
    /// Milliseconds since it was started; sleep counts.
    pub up_ms: u64,
    /// It has to be restarted to finish installing something.
    pub restart_pending: Option<bool>,
    /// Its network adapters, without the loopback.
    pub adapters: AtMost<Adapter, ADAPTERS>,
    /// Remote desktop on it.
    pub rdp: Rdp,
    /// Who is signed in, at it or from afar. Absent where the system does not tell, which is not "nobody".
    pub sessions: Option<AtMost<Session, SESSIONS>>,
    /// Energy and sleep.
    pub power: Power,
    /// Which of the programs that IT asks for are there, by the rules' names.
    pub programs: AtMost<Short, PROGRAMS>,
}

/// An operating system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Os {
    /// Of which family.
    pub family: Family,
    /// As it calls itself: `Windows 11 Pro`, `Debian GNU/Linux 12 (bookworm)`.
    pub name: Short,
    /// Its version or build: `10.0.22631`, `6.1.0-18-amd64`.
    pub version: Short,
}

/// A family of operating systems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Windows.
    Windows,
    /// Linux.
    Linux,
    /// One that this version has no word for.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A network adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Adapter {
    /// Its name in the system: `eth0`, `Ethernet 2`.
    pub name: Short,
    /// Its hardware address.
    pub mac: Option<Mac>,
    /// Cable or radio.
    pub medium: Medium,
    /// Whether it has a link now.
    pub up: bool,
    /// Its addresses with their prefix lengths, without link-local ones.
    pub addresses: AtMost<IpNet, ADDRESSES>,
    /// Whether a magic packet wakes the PC by it.
    pub wake: WakeOnLan,
}

/// What carries an adapter's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    /// A cable.
    Wired,
    /// Wi-Fi.
    Wireless,
    /// No hardware of its own: a bridge, a hypervisor's, a VPN's.
    Virtual,
    /// One that this version has no word for.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Whether an adapter wakes its PC by a magic packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeOnLan {
    /// It can, and is switched to.
    Armed,
    /// It can, and is not switched to.
    Disarmed,
    /// It cannot.
    Unable,
    /// The system does not tell.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Remote desktop on a PC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rdp {
    /// Whether it is switched on and its service runs.
    pub enabled: Option<bool>,
    /// The TCP port it listens on.
    pub port: Option<u16>,
    /// Whether it demands network level authentication.
    pub nla: Option<bool>,
    /// SHA-256 of the certificate its listener shows, in DER.
    pub certificate: Option<Fingerprint>,
    /// Which program answers: `xrdp`, `TermService`.
    pub server: Short,
}

/// Somebody signed in on a PC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// The system's number or name of it.
    pub id: Short,
    /// Where from.
    pub place: SessionPlace,
    /// Whether somebody is at it.
    pub state: SessionState,
    /// Whose; absent unless the organisation wants names.
    pub user: Option<Short>,
    /// Milliseconds without a key or a movement of the mouse.
    pub idle_ms: Option<u64>,
    /// Milliseconds since it began.
    pub age_ms: Option<u64>,
}

/// Where somebody is who is signed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionPlace {
    /// At the PC itself.
    Console,
    /// Elsewhere, by remote desktop.
    Remote,
    /// A place that this version has no word for.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Whether somebody is at a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// It is shown on a screen, and not locked.
    Active,
    /// It is shown on a screen, and locked.
    Locked,
    /// It goes on without a screen.
    Disconnected,
    /// A state that this version has no word for.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Energy and sleep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Power {
    /// Whether it runs on a battery now.
    pub on_battery: Option<bool>,
    /// In which ways it can sleep.
    pub sleeps: AtMost<Sleep, 8>,
    /// Windows' fast start-up: what is called "shut down" is a hibernation that no packet ends.
    pub fast_startup: Option<bool>,
    /// After how many seconds without use it sleeps on mains power; 0 is never.
    pub sleeps_after_s: Option<u32>,
}

/// A way to sleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sleep {
    /// ACPI S0 low power idle, "modern standby".
    Idle,
    /// ACPI S3: to memory.
    Memory,
    /// ACPI S4: to disk.
    Disk,
    /// A way that this version has no word for.
    #[default]
    #[serde(other)]
    Unknown,
}
