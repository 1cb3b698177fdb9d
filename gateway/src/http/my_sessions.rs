//! Where somebody is signed in, and which doors of theirs are open: seen and ended by themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::SignedIn;
use super::cut::CutAnswer;
use super::door::DoorName;
use super::error::{Answer, ApiError, Problems};
use super::input;
use super::sign_in::cookie;
use super::users::CarriedOut;
use crate::audit::{Actor, Event};
use crate::clock::Unix;
use crate::identity::web_token::WebToken;
use crate::ids::{VerificationId, WebSessionId};
use crate::pure::cut::What;
use crate::reconcile::Wait;
use crate::store::verifications::EndReason;
use crate::store::{Moment, Scope};

/// What is open of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MySessions {
    /// Browsers in which one is signed in, the latest first.
    pub web: Vec<MyWebSession>,
    /// Open doors, the latest first.
    pub doors: Vec<MyOpenDoor>,
}

/// A browser in which one is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MyWebSession {
    /// Which one.
    pub id: WebSessionId,
    /// By which door: the tunnel of a device, or the office LAN.
    pub door: DoorName,
    /// The device's name, in the tunnel.
    pub device: Option<String>,
    /// Begun, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub since: Unix,
    /// Last used, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub seen_at: Unix,
    /// The one that asks.
    pub this: bool,
}

/// A door of one's own that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MyOpenDoor {
    /// Which opening.
    pub id: VerificationId,
    /// The device's name.
    pub device: String,
    /// Opened, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub since: Unix,
    /// Locks by itself even if it is used, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub until: Unix,
    /// That of the device that asks.
    pub this: bool,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_my_sessions))
        .routes(routes!(end_my_session))
        .routes(routes!(lock_my_door))
        .routes(routes!(sign_out_everywhere))
}

/// Where one is signed in, and which doors are open.
#[utoipa::path(get, path = "/me/sessions", tag = "sign-in", responses((status = 200, body = MySessions), Problems))]
async fn list_my_sessions(caller: SignedIn, State(api): State<Arc<Api>>) -> Answer<Json<MySessions>> {
    Ok(Json(of(&api, &caller, Moment::now()).await?))
}

/// What is open of somebody's.
pub(super) async fn of(api: &Api, caller: &SignedIn, now: Moment) -> Answer<MySessions> {
    let (user, here) = (caller.session.user, caller.device.as_ref().map(|d| d.id));
    let web = api.store.web_sessions_of(user, now.wall).await?.into_iter().map(|s| MyWebSession {
        id: s.id,
        door: if s.device.is_some() { DoorName::Tunnel } else { DoorName::Office },
        this: s.token_hash == caller.token_hash,
        device: s.device_name,
        since: s.created_at,
        seen_at: s.seen_at,
    });
    let open = api.store.verifications_of(user, now).await?.into_iter().filter(|v| v.remaining.is_some());
    let doors = open.map(|v| MyOpenDoor {
        id: v.id,
        this: Some(v.device) == here,
        device: v.device_name,
        since: v.started_at,
        until: v.cap,
    });
    Ok(MySessions { web: web.collect(), doors: doors.collect() })
}

/// Ends one of one's own web sessions; open doors stay open.
#[utoipa::path(post, path = "/me/sessions/{session}/end", tag = "sign-in", params(("session" = String, Path)), responses((status = 204), Problems))]
async fn end_my_session(
    caller: SignedIn,
    State(api): State<Arc<Api>>,
    Path(session): Path<String>,
) -> Answer<StatusCode> {
    let (id, user) = (input::id("web session", &session)?, caller.session.user);
    let mut write = api.store.write(Moment::now(), Actor::User(caller.session.login)).await?;
    write.end_own_web_session(user, id).await?;
    write.commit().await?;
    api.reconciler.announce(Scope::user(user));
    Ok(StatusCode::NO_CONTENT)
}

/// Locks an open door of one's own, wherever that device is.
#[utoipa::path(post, path = "/me/doors/{verification}/end", tag = "sign-in", params(("verification" = String, Path)), responses((status = 200, body = CarriedOut), (status = 202, body = CarriedOut), Problems))]
async fn lock_my_door(caller: SignedIn, State(api): State<Arc<Api>>, Path(verification): Path<String>) -> CutAnswer {
    let (from, id) = (Moment::now(), input::id::<VerificationId>("open door", &verification)?);
    let mine = api.store.verifications_of(caller.session.user, from).await?;
    // Somebody else's is none.
    let door = mine.into_iter().find(|v| v.id == id && v.remaining.is_some()).ok_or(ApiError::NotFound)?;
    api.cut(What::LockDevice(door.device), Actor::User(caller.session.login), from).await
}

/// Ends every web session of one's own, this one too, and locks every door.
#[utoipa::path(post, path = "/me/sign-out-everywhere", tag = "sign-in", responses((status = 200, body = CarriedOut), Problems))]
async fn sign_out_everywhere(caller: SignedIn, State(api): State<Arc<Api>>) -> Answer<(HeaderMap, Json<CarriedOut>)> {
    let (from, user, login) = (Moment::now(), caller.session.user, caller.session.login);
    let mut write = api.store.write(from, Actor::User(login.clone())).await?;
    write.end_of_user(user, EndReason::Locked).await?;
    write.end_web_sessions(user).await?;
    write.audit(&Event::SignedOutEverywhere { user: login }).await?;
    let epoch = write.commit().await?;
    let carried_out = api.carried_out(epoch, Wait::Closed, from).await?;
    api.reconciler.announce(Scope::user(user));
    Ok((cookie(&WebToken::clear_cookie())?, carried_out))
}
