//! The office's names from home and at the office: aliases there, real addresses here, and nobody's address in between.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use office::addresses::{FILES, FILES6, GATEWAY_LAN};
use office::gateway::{Cast, GatewayOptions, LAN_DNS, Lan, NAME, Role, Users};
use office::wait_until;
use office::{
    ARCHIVE, Capture, Client, DFS, Directory, Home, Netns, Office, OfficeOptions, Output, SHARES, connect, scenario,
};

const KNOCK: Duration = Duration::from_secs(3);

/// What no answer may hold: the office's addresses, in any form in which `dig` shows them.
const OFFICE: [&str; 4] = ["192.168.1.", "fd5e:ff1:ce", "C0A801", "FD5E0FF1"];

/// A whole answer.
fn dig(ns: &Netns, arguments: &[&str]) -> anyhow::Result<Output> {
    let common = ["dig", "+noall", "+comments", "+answer", "+authority", "+additional", "+tries=2", "+time=2"];
    ns.run(common.iter().chain(arguments))
}

/// The data of an answer's first section, sorted.
fn data(out: &Output) -> Vec<String> {
    let lines = out.stdout.lines().skip_while(|l| !l.starts_with(";; ANSWER SECTION")).skip(1);
    let lines = lines.take_while(|l| !l.trim().is_empty());
    let mut data: Vec<String> = lines.map(|l| l.split_whitespace().skip(3).collect::<Vec<_>>().join(" ")).collect();
    data.sort();
    data
}

/// What the office's own resolver says holds office addresses; what the device hears holds none, and is `expected`.
fn heard(office: &Office, ns: &Netns, name: &str, kind: &str, expected: &[String]) -> anyhow::Result<()> {
    for transport in ["+notcp", "+tcp"] {
        let out = dig(ns, &[transport, name, kind])?;
        ensure!(out.ok(), "{name} {kind} {transport}: {}", out.both());
        let leak = OFFICE.iter().find(|a| out.stdout.contains(**a));
        ensure!(leak.is_none(), "{name} {kind} {transport} tells {leak:?}: {}", out.stdout);
        ensure!(
            data(&out) == expected,
            "{name} {kind} {transport}: {:?}, not {expected:?}\n{}",
            data(&out),
            out.stdout
        );
    }
    let (server, port) = Directory::RESOLVER.split_once(':').context("a port")?;
    let there = dig(&office.pc, &["-p", port, &format!("@{server}"), name, kind])?;
    ensure!(there.stdout.contains("status: NOERROR"), "{name} {kind} at the office: {}", there.both());
    Ok(())
}

