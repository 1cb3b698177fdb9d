//! A bad wire between home and gateway: loss, packets out of order, twice, late, broken, and sent again by a thief. What
//! arrives is whole and arrives once; who sends it again gets nothing.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use office::addresses::GATEWAY;
use office::gateway::{Cast, GatewayOptions};
use office::{
    Capture, Client, Counts, Faults, Frame, Home, Office, OfficeOptions, Ping, Stream, Way, ping, scenario, wait_until,
};

const COPY: Duration = Duration::from_secs(100);
const KNOCK: Duration = Duration::from_secs(3);
/// `net` tells four times a second where devices are; the rest is for a busy machine.
const TOLD: Duration = Duration::from_millis(1500);
const SERVER: &str = "files.office.lan";
const OVER_A_WIRE: OfficeOptions = OfficeOptions { narrow: None, wire: Some(Home::A) };
/// Another one, other packets; the same one, the same fates.
const SEED: u64 = 0x5eed;

/// Anne has signed in at home-a, by a wire that is still good.
fn signed_in(office: &Office) -> anyhow::Result<(Cast<'_>, Client<'_>)> {
    let mut cast = Cast::start(office, GatewayOptions::default())?;
    let client = cast.anne_at(Home::A)?;
    cast.anne_signs_in(client.ns())?;
    Ok((cast, client))
}

/// What happened is what was asked for: a wire that did nothing proves nothing.
type Happened = fn(Counts) -> bool;

#[test]
fn a_copy_arrives_whole_over_every_bad_wire() -> anyhow::Result<()> {
    let ms = Duration::from_millis;
    let good = Faults { seed: SEED, ..Faults::default() };
    let mixed = Faults { late: 100, duplicate: 50, behind: ms(20), delay: ms(80), ..good };
    let wires: [(&str, u32, Faults, Happened); 4] = [
        ("good", 50, good, |c| c == Counts { seen: c.seen, ..Counts::default() } && c.seen > 35_000),
        ("every fifth is lost", 10, Faults { loss: 200, ..good }, |c| (150..250).contains(&(c.lost * 1000 / c.seen))),
        ("late, mixed and doubled", 10, mixed, |c| c.overtook > 1_000 && c.doubled > 300),
        ("every fiftieth is broken", 10, Faults { corrupt_every: 50, ..good }, |c| c.corrupted > 150),
    ];
    scenario(OVER_A_WIRE, |office| {
        let (_cast, client) = signed_in(office)?;
        for (what, megabytes, faults, happened) in wires {
            let file = office.big_file("drawings", megabytes)?;
            // its own kernel's for what comes after smbclient has gone do not count
            let filter = "tcp src port 445 and tcp[tcpflags] & tcp-rst != 0";
            let resets = Capture::start(client.ns(), client.interface(), filter)?;
            // the connection itself is made over the bad wire, too
            office.wire()?.be(faults);
            let began = Instant::now();
            office.copy(client.ns(), SERVER, &file)?.finish(COPY).context(what)?;
            let counts = office.wire()?.counts();
            eprintln!("{what}: {megabytes} MB in {:?}: {counts:?}", began.elapsed());
            ensure!(counts.overflown == 0, "the wire itself was too slow: {counts:?}");
            ensure!(happened(counts), "{what}: {counts:?}");
            office.wire()?.be(Faults::default());
            let resets = resets.stop()?;
            ensure!(resets.is_empty(), "{what}: {resets:?}");
        }
        // The kernel's checksums found nothing: it was the tunnel that dropped what was broken.
        for ns in [&office.gw, &office.home_a] {
            let errors = ns.udp_errors()?;
            ensure!(errors.checksum == 0, "{}: {errors:?}", ns.name());
        }
        Ok(())
    })
}

/// Pings that a thief records.
const ECHOES: usize = 2_000;
const REPLAYS: u64 = 1_000_000;
const REPLAY_LIMIT: Duration = Duration::from_secs(60);

/// Echo requests that reach the office.
fn echoes<'o>(office: &'o Office) -> anyhow::Result<Capture<'o>> {
    Capture::start(&office.gw, "lan0", "icmp[icmptype] = icmp-echo")
}

/// Where the gateway takes Anne's laptop to be.
fn endpoint(cast: &Cast<'_>) -> anyhow::Result<String> {
    let devices = cast.gateway.cli(&["device", "list"])?;
    let own = devices.as_array().into_iter().flatten().find(|d| d["id"] == cast.laptop.id.as_str());
    Ok(own.context("the laptop")?["endpoint"].as_str().context("an endpoint")?.to_owned())
}

/// A datagram socket somewhere else on the internet, and what the gateway sends there.
fn thief(office: &Office) -> anyhow::Result<(UdpSocket, Capture<'_>)> {
    let socket = office.home_b.within(|| {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect((GATEWAY, 51820))?;
        Ok(socket)
    })?;
    Ok((socket, Capture::start(&office.home_b, "eth0", &format!("src host {GATEWAY}"))?))
}

