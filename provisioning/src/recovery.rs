//! Recovery codes: for the day the telephone is lost. Each opens once; only hashes are stored.

use crate::digest::digest;
use crate::invitation::Token;

/// How many a person gets.
pub const COUNT: usize = 10;

const PURPOSE: &[u8] = b"passerelle recovery\0";

/// New codes of 128 bits each, written like an invitation's token.
///
/// # Errors
/// The kernel gives no randomness.
pub fn generate() -> Result<Vec<String>, getrandom::Error> {
    (0..COUNT).map(|_| Ok(Token::generate()?.to_string())).collect()
}

/// What is stored and compared: SHA-256 in base64. Case, spaces and hyphens do not count; text that is no code hashes to
/// something no code hashes to.
#[must_use]
pub fn hash(code: &str) -> String {
    if let Ok(token) = code.parse::<Token>() {
        return token.hash_as(PURPOSE);
    }
    digest(&[b"passerelle no recovery code\0", code.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn ten_different_codes() {
        let codes = generate().unwrap();
        assert_eq!(codes.iter().map(|c| hash(c)).collect::<BTreeSet<_>>().len(), COUNT);
        assert!(codes.iter().all(|c| c.parse::<Token>().is_ok()));
    }

    #[test]
    fn writing_does_not_count() {
        let code = &generate().unwrap()[0];
        assert_eq!(hash(code), hash(&format!(" {} ", code.to_lowercase().replace('-', ""))));
        assert_ne!(hash(code), hash(&code[1..]));
        assert_ne!(hash(code), code.parse::<Token>().unwrap().hash());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".*") {
            prop_assert_eq!(hash(&text).len(), 44);
        }
    }
}
