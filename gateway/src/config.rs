//! The configuration file: small, every key with a default, unknown keys refused.
//!
//! All that IT decides in the product itself is in the database, not here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::dns::rewrite::is_private;
use crate::store::Database;

/// Where the configuration is looked for.
pub const DEFAULT_PATH: &str = "/etc/passerelle/passerelle.toml";

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Sealing key, and the database if no other is named.
    pub state_dir: PathBuf,
    /// A PostgreSQL database instead: `postgresql:///passerelle?host=/run/postgresql`. Its password, if it needs one, is
    /// in a file (`PGPASSFILE`), never here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Url>,
    /// `net.sock` (the link) and `api.sock` (the command line).
    pub runtime_dir: PathBuf,
    /// Kernel name of the TUN.
    pub interface: String,
    /// UDP ports for WireGuard.
    pub ports: Vec<u16>,
    /// Addresses on which the office LAN reaches portal and console.
    pub office_listen: Vec<SocketAddr>,
    /// Addresses on which the office's own resolver asks for the zone's names (conditional forwarding).
    pub office_dns: Vec<SocketAddr>,
    /// Names beside the public one under which the pages may be called (`localhost` behind a forwarded port). Any other
    /// name is refused, against DNS rebinding.
    pub also_named: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: "/var/lib/passerelle".into(),
            database: None,
            runtime_dir: "/run/passerelle".into(),
            interface: "pass0".into(),
            ports: vec![51820, 443],
            office_listen: Vec::new(),
            office_dns: Vec::new(),
            also_named: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the file; an absent file at the default place means all defaults.
    ///
    /// # Errors
    /// The file cannot be read, has an unknown key or a value that cannot be; the message names it.
    pub fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let chosen = path.unwrap_or(Path::new(DEFAULT_PATH));
        let text = match std::fs::read_to_string(chosen) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && path.is_none() => return Ok(Self::default()),
            Err(e) => return Err(e).with_context(|| format!("read configuration {}", chosen.display())),
        };
        let config: Self = toml::from_str(&text).with_context(|| format!("in {}", chosen.display()))?;
        config.check().with_context(|| format!("in {}", chosen.display()))?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        let name = &self.interface;
        let fits = (1..=15).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        anyhow::ensure!(fits, "interface `{name}`: 1 to 15 letters, digits or hyphens");
        anyhow::ensure!(!self.ports.is_empty(), "ports: at least one UDP port, such as 51820");
        anyhow::ensure!(!self.ports.contains(&0), "ports: 0 is not a port");
        for address in &self.office_dns {
            let ip = address.ip();
            let fits = is_private(ip) && !ip.is_unspecified() && address.port() != 0;
            anyhow::ensure!(fits, "office_dns `{address}`: an address of this machine on the office LAN, and a port");
        }
        if let Some(url) = &self.database {
            let example = "such as postgresql:///passerelle?host=/run/postgresql";
            anyhow::ensure!(matches!(url.scheme(), "postgresql" | "postgres"), "database: a PostgreSQL URL, {example}");
            let secret = url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password");
            anyhow::ensure!(!secret, "database: no password here, this file is not secret; put it into ~/.pgpass");
        }
        Ok(())
    }

    /// Where the database is: in the state directory, if no other is named.
    #[must_use]
    pub fn database(&self) -> Database {
        match &self.database {
            Some(url) => Database::Postgres(url.clone()),
            None => Database::Sqlite(self.state_dir.join("passerelle.db")),
        }
    }

    /// The link's socket.
    #[must_use]
    pub fn link_socket(&self) -> PathBuf {
        self.runtime_dir.join("net.sock")
    }

    /// The command line's socket.
    #[must_use]
    pub fn api_socket(&self) -> PathBuf {
        self.runtime_dir.join("api.sock")
    }
}
