//! What comes from devices inside the tunnel, and what comes over the link.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{FILES, NOW, address, state};
use crate::firewall::fuzz::loaded;
use crate::link::message::{Command, Report};
use crate::pure::lock::{Lock, Pass, Service};
use crate::pure::packet::{self, Kind};
use crate::pure::refuse::{MAX_REFUSAL, refuse};
use crate::pure::state::State;

/// An inner packet: read, judged in both directions, and answered where it is refused.
pub(super) fn packets(bytes: &[u8]) {
    let lock = Lock::new(&state([[1; 32], [2; 32]], NOW));
    let Ok(inner) = packet::parse(bytes) else { return };
    assert!(inner.length <= bytes.len() && inner.payload <= inner.length);
    assert_eq!(packet::destination(bytes), Some(inner.destination));
    let known = [address(1), address(2)].contains(&match inner.source {
        std::net::IpAddr::V4(a) => a,
        std::net::IpAddr::V6(a) => a.to_ipv4_mapped().unwrap_or(std::net::Ipv4Addr::UNSPECIFIED),
    });
    let out = lock.outbound(&inner, NOW);
    assert!(known || inner.source.is_ipv6() || out == Pass::Refused, "{inner:?} passes");
    let _ = lock.inbound(&inner, NOW);
    let mut answer = [0; MAX_REFUSAL];
    if let Some(length) = refuse(bytes, &inner, &mut answer) {
        let back = packet::parse(&answer[..length]).unwrap();
        assert_eq!((back.source, back.destination), (inner.destination, inner.source));
        // What was refused is quoted: an error about a protocol without ports is about nothing we know.
        let about_nothing = inner.kind == Kind::Other && back.kind == Kind::Other;
        assert!(matches!(back.kind, Kind::Ports { .. } | Kind::Error(_)) || about_nothing, "{back:?}");
    }
}

/// A message of the link: what is understood goes through both locks, and means the same when it is written again.
pub(super) fn link(bytes: &[u8]) {
    again::<Report>(bytes);
    let Some(command) = again::<Command>(bytes) else { return };
    let before = state([[1; 32], [2; 32]], NOW);
    let after = match command {
        Command::SnapshotBegin { epoch, interface } => State { epoch, interface: Some(*interface), ..before.clone() },
        Command::Changes { epoch, changes } => {
            let mut after = State { epoch, ..before.clone() };
            for change in changes {
                after.apply(change, NOW);
            }
            after
        }
        _ => return,
    };
    let lock = Lock::new(&after);
    let both = before.common(&after);
    assert!(both.peers.len() <= after.peers.len() && both.resources.len() <= after.resources.len());
    // Whoever is not in it any more is refused, whatever else was said in the same message.
    for from in [address(1), address(2)] {
        if after.peers.values().all(|held| held.peer.address4 != from) {
            assert_eq!(lock.flow(from.into(), FILES.into(), Service::Any, NOW), Pass::Refused);
        }
    }
    loaded(&after, NOW);
    loaded(&both, NOW);
}

fn again<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<T> {
    let message: T = serde_json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&message).unwrap();
    assert_eq!(serde_json::from_slice::<T>(&written).unwrap(), message);
    Some(message)
}

/// What a file server says first. Whatever is read of it was asked for.
pub(super) fn smb(bytes: &[u8]) {
    if let Some((frame, rest)) = bytes.split_first_chunk() {
        let _ = crate::smb::length(*frame).map(|wanted| assert!(wanted <= crate::smb::READ));
        let _ = crate::smb::parse(rest);
    }
    if let Ok(negotiated) = crate::smb::parse(bytes) {
        assert!((0x0202..=0x0311).contains(&negotiated.dialect));
    }
}
