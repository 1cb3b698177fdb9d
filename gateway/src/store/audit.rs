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
        let rows = sqlx::query(
            "SELECT * FROM audit WHERE at >= $1 AND ($2 = '' OR event = $2) AND ($3 = '' OR login = $3) \
             AND at < $4 AND ($5 = '' OR actor = $5) AND ($6 = '' OR id < $6) ORDER BY id DESC LIMIT $7",
        )
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

    /// Whether this actor's reading of the audit is noted since then.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn audit_was_read(&self, actor: &Actor, since: Unix) -> Result<bool> {
        let sql = "SELECT id FROM audit WHERE at >= $1 AND event = 'audit_read' AND actor = $2 LIMIT 1";
        let row = sqlx::query(sql).bind(since.0).bind(actor.to_string()).fetch_optional(&self.reads).await?;
        Ok(row.is_some())
    }
}
