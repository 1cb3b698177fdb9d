//! Recovery codes: for the day the telephone is lost. Each opens once; only hashes are stored.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::invitation::Token;

/// How many a person gets.
pub const COUNT: usize = 10;

const PURPOSE: &[u8] = b"passerelle recovery\0";

/// New codes of 128 bits each, written like an invitation's token.
#[must_use]
pub fn generate() -> Vec<String> {
    (0..COUNT).map(|_| Token::generate().to_string()).collect()
}

/// What is stored and compared: SHA-256 in base64. Case, spaces and hyphens do not count; text that is no code hashes to
/// something no code hashes to.
#[must_use]
pub fn hash(code: &str) -> String {
    if let Ok(token) = code.parse::<Token>() {
        return token.hash_as(PURPOSE);
    }
    let mut hasher = Sha256::new();
    hasher.update(b"passerelle no recovery code\0");
    hasher.update(code.as_bytes());
    STANDARD.encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn ten_different_codes() {
        let codes = generate();
        assert_eq!(codes.iter().map(|c| hash(c)).collect::<BTreeSet<_>>().len(), COUNT);
        assert!(codes.iter().all(|c| c.parse::<Token>().is_ok()));
    }

    #[test]
    fn writing_does_not_count() {
        let code = &generate()[0];
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
