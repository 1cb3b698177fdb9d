//! What set-up depends on, looked at before it is done: the public name, the way of UDP, the office's DNS, other firewalls.
//!
//! Nobody outside is asked: what only the internet can see is said to be unknown, with what to do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::form::{Form, Seen};
use crate::cli::probe::{self, Cure, Probed};
use crate::clock::Boot;
use crate::config::Config;
use crate::dns::ask;
use crate::dns::rewrite::is_private;
use crate::pure::site::is_address;

/// A datagram to our own public address is back within this, or the router does not turn it round.
const TURN: Duration = Duration::from_secs(2);

/// What can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Check {
    /// Where the public name leads.
    Name,
    /// Whether WireGuard's port can be reached from outside.
    Udp,
    /// Whether the office's DNS servers answer.
    Dns,
    /// Whether another firewall on this machine stops what comes from the tunnel.
    Way,
}

/// How good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckState {
    /// As it should be.
    Good,
    /// Not known, or to be seen to later.
    Doubtful,
    /// Devices will not get in, or not further.
    Bad,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SetupFound {
    /// It leads to public addresses.
    NamePublic,
    /// It leads into a private network: nobody outside gets there.
    NamePrivate,
    /// It leads nowhere yet.
    NameUnknown,
    /// It is an address.
    NameIsAddress,
    /// A datagram came in by it.
    UdpTurns,
    /// None came back; most routers turn none round.
    UdpUnknown,
    /// Another program has the port.
    UdpTaken,
    /// All answer.
    DnsAnswers,
    /// Some do not.
    DnsSilent,
    /// None is named.
    DnsNone,
    /// Nothing stops it.
    WayOpen,
    /// Something does.
    WayShut,
    /// It could not be tried.
    WayUnknown,
}

/// What one look gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Checked {
    /// How good it is.
    pub(super) state: CheckState,
    /// What was found.
    pub(super) found: SetupFound,
    /// Of what: addresses, ports, servers.
    pub(super) about: Vec<String>,
    /// Commands that help.
    pub(super) cure: Vec<String>,
    /// More, in English, for whoever wants to know.
    pub(super) detail: Option<String>,
}

impl Checked {
    fn new(state: CheckState, found: SetupFound, about: Vec<String>) -> Self {
        Self { state, found, about, cure: Vec::new(), detail: None }
    }
}

/// Looks; `cure`: does first what was proposed.
pub(super) fn look(check: Check, form: &Form, seen: &Seen, config: &Config, office: IpAddr, cure: bool) -> Checked {
    match check {
        Check::Name => name(form.public_name().unwrap_or_default()),
        Check::Udp => udp(form.endpoint().unwrap_or_default(), &config.ports, office),
        Check::Dns => dns(form),
        Check::Way => way(form, seen, config, cure),
    }
}

fn name(name: &str) -> Checked {
    use {CheckState as S, SetupFound as F};
    if is_address(name) {
        return Checked::new(S::Doubtful, F::NameIsAddress, vec![name.to_owned()]);
    }
    let found = found(name, 443);
    let about = found.iter().map(ToString::to_string).collect();
    match found.as_slice() {
        [] => Checked::new(S::Doubtful, F::NameUnknown, vec![name.to_owned()]),
        all if all.iter().all(|ip| is_private(*ip)) => Checked::new(S::Doubtful, F::NamePrivate, about),
        _ => Checked::new(S::Good, F::NamePublic, about),
    }
}

