//! Random worlds and random packets, for the tests that hold each lock against [`super::decide`].
//!
//! Ends lie at whole seconds after [`NOW`], for nftables knows no less; packets come at any millisecond.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use super::decide::{Device, Policy, Reason, User, Verdict, Verification, World, decide, opens};
use super::plan::{Desired, compile, plan};
use super::state::State;
use crate::clock::Boot;
use crate::ids::{DeviceId, GroupId, PolicyId, ResourceId, UserId, VerificationId};
use crate::link::message::{Alias, Interface, Key, Ports, Resource, Secret, Transport};

/// When the world is compiled and sent.
pub(crate) const NOW: Boot = Boot(1_000_000);
const GROUPS: u128 = 3;
const GATEWAY4: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1);

/// A packet as it leaves a device. `port` absent: ICMP echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) port: Option<(Transport, u16)>,
    pub(crate) at: Boot,
}

/// The interface of every such world.
pub(crate) fn interface() -> Interface {
    Interface {
        name: "pass0".to_owned(),
        private_key: Secret([1; 32]),
        ports: vec![51820, 443],
        address4: Ipv4Net::new(GATEWAY4, 16).unwrap(),
        address6: Ipv6Net::new(GATEWAY6, 48).unwrap(),
        mtu: 1420,
        masquerade: true,
        resolvers: Vec::new(),
        private_zones: Vec::new(),
    }
}

/// What `net` holds after it was sent this world at `now`.
pub(crate) fn held(world: &World, now: Boot) -> State {
    let mut state = State { epoch: 1, interface: Some(interface()), ..State::default() };
    for change in plan(&Desired::default(), &compile(world, now), None, now) {
        state.apply(change, now);
    }
    state
}

fn end() -> impl Strategy<Value = Boot> {
    (0u64..8).prop_map(|s| Boot(NOW.0 - 2000 + s * 1000))
}

fn ports() -> impl Strategy<Value = Ports> {
    let edge = prop_oneof![Just(0u16), Just(1), Just(65534), Just(65535), Just(3389), 440u16..450];
    (any::<bool>(), edge.clone(), edge).prop_map(|(tcp, a, b)| Ports {
        transport: if tcp { Transport::Tcp } else { Transport::Udp },
        first: a.min(b),
        last: a.max(b),
    })
}

/// Aliases never overlap, as in the database: each resource has its own eight addresses, or one of them.
fn resource(n: u8) -> impl Strategy<Value = Resource> {
    let base4 = Ipv4Addr::new(10, 99, 128, n * 8);
    let real4 = Ipv4Addr::new(192, 168, 7, n * 8);
    let base6 = Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 2, u16::from(n) * 8);
    let real6 = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, u16::from(n) * 8);
    let parts = (option::of(any::<bool>()), option::of(any::<bool>()), vec(ports(), 0..4), any::<bool>());
    parts.prop_map(move |(v4, v6, ports, desktop)| {
        Resource {
            resource: ResourceId(Uuid::from_u128(n.into())),
            v4: v4.map(|whole| {
                let len = if whole { 29 } else { 32 };
                Alias { alias: Ipv4Net::new(base4, len).unwrap(), real: Ipv4Net::new(real4, len).unwrap() }
            }),
            v6: v6.map(|whole| {
                let len = if whole { 125 } else { 128 };
                Alias { alias: Ipv6Net::new(base6, len).unwrap(), real: Ipv6Net::new(real6, len).unwrap() }
            }),
            ports,
            // A PC is no network.
            desktop: desktop && v4 != Some(true) && v6 != Some(true),
        }
    })
}

fn device(n: u8, users: u128) -> impl Strategy<Value = (Device, Option<Boot>)> {
    let make = move |(user, disabled, revoked, open): (u128, bool, bool, Option<Boot>)| {
        let device = Device {
            user: UserId(Uuid::from_u128(user)),
            public_key: Key([n; 32]),
            preshared_key: None,
            address4: Ipv4Addr::new(10, 99, 1, n),
            address6: Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 1, n.into()),
            endpoint: None,
            recent: false,
            disabled,
            revoked,
        };
        (device, open)
    };
    (0..users, prop::bool::weighted(0.1), prop::bool::weighted(0.1), option::weighted(0.8, end())).prop_map(make)
}

/// Hours that have begun, or that begin after all that is looked at: the data plane is told when they do.
fn beginning() -> impl Strategy<Value = Boot> {
    prop_oneof![Just(Boot(NOW.0 - 1)), Just(NOW), Just(Boot(u64::MAX))]
}

