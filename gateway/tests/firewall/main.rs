//! The second lock on the real kernel, in network namespaces of its own (`pfw-…`). Needs root; without, says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::disallowed_methods)]
#![allow(missing_docs, unreachable_pub)]

mod office;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gateway::clock::Boot;
use gateway::firewall::conntrack::{self, Flows};
use gateway::firewall::watch::{Touched, Watch};
use gateway::firewall::{Firewall, Options};
use gateway::pure::state::State;
use office::{Office, PORTS, address, device, ms, nft, state};

const HOUR: Option<Duration> = Some(Duration::from_secs(3600));
const FILES: [&str; 2] = ["10.99.128.5", "fd99::2:5"];
const PC: [&str; 2] = ["10.99.128.6", "fd99::2:6"];
const GATEWAY: [&str; 2] = ["10.99.0.1", "fd99::1"];

fn firewall() -> Firewall {
    Firewall::new(Options::new("pass0", PORTS)).unwrap()
}

fn to(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

/// Connects from the device, and what came of it within a second.
fn connect(office: &Office, target: SocketAddr) -> Result<TcpStream, ErrorKind> {
    office.within("d", || TcpStream::connect_timeout(&target, ms(1000)).map_err(|e| e.kind()))
}

/// Sends from the device and waits for the echo or an error.
fn datagram(office: &Office, target: SocketAddr) -> Result<(), ErrorKind> {
    office
        .within("d", || {
            let socket = UdpSocket::bind(if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).unwrap();
            socket.set_read_timeout(Some(ms(1000))).unwrap();
            socket
                .connect(target)
                .and_then(|()| socket.send(b"hello"))
                .and_then(|_| socket.recv(&mut [0; 16]))
                .map(drop)
        })
        .map_err(|e| e.kind())
}

fn ping(office: &Office, target: &str) -> bool {
    office.within("d", || Command::new("ping").args(["-c1", "-W1", target]).output().unwrap().status.success())
}

#[test]
fn opens_exactly_what_is_granted() {
    let Some(office) = Office::new("gate") else { return };
    office.serve();
    let mut firewall = firewall();
    let now = Boot::now();
    office.gateway(|| firewall.bring_to(&state(2, None), now).unwrap());
    for family in 0..2 {
        let (files, pc, gateway) = (FILES[family], PC[family], GATEWAY[family]);
        let lan = ["192.168.7.1", "fd77::1"][family];
        let server = ["192.168.7.10", "fd77::10"][family];
        let network = ["10.99.129.10", "fd99::2:110"][family];
        let other = device(2);
        let other = [other.0.to_string(), other.1.to_string()][family].clone();
        let refused = |target: SocketAddr| {
            let start = Instant::now();
            let result = connect(&office, target).map(drop);
            assert_eq!(result, Err(ErrorKind::ConnectionRefused), "{target}");
            assert!(start.elapsed() < ms(500), "{target}: {:?}", start.elapsed());
        };
        let closed = |office: &Office| {
            for target in
                [to(files, 445), to(network, 8000), to(pc, 445), to(server, 445), to(lan, 445), to(&other, 445)]
            {
                refused(target);
            }
            assert!(!ping(office, files) && !ping(office, pc) && !ping(office, network));
        };
        office.gateway(|| firewall.bring_to(&state(2, None), now).unwrap());
        closed(&office);
        // The portal and names are there, behind the usual ports and only those.
        for port in [53, 80, 443] {
            assert!(connect(&office, to(gateway, port)).is_ok(), "{gateway} {port}");
        }
        assert_eq!(datagram(&office, to(gateway, 53)), Ok(()));
        assert!(ping(&office, gateway));
        for port in [PORTS.http, PORTS.https, PORTS.dns_tcp, 22] {
            refused(to(gateway, port));
        }
        assert!(datagram(&office, to(gateway, PORTS.dns_udp)).is_err());

        office.gateway(|| firewall.bring_to(&state(2, HOUR), now).unwrap());
        for target in [to(files, 445), to(files, 440), to(files, 450), to(network, 8000)] {
            assert!(connect(&office, target).is_ok(), "{target}");
        }
        assert_eq!(datagram(&office, to(files, 9000)), Ok(()));
        assert!(ping(&office, files) && ping(&office, network));
        for target in [to(files, 439), to(files, 451), to(network, 445), to(pc, 445), to(server, 445), to(lan, 445)] {
            refused(target);
        }
        refused(to(&other, 445));
        let start = Instant::now();
        assert!(datagram(&office, to(files, 8999)).is_err());
        assert!(start.elapsed() < ms(500), "refused in silence");
        assert!(!ping(&office, pc));
        office.gateway(|| firewall.bring_to(&state(2, None), now).unwrap());
        closed(&office);
    }
}

#[test]
fn nobody_from_elsewhere_reaches_devices_or_the_gateways_tunnel_address() {
    let Some(office) = Office::new("lan") else { return };
    office.serve();
    let mut firewall = firewall();
    office.gateway(|| firewall.bring_to(&state(2, HOUR), Boot::now()).unwrap());
    let n = &office.name;
    office::run(&format!("ip -n {n}-o route add 10.99.0.0/16 via 192.168.7.1"));
    office::run(&format!("ip -n {n}-o -6 route add fd99::/48 via fd77::1"));
    for target in ["10.99.1.1", "fd99::1:1", GATEWAY[0], GATEWAY[1]] {
        for port in [445, 443, PORTS.https] {
            let result = office.within("o", || TcpStream::connect_timeout(&to(target, port), ms(300)).map(drop));
            assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut, "{target}");
        }
    }
    // From the box itself: at once, not in silence.
    for target in GATEWAY {
        let result = office.gateway(|| TcpStream::connect_timeout(&to(target, PORTS.https), ms(300)).map(drop));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionRefused, "{target}");
    }
    // A device with another's address outside the site network, or the gateway's own.
    for wrong in ["172.16.0.9", "fd55::9"] {
        let (family, length) = if wrong.contains(':') { ("-6", 128) } else { ("-4", 32) };
        office::run(&format!(
            "ip -n {n}-d {family} addr add {wrong}/{length} dev eth0{}",
            if length == 128 { " nodad" } else { "" }
        ));
        let v6 = family == "-6";
        let back = if v6 { "via fd99::1:1" } else { "via 10.99.1.1" };
        office::run(&format!("ip -n {n}-g {family} route add {wrong}/{length} {back} dev pass0"));
        let gone = office.within("d", || {
            let socket = UdpSocket::bind(SocketAddr::new(address(wrong), 0)).unwrap();
            socket.set_read_timeout(Some(ms(300))).unwrap();
            socket.connect(to(FILES[usize::from(v6)], 9000)).unwrap();
            socket.send(b"hello").and_then(|_| socket.recv(&mut [0; 16])).unwrap_err().kind()
        });
        assert_eq!(gone, ErrorKind::WouldBlock, "{wrong}");
    }
}

