//! What was done, by whom, and when.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{Admin, Watcher};
use super::error::{Answer, ApiError, Named as _, Problems};
use super::input::Asked;
use super::{Api, audit_file};
use crate::audit::{Actor, Event};
use crate::clock::Unix;
use crate::places::Place;
use crate::pure::shown::shown;
use crate::store::{Moment, audit as stored};

/// One line of the audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Sorts as the lines were written.
    pub id: String,
    /// When, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub at: Unix,
    /// Who: a login, `local` (the command line), `system` or `nobody`.
    pub actor: String,
    /// What, such as `device_revoked`.
    pub event: String,
    /// To which user (login), if to one.
    pub user: Option<String>,
    /// The event's own fields.
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
}

/// Query of `GET /api/v1/audit`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditFilter {
    /// Only from then on, in Unix milliseconds.
    #[serde(default)]
    #[param(value_type = Option<i64>)]
    pub since: Option<Unix>,
    /// Only from before then, in Unix milliseconds.
    #[serde(default)]
    #[param(value_type = Option<i64>)]
    pub before: Option<Unix>,
    /// Only this event.
    #[serde(default)]
    pub event: Option<String>,
    /// Only what concerns this user: login or id.
    #[serde(default)]
    pub user: Option<String>,
    /// Only what was done by this login, `local`, `system`, `nobody` or `token NAME`.
    #[serde(default)]
    pub actor: Option<String>,
    /// Only lines older than the one with this id: the next page.
    #[serde(default)]
    pub older_than: Option<String>,
    /// At most so many, newest first; 100 if absent, 1000 at most.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Query of `GET /api/v1/audit/export`.
#[derive(Clone, Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Export {
    /// As what.
    #[param(inline)]
    pub format: Format,
    /// Only from then on, in Unix milliseconds.
    #[serde(default)]
    #[param(value_type = Option<i64>)]
    pub since: Option<Unix>,
    /// Only from before then, in Unix milliseconds.
    #[serde(default)]
    #[param(value_type = Option<i64>)]
    pub before: Option<Unix>,
    /// Only this event.
    #[serde(default)]
    pub event: Option<String>,
    /// Only what concerns this user: login or id.
    #[serde(default)]
    pub user: Option<String>,
    /// Only what was done by this login, `local`, `system`, `nobody` or `token NAME`.
    #[serde(default)]
    pub actor: Option<String>,
}

/// As what the audit is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A table, for spreadsheets.
    Csv,
    /// A list of objects.
    Json,
}

/// The rest of a file does not come.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the export was broken off")]
struct BrokenOff;

/// Lines in an answer, if the caller does not say.
const USUAL: u32 = 100;

/// Most lines in an answer, and in one part of an export.
const MOST: u32 = 1000;

/// Exports at once of one reader, and in all: each may last as long as its connection.
const EACH: usize = 2;
const ALL: usize = 8;

/// Who finds no room is told to come back after this.
const FULL: Duration = Duration::from_secs(30);

/// Most lines of an export: years of a large office's. Whoever needs more asks by time.
const EXPORTED: u64 = 1_000_000;

impl From<stored::Line> for AuditEntry {
    fn from(l: stored::Line) -> Self {
        Self { id: l.id, at: l.at, actor: l.actor, event: l.event, user: l.login, details: l.details }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_audit)).routes(routes!(export_audit))
}

/// What was done, newest first. That it was read is itself noted: once a day for each reader.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditFilter), responses((status = 200, body = [AuditEntry]), Problems))]
async fn read_audit(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Asked(asked): Asked<AuditFilter>,
) -> Answer<Json<Vec<AuditEntry>>> {
    let limit = i64::from(asked.limit.unwrap_or(USUAL).min(MOST));
    let filter = stored::Filter { limit, ..checked(&api, asked).await? };
    let lines = api.store.audit(&filter).await?;
    note_reading(&api, &admin.actor, &Event::AuditRead {}).await?;
    Ok(Json(lines.into_iter().map(Into::into).collect()))
}

