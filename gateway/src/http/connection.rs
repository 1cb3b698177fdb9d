//! The end of an invitation, seen from the gateway: the new device connects, its door opens, the share answers. Told as it
//! happens, to the page that holds the invitation, and with what else would explain why it does not.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Newcomer;
use super::check::{self, ShareCheck, StepState};
use super::door;
use super::error::{Answer, ApiError, Problems};
use super::input::Body;
use super::resources::ResourceKind;
use crate::clock::{Boot, Unix};
use crate::identity::redeem;
use crate::ids::{DeviceId, InvitationId, UserId};
use crate::places::Place;
use crate::store::Moment;
use crate::store::devices::Device;

/// Streams at once of one invitation: a page, and the same page again.
const EACH: usize = 2;

/// Streams at once in all: as many people as begin in the same half hour, and little of a listener's room.
const ALL: usize = 64;

/// Who finds no room is told to come back after this.
const FULL: Duration = Duration::from_secs(60);

/// It is looked this often.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// A sign of life this often where there is no news.
const BEAT: Duration = Duration::from_secs(15);

/// Whoever needs longer has IT beside them by then.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// A share that does not answer is asked again after this: it may have been switched on.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// The body of `POST /api/v1/invitations/connection`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowConnection {
    /// As issued; redeemed within the hour.
    pub token: String,
    /// The device that was added with it.
    pub device: DeviceId,
}

/// How far a new device has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// The gateway's clock, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub at: Unix,
    /// Something of its tunnel came to the gateway.
    pub heard: bool,
    /// Packets came through the tunnel: the gateway's answers reach it, too.
    pub carries: bool,
    /// It asked for something of the portal through the tunnel.
    pub portal: bool,
    /// Its door is open.
    pub open: bool,
    /// How often its address in the internet changed meanwhile. More than now and then: two machines use its key.
    pub moves: u32,
    /// Which of what it may reach was tried from the gateway; nothing before the door is open.
    pub tried: Option<Tried>,
}

/// Something of the office, tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "tried", rename_all = "snake_case")]
pub enum Tried {
    /// Policy gives this person nothing now.
    Nothing,
    /// No share, but this; it is not asked anything.
    Other {
        /// What it is called.
        name: String,
    },
    /// A share.
    Share {
        /// Whether nothing keeps it shut.
        answers: bool,
        /// What was found.
        check: ShareCheck,
    },
}

/// What an event holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum ConnectionEvent {
    /// How far it is: at once, and at each change.
    Connection(Box<Connection>),
}

/// Devices that somebody waits for, and those of them that asked for something of the portal.
#[derive(Debug, Default)]
pub(super) struct Expected(Mutex<Vec<(DeviceId, bool)>>);

impl Expected {
    /// This device asks for something through its tunnel.
    pub(super) fn came(&self, device: DeviceId) {
        let mut expected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        expected.iter_mut().filter(|(of, _)| *of == device).for_each(|(_, came)| *came = true);
    }

    fn has_come(&self, device: DeviceId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&(device, true))
    }

    fn expect(&self, device: DeviceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((device, false));
    }

    /// One of those who wait waits no longer.
    fn forget(&self, device: DeviceId) {
        let mut expected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = expected.iter().position(|(of, _)| *of == device) {
            expected.swap_remove(at);
        }
    }
}

pub(super) fn visitor_routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(follow_connection))
}

