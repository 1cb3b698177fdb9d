//! An authenticator app: the codes of RFC 6238 (SHA-1, six digits, 30 s), each given once.

use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow};
use totp_rs::{Algorithm, Builder, Secret, Totp};

/// Seconds a code is shown.
const STEP_S: u64 = 30;

/// One entry of the app.
pub struct Authenticator {
    totp: Totp,
    secret: String,
    last_step: u64,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator")
    }
}

impl Authenticator {
    /// Takes the secret that enrolment shows, in base32.
    ///
    /// # Errors
    /// It is no base32, or too short.
    pub fn new(secret: &str) -> anyhow::Result<Self> {
        let parsed = Secret::try_from_base32(secret).map_err(|e| anyhow!("TOTP secret: {e:?}"))?;
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_step_duration(STEP_S)
            .with_secret(parsed)
            .build()
            .map_err(|e| anyhow!("TOTP: {e:?}"))?;
        Ok(Self { totp, secret: secret.to_owned(), last_step: 0 })
    }

    /// The secret, for people to type.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// A code that was not given before and is accepted now. The previous step's code is still accepted (for people
    /// who type slowly), so two come without waiting; further ones wait for the next half minute.
    ///
    /// # Errors
    /// The machine's clock stands before 1970.
    pub fn fresh_code(&mut self) -> anyhow::Result<String> {
        loop {
            let now = seconds()?;
            let step = now / STEP_S;
            // Its last seconds are left alone: typed as slowly as people do, the code would be too old when it arrives.
            let oldest = if now % STEP_S < STEP_S - 8 { step - 1 } else { step };
            let next = oldest.max(self.last_step + 1);
            if next <= step {
                self.last_step = next;
                return Ok(self.code_at(next));
            }
            sleep(Duration::from_millis(100));
        }
    }

    /// The code that was given last.
    #[must_use]
    pub fn last_code(&self) -> Option<String> {
        (self.last_step > 0).then(|| self.code_at(self.last_step))
    }

    /// The code of this half minute, given before or not.
    ///
    /// # Errors
    /// The machine's clock stands before 1970.
    pub fn current_code(&self) -> anyhow::Result<String> {
        Ok(self.code_at(seconds()? / STEP_S))
    }

    /// A code that is certainly wrong now: of an hour ago, and of no step near now.
    ///
    /// # Errors
    /// The machine's clock stands before 1970.
    pub fn wrong_code(&self) -> anyhow::Result<String> {
        let step = seconds()? / STEP_S;
        let near: Vec<String> = (step - 2..=step + 2).map(|s| self.code_at(s)).collect();
        (0..50).map(|back| self.code_at(step - 120 - back)).find(|c| !near.contains(c)).context("a wrong code")
    }

    fn code_at(&self, step: u64) -> String {
        self.totp.generate(step * STEP_S).to_string()
    }
}

fn seconds() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_secs())
}
