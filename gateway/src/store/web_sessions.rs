//! Web sessions: found by the hash of a token that only the browser holds, and bound to the device that began them.

use super::row::Columns as _;
use super::users::Role;
use super::{Error, Result, Store, Write};
use crate::audit::Event;
use crate::clock::Unix;
use crate::ids::{DeviceId, UserId, WebSessionId};
use crate::pure::cut::shut_out;

/// A web session ends so long after it began: users, then administrators.
const LIFE_MS: [i64; 2] = [10 * 3_600_000, 8 * 3_600_000];

/// … and so long after it was last used.
const IDLE_MS: [i64; 2] = [30 * 60_000, 15 * 60_000];

/// Web sessions a person may have: with more, those begun first end.
const MOST: i64 = 20;

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

/// One of somebody's sessions, as they are told of it.
#[derive(Clone, Debug)]
pub struct Running {
    /// Which one.
    pub id: WebSessionId,
    /// Hash of its token: to tell one's own from the others.
    pub token_hash: String,
    /// The device it was begun from, if it was begun in the tunnel.
    pub device: Option<DeviceId>,
    /// That device's name.
    pub device_name: Option<String>,
    /// Begun.
    pub created_at: Unix,
    /// Last used.
    pub seen_at: Unix,
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
        let (created, seen) = (row.integer("created_at")?, row.integer("seen_at")?);
        if !good(role, created, seen, now) {
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

    /// Somebody's sessions that are still good, the latest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn web_sessions_of(&self, user: UserId, now: Unix) -> Result<Vec<Running>> {
        let cuts = self.waiting_cuts();
        let rows = sqlx::query(
            "SELECT s.id, s.token_hash, s.device_id, s.created_at, s.seen_at, d.name AS device_name, u.role \
             FROM web_sessions s JOIN users u ON u.id = s.user_id LEFT JOIN devices d ON d.id = s.device_id \
             WHERE s.user_id = $1 AND u.disabled_at IS NULL ORDER BY s.created_at DESC",
        )
        .bind(user.to_string())
        .fetch_all(&self.reads)
        .await?;
        let mut running = Vec::new();
        for row in &rows {
            let (created, seen) = (row.integer("created_at")?, row.integer("seen_at")?);
            let device = row.maybe_parsed("device_id")?;
            if good(row.parsed("role")?, created, seen, now) && !shut_out(&cuts, user, device) {
                running.push(Running {
                    id: row.parsed("id")?,
                    token_hash: row.text("token_hash")?,
                    device,
                    device_name: row.maybe_text("device_name")?,
                    created_at: Unix(created),
                    seen_at: Unix(seen),
                });
            }
        }
        Ok(running)
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
    /// Begins a session. Of too many the oldest end.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn begin_web_session(&mut self, hash: &str, user: UserId, device: Option<DeviceId>) -> Result<()> {
        let now = self.now.wall.0;
        sqlx::query(
            "DELETE FROM web_sessions WHERE user_id = $1 AND id NOT IN \
             (SELECT id FROM web_sessions WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2)",
        )
        .bind(user.to_string())
        .bind(MOST - 1)
        .execute(self.connection())
        .await?;
        sqlx::query(
            "INSERT INTO web_sessions (token_hash, id, user_id, device_id, created_at, seen_at) \
             VALUES ($1, $5, $2, $3, $4, $4)",
        )
        .bind(hash)
        .bind(user.to_string())
        .bind(device.map(|d| d.to_string()))
        .bind(now)
        .bind(WebSessionId::new().to_string())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Who asked is still signed in, in this role at least: what outlives a session is not given to somebody who was shut
    /// out between the look at them and this change.
    ///
    /// # Errors
    /// They are not.
    pub async fn still_signed_in(&mut self, user: UserId, token_hash: &str, role: Role) -> Result<()> {
        let row = sqlx::query(
            "SELECT s.created_at, s.seen_at, u.role FROM web_sessions s JOIN users u ON u.id = s.user_id \
             LEFT JOIN devices d ON d.id = s.device_id WHERE s.token_hash = $1 AND u.id = $2 \
             AND u.disabled_at IS NULL AND d.disabled_at IS NULL AND d.revoked_at IS NULL",
        )
        .bind(token_hash)
        .bind(user.to_string())
        .fetch_optional(self.connection())
        .await?
        .ok_or(Error::SignedOut)?;
        let is: Role = row.parsed("role")?;
        let still = good(is, row.integer("created_at")?, row.integer("seen_at")?, self.now.wall)
            && (role == Role::User || is == Role::Admin);
        if still { Ok(()) } else { Err(Error::SignedOut) }
    }

    /// Ends one of somebody's own sessions.
    ///
    /// # Errors
    /// They have no such session.
    pub async fn end_own_web_session(&mut self, user: UserId, id: WebSessionId) -> Result<()> {
        let done = sqlx::query("DELETE FROM web_sessions WHERE id = $1 AND user_id = $2")
            .bind(id.to_string())
            .bind(user.to_string())
            .execute(self.connection())
            .await?;
        if done.rows_affected() != 1 {
            return Err(Error::NotFound("web session"));
        }
        let login = self.login(user).await?;
        self.audit(&Event::WebSessionEnded { user: login }).await
    }

    /// Ends every session of a user but this one.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) async fn end_other_web_sessions(&mut self, user: UserId, keep_token_hash: &str) -> Result<()> {
        sqlx::query("DELETE FROM web_sessions WHERE user_id = $1 AND token_hash <> $2")
            .bind(user.to_string())
            .bind(keep_token_hash)
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

/// Whether a session begun and last seen at these moments still is one. A clock set back ends it rather than prolonging it.
fn good(role: Role, created: i64, seen: i64, now: Unix) -> bool {
    let limits = usize::from(role == Role::Admin);
    let within = |since: i64, limit: i64| (-SEEN_MS..limit).contains(&now.0.saturating_sub(since));
    within(created, LIFE_MS[limits]) && within(seen, IDLE_MS[limits])
}
