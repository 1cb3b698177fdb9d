//! What the kernel tells of nftables and of connections, and the ruleset of whatever state.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

use super::conntrack::{Flows, removal, wanted};
use super::delta::Delta;
use super::elements::{elements, published};
use super::netlink::messages;
use super::ruleset::{Frame, LocalPorts, Options, whole};
use super::watch::{Own, Transaction};
use crate::clock::Boot;
use crate::fuzz::address;
use crate::pure::state::State;

/// A datagram of the kernel's: a notification of nftables, or part of a dump of connections.
pub(crate) fn netlink(bytes: &[u8]) {
    let own = Own::new("passerelle").unwrap();
    let mut transaction = Transaction::default();
    let flows = [Flows::From(address(1).into()), Flows::Between(address(2).into(), "10.99.128.0/24".parse().unwrap())];
    let spared: [IpAddr; 1] = ["10.99.0.1".parse().unwrap()];
    let mut seen = 0;
    for message in messages(bytes) {
        seen += 1;
        let _ = transaction.message(&own, message);
        if wanted(message, &flows, &spared)
            && let Some(request) = removal(message, 2)
        {
            // What is asked for is one whole message of our own.
            let written = request.finish(7);
            assert_eq!(messages(&written).count(), 1);
            assert!(messages(&written).all(|m| wanted(m, &flows, &spared)));
        }
    }
    assert!(seen <= bytes.len() / 16);
}

/// A state as the second lock loads it. Whatever its aliases, no two published networks overlap, and none is elsewhere
/// than in the site network.
pub(crate) fn loaded(state: &State, now: Boot) {
    let options =
        Options::new("pass0", LocalPorts { dns_udp: 5301, dns_tcp: 5302, http: 8081, https: 8444, desktop: 3390 });
    let elements = elements(state);
    assert!(whole(&Frame::of(state, &options), &elements, &options, 1, now).to_json().is_ok());
    let published = published(state);
    for (n, one) in published.iter().enumerate() {
        assert!(one.alias.prefix_len() == one.real.prefix_len());
        let overlaps = |o: &ipnet::IpNet| o.contains(&one.alias) || one.alias.contains(o);
        assert!(published[..n].iter().all(|other| !overlaps(&other.alias)), "{one:?}");
    }
    if let Some(delta) =
        Delta::between(&super::elements::elements(&crate::fuzz::state([[1; 32], [2; 32]], now)), &elements, now)
    {
        assert!(delta.close.iter().all(|gone| !elements.contains_key(gone) || delta.add.contains_key(gone)));
    }
}
