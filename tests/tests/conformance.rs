//! The gateway's device against other people's WireGuard: what a peer may expect of the protocol, and what a stranger may
//! not. The clients are `wireguard-go` and `boringtun-cli`; what no client does is said by hand, message by message.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::net::{IpAddr, SocketAddr};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use office::addresses::{GATEWAY, GATEWAY6, PC, PC6};
use office::gateway::{Cast, GatewayOptions};
use office::scan::{self, Answer};
use office::{
    Capture, Client, Home, Netns, Office, OfficeOptions, Speaker, Stream, connect, heavy, now, scenario, wait_until,
};

const KNOCK: Duration = Duration::from_secs(3);
/// A client begins a handshake again after five seconds.
const HANDSHAKE: Duration = Duration::from_secs(11);
/// What is not there by then does not come: answers take a millisecond.
const SILENCE: Duration = Duration::from_millis(300);
/// `net` tells four times a second where devices are; the rest is for a busy machine.
const TOLD: Duration = Duration::from_millis(1500);

type Program = for<'o> fn(&'o Office, &'o Netns, &str) -> anyhow::Result<Client<'o>>;

/// In this order: boringtun's TAI64N runs 27 leap seconds ahead of the others', so that for one key they are late after it.
const PROGRAMS: [(&str, Program); 2] =
    [("wireguard-go", |o, n, t| Client::wireguard_go(o, n, t)), ("boringtun", |o, n, t| Client::boringtun(o, n, t))];

/// Runs `test` for each program, on the same office.
fn each_program(mut test: impl FnMut(Program) -> anyhow::Result<()>) -> anyhow::Result<()> {
    for (name, program) in PROGRAMS {
        let began = Instant::now();
        test(program).context(name)?;
        eprintln!("{name}: {:?}", began.elapsed());
    }
    Ok(())
}

/// Anne's door is open, whoever speaks for her laptop.
fn opened(office: &Office) -> anyhow::Result<Cast<'_>> {
    let mut cast = Cast::start(office, GatewayOptions::default())?;
    let client = cast.anne_at(Home::A)?;
    cast.anne_signs_in(client.ns())?;
    drop(client);
    Ok(cast)
}

/// The share is reached and the port beside it is not, by both families.
fn carries(cast: &Cast<'_>, client: &Client<'_>) -> anyhow::Result<()> {
    for (open, closed) in cast.files_at(445).into_iter().zip(cast.files_at(8080)) {
        ensure!(connect(client.ns(), open, KNOCK)?.is_open(), "{open}");
        ensure!(!connect(client.ns(), closed, KNOCK)?.is_open(), "{closed}");
    }
    Ok(())
}

fn endpoint_port(cast: &Cast<'_>) -> anyhow::Result<u16> {
    let devices = cast.gateway.cli(&["device", "list"])?;
    let own = devices.as_array().into_iter().flatten().find(|d| d["id"] == cast.laptop.id.as_str());
    let endpoint = own.context("the laptop")?["endpoint"].as_str().context("an endpoint")?.to_owned();
    Ok(endpoint.parse::<SocketAddr>()?.port())
}

#[test]
fn handshake_mtu_restart_and_roaming_of_both_clients_by_both_families() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let cast = opened(office)?;
        let issued = format!("Endpoint = {GATEWAY}:51820");
        each_program(|program| {
            for outer in [issued.clone(), format!("Endpoint = [{GATEWAY6}]:51820")] {
                let config = cast.laptop.config.replace(&issued, &outer);
                let mut client = program(office, &office.home_a, &config)?;
                client.wait_for_handshake(HANDSHAKE).context("first handshake")?;
                carries(&cast, &client).with_context(|| outer.clone())?;
                carries_its_mtu(&cast, &client).with_context(|| outer.clone())?;
                if outer != issued {
                    continue;
                }
                // Another port of the client: the gateway follows.
                sleep(TOLD);
                let before = endpoint_port(&cast)?;
                client.network_changed()?;
                wait_until("the gateway follows to another port", KNOCK, || {
                    Ok((endpoint_port(&cast)? != before).then_some(()))
                })?;
                carries(&cast, &client).context("from another port")?;
                // The client forgets all but its keys.
                client.down()?;
                client.up()?;
                client.wait_for_handshake(HANDSHAKE).context("after a restart")?;
                carries(&cast, &client).context("after a restart")?;
            }
            Ok(())
        })
    })
}

