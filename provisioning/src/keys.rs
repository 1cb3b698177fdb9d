//! WireGuard keys (Curve25519), base64 as `wg` writes them.
//!
//! A device's private key is made on the device, or printed once and forgotten; it is never sent to the gateway.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boringtun::x25519;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Why text or bytes are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes in base64.
    #[error("not a WireGuard key: 44 characters of base64 are expected, as `wg pubkey` prints")]
    Form,
    /// A point of small order (all-zero included): every secret shared with it is known to everybody.
    #[error("this key is weak and is refused: make a new pair with `wg genkey` and give its public key")]
    Weak,
}

/// A private key. Wiped when dropped; `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey([u8; 32]);

/// A public key that is not of small order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

/// A preshared key. Wiped when dropped; `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PresharedKey([u8; 32]);

impl PrivateKey {
    /// A new key from the kernel's randomness, clamped as `wg genkey` does.
    ///
    /// # Errors
    /// The kernel gives none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)?;
        Ok(Self::from_bytes(*bytes))
    }

    /// From 32 secret bytes; they are clamped (RFC 7748 §5).
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        bytes[0] &= 248;
        bytes[31] = (bytes[31] & 127) | 64;
        Self(bytes)
    }

    /// The secret bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Base64, for the one place where it is to be shown.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0))
    }

    /// The other half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        let secret = x25519::StaticSecret::from(self.0);
        PublicKey(x25519::PublicKey::from(&secret).to_bytes())
    }
}

impl FromStr for PrivateKey {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        decode(text).map(|bytes| Self::from_bytes(*bytes))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(private key)")
    }
}

impl PublicKey {
    /// Takes any encoding but those of the points of small order.
    ///
    /// # Errors
    /// [`KeyError::Weak`].
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        // A clamped scalar is a multiple of the cofactor: it takes exactly the points of small order, on the curve and
        // on its twist, canonical or not, to zero (RFC 7748 §6.1). So no list of encodings can be incomplete here.
        let probe = x25519::StaticSecret::from([0x42; 32]);
        let shared = probe.diffie_hellman(&x25519::PublicKey::from(bytes));
        if shared.was_contributory() { Ok(Self(bytes)) } else { Err(KeyError::Weak) }
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(*decode(text)?)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;
    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        key.to_string()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PresharedKey {
    /// A new key from the kernel's randomness.
    ///
    /// # Errors
    /// The kernel gives none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut key = Self([0; 32]);
        getrandom::fill(&mut key.0)?;
        Ok(key)
    }

    /// The secret bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Base64, for the one place where it is to be shown.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0))
    }
}

impl From<[u8; 32]> for PresharedKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for PresharedKey {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        decode(text).map(|bytes| Self(*bytes))
    }
}

impl fmt::Debug for PresharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(preshared key)")
    }
}

fn decode(text: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| KeyError::Form)?);
    let mut key = Zeroizing::new([0; 32]);
    if bytes.len() != key.len() {
        return Err(KeyError::Form);
    }
    key.copy_from_slice(&bytes);
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Points of order 1, 2, 4 and 8 on curve and twist, and their non-canonical encodings: the list of
    /// <https://cr.yp.to/ecdh.html#validate>.
    const SMALL: [&str; 7] = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];

    fn bytes(hex: &str) -> [u8; 32] {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    }

    #[test]
    fn points_of_small_order_are_refused() {
        for hex in SMALL {
            let mut point = bytes(hex);
            assert_eq!(PublicKey::from_bytes(point), Err(KeyError::Weak), "{hex}");
            point[31] |= 0x80; // X25519 ignores the top bit.
            assert_eq!(PublicKey::from_bytes(point), Err(KeyError::Weak), "{hex} with the top bit");
            assert_eq!(STANDARD.encode(point).parse::<PublicKey>(), Err(KeyError::Weak));
        }
    }

    #[test]
    fn rfc_7748_section_6_1() {
        let private = bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        let public = bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
        assert_eq!(PrivateKey::from_bytes(private).public_key().as_bytes(), &public);
    }

    #[test]
    fn only_32_bytes_of_base64_are_a_key() {
        for text in ["", "x", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &"A".repeat(88)] {
            assert_eq!(text.parse::<PublicKey>(), Err(KeyError::Form), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let key = PrivateKey::generate().unwrap();
        assert!(!format!("{key:?}").contains(&key.expose()[..6]));
        let key = PresharedKey::generate().unwrap();
        assert!(!format!("{key:?}").contains(&key.expose()[..6]));
    }

    proptest! {
        #[test]
        fn public_keys_travel_as_text(seed in any::<[u8; 32]>()) {
            let key = PrivateKey::from_bytes(seed).public_key();
            prop_assert_eq!(key.to_string().parse(), Ok(key));
            let json = serde_json::to_string(&key).unwrap();
            prop_assert_eq!(serde_json::from_str::<PublicKey>(&json).unwrap(), key);
        }

        #[test]
        fn any_text_is_survived(text in ".*") {
            let _ = text.parse::<PublicKey>();
            let _ = text.parse::<PrivateKey>();
        }
    }
}