/// The device that was added with an invitation, followed until its share answers: server-sent events, for half an hour.
#[utoipa::path(post, path = "/invitations/connection", tag = "invitations", request_body = FollowConnection, responses(
    (status = 200, content_type = "text/event-stream", body = ConnectionEvent, description = "each event's name and data"),
    Problems
))]
async fn follow_connection(
    caller: Newcomer,
    State(api): State<Arc<Api>>,
    Body(follow): Body<FollowConnection>,
) -> Answer<Response> {
    let found = redeem::redeemed(&api.store, &follow.token, caller.door.address(), Moment::now()).await?;
    let (device, user) = (follow.device, found.user);
    // A tunnel is its own device's: whoever came by another's learns nothing.
    if caller.device.is_some_and(|at| at != device) {
        return Err(ApiError::NotFound);
    }
    theirs(&api, device, user).await?;
    let place = api.joining.take(found.id, |mine, all| mine < EACH && all < ALL).ok_or(ApiError::Wait(FULL))?;
    api.expected.expect(device);
    let began = Boot::now();
    let watch = Watch {
        api,
        device,
        user,
        began,
        told: None,
        at: BTreeSet::new(),
        last: None,
        moves: 0,
        asked: None,
        _place: place,
    };
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let events = stream::unfold((watch, tick, false), |(mut watch, mut tick, over)| async move {
        if over {
            return None;
        }
        loop {
            tick.tick().await;
            let now = match watch.look().await {
                Ok(now) => now,
                Err(e) => {
                    tracing::debug!(error = ?e, "a new device cannot be followed any further");
                    return None;
                }
            };
            let over = now.is_done() || (watch.began + LONGEST).remaining(Boot::now()).is_zero();
            if watch.is_news(&now) || over {
                let event = Event::default().event("connection").json_data(&now);
                watch.told = Some(now);
                return Some((event, (watch, tick, over)));
            }
        }
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(BEAT)).into_response();
    // Another than Sse's own: it is kept nowhere.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// This device, if it is this person's and may have a tunnel.
async fn theirs(api: &Api, device: DeviceId, user: UserId) -> Answer<Device> {
    let device = api.store.device(device).await?;
    if device.user == user && device.may_come_in() { Ok(device) } else { Err(ApiError::NotFound) }
}

/// One stream; dropped when the other side hangs up.
struct Watch {
    api: Arc<Api>,
    device: DeviceId,
    user: UserId,
    began: Boot,
    told: Option<Connection>,
    /// Where the device was meanwhile, and where it was last.
    at: BTreeSet<IpAddr>,
    last: Option<IpAddr>,
    moves: u32,
    asked: Option<(Boot, Tried)>,
    _place: Place<InvitationId>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.api.expected.forget(self.device);
    }
}

impl Watch {
    async fn look(&mut self) -> Answer<Connection> {
        let device = theirs(&self.api, self.device, self.user).await?;
        let told = self.api.reconciler.live().of(self.device);
        self.follow(told.endpoint.map(|at| at.ip()));
        let now = Moment::now();
        let open = self.api.store.open_for(self.device, now).await?.is_some();
        let tried = if open { Some(self.tried(&device, now).await?) } else { None };
        Ok(Connection {
            at: now.wall,
            heard: told.heard.is_some(),
            carries: told.rx > 0,
            portal: self.api.expected.has_come(self.device) || open,
            open,
            moves: self.moves,
            tried,
        })
    }

    /// Back to where it was before: that is what two machines with one key look like. One that walks on does not.
    fn follow(&mut self, at: Option<IpAddr>) {
        let Some(at) = at.filter(|at| self.last != Some(*at)) else { return };
        if !self.at.insert(at) {
            self.moves = self.moves.saturating_add(1);
        }
        self.last = Some(at);
    }

    async fn tried(&mut self, device: &Device, now: Moment) -> Answer<Tried> {
        if let Some((at, tried)) = &self.asked
            && (tried.is_done() || !(*at + ASK_AGAIN).remaining(now.boot).is_zero())
        {
            return Ok(tried.clone());
        }
        let reachable = door::reachable(&self.api, device, now).await?.resources;
        let share = reachable.iter().find(|r| r.kind == ResourceKind::Share);
        let tried = match (share, reachable.first()) {
            (Some(share), _) => {
                let share = check::share(&self.api, device, &share.name, now).await?;
                let check = check::look(&self.api, share).await;
                Tried::Share { answers: check.steps.iter().all(|s| s.state != StepState::Bad), check }
            }
            (None, Some(other)) => Tried::Other { name: other.name.clone() },
            (None, None) => Tried::Nothing,
        };
        self.asked = Some((now.boot, tried.clone()));
        Ok(tried)
    }

    fn is_news(&self, now: &Connection) -> bool {
        self.told.as_ref().is_none_or(|told| Connection { at: told.at, ..now.clone() } != *told)
    }
}

impl Connection {
    fn is_done(&self) -> bool {
        self.tried.as_ref().is_some_and(Tried::is_done)
    }
}

impl Tried {
    fn is_done(&self) -> bool {
        matches!(self, Self::Other { .. } | Self::Share { answers: true, .. })
    }
}
