//! Pools: office PCs with the same licensed program, who waits for one, and what is booked of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::error::{Answer, ApiError, Named as _, Problems};
use super::input::{self, Body};
use super::resources::ResourceKind;
use super::settings::minutes_or_none;
use crate::clock::Unix;
use crate::desktop::seats::Used;
use crate::ids::{BookingId, PoolId, ResourceId, UserId};
use crate::pure::booking::{Freed, LONGEST_MINUTES};
use crate::pure::home_work::{DESKTOP_IDLE, DESKTOP_LONGEST};
use crate::store::Moment;
use crate::store::bookings::Named;
use crate::store::pools as stored;

/// PCs of one pool: a large computer room.
const MOST: usize = 200;

/// What is asked of bookings at once: a calendar's quarter of a year.
const SPAN_MS: i64 = 92 * 24 * 3_600_000;

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pool {
    /// Which one.
    pub id: PoolId,
    /// What IT says of it.
    #[serde(flatten)]
    pub rules: SetPool,
    /// Seats that are used, kept or booked now.
    pub taken: usize,
    /// PCs that are kept for somebody whose turn it is.
    pub kept: Vec<KeptSeat>,
    /// Who waits, in their order.
    pub line: Vec<Waiting>,
}

/// What IT says of a pool: the body of `POST /api/v1/pools`, and of `PUT /api/v1/pools/{pool}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPool {
    /// Its name, unique: the program's, most often. 1 to 64 characters, no control characters.
    pub name: String,
    /// Its PCs, by name or id; a PC is in one pool at most.
    pub workstations: Vec<String>,
    /// How many of them may be used at once: as many as there are licences; absent: all.
    #[serde(default)]
    pub seats: Option<u32>,
    /// The longest booking: 15 to 720 minutes; 0: none.
    pub longest_booking_minutes: u32,
    /// A desktop there ends after so many minutes without use: 10 to 720; 0: never; absent: as the site has it.
    #[serde(default)]
    pub desktop_idle_minutes: Option<u32>,
    /// … and after so many in all: 15 to 1440; 0: never; absent: as the site has it.
    #[serde(default)]
    pub desktop_longest_minutes: Option<u32>,
}

/// A PC that is kept for somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptSeat {
    /// The PC's name.
    pub workstation: String,
    /// For whom, by login.
    pub login: String,
    /// Until when, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub until: Unix,
}

/// Somebody waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// Who, by login.
    pub login: String,
    /// Since when, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub since: Unix,
}

/// A PC is somebody's for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Booking {
    /// Which one.
    pub id: BookingId,
    /// The PC's name.
    pub workstation: String,
    /// Whose, by login.
    pub login: String,
    /// From when on, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub begins: Unix,
    /// Until when, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub ends: Unix,
    /// When it was made, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub booked_at: Unix,
    /// When it was over before its time, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub freed_at: Option<Unix>,
    /// Why it was.
    pub freed: Option<Freed>,
}

impl From<Named> for Booking {
    fn from(named: Named) -> Self {
        let Named { booking, workstation, login, freed, booked_at } = named;
        let (freed_at, freed) = freed.unzip();
        Self {
            id: booking.id,
            workstation,
            login,
            begins: booking.begins,
            ends: booking.ends,
            booked_at,
            freed_at,
            freed,
        }
    }
}

/// A span of time.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// From, in Unix milliseconds.
    pub from: i64,
    /// Until, in Unix milliseconds; at most 92 days later.
    pub to: i64,
}

impl Span {
    /// # Errors
    /// It is empty, or too long.
    pub(super) fn checked(self) -> Answer<(Unix, Unix)> {
        let fits = self.from < self.to && self.to.saturating_sub(self.from) <= SPAN_MS;
        let wrong = || ApiError::Invalid("from, to: a span of at most 92 days is expected".into());
        if fits { Ok((Unix(self.from), Unix(self.to))) } else { Err(wrong()) }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_pools, add_pool))
        .routes(routes!(set_pool, remove_pool))
        .routes(routes!(list_bookings))
        .routes(routes!(free_booking))
}

/// Every pool, by name, and how it is used now.
#[utoipa::path(get, path = "/pools", tag = "pools", responses((status = 200, body = [Pool]), Problems))]
async fn list_pools(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Pool>>> {
    let (pools, logins) = (api.store.pools().await?, logins(&api).await?);
    let now = Moment::now();
    let shown = |pool: stored::Pool| {
        let used = api.desk.used(pool.id, now);
        view(pool, used, &logins)
    };
    Ok(Json(pools.into_iter().map(shown).collect()))
}

/// Adds a pool.
#[utoipa::path(post, path = "/pools", tag = "pools", request_body = SetPool, responses((status = 201, body = Pool), Problems))]
async fn add_pool(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(set): Body<SetPool>,
) -> Answer<(StatusCode, Json<Pool>)> {
    let (rules, members) = checked(&api, set).await?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    let id = write.add_pool(&rules, &members).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(changed(&api, id).await?)))
}

/// Says anew what a pool is. What is booked of a PC that is in no pool any more is given back.
#[utoipa::path(put, path = "/pools/{pool}", tag = "pools", params(("pool" = String, Path)), request_body = SetPool, responses((status = 200, body = Pool), Problems))]
async fn set_pool(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
    Body(set): Body<SetPool>,
) -> Answer<Json<Pool>> {
    let id = api.store.pool(&which).await.named(&which)?.id;
    let (rules, members) = checked(&api, set).await?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.change_pool(id, &rules, &members).await?;
    write.commit().await?;
    Ok(Json(changed(&api, id).await?))
}

