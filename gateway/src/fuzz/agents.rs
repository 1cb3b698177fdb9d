//! What comes from agents of office PCs, and from the PCs themselves.

use agent::message::{FromAgent, ToAgent, decode};
use agent::token::Token;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Unix;
use crate::pure::tpkt::Beginning;
use crate::pure::wanted::Wanted;
use crate::pure::workstation::{Probe, Seen, Told, judge};
use crate::pure::x224::{self, Peeked};

/// A message of an agent's or of the gateway's: what is understood means the same when it is written again, and facts are
/// judged whatever they are.
pub(super) fn messages(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    again::<ToAgent>(text);
    let Some(FromAgent::Facts(facts)) = again::<FromAgent>(text) else { return };
    assert!(Wanted::default().found(&facts).is_empty(), "what nobody asked for is no program");
    for probe in [Probe::Unasked, Probe::Rdp, Probe::Network, Probe::Nothing] {
        let told = Told { connected: true, facts: Some(&facts), heard_at: None, left: None };
        let judged = judge(&Seen { agent: Some(told), probe, ..Seen::default() }, Unix(0));
        assert!(judged.by.is_none_or(|by| by.chars().count() <= agent::bounded::SHORT));
    }
}

fn again<M: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str) -> Option<M> {
    let message: M = decode(text).ok()?;
    // Not by `encode`: what was left out is written down, and may be more than a message holds.
    let written = serde_json::to_string(&message).unwrap();
    assert_eq!(serde_json::from_str::<M>(&written).unwrap(), message);
    Some(message)
}

/// The first bytes of what a PC answers to RDP's first request: a confirm is never shorter than what is looked at, and
/// what follows changes nothing.
pub(super) fn confirms(bytes: &[u8]) {
    let is = x224::confirms(bytes);
    assert!(!is || bytes.len() >= x224::ENOUGH);
    assert!(!x224::confirms(&x224::REQUEST));
    if let Some(first) = bytes.get(..x224::ENOUGH) {
        assert_eq!(x224::confirms(first), is);
    }
}

/// What a PC says after that, in two pieces: all of it is passed on, in messages that are never empty.
pub(super) fn beginnings(bytes: &[u8]) {
    let Some((at, bytes)) = bytes.split_first() else { return };
    let (first, second) = bytes.split_at(bytes.len().min(usize::from(*at)));
    let mut beginning = Beginning::default();
    for mut rest in [first, second] {
        while !rest.is_empty() {
            let cut = beginning.cut(rest);
            assert!((1..=rest.len()).contains(&cut));
            rest = &rest[cut..];
        }
    }
}

/// What somebody's app says first: the length of a request is within what was read, what follows changes nothing, and every
/// beginning of a request may become one.
pub(super) fn requests(bytes: &[u8]) {
    let Peeked::Whole(length) = x224::request(bytes) else { return };
    assert!(length <= bytes.len() && length <= x224::LONGEST_REQUEST);
    assert_eq!(x224::request(&bytes[..length]), Peeked::Whole(length));
    assert!((0..length).all(|n| x224::request(&bytes[..n]) == Peeked::More));
}

/// A token as somebody types it: what is read is written the same way again.
pub(super) fn enrolments(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // No seed looks like a token: what looks for secrets in source code would find it.
    let Ok(token) = text.parse::<Token>().or_else(|_| format!("pagt_{text}").parse()) else { return };
    let written = token.to_string();
    let again: Token = written.parse().unwrap();
    assert_eq!((again.to_string(), again.secret.hash()), (written, token.secret.hash()));
}
