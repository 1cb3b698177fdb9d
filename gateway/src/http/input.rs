//! What comes in, parsed once: bodies, queries, ids, names and addresses.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use ipnet::{Ipv4Net, Ipv6Net};
use provisioning::addresses::{WIDEST4, WIDEST6};
use serde::de::DeserializeOwned;

use super::error::{Answer, ApiError};
use super::settings::KeepAudit;
use crate::clock::Unix;
use crate::link::message::Ports;
use crate::pure::mail;
use crate::pure::retention::{LONGEST_DAYS, Retention, SHORTEST_DAYS};
use crate::pure::shown::{deceives, shown};
use crate::pure::site::{self, is_label};
use crate::store::ERASED;
use crate::store::site::Site;

/// Most ranges of ports a service has.
const MOST_PORTS: usize = 64;

/// Most DNS names a resource has.
const MOST_NAMES: usize = 16;

/// Longest name for people, in characters.
const LONGEST_NAME: usize = 64;

/// Longest sentence, in characters.
const LONGEST_TEXT: usize = 1000;

/// The languages of the product.
pub const LANGUAGES: [&str; 5] = ["fr", "nl", "ca", "es", "en"];

/// A JSON body, which the guard has read whole.
#[derive(Clone, Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let read = axum::Json::from_request(request, state).await;
        read.map(|axum::Json(body)| Self(body)).map_err(|e| {
            ApiError::Invalid(wrong(&e.body_text()).unwrap_or_else(|| {
                "a JSON body is expected: an object in UTF-8, with the fields that the API document names".to_owned()
            }))
        })
    }
}

/// What serde found wrong, without what was sent: that may be a password. Only the place is told, and what is expected
/// there.
pub(crate) fn wrong(text: &str) -> Option<String> {
    for known in ["missing field `", "unknown field `"] {
        if let Some((_, rest)) = text.split_once(known)
            && let Some((field, _)) = rest.split_once('`')
            && field.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            return Some(format!("{known}{field}`"));
        }
    }
    // "<what failed>: <path>: <what is wrong>[, expected <what>][ at line …]"
    let (_, rest) = text.split_once(": ")?;
    let (path, rest) = rest.split_once(": ")?;
    let ours = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.[]".contains(&b);
    if !path.starts_with(|c: char| c.is_ascii_lowercase()) || path.len() > LONGEST_NAME || !path.bytes().all(ours) {
        return None;
    }
    // After the last one: what was sent stands before it.
    let expected = rest.rsplit_once(", expected ").map_or("another value", |(_, expected)| expected);
    let expected = expected.split_once(" at line ").map_or(expected, |(expected, _)| expected);
    let expected = match expected {
        "u16" => "a whole number up to 65535",
        "u32" | "u64" | "i64" => "a whole number",
        other => other,
    };
    Some(format!("{path}: {expected} is expected"))
}

/// A query string.
#[derive(Clone, Debug)]
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(asked)| Self(asked))
            .map_err(|e| {
                wrong(&e.body_text()).unwrap_or_else(|| "the query string is not what the API document says".into())
            })
            .map_err(ApiError::Invalid)
    }
}

/// An id from the path: what is none names nothing of that kind.
///
/// # Errors
/// Not found.
pub fn id<T: FromStr>(kind: &'static str, text: &str) -> Answer<T> {
    text.parse().map_err(|_| ApiError::unknown(kind, text))
}

fn invalid<T>(text: impl Into<String>) -> Answer<T> {
    Err(ApiError::Invalid(text.into()))
}

/// A login, in lower case.
///
/// # Errors
/// It is none, and what is expected.
pub fn login(text: &str) -> Answer<String> {
    let login = text.trim().to_lowercase();
    let fits = (1..=LONGEST_NAME).contains(&login.len())
        && login.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_@".contains(&b))
        && login.as_bytes()[0].is_ascii_alphanumeric()
        && login.parse::<uuid::Uuid>().is_err()
        && !login.starts_with(ERASED)
        && !["local", "system", "nobody", "import"].contains(&login.as_str());
    if fits {
        Ok(login)
    } else {
        invalid("login: 1 to 64 letters without accents, digits, or . - _ @; begins with a letter or digit")
    }
}

