//! The state of the door a request came by, as the portal shows it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::Api;
use super::caller::{self, Public, Tunnel, Verified};
use super::cut::Stored;
use super::error::{Answer, ApiError, Problems};
use super::input::Body;
use super::me;
use super::me::Me;
use super::resources::ResourceKind;
use crate::audit::Actor;
use crate::clock::Boot;
use crate::identity::{passkey, sign_in};
use crate::ids::DeviceId;
use crate::pure::cut::What;
use crate::pure::decide::{Reason, Verdict, decide};
use crate::pure::home_work::{Contact, Link};
use crate::reconcile::Wait;
use crate::store::devices::Device;
use crate::store::verifications::OpenFor;
use crate::store::web_sessions::WebSession;
use crate::store::{Moment, Scope};

/// By which socket a request came: never by an address or a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoorName {
    /// The gateway's address inside the tunnel: the peer's address names the device.
    Tunnel,
    /// The office LAN.
    Office,
    /// The internet: invitations alone.
    Internet,
    /// The command line's Unix socket.
    Local,
}

/// Locked, or open until a known moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoorState {
    /// Only the portal and DNS answer.
    Locked,
    /// What policy grants can be reached.
    Open,
}

/// What `GET /api/v1/door` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoorView {
    /// Whose gateway this is.
    pub organisation: String,
    /// Its public name.
    pub public_name: String,
    /// Whether people may sign in with passkeys, on the page of its public name.
    pub passkeys: bool,
    /// By which door the request came.
    pub door: DoorName,
    /// The device at this door; in the tunnel only.
    pub device: Option<DoorDevice>,
    /// Whether that device's door is open.
    pub state: DoorState,
    /// When it locks even if it is used, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub until: Option<crate::clock::Unix>,
    /// What is left until then, in milliseconds.
    pub remaining_ms: Option<u64>,
    /// What is left if it is not used, in milliseconds.
    pub unused_ms: Option<u64>,
    /// How long it has not been used, in milliseconds; while that brings its end nearer.
    pub idle_ms: Option<u64>,
    /// Its time was over while it was in use: what is left is for saving one's work.
    pub grace: bool,
    /// What can be reached; empty while the door is locked.
    pub resources: Vec<DoorResource>,
    /// What can be reached at other hours; empty while the door is locked.
    #[serde(default)]
    pub later: Vec<DoorLater>,
    /// Whom to call; nothing: nobody is named.
    pub contact: Option<Contact>,
    /// What else of the office is opened by a browser; empty while the door is locked.
    pub links: Vec<Link>,
    /// Who is signed in on this browser.
    pub me: Option<Me>,
}

/// The device a request in the tunnel comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoorDevice {
    /// Which one.
    pub id: DeviceId,
    /// Its name.
    pub name: String,
    /// Its owner's display name.
    pub user: String,
    /// Its owner's language: `fr`, `nl`, `ca`, `es` or `en`.
    pub language: String,
}

/// Something that can be reached through the open door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoorResource {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: ResourceKind,
    /// The name to type, such as `files.example.internal`; of a network, its aliases.
    pub dns_name: String,
}

/// Something that can be reached at other hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoorLater {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: ResourceKind,
    /// From when on, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub opens_at: crate::clock::Unix,
}

/// The body of `POST /api/v1/extend`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// A fresh code of the second factor.
    pub code: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_door)).routes(routes!(extend)).routes(routes!(lock))
}

/// The state of the door this request came by.
#[utoipa::path(get, path = "/door", tag = "door", responses((status = 200, body = DoorView), Problems))]
async fn read_door(caller: Public, State(api): State<Arc<Api>>) -> Answer<Json<DoorView>> {
    Ok(Json(state(&api, caller.door, caller.device.as_ref(), caller.session.as_ref()).await?))
}

/// A fresh code keeps the open door open.
#[utoipa::path(post, path = "/extend", tag = "door", request_body = Extend, responses((status = 200, body = DoorView), Problems))]
async fn extend(caller: Verified, State(api): State<Arc<Api>>, Body(body): Body<Extend>) -> Answer<Json<DoorView>> {
    let (code, now) = (Zeroizing::new(body.code), Moment::now());
    let epoch = sign_in::extend(&api.store, &caller.device, &code, now).await?;
    api.reconciler.carry_out(epoch, Wait::Complete).await?;
    Ok(Json(state(&api, caller.door, Some(&caller.device), None).await?))
}

/// Lock now.
#[utoipa::path(post, path = "/lock", tag = "door", responses((status = 200, body = DoorView), (status = 202, body = DoorView), Problems))]
async fn lock(caller: Tunnel, State(api): State<Arc<Api>>) -> Answer<(StatusCode, Json<DoorView>)> {
    let (device, actor) = (&caller.device, Actor::User(caller.device.login.clone()));
    // What is locked costs no write, however often it is asked for.
    if let Ok(None) = api.store.within_patience(api.store.open_for(device.id, Moment::now())).await {
        return Ok((StatusCode::OK, Json(state(&api, caller.door, Some(device), None).await?)));
    }
    let (_, stored) = api.cut_or_keep(What::LockDevice(device.id), actor, Moment::now()).await?;
    if stored == Stored::Yes {
        return Ok((StatusCode::OK, Json(state(&api, caller.door, Some(device), None).await?)));
    }
    Ok((StatusCode::ACCEPTED, Json(locked(&api, caller.door, Some(device)))))
}

/// What `GET door` says.
pub(super) async fn state(
    api: &Api,
    door: caller::Door,
    device: Option<&Device>,
    session: Option<&WebSession>,
) -> Answer<DoorView> {
    Ok(seen(api, door, device, session, Moment::now()).await?.view)
}

