//! What an address of mail is, and where mail may go without TLS.

use std::net::IpAddr;

/// Longest mail address (RFC 5321 §4.5.3.1.3, without the brackets).
const LONGEST_MAIL: usize = 254;

/// A mail address as people have them: what is quoted, bracketed or beyond ASCII before the `@` is left to others.
///
/// # Errors
/// What is expected.
pub fn address(text: &str) -> Result<String, String> {
    let text = text.trim();
    let good = |(local, host): (&str, &str)| {
        let atom = |c: u8| c.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_{|}~".contains(&c);
        let dots = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        let named = host.contains('.') && host.to_lowercase().split('.').all(super::site::is_label);
        (1..=64).contains(&local.len()) && local.bytes().all(atom) && dots && named
    };
    if text.len() <= LONGEST_MAIL && text.split_once('@').is_some_and(good) {
        Ok(text.to_owned())
    } else {
        Err("an address such as anne@example.org is expected".to_owned())
    }
}

/// Whether mail may go there without TLS: this machine, or the office's own network (RFC 1918, RFC 4193).
#[must_use]
pub fn stays_in_office(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(a) => a.is_private() || a.is_loopback(),
        IpAddr::V6(a) => a.is_unique_local() || a.is_loopback(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_mail() {
        for good in ["anne@example.org", "a.b+c@mail.example.org", "O'Brien@EXAMPLE.org"] {
            assert_eq!(address(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "anne",
            "anne@",
            "@x.org",
            "a b@x.org",
            "a@x",
            "a@x..org",
            ".a@x.org",
            "a@x.org\nBcc: b@x.org",
            "<a@x.org>",
        ] {
            assert!(address(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_needs_no_tls() {
        for (to, stays) in [
            ("192.168.1.9", true),
            ("127.0.0.1", true),
            ("fd00::1", true),
            ("::ffff:10.0.0.1", true),
            ("8.8.8.8", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(stays_in_office(to.parse().unwrap()), stays, "{to}");
        }
    }
}
