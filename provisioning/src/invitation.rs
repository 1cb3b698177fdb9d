//! The token of an invitation: 128 random bits that a person can read out on the telephone.
//!
//! Crockford's base32 (no I, L, O, U), five groups: `8K2M4-…`. Only its hash is ever stored.

use std::fmt;
use std::str::FromStr;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::digest::digest;

/// <https://www.crockford.com/base32.html>
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// 128 bits at five a character.
const LENGTH: usize = 26;

/// Longest text that is looked at: token, separators, and room for what a mail client adds.
const LONGEST: usize = 256;

/// Characters after which a hyphen is written; the last group has six.
const GROUP: usize = 5;

/// One invitation's token. Wiped when dropped; shown by `Display` only.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Token([u8; 16]);

/// Text that is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an invitation: 26 letters and digits are expected, such as 8K2M4-…; look for a missing or extra one")]
pub struct NotAToken;

impl Token {
    /// A new token from the kernel's randomness.
    ///
    /// # Errors
    /// The kernel gives none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut token = Self([0; 16]);
        getrandom::fill(&mut token.0)?;
        Ok(token)
    }

    /// What is stored: SHA-256 in base64. No salt, no stretching: 128 random bits cannot be guessed.
    #[must_use]
    pub fn hash(&self) -> String {
        self.hash_as(b"passerelle invitation\0")
    }

    pub(crate) fn hash_as(&self, purpose: &[u8]) -> String {
        digest(&[purpose, &self.0])
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        for at in 0..LENGTH {
            if at % GROUP == 0 && at > 0 && at < LENGTH - 1 {
                f.write_str("-")?;
            }
            let five = (bits >> (5 * (LENGTH - 1 - at))) & 31;
            let symbol = usize::try_from(five).ok().and_then(|i| ALPHABET.get(i)).copied().unwrap_or(b'0');
            write!(f, "{}", char::from(symbol))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(token)")
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    /// Takes any case, spaces, hyphens and dashes of any kind, O for 0, I and L for 1.
    fn from_str(text: &str) -> Result<Self, NotAToken> {
        if text.len() > LONGEST {
            return Err(NotAToken);
        }
        let mut bits: u128 = 0;
        let mut count = 0;
        for c in text.chars().filter(|c| !is_separator(*c)) {
            let five = value(c).ok_or(NotAToken)?;
            // The first character holds only three bits.
            if count == LENGTH || (count == 0 && five > 7) {
                return Err(NotAToken);
            }
            bits = (bits << 5) | u128::from(five);
            count += 1;
        }
        if count == LENGTH { Ok(Self(bits.to_be_bytes())) } else { Err(NotAToken) }
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '_' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{200b}' | '\u{feff}')
}

fn value(c: char) -> Option<u8> {
    let c = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let at = ALPHABET.iter().position(|symbol| char::from(*symbol) == c)?;
    u8::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn looks_like_this() {
        assert_eq!(Token([0xff; 16]).to_string(), "7ZZZZ-ZZZZZ-ZZZZZ-ZZZZZ-ZZZZZZ");
        assert_eq!(Token([0; 16]).to_string(), "00000-00000-00000-00000-000000");
    }

    #[test]
    fn what_people_type_is_understood() {
        let token: Token = "01234-56789-ABCDE-FGHJK-MNPQRS".parse().unwrap();
        for text in ["o1234 56789 abcde fghjk mnpqrs", " OI234_56789–ABCDE—FGHJKMNPQRS\n", "0L23456789ABCDEFGHJKMNPQRS"]
        {
            assert_eq!(text.parse(), Ok(token.clone()), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "0",
            "01234-56789-ABCDE-FGHJK-MNPQR",
            "01234-56789-ABCDE-FGHJK-MNPQRSS",
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "U1234-56789-ABCDE-FGHJK-MNPQRS",
        ] {
            assert_eq!(text.parse::<Token>(), Err(NotAToken), "{text}");
        }
    }

    proptest! {
        #[test]
        fn travels_as_text(bytes in any::<[u8; 16]>()) {
            let token = Token(bytes);
            prop_assert_eq!(token.to_string().parse(), Ok(token.clone()));
            prop_assert_eq!(token.to_string().to_lowercase().replace('-', " ").parse::<Token>().unwrap().hash(), token.hash());
        }

        #[test]
        fn any_text_is_survived(text in ".*") {
            let _ = text.parse::<Token>();
        }
    }
}
