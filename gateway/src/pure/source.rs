//! Where strangers' tries are counted as coming from.

use std::net::{IpAddr, Ipv6Addr};

/// The address, or its /64's, for a home has that many.
#[must_use]
pub fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(a) => a.into(),
        IpAddr::V6(a) => Ipv6Addr::from(u128::from(a) & !u128::from(u64::MAX)).into(),
    }
}

/// The /48 it is in: as much as a provider gives a customer, or shares among its customers. An IPv4 address is in none.
#[must_use]
pub fn provider(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V4(_) => None,
        IpAddr::V6(a) => Some(Ipv6Addr::from(u128::from(a) & !(u128::MAX >> 48)).into()),
    }
}

/// Whether it is one of a network of one's own, such as the office's or the tunnel's.
#[must_use]
pub fn is_of_house(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(a) => a.is_private() || a.is_loopback() || a.is_link_local(),
        IpAddr::V6(a) => a.is_unique_local() || a.is_loopback() || a.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_one_source() {
        for (address, expected) in
            [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
        {
            assert_eq!(source(address.parse().unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn a_provider_has_many_homes() {
        let of = |text: &str| provider(text.parse().unwrap()).map(|p| p.to_string());
        assert_eq!(of("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1::"));
        assert_eq!((of("192.0.2.7"), of("::ffff:192.0.2.7")), (None, None));
    }

    #[test]
    fn the_house_and_the_world() {
        for (address, house) in [
            ("192.168.1.50", true),
            ("::ffff:10.91.0.7", true),
            ("fd6b:10f3:77aa::7", true),
            ("fe80::1", true),
            ("198.51.100.7", false),
            ("::ffff:198.51.100.7", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_of_house(address.parse().unwrap()), house, "{address}");
        }
    }
}
