//! Which group may reach which resource.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::cut::CutAnswer;
use super::error::ApiError;
use super::error::{Answer, Named as _, Problems};
use super::input::{self, Body};
use super::resources::ResourceKind;
use super::users::CarriedOut;
use super::why::FURTHEST_MS;
use crate::clock::Unix;
use crate::ids::{GroupId, PolicyId, ResourceId};
use crate::pure::cut::What;
use crate::pure::hours::Hours;
use crate::reconcile::Wait;
use crate::store::Moment;
use crate::store::policies as stored;

/// A group may reach a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// Which one.
    pub id: PolicyId,
    /// Who.
    pub group: GroupId,
    /// The group's name.
    pub group_name: String,
    /// What.
    pub resource: ResourceId,
    /// The resource's name.
    pub resource_name: String,
    /// What kind of thing it is.
    pub kind: ResourceKind,
    /// When in the week, in the office's time zone: `Mo-Fr 07:00-20:00; Sa 09:00-12:00`. Always, if absent.
    pub hours: Option<String>,
    /// Until when, in Unix milliseconds, if it has an end.
    #[schema(value_type = Option<i64>)]
    pub until: Option<Unix>,
    /// Made, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
}

/// The body of `POST /api/v1/policies`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPolicy {
    /// Name or id.
    pub group: String,
    /// Name or id of what is published.
    pub resource: String,
    /// When in the week, in the office's time zone: `Mo-Fr 07:00-20:00; Sa 09:00-12:00`. Always, if absent.
    #[serde(default)]
    pub hours: Option<String>,
    /// Until when, in Unix milliseconds; without end if absent.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub until: Option<Unix>,
}

impl AddPolicy {
    /// Its hours and its end, checked.
    ///
    /// # Errors
    /// They are no hours, or the end has passed.
    pub(super) fn when(&self, now: Unix) -> Answer<(Option<Hours>, Option<Unix>)> {
        if self.until.is_some_and(|until| until <= now) {
            return Err(ApiError::Invalid("until: this moment has passed".into()));
        }
        if self.until.is_some_and(|until| until.0.saturating_sub(now.0) > FURTHEST_MS) {
            return Err(ApiError::Invalid("until: within ten years; without an end, leave it out".into()));
        }
        let hours = self.hours.as_deref().map(str::parse::<Hours>).transpose();
        Ok((hours.map_err(|e| ApiError::Invalid(format!("hours: {e}")))?, self.until))
    }
}

impl From<stored::Policy> for Policy {
    fn from(p: stored::Policy) -> Self {
        Self {
            id: p.id,
            group: p.group,
            group_name: p.group_name,
            resource: p.resource,
            resource_name: p.resource_name,
            kind: p.kind,
            hours: p.hours.map(|h| h.to_string()),
            until: p.until,
            created_at: p.created_at,
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list_policies, add_policy)).routes(routes!(remove_policy))
}

/// Every policy.
#[utoipa::path(get, path = "/policies", tag = "policies", responses((status = 200, body = [Policy]), Problems))]
async fn list_policies(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Policy>>> {
    Ok(Json(api.store.policies().await?.into_iter().map(Into::into).collect()))
}

/// Lets a group reach a resource.
#[utoipa::path(post, path = "/policies", tag = "policies", request_body = AddPolicy, responses((status = 201, body = Policy), Problems))]
async fn add_policy(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(add): Body<AddPolicy>,
) -> Answer<(StatusCode, Json<Policy>)> {
    let now = Moment::now();
    let (hours, until) = add.when(now.wall)?;
    let group = api.store.group(&add.group).await.named(&add.group)?;
    let resource = api.store.resource(&add.resource).await.named(&add.resource)?.id;
    let mut write = api.store.write(now, admin.actor).await?;
    let id = write.add_policy(group, resource, hours.as_ref(), until).await?;
    let epoch = write.commit().await?;
    api.reconciler.carry_out(epoch, Wait::Complete).await?;
    let policy = api.store.policies().await?.into_iter().find(|p| p.id == id).ok_or(ApiError::NotFound)?;
    Ok((StatusCode::CREATED, Json(policy.into())))
}

/// Takes a policy back.
#[utoipa::path(delete, path = "/policies/{policy}", tag = "policies", params(("policy" = String, Path)), responses((status = 200, body = CarriedOut), (status = 202, body = CarriedOut), Problems))]
async fn remove_policy(admin: Admin, State(api): State<Arc<Api>>, Path(policy): Path<String>) -> CutAnswer {
    let (from, id) = (Moment::now(), input::id("policy", &policy)?);
    if !api.store.known_policy(id) {
        // Not read yet, or none: the database knows.
        api.store.policies().await?.iter().find(|p| p.id == id).ok_or(ApiError::NotFound)?;
    }
    api.cut(What::RemovePolicy(id), admin.actor, from).await
}
