use std::net::Ipv4Addr;

use hickory_proto::op::{Edns, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{A, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use provisioning::addresses::SiteNetwork;
use tokio::io::AsyncWriteExt as _;

use super::super::Addresses;
use super::*;
use crate::link::message::Alias;

/// Longer than anything here may take, shorter than a person's patience with a hanging test.
const SOON: Duration = Duration::from_secs(20);

/// A resolver of the office, on UDP and TCP of one port. Names decide what it does.
async fn office() -> SocketAddr {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let (read, from) = udp.recv_from(&mut buffer).await.unwrap();
            for reply in office_says(&buffer[..read], Via::Udp) {
                udp.send_to(&reply, from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut buffer = Vec::new();
            if read_framed(&mut stream, &mut buffer).await.unwrap() {
                for reply in office_says(&buffer, Via::Tcp) {
                    write_framed(&mut stream, &reply).await.unwrap();
                }
            }
        }
    });
    address
}

fn office_says(bytes: &[u8], via: Via) -> Vec<Vec<u8>> {
    let asked = Message::from_vec(bytes).unwrap();
    let name = asked.queries[0].name().clone();
    let mut answer = Message::response(asked.id, OpCode::Query);
    answer.add_queries(asked.queries.clone());
    answer.edns = asked.edns.clone();
    let a = |a: [u8; 4]| Record::from_rdata(name.clone(), 600, RData::A(A(a.into())));
    let text = |n: usize| Record::from_rdata(name.clone(), 600, RData::TXT(TXT::new(vec!["x".repeat(200); n])));
    let forged = |id: u16, name: &str| {
        let mut forged = answer.clone();
        forged.metadata.id = id;
        forged.queries = vec![Query::query(Name::from_ascii(name).unwrap(), RecordType::A)];
        forged.add_answer(a([6, 6, 6, 6]));
        forged.to_vec().unwrap()
    };
    let mut first = Vec::new();
    match name.to_ascii().split('.').next().unwrap() {
        "public" => answer.add_answer(a([203, 0, 113, 5])),
        "published" => answer.add_answer(a([192, 168, 1, 10])),
        "hidden" => answer.add_answer(a([192, 168, 1, 99])),
        "forged" => {
            first = vec![vec![0; 5], forged(asked.id ^ 1, "forged.example."), forged(asked.id, "other.example.")];
            answer.add_answer(a([203, 0, 113, 5]))
        }
        "big" if via == Via::Tcp => answer.add_answer(text(20)),
        "big" => {
            answer.metadata.truncation = true;
            &mut answer
        }
        "rude" => answer.add_answer(text(9)),
        "unparsable" => return vec![[&bytes[..2], b"\x81\x80\x00\x01\x00\xff\x00\x00\x00\x00"].concat()],
        "refused" => {
            answer.metadata.response_code = ResponseCode::Refused;
            &mut answer
        }
        _ => return Vec::new(),
    };
    first.push(answer.to_vec().unwrap());
    first
}

struct Running {
    udp: Vec<SocketAddr>,
    tcp: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    ended: tokio::task::JoinHandle<anyhow::Result<()>>,
}

fn start(resolvers: Vec<SocketAddr>) -> Running {
    start_on(Side::Tunnel, resolvers)
}

fn start_on(side: Side, resolvers: Vec<SocketAddr>) -> Running {
    let both = ["127.0.0.1:0", "[::1]:0"];
    let udp: Vec<_> = both.iter().map(|a| std::net::UdpSocket::bind(a).unwrap()).collect();
    let tcp: Vec<_> = both.iter().map(|a| std::net::TcpListener::bind(a).unwrap()).collect();
    let files = Addresses { v4: Some(Ipv4Addr::new(10, 137, 128, 5)), v6: None };
    let view = View {
        zone: "site.internal".into(),
        public_name: "door.example.org".into(),
        gateway: Addresses { v4: Some(Ipv4Addr::new(10, 137, 0, 1)), v6: "fd12::1".parse().ok() },
        hosts: std::collections::HashMap::from([("files.site.internal".into(), files)]),
        aliases4: vec![Alias { alias: "10.137.128.5/32".parse().unwrap(), real: "192.168.1.10/32".parse().unwrap() }],
        aliases6: Vec::new(),
        resolvers,
        office_zones: Vec::new(),
    };
    let (stop, stopped) = watch::channel(false);
    Running {
        udp: udp.iter().map(|s| s.local_addr().unwrap()).collect(),
        tcp: tcp.iter().map(|s| s.local_addr().unwrap()).collect(),
        stop,
        ended: tokio::spawn(run(Sockets { udp, tcp }, Arc::new(ArcSwap::from_pointee(view)), side, stopped)),
    }
}

fn query(name: &str, edns: Option<u16>) -> Vec<u8> {
    let mut query = Message::new(0x4321, MessageType::Query, OpCode::Query);
    query.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    query.edns = edns.map(|size| {
        let mut edns = Edns::new();
        edns.set_max_payload(size);
        edns
    });
    query.to_vec().unwrap()
}

async fn by_udp(server: SocketAddr, bytes: &[u8]) -> Message {
    let socket = UdpSocket::bind((server.ip(), 0)).await.unwrap();
    socket.send_to(bytes, server).await.unwrap();
    let mut buffer = [0; 4096];
    let (read, from) = timeout(SOON, socket.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(from, server);
    Message::from_vec(&buffer[..read]).unwrap()
}

async fn by_tcp(server: SocketAddr, queries: &[Vec<u8>]) -> Vec<Message> {
    let mut stream = TcpStream::connect(server).await.unwrap();
    for bytes in queries {
        write_framed(&mut stream, bytes).await.unwrap();
    }
    let mut answers = Vec::new();
    for _ in queries {
        let length = timeout(SOON, stream.read_u16()).await.unwrap().unwrap();
        let mut buffer = vec![0; length.into()];
        stream.read_exact(&mut buffer).await.unwrap();
        answers.push(Message::from_vec(&buffer).unwrap());
    }
    answers
}

/// Code, addresses, whether it was cut short.
fn said(answer: &Message) -> (ResponseCode, Vec<String>, bool) {
    assert_eq!(answer.id, 0x4321);
    let answers = answer.answers.iter().map(|r| r.data.to_string().chars().take(20).collect()).collect();
    (answer.response_code, answers, answer.truncation)
}

#[tokio::test]
async fn every_family_and_transport() {
    let running = start(vec![office().await]);
    let table: [(&str, &str); 3] = [
        ("files.site.internal.", "10.137.128.5"),
        ("published.office.lan.", "10.137.128.5"),
        ("public.example.", "203.0.113.5"),
    ];
    for server in &running.udp {
        for (name, address) in table {
            let answer = by_udp(*server, &query(name, None)).await;
            assert_eq!(said(&answer), (ResponseCode::NoError, vec![address.into()], false), "{name}");
        }
    }
    for server in &running.tcp {
        let queries: Vec<_> = table.iter().map(|(name, _)| query(name, None)).collect();
        let answers = by_tcp(*server, &queries).await;
        let addresses: Vec<_> = answers.iter().flat_map(|a| said(a).1).collect();
        assert_eq!(addresses, table.map(|(_, address)| address));
    }
    running.stop.send(true).unwrap();
    timeout(SOON, running.ended).await.unwrap().unwrap().unwrap();
    std::net::TcpListener::bind(running.tcp[0]).expect("the port is free again");
}

#[tokio::test]
async fn two_greedy_clients_leave_room_for_a_third() {
    let running = start(vec![office().await; 3]);
    let server = running.udp[0];
    let mut greedy = Vec::new();
    for client in ["127.0.0.2:0", "127.0.0.3:0"] {
        let socket = UdpSocket::bind(client).await.unwrap();
        for n in 0..300 {
            socket.send_to(&query(&format!("silent{n}.example."), None), server).await.unwrap();
            tokio::task::yield_now().await;
        }
        greedy.push(socket);
    }
    sleep(Duration::from_millis(200)).await;
    let answer = by_udp(server, &query("public.example.", None)).await;
    assert_eq!(said(&answer).1, ["203.0.113.5"], "a stranger's thirst is everybody's");
}

#[tokio::test]
async fn odd_resolvers() {
    let running = start(vec![office().await]);
    let server = running.udp[0];
    let none = Vec::<String>::new();
    let a = |name: &str| query(name, None);
    let hidden = by_udp(server, &a("hidden.office.lan.")).await;
    assert_eq!(said(&hidden), (ResponseCode::NoError, none.clone(), false));
    let forged = by_udp(server, &a("forged.example.")).await;
    assert_eq!(said(&forged).1, ["203.0.113.5"], "wrong ids and questions are passed over");
    let unparsable = by_udp(server, &a("unparsable.example.")).await;
    assert_eq!(said(&unparsable), (ResponseCode::ServFail, none.clone(), false));
    let refused = by_udp(server, &a("refused.example.")).await;
    assert_eq!(said(&refused), (ResponseCode::Refused, none.clone(), false));
    let big = by_udp(server, &query("big.example.", Some(1232))).await;
    assert_eq!(said(&big), (ResponseCode::NoError, none.clone(), true), "TC is kept");
    assert!(big.edns.is_some());
    let big = by_tcp(running.tcp[0], &[a("big.example.")]).await;
    assert!(big[0].to_vec().unwrap().len() > 4000);
    let rude = by_udp(server, &a("rude.example.")).await;
    assert_eq!(said(&rude), (ResponseCode::NoError, none, true), "more than the client takes");
}

#[tokio::test]
async fn the_next_resolver_is_asked_and_nobody_is_an_answer_too() {
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let running = start(vec![closed, silent.local_addr().unwrap(), office().await]);
    let answer = by_udp(running.udp[0], &query("public.example.", None)).await;
    assert_eq!(said(&answer).1, ["203.0.113.5"]);
    let mut buffer = [0; 512];
    let (read, _) = silent.recv_from(&mut buffer).await.unwrap();
    let asked = Message::from_vec(&buffer[..read]).unwrap();
    assert_eq!(asked.queries[0].name().to_ascii(), "public.example.");

    let alone = start(Vec::new());
    let answer = by_udp(alone.udp[0], &query("public.example.", None)).await;
    assert_eq!(answer.response_code, ResponseCode::ServFail);
    let answer = by_udp(alone.udp[0], &query("files.site.internal.", None)).await;
    assert_eq!(said(&answer).1, ["10.137.128.5"]);
}

#[tokio::test]
async fn hostile_clients() {
    let running = start(Vec::new());
    let server = running.udp[0];
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut response = query("files.site.internal.", None);
    response[2] |= 0x80;
    for ignored in [vec![], vec![0; 11], response, [query("files.site.internal.", None), vec![0; MAX_QUERY]].concat()] {
        socket.send_to(&ignored, server).await.unwrap();
    }
    socket.send_to(&query("files.site.internal.", None), server).await.unwrap();
    let mut buffer = [0; 4096];
    let (read, _) = timeout(SOON, socket.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(
        said(&Message::from_vec(&buffer[..read]).unwrap()).1,
        ["10.137.128.5"],
        "the first answer is to the last"
    );

    let mut long = TcpStream::connect(running.tcp[0]).await.unwrap();
    long.write_all(&[0xff, 0xff, 0]).await.unwrap();
    assert_eq!(timeout(SOON, long.read(&mut buffer)).await.unwrap().unwrap_or(0), 0, "hung up");
    let mut open = Vec::new();
    for _ in 0..MAX_STREAMS_A_CLIENT + 1 {
        open.push(TcpStream::connect(running.tcp[0]).await.unwrap());
    }
    let (last, before) = open.split_last_mut().unwrap();
    assert_eq!(timeout(SOON, last.read(&mut buffer)).await.unwrap().unwrap_or(0), 0, "one connection too many");
    write_framed(&mut before[0], &query("files.site.internal.", None)).await.unwrap();
    assert!(timeout(SOON, before[0].read(&mut buffer)).await.unwrap().unwrap() > 2);
}

#[tokio::test]
async fn a_flood_is_refused_not_served() {
    let running = start(Vec::new());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut codes = Vec::new();
    let mut buffer = [0; 4096];
    for _ in 0..600 {
        socket.send_to(&query("files.site.internal.", None), running.udp[0]).await.unwrap();
        let read = timeout(SOON, socket.recv(&mut buffer)).await.unwrap().unwrap();
        codes.push(Message::from_vec(&buffer[..read]).unwrap().response_code);
    }
    assert_eq!(codes[0], ResponseCode::NoError);
    assert!(codes.contains(&ResponseCode::Refused));
}

#[tokio::test]
async fn the_office_lan_is_answered_by_this_machine_alone() {
    let site = SiteNetwork { v4: "10.137.0.0/16".parse().unwrap(), v6: "fd12::/48".parse().unwrap() };
    // It would answer, and must not be asked.
    let running = start_on(Side::Office(site), vec![office().await]);
    for server in &running.udp {
        let zone = by_udp(*server, &query("files.site.internal.", None)).await;
        assert_eq!(said(&zone).1, ["10.137.128.5"]);
        let other = by_udp(*server, &query("public.example.", None)).await;
        assert_eq!(said(&other), (ResponseCode::Refused, vec![], false));
    }
    let other = by_tcp(running.tcp[0], &[query("public.example.", None)]).await;
    assert_eq!(other[0].response_code, ResponseCode::Refused);

    let serves = |client: &str| Side::Office(site).serves(client.parse().unwrap());
    for served in ["192.168.1.1", "10.136.0.9", "127.0.0.1", "fd99::1", "fe80::1"] {
        assert!(serves(served), "{served}");
    }
    for stranger in ["203.0.113.9", "2001:db8::9", "10.137.1.1", "fd12::1:1", "::ffff:8.8.8.8"] {
        assert!(!serves(stranger), "{stranger}");
    }
}
