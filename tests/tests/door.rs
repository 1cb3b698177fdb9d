//! What passes a locked door, and what an open one: exactly what policy grants, each with its negative twin.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use ipnet::{Ipv4Net, Ipv6Net};
use office::addresses::{FILES, FILES6, GATEWAY, GATEWAY_LAN, GATEWAY6, PC, PC6};
use office::gateway::{Cast, GatewayOptions, Role};
use office::{
    Capture, Client, Home, Listener, Netns, OfficeOptions, Ping, Reach, SHARES, connect, ping, scenario, wait_until,
};
use serde_json::json;

const KNOCK: Duration = Duration::from_secs(3);

/// The configuration of somebody who wants more than was issued: everything of the office is routed into the tunnel.
fn greedy(config: &str) -> String {
    config.replace("AllowedIPs = ", "AllowedIPs = 192.168.1.0/24, fd5e:ff1:ce::/64, 203.0.113.80/32, ")
}

fn refused_at_once(ns: &Netns, to: SocketAddr) -> anyhow::Result<()> {
    let reach = connect(ns, to, KNOCK)?;
    ensure!(reach.is_refused_at_once(), "{to} from {}: {reach:?}", ns.name());
    Ok(())
}

fn no_echo(ns: &Netns, to: IpAddr) -> anyhow::Result<()> {
    let became = ping(ns, to)?;
    ensure!(became == Ping::Refused, "an echo request of {} to {to}: {became:?}", ns.name());
    Ok(())
}

/// Something listens there on Boris's tablet.
const TABLET_PORT: u16 = 9022;

/// Everything that no door opens, whoever signed in.
fn never_open(cast: &Cast<'_>, client: &Client<'_>) -> anyhow::Result<()> {
    let ns = client.ns();
    for to in cast.files_at(8080).into_iter().chain(cast.pc_at(8080)) {
        refused_at_once(ns, to)?;
    }
    // Other ports of the gateway, in the tunnel and on the LAN; the LAN's real addresses; another device; the internet.
    for gateway in &client.config().dns {
        refused_at_once(ns, (gateway.parse::<IpAddr>()?, 8022).into())?;
    }
    refused_at_once(ns, (GATEWAY_LAN, 8022).into())?;
    refused_at_once(ns, (FILES, 445).into())?;
    refused_at_once(ns, (FILES6, 445).into())?;
    refused_at_once(ns, (PC, 3389).into())?;
    refused_at_once(ns, "203.0.113.80:80".parse()?)?;
    refused_at_once(ns, (cast.tablet.address4, TABLET_PORT).into())?;
    refused_at_once(ns, (cast.tablet.address6, TABLET_PORT).into())?;
    no_echo(ns, cast.tablet.address4.into())?;
    no_echo(ns, cast.tablet.address6.into())?;
    no_echo(ns, GATEWAY_LAN.into())
}

