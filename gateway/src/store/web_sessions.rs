//! Web sessions: found by the hash of a token that only the browser holds, and bound to the device that began them.

use super::row::Columns as _;
use super::users::Role;
use super::{Result, Store, Write};
use crate::clock::Unix;
use crate::ids::{DeviceId, UserId};
use crate::pure::cut::shut_out;

/// A web session ends so long after it began: users, then administrators.
const LIFE_MS: [i64; 2] = [10 * 3_600_000, 8 * 3_600_000];

/// … and so long after it was last used.
const IDLE_MS: [i64; 2] = [30 * 60_000, 15 * 60_000];

/// Use is written down at most this often.
const SEEN_MS: i64 = 30_000;

/// Who a web session stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSession {
    /// Which user.
    pub user: UserId,
    /// Login.
    pub login: String,
    /// Display name.
    pub name: String,
    /// Language.
    pub language: String,
    /// What they may do here.
    pub role: Role,
    /// The device it was begun from, if it was begun in the tunnel.
    pub device: Option<DeviceId>,
}

impl Store {
    /// The session of this token's hash, if it is still good; its use is noted.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn web_session(&self, token_hash: &str, now: Unix) -> Result<Option<WebSession>> {
        let Some((session, seen)) = self.good_web_session(token_hash, now).await? else { return Ok(None) };
        if now.0.saturating_sub(seen) > SEEN_MS {
            let noted = sqlx::query("UPDATE web_sessions SET seen_at = $2 WHERE token_hash = $1")
                .bind(token_hash)
                .bind(now.0)
                .execute(&self.writes)
                .await;
            super::unless_full(noted)?;
        }
        Ok(Some(session))
    }

    /// The same without noting a use: looking on keeps nobody signed in.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn running_web_session(&self, token_hash: &str, now: Unix) -> Result<Option<WebSession>> {
        Ok(self.good_web_session(token_hash, now).await?.map(|(session, _)| session))
    }

    /// … and when it was last seen, in Unix milliseconds.
    async fn good_web_session(&self, token_hash: &str, now: Unix) -> Result<Option<(WebSession, i64)>> {
        let cuts = self.waiting_cuts();
        let row = sqlx::query(
            "SELECT s.device_id, s.created_at, s.seen_at, u.id, u.login, u.name, u.language, u.role FROM web_sessions s \
             JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1 AND u.disabled_at IS NULL",
        )
        .bind(token_hash)
        .fetch_optional(&self.reads)
        .await?;
        let Some(row) = row else { return Ok(None) };
        if shut_out(&cuts, row.parsed("id")?, row.maybe_parsed("device_id")?) {
            return Ok(None);
        }
        let role: Role = row.parsed("role")?;
        let limits = usize::from(role == Role::Admin);
        let (created, seen) = (row.integer("created_at")?, row.integer("seen_at")?);
        // A clock set back ends a session rather than prolonging it.
        let good = |since: i64, limit: i64| (-SEEN_MS..limit).contains(&now.0.saturating_sub(since));
        if !good(created, LIFE_MS[limits]) || !good(seen, IDLE_MS[limits]) {
            return Ok(None);
        }
        let session = WebSession {
            user: row.parsed("id")?,
            login: row.text("login")?,
            name: row.text("name")?,
            language: row.text("language")?,
            role,
            device: row.maybe_parsed("device_id")?,
        };
        Ok(Some((session, seen)))
    }

    /// Forgets sessions that are over.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sweep_web_sessions(&self, now: Unix) -> Result<()> {
        sqlx::query("DELETE FROM web_sessions WHERE created_at < $1 OR seen_at < $2")
            .bind(now.0.saturating_sub(LIFE_MS[0]))
            .bind(now.0.saturating_sub(IDLE_MS[0]))
            .execute(&self.writes)
            .await?;
        Ok(())
    }
}

impl Write<'_> {
    /// Begins a session.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn begin_web_session(&mut self, hash: &str, user: UserId, device: Option<DeviceId>) -> Result<()> {
        let now = self.now.wall.0;
        sqlx::query(
            "INSERT INTO web_sessions (token_hash, user_id, device_id, created_at, seen_at) VALUES ($1, $2, $3, $4, $4)",
        )
        .bind(hash)
        .bind(user.to_string())
        .bind(device.map(|d| d.to_string()))
        .bind(now)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_web_session(&mut self, hash: &str) -> Result<()> {
        sqlx::query("DELETE FROM web_sessions WHERE token_hash = $1").bind(hash).execute(self.connection()).await?;
        Ok(())
    }

    /// Ends every session of a user.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_web_sessions(&mut self, user: UserId) -> Result<()> {
        let user = user.to_string();
        sqlx::query("DELETE FROM web_sessions WHERE user_id = $1").bind(user).execute(self.connection()).await?;
        Ok(())
    }
}
