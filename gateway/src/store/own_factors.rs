//! How somebody signs in, as far as they change it themselves: password, telephone, recovery codes. Who may is not decided
//! here: `identity::change` asks for password and code first.

use std::time::Duration;

use super::row::Columns as _;
use super::{Error, Result, Store, Write, integer};
use crate::audit::Event;
use crate::clock::Unix;
use crate::ids::{UserId, WebSessionId};

/// So long a new telephone may take to show its first code.
const LIFE: Duration = Duration::from_secs(600);

/// Wrong first codes after which it has to be begun anew: 20 × 2·10⁻⁶, as of an invitation.
const TRIES: i64 = 20;

/// A telephone that waits for its first code. No `Debug`: it holds a sealed secret.
pub struct NextFactor {
    /// The web session it waits in.
    pub session: WebSessionId,
    /// Sealed.
    pub sealed: String,
}

impl Store {
    /// The telephone that waits in this session; the try is counted before it is known whether it is right.
    ///
    /// # Errors
    /// None waits (any more).
    pub async fn count_next_factor(&self, token_hash: &str, now: Unix) -> Result<NextFactor> {
        let row = sqlx::query(
            "UPDATE web_sessions SET next_factor_failures = next_factor_failures + 1 WHERE token_hash = $1 \
             AND next_factor IS NOT NULL AND next_factor_at > $2 AND next_factor_at <= $3 AND next_factor_failures < $4 \
             RETURNING id, next_factor",
        )
        .bind(token_hash)
        .bind(now.0.saturating_sub(integer_ms(LIFE)))
        .bind(now.0)
        .bind(TRIES)
        .fetch_optional(&self.writes)
        .await?
        .ok_or(Error::NotFound("telephone that waits for its code"))?;
        Ok(NextFactor { session: row.parsed("id")?, sealed: row.text("next_factor")? })
    }
}

impl Write<'_> {
    /// A new password takes the place of the one that was proved; every other web session of theirs ends.
    ///
    /// # Errors
    /// It is not the password any more, or they were shut out meanwhile.
    pub async fn change_password(&mut self, user: UserId, [old, new]: [&str; 2], keep_token_hash: &str) -> Result<()> {
        let login: Option<String> = sqlx::query_scalar(
            "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL \
             RETURNING login",
        )
        .bind(user.to_string())
        .bind(old)
        .bind(new)
        .fetch_optional(self.connection())
        .await?;
        let login = login.ok_or(Error::NotFound("password"))?;
        self.end_other_web_sessions(user, keep_token_hash).await?;
        self.audit(&Event::PasswordChanged { user: login }).await
    }

    /// New recovery codes; those of before are good no more.
    ///
    /// # Errors
    /// No such user.
    pub async fn renew_recovery_codes(&mut self, user: UserId, hashes: &[String]) -> Result<()> {
        let login = self.login(user).await?;
        self.replace_recovery_codes(user, hashes).await?;
        self.audit(&Event::RecoveryCodesRenewed { user: login }).await
    }

    /// Keeps a new telephone's secret until its first code; beginning again replaces it.
    ///
    /// # Errors
    /// The session is over.
    pub async fn begin_next_factor(&mut self, token_hash: &str, secret: &[u8]) -> Result<()> {
        let now = self.now.wall.0;
        let id: Option<String> = sqlx::query_scalar("SELECT id FROM web_sessions WHERE token_hash = $1")
            .bind(token_hash)
            .fetch_optional(self.connection())
            .await?;
        let id = id.ok_or(Error::NotFound("web session"))?;
        let sealed = self.store.sealer.seal("web_sessions", "next_factor", &id, secret)?;
        sqlx::query(
            "UPDATE web_sessions SET next_factor = $2, next_factor_at = $3, next_factor_failures = 0 WHERE token_hash = $1",
        )
        .bind(token_hash)
        .bind(sealed)
        .bind(now)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// The telephone that waited takes the place of the one in use, once, if it is still the one whose code was checked;
    /// the step is spent, and every other web session of theirs ends.
    ///
    /// # Errors
    /// Another one was begun meanwhile, the session is over, or they were shut out.
    pub async fn replace_factor(
        &mut self,
        user: UserId,
        token_hash: &str,
        waited: &NextFactor,
        secret: &[u8],
        step: u64,
    ) -> Result<()> {
        let gone = || Error::NotFound("telephone that waits for its code");
        let taken = sqlx::query(
            "UPDATE web_sessions SET next_factor = NULL, next_factor_at = NULL \
             WHERE token_hash = $1 AND user_id = $2 AND next_factor = $3",
        )
        .bind(token_hash)
        .bind(user.to_string())
        .bind(&waited.sealed)
        .execute(self.connection())
        .await?;
        if taken.rows_affected() != 1 {
            return Err(gone());
        }
        let sealed = self.store.sealer.seal("users", "totp_secret", &user.to_string(), secret)?;
        let login: Option<String> = sqlx::query_scalar(
            "UPDATE users SET totp_secret = $2, factor_confirmed_at = $3, totp_last_step = $4, factor_failures = 0 \
             WHERE id = $1 AND disabled_at IS NULL RETURNING login",
        )
        .bind(user.to_string())
        .bind(sealed)
        .bind(self.now.wall.0)
        .bind(integer(step))
        .fetch_optional(self.connection())
        .await?;
        let login = login.ok_or_else(gone)?;
        self.end_other_web_sessions(user, token_hash).await?;
        self.audit(&Event::FactorReplaced { user: login }).await
    }
}

fn integer_ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
