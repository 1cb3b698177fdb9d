//! Passwords: the rules a new one must keep, and Argon2id (RFC 9106), at most two at once so that the data plane keeps its
//! cores.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Hashes computed at once.
const AT_ONCE: usize = 2;

/// Requests that may wait for their turn; more are told to come back. A hash takes about a quarter of a second.
const WAITING: usize = 64;

/// Shortest, in characters.
pub const SHORTEST: usize = 12;

/// Longest, in bytes: no work for strangers beyond this.
pub const LONGEST: usize = 256;

/// Fewest different characters.
const FEWEST: usize = 5;

/// Words of this length in login, name and organisation may not be in a password.
const CONTEXT_WORD: usize = 4;

/// What people choose first, in the five languages and on their keyboards; digits and signs around it do not help.
const COMMON: &[&str] = &[
    "password",
    "passwort",
    "motdepasse",
    "wachtwoord",
    "welkom",
    "welcome",
    "bienvenue",
    "benvinguts",
    "bienvenido",
    "contrasenya",
    "contraseña",
    "contrasena",
    "letmein",
    "iloveyou",
    "jetaime",
    "tequiero",
    "qwerty",
    "azerty",
    "qwertyuiop",
    "azertyuiop",
    "qwertyazerty",
    "asdfghjkl",
    "administrator",
    "administrateur",
    "administrador",
    "changeme",
    "changezmoi",
    "trustno",
    "footbridge",
    "passerelle",
    "wireguard",
    "bonjour",
    "goedemorgen",
    "sunshine",
    "princess",
    "dragon",
    "football",
    "baseball",
    "superman",
    "batman",
    "soleil",
    "doudou",
    "loulou",
    "chouchou",
    "marseille",
    "barcelona",
    "realmadrid",
    "amsterdam",
    "feyenoord",
    "summer",
    "winter",
    "zomer",
    "printemps",
    "automne",
    "verano",
    "invierno",
    "abcdefghijkl",
    "abcdefghijklm",
    "qazwsxedcrfv",
    "correcthorsebatterystaple",
    "passwordpassword",
    "motdepassemotdepasse",
    "wachtwoordwachtwoord",
];

/// Which rule a new password breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Shorter than [`SHORTEST`].
    #[error("a password has at least 12 characters; four words in a row are easy to keep in mind")]
    TooShort,
    /// Longer than [`LONGEST`].
    #[error("a password has at most 256 bytes")]
    TooLong,
    /// Holds the login, the name or the organisation.
    #[error("a password must not hold the login, the name or the organisation")]
    Guessable,
    /// Among the most common, or nearly one character repeated.
    #[error("this password is among the first that would be tried")]
    Common,
}

/// Checks a new password. `context`: login, name, organisation.
///
/// # Errors
/// The rule it breaks.
pub fn check(password: &str, context: &[&str]) -> Result<(), Weak> {
    if password.len() > LONGEST {
        return Err(Weak::TooLong);
    }
    if password.chars().count() < SHORTEST {
        return Err(Weak::TooShort);
    }
    let lower = Zeroizing::new(password.to_lowercase());
    let words = context.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    for word in words.filter(|w| w.chars().count() >= CONTEXT_WORD) {
        if lower.contains(&word.to_lowercase()) {
            return Err(Weak::Guessable);
        }
    }
    let letters = Zeroizing::new(lower.chars().filter(|c| c.is_alphabetic()).collect::<String>());
    let different = lower.chars().collect::<std::collections::BTreeSet<_>>().len();
    if different < FEWEST || COMMON.contains(&letters.as_str()) || is_sequence(&lower) {
        return Err(Weak::Common);
    }
    Ok(())
}

/// `123456789012`, `abcdefghijkl`, up or down, around from 9 to 0.
fn is_sequence(text: &str) -> bool {
    let steps = |by: i64| {
        text.chars().zip(text.chars().skip(1)).all(|(a, b)| {
            i64::from(u32::from(b)) - i64::from(u32::from(a)) == by
                || matches!((a, b, by), ('9', '0', 1) | ('0', '9', -1))
        })
    };
    steps(1) || steps(-1)
}

