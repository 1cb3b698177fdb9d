//! Remote desktop: what the registry says of it, and which certificate its listener shows.

use agent::bounded::Fingerprint;
use agent::facts::Rdp;

use super::registry::Registry;

const SERVER: &str = r"SYSTEM\CurrentControlSet\Control\Terminal Server";
const STATIONS: &str = r"SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations";
const LISTENER: &str = r"SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
/// What group policy says here counts, whatever stands elsewhere.
const POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";

/// Where certificates of the listener are kept: those that Windows made for it, and those that were given to it.
pub(crate) const STORES: [&str; 2] = ["Remote Desktop", "MY"];

/// Where the registry names its certificate, by SHA-1: from a template of group policy, chosen by IT, made by Windows.
const NAMED: [(&str, &str); 4] = [
    (LISTENER, "TemplateCertificate"),
    (LISTENER, "SSLCertificateSHA1Hash"),
    (LISTENER, "SelfSignedCertificate"),
    (STATIONS, "SelfSignedCertificate"),
];

/// The machine's certificates.
pub(crate) trait Certificates {
    /// The one with this SHA-1 in a store, in DER.
    fn named(&self, store: &str, sha1: &[u8]) -> Option<Vec<u8>>;
    /// All of a store, in DER.
    fn all(&self, store: &str) -> Vec<Vec<u8>>;
}

/// `listens` tells whether anything listens on a TCP port; nothing where that cannot be seen.
pub(crate) fn rdp(
    registry: &impl Registry,
    certificates: &impl Certificates,
    listens: impl FnOnce(u16) -> Option<bool>,
) -> Rdp {
    let says = |key, name| registry.number(POLICY, name).or_else(|| registry.number(key, name));
    let port =
        registry.number(LISTENER, "PortNumber").and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    let enabled = match says(SERVER, "fDenyTSConnections") {
        // Windows Home has no listener, whatever the registry says.
        Some(0) => port.and_then(listens),
        Some(_) => Some(false),
        None => None,
    };
    Rdp {
        enabled,
        port,
        nla: says(LISTENER, "UserAuthentication").map(|wants| wants != 0),
        certificate: certificate(registry, certificates),
        server: "TermService".into(),
    }
}

fn certificate(registry: &impl Registry, certificates: &impl Certificates) -> Option<Fingerprint> {
    let named = NAMED
        .iter()
        .filter_map(|(key, name)| registry.bytes(key, name))
        .find_map(|sha1| STORES.iter().find_map(|store| certificates.named(store, &sha1)));
    let only = || match certificates.all(STORES[0]).as_slice() {
        [one] => Some(one.clone()),
        // Which of several it shows, the store does not tell.
        _ => None,
    };
    named.or_else(only).map(|der| Fingerprint::of(&der))
}

#[cfg(test)]
mod tests {
    use super::super::registry::fake::{Fake, Value};
    use super::*;
    use Value::{Bytes, Number};

    /// Store, SHA-1, DER.
    struct Stores(Vec<(&'static str, &'static [u8], &'static [u8])>);

    impl Certificates for Stores {
        fn named(&self, store: &str, sha1: &[u8]) -> Option<Vec<u8>> {
            self.0.iter().find(|(of, hash, _)| *of == store && *hash == sha1).map(|(.., der)| der.to_vec())
        }

        fn all(&self, store: &str) -> Vec<Vec<u8>> {
            self.0.iter().filter(|(of, ..)| *of == store).map(|(.., der)| der.to_vec()).collect()
        }
    }

    fn usual() -> Fake {
        Fake::default().with(SERVER, "fDenyTSConnections", Number(0)).with(LISTENER, "PortNumber", Number(3389)).with(
            LISTENER,
            "UserAuthentication",
            Number(1),
        )
    }

    fn told(registry: &Fake) -> Rdp {
        rdp(registry, &Stores(Vec::new()), |port| Some(port == 3389))
    }

    #[test]
    fn switched_on_is_not_enough() {
        assert_eq!(
            (told(&usual()).enabled, told(&usual()).port, told(&usual()).nla),
            (Some(true), Some(3389), Some(true))
        );
        assert_eq!(told(&usual().with(LISTENER, "PortNumber", Number(4000))).enabled, Some(false), "nothing listens");
        assert_eq!(told(&usual().with(SERVER, "fDenyTSConnections", Number(1))).enabled, Some(false));
        assert_eq!(rdp(&usual(), &Stores(Vec::new()), |_| None).enabled, None);
        let bare = told(&Fake::default());
        assert_eq!((bare.enabled, bare.port, bare.nla, bare.certificate), (None, None, None, None));
        for odd in [0, 65_536, u32::MAX] {
            assert_eq!(told(&usual().with(LISTENER, "PortNumber", Number(odd))).port, None, "{odd}");
        }
    }

    #[test]
    fn group_policy_counts() {
        let denied = usual().with(POLICY, "fDenyTSConnections", Number(1));
        assert_eq!(told(&denied).enabled, Some(false));
        let allowed =
            usual().with(SERVER, "fDenyTSConnections", Number(1)).with(POLICY, "fDenyTSConnections", Number(0));
        assert_eq!(told(&allowed).enabled, Some(true));
        assert_eq!(told(&usual().with(POLICY, "UserAuthentication", Number(0))).nla, Some(false));
    }

    #[test]
    fn the_certificate_is_the_listeners_own() {
        let stores =
            Stores(vec![("Remote Desktop", b"s1", b"self"), ("Remote Desktop", b"s0", b"old"), ("MY", b"m1", b"it's")]);
        let of = |registry: &Fake, stores: &Stores| rdp(registry, stores, |_| None).certificate;
        let chosen = usual().with(LISTENER, "SSLCertificateSHA1Hash", Bytes(b"m1".to_vec()));
        assert_eq!(of(&chosen, &stores), Some(Fingerprint::of(b"it's")));
        let made = usual().with(STATIONS, "SelfSignedCertificate", Bytes(b"s1".to_vec()));
        assert_eq!(of(&made, &stores), Some(Fingerprint::of(b"self")));
        // What is named and was deleted is not shown: Windows falls back on its own.
        let gone = made.with(LISTENER, "SSLCertificateSHA1Hash", Bytes(b"xx".to_vec()));
        assert_eq!(of(&gone, &stores), Some(Fingerprint::of(b"self")));
        assert_eq!(of(&usual(), &stores), None, "it may be either");
        assert_eq!(of(&usual(), &Stores(stores.0[..1].to_vec())), Some(Fingerprint::of(b"self")));
    }
}
