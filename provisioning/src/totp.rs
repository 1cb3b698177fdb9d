//! Codes from an authenticator app: RFC 6238 with SHA-1, six digits, 30 seconds, which every app can do.
//!
//! Who calls [`matching_step`] must remember the step and refuse it, and every earlier one, from then on (§5.2).

use std::fmt;

use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::percent::encode;

/// Seconds a code stands for.
pub const STEP_SECONDS: u64 = 30;

/// Digits of a code.
pub const DIGITS: u8 = 6;

/// A shared secret of 160 bits (RFC 4226 §4 R6). Wiped when dropped; `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 20]);

fn base32(secret: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(totp_rs::Secret::from(secret.to_vec()).to_base32())
}

/// Whether this is the secret's [`Secret::base32`]; takes as long for any text of its length.
#[must_use]
pub fn is_base32_of(text: &str, secret: &[u8]) -> bool {
    base32(secret).as_bytes().ct_eq(text.as_bytes()).into()
}

impl Secret {
    /// A new secret from the kernel's randomness.
    ///
    /// # Errors
    /// The kernel gives none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = Self([0; 20]);
        getrandom::fill(&mut secret.0)?;
        Ok(secret)
    }

    /// The secret bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Base32, for people who type it into their app.
    #[must_use]
    pub fn base32(&self) -> Zeroizing<String> {
        base32(&self.0)
    }

    /// What the QR code says: an `otpauth` URI.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (encode(issuer.as_bytes(), b""), encode(account.as_bytes(), b""));
        let secret = self.base32();
        format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            secret.as_str()
        )
    }
}

impl From<[u8; 20]> for Secret {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(TOTP secret)")
    }
}

/// The step this code stands for, if it is the current one or the one before; the comparison takes the same time
/// whatever is wrong. Spaces are tolerated, the future is not.
#[must_use]
pub fn matching_step(secret: &[u8], code: &str, unix_seconds: u64) -> Option<u64> {
    let current = step(unix_seconds);
    matching(secret, code, current.saturating_sub(1)..=current)
}

/// Whether this code is of another time, up to an hour before or after: then it comes from a clock that is wrong. To be asked
/// by whoever is setting their app up, and good for nothing.
#[must_use]
pub fn is_of_another_time(secret: &[u8], code: &str, unix_seconds: u64) -> bool {
    const HOUR: u64 = 3600 / STEP_SECONDS;
    let current = step(unix_seconds);
    matching(secret, code, current.saturating_sub(HOUR)..=current.saturating_add(HOUR)).is_some()
}

fn matching(secret: &[u8], code: &str, steps: std::ops::RangeInclusive<u64>) -> Option<u64> {
    let code: Zeroizing<Vec<u8>> = Zeroizing::new(code.bytes().filter(|b| !b.is_ascii_whitespace()).take(64).collect());
    let totp = totp(secret);
    let (mut found, mut fits) = (Choice::from(0), 0);
    for candidate in steps {
        let right = at(&totp, candidate);
        let equal = right.as_bytes().ct_eq(&code);
        fits = u64::conditional_select(&fits, &candidate, equal);
        found |= equal;
    }
    bool::from(found).then_some(fits)
}

/// The step a moment is in (RFC 6238 §4.2, 30 s).
#[must_use]
pub fn step(unix_seconds: u64) -> u64 {
    unix_seconds / STEP_SECONDS
}

/// Whether this could be a code: six digits, spaces tolerated.
#[must_use]
pub fn is_code(text: &str) -> bool {
    let mut letters = text.bytes().filter(|b| !b.is_ascii_whitespace());
    (0..DIGITS).all(|_| letters.next().is_some_and(|b| b.is_ascii_digit())) && letters.next().is_none()
}

/// The code of a step, as an authenticator app shows it.
#[must_use]
pub fn code_at(secret: &[u8], step: u64) -> String {
    at(&totp(secret), step).to_string()
}

fn totp(secret: &[u8]) -> Totp {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_step_duration(STEP_SECONDS)
        .with_secret(secret.to_vec())
        .build_noncompliant()
}

fn at(totp: &Totp, step: u64) -> Zeroizing<String> {
    Zeroizing::new(totp.generate(step.saturating_mul(STEP_SECONDS)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RFC: &[u8] = b"12345678901234567890";

    #[test]
    fn rfc_6238_appendix_b() {
        // The RFC shows eight digits; these are the last six.
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(code_at(RFC, seconds / 30), code);
            assert_eq!(matching_step(RFC, code, seconds), Some(seconds / 30));
        }
    }

    #[test]
    fn current_and_previous_only() {
        let code = code_at(RFC, 100);
        for (seconds, expected) in [
            (2_999, None),
            (3_000, Some(100)),
            (3_029, Some(100)),
            (3_030, Some(100)),
            (3_059, Some(100)),
            (3_060, None),
        ] {
            assert_eq!(matching_step(RFC, &code, seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn of_another_time() {
        let code = code_at(RFC, 100_000);
        for (seconds, expected) in [
            (3_000_000 + 3_600, true),
            (3_000_000 - 3_600, true),
            (3_000_000 + 3_630, false),
            (3_000_000 - 3_601, false),
        ] {
            assert_eq!(is_of_another_time(RFC, &code, seconds), expected, "{seconds}");
        }
        assert!(!is_of_another_time(RFC, "12345", 3_000_000) && !is_of_another_time(RFC, "", 0));
    }

    #[test]
    fn spaces_are_tolerated_and_nothing_else() {
        let code = code_at(RFC, 100);
        let (a, b) = code.split_at(3);
        assert_eq!(matching_step(RFC, &format!(" {a} {b}\n"), 3_000), Some(100));
        for wrong in ["", "+", a, &format!("{a}-{b}"), &format!("{code}0"), &format!("0{code}"), &"1".repeat(100)] {
            assert_eq!(matching_step(RFC, wrong, 3_000), None, "{wrong}");
        }
    }

    #[test]
    fn what_could_be_a_code() {
        assert!(is_code("123456") && is_code(" 123 456\n"));
        for bad in ["", "123", "12345a", "1234567", "abcdef", "123 45", "１２３４５６"] {
            assert!(!is_code(bad), "{bad}");
        }
    }

    #[test]
    fn uri_is_escaped() {
        let uri = Secret::from([0; 20]).uri("Bureau Été & fils", "anne:x");
        assert_eq!(
            uri,
            "otpauth://totp/Bureau%20%C3%89t%C3%A9%20%26%20fils:anne%3Ax?secret=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&issuer=Bureau%20%C3%89t%C3%A9%20%26%20fils&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secret::generate().unwrap()), "(TOTP secret)");
    }

    proptest! {
        #[test]
        fn any_code_any_time_is_survived(code in ".*", seconds in any::<u64>(), secret in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = matching_step(&secret, &code, seconds);
            let _ = code_at(&secret, seconds);
        }
    }
}
