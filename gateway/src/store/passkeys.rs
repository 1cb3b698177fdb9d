//! Passkeys: public keys that people sign in with. A row stays when its passkey is revoked.

use sqlx::any::AnyRow;

use super::room::{self, AT_ONCE};
use super::row::Columns as _;
use super::{Error, Result, Store, Write, exists};
use crate::audit::Event;
use crate::clock::Unix;
use crate::ids::{PasskeyId, UserId};

/// Revoked ones stay: as many as somebody who tries all day.
const KEPT: i64 = 1000;

/// What its authenticator gave when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Unpadded base64url.
    pub id: String,
    /// COSE key (RFC 9052 §7), base64.
    pub public_key: String,
    /// COSE algorithm.
    pub algorithm: i32,
    /// How often it has signed, as it says; always 0 where it is kept on several machines.
    pub signatures: u32,
}

/// A passkey in force.
#[derive(Clone, Debug)]
pub struct Passkey {
    /// Which one.
    pub id: PasskeyId,
    /// Whose.
    pub user: UserId,
    /// Their login.
    pub login: String,
    /// What they call it.
    pub name: String,
    /// What it is recognised by.
    pub credential: Credential,
    /// Registered.
    pub created_at: Unix,
    /// Last used.
    pub used_at: Option<Unix>,
}

/// A passkey of somebody's, in force or not, as they are told of it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What they call it.
    pub name: String,
    /// What it is recognised by.
    pub credential: String,
    /// Registered.
    pub created_at: Unix,
    /// Last used.
    pub used_at: Option<Unix>,
    /// Revoked.
    pub revoked_at: Option<Unix>,
}

/// What using one came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// It is good, and counted.
    Yes,
    /// It is not in force any more, or its owner may not sign in.
    No,
    /// It has signed more often than it says: there are two of it.
    Copied,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT p.*, u.login FROM passkeys p JOIN users u ON u.id = p.user_id WHERE p.revoked_at IS NULL ",
            $rest
        )
    };
}

impl Store {
    /// A person's passkeys, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn passkeys(&self, user: UserId) -> Result<Vec<Passkey>> {
        let rows = sqlx::query(select!("AND p.user_id = $1 ORDER BY p.created_at, p.id LIMIT $2"))
            .bind(user.to_string())
            .bind(AT_ONCE)
            .fetch_all(&self.reads)
            .await?;
        rows.iter().map(passkey).collect()
    }

    /// Every passkey that is kept of somebody, revoked ones too, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn passkeys_kept(&self, user: UserId) -> Result<Vec<Kept>> {
        let rows = sqlx::query("SELECT * FROM passkeys WHERE user_id = $1 ORDER BY created_at, id LIMIT $2")
            .bind(user.to_string())
            .bind(KEPT)
            .fetch_all(&self.reads)
            .await?;
        let kept = rows.iter().map(|row| {
            Ok(Kept {
                name: row.text("name")?,
                credential: row.text("credential_id")?,
                created_at: row.time("created_at")?,
                used_at: row.maybe_time("used_at")?,
                revoked_at: row.maybe_time("revoked_at")?,
            })
        });
        kept.collect()
    }

    /// The passkey with this credential id, if it is in force.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn passkey_of(&self, credential: &str) -> Result<Option<Passkey>> {
        let row = sqlx::query(select!("AND p.credential_id = $1"))
            .bind(super::sought(credential))
            .fetch_optional(&self.reads)
            .await?;
        row.as_ref().map(passkey).transpose()
    }
}

