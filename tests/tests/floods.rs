//! Floods from the internet: newcomers get in, open tunnels go on, and junk kills nobody.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::io::Write as _;
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use office::addresses::{GATEWAY, PC};
use office::gateway::{Cast, Gateway, GatewayOptions, Role};
use office::{Flood, Home, Listener, Office, OfficeOptions, Speaker, Stream, connect, heavy, scenario, wait_until};

const TO: SocketAddrV4 = SocketAddrV4::new(GATEWAY, 51820);
const KNOCK: Duration = Duration::from_secs(3);
/// Initiations of a flood, each made once and sent from many senders.
const MADE: usize = 512;

/// Handshake initiations that cost the gateway what an honest one costs: for its key, from somebody it does not know.
fn initiations(office: &Office, config: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut stranger = Speaker::new(&office.internet, config)?;
    stranger.mistake(false);
    (0..MADE).map(|_| stranger.initiation()).collect()
}

/// Handshakes of a newcomer, begun anew each time, the quickest first.
fn newcomers(office: &Office, config: &str, tries: usize) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    let mut newcomer = Speaker::new(&office.home_b, config)?;
    for _ in 0..tries {
        newcomer = newcomer.restarted(&office.home_b)?;
        took.push(newcomer.handshake(Duration::from_secs(11))?.context("no handshake in 11 s")?);
        sleep(Duration::from_millis(20));
    }
    took.sort();
    // The twin: who does not know the preshared key is not let in, flood or not.
    newcomer.forget_preshared_key();
    ensure!(newcomer.handshake(Duration::from_millis(500))?.is_none(), "in without a preshared key");
    Ok(took)
}

/// Beyond its free handshakes the gateway asks for a cookie: how long it takes to get in with one. Some tries are lost in
/// a flood that is made faster than it can be read, and some are let in without a cookie.
fn with_cookie(office: &Office, config: &str) -> anyhow::Result<Option<Duration>> {
    const TRIES: usize = 30;
    const ANSWER: Duration = Duration::from_millis(400);
    let mut newcomer = Speaker::new(&office.home_b, config)?;
    let mut asked = false;
    for _ in 0..TRIES {
        let message = newcomer.initiation()?;
        let began = Instant::now();
        newcomer.socket.send(&message)?;
        match newcomer.datagram(ANSWER)? {
            Some(cookie) if cookie[0] == 3 => {
                newcomer.take(&cookie);
                asked = true;
            }
            Some(response) if response[0] == 2 && asked => return Ok(Some(began.elapsed())),
            _ => {}
        }
    }
    Ok(None)
}

#[test]
fn newcomers_get_in_during_a_flood_of_spoofed_handshakes() -> anyhow::Result<()> {
    const TRIES: usize = 21;
    const IN: Duration = Duration::from_millis(250);
    scenario(OfficeOptions::default(), |office| {
        let cast = Cast::start(office, GatewayOptions::default())?;
        let messages = initiations(office, &cast.laptop.config)?;
        for rate in [500, 2_000] {
            let flood = Flood::start(&office.internet, TO, &messages, Some(rate))?;
            sleep(Duration::from_secs(1));
            let took = newcomers(office, &cast.tablet.config, TRIES)?;
            let reached = flood.rate();
            let (median, p90, worst) = (took[TRIES / 2], took[TRIES * 9 / 10], took[TRIES - 1]);
            eprintln!("{reached}/s: a newcomer is in after {median:?}, p90 {p90:?}, worst {worst:?}");
            ensure!(reached * 10 >= rate * 9, "only {reached}/s of {rate}/s were sent");
            ensure!(median <= IN, "{took:?}");
        }
        let calm = with_cookie(office, &cast.tablet.config)?;
        ensure!(calm.is_none(), "a cookie is asked for without a flood");
        let flood = Flood::start(&office.internet, TO, &messages, Some(20_000))?;
        sleep(Duration::from_secs(1));
        for _ in 0..3 {
            let took = with_cookie(office, &cast.tablet.config)?.context("no cookie was asked for")?;
            eprintln!("{}/s: with a cookie in after {took:?}", flood.rate());
        }
        Ok(())
    })
}

/// What a steady user takes, in bytes a second: 40 Mbit/s.
const STEADY: u64 = 5_000_000;
const PACED: u16 = 9001;

