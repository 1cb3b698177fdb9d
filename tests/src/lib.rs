//! The virtual office: an internet, two homes, a gateway and an office LAN in network namespaces, with real clients
//! and servers in them. End-to-end tests, the demo and the benchmarks share it.
//!
//! Nothing of it touches the host's own network: links are made inside the namespaces, and everything is found again
//! by its prefix and removed, also what a killed run left behind ([`leftovers`]). It needs root.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

pub mod addresses;
pub mod agent;
mod browser;
mod capture;
mod config_text;
pub mod desktops;
mod directory;
mod flood;
pub mod gateway;
pub mod leftovers;
mod mail;
mod netns;
mod place;
mod plan;
mod probe;
mod process;
mod pulse;
pub mod rdp;
pub mod scan;
mod scenario;
mod servers;
mod sleeper;
mod speaker;
mod stream;
mod terminal;
pub mod totp;
pub mod wine;
mod wire;
mod wireguard;

pub use browser::{Browser, Told, share_is};
pub use capture::{Capture, Seen, now};
pub use config_text::TunnelConfig;
pub use directory::Directory;
pub use flood::Flood;
pub use mail::MailServer;
pub use netns::{Netns, UdpErrors};
pub use place::{Home, Office, OfficeOptions, Part, hardware};
pub use probe::{Listener, Ping, Reach, connect, ping};
pub use process::{Output, Process, runs, signal_pid, wait_until};
pub use pulse::Pulse;
pub use scenario::{heavy, missing, scenario};
pub use servers::{ARCHIVE, BigFile, Copy, DFS, SHARES, SMB_PASSWORD, SMB_USER};
pub use sleeper::Sleeper;
pub use speaker::Speaker;
pub use stream::Stream;
pub use terminal::Terminal;
pub use wire::{Counts, Faults, Frame, Way, Wire};
pub use wireguard::{Client, KeyPair, Transfer};