impl Write<'_> {
    /// Registers a passkey.
    ///
    /// # Errors
    /// The name, or the passkey itself, is there already; or there is no room, or nobody who may sign in.
    pub async fn add_passkey(&mut self, user: UserId, name: &str, new: &Credential) -> Result<PasskeyId> {
        self.has_room(room::Kept::Passkeys, user).await?;
        let (id, now) = (PasskeyId::new(), self.now.wall.0);
        let done = sqlx::query(
            "INSERT INTO passkeys (id, user_id, name, credential_id, public_key, algorithm, signatures, created_at) \
             SELECT $1, u.id, $3, $4, $5, $6, $7, $8 FROM users u WHERE u.id = $2 AND u.disabled_at IS NULL",
        )
        .bind(id.to_string())
        .bind(user.to_string())
        .bind(name)
        .bind(&new.id)
        .bind(&new.public_key)
        .bind(i64::from(new.algorithm))
        .bind(i64::from(new.signatures))
        .bind(now)
        .execute(self.connection())
        .await
        .map_err(exists("passkey"))?;
        if done.rows_affected() != 1 {
            return Err(Error::NotFound("user"));
        }
        let login = self.login(user).await?;
        self.audit(&Event::PasskeyAdded { user: login, passkey: id, name: name.to_owned() }).await?;
        Ok(id)
    }

    /// Takes a use of this passkey, which has signed so often, as its owner's: whoever is let in by it is, or is not,
    /// by this one statement. Failure counts start again.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn use_passkey(&mut self, passkey: &Passkey, signatures: u32) -> Result<Used> {
        let (now, user) = (self.now.wall.0, passkey.user.to_string());
        let done = sqlx::query(
            "UPDATE passkeys SET signatures = $3, used_at = $4 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL \
             AND (signatures < $3 OR (signatures = 0 AND $3 = 0)) \
             AND user_id IN (SELECT id FROM users WHERE disabled_at IS NULL AND factor_confirmed_at IS NOT NULL)",
        )
        .bind(passkey.id.to_string())
        .bind(&user)
        .bind(i64::from(signatures))
        .bind(now)
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 1 {
            let sql = "UPDATE users SET factor_failures = 0, password_failures = 0, password_failures_elsewhere = 0 \
                       WHERE id = $1";
            sqlx::query(sql).bind(&user).execute(self.connection()).await?;
            return Ok(Used::Yes);
        }
        let sql =
            "SELECT id FROM passkeys WHERE id = $1 AND revoked_at IS NULL AND signatures >= $2 AND signatures > 0";
        let copied = sqlx::query(sql)
            .bind(passkey.id.to_string())
            .bind(i64::from(signatures))
            .fetch_optional(self.connection())
            .await?;
        Ok(if copied.is_some() { Used::Copied } else { Used::No })
    }

    /// Revokes one of a person's passkeys, for good.
    ///
    /// # Errors
    /// They have no such passkey, or nothing else to sign in with, not even a recovery code.
    pub async fn revoke_passkey(&mut self, user: UserId, id: PasskeyId) -> Result<()> {
        let not_last = "AND id = $3 AND (EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = $1 AND p.id <> $3 \
                        AND p.revoked_at IS NULL) \
                        OR EXISTS (SELECT 1 FROM recovery_codes r WHERE r.user_id = $1 AND r.used_at IS NULL) \
                        OR EXISTS (SELECT 1 FROM users WHERE users.id = $1 AND totp_secret IS NOT NULL))";
        if self.revoke(not_last, user, Some(id)).await? > 0 {
            return Ok(());
        }
        let there: Option<String> =
            sqlx::query_scalar("SELECT id FROM passkeys WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL")
                .bind(id.to_string())
                .bind(user.to_string())
                .fetch_optional(self.connection())
                .await?;
        Err(if there.is_some() { Error::LastFactor } else { Error::NotFound("passkey") })
    }

    /// Revokes all that a person has.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn revoke_passkeys(&mut self, user: UserId) -> Result<()> {
        self.revoke("AND $3 = ''", user, None).await.map(drop)
    }

    async fn revoke(&mut self, which: &'static str, user: UserId, id: Option<PasskeyId>) -> Result<usize> {
        let now = self.now.wall.0;
        let sql = format!(
            "UPDATE passkeys SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL {which} RETURNING id, name"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(user.to_string())
            .bind(now)
            .bind(id.map(|id| id.to_string()).unwrap_or_default())
            .fetch_all(self.connection())
            .await?;
        let login = self.login(user).await?;
        for row in &rows {
            let event =
                Event::PasskeyRevoked { user: login.clone(), passkey: row.parsed("id")?, name: row.text("name")? };
            self.audit(&event).await?;
        }
        Ok(rows.len())
    }
}

fn passkey(row: &AnyRow) -> Result<Passkey> {
    Ok(Passkey {
        id: row.parsed("id")?,
        user: row.parsed("user_id")?,
        login: row.text("login")?,
        name: row.text("name")?,
        credential: Credential {
            id: row.text("credential_id")?,
            public_key: row.text("public_key")?,
            algorithm: row.count("algorithm")?,
            signatures: row.count("signatures")?,
        },
        created_at: row.time("created_at")?,
        used_at: row.maybe_time("used_at")?,
    })
}
