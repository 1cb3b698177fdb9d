//! What a stolen device, a neighbour on the office LAN and bad timing try: each was worth a test of its own.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use office::addresses::{FILES, GATEWAY_LAN};
use office::gateway::{Cast, GatewayOptions, Nft, Role};
use office::{Capture, Client, Home, OfficeOptions, Ping, Stream, connect, ping, scenario, wait_until};
use serde_json::Value;

const KNOCK: Duration = Duration::from_secs(3);
/// The gateway repeats a handshake every five seconds; one more for what comes after it.
const HANDSHAKES: Duration = Duration::from_secs(8);
/// `net` tells four times a second where devices are; the rest is for a busy machine.
const TOLD: Duration = Duration::from_millis(1500);
/// A server whose packets are not acknowledged sends again within this, several times.
const AGAIN: Duration = Duration::from_secs(3);

/// The laptop is off the net, `net` has been restarted, so packets for the laptop wait for a handshake. Says how many of
/// them reach it once it is back; `meanwhile` happens before.
fn waited_for(meanwhile: impl FnOnce(&Cast<'_>) -> anyhow::Result<()>) -> anyhow::Result<usize> {
    let mut reached = 0;
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        cast.anne_signs_in(client.ns())?;
        let stream = Stream::open(client.ns(), cast.pc_at(9000)[0])?;
        wait_until("the transfer runs", KNOCK, || Ok((stream.bytes() > 1 << 18).then_some(())))?;
        // `net` has told where the laptop is, so that its successor knows
        std::thread::sleep(TOLD);
        client.ns().nft(
            "table inet off {\n\
             chain in { type filter hook input priority 0; udp sport { 443, 51820 } drop; }\n\
             chain out { type filter hook output priority 0; udp dport { 443, 51820 } drop; }\n}\n",
        )?;
        cast.gateway.kill(Role::Net)?;
        cast.gateway.launch(Role::Net)?;
        cast.gateway.wait_until_ready()?;
        std::thread::sleep(AGAIN);
        meanwhile(&cast)?;
        let seen = Capture::start(client.ns(), client.interface(), "tcp src port 9000 and greater 200")?;
        client.ns().ok(["nft", "delete", "table", "inet", "off"])?;
        std::thread::sleep(HANDSHAKES);
        ensure!(cast.gateway.web(client.ns())?.read("/api/v1/door")?.status == 200, "the laptop is not back");
        reached = seen.stop()?.len();
        Ok(())
    })?;
    Ok(reached)
}

#[test]
fn what_waited_for_a_handshake_is_judged_again() -> anyhow::Result<()> {
    if let Some(why) = office::missing() {
        return scenario(OfficeOptions::default(), |_| anyhow::bail!(why));
    }
    ensure!(waited_for(|_| Ok(()))? > 0, "nothing came back while the door was open: the twin proves nothing");
    let reached = waited_for(|cast| {
        let openings = cast.gateway.cli(&["verification", "list"])?;
        let id = openings.pointer("/0/id").and_then(Value::as_str).context("a verification")?;
        cast.gateway.change("POST", &format!("verifications/{id}/end")).map(drop)
    })?;
    ensure!(reached == 0, "{reached} packets of the PC reached the laptop after its door was locked");
    Ok(())
}

/// Ports of the gateway's own services, behind which 53, 80 and 443 of the tunnel stand.
fn behind(cast: &Cast<'_>, gateway: IpAddr) -> anyhow::Result<Vec<u16>> {
    let listening = cast.gateway.office().gw.ok(["ss", "-Hltn"])?;
    let local =
        listening.lines().filter_map(|l| l.split_whitespace().nth(3)?.replace("%pass0", "").parse::<SocketAddr>().ok());
    Ok(local.filter(|a| a.ip() == gateway).map(|a| a.port()).collect())
}

