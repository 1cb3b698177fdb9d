//! The first lock: may this packet pass, by what `net` holds? One verdict a flow, asked in both directions.
//!
//! A reply is tested as its reverse: what a device may not send to, may not send to it either. It knows nothing of
//! connections; the second lock does, and lets nothing towards a device that it did not ask for.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::decide::opens;
use super::packet::{About, Inner, Kind};
use super::state::State;
use crate::clock::Boot;
use crate::ids::ResourceId;
use crate::link::message::{Ports, Transport};
use crate::planted::{Bug, planted};

/// May it pass?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// To or from the gateway's own DNS and portal: open to every device at any time.
    Gateway,
    /// Granted, until then.
    Granted {
        /// The earlier end of verification and policy.
        until: Boot,
    },
    /// Not granted: answered, so that programs fail at once.
    Refused,
}

/// What a flow is for, as the device sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// A port of TCP or UDP.
    Port(Transport, u16),
    /// ICMP echo, or a later fragment: passes where any port is granted.
    Any,
}

/// The services of the gateway's tunnel address: DNS, the portal, and echo.
const GATEWAY: [(Transport, u16); 4] =
    [(Transport::Udp, 53), (Transport::Tcp, 53), (Transport::Tcp, 80), (Transport::Tcp, 443)];

/// The lock. Built anew for every change; [`Default`] refuses everything.
#[derive(Debug, Default)]
pub struct Lock {
    gateway: Option<(Ipv4Addr, Ipv6Addr)>,
    peers: HashMap<IpAddr, usize>,
    doors: Vec<Door>,
    single: HashMap<IpAddr, ResourceId>,
    prefixes: Vec<(IpNet, ResourceId)>,
    ports: HashMap<ResourceId, Vec<Ports>>,
}

#[derive(Debug)]
struct Door {
    open_until: Option<Boot>,
    grants: HashMap<ResourceId, Option<Boot>>,
}

impl Lock {
    /// The lock for this state.
    #[must_use]
    pub fn new(state: &State) -> Self {
        let gateway = state.interface.as_ref().map(|i| (i.address4.addr(), i.address6.addr()));
        let mut lock = Self { gateway, ..Self::default() };
        for held in state.peers.values() {
            let door = lock.doors.len();
            lock.peers.insert(held.peer.address4.into(), door);
            lock.peers.insert(held.peer.address6.into(), door);
            lock.doors.push(Door {
                open_until: held.open_until,
                grants: held.grants.iter().map(|(r, until)| (*r, *until)).collect(),
            });
        }
        for (id, resource) in &state.resources {
            let nets = [resource.v4.map(|a| IpNet::V4(a.alias)), resource.v6.map(|a| IpNet::V6(a.alias))];
            for net in nets.into_iter().flatten() {
                if net.prefix_len() == net.max_prefix_len() {
                    lock.single.insert(net.addr(), *id);
                } else {
                    lock.prefixes.push((net, *id));
                }
            }
            lock.ports.insert(*id, resource.ports.clone());
        }
        lock
    }

    /// A packet that came out of the tunnel.
    #[must_use]
    pub fn outbound(&self, packet: &Inner, now: Boot) -> Pass {
        let (device, office) = (packet.source, packet.destination);
        match packet.kind {
            Kind::Ports { transport, destination, .. } => {
                self.flow(device, office, Service::Port(transport, destination), now)
            }
            Kind::EchoRequest | Kind::Fragment => self.flow(device, office, Service::Any, now),
            // about a reply that the office sent to this device
            Kind::Error(About { source, destination, ports }) if source == office && destination == device => {
                self.flow(device, office, ports.map_or(Service::Any, |(t, from, _)| Service::Port(t, from)), now)
            }
            Kind::Error(_) | Kind::EchoReply | Kind::Other => Pass::Refused,
        }
    }

