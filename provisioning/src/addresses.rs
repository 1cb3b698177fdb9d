//! The site network and who gets which address in it.
//!
//! Lower half of the IPv4 /16: the gateway (`.0.1`) and devices. Upper half: aliases of resources. IPv6 carries the
//! same host number, in subnet 0 of the /48 for devices and in subnet 1 for aliases; the alias of a whole network has a
//! subnet of its own. A number is never two things.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// Second octets a site network is drawn from: 10.64.0.0 to 10.223.0.0. Home routers, clouds and other VPNs sit below
/// and above.
const SECOND_OCTETS: std::ops::RangeInclusive<u8> = 64..=223;

/// Prefix length of a site network, IPv4.
const PREFIX4: u8 = 16;

/// Prefix length of a site network, IPv6 (RFC 4193 §3.1: `fd`, 40 bits global ID, then 16 bits of subnet are ours).
const PREFIX6: u8 = 48;

/// How often an IPv6 network is drawn before giving up; two draws of 40 bits that collide are already a defect.
const DRAWS6: usize = 16;

/// Host number of the gateway.
const GATEWAY: u32 = 1;

/// Host number of the first device, and how many there can be: `.0.2` to `.127.255`.
const FIRST_DEVICE: u32 = 2;

/// Devices a site network has room for.
pub const DEVICES: u32 = 0x8000 - FIRST_DEVICE;

/// Host number of the first alias: `.128.1`.
const FIRST_ALIAS: u32 = 0x8001;

/// Aliases a site network has room for: `.128.1` to `.255.254`.
pub const ALIASES: u32 = 0xffff - FIRST_ALIAS;

/// Where aliases begin in IPv6: subnet 1 of the /48.
const ALIAS_SUBNET: u128 = 1 << 64;

/// The networks of one site that devices route into the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteNetwork {
    /// A /16.
    pub v4: Ipv4Net,
    /// A unique local /48.
    pub v6: Ipv6Net,
}

/// Networks that cannot be a site network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// IPv4.
    #[error("{0} cannot be the site network: a private /16 is expected, such as 10.91.0.0/16")]
    V4(Ipv4Net),
    /// IPv6.
    #[error("{0} cannot be the site network: a unique local /48 is expected, such as fd6b:10f3:77aa::/48")]
    V6(Ipv6Net),
}

impl SiteNetwork {
    /// Checks networks chosen by hand; host bits are cleared.
    ///
    /// # Errors
    /// Which one is no private /16 or no unique local /48.
    pub fn new(v4: Ipv4Net, v6: Ipv6Net) -> Result<Self, Unfit> {
        if v4.prefix_len() != PREFIX4 || !v4.network().is_private() {
            return Err(Unfit::V4(v4));
        }
        if v6.prefix_len() != PREFIX6 || !v6.network().is_unique_local() {
            return Err(Unfit::V6(v6));
        }
        Ok(Self { v4: v4.trunc(), v6: v6.trunc() })
    }

    /// Draws a site network that overlaps none of `avoid`. `random` fills its argument with random bytes.
    ///
    /// `None` if `avoid` leaves no room.
    #[must_use]
    pub fn draw(mut random: impl FnMut(&mut [u8]), avoid: &[IpNet]) -> Option<Self> {
        Some(Self { v4: draw4(&mut random, avoid)?, v6: draw6(&mut random, avoid)? })
    }
}

fn draw4(random: &mut impl FnMut(&mut [u8]), avoid: &[IpNet]) -> Option<Ipv4Net> {
    let free: Vec<Ipv4Net> = SECOND_OCTETS
        .filter_map(|octet| Ipv4Net::new(Ipv4Addr::new(10, octet, 0, 0), PREFIX4).ok())
        .filter(|net| !avoid.iter().any(|other| matches!(other, IpNet::V4(o) if overlap(net, o))))
        .collect();
    let mut bytes = [0; 8];
    random(&mut bytes);
    // 64 bits modulo at most 160: the bias is below 2^-56.
    let count = u64::try_from(free.len()).ok().filter(|n| *n > 0)?;
    free.get(usize::try_from(u64::from_le_bytes(bytes) % count).ok()?).copied()
}

fn overlap(a: &Ipv4Net, b: &Ipv4Net) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}

