//! A gateway, a device and an office of three namespaces, for the tests of the second lock.
//!
//! The device hangs on a veth whose gateway end is called like the TUN: for the kernel's rules it is the same.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use gateway::clock::Boot;
use gateway::firewall::LocalPorts;
use gateway::ids::{DeviceId, ResourceId};
use gateway::link::message::{Alias, Change, Grant, Interface, Key, Peer, Ports, Resource, Secret, Transport};
use gateway::pure::state::State;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub const PORTS: LocalPorts = LocalPorts { dns_udp: 5301, dns_tcp: 5302, http: 8081, https: 8444, desktop: 3390 };

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Three namespaces; removed when dropped.
pub struct Office {
    pub name: String,
    /// Who connected to the file server, as it saw them.
    pub peers_seen: Arc<Mutex<Vec<IpAddr>>>,
}

pub fn run(command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    let out = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(out.status.success(), "{command}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

pub fn nft(arguments: &str) -> String {
    run(&format!("/usr/sbin/nft {arguments}"))
}

impl Office {
    /// `None`, after saying so, where it cannot be.
    pub fn new(name: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("PASSERELLE_E2E").is_none(), "needs root for network namespaces");
            println!("skipped: needs root for network namespaces");
            return None;
        }
        let office = Self { name: format!("pfw-{name}-{}", std::process::id()), peers_seen: Arc::default() };
        let n = &office.name;
        for part in ["d", "g", "o"] {
            run(&format!("ip netns add {n}-{part}"));
            // Addresses are there at once, link-local ones too.
            run(&format!("ip netns exec {n}-{part} sysctl -qw net.ipv6.conf.default.accept_dad=0"));
            run(&format!("ip -n {n}-{part} link set lo up"));
        }
        run(&format!("ip -n {n}-g link add pass0 type veth peer name eth0 netns {n}-d"));
        run(&format!("ip -n {n}-g link add lan0 type veth peer name eth0 netns {n}-o"));
        for (part, link, addresses) in [
            ("g", "pass0", ["10.99.0.1/16", "fd99::1/48"]),
            ("d", "eth0", ["10.99.1.1/16", "fd99::1:1/128"]),
            ("g", "lan0", ["192.168.7.1/24", "fd77::1/64"]),
            ("o", "eth0", ["192.168.7.10/24", "fd77::10/64"]),
        ] {
            for address in addresses {
                let v6 = if address.contains(':') { " nodad" } else { "" };
                run(&format!("ip -n {n}-{part} addr add {address} dev {link}{v6}"));
            }
            run(&format!("ip -n {n}-{part} link set {link} up"));
        }
        // On a TUN nobody is asked for link addresses, and the device sends everything to the gateway.
        for (part, link, mac, others) in [
            ("g", "pass0", "02:00:00:00:00:01", ["fd99::1:1", "fd99::1:2"].as_slice()),
            ("d", "eth0", "02:00:00:00:00:02", ["fd99::1"].as_slice()),
        ] {
            run(&format!("ip -n {n}-{part} link set {link} address {mac}"));
            let other = if part == "g" { "02:00:00:00:00:02" } else { "02:00:00:00:00:01" };
            for address in others {
                run(&format!("ip -n {n}-{part} neigh replace {address} lladdr {other} dev {link} nud permanent"));
            }
        }
        run(&format!("ip -n {n}-d route replace 10.99.0.0/16 via 10.99.0.1 dev eth0 onlink src 10.99.1.1"));
        run(&format!("ip -n {n}-d route add 10.99.0.1/32 dev eth0 src 10.99.1.1"));
        run(&format!("ip -n {n}-d route add 192.168.7.0/24 via 10.99.0.1 dev eth0 onlink src 10.99.1.1"));
        run(&format!("ip -n {n}-d -6 route add fd99::1/128 dev eth0 src fd99::1:1"));
        run(&format!("ip -n {n}-d -6 route add fd99::/48 via fd99::1 dev eth0 src fd99::1:1"));
        run(&format!("ip -n {n}-d -6 route add fd77::/64 via fd99::1 dev eth0 src fd99::1:1"));
        for setting in ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] {
            run(&format!("ip netns exec {n}-g sysctl -qw {setting}"));
        }
        Some(office)
    }

    /// Runs this in one of the namespaces (`d`, `g`, `o`), on a thread of its own.
    pub fn within<R: Send>(&self, part: &str, what: impl FnOnce() -> R + Send) -> R {
        let file = std::fs::File::open(format!("/run/netns/{}-{part}", self.name)).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                what()
            });
            thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e))
        })
    }

    /// Servers: echoes in the office and at the gateway's own ports, and an endless stream on 446.
    pub fn serve(&self) {
        let lan = ["0.0.0.0", "::"];
        for any in lan {
            for port in [440, 445, 446, 450, 439, 451, 8000] {
                let seen = Arc::clone(&self.peers_seen);
                let listener = self.within("o", || listen(any, port));
                thread::spawn(move || tcp(&listener, port == 446, &seen));
            }
            for port in [8999, 9000, 9001] {
                let socket = self.within("o", || bind(any, port));
                thread::spawn(move || echo(&socket));
            }
            for port in [PORTS.dns_tcp, PORTS.http, PORTS.https, 445] {
                let listener = self.gateway(|| listen(any, port));
                thread::spawn(move || tcp(&listener, false, &Mutex::default()));
            }
            let socket = self.gateway(|| bind(any, PORTS.dns_udp));
            thread::spawn(move || echo(&socket));
        }
    }

    pub fn gateway<R: Send>(&self, what: impl FnOnce() -> R + Send) -> R {
        self.within("g", what)
    }
}

