//! What a site is told about itself: names, endpoint, resolvers, zones. One parser a field, for set-up's flags, its
//! questions, and whatever else writes the site; errors are for people and say what is expected.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::shown::shown;

/// Port of DNS.
const DNS: u16 = 53;

/// Longest DNS name (RFC 1035 §2.3.4), without the final dot.
const LONGEST_NAME: usize = 253;

/// Most DNS servers of the office.
const MOST_RESOLVERS: usize = 4;

/// Most zones of the office.
const MOST_ZONES: usize = 16;

/// Whether this is one label of a host name (RFC 1123 §2.1), in lower case.
#[must_use]
pub fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A DNS zone or name: lower case, no final dot.
///
/// # Errors
/// What is expected.
pub fn zone(text: &str) -> Result<String, String> {
    let name = text.trim().to_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    if name.len() <= LONGEST_NAME && name.split('.').all(is_label) {
        Ok(name.to_owned())
    } else {
        Err(format!("`{}` is no DNS zone: write it as corp.example.org", shown(text)))
    }
}

/// The public name: of two labels at least. An address is taken too, see [`is_address`].
///
/// # Errors
/// What is expected.
pub fn public_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    if text.contains(['/', ':']) {
        let text = shown(text);
        return Err(format!("`{text}`: the name alone, without http:// and what follows it: door.example.org"));
    }
    let name = zone(text).ok().filter(|name| !name.rsplit('.').next().is_some_and(is_number));
    match name {
        Some(name) if name.contains('.') => Ok(name),
        Some(name) => Err(format!("`{name}` is not a whole name, the internet does not know it: door.example.org")),
        None => Err(format!(
            "`{}` is no name: letters without accents, digits, hyphens, dots: door.example.org",
            shown(text)
        )),
    }
}

fn is_number(label: &str) -> bool {
    label.bytes().all(|b| b.is_ascii_digit())
}

/// Whether the public name is an address: it works, but whoever gives the office another one breaks every device.
#[must_use]
pub fn is_address(public_name: &str) -> bool {
    public_name.parse::<IpAddr>().is_ok()
}

/// `HOST:PORT`, as clients write it.
///
/// # Errors
/// What is expected.
pub fn endpoint(text: &str) -> Result<String, String> {
    let text = text.trim();
    let wrong = || format!("`{}` is no endpoint: write HOST:PORT, such as door.example.org:51820", shown(text));
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    match inner.map(str::parse::<IpAddr>) {
        Some(Ok(IpAddr::V6(address))) => Ok(endpoint_of(&address.to_string(), port)),
        None if !host.contains(':') => public_name(host).map(|host| endpoint_of(&host, port)).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// Name or address, and port.
#[must_use]
pub fn endpoint_of(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A DNS server; port 53 if none is given.
///
/// # Errors
/// What is expected.
pub fn resolver(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let plain = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS));
    let found = plain.or_else(|_| text.parse()).ok();
    let fits = |at: &SocketAddr| at.port() > 0 && !at.ip().is_unspecified() && !at.ip().is_multicast();
    found.filter(fits).ok_or_else(|| format!("`{}` is no address: write 192.168.1.1 or 192.168.1.1:5353", shown(text)))
}

/// The office's DNS servers, as many as are asked.
///
/// # Errors
/// Too many.
pub fn resolvers(all: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, String> {
    if all.len() > MOST_RESOLVERS { Err(format!("at most {MOST_RESOLVERS} DNS servers")) } else { Ok(all) }
}

/// Zones of the office, each once, and never the site's own.
///
/// # Errors
/// Which one is none, or too many.
pub fn office_zones(all: &[String], own: &str) -> Result<Vec<String>, String> {
    if all.len() > MOST_ZONES {
        return Err(format!("at most {MOST_ZONES} zones"));
    }
    let mut out: Vec<String> = Vec::new();
    for text in all {
        let zone = zone(text)?;
        if zone == own || zone.ends_with(&format!(".{own}")) {
            return Err(format!("{own} is the gateway's own zone"));
        }
        if !out.contains(&zone) {
            out.push(zone);
        }
    }
    Ok(out)
}

/// A network with its prefix length.
///
/// # Errors
/// What is expected.
pub fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    text.parse().map_err(|_| match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => format!("`{text}`: how large is the network? Write {text}/24, or another length"),
        Ok(IpAddr::V6(_)) => format!("`{text}`: how large is the network? Write {text}/64, or another length"),
        Err(_) => format!("`{}` is no network: write 192.168.1.0/24", shown(text)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (good, kept) in [
            ("Door.Example.org.", "door.example.org"),
            (" a-1.be ", "a-1.be"),
            ("198.51.100.7", "198.51.100.7"),
            ("2001:DB8::1", "2001:db8::1"),
        ] {
            assert_eq!(public_name(good).as_deref(), Ok(kept));
        }
        for bad in [
            "",
            " ",
            "door",
            "http://door.example.org/",
            "door.example.org/",
            "door.example.org:443",
            "a..b",
            ".a.b",
            "a.b..",
            "dôor.example.org",
            "a b.c",
            "-a.b",
            "a_b.c",
            "1.2.3",
            "198.51.100.7.8",
            "a.b\n",
        ] {
            assert_eq!(public_name(bad).is_ok(), bad == "a.b\n", "{bad}");
        }
        assert!(public_name(&format!("{}b", "a.".repeat(127))).is_err());
        assert!(is_address("198.51.100.7") && !is_address("door.example.org"));
        for (text, fits) in
            [("corp.lan", true), ("lan", true), ("Corp.LAN.", true), ("corp..lan", false), ("", false), (".", false)]
        {
            assert_eq!(zone(text).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn endpoints_resolvers_networks() {
        for good in ["door.example.org:51820", "198.51.100.7:443", "[2001:db8::1]:51820"] {
            assert_eq!(endpoint(good).as_deref(), Ok(good));
        }
        for bad in [
            "door.example.org",
            "door.example.org:0",
            ":51820",
            "a b:1",
            "x:99999",
            "a\nb:1",
            "door:51820",
            "2001:db8::1:51820",
            "[198.51.100.7]:1",
            "http://door.example.org:51820",
            "[x]:1",
        ] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
        assert_eq!(endpoint_of("2001:db8::1", 443), "[2001:db8::1]:443");
        assert_eq!(resolver("192.0.2.1"), Ok("192.0.2.1:53".parse().unwrap()));
        assert_eq!(resolver("[2001:db8::1]:5353"), Ok("[2001:db8::1]:5353".parse().unwrap()));
        for bad in ["dns.example.org", "", "0.0.0.0", "192.0.2.1:0", "224.0.0.1"] {
            assert!(resolver(bad).is_err(), "{bad}");
        }
        assert!(network("192.168.77.0/24").is_ok());
        assert!(network("192.168.77.1").unwrap_err().contains("/24"));
        assert!(network("x").is_err());
    }
}
