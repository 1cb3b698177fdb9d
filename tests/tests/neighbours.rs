//! Other firewalls on the gateway's machine: each is named, its cure is what `doctor` prints, and can be taken back.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use office::addresses::GATEWAY_LAN;
use office::gateway::{Cast, GatewayOptions, Lan, Role, binary};
use office::{Client, Home, Netns, Office, OfficeOptions, SHARES, connect, scenario};

const KNOCK: Duration = Duration::from_secs(3);

/// The rules of Docker 28 and later, as it writes them by iptables where it has switched forwarding on itself.
const DOCKER: &str = "*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-INTERNAL - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER-BRIDGE -o docker0 -j DOCKER
-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-INTERNAL
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i docker0 -j ACCEPT
COMMIT
";

const BY_HAND: &str = "table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iifname \"lo\" accept
		meta l4proto { icmp, ipv6-icmp } accept
		iifname \"lan0\" tcp dport 22 accept comment \"the administrator\"
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
	}
}
";

/// The host's own rules, which no test may touch.
fn of_the_host() -> anyhow::Result<Vec<u8>> {
    let listing = Command::new("nft").args(["list", "ruleset"]).output().context("nft")?;
    let ufw = std::fs::read("/etc/ufw/user.rules").unwrap_or_default();
    let enabled = std::fs::read("/etc/ufw/ufw.conf").unwrap_or_default();
    Ok([listing.stdout, ufw, enabled].concat())
}

/// Everybody's rules but ours, without counters.
fn of_others(gw: &Netns) -> anyhow::Result<String> {
    let all = gw.ok(["nft", "-s", "list", "ruleset"])?;
    let mut ours = false;
    let others = all.lines().filter(|line| {
        ours |= line.starts_with("table inet passerelle");
        let keep = !ours;
        ours &= *line != "}";
        keep
    });
    Ok(others.collect::<Vec<_>>().join("\n"))
}

/// `doctor` finds the trouble; the names that it must say, and the commands that it prints.
fn doctor(cast: &Cast<'_>, names: &[&str]) -> anyhow::Result<Vec<String>> {
    let out = cast.gateway.try_cli(&["doctor"])?;
    ensure!(out.code == 1, "doctor is content: {}", out.both());
    let checks: serde_json::Value = serde_json::from_str(&out.stdout)?;
    let check = checks.as_array().into_iter().flatten().find(|c| c["what"] == "way into the office");
    let note = check.and_then(|c| c["note"].as_str()).context("the way into the office")?.to_owned();
    for name in names {
        ensure!(note.contains(name), "`{name}` is not named: {note}");
    }
    let cure: Vec<String> = note.lines().skip(1).map(|line| line.trim().to_owned()).collect();
    ensure!(!cure.is_empty(), "no cure: {note}");
    Ok(cure)
}

fn content(cast: &Cast<'_>) -> anyhow::Result<()> {
    let out = cast.gateway.try_cli(&["doctor"])?;
    ensure!(out.ok(), "doctor is not content: {}", out.both());
    Ok(())
}

/// What the set-up of a gateway on that machine says of its neighbour, with the cure.
fn said_at_set_up(office: &Office, named: &str) -> anyhow::Result<()> {
    let at = office.directory().join("set-up");
    std::fs::create_dir_all(&at)?;
    let (config, at) = (at.join("passerelle.toml"), at.display());
    std::fs::write(&config, format!("state_dir = \"{at}/state\"\nruntime_dir = \"{at}/run\"\n"))?;
    let (program, config) = (binary()?, config.to_string_lossy().into_owned());
    let argv = [
        &program.to_string_lossy(),
        "--config",
        &config,
        "--json",
        "setup",
        "--yes",
        "--organisation",
        "Example Joiners",
        "--name",
        "door.example.org",
        "--office-interface",
        "lan0",
        "--admin",
        "ada",
    ];
    let said: serde_json::Value = serde_json::from_str(&office.gw.ok(argv)?)?;
    let text = |at| said.pointer(at).and_then(|s| s.as_str()).unwrap_or_default();
    ensure!(text("/probe/sentence") == named, "set-up says: {said}");
    ensure!(text("/probe/cure/0").starts_with("iptables -I DOCKER-USER "), "no cure: {said}");
    Ok(())
}

/// The share by its name, and each of its addresses alone: the other family must not hide a drop.
fn opens(office: &Office, cast: &Cast<'_>, ns: &Netns) -> anyhow::Result<()> {
    for to in cast.files_at(445) {
        ensure!(connect(ns, to, KNOCK)?.is_open(), "{to} does not open");
    }
    let out = office.smb(ns, "files.office.lan", SHARES[0], "get README.txt -")?;
    ensure!(out.stdout.contains("This is accounts."), "{}", out.both());
    Ok(())
}

fn stays_shut(cast: &Cast<'_>, ns: &Netns) -> anyhow::Result<()> {
    for to in cast.files_at(445) {
        ensure!(!connect(ns, to, Duration::from_secs(1))?.is_open(), "{to} opens past the other firewall");
    }
    Ok(())
}

/// As a person types what is printed.
fn typed(gw: &Netns, cure: &[String]) -> anyhow::Result<()> {
    cure.iter().try_for_each(|line| gw.ok(["sh", "-c", line]).map(drop))
}