/// Packets of the MTU pass whole, and one byte more does not.
fn carries_its_mtu(cast: &Cast<'_>, client: &Client<'_>) -> anyhow::Result<()> {
    let mtu = usize::from(client.config().mtu.context("MTU")?);
    for (alias, headers) in [(IpAddr::from(cast.files.0), 28), (cast.files.1.into(), 48)] {
        let to = alias.to_string();
        for (size, passes) in [(mtu, true), (mtu - 1, true), (mtu - 15, true), (mtu + 1, false)] {
            let data = (size - headers).to_string();
            let out = client.ns().run(["ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", &data, &to])?;
            ensure!(out.ok() == passes, "{size} bytes to {to}: {}", out.both());
        }
    }
    Ok(())
}

#[test]
fn who_lacks_a_key_gets_nothing() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let cast = opened(office)?;
        let line = cast.laptop.config.lines().find(|l| l.starts_with("PresharedKey")).context("preshared key")?;
        let other = format!("PresharedKey = {}", office::KeyPair::generate(office)?.private);
        each_program(|program| {
            let client = program(office, &office.home_a, &cast.laptop.config.replace(line, &other))?;
            ensure!(client.wait_for_handshake(Duration::from_secs(2)).is_err(), "a tunnel with a wrong preshared key");
            ensure!(!connect(client.ns(), cast.files_at(445)[0], Duration::from_secs(1))?.is_open());
            drop(client);
            // The twin.
            let client = program(office, &office.home_a, &cast.laptop.config)?;
            client.wait_for_handshake(HANDSHAKE)?;
            carries(&cast, &client)
        })?;
        let heard = Capture::start(&office.home_b, "eth0", "udp src port 51820")?;
        for gateways in [true, false] {
            let mut stranger = Speaker::new(&office.home_b, &cast.laptop.config)?;
            stranger.mistake(gateways);
            ensure!(stranger.handshake(SILENCE)?.is_none(), "a handshake with a wrong key");
        }
        let told = heard.stop()?;
        ensure!(told.is_empty(), "the gateway said {told:?}");
        // The preshared key is looked at later: an answer, and no tunnel.
        let mut halfway = Speaker::new(&office.home_b, &cast.laptop.config)?;
        halfway.forget_preshared_key();
        ensure!(halfway.handshake(SILENCE)?.is_none(), "a handshake without the preshared key");
        Ok(())
    })
}

/// What is answered to an echo request, be it a refusal.
fn answer(speaker: &mut Speaker, from: IpAddr, to: IpAddr) -> anyhow::Result<Option<Answer>> {
    let kind = if to.is_ipv4() { 8 } else { 128 };
    let message = speaker.seal(&scan::icmp(from, to, kind))?;
    speaker.send(&[message])?;
    Ok(speaker.packet(SILENCE)?.and_then(|p| scan::answer(&p)))
}

fn echoes(speaker: &mut Speaker, from: IpAddr, to: IpAddr) -> anyhow::Result<bool> {
    Ok(answer(speaker, from, to)? == Some(Answer::Echo(to)))
}

/// One after the other in the ten seconds a passive keepalive takes.
#[test]
fn what_no_client_says() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let cast = opened(office)?;
        let waiting = Waiting::new(office, &cast)?;
        peers_come_and_go_beside_a_stream(office, &cast).context("peers come and go")?;
        a_peer_speaks_for_its_own_addresses_only(office, &cast).context("own addresses")?;
        an_old_handshake_is_refused_and_a_new_one_is_not(office, &cast).context("old handshakes")?;
        waiting.finish().context("passive keepalive")
    })
}

