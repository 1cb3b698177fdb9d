//! Office PCs as whoever may use them sees them: by a device whose door is open, those that policy grants it now. Who else
//! sits there is nobody's business but IT's.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use provisioning::drive::Host;
use provisioning::rdp::{RdpFile, encoded};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Verified;
use super::door::{granted, name_of};
use super::error::{Answer, ApiError, Problems};
use super::events::Whose;
use super::problem::Slug;
use super::resources::ResourceKind;
use super::workstations::{WakeEvent, WakeView, wake_events, wake_view};
use crate::audit::Actor;
use crate::clock::Unix;
use crate::desktop::ask::{NotAsked, Says, can_be_asked};
use crate::pure::decide::{Verdict, decide};
use crate::pure::desktop::NoEntry;
use crate::pure::wake::{Wakeable, expected};
use crate::pure::workstation::{Kind, Reason};
use crate::store::devices::Device;
use crate::store::resources::Resource;
use crate::store::{Moment, Scope};

/// Streams at once of one device, and in all.
const EACH: usize = 4;
const ALL: usize = 256;

/// Who finds no room is told to come back after this.
const FULL: Duration = Duration::from_secs(60);

/// An office PC that may be used now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MyWorkstation {
    /// Its name.
    pub name: String,
    /// What to type to reach it.
    pub dns_name: String,
    /// What it is doing.
    pub state: Kind,
    /// Why it is taken to do so.
    pub reason: Reason,
    /// They are connected to it themselves, by one of their devices.
    pub own: bool,
    /// Whether whoever is at it may be asked to let them use it.
    pub may_ask: bool,
    /// Whether they may come now though somebody is at it: that one has agreed, or IT has.
    pub admitted: bool,
    /// It is kept for them until then, in Unix milliseconds: booked, or their turn.
    #[schema(value_type = Option<i64>)]
    pub kept_until: Option<Unix>,
    /// Why they have no seat there: those of its pool are all used, they have one already, or it is kept for somebody else.
    pub no_seat: Option<NoEntry>,
    /// Since when, in Unix milliseconds, while it wakes or starts: else it would say when somebody came or went.
    #[schema(value_type = Option<i64>)]
    pub since: Option<Unix>,
    /// Whether it can be woken.
    pub wakeable: Wakeable,
    /// What a wake is expected to take, in milliseconds.
    pub expected_ms: u64,
    /// The wake that is under way, or ended within the last ten minutes.
    pub wake: Option<WakeView>,
    /// Why an app on this device did not come to it, within the last ten minutes.
    pub refused: Option<RefusedDesktop>,
}

/// Why an app did not come to a PC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedDesktop {
    /// Why.
    pub why: NoEntry,
    /// When, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub at: Unix,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(my_workstations))
        .routes(routes!(wake_mine, cancel_mine))
        .routes(routes!(follow_mine))
        .routes(routes!(ask_people))
        .routes(routes!(rdp_file))
}

/// The office PCs that this device may use now.
#[utoipa::path(get, path = "/me/workstations", tag = "workstations", responses((status = 200, body = [MyWorkstation]), Problems))]
async fn my_workstations(caller: Verified, State(api): State<Arc<Api>>) -> Answer<Json<Vec<MyWorkstation>>> {
    let now = Moment::now();
    let world = api.store.world(&Scope::user(caller.device.user), now).await?;
    let kept = api.store.workstations().await?;
    let may = |r: &Resource| matches!(decide(&world, caller.device.id, r.id, now.boot), Verdict::Allow { .. });
    let pcs = api.store.resources().await?.into_iter().filter(|r| r.kind == ResourceKind::Workstation && may(r));
    let shown = |r: Resource| {
        let state = api.fleet.state(r.id)?;
        let kept_until = api.desk.kept_until(r.id, caller.device.user, now.wall);
        let took = kept.get(&r.id).map(|kept| kept.took.as_slice()).unwrap_or_default();
        Some(MyWorkstation {
            dns_name: name_of(&api, &r),
            name: r.name,
            // What is kept for them is free to them.
            state: if kept_until.is_some() && state.judged.kind == Kind::Reserved {
                Kind::Free
            } else {
                state.judged.kind
            },
            reason: state.judged.reason,
            own: api.desk.is_at(r.id, caller.device.user),
            may_ask: api.site().ask_people && can_be_asked(&state),
            admitted: api.desk.is_admitted(r.id, caller.device.user, now.boot),
            kept_until,
            no_seat: api.desk.no_seat(r.id, caller.device.user, now),
            since: is_on_its_way(state.judged.kind).then_some(state.since),
            wakeable: api.waker.wakeable(&state, took),
            expected_ms: u64::try_from(expected(took).as_millis()).unwrap_or(u64::MAX),
            wake: api.waker.progress(r.id).map(|progress| wake_view(&progress.borrow())),
            refused: api
                .desk
                .refused(caller.device.id, r.id, now.boot)
                .map(|refused| RefusedDesktop { why: refused.why, at: refused.at.wall }),
        })
    };
    Ok(Json(pcs.filter_map(shown).collect()))
}

