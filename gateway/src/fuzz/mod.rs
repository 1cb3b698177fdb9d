//! One function a parser: any bytes are survived, and what must hold of the result holds.
//!
//! Built for the unit tests and for `make fuzz` only (`--cfg fuzzing`). `tests/fuzz` feeds these functions with what
//! libFuzzer thinks of; the test below feeds them with every input that was kept in `tests/fuzz/corpus`.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

mod agents;
mod dns;
mod people;
mod wire;

use std::net::Ipv4Addr;

use uuid::Uuid;

use crate::clock::Boot;
use crate::ids::{DeviceId, ResourceId};
use crate::link::message::{Alias, Interface, Key, Peer, Ports, Resource, Secret, Transport};
use crate::pure::state::{Held, State};

/// A parser, by the name of its folder in the corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 19] = [
    ("agents", agents::messages),
    ("answers", dns::answers),
    ("beginnings", agents::beginnings),
    ("bodies", people::bodies),
    ("config", people::config),
    ("confirms", agents::confirms),
    ("datagrams", crate::tunnel::fuzz::datagrams),
    ("enrolments", agents::enrolments),
    ("link", wire::link),
    ("netlink", crate::firewall::fuzz::netlink),
    ("network", crate::cli::fuzz::network),
    ("packets", wire::packets),
    ("queries", dns::queries),
    ("requests", agents::requests),
    ("runs", crate::tunnel::fuzz::runs),
    ("segments", crate::tunnel::fuzz::segments),
    ("smb", wire::smb),
    ("tokens", people::tokens),
    ("words", people::words),
];

/// Feeds one parser.
pub fn feed(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    assert!(target.is_some(), "no such parser: {name}");
    if let Some((_, target)) = target {
        target(bytes);
    }
}

/// The office file server, as devices see it.
pub(crate) const FILES: Ipv4Addr = Ipv4Addr::new(10, 99, 128, 1);

/// The moment at which all of this happens.
pub(crate) const NOW: Boot = Boot(1_000_000);

/// Address of device 1 or 2.
pub(crate) fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 1, n)
}

/// Two devices; the share (TCP 445) is granted to both, and the door of the first one is open.
pub(crate) fn state(keys: [[u8; 32]; 2], now: Boot) -> State {
    let interface = Interface {
        name: "pass0".to_owned(),
        private_key: Secret([1; 32]),
        ports: vec![51820, 443],
        address4: "10.99.0.1/16".parse().unwrap(),
        address6: "fd99::1/48".parse().unwrap(),
        mtu: 1420,
        masquerade: true,
        resolvers: vec!["192.168.1.1:53".parse().unwrap()],
        private_zones: vec!["rossi.internal".to_owned()],
    };
    let mut state = State { epoch: 1, interface: Some(interface), ..State::default() };
    let share = ResourceId(Uuid::from_u128(7));
    let v4 = Alias { alias: FILES.into(), real: Ipv4Addr::new(192, 168, 1, 10).into() };
    let v6 = Alias { alias: "fd99::8000:1/128".parse().unwrap(), real: "2001:db8::10/128".parse().unwrap() };
    let ports = vec![Ports { transport: Transport::Tcp, first: 445, last: 445 }];
    state.resources.insert(share, Resource { resource: share, v4: Some(v4), v6: Some(v6), ports, desktop: false });
    for (n, key) in (1..).zip(keys) {
        let device = DeviceId(Uuid::from_u128(u128::from(n)));
        let peer = Peer {
            device,
            public_key: Key(key),
            preshared_key: None,
            address4: address(n),
            address6: format!("fd99::1:{n}").parse().unwrap(),
            endpoint: None,
            recent: false,
            open_for_ms: (n == 1).then_some(3_600_000),
            grants: vec![crate::link::message::Grant { resource: share, for_ms: None }],
        };
        state.peers.insert(device, Held::new(peer, now));
    }
    state
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Most bytes that are kept for one parser: the corpus is read by people too, and in every clone.
    const MOST: usize = 64 * 1024;

    #[test]
    #[allow(clippy::print_stdout)]
    fn every_input_that_was_kept_is_survived() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
        let folders = std::fs::read_dir(&corpus).unwrap().count();
        assert_eq!(folders, TARGETS.len(), "one folder a parser");
        for (name, target) in TARGETS {
            let mut bytes = 0;
            let mut inputs: Vec<_> = std::fs::read_dir(corpus.join(name)).unwrap().map(|e| e.unwrap().path()).collect();
            inputs.sort();
            assert!(!inputs.is_empty(), "{name}");
            for input in inputs {
                let read = std::fs::read(&input).unwrap();
                bytes += read.len();
                // Captured, and shown if this input makes it panic.
                println!("{}", input.display());
                target(&read);
            }
            assert!(bytes <= MOST, "{name}: {bytes} bytes are too many");
            target(&[]);
        }
    }

    #[test]
    fn every_parser_has_its_program() {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/fuzz_targets");
        for (name, _) in TARGETS {
            let program = std::fs::read_to_string(programs.join(format!("{name}.rs"))).unwrap();
            assert!(program.contains(&format!("feed(\"{name}\"")), "{name}");
        }
    }
}