#[test]
fn a_locked_door_shows_portal_and_names_only() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let cast = Cast::start(office, GatewayOptions::default())?;
        // On the office LAN all of it is open: what is refused below is refused by the gateway.
        for to in [(FILES, 445), (FILES, 8080), (PC, 3389), (PC, 8080), (PC, 9000), (GATEWAY_LAN, 8022)] {
            ensure!(connect(&office.odns, to.into(), KNOCK)?.is_open(), "{to:?} is not open on the LAN");
        }
        let client = Client::wireguard_go(office, &office.home_b, &greedy(&cast.laptop.config))?;
        let boris = cast.boris_at(Home::A)?;
        let _listens = Listener::open(boris.ns(), TABLET_PORT, "tablet")?;
        let own = (cast.tablet.address4, TABLET_PORT).into();
        ensure!(connect(boris.ns(), own, KNOCK)?.is_open(), "the tablet does not listen");
        client.wait_for_handshake(KNOCK)?;
        for to in cast.files_at(445).into_iter().chain(cast.pc_at(3389)).chain(cast.pc_at(9000)) {
            refused_at_once(client.ns(), to)?;
            refused_at_once(boris.ns(), to)?;
        }
        for alias in [cast.files.0.into(), cast.files.1.into(), cast.pc.0.into(), cast.pc.1.into()] {
            no_echo(client.ns(), alias)?;
        }
        never_open(&cast, &client)?;
        ensure!(!cast.gateway.web(client.ns())?.door_is_open()?, "the portal says that the door is open");
        for gateway in &client.config().dns {
            let gateway: IpAddr = gateway.parse()?;
            for port in [80, 443] {
                ensure!(
                    connect(client.ns(), (gateway, port).into(), KNOCK)?.is_open(),
                    "no portal at {gateway}:{port}"
                );
            }
            ensure!(ping(client.ns(), gateway)? == Ping::Answered, "no echo from {gateway}");
            for transport in ["+notcp", "+tcp"] {
                let server = format!("@{gateway}");
                let out = client.ns().ok(["dig", "+short", transport, "+time=2", &server, "www.example.org", "A"])?;
                ensure!(out.trim() == "203.0.113.80", "DNS {transport} at {gateway}: {out}");
            }
        }
        let redirect =
            client.ns().ok(["curl", "-s", "-o", "/dev/null", "-w", "%{redirect_url}", "http://door.example.org/"])?;
        ensure!(redirect == "https://door.example.org/", "plain HTTP leads to {redirect:?}");
        Ok(())
    })
}

#[test]
fn an_open_door_shows_what_policy_grants() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = Client::wireguard_go(office, &office.home_b, &greedy(&cast.laptop.config))?;
        client.wait_for_handshake(KNOCK)?;
        let boris = cast.boris_at(Home::A)?;
        let _listens = Listener::open(boris.ns(), TABLET_PORT, "tablet")?;
        let web = cast.anne_signs_in(client.ns())?;
        ensure!(web.door_is_open()?, "the portal says that the door is locked");
        for to in cast.files_at(445).into_iter().chain(cast.pc_at(3389)).chain(cast.pc_at(9000)) {
            ensure!(connect(client.ns(), to, KNOCK)?.is_open(), "{to} is refused");
            refused_at_once(boris.ns(), to)?;
        }
        for alias in [cast.files.0.into(), cast.files.1.into(), cast.pc.0.into(), cast.pc.1.into()] {
            ensure!(ping(client.ns(), alias)? == Ping::Answered, "no echo from {alias}");
            no_echo(boris.ns(), alias)?;
        }
        never_open(&cast, &client)?;
        let out = office.list_shares(client.ns(), "files.office.lan")?;
        ensure!(SHARES.iter().all(|s| out.stdout.contains(s)), "{}", out.both());
        let page = web.post("/api/v1/lock", &json!({}))?;
        ensure!(page.status == 200, "lock: {} {}", page.status, page.body);
        for to in cast.files_at(445).into_iter().chain(cast.pc_at(3389)) {
            refused_at_once(client.ns(), to)?;
        }
        Ok(())
    })
}

#[test]
fn signing_in_opens_nothing_without_a_policy() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let boris = cast.boris_at(Home::A)?;
        cast.gateway.web(boris.ns())?.sign_in(&mut cast.boris)?;
        for to in cast.files_at(445).into_iter().chain(cast.pc_at(3389)) {
            refused_at_once(boris.ns(), to)?;
        }
        let (verdict, reasons) = cast.gateway.why("boris", "files")?;
        ensure!(verdict == "deny" && reasons == ["no_policy"], "{verdict} {reasons:?}");
        // Now there is a policy: open at once, without another sign-in.
        cast.gateway.cli(&["user", "group", "boris", "--add", "workshop"])?;
        wait_until("the new member of the group gets in", Duration::from_secs(2), || {
            Ok(connect(boris.ns(), cast.files_at(445)[0], KNOCK)?.is_open().then_some(()))
        })?;
        let (verdict, _) = cast.gateway.why("boris", "files")?;
        ensure!(verdict == "allow", "{verdict}");
        Ok(())
    })
}