/// A sentence of a program's, for people.
///
/// # Errors
/// Empty, longer than a thousand characters, or with characters that change how others are shown.
pub fn text_in(field: &str, text: &str) -> Answer<String> {
    let text = text.trim();
    if (1..=LONGEST_TEXT).contains(&text.chars().count()) && !text.chars().any(deceives) {
        Ok(text.to_owned())
    } else {
        invalid(format!("{field}: 1 to {LONGEST_TEXT} characters in one line, none of them invisible"))
    }
}

/// For how long lines of the audit are kept.
///
/// # Errors
/// Too short, or too long.
pub fn retention(keep: KeepAudit) -> Answer<Retention> {
    let KeepAudit { access, administration, security } = keep;
    let fits = [access, administration, security].iter().all(|days| (SHORTEST_DAYS..=LONGEST_DAYS).contains(days));
    if fits {
        Ok(Retention { access, administration, security })
    } else {
        invalid(format!("retention: {SHORTEST_DAYS} to {LONGEST_DAYS} days for each class"))
    }
}

/// A name for people.
///
/// # Errors
/// Empty, too long, or with characters that change how others are shown: it stands in tables and logs beside them.
pub fn name(text: &str) -> Answer<String> {
    name_in("name", text)
}

/// The same in another field.
///
/// # Errors
/// As [`name`].
pub fn name_in(field: &str, text: &str) -> Answer<String> {
    let name = text.trim();
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(deceives);
    if fits {
        Ok(name.to_owned())
    } else {
        invalid(format!("{field}: 1 to 64 characters in one line, none of them invisible"))
    }
}

/// One line of a message to people, in this field.
///
/// # Errors
/// Empty, longer than this, or with characters that change how others are shown.
pub fn line_in(field: &str, text: &str, longest: usize) -> Answer<String> {
    let line = text.trim();
    let fits = (1..=longest).contains(&line.chars().count()) && !line.chars().any(deceives);
    let wrong = || format!("{field}: 1 to {longest} characters in one line, none of them invisible");
    if fits { Ok(line.to_owned()) } else { invalid(wrong()) }
}

/// A mail address, in this field.
///
/// # Errors
/// It is none, and what is expected.
pub fn mail_in(field: &str, text: &str) -> Answer<String> {
    mail::address(text).map_err(|e| ApiError::Invalid(format!("{field}: {e}")))
}

/// One of the five languages.
///
/// # Errors
/// Another one.
pub fn language(text: &str) -> Answer<String> {
    if LANGUAGES.contains(&text) { Ok(text.to_owned()) } else { invalid("language: fr, nl, ca, es or en") }
}

/// Where devices reach the gateway: `door.example.org:51820`.
///
/// # Errors
/// It is none.
pub fn endpoint(text: &str) -> Answer<String> {
    site::endpoint(text).map_err(|e| ApiError::Invalid(format!("endpoint: {e}")))
}

/// Zones of the office: as set-up takes them.
///
/// # Errors
/// Which one is none, or too many.
pub fn office_zones(zones: &[String], site: &Site) -> Answer<Vec<String>> {
    site::office_zones(zones, &site.zone).map_err(|e| ApiError::Invalid(format!("office_zones: {e}")))
}

/// DNS servers of the office: as set-up takes them, and at least one.
///
/// # Errors
/// None, too many, or one that is none.
pub fn resolvers(all: &[SocketAddr]) -> Answer<Vec<SocketAddr>> {
    let invalid = |e: String| ApiError::Invalid(format!("resolvers: {e}"));
    if all.is_empty() {
        return Err(invalid("at least one, such as 192.168.1.1:53".to_owned()));
    }
    let checked = all.iter().map(|at| site::resolver(&at.to_string())).collect::<Result<_, _>>();
    checked.and_then(site::resolvers).map_err(invalid)
}

