//! The WireGuard config a device gets: what the stock apps and `wg-quick` read.
//!
//! Only the site network is routed into the tunnel, so a config never has to be issued again when resources change.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use zeroize::Zeroizing;

use crate::addresses::{SiteNetwork, gateway};
use crate::keys::{PresharedKey, PrivateKey, PublicKey};

/// MTU in issued configs, bytes: 1,420 less 80, which passes DS-Lite, LTE and PPPoE.
pub const MTU: u16 = 1340;

/// Seconds between keepalives: below the shortest UDP timeout of home routers (30 s).
pub const KEEPALIVE_SECONDS: u16 = 25;

/// Stands where the private key goes, in a config rendered without it.
pub const PLACEHOLDER: &str = "# PrivateKey = (put the private key of this device here)";

/// Everything a config says.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The device's own key; `None` where it stays on the device.
    pub private_key: Option<PrivateKey>,
    /// The device's only IPv4 address.
    pub address4: Ipv4Addr,
    /// The device's only IPv6 address.
    pub address6: Ipv6Addr,
    /// What is routed into the tunnel; its gateway answers DNS.
    pub site: SiteNetwork,
    /// Search domain, such as `rossi.internal`.
    pub zone: String,
    /// The gateway's key.
    pub gateway_key: PublicKey,
    /// Symmetric key mixed in, if one was agreed.
    pub preshared_key: Option<PresharedKey>,
    /// `host:port` of the gateway as the internet sees it.
    pub endpoint: String,
}

/// The text of the config.
#[must_use]
pub fn client_config(config: &ClientConfig) -> String {
    let (dns4, dns6) = gateway(&config.site);
    let mut out = String::with_capacity(512);
    out.push_str("[Interface]\n");
    match &config.private_key {
        Some(key) => {
            let _ = writeln!(out, "PrivateKey = {}", key.expose().as_str());
        }
        None => {
            out.push_str(PLACEHOLDER);
            out.push('\n');
        }
    }
    let _ = writeln!(out, "Address = {}/32, {}/128", config.address4, config.address6);
    let _ = writeln!(out, "DNS = {dns4}, {dns6}, {}", one_word(&config.zone));
    let _ = writeln!(out, "MTU = {MTU}");
    let _ = writeln!(out, "\n[Peer]\nPublicKey = {}", config.gateway_key);
    if let Some(key) = &config.preshared_key {
        let _ = writeln!(out, "PresharedKey = {}", key.expose().as_str());
    }
    let _ = writeln!(out, "AllowedIPs = {}, {}", config.site.v4.trunc(), config.site.v6.trunc());
    let _ = writeln!(out, "Endpoint = {}", one_word(&config.endpoint));
    let _ = writeln!(out, "PersistentKeepalive = {KEEPALIVE_SECONDS}");
    out
}

/// A config that was rendered without its private key, completed where the key was made.
#[must_use]
pub fn with_private_key(config: &str, key: &PrivateKey) -> Zeroizing<String> {
    let line = Zeroizing::new(format!("PrivateKey = {}", key.expose().as_str()));
    Zeroizing::new(config.replacen(PLACEHOLDER, &line, 1))
}

/// The same, as short as it can be said: a QR code of it fits in 80 columns.
#[must_use]
pub fn compact(config: &str) -> Zeroizing<String> {
    Zeroizing::new(config.replace("\n\n", "\n").replace(" = ", "=").replace(", ", ","))
}

/// `wg-quick` runs commands that a config names on lines of their own: a name must never become a second line.
fn one_word(text: &str) -> &str {
    text.split(|c: char| c.is_whitespace() || c.is_control() || c == ',' || c == '#').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config() -> ClientConfig {
        let site = SiteNetwork { v4: "10.91.0.0/16".parse().unwrap(), v6: "fd6b:10f3:77aa::/48".parse().unwrap() };
        let (address4, address6) = crate::addresses::device(&site, 0).unwrap();
        ClientConfig {
            private_key: Some(PrivateKey::from_bytes([1; 32])),
            address4,
            address6,
            site,
            zone: "rossi.internal".into(),
            gateway_key: PrivateKey::from_bytes([2; 32]).public_key(),
            preshared_key: None,
            endpoint: "door.example.org:51820".into(),
        }
    }

    #[test]
    fn whole_text() {
        let key = PrivateKey::from_bytes([2; 32]).public_key();
        assert_eq!(
            client_config(&config()),
            format!(
                "[Interface]\nPrivateKey = AAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAUE=\nAddress = 10.91.0.2/32, \
                 fd6b:10f3:77aa::2/128\nDNS = 10.91.0.1, fd6b:10f3:77aa::1, rossi.internal\nMTU = 1340\n\n[Peer]\n\
                 PublicKey = {key}\nAllowedIPs = 10.91.0.0/16, fd6b:10f3:77aa::/48\nEndpoint = \
                 door.example.org:51820\nPersistentKeepalive = 25\n"
            )
        );
    }

    #[test]
    fn without_its_private_key_it_has_a_placeholder() {
        let text = client_config(&ClientConfig { private_key: None, ..config() });
        assert!(text.starts_with("[Interface]\n# PrivateKey = ("), "{text}");
        let completed = with_private_key(&text, &PrivateKey::from_bytes([1; 32]));
        assert_eq!(completed.as_str(), client_config(&config()));
    }

    #[test]
    fn a_preshared_key_is_in_the_peer_section() {
        let text = client_config(&ClientConfig { preshared_key: Some([3; 32].into()), ..config() });
        assert!(text.split("[Peer]").nth(1).unwrap().contains("PresharedKey = AwMD"), "{text}");
    }

    #[test]
    fn its_qr_code_fits_a_terminal() {
        let text = client_config(&ClientConfig {
            preshared_key: Some([3; 32].into()),
            zone: "cabinet-rossi-associes.internal".into(),
            endpoint: "passerelle.rossi.example.org:51820".into(),
            ..config()
        });
        let short = compact(&text);
        assert!(short.contains("\n[Peer]\nPublicKey=") && short.contains("\nPresharedKey=AwMD"), "{short:?}");
        let picture = crate::qr::terminal(&short);
        assert!(picture.lines().all(|l| l.chars().count() <= 80), "{} bytes", short.len());
    }

    proptest! {
        #[test]
        fn names_never_add_a_line(zone in "(?s).*", endpoint in "(?s).*") {
            let plain = client_config(&config()).lines().count();
            let text = client_config(&ClientConfig { zone, endpoint, ..config() });
            prop_assert_eq!(text.lines().count(), plain);
        }
    }
}
