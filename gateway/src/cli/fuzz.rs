//! What set-up reads of the machine, and times as people write them.

use super::moment::{parse_end, parse_start};
use crate::clock::Unix;
use crate::detect::Network;

/// Links, addresses and routes as the kernel tells them; the same bytes as a resolver file.
pub(crate) fn network(bytes: &[u8]) {
    let network = Network::of(bytes, &String::from_utf8_lossy(bytes));
    if let Some(office) = network.office() {
        assert!(office.up && !office.loopback && office.subnet().is_some());
    }
    assert!(network.taken().iter().all(|net| net.trunc() == *net));
    assert!(network.resolver_sockets().iter().all(|at| at.port() == 53 && !at.ip().is_loopback()));
    assert!(network.zones.iter().all(|zone| !zone.is_empty() && !zone.contains(char::is_whitespace)));
}

/// The end of something, and its beginning.
pub(crate) fn moment(text: &str, now: Unix) {
    assert!(parse_end(text, now).is_ok_and(|at| at > now) || parse_end(text, now).is_err());
    let _ = parse_start(text, now);
}
