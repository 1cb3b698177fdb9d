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
    pub fn from_device(&self, packet: &Inner, now: Boot) -> Pass {
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
    pub fn to_device(&self, packet: &Inner, now: Boot) -> Pass {
        let (office, device) = (packet.source, packet.destination);
        match packet.kind {
            Kind::Ports { transport, source, .. } => {
                self.flow(device, office, Service::Port(transport, source), now)
            }
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
        self.granted(door, office, service).filter(|until| *until > now).map_or(Pass::Refused, |until| Pass::Granted {
            until,
        })
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
