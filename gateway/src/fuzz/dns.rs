//! DNS questions of devices, and answers of resolvers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::dns::answer::{Answer, Screened, answer, screen};
use crate::dns::rewrite::{Outcome, is_private, rewrite};
use crate::dns::upstream::{accept, ask, readdress};
use crate::dns::{Addresses, MAX_QUERY, View};
use crate::link::message::Alias;

const SITE: [&str; 2] = ["10.99.0.0/16", "fd99::/48"];

fn view(office_zones: &[&str]) -> View {
    let files = Addresses { v4: Some(super::FILES), v6: Some("fd99::8000:1".parse().unwrap()) };
    let hosts = ["files.rossi.internal", "srv.rossi.lan"].map(|name| (name.to_owned(), files));
    let (real4, alias4): (Ipv4Net, Ipv4Net) = ("192.168.1.10/32".parse().unwrap(), super::FILES.into());
    let (real6, alias6): (Ipv6Net, Ipv6Net) = ("2001:db8::/64".parse().unwrap(), "fd99:0:0:8100::/64".parse().unwrap());
    View {
        zone: "rossi.internal".to_owned(),
        public_name: "door.example.org".to_owned(),
        gateway: Addresses { v4: Some(Ipv4Addr::new(10, 99, 0, 1)), v6: "fd99::1".parse().ok() },
        hosts: hosts.into(),
        aliases4: vec![Alias { alias: alias4, real: real4 }],
        aliases6: vec![Alias { alias: alias6, real: real6 }],
        resolvers: vec!["192.168.1.1:53".parse().unwrap()],
        office_zones: office_zones.iter().map(|z| (*z).to_owned()).collect(),
    }
}

/// A device's question: refused, answered here, or asked on. What is asked on says no more than the question.
pub(super) fn queries(bytes: &[u8]) {
    match screen(bytes) {
        Screened::Ignore => {}
        Screened::Refuse(refusal) => assert!(refusal.to_vec().is_ok()),
        Screened::Query(query) => {
            assert!(bytes.len() <= MAX_QUERY && query.queries.len() == 1);
            match answer(&query, &view(&["rossi.lan"])) {
                Answer::Local(local) => {
                    assert_eq!(local.metadata.id, query.metadata.id);
                    tells_nothing(&local.to_vec().unwrap());
                }
                Answer::Forward => {
                    if let Some(asked) = ask(&query, 9) {
                        let asked = Message::from_vec(&asked).unwrap();
                        assert_eq!((asked.queries.len(), asked.answers.len()), (1, 0));
                    }
                }
            }
        }
    }
}

/// A resolver's answer to one question. However it is written, no office address leaves.
pub(super) fn answers(bytes: &[u8]) {
    let mut query = Message::new(7, MessageType::Query, OpCode::Query);
    query.add_query(Query::query(Name::from_ascii("srv.rossi.lan.").unwrap(), RecordType::A));
    for view in [view(&[]), view(&["rossi.lan"]), view(&["other.lan"])] {
        let Some(message) = accept(bytes, 7, &query) else { return };
        let passed = match rewrite(message, &view) {
            Outcome::Unchanged => readdress(bytes.to_vec(), 8),
            Outcome::Rewritten(message) => message.to_vec().ok(),
        };
        if let Some(passed) = passed {
            tells_nothing(&passed);
        }
    }
}

/// Walks over the records as a client would, and knows nothing of how they were made.
fn tells_nothing(message: &[u8]) {
    let site = SITE.map(|n| n.parse::<IpNet>().unwrap());
    let said = |address: IpAddr| {
        assert!(!is_private(address) || site.iter().any(|n| n.contains(&address)), "{address} left the office");
    };
    let number = |at: usize| Some(usize::from(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?])));
    let [Some(questions), Some(a), Some(b), Some(c)] = [4, 6, 8, 10].map(number) else { return };
    let records = a + b + c;
    let mut at = 12;
    for _ in 0..questions {
        let Some(after) = skip_name(message, at) else { return };
        at = after + 4;
    }
    for _ in 0..records {
        let Some(after) = skip_name(message, at) else { return };
        let (Some(kind), Some(length)) = (number(after), number(after + 8)) else { return };
        let Some(data) = message.get(after + 10..after + 10 + length) else { return };
        match kind {
            1 => drop(data.first_chunk::<4>().map(|a| said(Ipv4Addr::from(*a).into()))),
            28 => drop(data.first_chunk::<16>().map(|a| said(Ipv6Addr::from(*a).into()))),
            _ => {}
        }
        at = after + 10 + length;
    }
}

fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            192..=255 => return Some(at + 2),
            _ => return None,
        }
    }
}
