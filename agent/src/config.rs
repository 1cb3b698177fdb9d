//! The configuration file: where the gateway is, and where the agent keeps its key. `enrol` writes it.
//!
//! All else is decided on the gateway.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::identity::replace;

/// Where the configuration is looked for.
#[cfg(unix)]
pub(crate) fn default_path() -> PathBuf {
    "/etc/passerelle/agent.toml".into()
}

/// Where the configuration is looked for.
#[cfg(windows)]
pub(crate) fn default_path() -> PathBuf {
    state_dir().join("agent.toml")
}

/// The port that gateways hear agents on.
const PORT: u16 = 8444;

/// The longest configuration file, in bytes: it has two keys.
const LONGEST: u64 = 64 * 1024;

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the gateway is.
    pub(crate) gateway: Gateway,
    /// Key, certificates, and how it goes.
    #[serde(default = "state_dir")]
    pub(crate) state_dir: PathBuf,
}

/// Where key and certificates are kept.
#[cfg(unix)]
pub(crate) fn state_dir() -> PathBuf {
    "/var/lib/passerelle-agent".into()
}

/// Where key and certificates are kept.
#[cfg(windows)]
pub(crate) fn state_dir() -> PathBuf {
    crate::win32::system::program_data().join("Passerelle").join("Agent")
}

/// The folder that a configuration is in. On Windows all else is there, too: one folder to guard, and no file says which.
#[cfg(any(windows, test))]
pub(crate) fn folder(file: &Path) -> anyhow::Result<PathBuf> {
    let file = std::path::absolute(file).with_context(|| format!("find {}", file.display()))?;
    let folder = file.parent().filter(|folder| folder.parent().is_some());
    folder.map(Path::to_owned).with_context(|| format!("{} is in no folder of its own", file.display()))
}

/// A gateway's name or address, and its port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Gateway {
    /// A DNS name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Text that is no gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a gateway: a name or an address is expected, with a port if it is not {PORT}, such as 192.168.1.2:8444")]
pub(crate) struct NotAGateway;

impl FromStr for Gateway {
    type Err = NotAGateway;

    fn from_str(text: &str) -> Result<Self, NotAGateway> {
        let bare = text.parse::<std::net::Ipv6Addr>().is_ok();
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or(NotAGateway)?)),
            None if bare => (text, None),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(PORT), str::parse).map_err(|_| NotAGateway)?;
        rustls::pki_types::ServerName::try_from(host).map_err(|_| NotAGateway)?;
        if port == 0 { Err(NotAGateway) } else { Ok(Self { host: host.to_owned(), port }) }
    }
}

impl TryFrom<String> for Gateway {
    type Error = NotAGateway;
    fn try_from(text: String) -> Result<Self, NotAGateway> {
        text.parse()
    }
}

impl From<Gateway> for String {
    fn from(gateway: Gateway) -> Self {
        gateway.to_string()
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}:{}", self.host, self.port)
    }
}

impl Config {
    /// With this gateway, and all else by default.
    pub(crate) fn of(gateway: Gateway) -> Self {
        Self { gateway, state_dir: state_dir() }
    }

    /// With all else beside the configuration file.
    #[cfg(any(windows, test))]
    pub(crate) fn beside(self, file: &Path) -> anyhow::Result<Self> {
        let folder = folder(file)?;
        anyhow::ensure!(
            self.state_dir == folder || self.state_dir == state_dir(),
            "state_dir: on Windows all is kept in {}; remove that line",
            folder.display()
        );
        Ok(Self { state_dir: folder, ..self })
    }

    /// Reads the file; nothing if there is none.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Option<Self>> {
        #[cfg(windows)]
        crate::identity::Folder::new(&folder(path)?).check()?;
        let config = Self::read(path)?;
        #[cfg(windows)]
        let config =
            config.map(|config| config.beside(path)).transpose().with_context(|| format!("in {}", path.display()))?;
        Ok(config)
    }

    fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        let read = |path: &Path| -> std::io::Result<String> {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut std::io::Read::take(std::fs::File::open(path)?, LONGEST), &mut text)?;
            Ok(text)
        };
        match read(path) {
            Ok(text) => Self::parse(&text).with_context(|| format!("in {}", path.display())).map(Some),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).with_context(|| format!("read configuration {}", path.display())),
        }
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        toml::from_str(text).map_err(|e| sentence(text, &e))
    }

    /// Writes the file, and the directory that it is in.
    pub(crate) fn keep(&self, file: &Path) -> anyhow::Result<()> {
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
        }
        replace(file, self.to_text()?.as_bytes(), 0o644)
    }

    /// What is written into the file.
    fn to_text(&self) -> anyhow::Result<String> {
        let mut text = format!("# Written by `passerelle-agent enrol`.\ngateway = \"{}\"\n", self.gateway);
        if self.state_dir != state_dir() {
            let state_dir = toml::Value::try_from(&self.state_dir).context("state_dir")?;
            text.push_str(&format!("state_dir = {state_dir}\n"));
        }
        Ok(text)
    }
}