#[test]
fn a_domain_of_the_office_is_seen_by_its_aliases() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let _directory = Directory::start(office)?;
        let cast = Cast::start(office, GatewayOptions::default())?;
        let change = ["settings", "change", "--resolver", Directory::RESOLVER, "--office-zone", "office.lan"];
        cast.gateway.cli(&[&change[..], &["--office-zone", Directory::ZONE]].concat())?;
        // A home whose LAN is numbered like the office's: an office address would lead to a machine at home.
        let client = cast.anne_at(Home::A)?;
        let ns = client.ns();
        wait_until("the new resolver is asked", KNOCK, || {
            Ok((ns.resolve("out.corp.lan", "A")?.contains(&"203.0.113.80".to_owned())).then_some(()))
        })?;
        let (v4, v6) = (cast.files.0.to_string(), cast.files.1.to_string());
        let a = || format!("A {v4}");
        let aaaa = || format!("AAAA {v6}");
        let chain = |names: &[&str], end: &[String]| {
            let mut data: Vec<_> = names.iter().map(|n| format!("CNAME {n}.")).chain(end.iter().cloned()).collect();
            data.sort();
            data
        };
        let srv = |port: u16| ["dc1", "dc2"].map(|dc| format!("SRV 0 100 {port} {dc}.corp.lan."));
        let three = ["published2.corp.lan", "published3.corp.lan", "dc1.corp.lan"];
        let (to_dc2, to_pool) = (["hidden2.corp.lan", "dc2.corp.lan"], ["mixed2.corp.lan", "pool.corp.lan"]);
        let table: Vec<(&str, &str, Vec<String>)> = vec![
            ("corp.lan", "A", vec![a()]),
            ("corp.lan", "AAAA", vec![aaaa()]),
            ("corp.lan", "NS", vec!["NS dc1.corp.lan.".into(), "NS dc2.corp.lan.".into()]),
            ("corp.lan", "MX", vec!["MX 10 dc2.corp.lan.".into()]),
            ("corp.lan", "TXT", vec!["TXT \"site=main\"".into()]),
            ("_ldap._tcp.dc._msdcs.corp.lan", "SRV", srv(389).into()),
            ("_kerberos._tcp.corp.lan", "SRV", srv(88).into()),
            ("gc._msdcs.corp.lan", "A", vec![a()]),
            ("5f0c1e._msdcs.corp.lan", "A", chain(&["dc1.corp.lan"], &[a()])),
            ("published1.corp.lan", "A", chain(&three, &[a()])),
            ("published1.corp.lan", "AAAA", chain(&three, &[aaaa()])),
            ("hidden1.corp.lan", "A", chain(&to_dc2, &[])),
            ("hidden1.corp.lan", "AAAA", chain(&to_dc2, &[])),
            ("dc2.corp.lan", "A", vec![]),
            ("mixed1.corp.lan", "A", chain(&to_pool, &[a(), "A 203.0.113.81".into()])),
            ("mixed1.corp.lan", "AAAA", chain(&to_pool, &[aaaa()])),
            ("out.corp.lan", "A", chain(&["www.example.org"], &["A 203.0.113.80".into()])),
            ("out.corp.lan", "AAAA", chain(&["www.example.org"], &["AAAA 2001:db8:53::80".into()])),
            ("web.corp.lan", "HTTPS", vec![]),
            ("_svc._tcp.corp.lan", "SVCB", vec![]),
            ("lists.corp.lan", "APL", vec![]),
            ("locator.corp.lan", "L32", vec![]),
            ("wins.corp.lan", "TYPE65281", vec![]),
            // 90 addresses, of which two are published.
            ("crowd.corp.lan", "A", vec![a(), format!("A {}", cast.pc.0)]),
            // Names of others that lead into the office find nothing there: DNS rebinding.
            ("address.example.net", "A", vec![]),
            ("name.example.net", "A", chain(&["dc1.corp.lan"], &[])),
            ("www.example.org", "A", vec!["A 203.0.113.80".into()]),
            ("www.example.org", "AAAA", vec!["AAAA 2001:db8:53::80".into()]),
        ];
        for (name, kind, mut expected) in table {
            expected.sort();
            heard(office, ns, name, kind, &expected)?;
        }
        not_for_the_asking(office, &cast, ns)
    })
}

/// What is not told whoever asks how: reverse names, whole zones, loops.
fn not_for_the_asking(office: &Office, cast: &Cast<'_>, ns: &Netns) -> anyhow::Result<()> {
    let silent = |arguments: &[&str]| -> anyhow::Result<Output> {
        let out = dig(ns, arguments)?;
        let names = ["dc1.corp.lan", "dc2.corp.lan"];
        let leak = OFFICE.iter().chain(&names).find(|a| out.stdout.contains(**a));
        ensure!(leak.is_none(), "{arguments:?} tells {leak:?}: {}", out.stdout);
        Ok(out)
    };
    let (server, port) = Directory::RESOLVER.split_once(':').context("a port")?;
    let at = format!("@{server}");
    for address in ["192.168.1.10", "192.168.1.40"] {
        let there = dig(&office.pc, &["-p", port, &at, "-x", address])?;
        ensure!(there.stdout.contains(".corp.lan."), "no reverse name at the office: {}", there.both());
        // The question, which the whole answer repeats, holds the address itself.
        let out = ns.run(["dig", "+short", "-x", address])?;
        ensure!(out.stdout.trim().is_empty(), "the reverse of {address}: {}", out.stdout);
    }
    ensure!(ns.run(["dig", "+short", "-x", &FILES6.to_string()])?.stdout.trim().is_empty());
    ensure!(ns.resolve(&reverse(cast.files.0), "PTR")? == ["files.office.lan."], "the alias has no name");
    let there = office.pc.ok(["dig", "+noall", "+answer", "-p", port, &at, Directory::ZONE, "AXFR"])?;
    ensure!(there.contains("192.168.1.40"), "no zone to steal at the office: {there}");
    for kind in ["AXFR", "IXFR=0", "ANY"] {
        ensure!(data(&silent(&["+tcp", Directory::ZONE, kind])?).is_empty(), "{kind}");
    }
    let loops = dig(ns, &["loop1.corp.lan", "A"])?;
    ensure!(loops.took < KNOCK && !loops.stdout.contains(" A "), "a loop: {}", loops.both());
    // What was asked is nobody's business.
    for role in [Role::Net, Role::Serve] {
        let log = cast.gateway.log(role)?;
        ensure!(!log.contains("corp.lan") && !log.contains("example.net"), "{log}");
    }
    Ok(())
}