/// A small world in which everything that matters happens.
pub(crate) fn world() -> impl Strategy<Value = World> {
    let users = vec((prop::bool::weighted(0.1), prop::bool::weighted(0.9), prop::bits::u8::masked(7)), 1..4);
    let resources = (1u8..5).prop_flat_map(|n| (0..n).map(resource).collect::<Vec<_>>());
    (users, resources).prop_flat_map(|(users, resources)| {
        let (people, things) = (users.len() as u128, resources.len() as u128);
        let devices = (1u8..5).prop_flat_map(move |n| (1..=n).map(|i| device(i, people)).collect::<Vec<_>>());
        let policies = vec((0..GROUPS, 0..things, option::weighted(0.2, beginning()), option::of(end())), 0..8);
        (Just(users), Just(resources), devices, policies).prop_map(|(users, resources, devices, policies)| {
            let mut world = World::default();
            for (n, (disabled, factor, mask)) in users.into_iter().enumerate() {
                let groups: BTreeSet<_> =
                    (0..GROUPS).filter(|g| mask & (1 << g) != 0).map(|g| GroupId(Uuid::from_u128(g))).collect();
                world.users.insert(UserId(Uuid::from_u128(n as u128)), User { disabled, factor, groups });
            }
            for (n, (device, open)) in devices.into_iter().enumerate() {
                let id = DeviceId(Uuid::from_u128(n as u128));
                if let Some(until) = open {
                    let verification = Verification { id: VerificationId(Uuid::from_u128(n as u128)), until };
                    world.verifications.insert(id, verification);
                }
                world.devices.insert(id, device);
            }
            world.resources = resources.into_iter().map(|r| (r.resource, r)).collect();
            for (n, (group, resource, from, until)) in policies.into_iter().enumerate() {
                let (group, resource) = (GroupId(Uuid::from_u128(group)), ResourceId(Uuid::from_u128(resource)));
                world.policies.insert(PolicyId(Uuid::from_u128(n as u128)), Policy { group, resource, from, until });
            }
            world
        })
    })
}

/// Throws for [`packet`].
pub(crate) fn dice() -> impl Strategy<Value = [u16; 5]> {
    any::<[u16; 5]>()
}

/// A packet that is likely to be near a border of this world: at the ends of port ranges and prefixes, around the ends
/// of verifications and policies, from strangers, to other devices. Never to the gateway itself.
pub(crate) fn packet(world: &World, dice: [u16; 5]) -> Packet {
    fn pick<T: Copy>(of: &[T], die: u16) -> T {
        of[usize::from(die) % of.len()]
    }
    let [family, from, to, port, at] = dice;
    let v4 = family % 2 == 0;
    let step = |address: IpAddr, by: i8| match address {
        IpAddr::V4(a) => IpAddr::V4(Ipv4Addr::from(u32::from(a).wrapping_add_signed(by.into()))),
        IpAddr::V6(a) => IpAddr::V6(Ipv6Addr::from(u128::from(a).wrapping_add_signed(by.into()))),
    };
    let own: Vec<IpAddr> =
        world.devices.values().map(|d| if v4 { d.address4.into() } else { d.address6.into() }).collect();
    let mut sources = own.clone();
    sources.push(step(own[own.len() - 1], 1));
    let mut targets = Vec::new();
    for r in world.resources.values() {
        let ends: Option<(IpAddr, IpAddr)> = if v4 {
            r.v4.map(|a| (a.alias.network().into(), a.alias.broadcast().into()))
        } else {
            r.v6.map(|a| (a.alias.network().into(), a.alias.broadcast().into()))
        };
        if let Some((first, last)) = ends {
            targets.extend([first, last, first, last, step(last, 1)]);
        }
    }
    targets.push(own[0]);
    let mut ports = vec![None, None, Some(0), Some(445), Some(65535)];
    for range in world.resources.values().flat_map(|r| &r.ports) {
        let (below, above) = (range.first.wrapping_sub(1), range.last.wrapping_add(1));
        ports.extend([below, range.first, range.last, above].map(Some));
    }
    let transport = if family & 2 == 0 { Transport::Tcp } else { Transport::Udp };
    let mut times = vec![NOW, Boot(NOW.0 + 500)];
    let ends = world.verifications.values().map(|v| v.until).chain(world.policies.values().filter_map(|p| p.until));
    for end in ends {
        times.extend([end.0 - 1, end.0, end.0 + 1].into_iter().map(|t| Boot(t.max(NOW.0))));
    }
    Packet {
        source: pick(&sources, from),
        destination: pick(&targets, to),
        port: pick(&ports, port).map(|p| (transport, p)),
        at: pick(&times, at),
    }
}

/// May a packet from this source reach this port of this alias now? `port` absent: ICMP echo, or a later fragment.
#[must_use]
pub(crate) fn decide_packet(
    world: &World,
    source: IpAddr,
    destination: IpAddr,
    port: Option<(Transport, u16)>,
    now: Boot,
) -> Verdict {
    let device = world.devices.iter().find(|(_, d)| match source {
        IpAddr::V4(a) => d.address4 == a,
        IpAddr::V6(a) => d.address6 == a,
    });
    let resource = world.resources.iter().find(|(_, r)| r.covers(destination));
    let (Some((device, _)), Some((id, resource))) = (device, resource) else {
        return Verdict::Deny(vec![Reason::Unknown]);
    };
    let verdict = decide(world, *device, *id, now);
    match (&verdict, port) {
        (Verdict::Allow { .. }, Some((transport, port))) if !opens(&resource.ports, transport, port) => {
            Verdict::Deny(vec![Reason::NoPolicy])
        }
        (Verdict::Allow { .. }, None) if resource.ports.is_empty() => Verdict::Deny(vec![Reason::NoPolicy]),
        _ => verdict,
    }
}
