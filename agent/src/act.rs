//! What the gateway may ask for, done. There is no shell, no program of its choice, and nothing beside these.

use std::io;
use std::net::{SocketAddrV4, UdpSocket};

use agent::bounded::{Mac, Short};
use agent::facts::{Adapter, Facts, Medium, SessionState};
use agent::magic;
use agent::message::{Action, Outcome};
use ipnet::IpNet;

use crate::ask::Question;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

/// The longest that a person is given to answer, in seconds: whoever asks does not wait longer.
const LONGEST_ASK: u32 = 300;

/// For the log.
pub(crate) fn name(action: &Action) -> &'static str {
    match action {
        Action::Wake { .. } => "wake",
        Action::Suspend { .. } => "suspend",
        Action::Tell { .. } => "tell",
        Action::Ask { .. } => "ask",
        Action::Refresh {} => "refresh",
        Action::Unknown => "unknown",
    }
}

/// Does it; `facts` are of this moment.
pub(crate) async fn act(action: Action, facts: &Facts) -> Outcome {
    let done = match action {
        Action::Wake { macs } => wake(&macs, &facts.adapters),
        Action::Suspend { unless_used } => match in_use(facts) {
            Some(why) if unless_used => Err(anyhow::anyhow!(why)),
            _ => system::suspend().await.map(|()| Outcome::Done {}),
        },
        Action::Tell { text } => system::show(&Question { text, answer: None }).await,
        Action::Ask { text, within_s } => {
            system::show(&Question { text, answer: Some(within_s.clamp(1, LONGEST_ASK)) }).await
        }
        Action::Refresh {} => Ok(Outcome::Done {}),
        Action::Unknown => Err(anyhow::anyhow!("this version of the agent cannot do that")),
    };
    done.unwrap_or_else(|e| Outcome::Failed { why: Short::new(&format!("{e:#}")) })
}

/// Why the PC must not sleep now. What is not known is no permission.
fn in_use(facts: &Facts) -> Option<&'static str> {
    let Some(sessions) = &facts.sessions else {
        return Some(
            "its system does not tell who is signed in, so somebody may be; send it to sleep at the PC itself",
        );
    };
    // Programs that somebody has left sleep with the PC.
    let used = sessions.iter().any(|s| s.state != SessionState::Disconnected);
    used.then_some("somebody is signed in there")
}

/// Sends magic packets by every cable.
fn wake(macs: &[Mac], adapters: &[Adapter]) -> anyhow::Result<Outcome> {
    let packets: Vec<_> = macs.iter().filter(|mac| mac.is_of_one()).map(|mac| magic::packet(*mac)).collect();
    anyhow::ensure!(!packets.is_empty(), "no hardware address that one PC can have");
    let (mut sent, mut failed) = (0, None);
    for adapter in adapters.iter().filter(|a| by_cable(a, adapters)) {
        match send(adapter, &packets, &magic::destinations(&adapter.addresses)) {
            Ok(number) => sent += number,
            Err(e) => failed = Some(anyhow::Error::new(e).context(format!("send by {}", adapter.name))),
        }
    }
    match (sent, failed) {
        (0, Some(e)) => Err(e),
        (0, None) => anyhow::bail!("no adapter with a cable and an IPv4 address"),
        _ => Ok(Outcome::Done {}),
    }
}

/// A card with a cable, or the bridge or bond that took its place: that has its hardware address.
fn by_cable(adapter: &Adapter, all: &[Adapter]) -> bool {
    let wired = |a: &Adapter| matches!(a.medium, Medium::Wired | Medium::Unknown) && a.up;
    let stands_for = |a: &Adapter| wired(a) && a.mac.is_some() && a.mac == adapter.mac;
    adapter.up && (wired(adapter) || adapter.medium == Medium::Virtual && all.iter().any(stands_for))
}