/// Sends at a steady rate for as long as somebody reads.
fn paced(mut stream: TcpStream) {
    let chunk = [0x5a; 10_000];
    let each = Duration::from_micros(chunk.len() as u64 * 1_000_000 / STEADY);
    let mut due = Instant::now();
    while stream.write_all(&chunk).is_ok() {
        // what was missed is not made up for
        due = (due + each).max(Instant::now());
        sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// What a stream carries in so long, in bytes a second.
fn goodput(stream: &Stream, over: Duration) -> anyhow::Result<u64> {
    let (before, began) = (stream.bytes(), Instant::now());
    sleep(over);
    ensure!(stream.ended().is_none(), "{:?}", stream.ended());
    Ok((stream.bytes() - before) * 1000 / u64::try_from(began.elapsed().as_millis())?.max(1))
}

fn median(mut of: Vec<u64>) -> u64 {
    of.sort_unstable();
    of.get(of.len() / 2).copied().unwrap_or_default()
}

/// Handshakes have a queue and a thread of their own: no packet waits for them. What is left is that all share the cores.
#[test]
fn an_open_tunnel_goes_on_beside_a_flood_of_spoofed_handshakes() -> anyhow::Result<()> {
    const ROUNDS: usize = 3;
    const ROUND: Duration = Duration::from_millis(1500);
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let _steady = Listener::serve(&office.pc, PACED, paced)?;
        let port = PACED.to_string();
        let added = cast.gateway.cli(&["service", "add", "steady", &PC.to_string(), "--port", &port])?;
        cast.gateway.cli(&["policy", "add", "workshop", "steady"])?;
        let alias = added["alias4"].as_str().context("alias")?.to_owned();
        let client = cast.anne_at(Home::A)?;
        cast.anne_signs_in(client.ns())?;
        let messages = initiations(office, &cast.laptop.config)?;
        let (steady, all): (SocketAddr, _) = (format!("{alias}:{PACED}").parse()?, cast.pc_at(9000)[0]);
        let mut streams = vec![("steady", steady, 20_000)];
        if heavy("a stream that takes all there is") {
            streams.extend([("all there is", all, 5_000), ("all there is", all, 20_000)]);
        }
        for (what, to, rate) in streams {
            let stream = Stream::open(client.ns(), to)?;
            sleep(Duration::from_secs(1));
            let (mut calm, mut flooded, mut rates) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                calm.push(goodput(&stream, ROUND)?);
                let flood = Flood::start(&office.internet, TO, &messages, Some(rate))?;
                sleep(Duration::from_millis(300));
                flooded.push(goodput(&stream, ROUND)?);
                rates.push(flood.rate());
            }
            let (calm, flooded, reached) = (median(calm), median(flooded), median(rates));
            let kept = flooded * 100 / calm.max(1);
            let mbit = |bytes: u64| bytes * 8 / 1_000_000;
            eprintln!("{what}: {} Mbit/s, at {reached}/s {} Mbit/s: {kept} %", mbit(calm), mbit(flooded));
            ensure!(reached * 10 >= rate * 9, "the generator reached {reached}/s of {rate}/s");
            // a stream that takes all there is shares the cores with the flood's own making: it is reported
            ensure!(what != "steady" || kept >= 90, "{kept} % was kept at {rate}/s");
        }
        Ok(())
    })
}

/// What is no message: random bytes, and every type with every wrong length, true and false first words.
fn junk() -> Vec<Vec<u8>> {
    let mut state = 0x5eed_u64;
    let mut byte = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    let mut all: Vec<Vec<u8>> = (1..1400).step_by(7).map(|n| (0..n).map(|_| byte()).collect()).collect();
    for kind in 0..=5 {
        for n in [1, 3, 4, 5, 15, 16, 31, 32, 33, 63, 64, 65, 91, 92, 93, 116, 147, 148, 149, 600, 1400] {
            let mut message: Vec<u8> = (0..n).map(|_| byte()).collect();
            message[0] = kind;
            all.push(message.clone());
            for zero in message.iter_mut().take(8).skip(1) {
                *zero = 0;
            }
            all.push(message);
        }
    }
    all
}

/// Memory that is really there, in KiB.
fn resident(gateway: &Gateway<'_>) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid(Role::Net)?))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("VmRSS")?;
    line.trim().trim_end_matches(" kB").parse().context("a number")
}

#[test]
fn junk_at_full_speed_kills_nobody_and_takes_no_memory() -> anyhow::Result<()> {
    const LONG: Duration = Duration::from_secs(10);
    const MORE_KIB: u64 = 16 << 10;
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        // More than `net.core.rmem_max` allows without CAP_NET_ADMIN.
        let sockets = office.gw.ok(["ss", "-Huamn", "sport = :51820 or sport = :443"])?;
        let [packets, handshakes] = [",rb16777216,", ",rb4194304,"].map(|size| sockets.matches(size).count());
        ensure!((packets, handshakes) == (2, 2), "receive buffers: {sockets}");
        let client = cast.anne_at(Home::A)?;
        cast.anne_signs_in(client.ns())?;
        let pid = cast.gateway.pid(Role::Net)?;
        let before = (resident(&cast.gateway)?, office.gw.udp_errors()?);
        let flood = Flood::start(&office.internet, TO, &junk(), None)?;
        sleep(LONG);
        let sent = flood.sent();
        drop(flood);
        let after = (resident(&cast.gateway)?, office.gw.udp_errors()?);
        let judged = after.1.received - before.1.received;
        eprintln!("{sent} sent, {judged} read; resident {} KiB before, {} KiB after", before.0, after.0);
        ensure!(judged > 100_000, "{judged} of {sent} were read: {after:?}");
        ensure!(office::runs(pid) && cast.gateway.pid(Role::Net)? == pid, "the data plane died");
        ensure!(after.0 <= before.0 + MORE_KIB, "resident: {} KiB before, {} KiB after", before.0, after.0);
        for role in [Role::Net, Role::Serve] {
            let log = cast.gateway.log(role)?;
            ensure!(!log.contains("panic") && !log.contains("WARN") && !log.contains("ERROR"), "{log}");
        }
        wait_until("the tunnel still carries", KNOCK, || {
            Ok(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open().then_some(()))
        })?;
        ensure!(!connect(client.ns(), cast.files_at(8080)[0], KNOCK)?.is_open(), "junk opened a port");
        Ok(())
    })
}
