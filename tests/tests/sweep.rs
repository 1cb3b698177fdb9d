//! Every port and every protocol, as a device's raw socket would try them: what answers is what was granted, and nothing
//! else leaves towards the office.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use office::addresses::{GATEWAY, GATEWAY_LAN, GATEWAY6};
use office::gateway::{Cast, GatewayOptions, Lock};
use office::scan::{self, Answer};
use office::{Capture, Home, Office, OfficeOptions, Seen, Speaker, scenario};

const KNOCK: Duration = Duration::from_secs(3);
/// All of it: every port of TCP and UDP of eight addresses.
const SWEEP_LIMIT: Duration = Duration::from_secs(60);
/// The gateway has read the last chunk before the next is sent: nothing is lost that could have been answered.
const CHUNK: usize = 2_048;
/// Refusals to one device a second, and at once.
const REFUSALS: u64 = 100;
/// The gateway on the office LAN by IPv6.
const GATEWAY_LAN6: Ipv6Addr = Ipv6Addr::new(0xfd5e, 0xff1, 0xce, 0, 0, 0, 0, 2);
/// What the gateway itself says on the office LAN: neighbours are looked for, and names.
const FROM_A_DEVICE: &str =
    "not arp and not dst net ff02::/16 and not (icmp6 and ip6[40] >= 130 and ip6[40] <= 143) and not port 53";

/// What was found.
#[derive(Debug, Default)]
struct Found {
    answers: BTreeSet<Answer>,
    refusals: u64,
    sent: u64,
    took: Duration,
}

struct Sweep<'a> {
    office: &'a Office,
    speaker: Speaker,
    found: Found,
    began: Instant,
}

impl<'a> Sweep<'a> {
    fn new(office: &'a Office, config: &str) -> anyhow::Result<Self> {
        let mut speaker = Speaker::new(&office.home_b, config)?;
        speaker.handshake(KNOCK)?.context("a handshake")?;
        Ok(Self { office, speaker, found: Found::default(), began: Instant::now() })
    }

    fn own(&self, to: IpAddr) -> anyhow::Result<IpAddr> {
        let own = self.speaker.addresses.iter().find(|a| a.is_ipv4() == to.is_ipv4());
        own.copied().context("an address of this family")
    }

    /// Sends packets, no faster than the gateway reads them.
    fn send(&mut self, mut packets: impl Iterator<Item = Vec<u8>>) -> anyhow::Result<()> {
        let before = self.office.gw.udp_errors()?;
        let mut sent = 0;
        loop {
            let sealed: anyhow::Result<Vec<_>> =
                packets.by_ref().take(CHUNK).map(|packet| self.speaker.seal(&packet)).collect();
            let sealed = sealed?;
            if sealed.is_empty() {
                return Ok(());
            }
            self.speaker.send(&sealed)?;
            sent += sealed.len() as u64;
            self.found.sent += sealed.len() as u64;
            let until = Instant::now() + KNOCK;
            while self.office.gw.udp_errors()?.received < before.received + sent {
                ensure!(Instant::now() < until, "the gateway has not read all that was sent");
            }
            ensure!(
                self.office.gw.udp_errors()?.overrun == before.overrun,
                "packets were lost before they were judged"
            );
            self.listen(Duration::ZERO)?;
        }
    }

    fn listen(&mut self, limit: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Some(packet) = self.speaker.packet(left)? else { return Ok(()) };
            match scan::answer(&packet).context("a packet")? {
                Answer::Refusal => self.found.refusals += 1,
                other => drop(self.found.answers.insert(other)),
            }
        }
    }

    fn every_port(&mut self, to: IpAddr) -> anyhow::Result<()> {
        let own = self.own(to)?;
        self.send((1..=u16::MAX).map(|port| scan::syn(own, to, port)))?;
        self.send((1..=u16::MAX).map(|port| scan::datagram(own, to, port)))
    }

    /// Every other protocol with a whole packet inside, every type of ICMP, and pieces of what is refused and of what
    /// is not.
    fn everything_else(&mut self, to: IpAddr) -> anyhow::Result<()> {
        let own = self.own(to)?;
        let (icmp, ports) = (if to.is_ipv4() { 1 } else { 58 }, [6, 17]);
        let inside = scan::syn(own, to, 445);
        let others = (0..=u8::MAX).filter(|p| *p != icmp && !ports.contains(p));
        self.send(others.map(|p| scan::protocol(own, to, p, &inside)))?;
        self.send((0..=u8::MAX).map(|kind| scan::icmp(own, to, kind)))?;
        let whole = [scan::datagram(own, to, 8080), scan::datagram(own, to, 445), scan::icmp(own, to, 13)];
        self.send(whole.iter().flat_map(|w| scan::pieces(w)))
    }

    fn all(mut self, targets: &[IpAddr]) -> anyhow::Result<Found> {
        for to in targets {
            self.everything_else(*to)?;
            self.every_port(*to)?;
        }
        self.listen(Duration::from_millis(500))?;
        self.found.took = self.began.elapsed();
        let Found { answers, refusals, sent, took } = &self.found;
        eprintln!("{sent} packets in {took:?}: {} answers, {refusals} refusals", answers.len());
        ensure!(*took < SWEEP_LIMIT, "the sweep took {took:?}");
        ensure!(*refusals > 0, "nothing was refused");
        ensure!(*refusals <= REFUSALS * (took.as_secs() + 2), "{refusals} refusals in {took:?}");
        Ok(self.found)
    }
}