fn reverse(address: std::net::Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa")
}

/// No name of the office may lead a device to a machine of the home it is in.
fn stays_in_the_tunnel(office: &Office, seen: Capture<'_>) -> anyhow::Result<()> {
    let seen = seen.stop()?;
    ensure!(seen.is_empty(), "on the home LAN: {seen:?}");
    ensure!(office.servers()?.twin_445.accepted() == 0, "the machine at home was taken for the file server");
    Ok(())
}

#[test]
fn a_dfs_referral_leads_through_the_tunnel() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let _archive = office.second_file_server()?;
        office.dfs_link("plans", "archive.office.lan", ARCHIVE)?;
        office.dfs_link("vault", "vault.office.lan", ARCHIVE)?;
        let plan = office.big_file(ARCHIVE, 4)?;
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        cast.gateway.cli(&["share", "add", "archive", "192.168.1.21", "--dns-name", "archive.office.lan"])?;
        cast.gateway.cli(&["policy", "add", "workshop", "archive"])?;
        let client = cast.anne_at(Home::A)?;
        let ns = client.ns();
        cast.anne_signs_in(ns)?;
        let at_home = Capture::start(ns, "eth0", "port 445 or port 139 or port 53 or net 192.168.1.0/28")?;
        let zone = client.config().search.first().context("a search domain")?.clone();
        // The server's own name, the site's, and the short one, by the search domain.
        for server in ["files.office.lan", &format!("files.{zone}"), "files"] {
            let out = office.smb(ns, server, SHARES[0], "get README.txt -")?;
            ensure!(out.ok() && out.stdout.contains("This is accounts."), "{server}: {}", out.both());
            let copy = office.copy_from(ns, server, &plan, &[DFS, "plans"])?;
            copy.finish(Duration::from_secs(20)).with_context(|| format!("by the link on {server}"))?;
        }
        // On the LAN the link works; from home nobody has published what it leads to.
        let out = office.smb(&office.files, "files.office.lan", DFS, "cd vault; ls")?;
        ensure!(out.ok() && out.stdout.contains(&plan.name), "at the office: {}", out.both());
        let refused = |link: &str| -> anyhow::Result<()> {
            let out = office.smb(ns, "files.office.lan", DFS, &format!("cd {link}; ls"))?;
            ensure!(!out.stdout.contains(&plan.name), "{link} is open: {}", out.both());
            ensure!(out.took < Duration::from_secs(1), "{link} took {:?}: {}", out.took, out.both());
            ensure!(!OFFICE.iter().any(|a| out.both().contains(a)), "{link} tells: {}", out.both());
            Ok(())
        };
        refused("vault")?;
        cast.gateway.cli(&["policy", "remove", "workshop", "archive", "--yes"])?;
        refused("plans")?;
        stays_in_the_tunnel(office, at_home)
    })
}

/// The office's resolver sends the zone, and the portal's name, to the gateway.
fn forward(office: &Office, zone: &str, to: &str) -> anyhow::Result<()> {
    office.servers()?.office_forwards(&format!("server=/{zone}/{to}\nserver=/{NAME}/{to}\n"))?;
    let ns = &office.pc;
    wait_until("the office's resolver asks the gateway", KNOCK, || {
        Ok((ns.resolve(&format!("files.{zone}"), "A")? == [FILES.to_string()]).then_some(()))
    })?;
    ensure!(ns.resolve(&format!("files.{zone}"), "AAAA")? == [FILES6.to_string()]);
    ensure!(ns.resolve(&format!("gateway.{zone}"), "A")? == [GATEWAY_LAN.to_string()]);
    ensure!(ns.resolve(NAME, "A")? == [GATEWAY_LAN.to_string()], "the portal's name is not the gateway on the LAN");
    ensure!(ns.resolve(&format!("nobody.{zone}"), "A")?.is_empty());
    ensure!(ns.resolve("www.example.org", "A")? == ["203.0.113.80"], "other names go where they went");
    Ok(())
}

/// Whatever is not the zone's is refused, without asking anybody.
fn no_open_resolver(ns: &Netns, server: &str, port: u16) -> anyhow::Result<()> {
    let (at, port) = (format!("@{server}"), port.to_string());
    for (name, kind) in [
        ("www.example.org", "A"),
        ("files.office.lan", "A"),
        ("10.1.168.192.in-addr.arpa", "PTR"),
        ("internal", "NS"),
        (".", "NS"),
        ("_acme-challenge.door.example.org", "TXT"),
        ("version.bind", "ANY"),
    ] {
        for transport in ["+notcp", "+tcp"] {
            let out = dig(ns, &[transport, "-p", &port, &at, name, kind])?;
            ensure!(out.stdout.contains("status: REFUSED") && data(&out).is_empty(), "{name} {kind}: {}", out.both());
        }
    }
    Ok(())
}

