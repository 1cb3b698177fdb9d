//! What is published: file servers, ports of other machines, office PCs, whole networks. One noun each; behind them is
//! one thing.

use std::net::IpAddr;

use clap::{Args, Subcommand};
use ipnet::IpNet;

use super::Context;
use super::client::escape;
use super::input::tell;
use super::output::{list, or_dash, say, say_json};
use super::user::carried_out;
use crate::detect;
use crate::http::resources::{AddResource, ChangeAddress, Resource, ResourceKind};
use crate::http::users::CarriedOut;
use crate::link::message::{Ports, Transport};
use crate::pure::shown::shown;

#[derive(Debug, Subcommand)]
pub(super) enum Share {
    /// Publish a file server (SMB, TCP 445)
    Add(Machine),
    #[command(flatten)]
    Other(Other),
}

#[derive(Debug, Subcommand)]
pub(super) enum Service {
    /// Publish ports of a machine
    Add {
        #[command(flatten)]
        machine: Machine,
        /// What a policy opens: 443, 443/tcp or 5000-5010/udp; may be repeated
        #[arg(long = "port", value_name = "PORT", required = true, value_parser = parse_ports)]
        ports: Vec<Ports>,
    },
    #[command(flatten)]
    Other(Other),
}

#[derive(Debug, Subcommand)]
pub(super) enum Network {
    /// Publish a whole network of the office, address by address
    Add {
        /// One DNS label
        name: String,
        /// In the office: 192.168.1.0/24, an IPv6 network, or both
        #[arg(required = true, value_name = "NETWORK", value_parser = address)]
        networks: Vec<IpNet>,
        /// What a policy opens: 443, 443/tcp or 5000-5010/udp; may be repeated; every port if absent
        #[arg(long = "port", value_name = "PORT", value_parser = parse_ports)]
        ports: Vec<Ports>,
    },
    #[command(flatten)]
    Other(Other),
}

/// A machine to publish.
#[derive(Debug, Args)]
pub(super) struct Machine {
    /// One DNS label: also its name in the site's zone
    name: String,
    /// Its address in the office: IPv4, IPv6 or both
    #[arg(required = true, value_name = "ADDRESS", value_parser = address)]
    addresses: Vec<IpNet>,
    /// Another name of it, such as the machine's own in the office's zone; may be repeated
    #[arg(long = "dns-name", value_name = "NAME")]
    dns_names: Vec<String>,
}

/// What is done with all of them alike.
#[derive(Debug, Subcommand)]
pub(super) enum Other {
    /// All of them
    List,
    /// Publish it no longer
    Remove {
        /// Name or id
        which: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// It has another address now
    Move {
        /// Name or id
        which: String,
        /// Its new address: IPv4, IPv6 or both
        #[arg(required = true, value_name = "ADDRESS", value_parser = address)]
        to: Vec<IpNet>,
    },
}

impl Share {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add(machine) => machine.add(context, ResourceKind::Share, Vec::new()),
            Self::Other(other) => other.run(context, ResourceKind::Share),
        }
    }
}

impl Service {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add { machine, ports } => machine.add(context, ResourceKind::Service, ports),
            Self::Other(other) => other.run(context, ResourceKind::Service),
        }
    }
}

impl Network {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add { name, networks, ports } => {
                let (address4, address6) = pair(networks, ToString::to_string)?;
                let kind = ResourceKind::Network;
                add(context, &AddResource { kind, name, address4, address6, dns_names: Vec::new(), ports })
            }
            Self::Other(other) => other.run(context, ResourceKind::Network),
        }
    }
}

impl Machine {
    pub(super) fn add(self, context: &Context, kind: ResourceKind, ports: Vec<Ports>) -> anyhow::Result<()> {
        let (address4, address6) = pair(self.addresses, |a| a.addr().to_string())?;
        add(context, &AddResource { kind, name: self.name, address4, address6, dns_names: self.dns_names, ports })
    }
}