fn draw6(random: &mut impl FnMut(&mut [u8]), avoid: &[IpNet]) -> Option<Ipv6Net> {
    (0..DRAWS6).find_map(|_| {
        let mut id = [0; 5];
        random(&mut id);
        let mut octets = [0; 16];
        octets[0] = 0xfd;
        octets[1..6].copy_from_slice(&id);
        let net = Ipv6Net::new(Ipv6Addr::from(octets), PREFIX6).ok()?;
        let taken = |other: &IpNet| match other {
            // A default route or fc00::/7 as a whole covers every draw and says nothing.
            IpNet::V6(o) => o.prefix_len() > 7 && (net.contains(&o.network()) || o.contains(&net.network())),
            IpNet::V4(_) => false,
        };
        (!avoid.iter().any(taken)).then_some(net)
    })
}

/// The gateway's own addresses: `.0.1` and `::1`.
#[must_use]
pub fn gateway(site: &SiteNetwork) -> (Ipv4Addr, Ipv6Addr) {
    numbered(site, GATEWAY, 0)
}

/// The addresses of the `n`-th device, from 0. `None` once the lower half is full.
#[must_use]
pub fn device(site: &SiteNetwork, n: u32) -> Option<(Ipv4Addr, Ipv6Addr)> {
    (n < DEVICES).then(|| numbered(site, FIRST_DEVICE + n, 0))
}

/// The alias addresses of the `n`-th resource, from 0. `None` once the upper half is full.
#[must_use]
pub fn alias(site: &SiteNetwork, n: u32) -> Option<(Ipv4Addr, Ipv6Addr)> {
    (n < ALIASES).then(|| numbered(site, FIRST_ALIAS + n, ALIAS_SUBNET))
}

/// Largest network that is published as a whole, IPv4 prefix length: eight of them fit beside single aliases.
pub const WIDEST4: u8 = 20;

/// Largest network that is published as a whole, IPv6 prefix length: one subnet of the /48 each.
pub const WIDEST6: u8 = 64;

/// Aliases for a whole IPv4 network of this prefix length and an IPv6 subnet, and the number after them; `n` as in
/// [`alias`]. `None` if the network is wider than [`WIDEST4`] or the upper half is full.
#[must_use]
pub fn alias_network(site: &SiteNetwork, n: u32, prefix4: u8) -> Option<(Ipv4Net, Ipv6Net, u32)> {
    let size = (WIDEST4..=32).contains(&prefix4).then(|| 1_u32 << (32 - prefix4))?;
    let host = FIRST_ALIAS.checked_add(n)?.next_multiple_of(size);
    let next = host.checked_add(size)?.checked_sub(FIRST_ALIAS).filter(|next| *next <= ALIASES)?;
    let v4 = Ipv4Addr::from(u32::from(site.v4.network()) | host);
    // The host number is 0x8001 or more: never the subnet of devices or of single aliases.
    let v6 = Ipv6Addr::from(u128::from(site.v6.network()) | u128::from(host) << 64);
    Some((Ipv4Net::new(v4, prefix4).ok()?, Ipv6Net::new(v6, WIDEST6).ok()?, next))
}