#[test]
fn at_the_office_with_the_tunnel_on_or_off() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let options = GatewayOptions { users: Users::Units { handed: true }, lan: Lan::Handed, ..Default::default() };
        let mut cast = Cast::start(office, options)?;
        let ns = &office.pc;
        let plain = [
            "curl",
            "-4",
            "-s",
            "-m",
            "5",
            "-o",
            "/dev/null",
            "-w",
            "%{remote_ip} %{redirect_url}",
            "http://door.example.org/",
        ];
        let zone = office::TunnelConfig::parse(&cast.laptop.config)?.search.first().context("a search domain")?.clone();
        let name = format!("files.{zone}");
        ensure!(ns.resolve(&name, "A")?.is_empty(), "the zone is known before anybody forwards it");
        forward(office, &zone, &GATEWAY_LAN.to_string())?;
        no_open_resolver(ns, &GATEWAY_LAN.to_string(), 53)?;
        let read = |ns: &Netns| office.smb(ns, &name, SHARES[0], "get README.txt -");
        ensure!(read(ns)?.stdout.contains("This is accounts."), "the share by its site name at the office");
        ensure!(ns.ok(plain)? == format!("{GATEWAY_LAN} https://{NAME}/"), "plain HTTP: {}", ns.ok(plain)?);
        let page = cast.gateway.web(ns)?.read("/api/v1/door")?;
        ensure!(page.status == 200, "the portal on the LAN: {} {}", page.status, page.body);
        // From the internet: nothing there answers.
        for port in [53, 80, 443] {
            let reach = connect(&office.internet, (office::addresses::GATEWAY, port).into(), KNOCK)?;
            ensure!(!reach.is_open(), "port {port} is open from the internet");
        }

        let mut client = Client::wireguard_go(office, ns, &cast.laptop.config)?;
        client.wait_for_handshake(KNOCK)?;
        ensure!(ns.resolve(&name, "A")? == [cast.files.0.to_string()], "in the tunnel it is the alias");
        let refused = read(ns)?;
        ensure!(!refused.ok() && refused.took < Duration::from_secs(1), "before the sign-in: {}", refused.both());
        cast.anne_signs_in(ns)?;
        ensure!(read(ns)?.stdout.contains("This is accounts."), "the share through the tunnel, at the office");
        let inside: IpAddr = client.config().dns.first().context("DNS")?.parse()?;
        ensure!(ns.ok(plain)? == format!("{inside} https://{NAME}/"), "plain HTTP: {}", ns.ok(plain)?);
        client.down()?;
        ensure!(ns.resolve(&name, "A")? == [FILES.to_string()], "the tunnel is off again");
        ensure!(read(ns)?.stdout.contains("This is accounts."), "the share with the tunnel off again");

        // A device asks by the tunnel only: the LAN's answers are not for it.
        let at_home = cast.anne_at(Home::B)?;
        let real = dig(at_home.ns(), &["+tries=1", "+time=1", &format!("@{GATEWAY_LAN}"), &name, "A"])?;
        ensure!(!real.stdout.contains(&FILES.to_string()), "a device is told: {}", real.stdout);
        let log = cast.gateway.log(Role::Serve)?;
        ensure!(!log.contains(&name) && !log.contains("_acme"), "{log}");
        Ok(())
    })
}

#[test]
fn on_a_port_of_its_own_too() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let cast = Cast::start(office, GatewayOptions { lan: Lan::Named, ..Default::default() })?;
        let zone = office::TunnelConfig::parse(&cast.laptop.config)?.search.first().context("a search domain")?.clone();
        forward(office, &zone, &format!("{GATEWAY_LAN}#{LAN_DNS}"))?;
        no_open_resolver(&office.pc, &GATEWAY_LAN.to_string(), LAN_DNS)?;
        // What is no longer published has no address here either, as soon as it may no longer be kept.
        let at = format!("@{GATEWAY_LAN}");
        let ask = |name: &str| dig(&office.pc, &["-p", "5300", &at, &format!("{name}.{zone}"), "A"]);
        ensure!(data(&ask("pc")?).len() == 1);
        cast.gateway.cli(&["service", "remove", "pc", "--yes"])?;
        wait_until("the name is gone", KNOCK, || Ok(ask("pc")?.stdout.contains("NXDOMAIN").then_some(())))?;
        Ok(())
    })
}
