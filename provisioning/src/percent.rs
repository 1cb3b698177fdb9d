//! Percent-encoding (RFC 3986 §2.1).

use std::fmt::Write as _;

/// Encodes all but the unreserved characters, and but those of `also`.
#[must_use]
pub fn encode(bytes: &[u8], also: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || also.contains(byte) {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
