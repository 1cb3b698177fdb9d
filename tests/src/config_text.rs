//! A WireGuard configuration as it is issued to people, read as `wg-quick` reads it.

use anyhow::{Context as _, ensure};

/// The parts of a configuration.
#[derive(Clone, Debug, Default)]
pub struct TunnelConfig {
    /// What `wg setconf` takes: keys, endpoints, allowed IPs.
    pub wg: String,
    /// The interface's addresses, with prefix length.
    pub addresses: Vec<String>,
    /// DNS servers.
    pub dns: Vec<String>,
    /// Search domains, which stand among the DNS servers.
    pub search: Vec<String>,
    /// MTU, if given.
    pub mtu: Option<u16>,
    /// What is routed into the tunnel.
    pub routes: Vec<String>,
}

impl TunnelConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// A line is not `Key = value`, the MTU is not a number, or everything is to go through the tunnel.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut config = Self::default();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            if line.starts_with('[') {
                config.wg.push_str(&format!("{line}\n"));
                continue;
            }
            let (key, value) = line.split_once('=').with_context(|| format!("`{line}` is not `Key = value`"))?;
            let key = key.trim().to_ascii_lowercase();
            let parts = || value.split(',').map(|p| p.trim().to_owned()).filter(|p| !p.is_empty());
            match key.as_str() {
                "address" => config.addresses.extend(parts()),
                "dns" => {
                    let (servers, search): (Vec<_>, Vec<_>) =
                        parts().partition(|p| p.parse::<std::net::IpAddr>().is_ok());
                    config.dns.extend(servers);
                    config.search.extend(search);
                }
                "mtu" => config.mtu = Some(value.trim().parse().context("MTU")?),
                "table" | "preup" | "postup" | "predown" | "postdown" | "saveconfig" => {
                    anyhow::bail!("an issued configuration has no business with `{key}`")
                }
                _ => {
                    if key == "allowedips" {
                        config.routes.extend(parts());
                    }
                    config.wg.push_str(&format!("{line}\n"));
                }
            }
        }
        ensure!(!config.routes.iter().any(|r| r.ends_with("/0")), "a default route into the tunnel is not supported");
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::TunnelConfig;

    #[test]
    fn reads_what_wg_quick_reads() -> anyhow::Result<()> {
        let text = "[Interface]\nPrivateKey = abc=\nAddress = 10.66.0.5/32, fd00::5/128 # two\nDNS = 10.66.0.1, x.internal\n\
                    MTU = 1340\n\n[Peer]\nPublicKey = def=\nAllowedIPs = 10.66.0.0/16, fd00::/48\n";
        let config = TunnelConfig::parse(text)?;
        assert_eq!(config.addresses, ["10.66.0.5/32", "fd00::5/128"]);
        assert_eq!((config.dns, config.search), (vec!["10.66.0.1".to_owned()], vec!["x.internal".to_owned()]));
        assert_eq!((config.mtu, config.routes.len()), (Some(1340), 2));
        assert!(config.wg.contains("PrivateKey = abc=\n") && !config.wg.contains("Address"));
        Ok(())
    }

    #[test]
    fn refuses_commands_and_default_routes() {
        assert!(TunnelConfig::parse("[Interface]\nPostUp = rm\n").is_err());
        assert!(TunnelConfig::parse("[Peer]\nAllowedIPs = 0.0.0.0/0\n").is_err());
        assert!(TunnelConfig::parse("[Peer]\nnonsense\n").is_err());
    }
}
