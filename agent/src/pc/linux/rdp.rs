//! Remote desktop: xrdp, or GNOME's for the whole system, as its files have it, and whether anything listens there.
//!
//! GNOME's sharing of one person's own desktop is theirs: its settings are in their home, and it is not looked for.

use std::collections::HashMap;

use agent::bounded::Fingerprint;
use agent::facts::Rdp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::Root;

/// The port of RDP.
const PORT: u16 = 3389;

const XRDP: &str = "/etc/xrdp/xrdp.ini";
const XRDP_CERTIFICATE: &str = "/etc/xrdp/cert.pem";
const GNOME: &str = "/etc/gnome-remote-desktop/grd.conf";

pub(super) fn rdp(root: &Root) -> Rdp {
    let xrdp = root.read(XRDP).map(|text| xrdp(root, &section(&text, "globals")));
    let gnome = root.read(GNOME).map(|text| gnome(root, &section(&text, "rdp")));
    let mut installed = [xrdp, gnome].into_iter().flatten();
    let first = installed.next().unwrap_or_else(|| Rdp { enabled: Some(false), ..Rdp::default() });
    // Of two, the one that runs.
    if first.enabled == Some(true) {
        first
    } else {
        installed.find(|other| other.enabled == Some(true)).unwrap_or(first)
    }
}

fn xrdp(root: &Root, of: &HashMap<String, String>) -> Rdp {
    let port = of.get("port").and_then(|text| xrdp_port(text)).unwrap_or(PORT);
    let file = of.get("certificate").filter(|path| !path.is_empty()).map_or(XRDP_CERTIFICATE, String::as_str);
    let tls = of.get("security_layer").is_none_or(|layer| !layer.eq_ignore_ascii_case("rdp"));
    Rdp {
        enabled: listens(root, port),
        port: Some(port),
        // It has none: people sign in on its own screen.
        nla: Some(false),
        certificate: if tls { certificate(root, file) } else { None },
        server: "xrdp".into(),
    }
}

fn gnome(root: &Root, of: &HashMap<String, String>) -> Rdp {
    let port = of.get("port").and_then(|text| text.parse().ok()).unwrap_or(PORT);
    let on = of.get("enabled").is_none_or(|text| text == "true");
    Rdp {
        enabled: if on { listens(root, port) } else { Some(false) },
        port: Some(port),
        nla: Some(true),
        certificate: of.get("tls-cert").and_then(|file| certificate(root, file)),
        server: "gnome-remote-desktop".into(),
    }
}

/// `3389`, `tcp://:3389`, `tcp://192.168.1.20:3389`, `tcp6://.:3389`, or several (xrdp.ini(5)): the first of TCP.
fn xrdp_port(text: &str) -> Option<u16> {
    let of_tcp = |word: &&str| !word.contains("://") || word.starts_with("tcp");
    let first = text.split([' ', ',']).filter(|word| !word.is_empty()).find(of_tcp)?;
    first.rsplit_once(':').map_or(first, |(_, port)| port).parse().ok()
}

/// The keys of one section of an INI file. The first of several with one name counts.
fn section(text: &str, name: &str) -> HashMap<String, String> {
    let mut keys = HashMap::new();
    let mut inside = false;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with([';', '#'])) {
        if let Some(head) = line.strip_prefix('[') {
            inside = head.trim_end_matches(']').eq_ignore_ascii_case(name);
        } else if inside && let Some((key, value)) = line.split_once('=') {
            keys.entry(key.trim().to_ascii_lowercase()).or_insert_with(|| value.trim().to_owned());
        }
    }
    keys
}

/// The first certificate of a file in PEM: the one that a listener shows.
fn certificate(root: &Root, file: &str) -> Option<Fingerprint> {
    let pem = root.read(file)?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    Some(Fingerprint::of(&der))
}