/// A kernel's name of an interface.
///
/// # Errors
/// It cannot be one.
pub fn interface(text: &str) -> Answer<String> {
    let fits = (1..=15).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+".contains(&b))
        && !["lo", ".", ".."].contains(&text);
    if fits { Ok(text.to_owned()) } else { invalid("office_interface: an interface such as eth0 is expected") }
}

/// A resource's name: one DNS label, in lower case, that is not the gateway's own.
///
/// # Errors
/// It is none.
pub fn label(text: &str) -> Answer<String> {
    let label = text.trim().to_lowercase();
    if is_label(&label) && label != "gateway" && label.parse::<uuid::Uuid>().is_err() {
        Ok(label)
    } else {
        invalid("name: 1 to 63 letters without accents, digits or hyphens (not first or last); `gateway` is taken")
    }
}

/// More names of a resource: fully qualified, lower case, without final dot.
///
/// # Errors
/// Which one is none, or belongs to the site itself.
pub fn dns_names(names: &[String], site: &Site) -> Answer<Vec<String>> {
    if names.len() > MOST_NAMES {
        return invalid(format!("dns_names: at most {MOST_NAMES}"));
    }
    let mut out: Vec<String> = Vec::new();
    for name in names {
        let name = name.trim().trim_end_matches('.').to_lowercase();
        let fits = name.len() <= 253 && name.contains('.') && name.split('.').all(is_label);
        if !fits {
            let name = shown(&name);
            return invalid(format!("dns_names: `{name}`: a whole name is expected, such as srv.office.example"));
        }
        if name == site.public_name {
            return invalid(format!("dns_names: {name} is the portal's own name"));
        }
        if name == site.zone || name.ends_with(&format!(".{}", site.zone)) {
            return invalid(format!("dns_names: {name}: the gateway gives the names in {} itself", site.zone));
        }
        if !out.contains(&name) {
            out.push(name);
        }
    }
    Ok(out)
}

/// An address in the office, or a whole network of it.
///
/// # Errors
/// It is none, or cannot be one, and what is expected.
pub fn office4(text: &str, network: bool, site: &Site) -> Answer<Ipv4Net> {
    let net = match (network, text.trim()) {
        (false, text) => text.parse::<Ipv4Addr>().ok().map(Ipv4Net::from),
        (true, text) => text.parse::<Ipv4Net>().ok().filter(|n| n.trunc() == *n),
    };
    let Some(net) = net else {
        let expected = if network { "a network such as 192.168.1.0/24" } else { "an address such as 192.168.1.10" };
        return invalid(format!("address4: {expected} is expected"));
    };
    if net.prefix_len() < WIDEST4 {
        return invalid(format!("address4: {net} is wider than /{WIDEST4}; publish the parts that are needed"));
    }
    let strange = |a: Ipv4Addr| {
        a.is_unspecified() || a.is_loopback() || a.is_multicast() || a.is_broadcast() || a.is_link_local()
    };
    let ours = site.network.v4.contains(&net.network()) || net.contains(&site.network.v4.network());
    if strange(net.network()) || strange(net.broadcast()) || ours {
        return invalid(format!("address4: {net} is no address of a machine in the office"));
    }
    Ok(net)
}

