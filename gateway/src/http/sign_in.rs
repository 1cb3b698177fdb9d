//! Password and code on one screen; signing out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::Api;
use super::caller::{self, Public};
use super::door::DoorView;
use super::error::{Answer, ApiError, Problems};
use super::input::Body;
use super::me::Me;
use super::{door, me};
use crate::audit::{Actor, Event};
use crate::identity::sign_in::{self, Attempt};
use crate::identity::web_token::WebToken;
use crate::reconcile::Wait;
use crate::store::devices::Device;
use crate::store::{Moment, Scope};

/// The body of `POST /api/v1/sign-in`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The login, in any case.
    pub user: String,
    /// The password.
    pub password: String,
    /// Six digits of the second factor, or a recovery code.
    pub code: String,
}

/// Signed in; in the tunnel the door of this device is open now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// Who.
    pub me: Me,
    /// The door, as `GET /api/v1/door` would say.
    pub door: DoorView,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(sign_in)).routes(routes!(sign_out))
}

/// Password and code. In the tunnel this opens the door of the device the request came from.
#[utoipa::path(post, path = "/sign-in", tag = "sign-in", request_body = SignIn, responses((status = 200, body = SignedIn), Problems))]
async fn sign_in(
    caller: Public,
    State(api): State<Arc<Api>>,
    Body(body): Body<SignIn>,
) -> Answer<(HeaderMap, Json<SignedIn>)> {
    let attempt = Attempt {
        login: &body.user,
        password: Zeroizing::new(body.password),
        code: Zeroizing::new(body.code),
        address: caller.door.address(),
        device: caller.device.as_ref().filter(|device| !device.outside),
        outside: matches!(caller.door, caller::Door::Internet(_)),
    };
    let done = sign_in::sign_in(&api.store, &api.passwords, attempt, Moment::now()).await?;
    welcome(&api, caller.door, caller.device.as_ref(), &done).await
}

/// What whoever has signed in is told, once it is in force; with the cookie.
pub(super) async fn welcome(
    api: &Api,
    by: caller::Door,
    device: Option<&Device>,
    done: &sign_in::SignedIn,
) -> Answer<(HeaderMap, Json<SignedIn>)> {
    let session = api.store.web_session(&done.token.hash(), Moment::now().wall).await?.ok_or(ApiError::NotFound)?;
    api.reconciler.carry_out(done.epoch, Wait::Complete).await?;
    let outside = match (by, session.device) {
        (caller::Door::Internet(_), Some(id)) => Some(api.store.device(id).await?),
        _ => None,
    };
    let door = door::state(api, by, outside.as_ref().or(device), Some(&session)).await?;
    let me = me::of(api, &session).await?;
    Ok((cookie(&done.token.set_cookie())?, Json(SignedIn { me, door })))
}

/// Ends the web session; an open door stays open.
#[utoipa::path(post, path = "/sign-out", tag = "sign-in", responses((status = 204), Problems))]
async fn sign_out(caller: caller::SignedIn, State(api): State<Arc<Api>>) -> Answer<(StatusCode, HeaderMap)> {
    let login = caller.session.login;
    let mut write = api.store.write(Moment::now(), Actor::User(login.clone())).await?;
    write.end_web_session(&caller.token_hash).await?;
    write.audit(&Event::SignedOut { user: login }).await?;
    write.commit().await?;
    api.reconciler.announce(Scope::user(caller.session.user));
    Ok((StatusCode::NO_CONTENT, cookie(&WebToken::clear_cookie())?))
}

pub(super) fn cookie(text: &str) -> Answer<HeaderMap> {
    let mut value = HeaderValue::from_str(text).map_err(|e| ApiError::Internal(e.into()))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(header::SET_COOKIE, value)]))
}
