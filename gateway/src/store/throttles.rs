//! Tries, counted before it is known whether they are right: per login as typed (known or not) and per source.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use provisioning::digest::digest;

use super::row::Columns as _;
use super::{Result, Store, Write};
use crate::clock::Unix;
use crate::ids::DeviceId;

/// A source may try so often in [`WINDOW_MS`]: shared office addresses still work.
pub const SOURCE_TRIES: i64 = 30;

/// The window of [`SOURCE_TRIES`].
pub const WINDOW_MS: i64 = 600_000;

/// So many tries at a login are free; then 30 s, doubling to an hour.
pub const FREE_TRIES: i64 = 5;

/// The longest wait.
const LONGEST_MS: i64 = 3_600_000;

/// Sources remembered as being over their limit; with more, all are looked up anew.
const MOST_WAITING: usize = 4096;

/// Rows are forgotten after a day without a try.
const FORGET_MS: i64 = 24 * 3_600_000;

/// Where somebody tries. Each is counted for itself: whoever tries elsewhere locks nobody out of their own device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// In the tunnel of this device, which belongs to the login that is tried.
    Device(DeviceId),
    /// In the office, or on the gateway itself.
    Elsewhere,
}

/// Sources that are over their limit, so that telling them so again costs the database nothing.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<HashMap<String, i64>>);

impl Waiting {
    fn left(&self, source: &str, now: Unix) -> Option<u64> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner).get(source)?;
        let left = until.saturating_sub(now.0);
        // A longer wait is the mark of a clock that was set back: the database says what holds.
        (1..=WINDOW_MS).contains(&left).then_some(left.unsigned_abs())
    }

    fn note(&self, source: &str, until: i64) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST_WAITING {
            waiting.clear();
        }
        waiting.insert(source.to_owned(), until);
    }

    fn forget(&self, source: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(source);
    }
}

impl Store {
    /// Counts a try from this source. Too many: how long to wait, in milliseconds.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn count_source(&self, source: &str, now: Unix) -> Result<Option<u64>> {
        if let Some(left) = self.waiting.left(source, now) {
            return Ok(Some(left));
        }
        let row = sqlx::query(
            "INSERT INTO throttles (key, since, failures, wait_until) VALUES ($1, $2, 1, 0) \
             ON CONFLICT (key) DO UPDATE SET \
             failures = CASE WHEN throttles.since <= $3 OR throttles.since > $2 THEN 1 ELSE throttles.failures + 1 END, \
             since = CASE WHEN throttles.since <= $3 OR throttles.since > $2 THEN $2 ELSE throttles.since END \
             RETURNING failures, since",
        )
        .bind(format!("source {source}"))
        .bind(now.0)
        .bind(now.0.saturating_sub(WINDOW_MS))
        .fetch_one(&self.writes)
        .await?;
        let left = row.integer("since")?.saturating_add(WINDOW_MS).saturating_sub(now.0);
        let over = row.integer("failures")? > SOURCE_TRIES;
        if over {
            self.waiting.note(source, now.0.saturating_add(left));
        }
        Ok(over.then(|| u64::try_from(left).unwrap_or(0)))
    }

    /// Counts a try at this login there, and of its password if one is given. Too many: how long to wait, in milliseconds; that
    /// try is not counted. Known and unknown logins cost the same.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn count_login(&self, login: &str, at: At, password: bool, now: Unix) -> Result<Option<u64>> {
        let key = login_key(login, at);
        let mut tx = self.begin_write().await?;
        // A wait longer than the longest is the mark of a clock that was set back: it does not hold.
        let counted = sqlx::query(
            "INSERT INTO throttles (key, since, failures, wait_until) VALUES ($1, $2, 1, 0) \
             ON CONFLICT (key) DO UPDATE SET failures = throttles.failures + 1, since = $2, \
             wait_until = CASE WHEN throttles.failures + 1 < $3 THEN 0 \
             WHEN throttles.failures + 1 - $3 >= 7 THEN $2 + $4 \
             ELSE $2 + CASE throttles.failures + 1 - $3 WHEN 0 THEN 30000 WHEN 1 THEN 60000 WHEN 2 THEN 120000 \
             WHEN 3 THEN 240000 WHEN 4 THEN 480000 WHEN 5 THEN 960000 ELSE 1920000 END END \
             WHERE throttles.wait_until <= $2 OR throttles.wait_until > $2 + $4 RETURNING failures",
        )
        .bind(&key)
        .bind(now.0)
        .bind(FREE_TRIES)
        .bind(LONGEST_MS)
        .fetch_optional(&mut *tx)
        .await?;
        if counted.is_some() {
            let sql = match at {
                At::Device(_) => "UPDATE users SET password_failures = password_failures + $2 WHERE login = $1",
                At::Elsewhere => {
                    "UPDATE users SET password_failures_elsewhere = password_failures_elsewhere + $2 WHERE login = $1"
                }
            };
            sqlx::query(sql).bind(login).bind(i64::from(password)).execute(&mut *tx).await?;
            tx.commit().await?;
            return Ok(None);
        }
        let until: Option<i64> = sqlx::query_scalar("SELECT wait_until FROM throttles WHERE key = $1")
            .bind(&key)
            .fetch_optional(&mut *tx)
            .await?;
        let left = until.unwrap_or(0).saturating_sub(now.0).max(1000);
        Ok(Some(left.unsigned_abs()))
    }

    /// What a right password costs besides: one more commit. So the time does not tell that it was wrong.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn wait_as_long(&self, login: &str, at: At) -> Result<()> {
        sqlx::query("UPDATE throttles SET since = since WHERE key = $1")
            .bind(login_key(login, at))
            .execute(&self.writes)
            .await?;
        Ok(())
    }

    /// Forgets what nobody tried for a day.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sweep_throttles(&self, now: Unix) -> Result<()> {
        sqlx::query("DELETE FROM throttles WHERE since < $1")
            .bind(now.0.saturating_sub(FORGET_MS))
            .execute(&self.writes)
            .await?;
        Ok(())
    }
}

impl Write<'_> {
    /// Password and code were right: the login starts afresh there and elsewhere, the source gets its try back.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forgive(&mut self, login: &str, at: At, source: Option<&str>) -> Result<()> {
        for key in [login_key(login, at), login_key(login, At::Elsewhere)] {
            sqlx::query("DELETE FROM throttles WHERE key = $1").bind(key).execute(self.connection()).await?;
        }
        if let Some(source) = source {
            self.store.waiting.forget(source);
            sqlx::query("UPDATE throttles SET failures = failures - 1 WHERE key = $1 AND failures > 0")
                .bind(format!("source {source}"))
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    /// The person was let in anew by IT: the login starts afresh wherever it was tried.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forgive_everywhere(&mut self, login: &str) -> Result<()> {
        sqlx::query("DELETE FROM throttles WHERE key = $1 OR key LIKE $2")
            .bind(login_key(login, At::Elsewhere))
            .bind(format!("device % {}", digest(&[login.as_bytes()])))
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

/// What was typed as a login may be somebody's password: only its hash is kept.
fn login_key(login: &str, at: At) -> String {
    let login = digest(&[login.as_bytes()]);
    match at {
        At::Device(device) => format!("device {device} {login}"),
        At::Elsewhere => format!("login {login}"),
    }
}