    /// A packet that goes into the tunnel.
    #[must_use]
    pub fn inbound(&self, packet: &Inner, now: Boot) -> Pass {
        let (office, device) = (packet.source, packet.destination);
        if planted(Bug::RepliesPass) {
            return Pass::Gateway;
        }
        match packet.kind {
            Kind::Ports { transport, source, .. } => self.flow(device, office, Service::Port(transport, source), now),
            Kind::EchoReply | Kind::Fragment => self.flow(device, office, Service::Any, now),
            // about something this device sent; routers on the way may say so too
            Kind::Error(About { source, destination, ports }) if source == device => {
                self.flow(device, destination, ports.map_or(Service::Any, |(t, _, to)| Service::Port(t, to)), now)
            }
            Kind::Error(_) | Kind::EchoRequest | Kind::Other => Pass::Refused,
        }
    }

    /// The verdict on one flow, as the device sees it.
    #[must_use]
    pub fn flow(&self, device: IpAddr, office: IpAddr, service: Service, now: Boot) -> Pass {
        let Some(door) = self.peers.get(&device).map(|i| &self.doors[*i]) else { return Pass::Refused };
        if self.is_gateway(office) {
            return match service {
                Service::Any => Pass::Gateway,
                Service::Port(transport, port) if GATEWAY.contains(&(transport, port)) => Pass::Gateway,
                Service::Port(..) => Pass::Refused,
            };
        }
        self.granted(door, office, service)
            .filter(|until| *until > now)
            .map_or(Pass::Refused, |until| Pass::Granted { until })
    }

    /// Whether this is the gateway's own tunnel address.
    #[must_use]
    pub fn is_gateway(&self, address: IpAddr) -> bool {
        match (address, self.gateway) {
            (IpAddr::V4(a), Some((gateway, _))) => a == gateway,
            (IpAddr::V6(a), Some((_, gateway))) => a == gateway,
            (_, None) => false,
        }
    }

    fn granted(&self, door: &Door, office: IpAddr, service: Service) -> Option<Boot> {
        let open = door.open_until?;
        self.covering(office)
            .filter_map(|resource| {
                let end = door.grants.get(&resource)?;
                let ports = self.ports.get(&resource)?;
                let passes = match service {
                    Service::Any => !ports.is_empty(),
                    Service::Port(transport, port) => opens(ports, transport, port),
                };
                passes.then(|| end.map_or(open, |end| end.min(open)))
            })
            .max()
    }

    fn covering(&self, office: IpAddr) -> impl Iterator<Item = ResourceId> + '_ {
        let single = self.single.get(&office).copied();
        single.into_iter().chain(self.prefixes.iter().filter(move |(net, _)| net.contains(&office)).map(|(_, id)| *id))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::decide::Verdict;
    use super::super::model::decide_packet;
    use super::super::model::{self, NOW, Packet};
    use super::*;

    fn service(packet: &Packet) -> Service {
        packet.port.map_or(Service::Any, |(transport, port)| Service::Port(transport, port))
    }

    fn ask(lock: &Lock, packet: &Packet) -> Pass {
        lock.flow(packet.source, packet.destination, service(packet), packet.at)
    }

    /// The same flow as headers, and its reply.
    fn both_ways(packet: &Packet) -> (Inner, Inner) {
        let there =
            |kind| Inner { source: packet.source, destination: packet.destination, kind, length: 40, payload: 20 };
        let back =
            |kind| Inner { source: packet.destination, destination: packet.source, kind, length: 40, payload: 20 };
        match packet.port {
            Some((transport, port)) => (
                there(Kind::Ports { transport, source: 40_000, destination: port }),
                back(Kind::Ports { transport, source: port, destination: 40_000 }),
            ),
            None => (there(Kind::EchoRequest), back(Kind::EchoReply)),
        }
    }

