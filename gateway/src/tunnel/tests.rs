//! The data path between a real WireGuard client (boringtun, over UDP on loopback) and a pair of sockets in place of
//! the TUN: no root, no namespaces.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};
use uuid::Uuid;

use super::peer::Peer;
use super::table::{Identity, Table};
use super::tun::{Tun, VNET};
use super::udp::Socket;
use super::*;
use crate::ids::ResourceId;
use crate::link::message::{Alias, Key, Peer as Told, Ports, Resource, Transport};
use crate::pure::checksum::{finish, pseudo_header, sum};
use crate::pure::model;
use crate::pure::packet::{Kind, parse};
use crate::pure::state::Held;

const FILES: Ipv4Addr = Ipv4Addr::new(10, 99, 128, 1);
const SHARE: u16 = 445;
/// Long enough for loopback on a busy machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// What has not come by then does not come: the answer to a later packet was there already.
const QUIET: Duration = Duration::from_millis(50);

fn secret(n: u8) -> StaticSecret {
    StaticSecret::from([n; 32])
}

fn device(n: u8) -> DeviceId {
    DeviceId(Uuid::from_u128(n.into()))
}

fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 1, n)
}

fn told(n: u8) -> Told {
    Told {
        device: device(n),
        public_key: Key(*PublicKey::from(&secret(n)).as_bytes()),
        preshared_key: None,
        address4: address(n),
        address6: format!("fd99::1:{n}").parse().unwrap(),
        endpoint: None,
        recent: false,
        open_for_ms: None,
        grants: Vec::new(),
    }
}

/// Devices 1 and 2; the share is granted to the first, whose door is open for an hour if `open`.
fn state(open: bool) -> State {
    let share = ResourceId(Uuid::from_u128(7));
    let mut state = State { interface: Some(model::interface()), ..State::default() };
    let alias = Alias { alias: FILES.into(), real: Ipv4Addr::new(192, 168, 1, 10).into() };
    let ports = vec![Ports { transport: Transport::Tcp, first: SHARE, last: SHARE }];
    state.resources.insert(share, Resource { resource: share, v4: Some(alias), v6: None, ports, desktop: false });
    for n in [1, 2] {
        let mut held = Held::new(told(n), Boot::now());
        held.grants.insert(share, None);
        held.open_until = (open && n == 1).then(|| Boot::now() + Duration::from_secs(3600));
        state.peers.insert(device(n), held);
    }
    state
}

struct Rig {
    device: Device,
    gateway: SocketAddr,
    office: UnixDatagram,
}

impl Rig {
    fn new(state: &State) -> Self {
        let (office, tun) = UnixDatagram::pair().unwrap();
        tun.set_nonblocking(true).unwrap();
        office.set_read_timeout(Some(PATIENCE)).unwrap();
        let socket = Socket::bind(0).unwrap();
        let gateway = SocketAddr::from(([127, 0, 0, 1], socket.local().unwrap().port()));
        let queue = Tun::over(OwnedFd::from(tun));
        let device = Device::start(&model::interface(), state, vec![(0, socket)], vec![queue], Boot::now()).unwrap();
        Self { device, gateway, office }
    }

    /// The next packet that reached the office; nothing within `limit`.
    fn arrived(&self, limit: Duration) -> Option<Vec<u8>> {
        self.office.set_read_timeout(Some(limit)).unwrap();
        let mut frame = [0; 2048];
        let n = self.office.recv(&mut frame).ok()?;
        Some(frame[VNET..n].to_vec())
    }

    fn office_sends(&self, packet: &[u8]) {
        let mut frame = vec![0; VNET];
        frame.extend_from_slice(packet);
        self.office.send(&frame).unwrap();
    }
}

struct Client {
    tunn: Tunn,
    socket: UdpSocket,
    gateway: SocketAddr,
}

