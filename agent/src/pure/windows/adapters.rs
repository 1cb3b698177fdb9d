//! Network adapters: which of Windows' many interfaces are told, and as what.

use std::net::IpAddr;

use agent::bounded::{AtMost, Mac, Short};
use agent::facts::{ADAPTERS, Adapter, Medium, WakeOnLan};
use ipnet::IpNet;

/// IF_TYPE_ETHERNET_CSMACD and IF_TYPE_IEEE80211 (IANA's ifType).
const ETHERNET: u32 = 6;
const WIFI: u32 = 71;

/// Bits of MIB_IF_ROW2.InterfaceAndOperStatusFlags: it has hardware; it is a layer upon another interface.
const HARDWARE: u8 = 1;
const FILTER: u8 = 2;

/// NdisPhysicalMediumWirelessLan, -WirelessWan, -Native802_11, -Bluetooth.
const RADIO: [i32; 4] = [1, 8, 9, 10];

/// One of Windows' interfaces (MIB_IF_ROW2).
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// Its number, by which addresses name it.
    pub(crate) luid: u64,
    /// `{…}`, by which the registry names it.
    pub(crate) id: String,
    pub(crate) name: String,
    /// ifType.
    pub(crate) kind: u32,
    /// NDIS_PHYSICAL_MEDIUM.
    pub(crate) medium: i32,
    pub(crate) flags: u8,
    pub(crate) up: bool,
    pub(crate) mac: Vec<u8>,
}

/// Those of cards, and of others those that have an address; cards first. `wake` is asked of cards.
pub(crate) fn adapters(rows: &[Row], addresses: &[(u64, IpNet)], wake: impl Fn(&str) -> WakeOnLan) -> Vec<Adapter> {
    let of = |row: &Row| {
        let mut own: Vec<IpNet> = addresses
            .iter()
            .filter(|(luid, net)| *luid == row.luid && !is_link_local(net))
            .map(|(_, net)| *net)
            .collect();
        own.sort_unstable();
        own.dedup();
        own
    };
    let fits = |row: &&Row| {
        let ethernet = matches!(row.kind, ETHERNET | WIFI) && row.flags & FILTER == 0 && !row.mac.is_empty();
        ethernet && (row.flags & HARDWARE != 0 || !of(row).is_empty())
    };
    let rows: Vec<&Row> = rows.iter().filter(fits).collect();
    // A machine without cards was given something in their place, as containers are.
    let bare = rows.iter().all(|row| row.flags & HARDWARE == 0);
    let mut all: Vec<Adapter> = rows
        .into_iter()
        .map(|row| {
            let medium = medium(row, bare);
            Adapter {
                name: Short::new(&row.name),
                mac: row.mac.as_slice().try_into().ok().map(Mac).filter(|mac| mac.is_of_one()),
                medium,
                up: row.up,
                addresses: AtMost::first(of(row)),
                wake: match medium {
                    Medium::Virtual => WakeOnLan::Unable,
                    _ => wake(&row.id),
                },
            }
        })
        .collect();
    all.sort_by(|a, b| (a.medium == Medium::Virtual, &a.name).cmp(&(b.medium == Medium::Virtual, &b.name)));
    all.truncate(ADAPTERS);
    all
}

fn medium(row: &Row, bare: bool) -> Medium {
    if row.kind == WIFI || RADIO.contains(&row.medium) {
        Medium::Wireless
    } else if row.flags & HARDWARE != 0 {
        Medium::Wired
    } else if bare {
        Medium::Unknown
    } else {
        Medium::Virtual
    }
}

fn is_link_local(net: &IpNet) -> bool {
    match net.addr() {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(luid: u64, name: &str, kind: u32, medium: i32, flags: u8) -> Row {
        let mac = vec![0x3c, 0x52, 0x82, 0x11, 0x22, u8::try_from(luid).unwrap()];
        Row { luid, id: format!("{{{luid}}}"), name: name.to_owned(), kind, medium, flags, up: true, mac }
    }

    fn at(luid: u64, net: &str) -> (u64, IpNet) {
        (luid, net.parse().unwrap())
    }

    #[test]
    fn cards_are_told_from_what_windows_adds() {
        let rows = [
            row(1, "Loopback", 24, 0, 0),
            row(2, "vEthernet (office)", ETHERNET, 0, 0),
            row(3, "Ethernet 2", ETHERNET, 14, HARDWARE),
            row(4, "Ethernet 2-WFP Native MAC Layer LightWeight Filter-0000", ETHERNET, 14, HARDWARE | FILTER),
            row(5, "Local Area Connection* 8", ETHERNET, 0, 0),
            row(6, "Wi-Fi", WIFI, 9, HARDWARE),
            row(7, "Local Area Connection* 1", WIFI, 9, 0),
            row(8, "Bluetooth Network Connection", ETHERNET, 10, HARDWARE),
            row(9, "Passerelle", 53, 0, 0),
        ];
        let addresses = [at(1, "127.0.0.1/8"), at(2, "192.168.1.20/24"), at(2, "fe80::1/64"), at(5, "169.254.3.4/16")];
        let told = adapters(&rows, &addresses, |id| if id == "{3}" { WakeOnLan::Armed } else { WakeOnLan::Unknown });
        let shown: Vec<_> = told.iter().map(|a| (&*a.name, a.medium, a.wake, a.addresses.len())).collect();
        use Medium::{Virtual, Wired, Wireless};
        assert_eq!(
            shown,
            [
                ("Bluetooth Network Connection", Wireless, WakeOnLan::Unknown, 0),
                ("Ethernet 2", Wired, WakeOnLan::Armed, 0),
                ("Wi-Fi", Wireless, WakeOnLan::Unknown, 0),
                ("vEthernet (office)", Virtual, WakeOnLan::Unable, 1),
            ]
        );
        assert_eq!(told[1].mac.unwrap().to_string(), "3c:52:82:11:22:03");
    }

    #[test]
    fn what_a_machine_without_cards_was_given_is_its_cable() {
        let told = adapters(&[row(1, "eth0", ETHERNET, 0, 0)], &[at(1, "192.168.1.20/24")], |_| WakeOnLan::Unknown);
        assert_eq!((told[0].medium, told[0].wake), (Medium::Unknown, WakeOnLan::Unknown));
        let odd = Row { mac: vec![0xff; 6], ..row(1, "x", ETHERNET, 0, HARDWARE) };
        let short = Row { mac: vec![2; 5], ..odd.clone() };
        let told = adapters(&[odd, short], &[], |_| WakeOnLan::Unknown);
        assert!(told.iter().all(|a| a.mac.is_none()), "{told:?}");
    }

    #[test]
    fn many_switches_of_a_hypervisor_do_not_hide_a_card() {
        let mut rows: Vec<Row> = (1..40).map(|n| row(n, &format!("a{n}"), ETHERNET, 0, 0)).collect();
        rows.push(row(99, "z", ETHERNET, 14, HARDWARE));
        let addresses: Vec<_> = (1..40).map(|n| at(n, "10.0.0.1/24")).collect();
        let told = adapters(&rows, &addresses, |_| WakeOnLan::Unknown);
        assert_eq!((told.len(), &*told[0].name), (ADAPTERS, "z"));
    }
}
