//! The ways between home and office: roaming, equal numbers on both sides, a narrow path, long silence, false senders.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use office::gateway::{Cast, GatewayOptions};
use office::{Capture, Client, Home, OfficeOptions, Ping, SHARES, connect, heavy, ping, scenario, wait_until};

const KNOCK: Duration = Duration::from_secs(3);
const COPY: Duration = Duration::from_secs(180);
const SERVER: &str = "files.office.lan";

#[test]
fn roaming_in_the_middle_of_a_copy() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::B)?;
        cast.anne_signs_in(client.ns())?;
        let file = office.big_file("drawings", 200)?;
        let mut copy = office.copy(client.ns(), SERVER, &file)?;
        copy.wait_for(20 << 20, COPY)?;
        office.roam()?;
        eprintln!("traffic {:?} after roaming", client.network_changed()?);
        copy.wait_for(60 << 20, COPY).context("after roaming")?;
        office.roam_back()?;
        eprintln!("traffic {:?} after coming back", client.network_changed()?);
        copy.wait_for(100 << 20, COPY).context("back again")?;
        office.rebind(Home::B)?;
        copy.finish(COPY).context("after the router forgot")?;
        ensure!(cast.gateway.web(client.ns())?.door_is_open()?, "roaming locked the door");
        Ok(())
    })
}

#[test]
fn home_and_office_have_the_same_numbers() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        cast.anne_signs_in(client.ns())?;
        let file = office.big_file("drawings", 50)?;
        office.copy(client.ns(), SERVER, &file)?.finish(COPY)?;
        let twin = &office.servers()?.twin_445;
        ensure!(twin.accepted() == 0, "the machine at home was taken for the file server");
        // And the machine at home is still reached, under its own number.
        ensure!(connect(client.ns(), "192.168.1.10:445".parse()?, KNOCK)?.is_open());
        wait_until("the machine at home was asked", KNOCK, || Ok((twin.accepted() == 1).then_some(())))?;
        Ok(())
    })
}

#[test]
fn a_path_of_1400_bytes_that_says_nothing() -> anyhow::Result<()> {
    scenario(OfficeOptions { narrow: Some((Home::B, 1400)), ..OfficeOptions::default() }, |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::B)?;
        cast.anne_signs_in(client.ns())?;
        let file = office.big_file("drawings", 50)?;
        office.copy(client.ns(), SERVER, &file)?.finish(COPY)?;
        // Upwards too.
        let put = format!("put {} up.bin", office.directory().join("gateway/passerelle.toml").display());
        let out = office.smb(client.ns(), SERVER, SHARES[0], &put)?;
        ensure!(out.ok(), "{}", out.both());
        // Whole packets of the tunnel's MTU pass, without fragments of the inner packet.
        let alias = cast.files.0.to_string();
        let size = (client.config().mtu.context("MTU")? - 28).to_string();
        client.ns().ok(["ping", "-n", "-c", "3", "-W", "2", "-M", "do", "-s", &size, &alias])?;
        Ok(())
    })
}

#[test]
fn a_device_is_silent_for_minutes_and_comes_back() -> anyhow::Result<()> {
    let long = if heavy("600 s of silence after 200 s") { vec![200, 600] } else { vec![200] };
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        // No keepalives: the router at home forgets the way, as with a phone asleep.
        let config: String =
            cast.laptop.config.lines().filter(|l| !l.contains("Keepalive")).map(|l| format!("{l}\n")).collect();
        let client = Client::wireguard_go(office, &office.home_a, &config)?;
        client.wait_for_handshake(KNOCK)?;
        cast.anne_signs_in(client.ns())?;
        for seconds in long {
            ensure!(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open());
            std::thread::sleep(Duration::from_secs(seconds));
            let began = Instant::now();
            wait_until("the share after silence", Duration::from_secs(5), || {
                Ok(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open().then_some(()))
            })?;
            eprintln!("{:?} after {seconds} s of silence", began.elapsed());
            let out = office.list_shares(client.ns(), SERVER)?;
            ensure!(SHARES.iter().all(|s| out.stdout.contains(s)), "{}", out.both());
        }
        Ok(())
    })
}

#[test]
fn false_senders_are_dropped() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::B)?;
        cast.anne_signs_in(client.ns())?;
        // Boris is at home too and his door is open, so that only the sender's address is false.
        cast.gateway.cli(&["user", "group", "boris", "--add", "workshop"])?;
        let boris = cast.boris_at(Home::A)?;
        cast.gateway.web(boris.ns())?.sign_in(&mut cast.boris)?;
        ensure!(ping(boris.ns(), cast.files.0.into())? == Ping::Answered);
        ensure!(ping(client.ns(), cast.files.0.into())? == Ping::Answered);
        let name = client.interface();
        client.ns().ip(&format!(
            "addr add {}/32 dev {name}\naddr add {}/128 dev {name} nodad\naddr add 192.168.1.20/32 dev {name}\n",
            cast.tablet.address4, cast.tablet.address6
        ))?;
        let at_files = Capture::start(&office.files, "eth0", "icmp or icmp6[0] == 128")?;
        for (from, to) in [
            (cast.tablet.address4.to_string(), cast.files.0.to_string()),
            (cast.tablet.address6.to_string(), cast.files.1.to_string()),
            ("192.168.1.20".to_owned(), cast.files.0.to_string()),
        ] {
            let out = client.ns().run(["ping", "-n", "-c", "3", "-i", "0.2", "-W", "1", "-I", &from, &to])?;
            ensure!(!out.ok(), "{from} was believed: {}", out.stdout);
        }
        let seen = at_files.stop()?;
        ensure!(seen.is_empty(), "the file server heard: {seen:?}");
        // Boris noticed nothing.
        ensure!(ping(boris.ns(), cast.files.0.into())? == Ping::Answered);
        Ok(())
    })
}