/// What the admin guide says for taking the gateway off a machine.
fn removed(mut cast: Cast<'_>, gw: &Netns, before: &str) -> anyhow::Result<()> {
    let undone = cast.gateway.cli(&["doctor", "--undo-cure"])?;
    ensure!(undone.as_array().is_some_and(|steps| !steps.is_empty()), "nothing was taken back: {undone}");
    let left = of_others(gw)?;
    ensure!(left == before, "not as before:\n{left}\n--- before:\n{before}");
    let again = cast.gateway.cli(&["doctor", "--undo-cure"])?;
    ensure!(again.as_array().is_some_and(Vec::is_empty), "taken back twice: {again}");
    cast.gateway.kill(Role::Serve)?;
    cast.gateway.kill(Role::Net)?;
    drop(cast);
    gw.ok(["nft", "delete", "table", "inet", "passerelle"])?;
    gw.ok(["ip", "link", "delete", "pass0"])?;
    let left = gw.ok(["nft", "-s", "list", "ruleset"])?;
    ensure!(left.trim_end() == before.trim_end(), "not as before:\n{left}\n--- before:\n{before}");
    Ok(())
}

#[test]
fn beside_docker() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let gw = &office.gw;
        for program in ["iptables-restore", "ip6tables-restore"] {
            let loaded = gw.run_with([program], DOCKER)?;
            ensure!(loaded.ok(), "{program}: {}", loaded.both());
        }
        let before = of_others(gw)?;
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let named = "Docker drops packets from the tunnel to the office (table ip filter, chain FORWARD)";
        said_at_set_up(office, named)?;
        let client = cast.anne_at(Home::A)?;
        cast.anne_signs_in(client.ns())?;
        stays_shut(&cast, client.ns())?;
        let cure = doctor(&cast, &[named])?;
        typed(gw, &cure)?;
        content(&cast)?;
        opens(office, &cast, client.ns())?;
        drop(client);
        removed(cast, gw, &before)
    })
}

#[test]
fn beside_ufw() -> anyhow::Result<()> {
    let host = of_the_host()?;
    scenario(OfficeOptions::default(), |office| {
        let gw = &office.gw;
        // These stand over /etc/ufw and /etc/default for whatever runs on that machine.
        for name in ["ufw", "default"] {
            let copied = Command::new("cp").arg("-a").arg(Path::new("/etc").join(name)).arg(gw.etc(name)).status()?;
            ensure!(copied.success(), "copy /etc/{name}");
        }
        for line in ["ufw allow 22/tcp", "ufw --force enable", "ufw reload"] {
            gw.ok(line.split(' '))?;
        }
        let before = of_others(gw)?;
        ensure!(before.contains("ufw-user-forward"), "ufw is not in force: {before}");
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        // Not even a handshake: ufw drops what comes to the machine as well.
        let mut client = Client::wireguard_go(office, &office.home_a, &cast.laptop.config)?;
        ensure!(client.wait_for_handshake(KNOCK).is_err(), "a handshake past ufw");
        let names = [
            "ufw drops packets from the tunnel to the office",
            "ufw drops what devices send to names and portal",
            "ufw drops WireGuard on UDP 51820",
            "ufw drops WireGuard on UDP 443",
            "table ip filter, chain FORWARD",
            "table ip filter, chain INPUT",
        ];
        let cure = doctor(&cast, &names)?;
        // One after the other: the way into the office is the last to open.
        let (way, others): (Vec<_>, Vec<_>) = cure.into_iter().partition(|line| line.starts_with("ufw route"));
        typed(gw, &others)?;
        client.down()?;
        client.up()?;
        client.wait_for_handshake(Duration::from_secs(15))?;
        cast.anne_signs_in(client.ns())?;
        stays_shut(&cast, client.ns())?;
        let left = doctor(&cast, &names[..1])?;
        ensure!(left == way, "{left:?} is left, not {way:?}");
        typed(gw, &left)?;
        content(&cast)?;
        opens(office, &cast, client.ns())?;
        drop(client);
        removed(cast, gw, &before)
    })?;
    ensure!(of_the_host()? == host, "the host's own firewall was touched");
    Ok(())
}

/// A table by hand, as /etc/nftables.conf of a machine that lets in what it must, and no more; with agents of office PCs.
#[test]
fn beside_nftables() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let gw = &office.gw;
        let loaded = gw.run_with(["nft", "-f", "-"], BY_HAND)?;
        ensure!(loaded.ok(), "{}", loaded.both());
        let before = of_others(gw)?;
        let mut cast = Cast::start(office, GatewayOptions { lan: Lan::Named, ..GatewayOptions::default() })?;
        let names = [
            "a rule of nftables drops packets from the tunnel to the office (table inet filter, chain forward)",
            "a rule of nftables drops WireGuard on UDP 51820",
            "a rule of nftables drops agents of office PCs on TCP 8444 (table inet filter, chain input)",
        ];
        let agents = std::net::SocketAddr::from((GATEWAY_LAN, 8444));
        let from = |ns: &Netns| -> anyhow::Result<bool> { Ok(connect(ns, agents, Duration::from_secs(1))?.is_open()) };
        ensure!(!from(&office.pc)?, "agents come past the other firewall");
        let cure = doctor(&cast, &names)?;
        typed(gw, &cure)?;
        content(&cast)?;
        ensure!(from(&office.pc)?, "agents are not heard");
        let client = cast.anne_at(Home::A)?;
        cast.anne_signs_in(client.ns())?;
        opens(office, &cast, client.ns())?;
        drop(client);
        removed(cast, gw, &before)
    })
}
