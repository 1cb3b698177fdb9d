//! People.

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
use super::caller::{Admin, Person};
use super::cut::{CutAnswer, Stored};
use super::error::{Answer, ApiError, Named as _, Problems};
use super::home_work::Checklist;
use super::input::{self, Body};
use crate::clock::Unix;
use crate::ids::GroupId;
use crate::ids::UserId;
use crate::pure::cut::What;
use crate::reconcile::Wait;
use crate::store::Moment;
pub use crate::store::users::Role;
use crate::store::users::{self as stored, NewUser, UserChange};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Which one.
    pub id: UserId,
    /// Login, lower case, unique.
    pub login: String,
    /// Display name.
    pub name: String,
    /// Where invitations are mailed to.
    pub mail: Option<String>,
    /// `fr`, `nl`, `ca`, `es` or `en`.
    pub language: String,
    /// What they may do here.
    pub role: Role,
    /// Names of the groups they are in.
    pub groups: Vec<String>,
    /// The second factor is enrolled and confirmed.
    pub factor_confirmed: bool,
    /// Too many wrong codes in a row, or wrong passwords on their own devices: codes need a recovery code, passwords a new
    /// invitation.
    pub factor_suspended: bool,
    /// Shut out since, in Unix milliseconds; reversible.
    #[schema(value_type = Option<i64>)]
    pub disabled_at: Option<Unix>,
    /// Added, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
    /// Devices in use (not revoked).
    pub devices: u32,
    /// The newest version of the telework rules they have accepted; the settings say which is in force.
    #[serde(default)]
    pub rules_accepted: Option<u32>,
    /// When, in Unix milliseconds.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub rules_accepted_at: Option<Unix>,
    /// What they answered about their home.
    #[serde(default)]
    pub checklist: Option<Checklist>,
}

/// The body of `POST /api/v1/users`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddUser {
    /// Login: 1 to 64 letters, digits, `.`, `-`, `_`, `@`; kept in lower case.
    pub login: String,
    /// Display name; the login if absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Where invitations are mailed to.
    #[serde(default)]
    pub mail: Option<String>,
    /// `fr`, `nl`, `ca`, `es` or `en`; that of the settings if absent.
    #[serde(default)]
    pub language: Option<String>,
    /// `user` if absent.
    #[serde(default)]
    pub role: Option<Role>,
    /// Names or ids of groups.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// The body of `PATCH /api/v1/users/{user}`; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    /// Display name.
    #[serde(default)]
    pub name: Option<String>,
    /// `fr`, `nl`, `ca`, `es` or `en`.
    #[serde(default)]
    pub language: Option<String>,
    /// What they may do here. The last administrator stays one.
    #[serde(default)]
    pub role: Option<Role>,
}

/// The body of `PUT /api/v1/users/{user}/groups`: exactly these from now on.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetGroups {
    /// Names or ids of groups.
    pub groups: Vec<String>,
}

/// The body of `PUT /api/v1/users/{user}/mail`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMail {
    /// Where invitations are mailed to; nothing: nowhere.
    pub mail: Option<String>,
}

/// A change of the data plane was carried out: what it takes away no longer passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CarriedOut {
    /// The epoch of the change.
    pub epoch: u64,
    /// From the request's arrival until the data plane had closed what the change takes away, in milliseconds.
    pub closed_in_ms: u64,
    /// Whether the database has it.
    #[serde(default)]
    pub stored: Stored,
}

impl From<stored::User> for User {
    fn from(u: stored::User) -> Self {
        Self {
            id: u.id,
            login: u.login,
            name: u.name,
            mail: u.mail,
            language: u.language,
            role: u.role,
            groups: u.groups,
            factor_confirmed: u.factor_confirmed_at.is_some(),
            factor_suspended: u.suspended,
            disabled_at: u.disabled_at,
            created_at: u.created_at,
            devices: u.devices,
            rules_accepted: u.rules_accepted,
            rules_accepted_at: u.rules_accepted_at,
            checklist: u.checklist.map(Into::into),
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_users, add_user))
        .routes(routes!(show_user, change_user, erase_user))
        .routes(routes!(disable_user))
        .routes(routes!(enable_user))
        .routes(routes!(set_groups))
        .routes(routes!(set_mail))
}

/// Everybody, by login.
#[utoipa::path(get, path = "/users", tag = "users", responses((status = 200, body = [User]), Problems))]
async fn list_users(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<User>>> {
    Ok(Json(api.store.users().await?.into_iter().map(Into::into).collect()))
}

/// Adds somebody; they get in once they have redeemed an invitation.
#[utoipa::path(post, path = "/users", tag = "users", request_body = AddUser, responses((status = 201, body = User), Problems))]
async fn add_user(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(add): Body<AddUser>,
) -> Answer<(StatusCode, Json<User>)> {
    let login = input::login(&add.login)?;
    let new = NewUser {
        name: input::name(add.name.as_deref().unwrap_or(&login))?,
        mail: add.mail.as_deref().map(|text| input::mail_in("mail", text)).transpose()?,
        language: input::language(add.language.as_deref().unwrap_or(&api.site().home_work.language))?,
        role: add.role.unwrap_or(Role::User),
        groups: groups_named(&api, &add.groups).await?,
        login,
    };
    admin.may_change(new.role)?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.add_user(&new).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(api.store.user(&new.login).await?.into())))
}