fn an_old_handshake_is_refused_and_a_new_one_is_not(office: &Office, cast: &Cast<'_>) -> anyhow::Result<()> {
    let speaker = Speaker::new(&office.home_b, &cast.laptop.config)?;
    let answered = |message: &[u8]| -> anyhow::Result<bool> {
        speaker.socket.send(message)?;
        Ok(speaker.datagram(SILENCE)?.is_some_and(|m| m[0] == 2))
    };
    let mut made = Speaker::new(&office.home_b, &cast.laptop.config)?;
    let mut next = || -> anyhow::Result<Vec<u8>> {
        sleep(Duration::from_millis(20));
        made.initiation()
    };
    let (first, second, third) = (next()?, next()?, next()?);
    ensure!(answered(&second)?, "the first to come is not answered");
    ensure!(!answered(&first)?, "an older one is answered");
    ensure!(!answered(&second)?, "the same one is answered");
    ensure!(answered(&third)?, "a newer one is not answered");
    Ok(())
}

fn a_peer_speaks_for_its_own_addresses_only(office: &Office, cast: &Cast<'_>) -> anyhow::Result<()> {
    let mut speaker = Speaker::new(&office.home_b, &cast.laptop.config)?;
    speaker.handshake(KNOCK)?.context("a handshake")?;
    let heard = Capture::start(&office.gw, "lan0", "icmp or icmp6[icmp6type] = icmp6-echo")?;
    let files: [IpAddr; 2] = [cast.files.0.into(), cast.files.1.into()];
    let others = [cast.tablet.address4.into(), cast.tablet.address6.into(), PC.into(), PC6.into()];
    for (from, to) in others.into_iter().zip([files, files].concat()) {
        let said = answer(&mut speaker, from, to)?;
        ensure!(said.is_none(), "{from} was answered: {said:?}");
    }
    let heard = heard.stop()?;
    ensure!(heard.is_empty(), "the office heard {heard:?}");
    for (from, to) in speaker.addresses.clone().into_iter().zip(files) {
        ensure!(echoes(&mut speaker, from, to)?, "{from} was not believed");
    }
    Ok(())
}

fn peers_come_and_go_beside_a_stream(office: &Office, cast: &Cast<'_>) -> anyhow::Result<()> {
    let client = Client::wireguard_go(office, &office.home_a, &cast.laptop.config)?;
    client.wait_for_handshake(HANDSHAKE)?;
    let stream = Stream::open(client.ns(), cast.pc_at(9000)[0])?;
    wait_until("the stream runs", KNOCK, || Ok((stream.bytes() > 1 << 20).then_some(())))?;
    let _ = stream.take_longest_gap();
    let inside: IpAddr = client.config().dns.first().context("DNS")?.parse()?;
    for round in 0..3 {
        let phone = cast.gateway.add_device("boris", &format!("phone-{round}"))?;
        let mut speaker = Speaker::new(&office.home_b, &phone.config)?;
        speaker.handshake(KNOCK)?.context("a new peer is not answered")?;
        ensure!(echoes(&mut speaker, phone.address4.into(), inside)?, "a new peer is not served");
        cast.gateway.change("POST", &format!("devices/{}/revoke", phone.id))?;
        ensure!(!echoes(&mut speaker, phone.address4.into(), inside)?, "a removed peer is served");
        ensure!(speaker.restarted(&office.home_b)?.handshake(SILENCE)?.is_none(), "a removed peer is answered");
    }
    let gap = stream.take_longest_gap();
    eprintln!("the stream's longest gap was {gap:?}");
    ensure!(stream.ended().is_none() && gap < Duration::from_secs(1), "{gap:?} {:?}", stream.ended());
    drop(stream);
    keeps_its_way_open(office, cast, &client)
}

