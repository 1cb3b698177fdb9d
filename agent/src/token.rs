//! The token that enrols PCs: what proves that they may, and by what they know the gateway.
//!
//! Its second half is the SHA-256 of the internal authority's certificate, so the very first connection is
//! authenticated in both directions: a PC gives the secret to nobody else.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::bounded::Fingerprint;

/// What every token begins with, so that scanners of source code find one that was left there.
const PREFIX: &str = "pagt_";

/// Bytes of the secret: 128 random bits cannot be guessed.
const SECRET: usize = 16;

/// Bytes behind the prefix.
const LENGTH: usize = SECRET + 32;

/// What proves that a PC may be enrolled. `Debug` prints nothing of it, and it is wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret([u8; SECRET]);

/// A token. `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// What only the gateway and the PC know.
    pub secret: Secret,
    /// SHA-256 of the authority's certificate, in DER.
    pub authority: Fingerprint,
}

/// Text that is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token for a PC: pagt_ and 64 letters, digits, hyphens and underscores are expected; copy all of it")]
pub struct NotAToken;

impl Secret {
    /// These bytes, which are random.
    #[must_use]
    pub fn new(bytes: [u8; SECRET]) -> Self {
        Self(bytes)
    }

    /// What the gateway keeps: SHA-256 in base64. No salt, no stretching: 128 random bits cannot be guessed.
    #[must_use]
    pub fn hash(&self) -> String {
        let digest = Sha256::new().chain_update(b"passerelle agent\0").chain_update(self.0).finalize();
        base64::engine::general_purpose::STANDARD.encode(digest)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(token)")
    }
}

impl TryFrom<String> for Secret {
    type Error = NotAToken;
    fn try_from(text: String) -> Result<Self, NotAToken> {
        let text = Zeroizing::new(text);
        let mut bytes = Zeroizing::new([0; SECRET]);
        match URL_SAFE_NO_PAD.decode_slice(text.as_bytes(), bytes.as_mut_slice()) {
            Ok(SECRET) => Ok(Self(*bytes)),
            _ => Err(NotAToken),
        }
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        URL_SAFE_NO_PAD.encode(secret.0)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        let (secret, authority) = bytes.split_at_mut(SECRET);
        secret.copy_from_slice(&self.secret.0);
        authority.copy_from_slice(&self.authority.0);
        write!(f, "{PREFIX}{}", *Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    /// White space around it, as copying brings along, is passed over.
    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let text = text.trim().strip_prefix(PREFIX).ok_or(NotAToken)?;
        let mut bytes = Zeroizing::new([0; LENGTH]);
        match URL_SAFE_NO_PAD.decode_slice(text, bytes.as_mut_slice()) {
            Ok(LENGTH) => {}
            _ => return Err(NotAToken),
        }
        let (secret, authority) = bytes.split_at(SECRET);
        let secret = Secret(secret.try_into().map_err(|_| NotAToken)?);
        Ok(Self { secret, authority: Fingerprint(authority.try_into().map_err(|_| NotAToken)?) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_shows_itself_only_when_asked() {
        let token = Token { secret: Secret([7; SECRET]), authority: Fingerprint([9; 32]) };
        let text = token.to_string();
        assert_eq!(text.len(), 5 + 64);
        assert_eq!(format!(" {text}\n").parse(), Ok(token.clone()));
        assert_eq!(format!("{token:?} {:?}", token.secret), "(token) (secret)");
        assert_ne!(token.secret.hash(), Secret([8; SECRET]).hash());
    }

    #[test]
    fn anything_else_is_refused() {
        let text = Token { secret: Secret([7; SECRET]), authority: Fingerprint([9; 32]) }.to_string();
        for wrong in ["", "pagt_", &text[5..], &text[..68], &format!("{text}A"), &text.replace("pagt_", "pat_")] {
            assert_eq!(wrong.parse::<Token>(), Err(NotAToken), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn travels_as_text(secret in any::<[u8; SECRET]>(), authority in any::<[u8; 32]>()) {
            let token = Token { secret: Secret(secret), authority: Fingerprint(authority) };
            prop_assert_eq!(token.to_string().parse(), Ok(token.clone()));
            let secret = serde_json::to_string(&token.secret).unwrap();
            prop_assert_eq!(serde_json::from_str::<Secret>(&secret).unwrap(), token.secret);
        }

        #[test]
        fn any_text_is_survived(text in ".*") {
            let _ = (text.parse::<Token>(), Secret::try_from(text.clone()));
        }
    }
}
