//! The token of a web session: 256 bits that only the browser holds; the database has its hash.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use provisioning::digest::digest;
use zeroize::Zeroizing;

/// Name of the cookie. The prefix makes browsers insist on `Secure`, no `Domain` and the whole path.
pub const COOKIE: &str = "__Host-passerelle";

/// The text of 32 bytes.
const LENGTH: usize = 43;

/// A token.
#[derive(Clone, PartialEq, Eq)]
pub struct WebToken(Zeroizing<String>);

impl fmt::Debug for WebToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(token)")
    }
}

impl WebToken {
    /// A new one.
    ///
    /// # Errors
    /// The kernel gives no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut())?;
        Ok(Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref()))))
    }

    /// From a `Cookie` header, if it is in it.
    #[must_use]
    pub fn from_cookies(header: &str) -> Option<Self> {
        header
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, value)| *name == COOKIE && value.len() == LENGTH)
            .map(|(_, value)| Self(Zeroizing::new(value.to_owned())))
    }

    /// The value of a `Set-Cookie` header that plants it.
    #[must_use]
    pub fn set_cookie(&self) -> String {
        format!("{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict", self.0.as_str())
    }

    /// The value of a `Set-Cookie` header that takes it away.
    #[must_use]
    pub fn clear_cookie() -> String {
        format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
    }

    /// What is stored.
    #[must_use]
    pub fn hash(&self) -> String {
        digest(&[self.0.as_bytes()])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn goes_out_and_comes_back() {
        let token = WebToken::generate().unwrap();
        let cookie = token.set_cookie();
        let pair = cookie.split(';').next().unwrap();
        assert_eq!(WebToken::from_cookies(&format!("a=b; {pair}; c=d")).unwrap(), token);
        assert_eq!(format!("{token:?}"), "(token)");
        for hostile in ["", "=", ";;;", "__Host-passerelle", "__Host-passerelle=short", "passerelle=x"] {
            assert!(WebToken::from_cookies(hostile).is_none());
        }
    }
}
