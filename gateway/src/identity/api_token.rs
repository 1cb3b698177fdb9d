//! Tokens of programs: 256 bits that only the program holds, and what it may do with them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use provisioning::digest::digest;
use zeroize::Zeroizing;

use crate::planted::{Bug, planted};
use crate::pure::shown::shown;

/// What every token begins with, so that scanners of source code find one that was left there.
const PREFIX: &str = "pat_";

/// The text of 32 bytes, behind the prefix.
const LENGTH: usize = 4 + 43;

/// Longest list of scopes that is read.
const MOST: usize = 32;

/// What a scope can be for: the first word of a route. Tokens themselves are not among them.
pub const NOUNS: [&str; 18] = [
    "users",
    "groups",
    "devices",
    "resources",
    "workstations",
    "desktops",
    "pools",
    "bookings",
    "agents",
    "policies",
    "verifications",
    "invitations",
    "audit",
    "live",
    "health",
    "status",
    "why",
    "settings",
];

/// A token.
#[derive(Clone)]
pub struct ApiToken(Zeroizing<String>);

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(token)")
    }
}

impl ApiToken {
    /// A new one.
    ///
    /// # Errors
    /// The kernel gives no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut())?;
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref()));
        Ok(Self(Zeroizing::new(format!("{PREFIX}{}", text.as_str()))))
    }

    /// From an `Authorization` header (RFC 6750 §2.1), if it is one.
    #[must_use]
    pub fn from_header(value: &str) -> Option<Self> {
        let (scheme, token) = value.split_once(' ')?;
        let fits = scheme.eq_ignore_ascii_case("bearer") && token.len() == LENGTH && token.starts_with(PREFIX);
        fits.then(|| Self(Zeroizing::new(token.to_owned())))
    }

    /// To be shown once.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What is stored.
    #[must_use]
    pub fn hash(&self) -> String {
        digest(&[self.0.as_bytes()])
    }
}

/// What a token may do: `users:read`, `devices:write`, `all:read`. Writing includes reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    /// None: every one.
    noun: Option<&'static str>,
    write: bool,
}

/// Not scopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scope: write NOUN:read or NOUN:write, NOUN being all, {list}", list = NOUNS.join(", "))]
pub struct NotAScope(String);

impl Scopes {
    /// Whether a request of this method to this noun is within them.
    #[must_use]
    pub fn allow(&self, noun: &str, write: bool) -> bool {
        planted(Bug::ScopesIgnored)
            || NOUNS.contains(&noun) && self.0.iter().any(|s| (s.write || !write) && s.noun.is_none_or(|n| n == noun))
    }
}

impl FromStr for Scopes {
    type Err = NotAScope;
    fn from_str(text: &str) -> Result<Self, NotAScope> {
        let shown = |word: &str| NotAScope(shown(word));
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() || words.len() > MOST {
            return Err(shown(text));
        }
        let mut scopes = words.into_iter().map(|w| scope(w).ok_or_else(|| shown(w))).collect::<Result<Vec<_>, _>>()?;
        scopes.sort_unstable();
        scopes.dedup();
        Ok(Self(scopes))
    }
}

fn scope(word: &str) -> Option<Scope> {
    let (noun, access) = word.split_once(':')?;
    let noun = match noun {
        "all" => None,
        noun => Some(*NOUNS.iter().find(|n| **n == noun)?),
    };
    match access {
        "read" => Some(Scope { noun, write: false }),
        "write" => Some(Scope { noun, write: true }),
        _ => None,
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |s: &Scope| format!("{}:{}", s.noun.unwrap_or("all"), if s.write { "write" } else { "read" });
        f.write_str(&self.0.iter().map(word).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_out_and_comes_back() {
        let token = ApiToken::generate().unwrap();
        let again = ApiToken::from_header(&format!("Bearer {}", token.text())).unwrap();
        assert_eq!(again.hash(), token.hash());
        assert_eq!(format!("{token:?}"), "(token)");
        for hostile in
            ["", "Bearer", "Bearer x", &format!("Basic {}", token.text()), &format!("Bearer  {}", token.text())]
        {
            assert!(ApiToken::from_header(hostile).is_none(), "{hostile}");
        }
    }

    #[test]
    fn scopes_say_what_is_allowed() {
        let scopes: Scopes = "devices:write users:read users:read".parse().unwrap();
        assert_eq!(scopes.to_string().parse::<Scopes>().unwrap(), scopes);
        let cases = [
            ("users", false, true),
            ("users", true, false),
            ("devices", true, true),
            ("devices", false, true),
            ("audit", false, false),
        ];
        for (noun, write, allowed) in cases {
            assert_eq!(scopes.allow(noun, write), allowed, "{noun} {write}");
        }
        let all: Scopes = "all:write".parse().unwrap();
        assert!(NOUNS.iter().all(|n| all.allow(n, true)));
        assert!(!all.allow("tokens", false) && !all.allow("", false) && !all.allow("all", false));
        for bad in ["", "users", "users:", "tokens:read", "users:admin", "*:read", &"users:read ".repeat(MOST + 1)] {
            assert!(bad.parse::<Scopes>().is_err(), "{bad}");
        }
    }
}
