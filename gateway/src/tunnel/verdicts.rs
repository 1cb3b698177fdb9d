//! Verdicts of the lock, remembered per flow for as long as the table they come from is in force.

use std::net::IpAddr;

use super::table::Table;
use crate::clock::Boot;
use crate::pure::lock::{Pass, Service};
use crate::pure::packet::{Inner, Kind};

/// Flows remembered by one worker; a newer one takes the place of an older with the same hash.
const FLOWS: usize = 1024;

/// A worker's memory.
#[derive(Debug)]
pub(super) struct Verdicts {
    flows: Box<[Option<Flow>]>,
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    generation: u64,
    device: IpAddr,
    office: IpAddr,
    service: Service,
    pass: Pass,
}

impl Default for Verdicts {
    fn default() -> Self {
        Self { flows: vec![None; FLOWS].into() }
    }
}

impl Verdicts {
    /// The verdict on a packet that came out of the tunnel.
    pub(super) fn outbound(&mut self, table: &Table, inner: &Inner, now: Boot) -> Pass {
        match inner.kind {
            Kind::Ports { transport, destination, .. } => {
                self.flow(table, inner.source, inner.destination, Service::Port(transport, destination), now)
            }
            _ => table.lock.outbound(inner, now),
        }
    }

    /// The verdict on a packet that goes into the tunnel.
    pub(super) fn inbound(&mut self, table: &Table, inner: &Inner, now: Boot) -> Pass {
        match inner.kind {
            Kind::Ports { transport, source, .. } => {
                self.flow(table, inner.destination, inner.source, Service::Port(transport, source), now)
            }
            _ => table.lock.inbound(inner, now),
        }
    }

    fn flow(&mut self, table: &Table, device: IpAddr, office: IpAddr, service: Service, now: Boot) -> Pass {
        let slot = &mut self.flows[hash(device, office, service)];
        if let Some(known) = slot
            && known.generation == table.generation
            && known.device == device
            && known.office == office
            && known.service == service
        {
            match known.pass {
                Pass::Granted { until } if until <= now => {}
                pass => return pass,
            }
        }
        let pass = table.lock.flow(device, office, service, now);
        *slot = Some(Flow { generation: table.generation, device, office, service, pass });
        pass
    }
}

fn hash(device: IpAddr, office: IpAddr, service: Service) -> usize {
    let tail = |a: IpAddr| match a {
        IpAddr::V4(a) => u64::from(a.to_bits()),
        IpAddr::V6(a) => (a.to_bits() & u128::from(u64::MAX)) as u64 ^ (a.to_bits() >> 64) as u64,
    };
    let port = match service {
        Service::Port(_, port) => u64::from(port),
        Service::Any => 1 << 16,
    };
    let mixed =
        (tail(device).rotate_left(32) ^ tail(office) ^ port.rotate_left(48)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 54) as usize % FLOWS
}