impl Client {
    /// A client with a finished handshake.
    fn connect(rig: &Rig, n: u8) -> Self {
        let gateway_key = PublicKey::from(&StaticSecret::from(model::interface().private_key.0));
        let mut client = Self {
            tunn: Tunn::new(secret(n), gateway_key, None, None, n.into(), None),
            socket: UdpSocket::bind("127.0.0.1:0").unwrap(),
            gateway: rig.gateway,
        };
        client.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut out = [0; 256];
        let TunnResult::WriteToNetwork(hello) = client.tunn.format_handshake_initiation(&mut out, false) else {
            panic!("no handshake")
        };
        client.socket.send_to(hello, client.gateway).unwrap();
        let answer = client.datagram(PATIENCE).expect("an answer to the handshake");
        let TunnResult::WriteToNetwork(keepalive) = client.tunn.decapsulate(None, &answer, &mut out) else {
            panic!("handshake not finished")
        };
        client.socket.send_to(keepalive, client.gateway).unwrap();
        client
    }

    fn seal(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 2048];
        match self.tunn.encapsulate(packet, &mut out) {
            TunnResult::WriteToNetwork(message) => message.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    fn send(&mut self, packet: &[u8]) -> Vec<u8> {
        let message = self.seal(packet);
        self.socket.send_to(&message, self.gateway).unwrap();
        message
    }

    fn datagram(&self, limit: Duration) -> Option<Vec<u8>> {
        self.socket.set_read_timeout(Some(limit)).unwrap();
        let mut bytes = [0; 2048];
        let n = self.socket.recv(&mut bytes).ok()?;
        Some(bytes[..n].to_vec())
    }

    /// The next inner packet from the gateway.
    fn receive(&mut self, limit: Duration) -> Option<Vec<u8>> {
        loop {
            let message = self.datagram(limit)?;
            let mut out = [0; 2048];
            if let TunnResult::WriteToTunnelV4(packet, _) = self.tunn.decapsulate(None, &message, &mut out) {
                return Some(packet.to_vec());
            }
        }
    }
}

fn tcp(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let mut p = vec![0; 40];
    p.extend_from_slice(payload);
    let n = p.len();
    p[0] = 0x45;
    p[2..4].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
    (p[8], p[9]) = (64, 6);
    p[12..16].copy_from_slice(&from.0.octets());
    p[16..20].copy_from_slice(&to.0.octets());
    p[20..22].copy_from_slice(&from.1.to_be_bytes());
    p[22..24].copy_from_slice(&to.1.to_be_bytes());
    (p[32], p[33]) = (5 << 4, 2);
    let check = finish(sum(&p[..20], 0));
    p[10..12].copy_from_slice(&check.to_be_bytes());
    let check = finish(sum(&p[20..], pseudo_header(from.0.into(), to.0.into(), 6, n - 20)));
    p[36..38].copy_from_slice(&check.to_be_bytes());
    p
}

fn knock(n: u8, mark: u16) -> Vec<u8> {
    tcp((address(n), mark), (FILES, SHARE), b"")
}

#[test]
fn an_open_door_lets_both_directions_through_padded_to_sixteen() {
    let rig = Rig::new(&state(true));
    let mut client = Client::connect(&rig, 1);
    client.send(&knock(1, 1000));
    assert_eq!(rig.arrived(PATIENCE).unwrap(), knock(1, 1000));
    for length in [0, 1, 15, 16, 100, 1379, 1380] {
        let reply = tcp((FILES, SHARE), (address(1), 1000), &vec![7; length]);
        rig.office_sends(&reply);
        let message = client.datagram(PATIENCE).unwrap();
        let inner = message.len() - 32;
        assert!(inner.is_multiple_of(16) || inner == 1420, "{length}: {inner} bytes on the wire");
        let mut out = [0; 2048];
        let TunnResult::WriteToTunnelV4(packet, _) = client.tunn.decapsulate(None, &message, &mut out) else {
            panic!("not a packet")
        };
        assert_eq!(packet, reply);
    }
}

#[test]
fn a_locked_door_answers_with_a_reset_and_lets_nothing_through() {
    let rig = Rig::new(&state(false));
    let mut client = Client::connect(&rig, 1);
    client.send(&knock(1, 1000));
    let answer = client.receive(PATIENCE).expect("a refusal");
    let Kind::Ports { source, destination, .. } = parse(&answer).unwrap().kind else { panic!("not TCP") };
    assert_eq!((source, destination, answer[33] & 4), (SHARE, 1000, 4));
    rig.office_sends(&tcp((FILES, SHARE), (address(1), 1000), b"secret"));
    assert_eq!(client.receive(QUIET), None, "towards the device");
    assert_eq!(rig.arrived(QUIET), None, "towards the office");
}

#[test]
fn refusals_have_a_limit() {
    let rig = Rig::new(&state(false));
    let mut client = Client::connect(&rig, 1);
    for mark in 0..200 {
        client.send(&knock(1, mark));
    }
    let answers = std::iter::from_fn(|| client.receive(Duration::from_millis(300))).count();
    // a hundred at once, and a hundred a second for as long as the two hundred took
    assert!((100..170).contains(&answers), "{answers} answers");
}

#[test]
fn a_false_inner_source_is_dropped_without_a_word() {
    let rig = Rig::new(&state(true));
    let (mut one, mut two) = (Client::connect(&rig, 1), Client::connect(&rig, 2));
    two.send(&knock(1, 6666));
    one.send(&knock(1, 1000));
    assert_eq!(rig.arrived(PATIENCE).unwrap(), knock(1, 1000), "the true one, and it alone");
    assert_eq!(rig.arrived(QUIET), None);
    assert_eq!(two.receive(QUIET), None, "no answer either");
}

#[test]
fn a_replayed_message_is_delivered_once_and_moves_nobody() {
    let rig = Rig::new(&state(true));
    let mut client = Client::connect(&rig, 1);
    let message = client.send(&knock(1, 1000));
    assert!(rig.arrived(PATIENCE).is_some());
    let thief = UdpSocket::bind("127.0.0.1:0").unwrap();
    thief.send_to(&message, rig.gateway).unwrap();
    assert_eq!(rig.arrived(QUIET), None);
    rig.office_sends(&tcp((FILES, SHARE), (address(1), 1000), b"reply"));
    assert!(client.receive(PATIENCE).is_some(), "the reply goes where the client is");
}

/// 1,024 packets (boringtun; Linux: 8,128). What comes later than that is lost; nothing is delivered twice, at any depth.
#[test]
fn what_is_overtaken_is_delivered_once_within_the_window_and_never_beyond() {
    let rig = Rig::new(&state(true));
    let mut client = Client::connect(&rig, 1);
    let sealed: Vec<_> = (0..1200).map(|mark| client.seal(&knock(1, mark))).collect();
    let send = |number: u16| client.socket.send_to(&sealed[usize::from(number)], rig.gateway).unwrap();
    send(1199);
    assert_eq!(rig.arrived(PATIENCE).unwrap(), knock(1, 1199), "the newest");
    for number in [176, 500, 1198] {
        send(number);
        assert_eq!(rig.arrived(PATIENCE).unwrap(), knock(1, number), "overtaken");
    }
    for number in [0, 174, 176, 500, 1198, 1199] {
        send(number);
    }
    assert_eq!(rig.arrived(QUIET), None, "too old, or again");
}

#[test]
fn a_client_that_roams_is_followed_and_a_forged_cookie_reply_moves_nobody() {
    let rig = Rig::new(&state(true));
    let mut client = Client::connect(&rig, 1);
    client.send(&knock(1, 1000));
    assert!(rig.arrived(PATIENCE).is_some());
    let mut forged = [9; 64];
    forged[..4].copy_from_slice(&[3, 0, 0, 0]);
    forged[4..8].copy_from_slice(&0u32.to_le_bytes());
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&forged, rig.gateway).unwrap();
    let reply = tcp((FILES, SHARE), (address(1), 1000), b"reply");
    rig.office_sends(&reply);
    assert_eq!(client.receive(PATIENCE).unwrap(), reply, "before roaming");
    client.socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send(&knock(1, 1001));
    assert!(rig.arrived(PATIENCE).is_some());
    rig.office_sends(&reply);
    assert_eq!(client.receive(PATIENCE).unwrap(), reply, "after roaming");
}