fn only(any: &str, kind: socket2::Type, port: u16) -> socket2::Socket {
    let address = SocketAddr::new(any.parse().unwrap(), port);
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), kind, None).unwrap();
    if address.is_ipv6() {
        socket.set_only_v6(true).unwrap();
    }
    socket.set_reuse_address(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}

fn listen(any: &str, port: u16) -> TcpListener {
    let socket = only(any, socket2::Type::STREAM, port);
    socket.listen(16).unwrap();
    socket.into()
}

fn bind(any: &str, port: u16) -> UdpSocket {
    only(any, socket2::Type::DGRAM, port).into()
}

/// Echoes, or sends for as long as anybody listens.
fn tcp(listener: &TcpListener, endless: bool, seen: &Mutex<Vec<IpAddr>>) {
    while let Ok((mut stream, from)) = listener.accept() {
        seen.lock().unwrap().push(from.ip());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while endless && stream.write_all(&buffer).is_ok() {
                thread::sleep(ms(1));
            }
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                let _ = stream.write_all(&buffer[..n]);
            }
        });
    }
}

fn echo(socket: &UdpSocket) {
    let mut buffer = [0; 2048];
    while let Ok((n, from)) = socket.recv_from(&mut buffer) {
        let _ = socket.send_to(&buffer[..n], from);
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        for part in ["d", "g", "o"] {
            let _ = Command::new("ip").args(["netns", "del", &format!("{}-{part}", self.name)]).status();
        }
    }
}

pub fn interface() -> Interface {
    Interface {
        name: "pass0".into(),
        private_key: Secret([1; 32]),
        ports: vec![51820, 443],
        address4: "10.99.0.1/16".parse().unwrap(),
        address6: "fd99::1/48".parse().unwrap(),
        mtu: 1420,
        masquerade: true,
        resolvers: Vec::new(),
        private_zones: Vec::new(),
    }
}

pub fn resource(n: u128, alias: (&str, &str), real: (&str, &str), ports: &[(Transport, u16, u16)]) -> Resource {
    Resource {
        resource: ResourceId(uuid::Uuid::from_u128(n)),
        v4: Some(Alias { alias: alias.0.parse().unwrap(), real: real.0.parse().unwrap() }),
        v6: Some(Alias { alias: alias.1.parse().unwrap(), real: real.1.parse().unwrap() }),
        ports: ports
            .iter()
            .map(|(transport, first, last)| Ports { transport: *transport, first: *first, last: *last })
            .collect(),
        desktop: false,
    }
}

pub fn device(n: u32) -> (Ipv4Addr, Ipv6Addr) {
    let v4 = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 99, 1, 0)) + n);
    (v4, Ipv6Addr::from(u128::from("fd99::1:0".parse::<Ipv6Addr>().unwrap()) + u128::from(n)))
}

pub fn peer(n: u32, open: Option<Duration>, grants: &[u128]) -> Peer {
    let (address4, address6) = device(n);
    let mut key = [0; 32];
    key[..4].copy_from_slice(&n.to_be_bytes());
    Peer {
        device: DeviceId(uuid::Uuid::from_u128(u128::from(n))),
        public_key: Key(key),
        preshared_key: None,
        address4,
        address6,
        endpoint: None,
        recent: false,
        open_for_ms: open.map(|d| u64::try_from(d.as_millis()).unwrap()),
        grants: grants
            .iter()
            .map(|g| Grant { resource: ResourceId(uuid::Uuid::from_u128(*g)), for_ms: None })
            .collect(),
    }
}

/// Devices 1 to `peers`. The first may reach the file server (1) and the published network (2), not the PC (3).
pub fn state(peers: u32, open: Option<Duration>) -> State {
    let now = Boot::now();
    let mut state = State { epoch: 1, interface: Some(interface()), ..State::default() };
    let tcp = [(Transport::Tcp, 445, 445), (Transport::Tcp, 440, 450), (Transport::Udp, 9000, 9999)];
    for resource in [
        resource(1, ("10.99.128.5/32", "fd99::2:5/128"), ("192.168.7.10/32", "fd77::10/128"), &tcp),
        resource(
            2,
            ("10.99.129.0/24", "fd99::2:100/120"),
            ("192.168.7.0/24", "fd77::/120"),
            &[(Transport::Tcp, 8000, 8000)],
        ),
        resource(3, ("10.99.128.6/32", "fd99::2:6/128"), ("192.168.7.10/32", "fd77::10/128"), &tcp),
    ] {
        state.apply(Change::PutResource(Box::new(resource)), now);
    }
    for n in 1..=peers {
        state.apply(Change::PutPeer(Box::new(peer(n, open, &[1, 2]))), now);
    }
    state
}

pub fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}