/// All of it that fits, newest first, as a file. Each export is itself noted, before it begins.
#[utoipa::path(get, path = "/audit/export", tag = "audit", params(Export), responses((status = 200, body = String, content_type = "application/octet-stream"), Problems))]
async fn export_audit(watcher: Watcher, State(api): State<Arc<Api>>, Asked(asked): Asked<Export>) -> Answer<Response> {
    let place = api.exports.take(watcher.actor.to_string(), |mine, all| mine < EACH && all < ALL);
    let place = place.ok_or(ApiError::Wait(FULL))?;
    let Export { format, since, before, event, user, actor } = asked;
    let now = Moment::now();
    let asked = AuditFilter { since, before, event, user, actor, ..AuditFilter::default() };
    let filter = stored::Filter { limit: i64::from(MOST), ..checked(&api, asked).await? };
    let (word, kind) = match format {
        Format::Csv => ("csv", "text/csv; charset=utf-8"),
        Format::Json => ("json", "application/json"),
    };
    let mut write = api.store.write(now, watcher.actor.clone()).await?;
    write.audit(&Event::AuditExported { format: word }).await?;
    write.commit().await?;
    let day = jiff::Timestamp::from_millisecond(now.wall.0).map(|t| t.strftime("%F").to_string()).unwrap_or_default();
    let name = format!("attachment; filename=\"audit-{day}.{word}\"");
    let parts = parts(api, (watcher, place), filter, format);
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, axum::body::Body::from_stream(parts)).into_response())
}

/// The file, a part at a time: it is never whole in memory. Before each it is asked anew who gets it: the file of who may
/// look no longer breaks off.
fn parts(
    api: Arc<Api>,
    whose: (Watcher, Place<String>),
    filter: stored::Filter,
    format: Format,
) -> impl futures_util::Stream<Item = Result<String, BrokenOff>> {
    let begun = stream::iter([Ok(audit_file::head(format))]);
    let ended = stream::iter([Ok(audit_file::foot(format))]);
    let lines = stream::try_unfold((Some(filter), 0, whose), move |(next, told, whose)| {
        let api = api.clone();
        async move {
            let Some(mut filter) = next else { return Ok(None) };
            whose.0.again(&api).await.map_err(|_| BrokenOff)?;
            let lines = api.store.audit(&filter).await.map_err(|_| BrokenOff)?;
            let lines: Vec<AuditEntry> = lines.into_iter().map(Into::into).collect();
            let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
            let text = audit_file::lines(format, &lines, told == 0);
            filter.older_than = lines.last().map(|line| line.id.clone());
            let more = count == u64::from(MOST) && told + count < EXPORTED;
            Ok(Some((text, (more.then_some(filter), told + count, whose))))
        }
    });
    begun.chain(lines).chain(ended)
}

/// Events of the same kind as what was typed; without any, one of each kind.
fn alike(typed: &str) -> Vec<&'static str> {
    let kind = |name: &'static str| name.split('_').next().unwrap_or(name);
    let near: Vec<_> = Event::NAMES.into_iter().filter(|name| typed.contains(kind(name))).collect();
    if !near.is_empty() {
        return near;
    }
    let mut kinds = BTreeSet::new();
    Event::NAMES.into_iter().filter(|name| kinds.insert(kind(name))).collect()
}

/// What was asked, with names that exist.
async fn checked(api: &Api, asked: AuditFilter) -> Answer<stored::Filter> {
    if let Some(event) = asked.event.as_deref().filter(|event| !Event::NAMES.contains(event)) {
        let known = alike(event).join(", ");
        return Err(ApiError::Invalid(format!("event: there is no `{}`; there are, say, {known}", shown(event))));
    }
    if let Some(line) = asked.older_than.as_deref().filter(|line| line.parse::<uuid::Uuid>().is_err()) {
        return Err(ApiError::Invalid(format!("older_than: the id of a line is expected, not `{}`", shown(line))));
    }
    if let Some(actor) = asked.actor.as_deref().filter(|actor| actor.contains('\0')) {
        return Err(ApiError::Invalid(format!("actor: nobody is called `{}`", shown(actor))));
    }
    let login = match &asked.user {
        Some(user) => Some(api.store.user(user).await.named(user)?.login),
        None => None,
    };
    let AuditFilter { since, before, event, actor, older_than, .. } = asked;
    Ok(stored::Filter { since, before, event, login, actor, older_than, limit: 0 })
}

/// Once for each reader and day of the office's. A full disk keeps nobody from looking: that is written to the log.
pub(super) async fn note_reading(api: &Api, actor: &Actor, event: &Event) -> Answer<()> {
    let now = Moment::now();
    let zone = TimeZone::get(&api.site().time_zone).unwrap_or(TimeZone::UTC);
    let today = jiff::Timestamp::from_millisecond(now.wall.0).ok();
    let today = today.and_then(|t| t.to_zoned(zone).start_of_day().ok()).map(|day| day.timestamp().as_millisecond());
    if api.store.is_noted(actor, event, Unix(today.unwrap_or(now.wall.0))).await? {
        return Ok(());
    }
    let noted = async {
        let mut write = api.store.write(now, actor.clone()).await?;
        write.audit(event).await?;
        write.commit().await
    };
    match api.store.within_patience(noted).await {
        Err(e) if e.is_of_storage() => {
            tracing::warn!(%actor, what = event.parts().0, "this was read, and that cannot be noted in the audit")
        }
        noted => drop(noted?),
    }
    Ok(())
}
