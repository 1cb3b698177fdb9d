//! Network adapters: /sys/class/net, and their addresses as the kernel has them.

use std::collections::HashMap;
use std::net::IpAddr;

use agent::bounded::{AtMost, Mac, Short};
use agent::facts::{ADAPTERS, Adapter, Medium, WakeOnLan};
use ipnet::IpNet;
use nix::sys::socket::SockaddrStorage;

use super::{Root, read, wol};

/// Adapters of /sys that are looked at: container hosts have hundreds.
const LOOKED_AT: usize = 256;

/// Without the loopback; those with hardware first, so that a host of containers does not hide its cards.
pub(super) fn adapters(root: &Root) -> Vec<Adapter> {
    let mut addresses = addresses();
    let mut all = in_sys(root);
    for adapter in &mut all {
        let own = addresses.remove(adapter.name.as_str()).unwrap_or_default();
        adapter.addresses = AtMost::first(own);
        if adapter.medium != Medium::Virtual {
            adapter.wake = wol::wake_on_lan(&adapter.name);
        }
    }
    all
}

fn in_sys(root: &Root) -> Vec<Adapter> {
    let Ok(folder) = std::fs::read_dir(root.at("/sys/class/net")) else { return Vec::new() };
    let mut all: Vec<Adapter> = folder
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let (name, path) = (entry.file_name().into_string().ok()?, entry.path());
            // ARPHRD_ETHER; the loopback and tunnels of layer 3 have other types.
            if read(&path.join("type"))? != "1" {
                return None;
            }
            let medium = if path.join("wireless").exists() || path.join("phy80211").exists() {
                Medium::Wireless
            } else if path.join("device").exists() {
                Medium::Wired
            } else {
                Medium::Virtual
            };
            Some(Adapter {
                name: Short::new(&name),
                mac: read(&path.join("address")).and_then(|mac| mac.parse().ok()).filter(|mac: &Mac| mac.is_of_one()),
                medium,
                up: read(&path.join("carrier")).as_deref() == Some("1"),
                addresses: AtMost::default(),
                wake: if medium == Medium::Virtual { WakeOnLan::Unable } else { WakeOnLan::Unknown },
            })
        })
        .take(LOOKED_AT)
        .collect();
    // A container has no card: what it was given instead is its cable, unless it made that itself.
    if all.iter().all(|a| a.medium == Medium::Virtual) {
        let own = |name: &str| {
            ["bridge", "bonding", "tun_flags"].iter().any(|f| root.at("/sys/class/net").join(name).join(f).exists())
        };
        for adapter in all.iter_mut().filter(|a| !own(&a.name)) {
            (adapter.medium, adapter.wake) = (Medium::Unknown, WakeOnLan::Unknown);
        }
    }
    all.sort_by(|a, b| (a.medium == Medium::Virtual, &a.name).cmp(&(b.medium == Medium::Virtual, &b.name)));
    all.truncate(ADAPTERS);
    all
}

/// By adapter; without link-local ones.
fn addresses() -> HashMap<String, Vec<IpNet>> {
    let mut all: HashMap<String, Vec<IpNet>> = HashMap::new();
    for entry in nix::ifaddrs::getifaddrs().into_iter().flatten() {
        let (Some(address), Some(mask)) = (entry.address.and_then(ip), entry.netmask.and_then(ip)) else { continue };
        if let Some(net) = network(address, mask) {
            all.entry(entry.interface_name).or_default().push(net);
        }
    }
    // The kernel's order changes by itself, and would look like news.
    all.values_mut().for_each(|own| own.sort_unstable());
    all
}

fn ip(of: SockaddrStorage) -> Option<IpAddr> {
    let v4 = || of.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
    v4().or_else(|| of.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())))
}

fn network(address: IpAddr, mask: IpAddr) -> Option<IpNet> {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let net = IpNet::with_netmask(address, mask).ok()?;
    (!link_local).then_some(net)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_container_was_given_is_its_cable() {
        let at = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = at.path().join("sys/class/net").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        for name in ["eth0", "br0"] {
            put(&format!("{name}/type"), "1");
            put(&format!("{name}/address"), "02:00:5e:10:00:33");
            put(&format!("{name}/carrier"), "1");
        }
        put("br0/bridge/bridge_id", "x");
        let media = || {
            in_sys(&Root(at.path().to_owned())).into_iter().map(|a| (a.name.to_string(), a.medium)).collect::<Vec<_>>()
        };
        assert_eq!(media(), [("eth0".to_owned(), Medium::Unknown), ("br0".to_owned(), Medium::Virtual)]);
        put("enp1s0/type", "1");
        put("enp1s0/device/vendor", "x");
        assert!(media().contains(&("eth0".to_owned(), Medium::Virtual)), "{:?}", media());
    }

    #[test]
    fn cards_are_told_from_what_only_looks_like_one() {
        let at = tempfile::tempdir().unwrap();
        let net = at.path().join("sys/class/net");
        let put = |path: &str, text: &str| {
            let path = net.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        for (name, kind, mac, carrier) in [
            ("lo", "772", "00:00:00:00:00:00", "1"),
            ("br0", "1", "3c:52:82:11:22:33", "1"),
            ("enp1s0", "1", "3c:52:82:11:22:33", "1"),
            ("wlan0", "1", "3c:52:82:11:22:34", "0"),
            ("wg0", "65534", "", "1"),
            ("odd0", "1", "ff:ff:ff:ff:ff:ff", "x"),
        ] {
            put(&format!("{name}/type"), &format!("{kind}\n"));
            put(&format!("{name}/address"), &format!("{mac}\n"));
            put(&format!("{name}/carrier"), &format!("{carrier}\n"));
        }
        put("enp1s0/device/x", "");
        put("wlan0/device/x", "");
        put("wlan0/phy80211/x", "");
        let told: Vec<_> = in_sys(&Root(at.path().to_owned()))
            .iter()
            .map(|a| (a.name.to_string(), a.medium, a.up, a.mac.map(|m| m.to_string())))
            .collect();
        let (wired, radio) = (Some("3c:52:82:11:22:33".to_owned()), Some("3c:52:82:11:22:34".to_owned()));
        assert_eq!(
            told,
            [
                ("enp1s0".to_owned(), Medium::Wired, true, wired.clone()),
                ("wlan0".to_owned(), Medium::Wireless, false, radio),
                ("br0".to_owned(), Medium::Virtual, true, wired),
                ("odd0".to_owned(), Medium::Virtual, false, None),
            ]
        );
        assert!(in_sys(&Root(at.path().join("nowhere"))).is_empty());
    }

    #[test]
    fn a_host_of_containers_does_not_hide_its_cards() {
        let at = tempfile::tempdir().unwrap();
        for name in (0..40).map(|n| format!("a{n}")).chain(["enp1s0".to_owned()]) {
            let path = at.path().join("sys/class/net").join(&name);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("type"), "1").unwrap();
        }
        std::fs::create_dir(at.path().join("sys/class/net/enp1s0/device")).unwrap();
        let told = in_sys(&Root(at.path().to_owned()));
        assert_eq!((told.len(), &*told[0].name), (ADAPTERS, "enp1s0"));
    }

    #[test]
    fn addresses_are_the_kernels() {
        assert!(addresses()["lo"].contains(&"127.0.0.1/8".parse().unwrap()));
        assert_eq!(network("fe80::1".parse().unwrap(), "ffff::".parse().unwrap()), None);
        assert_eq!(network("169.254.1.1".parse().unwrap(), "255.255.0.0".parse().unwrap()), None);
    }
}
