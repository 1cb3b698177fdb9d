//! What was done, by whom, and when.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::Unix;

/// One line of the audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Rises with every line.
    pub id: i64,
    /// When, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub at: Unix,
    /// Who: a login, `local` (the command line), `device …` or `system`.
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
    /// Only what concerns this login.
    #[serde(default)]
    pub user: Option<String>,
    /// At most so many, newest first; 100 if absent, 1000 at most.
    #[serde(default)]
    pub limit: Option<u32>,
}