/// Sends each to each by this adapter, and tells how many went out.
fn send(adapter: &Adapter, packets: &[[u8; magic::LENGTH]], to: &[SocketAddrV4]) -> io::Result<usize> {
    let own = adapter.addresses.iter().find_map(|address| match address {
        IpNet::V4(net) => Some(net.addr()),
        IpNet::V6(_) => None,
    });
    let Some(own) = own else { return Ok(0) };
    let socket = UdpSocket::bind((own, 0))?;
    socket.set_broadcast(true)?;
    // A switched-off neighbour is one hop away; no router has to know of it.
    socket.set_ttl(1)?;
    system::bind_to(&socket, &adapter.name)?;
    let mut sent = 0;
    for packet in packets {
        for to in to {
            sent += usize::from(socket.send_to(packet, to)? == magic::LENGTH);
        }
    }
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use agent::bounded::AtMost;
    use agent::facts::{Session, SessionPlace};

    use super::*;

    const MAC: Mac = Mac([0x3c, 0x52, 0x82, 0x11, 0x22, 0x33]);

    fn adapter(medium: Medium, mac: Mac) -> Adapter {
        let addresses = AtMost::first(["127.0.0.1/8".parse().unwrap()]);
        Adapter { name: "lo".into(), mac: Some(mac), medium, up: true, addresses, ..Adapter::default() }
    }

    #[test]
    fn packets_go_to_the_whole_network() {
        let heard = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        heard.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        let to = SocketAddrV4::new(Ipv4Addr::new(127, 255, 255, 255), heard.local_addr().unwrap().port());
        assert_eq!(send(&adapter(Medium::Wired, MAC), &[magic::packet(MAC)], &[to]).unwrap(), 1);
        let mut bytes = [0; 200];
        let (length, _) = heard.recv_from(&mut bytes).unwrap();
        assert_eq!(bytes[..length], magic::packet(MAC));
    }

    #[test]
    fn only_what_has_a_cable_sends() {
        let wired = adapter(Medium::Wired, MAC);
        let bridge = adapter(Medium::Virtual, MAC);
        let tunnel = adapter(Medium::Virtual, Mac([2; 6]));
        let radio = adapter(Medium::Wireless, Mac([4; 6]));
        let down = Adapter { up: false, ..wired.clone() };
        let all = [wired.clone(), bridge.clone(), tunnel.clone(), radio.clone(), down.clone()];
        assert!(by_cable(&wired, &all) && by_cable(&bridge, &all));
        assert!(!by_cable(&tunnel, &all) && !by_cable(&radio, &all) && !by_cable(&down, &all));
        assert!(!by_cable(&bridge, &[bridge.clone(), down.clone()]));
        let said = |macs: &[Mac], adapters: &[Adapter]| format!("{:#}", wake(macs, adapters).unwrap_err());
        assert!(said(&[MAC], &[tunnel, radio, down]).contains("no adapter with a cable"));
        assert!(said(&[Mac([0xff; 6]), Mac([0; 6])], &all).contains("no hardware address"));
    }

    #[test]
    fn a_pc_in_use_does_not_sleep() {
        let with = |place, state| Facts {
            sessions: Some(AtMost::first([Session { place, state, ..Session::default() }])),
            ..Facts::default()
        };
        use SessionPlace::{Console, Remote};
        use SessionState::{Active, Disconnected, Locked, Unknown};
        let used = [(Console, Active), (Console, Locked), (Console, Unknown), (Remote, Active), (Remote, Unknown)];
        for (place, state) in used {
            assert!(in_use(&with(place, state)).is_some(), "{place:?} {state:?}");
        }
        // Programs that somebody has left sleep with the PC.
        assert!(in_use(&with(Console, Disconnected)).is_none() && in_use(&with(Remote, Disconnected)).is_none());
        assert!(in_use(&Facts { sessions: Some(AtMost::default()), ..Facts::default() }).is_none());
        assert!(in_use(&Facts::default()).is_some(), "unknown is not nobody");
    }

    #[tokio::test]
    async fn what_is_not_known_is_not_done() {
        let outcome = act(Action::Unknown, &Facts::default()).await;
        assert!(matches!(outcome, Outcome::Failed { why } if why.contains("cannot do that")));
        let asleep = act(Action::Suspend { unless_used: true }, &Facts::default()).await;
        assert!(matches!(asleep, Outcome::Failed { why } if why.contains("does not tell")));
    }
}