#[test]
fn a_million_packets_sent_again_deliver_nothing_and_move_nobody() -> anyhow::Result<()> {
    scenario(OVER_A_WIRE, |office| {
        let (cast, client) = signed_in(office)?;
        let wire = office.wire()?;
        let (heard, alias) = (echoes(office)?, cast.files.0.to_string());
        wire.take();
        client.ns().ok(["ping", "-q", "-n", "-c", &ECHOES.to_string(), "-i", "0.002", "-s", "200", &alias])?;
        let taken: Vec<Frame> = wire.taken().into_iter().filter(|f| f.way == Way::Out && f.message()[0] == 4).collect();
        let heard = heard.stop()?.len();
        ensure!(taken.len() >= ECHOES && heard == ECHOES, "{} taken, {heard} heard", taken.len());

        let stream = Stream::open(client.ns(), cast.pc_at(9000)[0])?;
        let before = endpoint(&cast)?;
        let received = office.gw.udp_errors()?;
        let (again, from_elsewhere) = (echoes(office)?, thief(office)?);
        // A thief elsewhere, and one on the wire, who has the client's own address too.
        for frame in &taken {
            from_elsewhere.0.send(frame.message())?;
        }
        let (bytes, began) = (stream.bytes(), Instant::now());
        let sent = wire.replay(&taken, REPLAYS, REPLAY_LIMIT)?;
        let (took, carried) = (began.elapsed(), stream.bytes() - bytes);
        let after = office.gw.udp_errors()?;
        let judged = after.received - received.received;
        eprintln!("{sent} again in {took:?}, {judged} datagrams reached the gateway's sockets meanwhile");
        eprintln!("the open tunnel carried {} Mbit/s", carried * 8 / took.as_millis().max(1) as u64 / 1000);
        let more =
            wait_until(
                "the tunnel goes on",
                KNOCK,
                || Ok((stream.bytes() > bytes + carried + 1_000_000).then_some(())),
            );
        more.with_context(|| format!("{:?}", stream.ended()))?;
        let again = again.stop()?;
        ensure!(again.is_empty(), "{} were delivered, the first {:?}", again.len(), again.first());
        let told = from_elsewhere.1.stop()?;
        ensure!(told.is_empty(), "the thief was told {told:?}");
        ensure!(endpoint(&cast)? == before, "the endpoint moved from {before} to {}", endpoint(&cast)?);
        ensure!(sent == REPLAYS && judged > REPLAYS / 2, "{sent} in {took:?}, {judged} came so far as to be judged");
        ensure!(carried > 1_000_000, "{carried} bytes carried");
        // The twin: one that was never sent passes, so it was the number that was refused.
        let heard = echoes(office)?;
        ensure!(ping(client.ns(), cast.files.0.into())? == Ping::Answered);
        ensure!(heard.stop()?.len() == 1);
        Ok(())
    })
}

#[test]
fn a_handshake_sent_again_is_not_answered_and_steals_nothing() -> anyhow::Result<()> {
    scenario(OVER_A_WIRE, |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let wire = office.wire()?;
        wire.take();
        let mut client = cast.anne_at(Home::A)?;
        cast.anne_signs_in(client.ns())?;
        let of = |kind: u8, frames: &[Frame]| -> Vec<Frame> {
            frames.iter().filter(|f| f.way == Way::Out && f.message()[0] == kind).cloned().collect()
        };
        let taken = of(1, &wire.taken());
        ensure!(!taken.is_empty(), "no handshake was seen");
        std::thread::sleep(TOLD);
        let (where_, when) = (endpoint(&cast)?, client.latest_handshake()?);
        let (socket, told) = thief(office)?;
        wire.take();
        wire.replay(&taken[..1], 20, KNOCK)?;
        for _ in 0..20 {
            socket.send(taken[0].message())?;
        }
        // looked at before the client says anything, by which it would be found again
        std::thread::sleep(TOLD);
        ensure!((endpoint(&cast)?, client.latest_handshake()?) == (where_, when), "something changed hands");
        ensure!(ping(client.ns(), cast.files.0.into())? == Ping::Answered, "the client lost its tunnel");
        let answers = wire.taken().into_iter().filter(|f| f.way == Way::In && f.message()[0] != 4).count();
        ensure!(answers == 0, "{answers} handshakes were answered on the wire");
        let told = told.stop()?;
        ensure!(told.is_empty(), "the thief was told {told:?}");
        // The twin: a new one is answered.
        wire.take();
        client.down()?;
        client.up()?;
        client.wait_for_handshake(KNOCK * 3)?;
        let frames = wire.taken();
        ensure!(!of(1, &frames).is_empty() && frames.iter().any(|f| f.way == Way::In && f.message()[0] == 2));
        Ok(())
    })
}
