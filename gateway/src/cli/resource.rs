//! What shares and services have in common on the command line.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Context;
use super::client::escape;
use super::output::{list, or_dash, say, say_json};
use super::user::carried_out;
use crate::http::resources::{ChangeAddress, Resource};
use crate::http::users::CarriedOut;
use crate::link::message::{Ports, Transport};

/// At most one address of each family.
pub(super) fn addresses(given: &[IpAddr]) -> anyhow::Result<(Option<Ipv4Addr>, Option<Ipv6Addr>)> {
    let (mut v4, mut v6) = (None, None);
    for address in given {
        let free = match address {
            IpAddr::V4(a) => v4.replace(*a).is_none(),
            IpAddr::V6(a) => v6.replace(*a).is_none(),
        };
        anyhow::ensure!(free, "{address}: one IPv4 and one IPv6 address at most");
    }
    Ok((v4, v6))
}

/// `443`, `443/tcp`, `5000-5010/udp`.
pub(super) fn parse_ports(text: &str) -> Result<Ports, String> {
    let wrong = || format!("`{text}` is no port: write 443, 443/tcp or 5000-5010/udp");
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
        return Err(wrong());
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

/// Says that something was published and what to do next.
pub(super) fn published(context: &Context, resource: &Resource) -> anyhow::Result<()> {
    if context.json {
        return say_json(resource);
    }
    let name = resource.dns_names.first().unwrap_or(&resource.name);
    say(format_args!(
        "{} is published as {name}. Nobody reaches it yet; next: passerelle policy add GROUP {}",
        resource.name, resource.name
    ));
    Ok(())
}

/// `noun` is the path: `shares` or `services`.
pub(super) fn list_all(context: &Context, noun: &str) -> anyhow::Result<()> {
    let resources: Vec<Resource> = context.client.get(noun)?;
    let one = noun.trim_end_matches('s');
    let empty = format!("Nothing published yet. Publish with `passerelle {one} add`.");
    list(context.json, &resources, &empty, &["NAME", "DNS NAMES", "IN THE OFFICE", "ALIAS", "PORTS"], |r| {
        let pair = |v4: Option<Ipv4Addr>, v6: Option<Ipv6Addr>| {
            let both = [v4.map(IpAddr::V4), v6.map(IpAddr::V6)].into_iter().flatten().map(|a| a.to_string());
            or_dash(Some(both.collect::<Vec<_>>().join(" ")).filter(|t| !t.is_empty()))
        };
        let (real, alias) = (pair(r.address4, r.address6), pair(r.alias4, r.alias6));
        vec![r.name.clone(), r.dns_names.join(" "), real, alias, ports_text(&r.ports)]
    })
}

pub(super) fn remove(context: &Context, noun: &str, name: &str, yes: bool) -> anyhow::Result<()> {
    if !super::sure(&format!("Remove {name}? Everybody loses it, and its policies go with it."), yes)? {
        return Ok(());
    }
    let answer: CarriedOut = context.client.delete(&format!("{noun}/{}", escape(name)))?;
    carried_out(context, &answer, |ms| format!("{name} is removed; nothing reaches it any more (after {ms} ms)."))
}

pub(super) fn move_to(context: &Context, noun: &str, name: &str, to: &[IpAddr]) -> anyhow::Result<()> {
    let (address4, address6) = addresses(to)?;
    let path = format!("{noun}/{}/address", escape(name));
    let answer: serde_json::Value = context.client.put(&path, &ChangeAddress { address4, address6 })?;
    if context.json {
        return say_json(&answer);
    }
    say(format_args!("{name} is at its new address. Devices notice nothing."));
    Ok(())
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
    fn one_address_a_family() {
        let [a, b, c] = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|t| t.parse().unwrap());
        assert!(addresses(&[a, c]).is_ok());
        assert!(addresses(&[a, b]).is_err());
    }
}