/// Whether something listens on this TCP port: state 0A in /proc/net/tcp and tcp6.
fn listens(root: &Root, port: u16) -> Option<bool> {
    let tables: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"].iter().filter_map(|path| root.read(path)).collect();
    let suffix = format!(":{port:04X}");
    let is_it = |line: &str| {
        let mut columns = line.split_whitespace();
        columns.nth(1).is_some_and(|local| local.ends_with(&suffix)) && columns.nth(1) == Some("0A")
    };
    (!tables.is_empty()).then(|| tables.iter().flat_map(|table| table.lines()).any(is_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n";
    const LISTENS: &str = "   0: 00000000000000000000000000000000:0D3D 00000000000000000000000000000000:0000 0A 0:0\n";
    const IS_USED: &str = "   0: 0100007F:0D3D 0100007F:8000 01 0:0\n   1: 0100007F:8000 0100007F:0D3D 0A 0:0\n";

    fn root(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let at = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = at.path().join(path.trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let root = Root(at.path().to_owned());
        (at, root)
    }

    fn pem() -> (String, Fingerprint) {
        let key = rcgen::KeyPair::generate().unwrap();
        let own = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        (own.pem(), Fingerprint::of(own.der()))
    }

    #[test]
    fn xrdp_as_debian_sets_it_up() {
        let (pem, print) = pem();
        let ini = "; x\n[Globals]\nini_version=1\nport=3389\nsecurity_layer=negotiate\ncertificate=\nkey_file=\n\n[Xorg]\nport=-1\n";
        let (_at, on) = root(&[(XRDP, ini), (XRDP_CERTIFICATE, &pem), ("/proc/net/tcp6", &format!("{HEAD}{LISTENS}"))]);
        let told = rdp(&on);
        assert_eq!((told.enabled, told.port, told.nla), (Some(true), Some(3389), Some(false)));
        assert_eq!((told.certificate, &*told.server), (Some(print), "xrdp"));
        let (_at, off) = root(&[(XRDP, ini), ("/proc/net/tcp", &format!("{HEAD}{IS_USED}"))]);
        assert_eq!((rdp(&off).enabled, rdp(&off).certificate), (Some(false), None));
        let (_at, hidden) = root(&[(XRDP, ini)]);
        assert_eq!(rdp(&hidden).enabled, None, "what cannot be read is not known");
        let bare = ini.replace("negotiate", "RDP");
        let (_at, bare) = root(&[(XRDP, &bare), (XRDP_CERTIFICATE, &pem)]);
        assert_eq!(rdp(&bare).certificate, None);
        let own = ini.replace("certificate=", "certificate=/etc/ssl/own.pem");
        let (_at, own) = root(&[(XRDP, &own), ("/etc/ssl/own.pem", &pem)]);
        assert_eq!(rdp(&own).certificate, Some(print));
    }

    #[test]
    fn ports_as_xrdp_reads_them() {
        for (text, port) in [
            ("3389", Some(3389)),
            ("tcp://:3390", Some(3390)),
            ("vsock://-1:3389 tcp://192.168.1.20:3391", Some(3391)),
            ("tcp6://{::1}:3392", Some(3392)),
            ("unix://./tmp/xrdp.socket", None),
            ("", None),
        ] {
            assert_eq!(xrdp_port(text), port, "{text}");
        }
    }

    #[test]
    fn gnome_where_xrdp_is_not_or_does_not_run() {
        let (pem, print) = pem();
        let conf = "[RDP]\nenabled=true\ntls-cert=/var/lib/grd/c.pem\n";
        let tcp = format!("{HEAD}{LISTENS}");
        let (_at, on) = root(&[(GNOME, conf), ("/var/lib/grd/c.pem", &pem), ("/proc/net/tcp", &tcp)]);
        let told = rdp(&on);
        assert_eq!((told.enabled, told.nla, told.certificate), (Some(true), Some(true), Some(print)));
        let (_at, off) = root(&[(GNOME, &conf.replace("true", "false")), ("/proc/net/tcp", &tcp)]);
        assert_eq!(rdp(&off).enabled, Some(false));
        let (_at, none) = root(&[]);
        assert_eq!(rdp(&none), Rdp { enabled: Some(false), ..Rdp::default() });
    }
}
