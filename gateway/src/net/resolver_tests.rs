use std::time::{Duration, Instant};

use hickory_proto::op::{MessageType, OpCode, Query};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};

use super::*;

/// Longer than anything here may take.
const SOON: Duration = Duration::from_secs(20);

fn query(name: &str) -> Vec<u8> {
    let mut query = Message::new(0x4321, MessageType::Query, OpCode::Query);
    query.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    query.to_vec().unwrap()
}

/// A resolver that answers every name with `address`, until its test ends.
fn resolver(address: [u8; 4]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((read, from)) = socket.recv_from(&mut buffer) {
            let asked = Message::from_vec(&buffer[..read]).unwrap();
            let mut answer = Message::response(asked.id, OpCode::Query);
            let name = asked.queries[0].name().clone();
            answer.add_queries(asked.queries).add_answer(Record::from_rdata(name, 60, RData::A(A(address.into()))));
            socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
        }
    });
    at
}

struct Office {
    fallback: Fallback,
    /// The other reader of the same queue, as `serve` holds it.
    serve: UdpSocket,
    client: UdpSocket,
}

fn office(bind: &str, resolvers: Vec<SocketAddr>) -> Office {
    let net = UdpSocket::bind(bind).unwrap();
    let serve = net.try_clone().unwrap();
    let client = UdpSocket::bind(bind).unwrap();
    client.connect(net.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(SOON)).unwrap();
    let fallback = Fallback::new(vec![net]).unwrap();
    fallback.set(resolvers, vec!["site.internal".into(), "office.lan".into()]);
    Office { fallback, serve, client }
}

impl Office {
    fn hears(&self) -> (ResponseCode, Vec<String>) {
        let mut buffer = [0; 4096];
        let read = self.client.recv(&mut buffer).unwrap();
        let answer = Message::from_vec(&buffer[..read]).unwrap();
        assert_eq!((answer.id, answer.message_type), (0x4321, MessageType::Response));
        (answer.response_code, answer.answers.iter().map(|r| r.data.to_string()).collect())
    }

    fn asks(&self, name: &str) -> (ResponseCode, Vec<String>) {
        self.client.send(&query(name)).unwrap();
        self.hears()
    }
}

#[test]
fn public_names_only() {
    let public = resolver([203, 0, 113, 5]);
    for bind in ["127.0.0.1:0", "[::1]:0"] {
        let office = office(bind, vec![public]);
        office.fallback.engage();
        let table = [
            ("example.org.", ResponseCode::NoError),
            ("site.internal.", ResponseCode::ServFail),
            ("files.SITE.internal.", ResponseCode::ServFail),
            ("dc1.office.lan.", ResponseCode::ServFail),
            ("10.1.168.192.in-addr.arpa.", ResponseCode::ServFail),
            ("notoffice.lan.", ResponseCode::NoError),
        ];
        for (name, code) in table {
            let (said, addresses) = office.asks(name);
            assert_eq!(said, code, "{name}");
            assert_eq!(addresses.len(), usize::from(code == ResponseCode::NoError), "{name}");
        }
    }
}

#[test]
fn private_answers_fail() {
    let office = office("127.0.0.1:0", vec![resolver([192, 168, 1, 10])]);
    office.fallback.engage();
    assert_eq!(office.asks("intranet.example.org."), (ResponseCode::ServFail, vec![]));
}

#[test]
fn the_next_resolver_is_asked() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let office = office("127.0.0.1:0", vec![closed, silent.local_addr().unwrap(), resolver([203, 0, 113, 5])]);
    office.fallback.engage();
    assert_eq!(office.asks("example.org."), (ResponseCode::NoError, vec!["203.0.113.5".into()]));
    office.fallback.set(vec![closed], vec![]);
    assert_eq!(office.asks("example.org.").0, ResponseCode::ServFail);
    office.fallback.set(vec![resolver([203, 0, 113, 5])], vec!["..".into()]);
    assert_eq!(office.asks("example.org.").0, ResponseCode::ServFail, "a zone that cannot be read closes everything");
}

#[test]
fn disengaged_it_leaves_the_queue_alone() {
    let office = office("127.0.0.1:0", vec![resolver([203, 0, 113, 5])]);
    office.serve.set_nonblocking(false).unwrap();
    office.serve.set_read_timeout(Some(SOON)).unwrap();
    let mut buffer = [0; 512];
    for round in 0..200 {
        office.client.send(&query("example.org.")).unwrap();
        let (read, from) = office.serve.recv_from(&mut buffer).unwrap();
        assert_eq!(from, office.client.local_addr().unwrap(), "round {round}");
        assert_eq!(buffer[..read], query("example.org."));
    }
    office.serve.set_nonblocking(true).unwrap();
    office.fallback.engage();
    assert_eq!(office.asks("example.org.").0, ResponseCode::NoError);
    office.fallback.disengage();
    office.serve.set_nonblocking(false).unwrap();
    for _ in 0..200 {
        office.client.send(&query("example.org.")).unwrap();
        office.serve.recv_from(&mut buffer).unwrap();
    }
}

#[test]
#[allow(clippy::disallowed_methods)]
fn what_waits_in_the_queue_is_answered_as_soon_as_it_is_engaged() {
    let office = office("127.0.0.1:0", vec![resolver([203, 0, 113, 5])]);
    let mut best = Duration::MAX;
    // The best of some tries: it is the mechanism that is tested, not how busy this machine is.
    for _ in 0..20 {
        office.client.send(&query("example.org.")).unwrap();
        let from = Instant::now();
        office.fallback.engage();
        assert_eq!(office.hears().0, ResponseCode::NoError);
        best = best.min(from.elapsed());
        office.fallback.disengage();
    }
    assert!(best < Duration::from_millis(10), "{best:?}");
}

#[test]
fn nobody_has_more_than_a_share() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let office = office("127.0.0.1:0", vec![silent.local_addr().unwrap()]);
    office.fallback.engage();
    let mut codes = Vec::new();
    for _ in 0..MAX_IN_FLIGHT {
        office.client.send(&query("example.org.")).unwrap();
    }
    // The resolver is silent, so what is answered within its 2 s was refused for want of room.
    for _ in 0..10 {
        codes.push(office.asks("example.org.").0);
    }
    assert!(codes.iter().all(|code| *code == ResponseCode::ServFail), "{codes:?}");
    // One after the other: queues that run over would lose the very answers that are looked for.
    let refused = (0..20_000).position(|_| office.asks("site.internal.").0 == ResponseCode::Refused);
    assert!(refused.is_some(), "no limit");
}

#[test]
fn dropping_it_ends_the_thread() {
    let Office { fallback, serve, client } = office("127.0.0.1:0", vec![]);
    fallback.engage();
    drop(fallback);
    serve.set_nonblocking(false).unwrap();
    serve.set_read_timeout(Some(SOON)).unwrap();
    client.send(&query("example.org.")).unwrap();
    let mut buffer = [0; 512];
    serve.recv_from(&mut buffer).unwrap();
}
