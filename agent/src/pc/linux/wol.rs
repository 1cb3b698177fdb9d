//! Whether a card wakes its PC: `ethtool`'s question to the kernel (linux/ethtool.h), which only CAP_NET_ADMIN may ask.
//!
//! The one place with `unsafe`. Netlink would do without, at the price of a protocol by hand.
#![allow(unsafe_code)]

use std::os::fd::AsRawFd as _;

use agent::facts::WakeOnLan;

/// ETHTOOL_GWOL: what wakes it.
const GET: u32 = 5;

/// WAKE_MAGIC.
const MAGIC: u32 = 1 << 5;

/// `struct ethtool_wolinfo`.
#[repr(C)]
#[derive(Default)]
struct Info {
    command: u32,
    supported: u32,
    armed: u32,
    password: [u8; 6],
}

/// Of the card with this name.
pub(super) fn wake_on_lan(name: &str) -> WakeOnLan {
    ask(name).map_or(WakeOnLan::Unknown, |info| meaning(info.supported, info.armed))
}

fn meaning(supported: u32, armed: u32) -> WakeOnLan {
    match (supported & MAGIC != 0, armed & MAGIC != 0) {
        (false, _) => WakeOnLan::Unable,
        (true, false) => WakeOnLan::Disarmed,
        (true, true) => WakeOnLan::Armed,
    }
}

fn ask(name: &str) -> Option<Info> {
    let mut ifr_name = [0; libc::IFNAMSIZ];
    // One byte stays 0: the name's end.
    for (to, from) in ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    let socket = std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).ok()?;
    let mut info = Info { command: GET, ..Info::default() };
    let mut request =
        libc::ifreq { ifr_name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data: (&raw mut info).cast() } };
    // SAFETY: SIOCETHTOOL takes an `ifreq` whose name ends with 0 and whose data points to a structure that begins with
    // its command; ETHTOOL_GWOL writes an `ethtool_wolinfo`, which `Info` is. Both live on this stack until it returns.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    (answer == 0).then_some(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_ethtool() {
        assert_eq!(std::mem::size_of::<Info>(), 20);
        assert_eq!(meaning(0, 0), WakeOnLan::Unable);
        assert_eq!(meaning(0x2e, 0), WakeOnLan::Disarmed);
        assert_eq!(meaning(0x2e, 0x02), WakeOnLan::Disarmed);
        assert_eq!(meaning(0x2e, MAGIC), WakeOnLan::Armed);
    }

    #[test]
    fn what_has_no_card_is_not_known() {
        for name in ["lo", "no-such-card", "", "a name that is far longer than any card's"] {
            assert!(matches!(wake_on_lan(name), WakeOnLan::Unknown), "{name}");
        }
    }
}
