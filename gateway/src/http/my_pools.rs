//! Seats for whoever may use PCs of a pool: a free one, a place in the line, a booking. Who else sits, waits or has booked is
//! not told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Verified;
use super::door::name_of;
use super::error::{Answer, ApiError, Problems};
use super::input::Body;
use super::pools::Span;
use super::problem::Slug;
use super::resources::ResourceKind;
use crate::audit::Actor;
use crate::clock::Unix;
use crate::desktop::seats::{NoSeat, Place, Stood};
use crate::ids::{BookingId, PoolId, ResourceId};
use crate::pure::booking::{Booking, Freed, LEAD_MS, LONGEST_MINUTES, quarters};
use crate::pure::decide::{Reason, Verdict, decide};
use crate::pure::rule::Rule;
use crate::pure::seats::Wanting;
use crate::store::bookings::{Full, Named, Wanted};
use crate::store::devices::Device;
use crate::store::pools::Pool;
use crate::store::resources::Resource;
use crate::store::{Moment, Scope};

/// A pool of which one may use some PC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MyPool {
    /// Which one.
    pub id: PoolId,
    /// Its name.
    pub name: String,
    /// The PCs of it that one may use, now or at other hours, by name.
    pub workstations: Vec<String>,
    /// How many may be used at once.
    pub seats: usize,
    /// How many of them one could have now.
    pub free: usize,
    /// How many people wait.
    pub waiting: usize,
    /// One's own place; nothing: none was asked for.
    pub place: Option<MyPlace>,
    /// When one's turn passed, within the last ten minutes, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub missed: Option<Unix>,
    /// The longest booking, in minutes; 0: none.
    pub longest_booking_minutes: u32,
    /// One's own booking that runs, or the next to come.
    pub booked: Option<MyBooking>,
    /// When as many of its PCs are booked as there are seats, by whomever: the others cannot be booked then.
    pub full: Vec<Times>,
}

/// From when until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Times {
    /// From when on, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub begins: Unix,
    /// Until when, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub ends: Unix,
}

/// One's own place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "at")]
pub enum MyPlace {
    /// One uses this PC.
    There {
        /// Its name.
        workstation: String,
    },
    /// This PC is kept.
    Kept {
        /// Its name.
        workstation: String,
        /// What to type to reach it.
        dns_name: String,
        /// Until when, in Unix milliseconds.
        #[schema(value_type = i64)]
        until: Unix,
    },
    /// One waits.
    Waiting {
        /// So many are before.
        before: usize,
        /// Since when, in Unix milliseconds.
        #[schema(value_type = i64)]
        since: Unix,
    },
}

/// A PC that is booked: by oneself, or by somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MyBooking {
    /// Which one, if it is one's own.
    pub id: Option<BookingId>,
    /// The pool's name; empty: its PC is in none any more that one may use.
    pub pool: String,
    /// The PC's name.
    pub workstation: String,
    /// From when on, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub begins: Unix,
    /// Until when, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub ends: Unix,
    /// Why one's own is over before its time, until that has passed.
    pub freed: Option<Freed>,
}

impl MyBooking {
    fn of(booking: Booking, freed: Option<Freed>, (pool, workstation): (String, String), own: bool) -> Self {
        let Booking { id, begins, ends, .. } = booking;
        Self { id: own.then_some(id), pool, workstation, begins, ends, freed }
    }
}

/// The body of `POST /api/v1/me/bookings`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Book {
    /// Name or id of the pool.
    pub pool: String,
    /// Name of the PC; absent: any of them.
    #[serde(default)]
    pub workstation: Option<String>,
    /// From when on, in Unix milliseconds: a full quarter of an hour, at most 60 days ahead.
    #[schema(value_type = i64)]
    pub begins: Unix,
    /// Until when, in Unix milliseconds: a full quarter of an hour.
    #[schema(value_type = i64)]
    pub ends: Unix,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(my_pools))
        .routes(routes!(take_seat, leave_seat))
        .routes(routes!(my_bookings, book))
        .routes(routes!(give_back))
}

