//! The audit's rows. Their ids are UUID version 7, so that they sort as they were written.

use sqlx::AnyConnection;
use uuid::Uuid;

use super::row::Columns as _;
use super::{Error, Result, Store};
use crate::audit::{Actor, Event};
use crate::clock::Unix;

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Rises with every line.
    pub id: String,
    /// When.
    pub at: Unix,
    /// Who.
    pub actor: String,
    /// What.
    pub event: String,
    /// To which login.
    pub login: Option<String>,
    /// The event's own fields.
    pub details: serde_json::Value,
}

/// Which lines.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// From then on.
    pub since: Option<Unix>,
    /// Only from before then.
    pub before: Option<Unix>,
    /// Only lines older than the one with this id.
    pub older_than: Option<String>,
    /// Only by whom.
    pub actor: Option<String>,
    /// Only this event.
    pub event: Option<String>,
    /// Only what concerns this login.
    pub login: Option<String>,
    /// At most so many, newest first.
    pub limit: i64,
}

/// Writes a line under an id of its own, unless it is there already: whether it was written.
pub(super) async fn insert_once(
    connection: &mut AnyConnection,
    id: Uuid,
    at: Unix,
    actor: &str,
    event: &Event,
) -> Result<bool> {
    let (name, login, details) = event.parts();
    let sql = "INSERT INTO audit (id, at, actor, event, login, details) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (id) DO NOTHING";
    let done = sqlx::query(sql)
        .bind(id.to_string())
        .bind(at.0)
        .bind(actor)
        .bind(name)
        .bind(login)
        .bind(details.to_string())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn insert(connection: &mut AnyConnection, at: Unix, actor: &str, event: &Event) -> Result<()> {
    insert_once(connection, Uuid::now_v7(), at, actor, event).await.map(drop)
}

impl Store {
    /// Lines of the audit, newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn audit(&self, filter: &Filter) -> Result<Vec<Line>> {
        // Said apart, so that it is found by its index.
        let of = if filter.login.is_some() { "login = $3" } else { "$3 = ''" };
        let sql = format!(
            "SELECT * FROM audit WHERE at >= $1 AND ($2 = '' OR event = $2) AND {of} \
             AND at < $4 AND ($5 = '' OR actor = $5) AND ($6 = '' OR id < $6) ORDER BY id DESC LIMIT $7"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(filter.since.map_or(0, |t| t.0))
            .bind(filter.event.as_deref().unwrap_or_default())
            .bind(filter.login.as_deref().unwrap_or_default())
            .bind(filter.before.map_or(i64::MAX, |t| t.0))
            .bind(filter.actor.as_deref().unwrap_or_default())
            .bind(filter.older_than.as_deref().unwrap_or_default())
            .bind(filter.limit)
            .fetch_all(&self.reads)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Line {
                    id: row.text("id")?,
                    at: row.time("at")?,
                    actor: row.text("actor")?,
                    event: row.text("event")?,
                    login: row.maybe_text("login")?,
                    details: serde_json::from_str(&row.text("details")?).map_err(|_| Error::Unreadable("details"))?,
                })
            })
            .collect()
    }

    /// Whether it is noted that this actor did this, since then.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn is_noted(&self, actor: &Actor, event: &Event, since: Unix) -> Result<bool> {
        let sql = "SELECT id FROM audit WHERE at >= $1 AND event = $3 AND actor = $2 LIMIT 1";
        let asked = sqlx::query(sql).bind(since.0).bind(actor.to_string()).bind(event.parts().0);
        Ok(asked.fetch_optional(&self.reads).await?.is_some())
    }
}