#[test]
fn a_device_opens_for_its_owner_only() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let tablet = cast.boris_at(Home::A)?;
        let web = cast.gateway.web(tablet.ns())?;
        let code = cast.anne.authenticator.fresh_code()?;
        let page = web.try_sign_in("anne", &cast.anne.password, &code)?;
        ensure!(!web.door_is_open()?, "Anne opened Boris's tablet: {} {}", page.status, page.body);
        for to in cast.files_at(445) {
            refused_at_once(tablet.ns(), to)?;
        }
        Ok(())
    })
}

#[test]
fn names_of_the_office_are_aliases_or_nothing() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let ns = client.ns();
        ensure!(ns.resolve("files.office.lan", "A")? == [cast.files.0.to_string()]);
        ensure!(ns.resolve("files.office.lan", "AAAA")? == [cast.files.1.to_string()]);
        let zone = client.config().search.first().context("a search domain")?;
        ensure!(ns.resolve(&format!("files.{zone}"), "A")? == [cast.files.0.to_string()]);
        ensure!(ns.resolve("printer.office.lan", "A")?.is_empty(), "an address of the office leaked");
        ensure!(ns.resolve("_ldap._tcp.office.lan", "SRV")? == ["0 0 389 files.office.lan."]);
        ensure!(ns.resolve("www.example.org", "A")? == ["203.0.113.80"]);
        // The public name is the gateway in the tunnel, so that the portal is reached inside it.
        let inside = client.config().dns.first().context("DNS")?.clone();
        ensure!(ns.resolve("door.example.org", "A")? == [inside]);
        // What people ask for is nobody's business, whether there is an answer or not.
        for name in [format!("absent-secret.{zone}"), "secret.office.lan".into(), "absent-secret.example.org".into()] {
            ensure!(ns.resolve(&name, "A")?.is_empty());
        }
        for (role, says) in [(Role::Net, "data path started"), (Role::Serve, "control plane started")] {
            let log = cast.gateway.log(role)?;
            ensure!(log.contains(says) && !log.contains("secret") && !log.contains("_ldap"), "{log}");
        }
        Ok(())
    })
}

#[test]
fn a_published_network_is_reached_address_by_address() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        cast.anne_signs_in(client.ns())?;
        let (ns, gateway) = (client.ns(), &cast.gateway);
        ensure!(ns.resolve("printer.office.lan", "A")?.is_empty(), "an address that is not published");
        let lan = gateway.cli(&["network", "add", "lan", "192.168.1.0/24", "fd5e:ff1:ce::/64"])?;
        let alias4: Ipv4Net = lan.pointer("/alias4").and_then(|a| a.as_str()).context("alias4")?.parse()?;
        let alias6: Ipv6Net = lan.pointer("/alias6").and_then(|a| a.as_str()).context("alias6")?.parse()?;
        let at4 =
            |real: Ipv4Addr| IpAddr::from(Ipv4Addr::from_bits(alias4.network().to_bits() | (real.to_bits() & 0xff)));
        let at6 = |real: Ipv6Addr| {
            IpAddr::from(Ipv6Addr::from_bits(alias6.network().to_bits() | (real.to_bits() & u128::from(u64::MAX))))
        };
        let machines = [at4(FILES), at6(FILES6), at4(PC), at6(PC6)];
        for machine in machines {
            refused_at_once(ns, (machine, 8080).into())?;
            no_echo(ns, machine)?;
        }
        gateway.cli(&["policy", "add", "workshop", "lan"])?;
        for machine in machines {
            ensure!(connect(ns, (machine, 8080).into(), KNOCK)?.is_open(), "{machine} is refused");
            ensure!(ping(ns, machine)? == Ping::Answered, "no echo from {machine}");
        }
        ensure!(ns.resolve("printer.office.lan", "A")? == [at4(Ipv4Addr::new(192, 168, 1, 30)).to_string()]);
        // The gateway is in that network too, and stays closed: its own ports are the portal's and the names' alone.
        refused_at_once(ns, (at4(GATEWAY_LAN), 8022).into())?;
        // A name of its own still leads to the share's own alias, whose policy opens less.
        ensure!(ns.resolve("files.office.lan", "A")? == [cast.files.0.to_string()]);
        refused_at_once(ns, cast.files_at(8080)[0])?;
        // Who is in no group reaches none of it.
        let boris = cast.boris_at(Home::B)?;
        for machine in machines {
            refused_at_once(boris.ns(), (machine, 8080).into())?;
        }
        gateway.cli(&["policy", "remove", "workshop", "lan", "--yes"])?;
        for machine in machines {
            refused_at_once(ns, (machine, 8080).into())?;
        }
        Ok(())
    })
}