/// Wakes one of them, or joins the wake that is under way.
#[utoipa::path(post, path = "/me/workstations/{workstation}/wake", tag = "workstations", params(("workstation" = String, Path)), responses((status = 202, body = WakeView), Problems))]
async fn wake_mine(
    caller: Verified,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
) -> Answer<(StatusCode, Json<WakeView>)> {
    let pc = mine(&api, &caller.device, &which).await?;
    api.seen(pc.id).await?;
    let progress = api.waker.wake(pc.id, Actor::User(caller.device.login)).await?;
    let view = wake_view(&progress.borrow());
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// Gives a wake up that one began oneself.
#[utoipa::path(delete, path = "/me/workstations/{workstation}/wake", tag = "workstations", params(("workstation" = String, Path)), responses((status = 204), Problems))]
async fn cancel_mine(caller: Verified, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<StatusCode> {
    let pc = mine(&api, &caller.device, &which).await?;
    if api.waker.cancel(pc.id, Some(&Actor::User(caller.device.login))) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::unknown("wake", &which))
    }
}

/// How a wake goes: server-sent events until it has ended.
#[utoipa::path(get, path = "/me/workstations/{workstation}/wake/events", tag = "workstations", params(("workstation" = String, Path)), responses(
    (status = 200, content_type = "text/event-stream", body = WakeEvent, description = "each event's name and data"),
    Problems
))]
async fn follow_mine(caller: Verified, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<Response> {
    let pc = mine(&api, &caller.device, &which).await?;
    let progress = api.waker.progress(pc.id).ok_or_else(|| ApiError::unknown("wake", &which))?;
    let place = api.followers.take(Whose::Device(caller.device.id), |mine, all| mine < EACH && all < ALL);
    Ok(wake_events(progress, place.ok_or(ApiError::Wait(FULL))?))
}

/// What whoever is at a PC says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeopleAsked {
    /// It; nothing: nobody is at it any more.
    pub says: Option<Says>,
}

/// Asks whoever is at it to let one use it: a question on its screen, for twenty seconds. After a yes one may come within
/// three minutes.
#[utoipa::path(post, path = "/me/workstations/{workstation}/ask", tag = "workstations", params(("workstation" = String, Path)), responses((status = 200, body = PeopleAsked), Problems))]
async fn ask_people(
    caller: Verified,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
) -> Answer<Json<PeopleAsked>> {
    let pc = mine(&api, &caller.device, &which).await?;
    if !api.site().ask_people {
        return Err(ApiError::Forbidden(Slug::NotAllowed, "IT has not switched on that people are asked"));
    }
    let user = api.store.user(&caller.device.login).await?;
    match api.desk.ask_people(&caller.device, &user.name, &user.language, &pc).await {
        Ok(says) => Ok(Json(PeopleAsked { says: Some(says) })),
        Err(NotAsked::TooSoon(left)) => Err(ApiError::Wait(left)),
        Err(NotAsked::Nobody) => Ok(Json(PeopleAsked { says: None })),
        Err(NotAsked::Unreached) => {
            Err(ApiError::Conflict(Slug::AgentAway, "the question did not reach whoever is at this PC".into()))
        }
    }
}

/// A file that opens it in an RDP app, signed: without password, and without a name to sign in with.
#[utoipa::path(get, path = "/me/workstations/{workstation}/rdp", tag = "workstations", params(("workstation" = String, Path)), responses(
    (status = 200, content_type = "application/x-rdp", body = [u8], description = "UTF-16, as mstsc saves it"),
    Problems
))]
async fn rdp_file(caller: Verified, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<Response> {
    let pc = mine(&api, &caller.device, &which).await?;
    let address = name_of(&api, &pc).parse::<Host>().map_err(|e| ApiError::Internal(e.into()))?;
    let publisher = api.desk.publisher().await.map_err(ApiError::Internal)?;
    let text = RdpFile { address, user: None }.signed(&publisher).map_err(|e| ApiError::Internal(e.into()))?;
    // A label of DNS: nothing in it needs quoting.
    let file = format!("attachment; filename=\"{}.rdp\"", pc.name);
    let headers = [(header::CONTENT_TYPE, "application/x-rdp".to_owned()), (header::CONTENT_DISPOSITION, file)];
    Ok((headers, encoded(&text)).into_response())
}

/// Since when it is free, or asleep, says when somebody went home: that is theirs to tell.
fn is_on_its_way(kind: Kind) -> bool {
    matches!(kind, Kind::Waking | Kind::Starting)
}

pub(super) async fn mine(api: &Api, device: &Device, which: &str) -> Answer<Resource> {
    let resource = granted(api, device, which, Moment::now()).await?;
    if resource.kind == ResourceKind::Workstation { Ok(resource) } else { Err(ApiError::unknown("resource", which)) }
}
