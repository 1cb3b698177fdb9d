//! What is stored in place of a secret of many random bits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// SHA-256 of the parts, one after the other, in base64. For secrets that cannot be guessed: it is fast.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> String {
    let hasher = parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part));
    STANDARD.encode(hasher.finalize())
}