/// What is expected of each key, for whoever wrote something else.
const EXPECTED: [(&str, &str); 2] = [
    ("gateway", "a name or an address is expected, such as \"192.168.1.2:8444\""),
    ("state_dir", "a directory is expected, such as \"/var/lib/passerelle-agent\""),
];

/// One line: where, which key, and what is expected there.
fn sentence(text: &str, e: &toml::de::Error) -> anyhow::Error {
    let message: String = e.message().lines().next().unwrap_or_default().chars().take(200).collect();
    let message = agent::bounded::Short::new(&message);
    if message.starts_with("missing field") {
        return anyhow::anyhow!("{message}: write gateway = \"192.168.1.2:8444\"");
    }
    let before = text.get(..e.span().map_or(0, |span| span.start)).unwrap_or_default();
    let number = before.matches('\n').count() + 1;
    let key = text.lines().nth(number - 1).and_then(|line| line.split_once('=')).map(|(key, _)| key.trim());
    match EXPECTED.iter().find(|(known, _)| Some(*known) == key) {
        Some((key, expected)) if !message.starts_with("duplicate key") => {
            anyhow::anyhow!("line {number}: {key}: {expected}")
        }
        _ => anyhow::anyhow!("line {number}: {message}; the keys are gateway, state_dir"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_as_people_write_them() {
        for (text, shown) in [
            ("192.168.1.2", "192.168.1.2:8444"),
            ("192.168.1.2:9000", "192.168.1.2:9000"),
            ("gate.example.internal", "gate.example.internal:8444"),
            ("fd5e::1", "[fd5e::1]:8444"),
            ("[fd5e::1]", "[fd5e::1]:8444"),
            ("[fd5e::1]:9", "[fd5e::1]:9"),
        ] {
            assert_eq!(text.parse::<Gateway>().map(|g| g.to_string()).as_deref(), Ok(shown));
        }
        for text in
            ["", ":", "a:", "a:0", "a:65536", "a b", "https://gate", "gate/x", "[fd5e::1]8", "[fd5e::1", "-a", "a:1:2"]
        {
            assert_eq!(text.parse::<Gateway>(), Err(NotAGateway), "{text}");
        }
    }

    #[test]
    fn whatever_is_wrong_is_said_in_one_line_with_key_and_what_is_expected() {
        for (text, said) in [
            ("", "missing field `gateway`: write gateway = "),
            ("gateway = 5", "line 1: gateway: a name or an address is expected"),
            ("# x\ngateway = \"a b\"", "line 2: gateway: a name or an address is expected"),
            ("gateway = \"a\"\nstate_dir = 5", "line 2: state_dir: a directory is expected"),
            (
                "gateway = \"a\"\ntoken = \"x\"",
                "line 2: unknown field `token`, expected `gateway` or `state_dir`; the keys are",
            ),
            ("gateway = \"a\"\ngateway = \"b\"", "line 2: duplicate key"),
            ("gateway = \"a", "line 1: "),
        ] {
            let error = format!("{:#}", Config::parse(text).unwrap_err());
            assert!(error.contains(said) && error.lines().count() == 1, "{text}: {error}");
        }
    }

    #[test]
    fn what_enrol_writes_is_read() {
        let config = Config::of("[fd5e::1]:9".parse().unwrap());
        assert_eq!(Config::parse(&config.to_text().unwrap()).unwrap(), config);
        let config = Config { state_dir: "/srv/\"x\"".into(), ..config };
        assert_eq!(Config::parse(&config.to_text().unwrap()).unwrap(), config);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.toml");
        assert!(config.clone().beside(&file).is_err());
        for state_dir in [state_dir(), folder.path().to_owned()] {
            let config = Config { state_dir, ..config.clone() };
            assert_eq!(config.beside(&file).unwrap().state_dir, folder.path());
        }
        assert!(super::folder(Path::new(if cfg!(windows) { r"C:\agent.toml" } else { "/agent.toml" })).is_err());
        assert!(Config::load(&folder.path().join("agent.toml")).unwrap().is_none());
    }
}
