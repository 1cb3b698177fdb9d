//! Text, lists and hardware addresses that cannot be longer than they may be, whoever sent them.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Characters of a [`Short`]: a DNS name (RFC 1035, §2.3.4), and more than Windows takes for anybody's name.
pub const SHORT: usize = 255;

/// One line that people can read: at most [`SHORT`] characters, none that cannot be seen or that turn the direction of
/// what stands beside it. What does not fit is left out, for a PC's odd name is no reason not to hear it.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Short(String);

impl Short {
    /// What fits of this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().chars().filter(|c| !hides(*c)).take(SHORT).collect())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Controls, marks of direction, joiners and other characters without a shape (Unicode, general categories Cc and Cf).
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl Deref for Short {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Short {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

/// A list of at most `N`. One that is longer is refused before its end is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct AtMost<T, const N: usize>(Vec<T>);

impl<T, const N: usize> AtMost<T, N> {
    /// The first `N` of these.
    pub fn first(items: impl IntoIterator<Item = T>) -> Self {
        Self(items.into_iter().take(N).collect())
    }
}

impl<T, const N: usize> Default for AtMost<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const N: usize> Deref for AtMost<T, N> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a AtMost<T, N> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for AtMost<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const N: usize>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for List<T, N> {
            type Value = AtMost<T, N>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {N}")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    if items.len() == N {
                        return Err(A::Error::custom(format_args!("more than {N} in a list")));
                    }
                    items.push(item);
                }
                Ok(AtMost(items))
            }
        }
        deserializer.deserialize_seq(List(std::marker::PhantomData))
    }
}

/// A hardware address of Ethernet or Wi-Fi (EUI-48).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

/// Text that is no hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hardware address: six pairs of hexadecimal digits are expected, such as 3c:52:82:11:22:33")]
pub struct NotAMac;

impl Mac {
    /// Whether one machine can have it: neither a group's nor nobody's.
    #[must_use]
    pub fn is_of_one(self) -> bool {
        self.0[0] & 1 == 0 && self.0 != [0; 6]
    }
}

impl FromStr for Mac {
    type Err = NotAMac;

    /// Takes colons, hyphens, Cisco's dots, or nothing between the digits.
    fn from_str(text: &str) -> Result<Self, NotAMac> {
        // Seventeen characters are the longest of all these.
        if text.len() > 17 {
            return Err(NotAMac);
        }
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
        if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NotAMac);
        }
        let mut mac = [0; 6];
        for (n, byte) in mac.iter_mut().enumerate() {
            *byte = digits.get(2 * n..2 * n + 2).and_then(|d| u8::from_str_radix(d, 16).ok()).ok_or(NotAMac)?;
        }
        Ok(Self(mac))
    }
}

impl TryFrom<String> for Mac {
    type Error = NotAMac;
    fn try_from(text: String) -> Result<Self, NotAMac> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SHA-256 of something public: a certificate. In hexadecimal digits, as `openssl x509 -fingerprint` prints without colons.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(pub [u8; 32]);

/// Text that is no SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint: 64 hexadecimal digits are expected")]
pub struct NotAFingerprint;

impl Fingerprint {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = NotAFingerprint;
    fn try_from(text: String) -> Result<Self, NotAFingerprint> {
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NotAFingerprint);
        }
        let mut bytes = [0; 32];
        for (n, byte) in bytes.iter_mut().enumerate() {
            let two = text.get(2 * n..2 * n + 2).and_then(|d| u8::from_str_radix(d, 16).ok());
            *byte = two.ok_or(NotAFingerprint)?;
        }
        Ok(Self(bytes))
    }
}

impl From<Fingerprint> for String {
    fn from(print: Fingerprint) -> Self {
        print.to_string()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_cleaned_not_refused() {
        assert_eq!(&*Short::new("  PC\u{202e}-7\u{0}\n "), "PC-7");
        assert_eq!(Short::new(&"é".repeat(400)).chars().count(), SHORT);
        let read: Short = serde_json::from_str(r#""a\u0000b\u200bc""#).unwrap();
        assert_eq!(&*read, "abc");
    }

    #[test]
    fn a_list_that_is_too_long_is_refused() {
        assert_eq!(&*serde_json::from_str::<AtMost<u8, 2>>("[1,2]").unwrap(), [1, 2]);
        assert!(serde_json::from_str::<AtMost<u8, 2>>("[1,2,3]").is_err());
        assert_eq!(&*AtMost::<u8, 2>::first([1, 2, 3]), [1, 2]);
    }

    #[test]
    fn hardware_addresses_as_people_and_systems_write_them() {
        let mac = Mac([0x3c, 0x52, 0x82, 0x11, 0xab, 0x33]);
        for text in ["3c:52:82:11:ab:33", "3C-52-82-11-AB-33", "3c52.8211.ab33", "3c528211ab33"] {
            assert_eq!(text.parse(), Ok(mac), "{text}");
        }
        assert_eq!(mac.to_string(), "3c:52:82:11:ab:33");
        for text in ["", "3c:52:82:11:ab", "3c:52:82:11:ab:3g", "3c:52:82:11:ab:33:44", "3é:52:82:11:ab:3"] {
            assert_eq!(text.parse::<Mac>(), Err(NotAMac), "{text}");
        }
        assert!(mac.is_of_one());
        for nobody in ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"] {
            assert!(!nobody.parse::<Mac>().unwrap().is_of_one(), "{nobody}");
        }
    }

    #[test]
    fn fingerprints_are_those_of_openssl() {
        let print = Fingerprint::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(print.to_string(), text);
        assert_eq!(Fingerprint::try_from(text.to_uppercase()), Ok(print));
        for wrong in ["", "ba78", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(Fingerprint::try_from(wrong.to_owned()), Err(NotAFingerprint), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".*") {
            let _ = (text.parse::<Mac>(), Fingerprint::try_from(text.clone()));
            prop_assert!(Short::new(&text).chars().count() <= SHORT);
        }
    }
}