#[test]
fn replies_without_masquerade_pass_and_nothing_else() {
    let Some(office) = Office::new("route") else { return };
    office.serve();
    let n = &office.name;
    office::run(&format!("ip -n {n}-o route add 10.99.0.0/16 via 192.168.7.1"));
    office::run(&format!("ip -n {n}-o -6 route add fd99::/48 via fd77::1"));
    let mut routed = state(1, HOUR);
    routed.interface.as_mut().unwrap().masquerade = false;
    office.gateway(|| firewall().bring_to(&routed, Boot::now()).unwrap());
    for (family, files) in FILES.into_iter().enumerate() {
        let mut stream = connect(&office, to(files, 445)).unwrap();
        stream.write_all(b"hello").unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
        let from = office.peers_seen.lock().unwrap().last().copied().unwrap();
        assert_eq!(from, [address("10.99.1.1"), address("fd99::1:1")][family]);
        let result =
            office.within("o", || TcpStream::connect_timeout(&to(["10.99.1.1", "fd99::1:1"][family], 445), ms(300)));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
    }
}

/// A source port that is a WireGuard port does not lead replies into the void, nor shadow the port (CVE-2021-3773).
#[test]
fn wireguard_ports_are_nobody_elses() {
    let Some(office) = Office::new("shadow") else { return };
    office.serve();
    office.gateway(|| firewall().bring_to(&state(1, HOUR), Boot::now()).unwrap());
    let answer = office.within("d", || {
        let socket = UdpSocket::bind("0.0.0.0:51820").unwrap();
        socket.set_read_timeout(Some(ms(1000))).unwrap();
        socket.connect(to(FILES[0], 9000)).unwrap();
        socket.send(b"hello").and_then(|_| socket.recv(&mut [0; 16]))
    });
    assert_eq!(answer.unwrap(), 5);
    // A server for WireGuard's port hears everybody, that host too.
    let heard = office.gateway(|| {
        let socket = UdpSocket::bind("0.0.0.0:51820").unwrap();
        socket.set_read_timeout(Some(ms(1000))).unwrap();
        office.within("o", || {
            UdpSocket::bind("0.0.0.0:9000")
                .or_else(|_| UdpSocket::bind("0.0.0.0:0"))
                .unwrap()
                .send_to(b"x", "192.168.7.1:51820")
                .unwrap()
        });
        socket.recv(&mut [0; 16])
    });
    assert_eq!(heard.unwrap(), 1);
    let tracked = office.gateway(|| std::fs::read_to_string("/proc/thread-self/net/nf_conntrack").unwrap_or_default());
    assert!(!tracked.contains("dport=51820"), "{tracked}");
}