impl Other {
    pub(super) fn run(self, context: &Context, kind: ResourceKind) -> anyhow::Result<()> {
        match self {
            Self::List => list_all(context, kind),
            Self::Remove { which, yes } => {
                let which = named(context, kind, &which)?;
                let question = format!("Remove {}? Everybody loses it, and its policies go with it.", which.name);
                super::sure(&question, yes)?;
                let answer: CarriedOut = context.client.delete(&path(&which))?;
                carried_out(context, &answer, |ms| {
                    format!("{} is removed; nothing reaches it any more (after {ms} ms).", which.name)
                })
            }
            Self::Move { which, to } => {
                let which = named(context, kind, &which)?;
                let (address4, address6) = match kind {
                    ResourceKind::Network => pair(to, ToString::to_string)?,
                    _ => pair(to, |a| a.addr().to_string())?,
                };
                let moved = [address4.clone(), address6.clone()];
                let body = ChangeAddress { address4, address6 };
                let answer: serde_json::Value = context.client.put(&format!("{}/address", path(&which)), &body)?;
                if context.json {
                    return say_json(&answer);
                }
                doubt(kind, &which.name, &moved);
                say(format_args!("{} is at its new address. Devices notice nothing.", which.name));
                Ok(())
            }
        }
    }
}

fn add(context: &Context, body: &AddResource) -> anyhow::Result<()> {
    let resource: Resource = context.client.post("resources", body)?;
    if context.json {
        return say_json(&resource);
    }
    doubt(resource.kind, &resource.name, &[resource.address4.clone(), resource.address6.clone()]);
    let shown = resource.dns_names.first().or(resource.alias4.as_ref()).or(resource.alias6.as_ref());
    say(format_args!(
        "{} is published as {}. Nobody reaches it yet; next: passerelle policy add GROUP {}",
        resource.name,
        shown.unwrap_or(&resource.name),
        resource.name
    ));
    Ok(())
}

fn all(context: &Context, kind: ResourceKind) -> anyhow::Result<Vec<Resource>> {
    context.client.get(&format!("resources?kind={}", kind.word()))
}

/// A share is not removed as a service.
fn named(context: &Context, kind: ResourceKind, which: &str) -> anyhow::Result<Resource> {
    let word = kind.word();
    let found = all(context, kind)?.into_iter().find(|r| r.name == which.to_lowercase() || r.id.to_string() == which);
    found.ok_or_else(|| anyhow::anyhow!("no {word} `{which}`; `passerelle {word} list` shows all"))
}

fn path(resource: &Resource) -> String {
    format!("resources/{}", escape(&resource.id.to_string()))
}

fn list_all(context: &Context, kind: ResourceKind) -> anyhow::Result<()> {
    let empty = format!("Nothing published yet. Publish with `passerelle {} add`.", kind.word());
    list(context.json, &all(context, kind)?, &empty, &["NAME", "DNS NAMES", "IN THE OFFICE", "ALIAS", "PORTS"], |r| {
        let both = |v4: &Option<String>, v6: &Option<String>| {
            let both: Vec<&str> = [v4, v6].into_iter().flatten().map(String::as_str).collect();
            or_dash(Some(both.join(" ")).filter(|t| !t.is_empty()))
        };
        let (real, alias) = (both(&r.address4, &r.address6), both(&r.alias4, &r.alias6));
        vec![r.name.clone(), r.dns_names.join(" "), real, alias, ports_text(&r.ports)]
    })
}

/// At most one of each family, as the API wants it.
fn pair(given: Vec<IpNet>, text: impl Fn(&IpNet) -> String) -> anyhow::Result<(Option<String>, Option<String>)> {
    let (mut v4, mut v6) = (None, None);
    for net in given {
        let free = match net {
            IpNet::V4(_) => v4.replace(text(&net)).is_none(),
            IpNet::V6(_) => v6.replace(text(&net)).is_none(),
        };
        anyhow::ensure!(free, "{}: one IPv4 and one IPv6 address at most", text(&net));
    }
    Ok((v4, v6))
}

/// `192.168.1.10`, `192.168.1.0/24`; the API says what does not fit.
fn address(text: &str) -> Result<IpNet, String> {
    let net = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>());
    net.map_err(|_| {
        format!("`{}` is no address: write 192.168.1.10, 2001:db8::10, or 192.168.1.0/24 for a network", shown(text))
    })
}

