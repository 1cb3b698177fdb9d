//! The configuration file: small, every key with a default, unknown keys refused.
//!
//! All that IT decides in the product itself is in the database, not here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::dns::rewrite::is_private;
use crate::pure::shown::{deceives, shown};
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
    /// Addresses on which the office LAN reaches portal and API.
    pub office_listen: Vec<SocketAddr>,
    /// TCP port on which agents of office PCs are heard, at the same addresses as the portal; 0 is none.
    pub agents_port: u16,
    /// Addresses to which the office's router forwards TCP 443 from the internet: invitations are opened there, and, if
    /// IT wants that, office PCs used without the tunnel; nothing else is answered.
    pub internet_listen: Vec<SocketAddr>,
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
            agents_port: crate::fleet::link::PORT,
            internet_listen: Vec::new(),
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
        Self::parse(&text, chosen)
    }

    /// Reads what is in the file of this name.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, file: &Path) -> anyhow::Result<Self> {
        let read = || -> anyhow::Result<Self> {
            let config: Self = toml::from_str(text).map_err(|e| sentence(text, &e))?;
            config.check()?;
            Ok(config)
        };
        read().with_context(|| format!("in {}", file.display()))
    }

    fn check(&self) -> anyhow::Result<()> {
        let name = &self.interface;
        let fits = (1..=15).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        anyhow::ensure!(fits, "interface `{}`: 1 to 15 letters, digits or hyphens", shown(name));
        anyhow::ensure!(!self.ports.is_empty(), "ports: at least one UDP port, such as 51820");
        anyhow::ensure!(!self.ports.contains(&0), "ports: 0 is not a port");
        for address in &self.internet_listen {
            let shared = self.office_listen.contains(address);
            anyhow::ensure!(!shared, "internet_listen `{address}`: the office LAN has it, take another port");
            let agents = address.port() == self.agents_port;
            anyhow::ensure!(!agents, "internet_listen `{address}`: agents of office PCs have this port, take another");
            anyhow::ensure!(address.port() != 0, "internet_listen `{address}`: 0 is not a port");
        }
        for address in self.office_listen.iter().filter(|a| a.port() != 0) {
            let agents = address.port() == self.agents_port;
            anyhow::ensure!(!agents, "office_listen `{address}`: agents of office PCs have this port, take another");
        }
        for address in &self.office_dns {
            let ip = address.ip();
            let fits = is_private(ip) && !ip.is_unspecified() && address.port() != 0;
            anyhow::ensure!(fits, "office_dns `{address}`: an address of this machine on the office LAN, and a port");
        }
        if let Some(url) = &self.database {
            let example = "such as postgresql:///passerelle?host=/run/postgresql";
            anyhow::ensure!(matches!(url.scheme(), "postgresql" | "postgres"), "database: a PostgreSQL URL, {example}");
            let secret = url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password");
            anyhow::ensure!(
                !secret,
                "database: no password here, this file is not secret; put it into the file that PGPASSFILE names"
            );
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

/// What is expected of each key, for whoever wrote something else.
const EXPECTED: [(&str, &str); 10] = [
    ("state_dir", "a directory is expected, such as \"/var/lib/passerelle\""),
    ("database", "a PostgreSQL URL is expected, such as \"postgresql:///passerelle?host=/run/postgresql\""),
    ("runtime_dir", "a directory is expected, such as \"/run/passerelle\""),
    ("interface", "a name is expected, such as \"pass0\""),
    ("ports", "a list of UDP ports is expected, such as [51820, 443]"),
    ("office_listen", "a list of addresses with ports is expected, such as [\"192.168.1.2:8443\"]"),
    ("agents_port", "a TCP port is expected, such as 8444"),
    ("internet_listen", "a list of addresses with ports is expected, such as [\"192.168.1.2:8445\"]"),
    ("office_dns", "a list of addresses with ports is expected, such as [\"192.168.1.2:5300\"]"),
    ("also_named", "a list of host names is expected, such as [\"localhost\"]"),
];

/// One line: where, which key, and what is expected there.
fn sentence(text: &str, e: &toml::de::Error) -> anyhow::Error {
    let before = text.get(..e.span().map_or(0, |span| span.start)).unwrap_or_default();
    let number = before.matches('\n').count() + 1;
    // A list may go on for lines: the key is on the last one before that has one.
    let key = text.lines().take(number).filter_map(|line| line.split_once('=')).last().map(|(key, _)| key.trim());
    match EXPECTED.iter().find(|(known, _)| Some(*known) == key) {
        Some((key, expected)) if !e.message().starts_with("duplicate key") => {
            anyhow::anyhow!("line {number}: {key}: {expected}")
        }
        _ => {
            let message: String = e.message().lines().next().unwrap_or_default().chars().take(200).collect();
            let keys = EXPECTED.map(|(key, _)| key).join(", ");
            let message: String = message.chars().filter(|c| !deceives(*c)).collect();
            anyhow::anyhow!("line {number}: {message}; the keys are {keys}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_wrong_is_said_in_one_line_with_file_key_and_what_is_expected() {
        let long = format!("interface = \"{}\"", "x".repeat(64 * 1024));
        let cases: [(&str, &str); 27] = [
            ("state_dir = 5", "line 1: state_dir: a directory is expected"),
            ("state_dir = [\"/x\"]", "state_dir: a directory is expected"),
            ("runtime_dir = true", "runtime_dir: a directory is expected"),
            ("interface = 7", "interface: a name is expected"),
            ("interface = \"\"", "interface ``: 1 to 15 letters"),
            ("interface = \"a\\nb\"", "1 to 15 letters"),
            ("interface = \"a\\u202eb\"", "1 to 15 letters"),
            (&long, "1 to 15 letters"),
            ("ports = 51820", "ports: a list of UDP ports is expected"),
            ("ports = []", "ports: at least one UDP port"),
            ("ports = [0]", "ports: 0 is not a port"),
            ("ports = [-1]", "ports: a list of UDP ports"),
            ("ports = [65536]", "ports: a list of UDP ports"),
            ("ports = [99999999999999999999999]", "line 1"),
            ("# x\nports = [\n  1,\n  \"2\",\n]", "ports: a list of UDP ports"),
            ("office_listen = [\"192.168.1.2\"]", "office_listen: a list of addresses with ports"),
            ("agents_port = \"8444\"", "agents_port: a TCP port is expected"),
            ("office_listen = [\"192.168.1.2:8444\"]", "agents of office PCs have this port"),
            ("internet_listen = 8445", "internet_listen: a list of addresses with ports"),
            ("internet_listen = [\"192.168.1.2:0\"]", "0 is not a port"),
            (
                "office_listen = [\"192.168.1.2:8443\"]\ninternet_listen = [\"192.168.1.2:8443\"]",
                "the office LAN has it, take another port",
            ),
            ("also_named = \"localhost\"", "also_named: a list of host names"),
            ("database = \"passerelle.db\"", "database: a PostgreSQL URL"),
            ("database = \"mysql://x/y\"", "database: a PostgreSQL URL"),
            ("database = \"postgres://a:b@h/x\"", "no password here"),
            ("interfaces = \"pass0\"", "unknown field `interfaces`"),
            ("interface = \"a", "line 1"),
        ];
        for (text, said) in cases {
            let shown: String = text.chars().take(40).collect();
            let error = format!("{:#}", Config::parse(text, Path::new("/etc/passerelle/passerelle.toml")).unwrap_err());
            assert!(error.starts_with("in /etc/passerelle/passerelle.toml: "), "{shown}: {error}");
            assert!(error.contains(said), "{shown}: {error}");
            assert!(error.len() < 400 && !error.chars().any(deceives), "{shown}: {error}");
        }
        assert_eq!(Config::parse("ports = [51820]", Path::new("x")).unwrap().ports, [51820]);
    }
}
