//! Who is signed in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::SignedIn;
use super::error::{Answer, Problems};
use super::users::Role;
use crate::ids::UserId;
use crate::store::web_sessions::WebSession;

/// The person of the web session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// Which user.
    pub id: UserId,
    /// Login, lower case.
    pub login: String,
    /// Display name.
    pub name: String,
    /// `fr`, `nl`, `ca`, `es` or `en`.
    pub language: String,
    /// What this person may do here.
    pub role: Role,
    /// Whether they have an app that shows codes; if not, a passkey is their second factor.
    pub app: bool,
    /// How many recovery codes are left.
    pub recovery_codes_left: u32,
    /// The telework rules that wait for this person to accept them: their version.
    pub rules_due: Option<u32>,
    /// Questions about their home wait to be answered.
    pub checklist_due: bool,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_me))
}

/// Who is signed in.
#[utoipa::path(get, path = "/me", tag = "sign-in", responses((status = 200, body = Me), Problems))]
async fn read_me(caller: SignedIn, State(api): State<Arc<Api>>) -> Answer<Json<Me>> {
    Ok(Json(of(&api, &caller.session).await?))
}

/// The person of this session.
pub(super) async fn of(api: &Api, session: &WebSession) -> Answer<Me> {
    let site = api.site();
    let accepted = api.store.accepted(session.user).await?;
    let home_work = &site.home_work;
    let rules_due = !home_work.rules.is_empty() && accepted.rules != Some(home_work.rules_version);
    let answered = |id: &String| accepted.checklist.as_ref().is_some_and(|c| c.replies.contains_key(id));
    let means = api.store.means(session.user).await?;
    Ok(Me {
        id: session.user,
        login: session.login.clone(),
        name: session.name.clone(),
        language: session.language.clone(),
        role: session.role,
        app: means.app,
        recovery_codes_left: means.recovery_codes,
        rules_due: rules_due.then_some(home_work.rules_version),
        checklist_due: home_work.checklist.iter().any(|q| !answered(&q.id)),
    })
}