/// `443`, `443/tcp`, `5000-5010/udp`.
pub(super) fn parse_ports(text: &str) -> Result<Ports, String> {
    let wrong = || format!("`{}` is no port: write 443, 443/tcp or 5000-5010/udp", shown(text));
    let (range, transport) = match text.split_once('/') {
        None => (text, Transport::Tcp),
        Some((range, "tcp")) => (range, Transport::Tcp),
        Some((range, "udp")) => (range, Transport::Udp),
        Some(_) => return Err(wrong()),
    };
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |t: &str| t.parse::<u16>().ok().filter(|p| *p > 0).ok_or_else(wrong);
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(format!("`{text}` is upside down: write {last}-{first}"));
    }
    Ok(Ports { transport, first, last })
}

fn ports_text(ports: &[Ports]) -> String {
    let one = |p: &Ports| {
        let transport = if p.transport == Transport::Tcp { "tcp" } else { "udp" };
        if p.first == p.last {
            format!("{}/{transport}", p.first)
        } else {
            format!("{}-{}/{transport}", p.first, p.last)
        }
    };
    ports.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// An address outside the office can be meant, and is mostly a slip: it is published, and said.
fn doubt(kind: ResourceKind, name: &str, places: &[Option<String>]) {
    // Without the kernel's word there is nothing to compare with.
    let Ok(network) = detect::Network::detect() else { return };
    let places: Vec<IpNet> = places.iter().flatten().filter_map(|text| address(text).ok()).collect();
    for sentence in outside(&network, &places) {
        tell(format_args!("{sentence} If that is a slip: passerelle {} move {name} ADDRESS", kind.word()));
    }
}

fn outside(network: &detect::Network, places: &[IpNet]) -> Vec<String> {
    let routed = |place: &&IpNet| network.taken().iter().any(|net| net.contains(*place));
    let office = network.office().and_then(detect::Interface::subnet);
    let office = office.map(|net| format!(" {}", net.trunc())).unwrap_or_default();
    let sentence = |place: &IpNet| {
        let shown =
            if place.prefix_len() == place.max_prefix_len() { place.addr().to_string() } else { place.to_string() };
        format!("! {shown} is not in the office LAN{office} or another network behind it.")
    };
    places.iter().filter(|place| !routed(place)).map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_and_written() {
        for (text, shown) in [("443", "443/tcp"), ("53/udp", "53/udp"), ("5000-5010/tcp", "5000-5010/tcp")] {
            assert_eq!(ports_text(&[parse_ports(text).unwrap()]), shown);
        }
        for text in ["", "0", "65536", "10-9", "443/sctp", "-", "1-", "a/tcp"] {
            assert!(parse_ports(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_outside_the_office_is_asked_about() {
        let lan = detect::Interface {
            index: 2,
            name: "eth0".into(),
            up: true,
            loopback: false,
            addresses: vec!["192.168.77.2/24".parse().unwrap()],
        };
        let routed = vec!["10.9.0.0/16".parse().unwrap()];
        let network = detect::Network { interfaces: vec![lan], routed, ..detect::Network::default() };
        let places = ["192.168.77.9", "10.9.8.0/24", "8.8.8.8", "2001:db8::/64"].map(|text| address(text).unwrap());
        let said = outside(&network, &places);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("8.8.8.8 is") && said[0].contains("192.168.77.0/24"), "{said:?}");
    }

    #[test]
    fn one_address_a_family() {
        let [a, b, c] = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|t| address(t).unwrap());
        assert!(pair(vec![a, c], ToString::to_string).is_ok());
        assert!(pair(vec![a, b], ToString::to_string).is_err());
    }

    #[test]
    fn a_machine_has_an_address_and_a_network_a_prefix() {
        assert_eq!(address("192.168.1.10").unwrap().to_string(), "192.168.1.10/32");
        assert_eq!(address("192.168.1.0/24").unwrap().to_string(), "192.168.1.0/24");
        assert!(address("192.168.1").is_err() && address("srv.office.lan").is_err());
    }
}