/// A machine of the office LAN that takes the gateway for its router into the site network.
fn lan_is_no_way_in(nft: Nft) -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let laptop = cast.anne_at(Home::A)?;
        if nft == Nft::Missing {
            // As after a start of the machine on which nft has gone.
            cast.gateway.nft(nft)?;
            cast.gateway.kill(Role::Net)?;
            office.gw.ok(["nft", "flush", "ruleset"])?;
            cast.gateway.launch(Role::Net)?;
            wait_until("the data plane starts", HANDSHAKES, || {
                Ok(cast.gateway.log(Role::Net)?.contains("data path started").then_some(()))
            })?;
        }
        let lan = &office.odns;
        let route = laptop.config().routes.iter().find(|r| r.contains('.')).context("the site network")?;
        lan.ip(&format!("route add {route} via {GATEWAY_LAN}\n"))?;
        let gateway: IpAddr = laptop.config().dns.first().context("DNS")?.parse()?;
        let ports = behind(&cast, gateway)?;
        ensure!(ports.len() >= 3, "the gateway's own services are not where they were looked for: {ports:?}");
        for port in ports.into_iter().chain([53, 80, 443]) {
            ensure!(!connect(lan, (gateway, port).into(), KNOCK)?.is_open(), "{gateway}:{port} from the LAN");
        }
        ensure!(ping(lan, cast.laptop.address4.into())? != Ping::Answered, "a device answered the LAN");
        for to in [(cast.laptop.address4, 22), (cast.files.0, 445)] {
            ensure!(!connect(lan, to.into(), KNOCK)?.is_open(), "{to:?} from the LAN");
        }
        Ok(())
    })
}

#[test]
fn the_office_lan_is_no_way_in() -> anyhow::Result<()> {
    lan_is_no_way_in(Nft::Real)
}

#[test]
fn the_office_lan_is_no_way_in_without_nft() -> anyhow::Result<()> {
    lan_is_no_way_in(Nft::Missing)
}

#[test]
fn a_neighbour_with_a_devices_address_is_nobody() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let laptop = cast.anne_at(Home::A)?;
        cast.anne_signs_in(laptop.ns())?;
        ensure!(ping(laptop.ns(), cast.files.0.into())? == Ping::Answered, "the door is not open");
        let (from, alias) = (cast.laptop.address4.to_string(), cast.files.0.to_string());
        office.odns.ip(&format!("addr add {from}/32 dev lo\nroute add {alias}/32 via {GATEWAY_LAN}\n"))?;
        let heard = Capture::start(&office.files, "eth0", &format!("icmp and not src host {GATEWAY_LAN}"))?;
        let out = office.odns.run(["ping", "-n", "-c", "3", "-i", "0.2", "-W", "1", "-I", &from, &alias])?;
        ensure!(!out.ok(), "{from} was believed on the LAN: {}", out.stdout);
        let seen = heard.stop()?;
        ensure!(seen.is_empty(), "{FILES} heard {seen:?}");
        Ok(())
    })
}

#[test]
fn fragments_open_nothing() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = Client::wireguard_go(office, &office.home_b, &cast.laptop.config)?;
        client.wait_for_handshake(KNOCK)?;
        let alias = cast.files.0.to_string();
        let pieces = |ns: &office::Netns| ns.run(["ping", "-n", "-c", "2", "-W", "1", "-s", "4000", &alias]);
        let heard = Capture::start(&office.files, "eth0", "icmp or ip[6:2] & 0x3fff != 0")?;
        ensure!(!pieces(client.ns())?.ok(), "a locked door let fragments pass");
        let seen = heard.stop()?;
        ensure!(seen.is_empty(), "{FILES} heard {seen:?}");
        cast.anne_signs_in(client.ns())?;
        let out = pieces(client.ns())?;
        // What was allowed may come in pieces, or not at all; the gateway must survive it.
        eprintln!("fragments through the open door: {}", out.ok());
        ensure!(ping(client.ns(), cast.files.0.into())? == Ping::Answered, "fragments broke the tunnel");
        Ok(())
    })
}

#[test]
fn a_device_does_not_fill_the_list_of_connections() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let listed = || -> anyhow::Result<u64> {
            let out = office.gw.ok(["cat", "/proc/sys/net/netfilter/nf_conntrack_count"])?;
            Ok(out.trim().parse()?)
        };
        let dns = SocketAddr::new(client.config().dns.first().context("a DNS server")?.parse()?, 53);
        let name = || client.ns().run(["dig", "+short", "+tries=1", "+time=1", "www.example.org", "A"]);
        ensure!(name()?.stdout.trim() == "203.0.113.80", "no names before");
        let before = listed()?;
        // A question for www.example.org, from as many ports as there are.
        let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03org\0\0\x01\0\x01";
        client.ns().within(|| {
            for _ in 0..6000 {
                let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
                let _ = socket.send_to(question, dns);
            }
            Ok(())
        })?;
        let more = listed()?.saturating_sub(before);
        ensure!((200..2000).contains(&more), "{more} of 6000 are remembered");
        wait_until("names are answered again", Duration::from_secs(20), || {
            Ok((name()?.stdout.trim() == "203.0.113.80").then_some(()))
        })?;
        Ok(())
    })
}
