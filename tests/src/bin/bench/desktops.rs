//! An office PC by an app of one's own: what the gateway's splicing costs beside the kernel's plain forwarding, by the same
//! tunnel to the same server in the same run, and beside `socat` and HAProxy on a machine of the office.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use office::gateway::{Cast, GatewayOptions, Role};
use office::{Home, Netns, Office, OfficeOptions, Part};

use crate::{haproxy, median, percentile, proc};

/// X.224: a request for TLS and CredSSP, and the answer that chooses TLS.
pub(crate) const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
pub(crate) const CONFIRM: [u8; 19] = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 1, 0, 0, 0];
/// Where the server speaks RDP's first words, and where it does not.
const RDP: u16 = 3389;
const PLAIN: u16 = 9000;
const SOCAT: u16 = 9001;
const HAPROXY: u16 = 9002;
pub(crate) const ROUNDS: usize = 5;
/// One round of one way.
pub(crate) const ROUND: Duration = Duration::from_secs(4);
pub(crate) const TRIPS: usize = 2_000;
const KNOCK: Duration = Duration::from_secs(30);
/// A key pressed, a part of the picture.
pub(crate) const MESSAGE: usize = 64;

pub(crate) fn measure() -> anyhow::Result<()> {
    let office = Office::start(OfficeOptions::default()).context("start the office")?;
    let pc = office.machine("pc-b", Part::First, 71)?;
    let between = office.machine("socat", Part::First, 72)?;
    serve(&pc)?;
    let socat = format!("TCP-LISTEN:{SOCAT},fork,reuseaddr,nodelay");
    let forwards = between.spawn(["socat", &socat, &format!("TCP:192.168.1.71:{PLAIN},nodelay")]);
    let at = format!("192.168.1.72:{HAPROXY}");
    let balances = haproxy::start(&office, &between, &at, &format!("\n server pc 192.168.1.71:{PLAIN}\n"));
    let mut cast = Cast::start(&office, GatewayOptions::default())?;
    let publish = |kind: &str, name: &str, address: &str, port: Option<u16>| -> anyhow::Result<Ipv4Addr> {
        let port = port.map(|p| p.to_string());
        let more: Vec<&str> = port.iter().flat_map(|p| ["--port", p.as_str()]).collect();
        let added = cast.gateway.cli(&[&[kind, "add", name, address][..], &more].concat())?;
        cast.gateway.cli(&["policy", "add", "workshop", name])?;
        Ok(added["alias4"].as_str().context("an alias")?.parse()?)
    };
    pc.ip("addr add 192.168.1.73/24 dev eth0")?;
    let mut ways: Vec<(&str, SocketAddr)> = vec![
        ("forwarded by the kernel", (publish("service", "plain", "192.168.1.73", Some(PLAIN))?, PLAIN).into()),
        ("spliced by `net`", (publish("workstation", "desk", "192.168.1.71", None)?, RDP).into()),
    ];
    for (name, port, process) in [("socat", SOCAT, &forwards), ("HAProxy", HAPROXY, &balances)] {
        match process {
            Ok(_) => ways.push((name, (publish("service", name, "192.168.1.72", Some(port))?, port).into())),
            Err(e) => eprintln!("without {name}: {e:#}"),
        }
    }
    let client = cast.anne_at(Home::A)?;
    cast.anne_signs_in(client.ns())?;
    let net = cast.gateway.pid(Role::Net)?;

    println!(
        "\n{:32} {:>10} {:>8} {:>22} {:>10} {:>10}",
        "one desktop, by WireGuard", "MB/s", "ratio", "`net`, CPU-s a GB", "RTT p50", "p99"
    );
    let mut speeds = vec![Vec::new(); ways.len()];
    let mut costs = vec![Vec::new(); ways.len()];
    for _ in 0..ROUNDS {
        for (nth, (_, at)) in ways.iter().enumerate() {
            let before = proc::cpu(net)?;
            let bytes = download(client.ns(), *at)?;
            let took = proc::cpu(net)? - before;
            speeds[nth].push(bytes as f64 / ROUND.as_secs_f64() / 1e6);
            costs[nth].push(took.as_secs_f64() / (bytes as f64 / 1e9));
        }
    }
    let mut plain = None;
    for (nth, (name, at)) in ways.iter().enumerate() {
        let speed = median(speeds[nth].clone());
        let plain = *plain.get_or_insert(speed);
        let trips = trips(client.ns(), *at)?;
        let (p50, p99) = (percentile(&trips, 50), percentile(&trips, 99));
        let cost = median(costs[nth].clone());
        println!("{name:32} {speed:10.1} {:8.2} {cost:22.2} {p50:>10.0?} {p99:>10.0?}", speed / plain);
    }
    Ok(())
}

/// A server that answers RDP's first request on one port, and nothing on the other; then it does what one byte says.
fn serve(pc: &Netns) -> anyhow::Result<()> {
    for port in [RDP, PLAIN] {
        let listener = pc.within(|| TcpListener::bind(("0.0.0.0", port)).context("listen"))?;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || attend(stream, port));
            }
        });
    }
    Ok(())
}

fn attend(mut stream: TcpStream, port: u16) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    if port == RDP {
        stream.read_exact(&mut [0; REQUEST.len()])?;
        stream.write_all(&CONFIRM)?;
    }
    let mut what = [0];
    stream.read_exact(&mut what)?;
    let much = vec![7; 64 * 1024];
    let mut message = [0; MESSAGE];
    loop {
        if what == *b"d" {
            stream.write_all(&much)?;
        } else {
            stream.read_exact(&mut message)?;
            stream.write_all(&message)?;
        }
    }
}

fn open(at: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&at, KNOCK).with_context(|| format!("connect to {at}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(KNOCK))?;
    if at.port() == RDP {
        stream.write_all(&REQUEST)?;
        let mut answer = CONFIRM;
        stream.read_exact(&mut answer).context("RDP's first answer")?;
        ensure!(answer == CONFIRM, "{answer:?}");
    }
    Ok(stream)
}

/// Bytes of one round.
fn download(ns: &Netns, at: SocketAddr) -> anyhow::Result<u64> {
    ns.within(|| {
        let mut stream = open(at)?;
        stream.write_all(b"d")?;
        let mut some = vec![0; 256 * 1024];
        // The first second is TCP's own beginning.
        let begins = Instant::now() + Duration::from_secs(1);
        let ends = begins + ROUND;
        let mut bytes = 0;
        loop {
            let n = stream.read(&mut some)?;
            ensure!(n > 0, "the stream ended");
            let now = Instant::now();
            if now >= ends {
                return Ok(bytes);
            }
            bytes += if now >= begins { n as u64 } else { 0 };
        }
    })
}

/// Round trips of a small message, sorted.
fn trips(ns: &Netns, at: SocketAddr) -> anyhow::Result<Vec<Duration>> {
    let mut trips = ns.within(|| {
        let mut stream = open(at)?;
        stream.write_all(b"e")?;
        let mut message = [1; MESSAGE];
        let mut trips = Vec::with_capacity(TRIPS);
        for _ in 0..TRIPS {
            let began = Instant::now();
            stream.write_all(&message)?;
            stream.read_exact(&mut message)?;
            trips.push(began.elapsed());
        }
        Ok(trips)
    })?;
    trips.sort_unstable();
    Ok(trips)
}