    proptest! {
        #[test]
        fn the_lock_equals_decide_in_both_directions(world in model::world(),
                                                     dice in proptest::collection::vec(model::dice(), 1..40)) {
            let lock = Lock::new(&model::held(&world, NOW));
            for dice in dice {
                let packet = model::packet(&world, dice);
                let verdict = decide_packet(&world, packet.source, packet.destination, packet.port, packet.at);
                let expected = match verdict {
                    Verdict::Allow { until, .. } => Pass::Granted { until },
                    Verdict::Deny(_) => Pass::Refused,
                };
                prop_assert_eq!(ask(&lock, &packet), expected, "{:?}", packet);
                let (there, back) = both_ways(&packet);
                prop_assert_eq!(lock.outbound(&there, packet.at), expected);
                prop_assert_eq!(lock.inbound(&back, packet.at), expected);
            }
        }

        #[test]
        fn while_a_change_is_under_way_only_what_both_states_grant_passes(before in model::world(), after in model::world(),
                                                     dice in proptest::collection::vec(model::dice(), 1..40)) {
            let (old, new) = (model::held(&before, NOW), model::held(&after, NOW));
            let between = Lock::new(&old.common(&new));
            let (old, new) = (Lock::new(&old), Lock::new(&new));
            for dice in dice {
                let packet = model::packet(&after, dice);
                if let Pass::Granted { until } = ask(&between, &packet) {
                    for side in [&old, &new] {
                        let Pass::Granted { until: other } = ask(side, &packet) else {
                            return Err(TestCaseError::fail(format!("{packet:?} passes between, but not on one side")));
                        };
                        prop_assert!(until <= other);
                    }
                }
            }
        }

        #[test]
        fn a_change_that_changes_nothing_closes_nothing(world in model::world(),
                                                     dice in proptest::collection::vec(model::dice(), 1..40)) {
            let state = model::held(&world, NOW);
            let (lock, between) = (Lock::new(&state), Lock::new(&state.common(&state)));
            for dice in dice {
                let packet = model::packet(&world, dice);
                prop_assert_eq!(ask(&lock, &packet), ask(&between, &packet));
            }
        }
    }

    #[test]
    fn the_gateway_answers_its_own_services_to_any_device_and_nothing_else() {
        let state = State { interface: Some(model::interface()), ..State::default() };
        let gateways: [IpAddr; 2] = [[10, 99, 0, 1].into(), "fd99::1".parse().unwrap()];
        let mut lock = Lock::new(&state);
        let locked = Door { open_until: None, grants: HashMap::new() };
        lock.doors.push(locked);
        let devices: [IpAddr; 2] = [[10, 99, 1, 1].into(), "fd99::1:1".parse().unwrap()];
        lock.peers.extend(devices.map(|d| (d, 0)));
        for (device, gateway) in devices.into_iter().zip(gateways) {
            for port in 0..=u16::MAX {
                for transport in [Transport::Tcp, Transport::Udp] {
                    let own = port == 53 || transport == Transport::Tcp && matches!(port, 80 | 443);
                    let expected = if own { Pass::Gateway } else { Pass::Refused };
                    assert_eq!(lock.flow(device, gateway, Service::Port(transport, port), NOW), expected, "{port}");
                }
            }
            assert_eq!(lock.flow(device, gateway, Service::Any, NOW), Pass::Gateway);
        }
        assert_eq!(lock.flow([10, 99, 1, 2].into(), gateways[0], Service::Any, NOW), Pass::Refused, "a stranger");
    }

    #[test]
    fn an_error_about_somebody_elses_flow_does_not_pass() {
        let device = IpAddr::from([10, 99, 1, 1]);
        let about = About { source: [10, 99, 1, 2].into(), destination: [10, 99, 128, 1].into(), ports: None };
        let error = Inner {
            source: [192, 168, 1, 1].into(),
            destination: device,
            kind: Kind::Error(about),
            length: 56,
            payload: 20,
        };
        assert_eq!(Lock::default().inbound(&error, NOW), Pass::Refused);
    }
}
