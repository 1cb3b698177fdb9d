//! Opened doors.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::cut::CutAnswer;
use super::error::{Answer, Named as _, Problems};
use super::input::{self, Asked};
use super::users::CarriedOut;
use crate::clock::Unix;
use crate::ids::{DeviceId, UserId, VerificationId};
use crate::pure::cut::What;
use crate::store::Moment;
use crate::store::verifications as stored;
pub use crate::store::verifications::EndReason;

/// One opening of one device's door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    /// Which one.
    pub id: VerificationId,
    /// Whose door.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// Who opened it.
    pub user: UserId,
    /// Their login.
    pub login: String,
    /// Opened, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub started_at: Unix,
    /// Locks by itself, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub until: Unix,
    /// Ended before its time, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub ended_at: Option<Unix>,
    /// Why.
    pub end_reason: Option<EndReason>,
    /// What is left, in milliseconds; absent when it is over.
    pub remaining_ms: Option<u64>,
}

/// Query of `GET /api/v1/verifications`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Those that are over, too: the latest thousand. Only the running ones if absent.
    #[serde(default)]
    pub all: bool,
}

impl From<stored::Verification> for Verification {
    fn from(v: stored::Verification) -> Self {
        Self {
            id: v.id,
            device: v.device,
            device_name: v.device_name,
            user: v.user,
            login: v.login,
            started_at: v.started_at,
            until: v.until,
            ended_at: v.ended_at,
            end_reason: v.end_reason,
            remaining_ms: v.remaining.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list_verifications)).routes(routes!(end_verification))
}

/// Open doors.
#[utoipa::path(get, path = "/verifications", tag = "verifications", params(Which), responses((status = 200, body = [Verification]), Problems))]
async fn list_verifications(
    _: Admin,
    State(api): State<Arc<Api>>,
    Asked(which): Asked<Which>,
) -> Answer<Json<Vec<Verification>>> {
    Ok(Json(api.store.verifications(Moment::now(), which.all).await?.into_iter().map(Into::into).collect()))
}

/// Locks a door.
#[utoipa::path(post, path = "/verifications/{verification}/end", tag = "verifications", params(("verification" = String, Path)), responses((status = 200, body = CarriedOut), (status = 202, body = CarriedOut), Problems))]
async fn end_verification(admin: Admin, State(api): State<Arc<Api>>, Path(verification): Path<String>) -> CutAnswer {
    let (from, id) = (Moment::now(), input::id("verification", &verification)?);
    let running = api.store.within_patience(api.store.verifications(from, false)).await;
    let login = match running {
        Ok(all) => all.into_iter().find(|v| v.id == id).map(|v| v.login),
        Err(e) if e.is_of_storage() => api.store.known_verification(id).map(|device| device.login),
        Err(e) => return Err(e.into()),
    };
    let login = login.ok_or(crate::store::Error::NotFound("running verification")).named(&verification)?;
    admin.may_change_login(&api, &login).await?;
    api.cut(What::EndVerification(id), admin.actor, from).await
}
