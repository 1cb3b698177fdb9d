//! Sets of people.

use std::collections::BTreeSet;
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
use super::error::ApiError;
use super::error::{Answer, Named as _, Problems};
use super::input::{self, Body};
use super::users::CarriedOut;
use crate::ids::GroupId;
use crate::reconcile::Wait;
use crate::store::Moment;
use crate::store::groups as stored;

/// A set of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Which one.
    pub id: GroupId,
    /// Its name, unique.
    pub name: String,
    /// Logins of its members.
    pub members: Vec<String>,
}

/// The body of `POST /api/v1/groups`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddGroup {
    /// 1 to 64 characters, no control characters.
    pub name: String,
}

/// The body of `PATCH /api/v1/groups/{group}`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameGroup {
    /// 1 to 64 characters, no control characters.
    pub name: String,
}

/// The body of `POST /api/v1/groups/{group}/members`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddMember {
    /// Login or id.
    pub user: String,
}

/// The body of `PUT /api/v1/groups/{group}/members`: exactly these from now on.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMembers {
    /// Logins or ids.
    pub members: Vec<String>,
}

impl From<stored::Group> for Group {
    fn from(g: stored::Group) -> Self {
        Self { id: g.id, name: g.name, members: g.members }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_groups, add_group))
        .routes(routes!(rename_group, remove_group))
        .routes(routes!(add_member, set_members))
        .routes(routes!(remove_member))
}

/// Every group, by name.
#[utoipa::path(get, path = "/groups", tag = "groups", responses((status = 200, body = [Group]), Problems))]
async fn list_groups(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Group>>> {
    Ok(Json(api.store.groups().await?.into_iter().map(Into::into).collect()))
}

/// Adds an empty group.
#[utoipa::path(post, path = "/groups", tag = "groups", request_body = AddGroup, responses((status = 201, body = Group), Problems))]
async fn add_group(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(add): Body<AddGroup>,
) -> Answer<(StatusCode, Json<Group>)> {
    let name = group_name(&add.name)?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    let id = write.add_group(&name).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(Group { id, name, members: Vec::new() })))
}

/// Gives a group another name; its members and what it may reach stay.
#[utoipa::path(patch, path = "/groups/{group}", tag = "groups", params(("group" = String, Path)), request_body = RenameGroup, responses((status = 200, body = Group), Problems))]
async fn rename_group(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(group): Path<String>,
    Body(rename): Body<RenameGroup>,
) -> Answer<Json<Group>> {
    let name = group_name(&rename.name)?;
    let id = api.store.group(&group).await.named(&group)?;
    may_change_members(&admin, &api, id).await?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.rename_group(id, &name).await?;
    write.commit().await?;
    let renamed = api.store.groups().await?.into_iter().find(|g| g.id == id);
    renamed.map(|g| Json(g.into())).ok_or(ApiError::NotFound)
}

/// Removes a group, with its policies.
#[utoipa::path(delete, path = "/groups/{group}", tag = "groups", params(("group" = String, Path)), responses((status = 200, body = CarriedOut), Problems))]
async fn remove_group(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(group): Path<String>,
) -> Answer<Json<CarriedOut>> {
    let from = Moment::now();
    let group = api.store.group(&group).await.named(&group)?;
    may_change_members(&admin, &api, group).await?;
    let mut write = api.store.write(from, admin.actor).await?;
    write.remove_group(group).await?;
    let epoch = write.commit().await?;
    api.carried_out(epoch, Wait::Closed, from).await
}

/// Adds a member.
#[utoipa::path(post, path = "/groups/{group}/members", tag = "groups", params(("group" = String, Path)), request_body = AddMember, responses((status = 200, body = CarriedOut), Problems))]
async fn add_member(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(group): Path<String>,
    Body(add): Body<AddMember>,
) -> Answer<Json<CarriedOut>> {
    let from = Moment::now();
    let (group, user) =
        (api.store.group(&group).await.named(&group)?, api.store.user(&add.user).await.named(&add.user)?);
    admin.may_change(user.role)?;
    let mut write = api.store.write(from, admin.actor).await?;
    write.add_member(group, user.id).await?;
    let epoch = write.commit().await?;
    api.carried_out(epoch, Wait::Complete, from).await
}

/// From now on exactly these are its members.
#[utoipa::path(put, path = "/groups/{group}/members", tag = "groups", params(("group" = String, Path)), request_body = SetMembers, responses((status = 200, body = CarriedOut), Problems))]
async fn set_members(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(group): Path<String>,
    Body(set): Body<SetMembers>,
) -> Answer<Json<CarriedOut>> {
    let from = Moment::now();
    let group = api.store.group(&group).await.named(&group)?;
    let mut members = BTreeSet::new();
    for name in &set.members {
        members.insert(api.store.user(name).await.named(name)?.id);
    }
    let mut write = api.store.write(from, admin.actor.clone()).await?;
    for changed in write.set_members(group, &members).await? {
        admin.may_change_login(&api, &changed.to_string()).await?;
    }
    let epoch = write.commit().await?;
    api.carried_out(epoch, Wait::Complete, from).await
}

/// Removes a member.
#[utoipa::path(delete, path = "/groups/{group}/members/{user}", tag = "groups", params(("group" = String, Path), ("user" = String, Path)), responses((status = 200, body = CarriedOut), Problems))]
async fn remove_member(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path((group, user)): Path<(String, String)>,
) -> Answer<Json<CarriedOut>> {
    let from = Moment::now();
    let (group, user) = (api.store.group(&group).await.named(&group)?, api.store.user(&user).await.named(&user)?);
    admin.may_change(user.role)?;
    let mut write = api.store.write(from, admin.actor).await?;
    write.remove_member(group, user.id).await?;
    let epoch = write.commit().await?;
    api.carried_out(epoch, Wait::Closed, from).await
}

/// A program changes no group that an administrator is in.
async fn may_change_members(admin: &Admin, api: &Api, group: GroupId) -> Answer<()> {
    for member in api.store.groups().await?.into_iter().filter(|g| g.id == group).flat_map(|g| g.members) {
        admin.may_change_login(api, &member).await?;
    }
    Ok(())
}

/// A group's name, which is no id.
pub(super) fn group_name(text: &str) -> Answer<String> {
    let name = input::name(text)?;
    if name.parse::<uuid::Uuid>().is_ok() {
        return Err(ApiError::Invalid("name: this looks like an id".into()));
    }
    Ok(name)
}
