//! What was done, by whom, and when.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::error::{Answer, ApiError, Named as _, Problems};
use super::input::Asked;
use crate::audit::Event;
use crate::clock::Unix;
use crate::pure::shown::shown;
use crate::store::audit as stored;

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
    /// Only this event.
    #[serde(default)]
    pub event: Option<String>,
    /// Only what concerns this user: login or id.
    #[serde(default)]
    pub user: Option<String>,
    /// At most so many, newest first; 100 if absent, 1000 at most.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Lines in an answer, if the caller does not say.
const USUAL: u32 = 100;

/// Most lines in an answer.
const MOST: u32 = 1000;

impl From<stored::Line> for AuditEntry {
    fn from(l: stored::Line) -> Self {
        Self { id: l.id, at: l.at, actor: l.actor, event: l.event, user: l.login, details: l.details }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_audit))
}

/// What was done, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditFilter), responses((status = 200, body = [AuditEntry]), Problems))]
async fn read_audit(
    _: Admin,
    State(api): State<Arc<Api>>,
    Asked(asked): Asked<AuditFilter>,
) -> Answer<Json<Vec<AuditEntry>>> {
    if let Some(event) = asked.event.as_deref().filter(|event| !Event::NAMES.contains(event)) {
        let known = Event::NAMES.join(", ");
        return Err(ApiError::Invalid(format!("event: there is no `{}`; there are {known}", shown(event))));
    }
    let login = match &asked.user {
        Some(user) => Some(api.store.user(user).await.named(user)?.login),
        None => None,
    };
    let filter = stored::Filter {
        since: asked.since,
        event: asked.event,
        login,
        limit: i64::from(asked.limit.unwrap_or(USUAL).min(MOST)),
    };
    Ok(Json(api.store.audit(&filter).await?.into_iter().map(Into::into).collect()))
}