/// How much work a hash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
}

impl Cost {
    /// 64 MiB, three passes.
    pub const DEFAULT: Self = Self { memory_kib: 64 * 1024, passes: 3 };
    /// The floor (OWASP's minimum): for tiny boxes, and for tests.
    pub const FLOOR: Self = Self { memory_kib: 19 * 1024, passes: 2 };
}

/// No hash could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// Too many wait already.
    #[error("too many sign-ins at once")]
    Busy,
    /// No memory, or no randomness.
    #[error("the password could not be hashed")]
    Machine,
}

/// Makes and checks hashes.
pub struct Passwords {
    params: Params,
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// What the password of nobody is compared with.
    nobody: String,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("params", &self.params).finish_non_exhaustive()
    }
}

impl Passwords {
    /// With this cost. Makes one hash, so it takes as long as one.
    ///
    /// # Errors
    /// The cost is out of bounds.
    pub fn new(cost: Cost) -> anyhow::Result<Self> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None)
            .map_err(|e| anyhow::anyhow!("Argon2 with {cost:?}: {e}"))?;
        let mut unknown = [0_u8; 32];
        getrandom::fill(&mut unknown).map_err(|e| anyhow::anyhow!("randomness: {e}"))?;
        let nobody = argon(params.clone()).hash_password(&unknown).map_err(|e| anyhow::anyhow!("Argon2: {e}"))?;
        Ok(Self {
            params,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            queue: Arc::new(Semaphore::new(WAITING)),
            nobody: nobody.to_string(),
        })
    }

    /// The hash of a new password, as a PHC string.
    ///
    /// # Errors
    /// No memory, or too many at once.
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<String, Failed> {
        let params = self.params.clone();
        self.in_turn(move || argon(params).hash_password(password.as_bytes()).map(|h| h.to_string()).ok())
            .await?
            .ok_or(Failed::Machine)
    }

    /// Whether this is the password. Without a hash (nobody has that login) it takes as long, and it is not.
    ///
    /// # Errors
    /// Too many at once.
    pub async fn verify(&self, password: Zeroizing<String>, hash: Option<String>) -> Result<bool, Failed> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let params = self.params.clone();
        let right = self
            .in_turn(move || {
                let Ok(hash) = PasswordHash::new(&hash) else { return false };
                password.len() <= LONGEST && argon(params).verify_password(password.as_bytes(), &hash).is_ok()
            })
            .await?;
        Ok(right && known)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failed> {
        let _place = self.queue.clone().try_acquire_owned().map_err(|_| Failed::Busy)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| Failed::Busy)?;
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
        .map_err(|_| Failed::Machine)
    }
}

fn argon(params: Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let context = ["anne.rossi", "Anne Rossi", "Cabinet Rossi & Fils"];
        for (password, expected) in [
            ("short", Err(Weak::TooShort)),
            ("elevenchars", Err(Weak::TooShort)),
            ("correct horse battery", Ok(())),
            ("le cheval mange du foin", Ok(())),
            ("ééééèèèèàààà", Err(Weak::Common)),
            ("ROSSI-2026-secure", Err(Weak::Guessable)),
            ("my-cabinet-is-nice", Err(Weak::Guessable)),
            ("Password1234!", Err(Weak::Common)),
            ("123456789012", Err(Weak::Common)),
            ("aaaaaaaaaaaaaaaa", Err(Weak::Common)),
            ("Motdepasse-2026", Err(Weak::Common)),
        ] {
            assert_eq!(check(password, &context), expected, "{password}");
        }
        assert_eq!(check(&"xyzzy-".repeat(43), &context), Err(Weak::TooLong));
    }

    #[tokio::test]
    async fn right_wrong_and_nobody() {
        let passwords = Passwords::new(Cost::FLOOR).unwrap();
        let text = |t: &str| Zeroizing::new(t.to_owned());
        let hash = passwords.hash(text("correct horse battery")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify(text("correct horse battery"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(text("correct horse batterz"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(text("correct horse battery"), None).await.unwrap());
        assert!(!passwords.verify(text("correct horse battery"), Some("garbage".into())).await.unwrap());
    }
}
