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
}