/// A LAN host as devices see it and as it is, the gateway on the LAN and in the tunnel, another device.
fn targets(cast: &Cast<'_>, tunnel: [IpAddr; 2]) -> Vec<IpAddr> {
    let tablet = [cast.tablet.address4.into(), cast.tablet.address6.into()];
    let files: [IpAddr; 2] = [cast.files.0.into(), cast.files.1.into()];
    let lan: [IpAddr; 2] = [GATEWAY_LAN.into(), GATEWAY_LAN6.into()];
    [files, lan, tunnel, tablet].concat()
}

/// What answers everybody: names, the portal, and echo, at the gateway's tunnel address.
fn of_the_gateway(tunnel: [IpAddr; 2]) -> BTreeSet<Answer> {
    let of =
        |a: IpAddr| [Answer::Tcp(a, 53), Answer::Tcp(a, 80), Answer::Tcp(a, 443), Answer::Udp(a, 53), Answer::Echo(a)];
    tunnel.into_iter().flat_map(of).collect()
}

fn exactly(found: &Found, expected: &BTreeSet<Answer>) -> anyhow::Result<()> {
    let more: Vec<_> = found.answers.difference(expected).collect();
    let less: Vec<_> = expected.difference(&found.answers).collect();
    ensure!(more.is_empty() && less.is_empty(), "answered and must not: {more:?}; must and did not: {less:?}");
    Ok(())
}

fn nobody(heard: &[Seen], who: &str) -> anyhow::Result<()> {
    ensure!(heard.is_empty(), "{who} heard {} packets, the first {:?}", heard.len(), heard.first());
    Ok(())
}

/// Sweeps a device's view, its door locked or open; `also` answers, of what policy grants.
fn sweep(open: bool, lock: Option<Lock>, ports_of: usize) -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions { open: lock, ..GatewayOptions::default() })?;
        let client = cast.anne_at(Home::B)?;
        let dns: Vec<IpAddr> = client.config().dns.iter().map(|a| a.parse()).collect::<Result<_, _>>()?;
        let tunnel: [IpAddr; 2] = dns.try_into().ok().context("two addresses of the gateway")?;
        if open {
            cast.anne_signs_in(client.ns())?;
        }
        // The door is the device's: who speaks for it is the same.
        drop(client);
        let tablet = cast.boris_at(Home::A)?;
        let mut expected = of_the_gateway(tunnel);
        let (mut allowed, [v4, v6]) = (String::new(), cast.files_at(445));
        if open {
            for to in [v4, v6] {
                expected.extend([Answer::Tcp(to.ip(), to.port()), Answer::Echo(to.ip())]);
            }
            allowed = " and not tcp port 445 and not (icmp[icmptype] = icmp-echo or icmp[icmptype] = icmp-echoreply) \
                       and not (icmp6[icmp6type] = icmp6-echo or icmp6[icmp6type] = icmp6-echoreply)"
                .to_owned();
        }
        let at_office = Capture::start(&office.gw, "lan0", &format!("{FROM_A_DEVICE}{allowed}"))?;
        let at_internet = Capture::start(
            &office.gw,
            "wan0",
            &format!("not arp and (src host {GATEWAY} or src host {GATEWAY6}) and not icmp6 and not udp"),
        )?;
        let (own4, own6) = (cast.laptop.address4, cast.laptop.address6);
        let at_tablet =
            Capture::start(&office.home_a, tablet.interface(), &format!("src host {own4} or src host {own6}"))?;
        let sweep = Sweep::new(office, &cast.laptop.config)?;
        let found = sweep.all(&targets(&cast, tunnel)[..ports_of])?;
        exactly(&found, &expected)?;
        nobody(&at_office.stop()?, "the office")?;
        nobody(&at_internet.stop()?, "the internet")?;
        nobody(&at_tablet.stop()?, "another device")
    })
}

#[test]
fn a_locked_device_finds_names_and_the_portal_in_a_million_tries() -> anyhow::Result<()> {
    sweep(false, None, 8)
}

#[test]
fn an_open_door_shows_the_granted_port_besides_and_no_other() -> anyhow::Result<()> {
    sweep(true, None, 8)
}
