//! A door, followed: its state at once and at each change, and warnings before it locks, as server-sent events.
//!
//! Nothing is asked of the database but when the reconciler tells of a change that touches this user, when something ends
//! by itself, and once a minute: then whoever follows is asked for anew, too. Streams are few for each device or
//! person, so that ordinary requests of the same device find room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Follower;
use super::door::{self, DoorView, Seen};
use super::error::{Answer, ApiError, Problems};
use crate::clock::Boot;
use crate::ids::{DeviceId, UserId};
use crate::places::Place;
use crate::pure::warnings::{self, Due, Ending};
use crate::store::{Moment, Scope};

/// Streams at once of one device, or of one person on the office LAN: a third of its connections where each stream
/// takes one (`listen::PER_DEVICE`). Further pages ask now and then instead.
const EACH: usize = 4;

/// Streams at once in all: half of the connections of one listener (`listen::CONNECTIONS`), so that pages which look on
/// keep nobody out who wants to sign in. One of each of 200 devices, and some.
const ALL: usize = 256;

/// Who finds no room is told to come back after this.
const FULL: Duration = Duration::from_secs(60);

/// A sign of life this often where there is no news.
const BEAT: Duration = Duration::from_secs(15);

/// Everything is asked for anew this often, whatever was announced.
const AGAIN: Duration = Duration::from_secs(60);

/// One event: `event` is its name in the stream, `data` its text, in JSON.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum DoorEvent {
    /// The state, as `GET /api/v1/door` says it: first of all, at each change, and before each of the others.
    Door(Box<DoorView>),
    /// It locks soon: once for each warning, and again for who comes later.
    Warning(Warning),
    /// Its time was over while it was in use: what is left is for saving one's work.
    Grace(Grace),
}

/// An open door comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Warning {
    /// To which.
    pub reason: Ending,
    /// The warning that was due: so many minutes before it.
    pub minutes: u64,
    /// What is left until then, in milliseconds.
    pub remaining_ms: u64,
}

/// The time for saving one's work has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Grace {
    /// What is left of it, in milliseconds.
    pub remaining_ms: u64,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(follow_door))
}

/// The door this request came by, followed: server-sent events until the device is revoked or the web session ends.
#[utoipa::path(get, path = "/door/events", tag = "door", responses(
    (status = 200, content_type = "text/event-stream", body = DoorEvent, description = "each event's name and data"),
    Problems
))]
async fn follow_door(caller: Follower, State(api): State<Arc<Api>>) -> Answer<Response> {
    let place = api.followers.take(Whose::of(&caller), |mine, all| mine < EACH && all < ALL);
    let place = place.ok_or(ApiError::Wait(FULL))?;
    let followed = Followed {
        news: api.reconciler.news(),
        api,
        caller,
        at: Instant::now(),
        told: Told::default(),
        waiting: VecDeque::new(),
        over: false,
        _place: place,
    };
    let events = stream::unfold(followed, |mut followed| async move { Some((followed.next().await?, followed)) });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(BEAT)).into_response();
    // Another than Sse's own: it is kept nowhere.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// What was told last.
#[derive(Debug, Default)]
struct Told {
    /// The state without what passes by itself, and its ends.
    state: Option<(DoorView, Option<[Boot; 2]>)>,
    warning: Option<Due>,
    grace: bool,
}

impl Told {
    /// What is new at this moment.
    fn news(&mut self, seen: Seen, now: Boot) -> Vec<DoorEvent> {
        let Seen { view, left, .. } = seen;
        let ends = left.map(|left| [now + left.unused, now + left.at_most]);
        let timeless = DoorView { until: None, remaining_ms: None, unused_ms: None, idle_ms: None, ..view.clone() };
        let state = Some((timeless, ends));
        let warning = left.and_then(|left| warnings::due(left.at_most, left.unused));
        let warned = warning.filter(|due| self.warning != Some(*due)).map(|due| Warning {
            reason: due.reason,
            minutes: due.before.as_secs() / 60,
            remaining_ms: view.remaining_ms.into_iter().chain(view.unused_ms).min().unwrap_or_default(),
        });
        let grace = (view.grace && !self.grace).then(|| Grace { remaining_ms: view.remaining_ms.unwrap_or_default() });
        let changed = self.state != state || warned.is_some() || grace.is_some();
        *self = Self { state, warning, grace: view.grace };
        let state = changed.then(|| DoorEvent::Door(Box::new(view)));
        state.into_iter().chain(grace.map(DoorEvent::Grace)).chain(warned.map(DoorEvent::Warning)).collect()
    }
}

impl DoorEvent {
    fn written(&self) -> Result<Event, axum::Error> {
        match self {
            Self::Door(view) => Event::default().event("door").json_data(view),
            Self::Warning(warning) => Event::default().event("warning").json_data(warning),
            Self::Grace(grace) => Event::default().event("grace").json_data(grace),
        }
    }
}

/// One stream; dropped when the other side hangs up or the process ends.
struct Followed {
    api: Arc<Api>,
    caller: Follower,
    news: broadcast::Receiver<Scope>,
    /// When to look again, whatever is announced.
    at: Instant,
    told: Told,
    waiting: VecDeque<DoorEvent>,
    over: bool,
    _place: Place<Whose>,
}

impl Followed {
    async fn next(&mut self) -> Option<Result<Event, axum::Error>> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event.written());
            }
            if self.over {
                return None;
            }
            self.rest().await;
            match self.look().await {
                Ok(()) => {}
                // The device is not good any more.
                Err(ApiError::NotFound) => self.over = true,
                Err(e) => {
                    tracing::debug!(error = ?e, "a door cannot be followed any further");
                    self.over = true;
                }
            }
        }
    }

    /// Until there may be something to tell.
    async fn rest(&mut self) {
        loop {
            tokio::select! {
                () = sleep_until(self.at) => return,
                news = self.news.recv() => match news {
                    Ok(scope) if !scope.holds(self.caller.user) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return self.over = true,
                },
            }
        }
        // What was announced meanwhile is seen by the same look.
        self.news = self.news.resubscribe();
    }

    async fn look(&mut self) -> Answer<()> {
        let (device, session) = self.caller.again(&self.api).await?;
        let now = Moment::now();
        let seen = door::seen(&self.api, self.caller.door, device.as_ref(), session.as_ref(), now).await?;
        let by_itself = [
            seen.left.map(|left| warnings::next(left.at_most, left.unused)),
            seen.ends.map(|ends| ends.remaining(now.boot)),
        ];
        self.at = Instant::now() + by_itself.into_iter().flatten().chain([AGAIN]).min().unwrap_or(AGAIN);
        self.waiting.extend(self.told.news(seen, now.boot));
        // On the office LAN it is the session that is followed.
        self.over |= device.is_none() && session.is_none();
        Ok(())
    }
}

/// Who follows a door.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    Device(DeviceId),
    /// On the office LAN: all their sessions together, or one person would take every stream there is.
    Person(UserId),
}

impl Whose {
    fn of(caller: &Follower) -> Self {
        caller.device.map_or(Self::Person(caller.user), Self::Device)
    }
}