#[test]
fn nothing_passes_once_a_state_without_it_is_installed() {
    let rig = Rig::new(&state(true));
    let mut client = Client::connect(&rig, 1);
    for round in 0..30 {
        rig.device.install(&state(true), Boot::now());
        let flood: Vec<_> = (0..3000).map(|mark| client.seal(&knock(1, mark))).collect();
        std::thread::scope(|scope| {
            let (socket, gateway) = (&client.socket, client.gateway);
            let sender = scope.spawn(move || flood.iter().for_each(|m| drop(socket.send_to(m, gateway))));
            assert!(rig.arrived(PATIENCE).is_some(), "round {round}");
            rig.device.install(&state(false), Boot::now());
            // what is there now passed before; what comes later is a leak
            rig.office.set_nonblocking(true).unwrap();
            while rig.office.recv(&mut [0; 2048]).is_ok() {}
            rig.office.set_nonblocking(false).unwrap();
            assert_eq!(rig.arrived(Duration::from_millis(5)), None, "round {round}");
            sender.join().unwrap();
        });
    }
}

#[test]
fn a_removed_peer_is_a_stranger() {
    let rig = Rig::new(&state(true));
    let mut client = Client::connect(&rig, 1);
    let mut without = state(true);
    without.peers.remove(&device(1));
    rig.device.install(&without, Boot::now());
    client.send(&knock(1, 1000));
    assert_eq!(rig.arrived(QUIET), None);
    assert_eq!(client.datagram(QUIET), None, "silence");
}