/// Both ends learn at once, and a stream in one direction ends too.
#[test]
fn a_closed_door_cuts_running_streams() {
    for (family, files) in FILES.into_iter().enumerate() {
        let Some(office) = Office::new(&format!("cut{family}")) else { return };
        office.serve();
        let mut firewall = firewall();
        let now = Boot::now();
        let mut restricted = state(1, HOUR);
        restricted.peers.values_mut().for_each(|p| p.grants.retain(|r, _| r.0.as_u128() != 1));
        // The door closes; or one grant ends while the door stays open: replies are tested by grant.
        for closed in [state(1, None), restricted] {
            office.gateway(|| firewall.bring_to(&state(1, HOUR), now).unwrap());
            let mut stream = connect(&office, to(files, 446)).unwrap();
            let mut buffer = vec![0; 1 << 16];
            stream.read_exact(&mut buffer).unwrap();
            let cut = office.gateway(|| {
                let start = Instant::now();
                firewall.bring_to(&closed, now).unwrap();
                let cut = (start.elapsed(), Instant::now());
                // As the data plane does after each load that takes something away.
                let device = closed.peers.values().next().unwrap().peer.clone();
                let flows = [device.address4.into(), device.address6.into()].map(Flows::From);
                conntrack::forget(&flows, &[]).unwrap();
                cut
            });
            stream.set_read_timeout(Some(ms(1000))).unwrap();
            let mut last = cut.1;
            let mut after = 0;
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                after += n;
                last = Instant::now();
            }
            println!("family {family}: load {:?}, last byte {:?} after it, {after} bytes", cut.0, last - cut.1);
            // What was in the socket's buffer may still be read.
            assert!(last - cut.1 < ms(300), "{:?}", last - cut.1);
            // The server is told, so that it lets go of files and locks: by what it sends next, or sends again.
            let began = Instant::now();
            loop {
                let sockets = office::run(&format!("ip netns exec {}-o ss -Htn state established", office.name));
                if !sockets.contains(":446") {
                    break;
                }
                assert!(began.elapsed() < ms(3000), "{sockets}");
                std::thread::sleep(ms(10));
            }
        }
    }
}

#[test]
fn the_kernel_ends_what_ends() {
    let Some(office) = Office::new("end") else { return };
    office.serve();
    let mut firewall = firewall();
    let start = Instant::now();
    office.gateway(|| firewall.bring_to(&state(1, Some(ms(2900))), Boot::now()).unwrap());
    let mut open = 0;
    let end = loop {
        match connect(&office, to(FILES[0], 445)) {
            Ok(_) => {
                open += 1;
                std::thread::sleep(ms(5));
            }
            Err(ErrorKind::ConnectionRefused) => break start.elapsed(),
            Err(other) => panic!("{other} {open} {:?}", start.elapsed()),
        }
        assert!(start.elapsed() < ms(5000));
    };
    assert!(open > 0);
    assert!((ms(1900)..ms(2900)).contains(&end), "{end:?}");
    // What ended by itself is no obstacle for the next difference.
    office.gateway(|| firewall.bring_to(&state(1, None), Boot::now()).unwrap());
    office.gateway(|| firewall.bring_to(&state(1, HOUR), Boot::now()).unwrap());
    assert!(connect(&office, to(FILES[0], 445)).is_ok());
}