/// As [`office4`].
///
/// # Errors
/// As [`office4`].
pub fn office6(text: &str, network: bool, site: &Site) -> Answer<Ipv6Net> {
    let net = match (network, text.trim()) {
        (false, text) => text.parse::<Ipv6Addr>().ok().map(Ipv6Net::from),
        (true, text) => text.parse::<Ipv6Net>().ok().filter(|n| n.trunc() == *n),
    };
    let Some(net) = net else {
        let expected = if network { "a network such as 2001:db8:1::/64" } else { "an address such as 2001:db8:1::10" };
        return invalid(format!("address6: {expected} is expected"));
    };
    if net.prefix_len() < WIDEST6 {
        return invalid(format!("address6: {net} is wider than /{WIDEST6}; publish the parts that are needed"));
    }
    let a = net.network();
    let strange = a.is_unspecified()
        || a.is_loopback()
        || a.is_multicast()
        || a.is_unicast_link_local()
        || a.to_ipv4_mapped().is_some();
    let ours = site.network.v6.contains(&a) || net.contains(&site.network.v6.network());
    if strange || ours {
        return invalid(format!("address6: {net} is no address of a machine in the office"));
    }
    Ok(net)
}

/// At least one of the two.
///
/// # Errors
/// There is none.
pub fn some_address(v4: Option<Ipv4Net>, v6: Option<Ipv6Net>) -> Answer<()> {
    if v4.is_none() && v6.is_none() { invalid("address4 or address6: an address is needed") } else { Ok(()) }
}

/// A list that must be empty, and why.
///
/// # Errors
/// It is not.
pub fn none<T>(given: &[T], why: &str) -> Answer<Vec<T>> {
    if given.is_empty() { Ok(Vec::new()) } else { invalid(why) }
}

/// Ranges of ports.
///
/// # Errors
/// None, too many, or one upside down.
pub fn ports(ports: &[Ports]) -> Answer<Vec<Ports>> {
    let good = |p: &Ports| p.first >= 1 && p.first <= p.last;
    if ports.is_empty() || ports.len() > MOST_PORTS || !ports.iter().all(good) {
        return invalid(format!("ports: 1 to {MOST_PORTS} ranges, each from a lower to a higher port"));
    }
    let mut ports = ports.to_vec();
    ports.sort_unstable();
    ports.dedup();
    Ok(ports)
}

/// A WireGuard public key, in its one spelling.
///
/// # Errors
/// It is none, or one that would make every shared secret the same.
pub fn public_key(text: &str) -> Answer<String> {
    match text.trim().parse::<provisioning::keys::PublicKey>() {
        Ok(key) => Ok(key.to_string()),
        Err(e) => invalid(format!("public_key: {e}")),
    }
}

/// The end of a token: it is to come, and no later than `longest` from now.
pub(super) fn end(until: Unix, longest: Duration, now: Unix) -> Answer<Unix> {
    if until > now && until <= now + longest {
        return Ok(until);
    }
    let days = longest.as_secs() / 86_400;
    Err(ApiError::Invalid(format!("until: a moment within the next {days} days is expected")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn logins_and_labels() {
        for good in ["anne", "Anne.Rossi", "a@b.example", "x1"] {
            assert_eq!(login(good).unwrap(), good.to_lowercase());
        }
        for bad in [
            "",
            " ",
            "-x",
            "é",
            "a b",
            "local",
            "import",
            "erased-1",
            "0190e1a2-0000-7000-8000-000000000000",
            &"x".repeat(65),
        ] {
            assert!(login(bad).is_err(), "{bad}");
        }
        for bad in ["", "-a", "a-", "a.b", "gateway", "a_b", &"x".repeat(64)] {
            assert!(label(bad).is_err(), "{bad}");
        }
        assert_eq!(label("Files").unwrap(), "files");
    }

    #[test]
    fn names_that_would_deceive_whoever_reads_the_table() {
        for good in ["Anne Rossi", "Núria · l’Hospitalet", "佐藤", "👩\u{200d}💻"] {
            assert_eq!(name(good).unwrap(), good);
        }
        for bad in
            ["a\u{1b}[2Kb", "a\nb", "a\u{9b}b", "a\u{202e}b", "a\u{2066}b", "a\u{200b}b", "\u{feff}a", "a\u{2028}b"]
        {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