/// A door at one moment.
pub(super) struct Seen {
    /// What is said of it.
    pub(super) view: DoorView,
    /// What is left of it, if it is open.
    pub(super) left: Option<OpenFor>,
    /// When something that can be reached ends by itself.
    pub(super) ends: Option<Boot>,
}

/// What `GET door` says at this moment, and when it will say something else of itself.
pub(super) async fn seen(
    api: &Api,
    door: caller::Door,
    device: Option<&Device>,
    session: Option<&WebSession>,
    now: Moment,
) -> Answer<Seen> {
    let left = match device {
        Some(device) => api.store.open_for(device.id, now).await?,
        None => None,
    };
    let Reachable { resources, later, ends } = match (device, left) {
        (Some(device), Some(_)) => reachable(api, device, now).await?,
        _ => Reachable::default(),
    };
    let me = match session {
        Some(session) => Some(me::of(api, session).await?),
        None => None,
    };
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let used = |device: &Device| api.reconciler.live().of(device.id).busy.map(|at| now.boot.0.saturating_sub(at.0));
    let view = DoorView {
        state: if left.is_some() { DoorState::Open } else { DoorState::Locked },
        until: left.map(|left| now.wall + left.at_most),
        remaining_ms: left.map(|left| ms(left.at_most)),
        unused_ms: left.map(|left| ms(left.unused)),
        // The data plane may have seen a later use than the one that was written down.
        idle_ms: left
            .and_then(|left| left.idle)
            .map(ms)
            .map(|idle| device.and_then(used).map_or(idle, |u| u.min(idle))),
        grace: left.is_some_and(|left| left.grace),
        resources,
        later,
        links: if left.is_some() && device.is_some_and(|device| !device.outside) {
            api.site().home_work.links.clone()
        } else {
            Vec::new()
        },
        me,
        ..locked(api, door, device)
    };
    Ok(Seen { view, left, ends })
}

/// A door that is locked, without a look into the database.
fn locked(api: &Api, door: caller::Door, device: Option<&Device>) -> DoorView {
    DoorView {
        organisation: api.site().organisation.clone(),
        public_name: api.site().public_name.clone(),
        passkeys: passkey::are_offered(&api.site()),
        door: door.name(),
        device: device.map(|d| DoorDevice {
            id: d.id,
            name: d.name.clone(),
            user: d.owner.clone(),
            language: d.language.clone(),
        }),
        state: DoorState::Locked,
        until: None,
        remaining_ms: None,
        unused_ms: None,
        idle_ms: None,
        grace: false,
        resources: Vec::new(),
        later: Vec::new(),
        // Strangers are not told whom people call.
        contact: Some(api.site().home_work.contact.clone())
            .filter(|c| !c.is_empty() && (device.is_some() || !matches!(door, caller::Door::Internet(_)))),
        links: Vec::new(),
        me: None,
    }
}

/// Something published that this device may reach now, by its name; what it may not is none.
pub(super) async fn granted(
    api: &Api,
    device: &Device,
    name: &str,
    now: Moment,
) -> Answer<crate::store::resources::Resource> {
    let world = api.store.world(&Scope::user(device.user), now).await?;
    let wanted = api.store.resources().await?.into_iter().find(|r| r.name == name);
    let allowed = wanted.filter(|r| matches!(decide(&world, device.id, r.id, now.boot), Verdict::Allow { .. }));
    allowed.ok_or_else(|| ApiError::unknown("resource", name))
}

/// What people type to reach it: its own name in the office, if it was published with one, which is what Windows and
/// Kerberos know it by.
pub(super) fn name_of(api: &Api, resource: &crate::store::resources::Resource) -> String {
    resource.dns_names.first().cloned().unwrap_or_else(|| format!("{}.{}", resource.name, api.site().zone))
}

/// What a device with an open door can reach.
#[derive(Default)]
pub(super) struct Reachable {
    pub(super) resources: Vec<DoorResource>,
    pub(super) later: Vec<DoorLater>,
    /// When the first of it ends, or begins.
    pub(super) ends: Option<Boot>,
}

/// What it can reach now, and what when the hours of a policy begin.
pub(super) async fn reachable(api: &Api, device: &Device, now: Moment) -> Answer<Reachable> {
    let world = api.store.world(&Scope::user(device.user), now).await?;
    let groups = world.users.get(&device.user).map(|user| user.groups.clone()).unwrap_or_default();
    let begins = |id| {
        let held = world.policies.values().filter(|p| p.resource == id && groups.contains(&p.group));
        held.filter_map(|p| p.from).filter(|from| *from > now.boot).min()
    };
    let mut found = Reachable::default();
    // A share's own protocol does not come through a browser.
    let there = |r: &crate::store::resources::Resource| !device.outside || r.kind == ResourceKind::Workstation;
    for r in api.store.resources().await?.into_iter().filter(there) {
        match decide(&world, device.id, r.id, now.boot) {
            Verdict::Allow { until, .. } => {
                found.ends = found.ends.into_iter().chain([until]).min();
                let dns_name = match r.kind {
                    ResourceKind::Network => r.alias4.map(|n| n.to_string()).unwrap_or_default(),
                    _ => name_of(api, &r),
                };
                found.resources.push(DoorResource { name: r.name, kind: r.kind, dns_name });
            }
            Verdict::Deny(why) if why == [Reason::OutsideHours] => {
                let Some(from) = begins(r.id) else { continue };
                found.ends = found.ends.into_iter().chain([from]).min();
                let opens_at = now.wall + from.remaining(now.boot);
                found.later.push(DoorLater { name: r.name, kind: r.kind, opens_at });
            }
            Verdict::Deny(_) => {}
        }
    }
    Ok(found)
}