#[test]
fn changes_by_others_are_seen_and_own_ones_are_not() {
    let Some(office) = Office::new("watch") else { return };
    office.gateway(|| {
        let mut firewall = firewall();
        let (tell, told) = mpsc::channel();
        let _watch =
            Watch::start(firewall.own(), move |touched| tell.send((touched, Instant::now())).unwrap()).unwrap();
        let now = Boot::now();
        for open in [None, HOUR, None, HOUR] {
            firewall.bring_to(&state(300, open), now).unwrap();
        }
        firewall.forget();
        firewall.bring_to(&state(300, HOUR), now).unwrap();
        nft("add table inet somebody");
        nft("delete table inet somebody");
        assert_eq!(told.recv_timeout(ms(500)).ok(), None);
        for command in
            ["flush ruleset", "delete element inet passerelle open4 { 10.99.1.1 }", "delete table inet passerelle"]
        {
            let start = Instant::now();
            nft(command);
            let (touched, at) = told.recv_timeout(ms(2000)).unwrap();
            println!("{command}: seen after {:?}: {touched:?}", at - start);
            assert!(at - start < ms(200));
            assert!(matches!(touched, Touched::Foreign { ref program, .. } if program == "nft"), "{touched:?}");
            firewall.forget();
            firewall.bring_to(&state(300, HOUR), now).unwrap();
            assert!(nft("list set inet passerelle open4").contains("10.99.1.1"));
        }
        assert_eq!(told.recv_timeout(ms(500)).ok(), None);
    });
}

#[test]
fn a_difference_that_does_not_load_loads_everything() {
    let Some(office) = Office::new("heal") else { return };
    office.gateway(|| {
        let mut firewall = firewall();
        let now = Boot::now();
        firewall.bring_to(&state(3, HOUR), now).unwrap();
        nft("delete element inet passerelle open4 { 10.99.1.1 }");
        firewall.bring_to(&state(3, None), now).unwrap();
        nft("flush ruleset");
        firewall.bring_to(&state(3, HOUR), now).unwrap();
        assert!(nft("list set inet passerelle open4").contains("10.99.1.3"));
    });
}

#[test]
fn forgets_flows_of_one_device_only() {
    let Some(office) = Office::new("ct") else { return };
    office.serve();
    office::run(&format!("ip -n {}-d addr add 10.99.1.2/16 dev eth0", office.name));
    office::run(&format!("ip -n {}-d addr add fd99::1:2/128 dev eth0 nodad", office.name));
    office.gateway(|| firewall().bring_to(&state(2, HOUR), Boot::now()).unwrap());
    let from = |source: &str, target: SocketAddr| {
        office.within("d", || {
            let socket = UdpSocket::bind(SocketAddr::new(address(source), 0)).unwrap();
            socket.set_read_timeout(Some(ms(1000))).unwrap();
            socket.connect(target).unwrap();
            socket.send(b"x").and_then(|_| socket.recv(&mut [0; 4])).unwrap();
        });
    };
    let count = |flows: &[Flows]| office.gateway(|| conntrack::forget(flows, &GATEWAY.map(address)).unwrap());
    for (family, files) in FILES.into_iter().enumerate() {
        let (one, two) = (["10.99.1.1", "fd99::1:1"][family], ["10.99.1.2", "fd99::1:2"][family]);
        let fill = || {
            from(one, to(files, 9000));
            from(one, to(files, 9001));
            from(one, to(GATEWAY[family], 53));
            from(two, to(files, 9000));
        };
        let alias = |text: &str| ipnet::IpNet::from(address(text));
        fill();
        assert_eq!(count(&[Flows::Between(address(one), alias(PC[family]))]), 0);
        assert_eq!(count(&[Flows::Between(address(one), alias(files))]), 2);
        assert_eq!(count(&[Flows::From(address(one))]), 0, "only the gateway's own is left");
        fill();
        assert_eq!(count(&[Flows::From(address(one))]), 2);
        assert_eq!(count(&[Flows::From(address(two))]), 2, "untouched before");
        assert_eq!(count(&[Flows::From(address(one)), Flows::From(address(two))]), 0);
        fill();
        let to = |real: &str| Flows::Misled(alias(files), alias(real));
        assert_eq!(count(&[to(["192.168.7.10", "fd77::10"][family])]), 0, "they lead where the alias does");
        assert_eq!(count(&[to(["192.168.7.11", "fd77::11"][family])]), 3, "the alias stands for another machine now");
    }
}