/// The pools of which this device may use some PC now.
#[utoipa::path(get, path = "/me/pools", tag = "pools", responses((status = 200, body = [MyPool]), Problems))]
async fn my_pools(caller: Verified, State(api): State<Arc<Api>>) -> Answer<Json<Vec<MyPool>>> {
    // At other hours one books for the next day.
    let (mine, later) = (Mine::of(&api, &caller.device, false).await?, Mine::of(&api, &caller.device, true).await?);
    let now = Moment::now();
    let shown = |pool: &Pool| {
        let all = later.wanting(&caller.device, pool)?;
        let wanting = mine.wanting(&caller.device, pool).unwrap_or(Wanting { user: all.user, may: BTreeSet::new() });
        Some(later.view(&api, pool, &all, api.desk.stood(pool.id, &wanting, now)?))
    };
    Ok(Json(api.store.pools().await?.iter().filter_map(shown).collect()))
}

/// Takes a seat: a PC is kept for two minutes, or one waits in the line, where it is said whose turn it is. Once more is
/// nothing new.
#[utoipa::path(post, path = "/me/pools/{pool}/seat", tag = "pools", params(("pool" = String, Path)), responses((status = 200, body = MyPool), Problems))]
async fn take_seat(caller: Verified, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<Json<MyPool>> {
    let (mine, pool, wanting) = wanted(&api, &caller.device, &which, false).await?;
    api.desk.ready().await.map_err(|_| ApiError::Unavailable("the data plane does not answer"))?;
    let stood = api.desk.sit(pool.id, &wanting, Moment::now()).map_err(|e| match e {
        NoSeat::Gone => ApiError::unknown("pool", &which),
        NoSeat::Full => ApiError::Conflict(Slug::TooMany, "too many people wait: try again later".into()),
    })?;
    Ok(Json(mine.view(&api, &pool, &wanting, stood)))
}

/// Gives the seat that is kept back, or leaves the line.
#[utoipa::path(delete, path = "/me/pools/{pool}/seat", tag = "pools", params(("pool" = String, Path)), responses((status = 204), Problems))]
async fn leave_seat(caller: Verified, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<StatusCode> {
    let (_, pool, wanting) = wanted(&api, &caller.device, &which, true).await?;
    let left = api.desk.stand_up(pool.id, wanting.user);
    if left { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::unknown("seat", &which)) }
}

/// When PCs of one's pools are booked in a span, by oneself or by somebody; and which of one's own others ended before
/// their time.
#[utoipa::path(get, path = "/me/bookings", tag = "pools", params(Span), responses((status = 200, body = [MyBooking]), Problems))]
async fn my_bookings(
    caller: Verified,
    State(api): State<Arc<Api>>,
    Query(span): Query<Span>,
) -> Answer<Json<Vec<MyBooking>>> {
    let ((from, to), now) = (span.checked()?, Unix::now());
    let mine = Mine::of(&api, &caller.device, true).await?;
    let pools = api.store.pools().await?;
    let named = |pc: ResourceId| {
        let holds = |pool: &&Pool| pool.members.iter().any(|(member, _)| *member == pc);
        pools.iter().find(holds).map(|pool| pool.rules.name.clone())
    };
    let shown = |booked: Named| {
        let booking = booked.booking;
        let own = booking.user == caller.device.user;
        let freed = booked.freed.map(|(_, why)| why);
        let shown = match freed {
            Some(why) => own && why != Freed::Back && booking.ends > now,
            // When colleagues worked is theirs to tell.
            None => own || booking.ends > now && mine.pcs.contains_key(&booking.pc),
        };
        // Where IT has put it since may be nobody's business.
        let pool = named(booking.pc).filter(|_| freed.is_none() || mine.pcs.contains_key(&booking.pc));
        let names = (pool.unwrap_or_default(), booked.workstation);
        shown.then(|| MyBooking::of(booking, freed, names, own))
    };
    Ok(Json(api.store.bookings_between(from, to).await?.into_iter().filter_map(shown).collect()))
}

/// Books a PC: then it is kept, and given up if one is not there for a quarter of an hour.
#[utoipa::path(post, path = "/me/bookings", tag = "pools", request_body = Book, responses((status = 201, body = MyBooking), Problems))]
async fn book(
    caller: Verified,
    State(api): State<Arc<Api>>,
    Body(book): Body<Book>,
) -> Answer<(StatusCode, Json<MyBooking>)> {
    let now = Moment::now();
    let within =
        |longest| quarters(book.begins, book.ends, longest, now.wall).map_err(|e| ApiError::Invalid(e.to_string()));
    within(LONGEST_MINUTES)?;
    let (mine, pool, mut wanting) = wanted(&api, &caller.device, &book.pool, true).await?;
    let rulebook = api.store.rulebook().await?;
    let groups = rulebook.world.users.get(&wanting.user).map(|user| user.groups.clone()).unwrap_or_default();
    let rules: Vec<&Rule> = rulebook.rules.values().filter(|rule| groups.contains(&rule.group)).collect();
    wanting.may.retain(|pc| {
        rules.iter().any(|rule| rule.resource == *pc && rule.covers(&rulebook.zone, book.begins, book.ends))
    });
    if wanting.may.is_empty() {
        return Err(ApiError::Invalid("begins, ends: your access does not cover this time".into()));
    }
    // What begins at once is booked of what is free now, and before nobody who waits.
    if book.begins.0.saturating_sub(LEAD_MS) <= now.wall.0 {
        let open = api.desk.open_now(pool.id, &wanting, now);
        wanting.may.retain(|pc| open.contains(pc));
    }
    let quarters = within(pool.rules.longest_booking_minutes)?;
    let fits = |pc: &ResourceId| {
        book.workstation.as_ref().is_none_or(|name| mine.pcs.get(pc).is_some_and(|r| r.name == *name))
    };
    let pcs: Vec<ResourceId> =
        pool.members.iter().map(|(pc, _)| *pc).filter(|pc| wanting.may.contains(pc)).filter(fits).collect();
    let known = |name: &String| pool.members.iter().any(|(_, member)| member == name);
    if !book.workstation.as_ref().is_none_or(known) {
        return Err(ApiError::unknown("workstation", book.workstation.as_deref().unwrap_or_default()));
    }
    let most = pool.most();
    let mut write = api.store.write(now, Actor::User(caller.device.login)).await?;
    let full = |why| match why {
        Full::Pcs => {
            ApiError::Conflict(Slug::Booked, "somebody else has it then: choose another time, or another PC".into())
        }
        Full::Own => ApiError::Conflict(Slug::BookedOwn, "you have booked another PC at this time".into()),
    };
    let wanted = Wanted { pool: pool.id, pcs, user: wanting.user, quarters, most };
    let booking = match write.book(&wanted).await {
        Ok(booked) => booked.map_err(full)?,
        // Somebody else's was there a moment before: the constraint says so.
        Err(crate::store::Error::Exists(_)) => return Err(full(Full::Pcs)),
        Err(e) => return Err(e.into()),
    };
    write.commit().await?;
    api.desk.pools_changed().await;
    let workstation = mine.pcs.get(&booking.pc).map(|r| r.name.clone()).unwrap_or_default();
    Ok((StatusCode::CREATED, Json(MyBooking::of(booking, None, (pool.rules.name, workstation), true))))
}

/// Gives a booking of one's own back.
#[utoipa::path(delete, path = "/me/bookings/{booking}", tag = "pools", params(("booking" = String, Path)), responses((status = 204), Problems))]
async fn give_back(caller: Verified, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<StatusCode> {
    let now = Moment::now();
    let unknown = || ApiError::unknown("booking", &which);
    let booking = api.store.booking(&which, now.wall).await.map_err(|e| match e {
        crate::store::Error::NotFound(_) => unknown(),
        other => other.into(),
    })?;
    if booking.booking.user != caller.device.user {
        return Err(unknown());
    }
    let mut write = api.store.write(now, Actor::User(caller.device.login)).await?;
    write.free_booking(&booking, Freed::Back).await?;
    write.commit().await?;
    api.desk.pools_changed().await;
    Ok(StatusCode::NO_CONTENT)
}

/// The PCs that a device may use: now, or also at other hours of the week.
struct Mine {
    pcs: BTreeMap<ResourceId, Resource>,
}

impl Mine {
    async fn of(api: &Api, device: &Device, later: bool) -> Answer<Self> {
        let now = Moment::now();
        let world = api.store.world(&Scope::user(device.user), now).await?;
        let may = |r: &Resource| match decide(&world, device.id, r.id, now.boot) {
            Verdict::Allow { .. } => true,
            Verdict::Deny(why) => later && why == [Reason::OutsideHours],
        };
        let all = api.store.resources().await?.into_iter();
        let pcs = all.filter(|r| r.kind == ResourceKind::Workstation && may(r)).map(|r| (r.id, r)).collect();
        Ok(Self { pcs })
    }

    /// What this person may have of a pool; nothing: they know nothing of it.
    fn wanting(&self, device: &Device, pool: &Pool) -> Option<Wanting> {
        let may = pool.members.iter().map(|(pc, _)| *pc).filter(|pc| self.pcs.contains_key(pc));
        let wanting = Wanting { user: device.user, may: may.collect() };
        (!wanting.may.is_empty()).then_some(wanting)
    }

    fn view(&self, api: &Api, pool: &Pool, wanting: &Wanting, stood: Stood) -> MyPool {
        let named = |pc: ResourceId| {
            pool.members.iter().find(|(id, _)| *id == pc).map(|(_, name)| name.clone()).unwrap_or_default()
        };
        let place = stood.place.map(|place| match place {
            Place::There(pc) => MyPlace::There { workstation: named(pc) },
            Place::Kept(pc, until) => {
                let dns_name = self.pcs.get(&pc).map(|r| name_of(api, r)).unwrap_or_default();
                MyPlace::Kept { workstation: named(pc), dns_name, until }
            }
            Place::Waiting(before, since) => MyPlace::Waiting { before, since },
        });
        MyPool {
            id: pool.id,
            name: pool.rules.name.clone(),
            workstations: pool
                .members
                .iter()
                .filter(|(pc, _)| wanting.may.contains(pc))
                .map(|(_, n)| n.clone())
                .collect(),
            seats: pool.most().min(pool.members.len()),
            free: stood.free,
            waiting: stood.waiting,
            place,
            missed: stood.missed,
            longest_booking_minutes: pool.rules.longest_booking_minutes,
            booked: stood.booked.map(|booking| {
                let (pool, workstation) = (pool.rules.name.clone(), named(booking.pc));
                MyBooking::of(booking, None, (pool, workstation), true)
            }),
            full: stood.full.into_iter().map(|(begins, ends)| Times { begins, ends }).collect(),
        }
    }
}

async fn wanted(api: &Api, device: &Device, which: &str, later: bool) -> Answer<(Mine, Pool, Wanting)> {
    let unknown = || ApiError::unknown("pool", which);
    let mine = Mine::of(api, device, later).await?;
    let pool = api.store.pool(which).await.map_err(|e| match e {
        crate::store::Error::NotFound(_) => unknown(),
        other => other.into(),
    })?;
    let wanting = mine.wanting(device, &pool).ok_or_else(unknown)?;
    Ok((mine, pool, wanting))
}