#[test]
fn the_other_client_gets_in_just_so() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = Client::boringtun(office, &office.home_b, &cast.laptop.config)?;
        client.wait_for_handshake(Duration::from_secs(10))?;
        refused_at_once(client.ns(), cast.files_at(445)[0])?;
        cast.anne_signs_in(client.ns())?;
        let file = office.big_file("accounts", 20)?;
        office.copy(client.ns(), "files.office.lan", &file)?.finish(Duration::from_secs(60))?;
        Ok(())
    })
}

/// Networks that block the usual port, and those that have IPv6 alone.
#[test]
fn the_tunnel_comes_by_port_443_and_by_ipv6() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let issued = format!("Endpoint = {GATEWAY}:51820");
        ensure!(cast.laptop.config.contains(&issued), "{issued} is not in the configuration");
        cast.anne_signs_in(cast.anne_at(Home::A)?.ns())?;
        for endpoint in [format!("{GATEWAY}:443"), format!("[{GATEWAY6}]:51820"), format!("[{GATEWAY6}]:443")] {
            let config = cast.laptop.config.replace(&issued, &format!("Endpoint = {endpoint}"));
            let client = Client::wireguard_go(office, &office.home_a, &config)?;
            client.wait_for_handshake(Duration::from_secs(10)).with_context(|| endpoint.clone())?;
            for to in cast.files_at(445) {
                ensure!(connect(client.ns(), to, KNOCK)?.is_open(), "{to} by {endpoint}");
                ensure!(!connect(client.ns(), cast.files_at(8080)[0], KNOCK)?.is_open(), "8080 by {endpoint}");
            }
        }
        Ok(())
    })
}

#[test]
fn no_configuration_before_the_factor_is_confirmed() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let cast = Cast::start(office, GatewayOptions::default())?;
        cast.gateway.cli(&["user", "add", "chris", "--group", "workshop"])?;
        let keys = office::KeyPair::generate(office)?;
        let added = cast.gateway.cli(&["device", "add", "chris", "phone", "--public-key", &keys.public])?;
        ensure!(added.get("config").is_none() && added.get("withheld").is_some(), "{added}");
        // Even who guesses the rest of the configuration gets no tunnel.
        let own = added.pointer("/device/address4").and_then(|a| a.as_str()).context("address")?.to_owned();
        let key_of_anne = cast.laptop.config.lines().find(|l| l.starts_with("PrivateKey")).context("key")?;
        let config = cast
            .laptop
            .config
            .replace(key_of_anne, &format!("PrivateKey = {}", keys.private))
            .replace(&cast.laptop.address4.to_string(), &own);
        let answered = |config: &str| -> anyhow::Result<bool> {
            let answers = Capture::start(&office.gw, "wan0", "udp src port 51820")?;
            let client = Client::wireguard_go(office, &office.home_b, config)?;
            ensure!(client.wait_for_handshake(Duration::from_secs(6)).is_err(), "a tunnel");
            ensure!(connect(client.ns(), cast.files_at(445)[0], Duration::from_secs(1))? == Reach::Silent);
            Ok(!answers.stop()?.is_empty())
        };
        ensure!(!answered(&config)?, "an answer without a factor");
        // The twin: who has a key but not the preshared one is known, and answered, and gets no tunnel either.
        let preshared = cast.laptop.config.lines().find(|l| l.starts_with("PresharedKey")).context("preshared key")?;
        ensure!(answered(&cast.laptop.config.replace(preshared, ""))?, "no answer to a known key");
        Ok(())
    })
}