/// The test-only switch: all is translated, nothing tested. And its opposite: nothing known, everything shut.
#[test]
fn without_tests_all_passes_and_without_a_state_nothing() {
    let Some(office) = Office::new("open") else { return };
    office.serve();
    let options = Options { test_open: true, ..Options::new("pass0", PORTS) };
    office.gateway(|| Firewall::new(options).unwrap().bring_to(&state(1, None), Boot::now()).unwrap());
    for target in [to(FILES[0], 445), to(FILES[1], 451), to(PC[0], 445), to(GATEWAY[0], 443), to("10.99.129.10", 445)] {
        assert!(connect(&office, target).is_ok(), "{target}");
    }
    office.gateway(|| firewall().bring_to(&State::default(), Boot::now()).unwrap());
    for target in [to(FILES[0], 445), to(GATEWAY[0], 443), to(GATEWAY[1], PORTS.https), to("192.168.7.10", 445)] {
        assert_eq!(connect(&office, target).map(drop), Err(ErrorKind::ConnectionRefused), "{target}");
    }
}

#[test]
fn refuses_with_the_cure() {
    let Some(office) = Office::new("cure") else { return };
    use gateway::firewall::load::Nft;
    office.gateway(|| {
        let missing = Nft::at("/nonexistent/nft").load(b"{}".to_vec()).unwrap_err();
        assert_eq!(missing.to_string(), "nft is missing: apt install nftables");
        let refused = Nft::find().unwrap().load(b"{\"nftables\":[{\"add\":{\"rule\":{}}}]}".to_vec()).unwrap_err();
        assert!(refused.to_string().starts_with("nft refused the transaction ("), "{refused}");
    });
}

#[test]
fn the_probe_names_who_drops_and_the_cure_helps() {
    use gateway::firewall::probe::{self, Finding, Owner};
    let Some(office) = Office::new("probe") else { return };
    let n = &office.name;
    let probe = || office.gateway(|| probe::run("pass0", "lan0", &[], None).unwrap().swap_remove(0));
    // While pass0 is there, under another name; without it, as pass0 itself.
    assert_eq!(probe(), Finding::Forwarded);
    office::run(&format!("ip -n {n}-g link del pass0"));
    assert_eq!(probe(), Finding::Forwarded);
    office::run(&format!("ip netns exec {n}-g sysctl -qw net.ipv4.ip_forward=0"));
    assert_eq!(probe(), Finding::ForwardingOff { office: "lan0".into() });
    office::run(&format!("ip netns exec {n}-g sysctl -qw net.ipv4.ip_forward=1"));
    for (table, chain, owner) in [
        ("ip filter", "DOCKER-USER", Owner::Docker),
        ("ip filter", "ufw-before-forward", Owner::Ufw),
        ("ip filter", "other", Owner::Iptables),
        ("inet firewalld", "filter_FWD", Owner::Firewalld),
        ("inet mine", "other", Owner::Nftables),
    ] {
        for how in ["policy", "rule", "reject"] {
            let policy = if how == "policy" { "drop" } else { "accept" };
            let verdict =
                ["counter", "drop", "reject"][["policy", "rule", "reject"].iter().position(|h| *h == how).unwrap()];
            office.gateway(|| {
                nft(&format!("add table {table}"));
                nft(&format!("add chain {table} {chain}"));
                nft(&format!("add chain {table} FORWARD {{ type filter hook forward priority 0; policy {policy}; }}"));
                nft(&format!("add rule {table} FORWARD ip saddr 198.18.0.0/15 {verdict}"));
            });
            let finding = probe();
            let Finding::Dropped { owner: who, ref place, .. } = finding else { panic!("{finding:?}") };
            assert_eq!((who, place.chain.as_str()), (owner, "FORWARD"), "{how}");
            println!("{}: {}", finding.sentence(), finding.cure().unwrap()[0]);
            if owner == Owner::Nftables {
                office.gateway(|| probe::apply_cure(&finding.cure().unwrap()).unwrap());
                assert_eq!(probe(), Finding::Forwarded, "{how}");
                // The running gateway has the name: the exemption is found in the rules.
                office::run(&format!("ip -n {n}-g link add pass0 type veth peer name peer0"));
                assert!(matches!(probe(), Finding::Exempted(_)), "{how}");
                office::run(&format!("ip -n {n}-g link del pass0"));
            }
            office.gateway(|| nft(&format!("delete table {table}")));
        }
    }
    assert!(!office.gateway(|| nft("list tables")).contains("probe"));
}
