//! The office itself, with plain WireGuard programs as the gateway: what the other tests stand on is known good.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::time::Duration;

use anyhow::{Context as _, ensure};
use office::addresses::{FILES, FILES6};
use office::{Client, Home, KeyPair, Netns, Office, OfficeOptions, Reach, connect, scenario, wait_until};

const LIMIT: Duration = Duration::from_secs(120);

/// A tunnel by which a home reaches the file server under another address, as by the product.
struct Plain<'o> {
    _gateway: Client<'o>,
    client: Client<'o>,
}

const ALIAS: &str = "10.99.1.10";

fn tunnel<'o>(
    office: &'o Office,
    home: Home,
    start: fn(&'o Office, &'o Netns, &str) -> anyhow::Result<Client<'o>>,
) -> anyhow::Result<Plain<'o>> {
    let (server, client) = (KeyPair::generate(office)?, KeyPair::generate(office)?);
    let gateway = Client::wireguard_go(
        office,
        &office.gw,
        &format!(
            "[Interface]\nPrivateKey = {}\nListenPort = 51820\nAddress = 10.99.0.1/16, fd99::1/64\nMTU = 1420\n\
             [Peer]\nPublicKey = {}\nAllowedIPs = 10.99.0.2/32, fd99::2/128\n",
            server.private, client.public
        ),
    )?;
    office.gw.nft(&format!(
        "table inet plain {{
	chain c_to {{ type nat hook prerouting priority dstnat
		ip daddr {ALIAS} dnat ip to {FILES}
		ip6 daddr fd99::1:10 dnat ip6 to {FILES6}
	}}
	chain c_from {{ type nat hook postrouting priority srcnat; oifname \"lan0\" masquerade; }}
	chain clamp {{ type filter hook forward priority mangle; tcp flags syn tcp option maxseg size set 1280; }}
}}
"
    ))?;
    let client = start(
        office,
        office.home(home),
        &format!(
            "[Interface]\nPrivateKey = {}\nAddress = 10.99.0.2/32, fd99::2/128\nMTU = 1340\n\
             [Peer]\nPublicKey = {}\nAllowedIPs = 10.99.0.0/16, fd99::/64\nEndpoint = 203.0.113.10:51820\n\
             PersistentKeepalive = 25\n",
            client.private, server.public
        ),
    )?;
    Ok(Plain { _gateway: gateway, client })
}

fn lists_the_shares(office: &Office, from: &Netns, server: &str) -> anyhow::Result<()> {
    let out = office.list_shares(from, server)?;
    // The exit code is no help: it is a failure to browse a workgroup at an IPv6 address.
    ensure!(out.stdout.contains("accounts") && out.stdout.contains("drawings"), "{}", out.both());
    Ok(())
}

#[test]
fn both_clients_reach_the_share_from_both_homes() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        for home in [Home::A, Home::B] {
            for start in [Client::wireguard_go, Client::boringtun] {
                let there = tunnel(office, home, start)?;
                there.client.wait_for_handshake(Duration::from_secs(6))?;
                lists_the_shares(office, there.client.ns(), ALIAS)?;
                lists_the_shares(office, there.client.ns(), "fd99::1:10")?;
                ensure!(there.client.transfer()?.rx > 1000, "nothing came through the tunnel");
            }
        }
        Ok(())
    })
}

#[test]
fn without_a_tunnel_nothing_of_the_office_is_reached() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let smb = "192.168.1.10:445".parse()?;
        // The same address is a machine at home here, and nobody at all there.
        ensure!(connect(&office.home_a, smb, LIMIT)?.is_open());
        let twin = &office.servers()?.twin_445;
        wait_until("the machine at home was asked", LIMIT, || Ok((twin.accepted() == 1).then_some(())))?;
        ensure!(!office.list_shares(&office.home_a, "192.168.1.10")?.ok(), "that is not the file server");
        ensure!(!connect(&office.home_b, smb, Duration::from_secs(1))?.is_open());
        ensure!(!connect(&office.home_b, "[fd5e:ff1:ce::10]:445".parse()?, Duration::from_secs(1))?.is_open());
        ensure!(connect(&office.home_a, "203.0.113.80:80".parse()?, LIMIT)?.is_open());
        ensure!(connect(&office.home_b, "[2001:db8:53::80]:80".parse()?, LIMIT)?.is_open());
        // IPv6 at home is open outwards only.
        ensure!(
            connect(&office.internet, "[2001:db8:a1::50]:22".parse()?, Duration::from_millis(300))? == Reach::Silent
        );
        ensure!(office.rdp_server() == "xrdp");
        ensure!(connect(&office.files, "192.168.1.20:3389".parse()?, LIMIT)?.is_open());
        Ok(())
    })
}

#[test]
fn a_copy_gets_through_a_narrow_path_that_says_nothing() -> anyhow::Result<()> {
    scenario(OfficeOptions { narrow: Some((Home::B, 1400)), ..OfficeOptions::default() }, |office| {
        let there = tunnel(office, Home::B, Client::wireguard_go)?;
        let file = office.big_file("drawings", 20)?;
        office.copy(there.client.ns(), ALIAS, &file)?.finish(LIMIT)?;
        // The path is as narrow as it claims to be.
        let big = office.home_b.run(["ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1400", "203.0.113.80"])?;
        ensure!(!big.ok(), "a packet of 1428 bytes passed");
        let fits = office.home_b.run(["ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1370", "203.0.113.80"])?;
        ensure!(fits.ok(), "a packet of 1398 bytes did not pass");
        Ok(())
    })
}

#[test]
fn a_copy_survives_roaming_and_a_forgetful_router() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let there = tunnel(office, Home::B, Client::wireguard_go)?;
        let file = office.big_file("drawings", 200)?;
        let mut copy = office.copy(there.client.ns(), ALIAS, &file)?;
        copy.wait_for(20 << 20, LIMIT)?;
        office.roam()?;
        there.client.network_changed()?;
        copy.wait_for(60 << 20, LIMIT).context("after roaming")?;
        office.roam_back()?;
        there.client.network_changed()?;
        copy.wait_for(100 << 20, LIMIT).context("back again")?;
        office.rebind(Home::B)?;
        copy.finish(LIMIT)
    })
}
