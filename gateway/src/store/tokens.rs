//! Tokens of programs: hashed, with scopes and an end.

use sqlx::any::AnyRow;

use super::row::{Columns as _, sought};
use super::{Error, Result, Store, Write, exists};
use crate::audit::Event;
use crate::clock::Unix;
use crate::identity::api_token::Scopes;
use crate::ids::TokenId;
use crate::pure::cut::What;

/// A use is noted when the last one that was noted is older than this.
const USED_MS: i64 = 60_000;

/// A token.
#[derive(Clone, Debug)]
pub struct Token {
    /// Which one.
    pub id: TokenId,
    /// Its name, for people; unique among those that are not revoked.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Who made it.
    pub created_by: String,
    /// Made.
    pub created_at: Unix,
    /// Its end.
    pub until: Unix,
    /// Last used, to the minute.
    pub used_at: Option<Unix>,
    /// Taken back.
    pub revoked_at: Option<Unix>,
}

impl Store {
    /// Every token, revoked and ended ones too, newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let rows = sqlx::query("SELECT * FROM tokens ORDER BY id DESC").fetch_all(&self.reads).await?;
        rows.iter().map(token).collect()
    }

    /// The token of this hash, if it is still good; its use is noted.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn token(&self, hash: &str, now: Unix) -> Result<Option<Token>> {
        // Whoever is shut out may have made it: the database knows it first.
        if self.waiting_cuts().iter().any(|cut| matches!(cut.what, What::DisableUser(_))) {
            self.store_cuts().await?;
        }
        let sql =
            "SELECT * FROM tokens WHERE token_hash = $1 AND revoked_at IS NULL AND until > $2 AND created_at <= $2";
        let row = sqlx::query(sql).bind(hash).bind(now.0).fetch_optional(&self.reads).await?;
        let Some(token) = row.as_ref().map(token).transpose()? else { return Ok(None) };
        if token.used_at.is_none_or(|at| now.0.abs_diff(at.0) > USED_MS.unsigned_abs()) {
            let noted = sqlx::query("UPDATE tokens SET used_at = $2 WHERE token_hash = $1")
                .bind(hash)
                .bind(now.0)
                .execute(&self.writes)
                .await;
            super::unless_full(noted)?;
        }
        Ok(Some(token))
    }
}

impl Write<'_> {
    /// Adds a token.
    ///
    /// # Errors
    /// The name is in use.
    pub async fn add_token(&mut self, name: &str, hash: &str, scopes: &Scopes, until: Unix) -> Result<TokenId> {
        let (id, now, by) = (TokenId::new(), self.now.wall.0, self.actor.to_string());
        sqlx::query(
            "INSERT INTO tokens (id, name, token_hash, scopes, created_by, created_at, until) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id.to_string())
        .bind(name)
        .bind(hash)
        .bind(scopes.to_string())
        .bind(by)
        .bind(now)
        .bind(until.0)
        .execute(self.connection())
        .await
        .map_err(exists("name of a token"))?;
        self.audit(&Event::TokenAdded { token: name.to_owned(), scopes: scopes.to_string(), until }).await?;
        Ok(id)
    }

    /// Takes back what somebody made who is shut out: they may still know it.
    pub(super) async fn revoke_tokens_of(&mut self, login: &str) -> Result<()> {
        let now = self.now.wall.0;
        let sql = "UPDATE tokens SET revoked_at = $2 WHERE created_by = $1 AND revoked_at IS NULL RETURNING name";
        let names: Vec<String> = sqlx::query_scalar(sql).bind(login).bind(now).fetch_all(self.connection()).await?;
        for token in names {
            self.audit(&Event::TokenRevoked { token }).await?;
        }
        Ok(())
    }

    /// Takes a token back, for good.
    ///
    /// # Errors
    /// No such token, or taken back already.
    pub async fn revoke_token(&mut self, id_or_name: &str) -> Result<()> {
        let now = self.now.wall.0;
        let sql =
            "UPDATE tokens SET revoked_at = $2 WHERE (id = $1 OR name = $1) AND revoked_at IS NULL RETURNING name";
        let name: String = sqlx::query_scalar(sql)
            .bind(sought(id_or_name))
            .bind(now)
            .fetch_optional(self.connection())
            .await?
            .ok_or(Error::NotFound("token"))?;
        self.audit(&Event::TokenRevoked { token: name }).await
    }
}

fn token(row: &AnyRow) -> Result<Token> {
    Ok(Token {
        id: row.parsed("id")?,
        name: row.text("name")?,
        scopes: row.parsed("scopes")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        until: row.time("until")?,
        used_at: row.maybe_time("used_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
    })
}