fn found(host: &str, port: u16) -> Vec<IpAddr> {
    let mut all: Vec<_> = (host, port).to_socket_addrs().into_iter().flatten().map(|at| at.ip()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// From this machine to its own public address: a router that turns it round has the port forwarded. One that does not says
/// nothing.
fn udp(endpoint: &str, ports: &[u16], office: IpAddr) -> Checked {
    use {CheckState as S, SetupFound as F};
    let forwarded: Vec<_> =
        ports.iter().map(|port| format!("UDP {port} → {}", SocketAddr::new(office, *port))).collect();
    let Some(to) = endpoint.to_socket_addrs().ok().and_then(|mut all| all.next()) else {
        return Checked::new(S::Doubtful, F::UdpUnknown, forwarded);
    };
    let Some(local) = ports.iter().find(|port| **port == to.port()).or(ports.first()) else {
        return Checked::new(S::Doubtful, F::UdpUnknown, forwarded);
    };
    let any = match to {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let listener = match UdpSocket::bind((any, *local)) {
        Ok(listener) => listener,
        Err(e) => {
            let checked = Checked::new(S::Bad, F::UdpTaken, vec![format!("UDP {local}")]);
            return Checked { detail: Some(e.to_string()), ..checked };
        }
    };
    match turned(&listener, any, to) {
        Ok(true) => Checked::new(S::Good, F::UdpTurns, vec![to.to_string()]),
        _ => Checked::new(S::Doubtful, F::UdpUnknown, forwarded),
    }
}

fn turned(listener: &UdpSocket, any: IpAddr, to: SocketAddr) -> std::io::Result<bool> {
    let mut sent = [0; 16];
    getrandom::fill(&mut sent).map_err(|_| std::io::Error::other("no randomness"))?;
    UdpSocket::bind((any, 0))?.send_to(&sent, to)?;
    let end = Boot::now() + TURN;
    let mut heard = [0; 32];
    loop {
        let left = end.remaining(Boot::now());
        if left.is_zero() {
            return Ok(false);
        }
        listener.set_read_timeout(Some(left))?;
        if listener.recv(&mut heard).is_ok_and(|n| heard.get(..n) == Some(&sent)) {
            return Ok(true);
        }
    }
}

fn dns(form: &Form) -> Checked {
    use {CheckState as S, SetupFound as F};
    if form.resolvers.is_empty() {
        return Checked::new(S::Bad, F::DnsNone, Vec::new());
    }
    let asked = ask::ask(&form.resolvers, &form.zones);
    let silent: Vec<_> = asked.iter().filter(|a| !a.answers).collect();
    if silent.is_empty() {
        return Checked::new(S::Good, F::DnsAnswers, form.resolvers.iter().map(ToString::to_string).collect());
    }
    let about = silent.iter().map(|a| a.resolver.to_string()).collect();
    let detail = silent.iter().filter_map(|a| a.sentence("")).collect::<Vec<_>>().join(" ");
    Checked { detail: Some(detail), ..Checked::new(S::Bad, F::DnsSilent, about) }
}

fn way(form: &Form, seen: &Seen, config: &Config, cure: bool) -> Checked {
    use {CheckState as S, SetupFound as F};
    let office = form.office_interface().filter(|name| seen.network.interface(name).is_some());
    let Some(office) = office else { return Checked::new(S::Doubtful, F::WayUnknown, Vec::new()) };
    match probe::probe(config, office, if cure { Cure::Apply } else { Cure::Show }) {
        Ok(Probed { passes: true, .. }) => Checked::new(S::Good, F::WayOpen, Vec::new()),
        Ok(Probed { sentence, cure, .. }) => {
            Checked { cure, detail: Some(sentence), ..Checked::new(S::Bad, F::WayShut, Vec::new()) }
        }
        Err(e) => Checked { detail: Some(format!("{e:#}")), ..Checked::new(S::Doubtful, F::WayUnknown, Vec::new()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_name_leads() {
        for (asked, found) in [
            ("198.51.100.7", SetupFound::NameIsAddress),
            ("localhost", SetupFound::NamePrivate),
            ("nowhere.invalid", SetupFound::NameUnknown),
        ] {
            assert_eq!(name(asked).found, found, "{asked}");
        }
    }

    #[test]
    fn a_datagram_that_comes_back_and_one_that_does_not() {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let office = IpAddr::from([192, 168, 1, 2]);
        assert_eq!(udp(&format!("127.0.0.1:{free}"), &[free], office).found, SetupFound::UdpTurns);
        let silent = udp("127.0.0.1:9", &[free], office);
        assert_eq!((silent.found, silent.state), (SetupFound::UdpUnknown, CheckState::Doubtful));
        assert_eq!(silent.about, [format!("UDP {free} → 192.168.1.2:{free}")]);
        let held = UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = held.local_addr().unwrap().port();
        assert_eq!(udp(&format!("127.0.0.1:{port}"), &[port], office).found, SetupFound::UdpTaken);
    }
}
