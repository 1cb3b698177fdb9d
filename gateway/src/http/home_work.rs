//! What people accept and answer for working at home. Nothing technical waits for it: whoever has not accepted is asked
//! again at every sign-in, and IT sees who has.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::{SignedIn, Visitor};
use super::error::{Answer, ApiError, Problems};
use super::input::Body;
use crate::audit::Actor;
use crate::clock::Unix;
use crate::identity::redeem;
use crate::ids::UserId;
use crate::pure::home_work::{self, HomeWork, Question, Replies};
use crate::store::home_work as stored;
use crate::store::users::Role;
use crate::store::{self, Moment};

/// The telework rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rules {
    /// Rises with every change.
    pub version: u32,
    /// In plain paragraphs.
    pub text: String,
}

impl Rules {
    pub(super) fn of(home_work: &HomeWork) -> Option<Self> {
        let (version, text) = (home_work.rules_version, home_work.rules.clone());
        (!text.is_empty()).then_some(Self { version, text })
    }
}

/// What `GET /api/v1/me/rules` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MyRules {
    /// The rules in force; nothing: there are none.
    pub rules: Option<Rules>,
    /// The newest version this person has accepted.
    pub accepted: Option<u32>,
}

/// The body of `POST /api/v1/me/rules`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptRules {
    /// The version that was read.
    pub version: u32,
}

/// The body of `POST /api/v1/invitations/rules`: within an hour after the invitation was redeemed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptInvited {
    /// As issued.
    pub token: String,
    /// The version that was read.
    pub version: u32,
}

/// What somebody answered about their home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checklist {
    /// By the question's id; a question that was removed since is among them.
    #[schema(value_type = std::collections::BTreeMap<String, home_work::Reply>)]
    pub replies: Replies,
    /// When, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub answered_at: Unix,
}

/// What `GET /api/v1/me/checklist` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MyChecklist {
    /// What is asked.
    pub questions: Vec<Question>,
    /// What this person answered.
    pub answered: Option<Checklist>,
}

/// The body of `PUT /api/v1/me/checklist`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// By the question's id; what is absent is not answered.
    #[schema(value_type = std::collections::BTreeMap<String, home_work::Reply>)]
    pub replies: Replies,
}

impl From<stored::Checklist> for Checklist {
    fn from(c: stored::Checklist) -> Self {
        Self { replies: c.replies, answered_at: c.answered_at }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_rules, accept_rules)).routes(routes!(read_checklist, answer_checklist))
}

/// What the person invited needs, wherever they are.
pub(super) fn visitor_routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(accept_invited))
}

/// The telework rules, and what this person has accepted.
#[utoipa::path(get, path = "/me/rules", tag = "home-work", responses((status = 200, body = MyRules), Problems))]
async fn read_rules(caller: SignedIn, State(api): State<Arc<Api>>) -> Answer<Json<MyRules>> {
    let accepted = api.store.accepted(caller.session.user).await?.rules;
    Ok(Json(MyRules { rules: Rules::of(&api.site().home_work), accepted }))
}

/// This person accepts the telework rules, in the version they have read.
#[utoipa::path(post, path = "/me/rules", tag = "home-work", request_body = AcceptRules, responses((status = 204), Problems))]
async fn accept_rules(
    caller: SignedIn,
    State(api): State<Arc<Api>>,
    Body(accept): Body<AcceptRules>,
) -> Answer<StatusCode> {
    let whose = (caller.session.user, caller.session.login.as_str());
    accepted(&api, whose, Some(&caller.token_hash), accept.version).await
}

/// The same on the way from an invitation, where there is no web session yet.
#[utoipa::path(post, path = "/invitations/rules", tag = "invitations", request_body = AcceptInvited, responses((status = 204), Problems))]
async fn accept_invited(
    caller: Visitor,
    State(api): State<Arc<Api>>,
    Body(accept): Body<AcceptInvited>,
) -> Answer<StatusCode> {
    let found = redeem::redeemed(&api.store, &accept.token, caller.door.address(), Moment::now()).await?;
    accepted(&api, (found.user, &found.login), None, accept.version).await
}

/// `token_hash`: of the web session, where there is one.
async fn accepted(
    api: &Api,
    (user, login): (UserId, &str),
    token_hash: Option<&str>,
    version: u32,
) -> Answer<StatusCode> {
    let mut write = api.store.write(Moment::now(), Actor::User(login.to_owned())).await?;
    if let Some(token_hash) = token_hash {
        write.still_signed_in(user, token_hash, Role::User).await?;
    }
    write.accept_rules(user, version).await.map_err(|e| match e {
        store::Error::NotFound("version of the rules") => {
            ApiError::Invalid("version: the rules have changed since: read them again".into())
        }
        e => e.into(),
    })?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The questions about working at home, and what this person answered.
#[utoipa::path(get, path = "/me/checklist", tag = "home-work", responses((status = 200, body = MyChecklist), Problems))]
async fn read_checklist(caller: SignedIn, State(api): State<Arc<Api>>) -> Answer<Json<MyChecklist>> {
    let answered = api.store.accepted(caller.session.user).await?.checklist.map(Into::into);
    Ok(Json(MyChecklist { questions: api.site().home_work.checklist.clone(), answered }))
}

/// This person answers them; the answers of before are replaced.
#[utoipa::path(put, path = "/me/checklist", tag = "home-work", request_body = Answered, responses((status = 204), Problems))]
async fn answer_checklist(
    caller: SignedIn,
    State(api): State<Arc<Api>>,
    Body(answered): Body<Answered>,
) -> Answer<StatusCode> {
    let replies = home_work::replies(&answered.replies, &api.site().home_work.checklist)
        .map_err(|e| ApiError::Invalid(format!("replies: {e}")))?;
    let mut write = api.store.write(Moment::now(), Actor::User(caller.session.login)).await?;
    write.still_signed_in(caller.session.user, &caller.token_hash, Role::User).await?;
    write.answer_checklist(caller.session.user, &replies).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
