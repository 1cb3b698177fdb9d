//! One's own desktops in the browser: asking for one, the connection that shows it, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Viewer;
use super::error::{Answer, ApiError, Problems};
use super::my_workstations::mine;
use super::problem::Slug;
use crate::clock::Unix;
use crate::desktop::browser::{Asked, Known, MESSAGE};
use crate::desktop::end::End;
use crate::ids::{DesktopId, UserId};
use crate::places::Place;
use crate::pure::desktop::NoEntry;
use crate::pure::length::Due;
use crate::store::devices::Device;

/// Connections at once of one person, and in all.
const EACH: usize = 8;
const ALL: usize = 256;

/// Whoever finds no room is told to come back after this.
const FULL: Duration = Duration::from_secs(10);

/// What a browser sends once it was let in comes at once.
const UPGRADE: Duration = Duration::from_secs(10);

/// Whether one may go to a PC by the browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MyEntry {
    /// Which use of it that will be.
    pub desktop: Option<DesktopId>,
    /// What opens the connection: once, within 30 seconds, in this browser.
    pub ticket: Option<String>,
    /// Why not.
    pub refused: Option<NoEntry>,
    /// It has to be woken first.
    pub away: bool,
}

/// How far a desktop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MyDesktopState {
    /// On its way.
    Coming,
    /// It is shown.
    There,
    /// It is over.
    Ended,
}

/// One's own use of an office PC by the browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MyDesktop {
    /// Which one.
    pub desktop: DesktopId,
    /// The PC's name.
    pub workstation: String,
    /// How far it is.
    pub state: MyDesktopState,
    /// Since when, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub since: Option<Unix>,
    /// Bytes from the browser.
    pub rx: u64,
    /// Bytes to the browser.
    pub tx: u64,
    /// How long an answer takes between browser and gateway, in microseconds.
    pub round_trip_us: Option<u64>,
    /// When it ends, if that is within five minutes and nothing is done, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub ends_at: Option<Unix>,
    /// Why it does.
    pub ends_why: Option<Due>,
    /// What IT told, within the last half hour.
    pub told: Option<Told>,
    /// How it ended.
    pub end: Option<End>,
}

/// What IT told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Told {
    /// When, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub at: Unix,
    /// It.
    pub text: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(ask_for_desktop))
        .routes(routes!(show_desktop))
        .routes(routes!(my_desktop, end_mine))
}

/// Asks to go to an office PC by the browser.
#[utoipa::path(post, path = "/me/workstations/{workstation}/desktop", tag = "desktops", params(("workstation" = String, Path)), responses((status = 200, body = MyEntry), Problems))]
async fn ask_for_desktop(
    caller: Viewer,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
) -> Answer<Json<MyEntry>> {
    let device = caller.device;
    let pc = mine(&api, &device, &which).await?;
    let none = MyEntry { desktop: None, ticket: None, refused: None, away: false };
    Ok(Json(match api.desk.ask(&device, &caller.token_hash, &pc).await {
        Asked::Go(desktop, ticket) => {
            MyEntry { desktop: Some(desktop), ticket: Some(ticket.text().to_owned()), ..none }
        }
        Asked::Away => MyEntry { away: true, ..none },
        Asked::Refused(why) => MyEntry { refused: Some(why), ..none },
    }))
}

/// The connection that shows a desktop: a WebSocket whose binary messages speak RDCleanPath first, and RDP then.
#[utoipa::path(get, path = "/me/desktop", tag = "desktops", responses((status = 101), Problems))]
async fn show_desktop(caller: Viewer, State(api): State<Arc<Api>>, mut request: Request) -> Answer<Response> {
    let device = caller.device;
    // The guard has compared it, if there is one; a page of ours always says where it is from.
    if !request.headers().contains_key(header::ORIGIN) {
        return Err(ApiError::Forbidden(Slug::CrossOrigin, "only the gateway's own pages may send this"));
    }
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let (parts, _) = request.into_parts();
    let (head, ()) = create_response(&axum::http::Request::from_parts(parts, ()))
        .map_err(|_| ApiError::Invalid("a WebSocket is expected (RFC 6455)".into()))?
        .into_parts();
    let upgrade = upgrade.ok_or_else(|| ApiError::Invalid("a WebSocket over HTTP/1.1 is expected".into()))?;
    let place = api.viewers.take(device.user, |mine, all| mine < EACH && all < ALL).ok_or(ApiError::Wait(FULL))?;
    tokio::spawn(shown(api, upgrade, device, caller.token_hash, place));
    Ok(Response::from_parts(head, Body::empty()).into_response())
}

async fn shown(api: Arc<Api>, upgrade: OnUpgrade, device: Device, session: String, _place: Place<UserId>) {
    let Ok(Ok(stream)) = tokio::time::timeout(UPGRADE, upgrade).await else { return };
    // Keys and clicks are short; what is longer finds room.
    let limits = WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
    let config = limits.read_buffer_size(8 * 1024);
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, Some(config)).await;
    api.desk.clone().show(socket, device, session).await;
}

/// One's own desktop in the browser, until ten minutes after its end.
#[utoipa::path(get, path = "/me/desktops/{desktop}", tag = "desktops", params(("desktop" = String, Path)), responses((status = 200, body = MyDesktop), Problems))]
async fn my_desktop(caller: Viewer, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<Json<MyDesktop>> {
    let unknown = || ApiError::unknown("desktop", &which);
    let id = which.parse::<DesktopId>().map_err(|_| unknown())?;
    let known = api.desk.known(id, caller.session.user).ok_or_else(unknown)?;
    let soon = api.desk.ends_soon(id);
    let told = api.desk.told(id, caller.session.user, Unix::now()).map(|(at, text)| Told { at, text });
    let of = |desktop: &crate::desktop::Desktop, state, end| MyDesktop {
        desktop: id,
        workstation: desktop.workstation.clone(),
        state,
        since: desktop.there.then_some(desktop.since),
        rx: desktop.rx,
        tx: desktop.tx,
        round_trip_us: desktop.round_trip.and_then(|took| u64::try_from(took.as_micros()).ok()),
        ends_at: soon.map(|ends| ends.at),
        ends_why: soon.map(|ends| ends.why),
        told: told.clone(),
        end,
    };
    Ok(Json(match known {
        Known::Open(desktop) if desktop.there => of(&desktop, MyDesktopState::There, None),
        Known::Open(desktop) => of(&desktop, MyDesktopState::Coming, None),
        Known::Over(over) => of(&over.desktop, MyDesktopState::Ended, Some(over.end)),
        Known::Coming(resource) => {
            let workstation = api.store.resource(&resource.to_string()).await?.name;
            let (state, since) = (MyDesktopState::Coming, None);
            MyDesktop {
                desktop: id,
                workstation,
                state,
                since,
                rx: 0,
                tx: 0,
                round_trip_us: None,
                ends_at: None,
                ends_why: None,
                told: None,
                end: None,
            }
        }
    }))
}

/// Ends it, or what is to become one.
#[utoipa::path(delete, path = "/me/desktops/{desktop}", tag = "desktops", params(("desktop" = String, Path)), responses((status = 204), Problems))]
async fn end_mine(caller: Viewer, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<StatusCode> {
    let id = which.parse::<DesktopId>().ok();
    if id.is_some_and(|id| api.desk.give_up(id, caller.session.user)) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::unknown("desktop", &which))
    }
}