/// Keepalives of a client that is asked for them are heard, and not answered.
fn keeps_its_way_open(office: &Office, cast: &Cast<'_>, client: &Client<'_>) -> anyhow::Result<()> {
    let peer = client.ns().ok(["wg", "show", client.interface(), "peers"])?.trim().to_owned();
    client.ns().ok(["wg", "set", client.interface(), "peer", &peer, "persistent-keepalive", "1"])?;
    // it takes effect with the next packet
    ensure!(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open());
    sleep(Duration::from_millis(500));
    let seen = Capture::start(&office.gw, "wan0", "udp port 51820 and host 198.51.100.11")?;
    sleep(Duration::from_millis(3500));
    let (there, back): (Vec<_>, Vec<_>) =
        seen.stop()?.into_iter().partition(|p| p.text.contains("> 203.0.113.10.51820"));
    ensure!((2..=5).contains(&there.len()) && there.iter().all(|p| p.text.ends_with("length 32")), "{there:?}");
    ensure!(back.is_empty(), "keepalives were answered: {back:?}");
    let status = cast.gateway.status()?;
    let peers = status["peers"].as_array().into_iter().flatten();
    let laptop = peers.into_iter().find(|p| p["name"] == "laptop").context("the laptop")?;
    ensure!(laptop["heard_ms"].as_u64().is_some_and(|ms| ms < 2500), "{laptop}");
    Ok(())
}

/// WireGuard paper §6.5: who received and has nothing to say says so after ten seconds.
struct Waiting<'o> {
    _speaker: Speaker,
    heard: Capture<'o>,
    since: Duration,
}

impl<'o> Waiting<'o> {
    const PASSIVE: Duration = Duration::from_secs(10);

    fn new(office: &'o Office, cast: &Cast<'_>) -> anyhow::Result<Self> {
        let mut speaker = Speaker::new(&office.home_b, &cast.tablet.config)?;
        speaker.handshake(KNOCK)?.context("a handshake")?;
        // boringtun's timers are a quarter of a second coarse: what comes in that of the handshake is taken for answered
        sleep(Duration::from_millis(600));
        let filter = format!("udp dst port {}", speaker.socket.local_addr()?.port());
        let heard = Capture::start(&office.home_b, "eth0", &filter)?;
        // A reset is not answered, so the gateway has nothing to say.
        let mut reset = scan::syn(speaker.addresses[0], cast.files.0.into(), 445);
        reset[33] = 4;
        let message = speaker.seal(&reset)?;
        let since = now();
        speaker.send(&[message])?;
        Ok(Self { _speaker: speaker, heard, since })
    }

    /// One came, and it was not followed by another.
    fn finish(self) -> anyhow::Result<()> {
        sleep((self.since + Self::PASSIVE * 13 / 10).saturating_sub(now()));
        let heard = self.heard.stop()?;
        let after: Vec<Duration> = heard.iter().map(|p| p.at.saturating_sub(self.since)).collect();
        eprintln!("passive keepalives after {after:?}");
        ensure!(heard.len() == 1 && heard[0].text.ends_with("length 32"), "{heard:?}");
        // boringtun counts from what it sent last
        ensure!((8..12).contains(&after[0].as_secs()), "{after:?}");
        Ok(())
    }
}

/// REKEY_AFTER_TIME is two minutes.
#[test]
fn keys_are_renewed_while_a_stream_runs() -> anyhow::Result<()> {
    if !heavy("135 s of a stream") {
        return Ok(());
    }
    scenario(OfficeOptions::default(), |office| {
        let cast = opened(office)?;
        each_program(|program| {
            let client = program(office, &office.home_a, &cast.laptop.config)?;
            client.wait_for_handshake(HANDSHAKE)?;
            let first = client.latest_handshake()?;
            let stream = Stream::open(client.ns(), cast.pc_at(9000)[0])?;
            wait_until("the stream runs", KNOCK, || Ok((stream.bytes() > 1 << 20).then_some(())))?;
            let _ = stream.take_longest_gap();
            wait_until("a new handshake", Duration::from_secs(135), || {
                ensure!(stream.ended().is_none(), "{:?}", stream.ended());
                sleep(Duration::from_millis(200));
                Ok((client.latest_handshake()? != first).then_some(()))
            })?;
            let before = stream.bytes();
            wait_until("the stream goes on", KNOCK, || Ok((stream.bytes() > before + (1 << 20)).then_some(())))?;
            let gap = stream.take_longest_gap();
            eprintln!("the longest gap was {gap:?}");
            ensure!(gap < Duration::from_secs(1), "{gap:?}");
            Ok(())
        })
    })
}