/// Removes a pool. Its PCs stay; whoever is at one stays; lines and bookings are gone.
#[utoipa::path(delete, path = "/pools/{pool}", tag = "pools", params(("pool" = String, Path)), responses((status = 204), Problems))]
async fn remove_pool(admin: Admin, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<StatusCode> {
    let id = api.store.pool(&which).await.named(&which)?.id;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.remove_pool(id).await?;
    write.commit().await?;
    api.desk.pools_changed().await;
    Ok(StatusCode::NO_CONTENT)
}

/// What is booked in a span, by its beginning.
#[utoipa::path(get, path = "/bookings", tag = "pools", params(Span), responses((status = 200, body = [Booking]), Problems))]
async fn list_bookings(_: Admin, State(api): State<Arc<Api>>, Query(span): Query<Span>) -> Answer<Json<Vec<Booking>>> {
    let (from, to) = span.checked()?;
    Ok(Json(api.store.bookings_between(from, to).await?.into_iter().map(Booking::from).collect()))
}

/// Takes a booking back: its PC is anybody's from now on. Whoever is at it stays.
#[utoipa::path(delete, path = "/bookings/{booking}", tag = "pools", params(("booking" = String, Path)), responses((status = 204), Problems))]
async fn free_booking(admin: Admin, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<StatusCode> {
    let now = Moment::now();
    let booking = api.store.booking(&which, now.wall).await.named(&which)?;
    let mut write = api.store.write(now, admin.actor).await?;
    write.free_booking(&booking, Freed::It).await?;
    write.commit().await?;
    api.desk.pools_changed().await;
    Ok(StatusCode::NO_CONTENT)
}

async fn checked(api: &Api, set: SetPool) -> Answer<(stored::Rules, Vec<ResourceId>)> {
    let SetPool { name, workstations, seats, longest_booking_minutes, desktop_idle_minutes, desktop_longest_minutes } =
        set;
    if workstations.len() > MOST {
        return Err(ApiError::Invalid(format!("workstations: at most {MOST}")));
    }
    if seats == Some(0) || seats.is_some_and(|seats| seats > 1_000) {
        return Err(ApiError::Invalid("seats: 1 to 1000; leave it out where every PC may be used at once".into()));
    }
    if longest_booking_minutes != 0 && !(15..=LONGEST_MINUTES).contains(&longest_booking_minutes) {
        return Err(ApiError::Invalid(format!(
            "longest_booking_minutes: 15 to {LONGEST_MINUTES} minutes; 0: nothing is booked"
        )));
    }
    let name = input::name(&name)?;
    if name.parse::<uuid::Uuid>().is_ok() {
        return Err(ApiError::Invalid("name: this looks like an id".into()));
    }
    let mut members = Vec::new();
    for which in &workstations {
        let resource = api.store.resource(which).await.named(which)?;
        if resource.kind != ResourceKind::Workstation {
            return Err(ApiError::unknown("workstation", which));
        }
        members.push(resource.id);
    }
    let desktop_idle_minutes =
        desktop_idle_minutes.map(|m| minutes_or_none("desktop_idle_minutes", m, DESKTOP_IDLE)).transpose()?;
    let desktop_longest_minutes =
        desktop_longest_minutes.map(|m| minutes_or_none("desktop_longest_minutes", m, DESKTOP_LONGEST)).transpose()?;
    Ok((stored::Rules { name, seats, longest_booking_minutes, desktop_idle_minutes, desktop_longest_minutes }, members))
}

/// As it is after a change, which whoever waits learns of at once.
async fn changed(api: &Api, id: PoolId) -> Answer<Pool> {
    api.desk.pools_changed().await;
    let pool = api.store.pool(&id.to_string()).await?;
    let used = api.desk.used(id, Moment::now());
    Ok(view(pool, used, &logins(api).await?))
}

async fn logins(api: &Api) -> Answer<BTreeMap<UserId, String>> {
    Ok(api.store.users().await?.into_iter().map(|user| (user.id, user.login)).collect())
}

fn view(pool: stored::Pool, used: Used, logins: &BTreeMap<UserId, String>) -> Pool {
    let login = |user: UserId| logins.get(&user).cloned().unwrap_or_default();
    let named = |pc: ResourceId| pool.members.iter().find(|(id, _)| *id == pc).map(|(_, name)| name.clone());
    let kept = used
        .kept
        .into_iter()
        .filter_map(|(pc, user, until)| Some(KeptSeat { workstation: named(pc)?, login: login(user), until }));
    let line = used.line.into_iter().map(|(user, since)| Waiting { login: login(user), since });
    let (kept, line) = (kept.collect(), line.collect());
    let stored::Rules { name, seats, longest_booking_minutes, desktop_idle_minutes, desktop_longest_minutes } =
        pool.rules;
    let workstations = pool.members.into_iter().map(|(_, name)| name).collect();
    let rules =
        SetPool { name, workstations, seats, longest_booking_minutes, desktop_idle_minutes, desktop_longest_minutes };
    Pool { id: pool.id, rules, taken: used.taken, kept, line }
}