/// One person, by id or login.
#[utoipa::path(get, path = "/users/{user}", tag = "users", params(("user" = String, Path)), responses((status = 200, body = User), Problems))]
async fn show_user(_: Admin, State(api): State<Arc<Api>>, Path(user): Path<String>) -> Answer<Json<User>> {
    Ok(Json(api.store.user(&user).await.named(&user)?.into()))
}

/// Changes somebody's name, language or role.
#[utoipa::path(patch, path = "/users/{user}", tag = "users", params(("user" = String, Path)), request_body = ChangeUser, responses((status = 200, body = User), Problems))]
async fn change_user(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(user): Path<String>,
    Body(change): Body<ChangeUser>,
) -> Answer<Json<User>> {
    let change = UserChange {
        name: change.name.as_deref().map(input::name).transpose()?,
        language: change.language.as_deref().map(input::language).transpose()?,
        role: change.role,
    };
    let user = api.store.user(&user).await.named(&user)?;
    admin.may_change(user.role)?;
    admin.may_change(change.role.unwrap_or(user.role))?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.change_user(user.id, &change).await?;
    write.commit().await?;
    Ok(Json(api.store.user(&user.login).await?.into()))
}

/// Erases somebody, for good: first they are shut out, then all that names them goes, also from the audit.
#[utoipa::path(delete, path = "/users/{user}", tag = "users", params(("user" = String, Path)), responses((status = 200, body = CarriedOut), Problems))]
async fn erase_user(admin: Person, State(api): State<Arc<Api>>, Path(user): Path<String>) -> Answer<Json<CarriedOut>> {
    let from = Moment::now();
    let (id, _) = api.user_to_cut(&user).await?;
    let (_, Json(cut)) = api.cut(What::DisableUser(id), admin.actor.clone(), from).await?;
    if cut.stored != Stored::Yes {
        return Err(ApiError::CannotStore("they are shut out; to erase them, try again once the gateway stores"));
    }
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    if !write.erase_user(id).await? {
        return Err(ApiError::Unavailable("somebody let them in again meanwhile: try again"));
    }
    let epoch = write.commit().await?;
    api.reconciler.carry_out(epoch, Wait::Closed).await?;
    // What counts is when nothing passed any more.
    Ok(Json(CarriedOut { epoch: epoch.unwrap_or(cut.epoch), ..cut }))
}

/// Shuts somebody out, with all their devices, until they are enabled again.
#[utoipa::path(post, path = "/users/{user}/disable", tag = "users", params(("user" = String, Path)), responses((status = 200, body = CarriedOut), (status = 202, body = CarriedOut), Problems))]
async fn disable_user(admin: Admin, State(api): State<Arc<Api>>, Path(user): Path<String>) -> CutAnswer {
    let from = Moment::now();
    let (user, role) = api.user_to_cut(&user).await?;
    admin.may_change(role)?;
    api.cut(What::DisableUser(user), admin.actor, from).await
}

/// Lets somebody in again.
#[utoipa::path(post, path = "/users/{user}/enable", tag = "users", params(("user" = String, Path)), responses((status = 200, body = CarriedOut), Problems))]
async fn enable_user(admin: Admin, State(api): State<Arc<Api>>, Path(user): Path<String>) -> Answer<Json<CarriedOut>> {
    let from = Moment::now();
    let user = api.store.user(&user).await.named(&user)?;
    admin.may_change(user.role)?;
    let mut write = api.store.write(from, admin.actor).await?;
    write.set_user_disabled(user.id, false).await?;
    let epoch = write.commit().await?;
    api.carried_out(epoch, Wait::Complete, from).await
}

/// From now on they are in exactly these groups.
#[utoipa::path(put, path = "/users/{user}/groups", tag = "users", params(("user" = String, Path)), request_body = SetGroups, responses((status = 200, body = CarriedOut), Problems))]
async fn set_groups(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(user): Path<String>,
    Body(set): Body<SetGroups>,
) -> Answer<Json<CarriedOut>> {
    let from = Moment::now();
    let user = api.store.user(&user).await.named(&user)?;
    admin.may_change(user.role)?;
    let groups = groups_named(&api, &set.groups).await?;
    let mut write = api.store.write(from, admin.actor).await?;
    write.set_groups(user.id, &groups).await?;
    let epoch = write.commit().await?;
    api.carried_out(epoch, Wait::Complete, from).await
}

/// Another mail address of theirs, or none.
#[utoipa::path(put, path = "/users/{user}/mail", tag = "users", params(("user" = String, Path)), request_body = SetMail, responses((status = 204), Problems))]
async fn set_mail(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(user): Path<String>,
    Body(set): Body<SetMail>,
) -> Answer<StatusCode> {
    let user = api.store.user(&user).await.named(&user)?;
    admin.may_change(user.role)?;
    let mail = set.mail.as_deref().map(|text| input::mail_in("mail", text)).transpose()?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.set_mail(user.id, mail.as_deref()).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn groups_named(api: &Api, names: &[String]) -> Answer<BTreeSet<GroupId>> {
    let mut groups = BTreeSet::new();
    for name in names {
        groups.insert(api.store.group(name).await.named(name)?);
    }
    Ok(groups)
}