#[test]
fn a_door_closes_by_itself_on_time() {
    let mut soon = state(true);
    let until = Boot::now() + Duration::from_millis(400);
    soon.peers.get_mut(&device(1)).unwrap().open_until = Some(until);
    let rig = Rig::new(&soon);
    let mut client = Client::connect(&rig, 1);
    client.send(&knock(1, 1000));
    assert!(rig.arrived(PATIENCE).is_some(), "before");
    while Boot::now() <= until {
        std::thread::yield_now();
    }
    client.send(&knock(1, 1000));
    assert!(client.receive(PATIENCE).is_some(), "a refusal");
    assert_eq!(rig.arrived(QUIET), None, "after");
}

#[test]
fn counters_at_the_end_are_refused_before_the_library_sees_them() {
    let identity = Identity::new([1; 32]);
    let (_, added) = Table::default().next(&state(true), &identity, Boot::now());
    let mut message = [0; 64];
    message[0] = 4;
    for (counter, high) in [(u64::MAX, true), (u64::MAX - (1 << 13), true), (u64::MAX - (1 << 13) - 1, false)] {
        message[8..16].copy_from_slice(&counter.to_le_bytes());
        let error = added[0].noise().decapsulate(&message, &mut [0; 256]).unwrap_err();
        assert_eq!(format!("{error:?}") == "InvalidCounter", high, "{counter}: {error:?}");
    }
}

#[test]
fn sessions_survive_a_change_and_an_index_is_not_given_away_at_once() {
    let identity = Identity::new([1; 32]);
    let now = Boot::now();
    let (first, _) = Table::default().next(&state(true), &identity, now);
    let index = |table: &Table, n: u8| {
        let key = *PublicKey::from(&secret(n)).as_bytes();
        table.by_key(&key).map(|peer: &Arc<Peer>| (Arc::as_ptr(peer), peer.index))
    };
    let (second, added) = first.next(&state(false), &identity, now);
    assert!(added.is_empty());
    assert_eq!(index(&first, 1), index(&second, 1), "the same peer, with its session");
    let mut other = state(true);
    other.peers.remove(&device(1));
    other.peers.insert(device(3), Held::new(told(3), now));
    let (third, added) = second.next(&other, &identity, now);
    assert_eq!(added.len(), 1);
    assert_ne!(added[0].index, index(&second, 1).unwrap().1);
    assert!(third.by_session(index(&second, 1).unwrap().1 << 8).is_none());
}