fn numbered(site: &SiteNetwork, host: u32, subnet: u128) -> (Ipv4Addr, Ipv6Addr) {
    let v4 = u32::from(site.v4.network()) | host;
    let v6 = u128::from(site.v6.network()) | subnet | u128::from(host);
    (Ipv4Addr::from(v4), Ipv6Addr::from(v6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn site() -> SiteNetwork {
        SiteNetwork::new("10.91.0.0/16".parse().unwrap(), "fd6b:10f3:77aa::/48".parse().unwrap()).unwrap()
    }

    #[test]
    fn every_number_has_its_place() {
        let s = site();
        let pair = |a: &str, b: &str| Some((a.parse().unwrap(), b.parse().unwrap()));
        assert_eq!(Some(gateway(&s)), pair("10.91.0.1", "fd6b:10f3:77aa::1"));
        assert_eq!(device(&s, 0), pair("10.91.0.2", "fd6b:10f3:77aa::2"));
        assert_eq!(device(&s, DEVICES - 1), pair("10.91.127.255", "fd6b:10f3:77aa::7fff"));
        assert_eq!(device(&s, DEVICES), None);
        assert_eq!(alias(&s, 0), pair("10.91.128.1", "fd6b:10f3:77aa:1::8001"));
        assert_eq!(alias(&s, ALIASES - 1), pair("10.91.255.254", "fd6b:10f3:77aa:1::fffe"));
        assert_eq!(alias(&s, ALIASES), None);
        assert_eq!((device(&s, u32::MAX), alias(&s, u32::MAX)), (None, None));
    }

    #[test]
    fn no_address_is_given_twice() {
        let s = site();
        let all: Vec<_> = std::iter::once(gateway(&s))
            .chain((0..).map_while(|n| device(&s, n)))
            .chain((0..).map_while(|n| alias(&s, n)))
            .collect();
        assert_eq!(all.iter().map(|a| a.0).collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(all.iter().map(|a| a.1).collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn whole_networks_have_their_own_room() {
        let s = site();
        let (v4, v6, next) = alias_network(&s, 3, 24).unwrap();
        assert_eq!((v4, v6), ("10.91.129.0/24".parse().unwrap(), "fd6b:10f3:77aa:8100::/64".parse().unwrap()));
        assert_eq!(alias(&s, next).unwrap().0, "10.91.130.0".parse::<Ipv4Addr>().unwrap());
        let mut taken = Vec::<(Ipv4Net, Ipv6Net)>::new();
        let mut n = 0;
        for prefix in [32, 24, 20, 30, 20, 32, 27, 20].into_iter().cycle() {
            let Some((v4, v6, next)) = alias_network(&s, n, prefix) else { break };
            assert!(s.v4.contains(&v4) && s.v6.contains(&v6) && next > n);
            assert!(taken.iter().all(|(a, b)| !overlap(a, &v4) && *b != v6), "{v4} {v6}");
            let single = alias(&s, n).unwrap();
            assert!(taken.iter().all(|(a, _)| !a.contains(&single.0)));
            taken.push((v4, v6));
            n = next;
        }
        assert!(taken.len() > 5 && alias_network(&s, 0, 19).is_none() && alias_network(&s, ALIASES, 32).is_none());
    }

    #[test]
    fn a_network_chosen_by_hand_is_checked() {
        let new = |a: &str, b: &str| SiteNetwork::new(a.parse().unwrap(), b.parse().unwrap());
        assert!(new("10.91.7.1/16", "fd00:1:2::9/48").is_ok_and(|s| s.v4 == "10.91.0.0/16".parse().unwrap()));
        for (a, b) in [
            ("10.91.0.0/17", "fd00::/48"),
            ("8.8.0.0/16", "fd00::/48"),
            ("10.91.0.0/16", "fd00::/64"),
            ("10.91.0.0/16", "2001:db8::/48"),
        ] {
            assert!(new(a, b).is_err(), "{a} {b}");
        }
    }

    #[test]
    fn no_room_is_no_network() {
        let fill = |bytes: &mut [u8]| bytes.fill(7);
        assert_eq!(SiteNetwork::draw(fill, &["10.0.0.0/8".parse().unwrap()]), None);
        assert_eq!(SiteNetwork::draw(fill, &["fd07:707:707::/48".parse().unwrap()]), None);
        assert!(SiteNetwork::draw(fill, &["::/0".parse().unwrap(), "192.168.1.0/24".parse().unwrap()]).is_some());
    }

    proptest! {
        #[test]
        fn a_draw_is_in_range_and_avoids(bytes in any::<[u8; 32]>(), avoid in prop::collection::vec((any::<u32>(), 9u8..=32), 0..20)) {
            let mut endless = bytes.iter().cycle();
            let random = |out: &mut [u8]| out.fill_with(|| *endless.next().unwrap());
            let avoid: Vec<IpNet> = avoid
                .iter()
                .map(|(a, len)| IpNet::V4(Ipv4Net::new(Ipv4Addr::from(0x0a00_0000 | (a & 0x00ff_ffff)), *len).unwrap().trunc()))
                .collect();
            let Some(site) = SiteNetwork::draw(random, &avoid) else { return Ok(()) };
            prop_assert!(SECOND_OCTETS.contains(&site.v4.network().octets()[1]));
            prop_assert_eq!(SiteNetwork::new(site.v4, site.v6), Ok(site));
            for net in avoid {
                prop_assert!(!matches!(net, IpNet::V4(o) if overlap(&site.v4, &o)));
            }
        }
    }
}
