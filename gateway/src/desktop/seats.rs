//! Seats of pools: which PC is kept for whom, who waits in which line, whose booking runs.
//!
//! Pools and bookings are the database's; lines and what is kept for two minutes are this process's alone, and gone with
//! it: whoever waits is asked for again by their page. All of it changes under the board's lock, with the desktops
//! themselves: nobody is given what somebody else takes at that moment.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::end::End;
use super::{Board, Desk, Desktop, millis};
use crate::audit::Actor;
use crate::clock::{Boot, Unix};
use crate::ids::{BookingId, DesktopId, PoolId, ResourceId, UserId};
use crate::pure::booking::{self, ABSENT_MS, Booking, Freed};
use crate::pure::desktop::NoEntry;
use crate::pure::length::Limits;
use crate::pure::seats::{self, Seat, Stand, Wanting};
use crate::pure::wake::expected;
use crate::pure::workstation::Kind;
use crate::reconcile::PATIENCE;
use crate::store::pools::Pool;
use crate::store::{Moment, Result};

/// Whoever's turn it is comes within this.
pub const HOLD: Duration = Duration::from_secs(120);

/// Whoever's line broke comes back within this.
const RETURN: Duration = Duration::from_secs(60);

/// People in one line: a whole office.
const LINE: usize = 200;

/// Whoever waits asks at least this often, a page in the background too; their place is given up without.
const HEARD: Duration = Duration::from_secs(5 * 60);

/// That a turn has passed is said for so long.
const SAID: Duration = Duration::from_secs(600);

/// Lines go on with every change of a PC, and this often.
const TICK: Duration = Duration::from_secs(1);

/// Pools and bookings are read anew this often, whoever changed them: another gateway of the site, say.
const READ: Duration = Duration::from_secs(30);

/// What is known of pools, lines and bookings.
#[derive(Debug, Default)]
pub(super) struct Seating {
    /// They were read once; before, nobody is let in.
    known: bool,
    pools: Vec<Pool>,
    bookings: Vec<Booking>,
    /// What wakes of each PC took.
    took: BTreeMap<ResourceId, Vec<u32>>,
    /// What holds where a pool says nothing.
    limits: Limits,
    kept: HashMap<ResourceId, Kept>,
    lines: BTreeMap<PoolId, Vec<Waiting>>,
    /// Whose turn passed, and when.
    missed: HashMap<(PoolId, UserId), Moment>,
    /// Since when the owner of a booking that runs is not there.
    absent: HashMap<BookingId, Boot>,
}

/// A PC is kept for somebody.
#[derive(Clone, Copy, Debug)]
struct Kept {
    user: UserId,
    until: Moment,
    /// It is their turn; else they were at it a moment ago.
    turn: bool,
}

#[derive(Clone, Debug)]
struct Waiting {
    wanting: Wanting,
    since: Unix,
    heard: Boot,
}

/// How somebody stands to a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// They use this PC of it.
    There(ResourceId),
    /// This PC is kept for them, until then.
    Kept(ResourceId, Unix),
    /// They wait: so many are before them, since then.
    Waiting(usize, Unix),
}

/// A pool as one person finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stood {
    /// Their own place; nothing: they have asked for none.
    pub place: Option<Place>,
    /// Seats that they could have now.
    pub free: usize,
    /// People who wait.
    pub waiting: usize,
    /// When their turn passed, a moment ago.
    pub missed: Option<Unix>,
    /// What they have booked of it: what runs, or comes next.
    pub booked: Option<Booking>,
    /// When as many of it are booked as there are seats.
    pub full: Vec<(Unix, Unix)>,
}

/// Why nobody is given a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSeat {
    /// There is no such pool any more.
    Gone,
    /// The line is too long.
    Full,
}

/// A pool as IT finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Seats that are used, kept or booked now.
    pub taken: usize,
    /// PCs that are kept for somebody, and until when.
    pub kept: Vec<(ResourceId, UserId, Unix)>,
    /// Who waits, and since when, in their order.
    pub line: Vec<(UserId, Unix)>,
}

impl Desk {
    /// Reads pools, bookings and what holds for the site anew.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn reload_pools(&self) -> Result<()> {
        let _alone = self.reading.lock().await;
        let now = Moment::now();
        let (pools, bookings) = (self.store.pools().await?, self.store.bookings(now.wall).await?);
        let took = self.store.workstations().await?.into_iter().map(|(id, kept)| (id, kept.took)).collect();
        let site = self.store.site().await?;
        let minutes = |m: u32| (m > 0).then(|| Duration::from_secs(u64::from(m) * 60));
        let limits = site.map_or_else(Limits::default, |site| Limits {
            idle: minutes(site.home_work.desktop_idle_minutes),
            longest: minutes(site.home_work.desktop_longest_minutes),
        });
        {
            let mut board = self.board();
            let seating = &mut board.seating;
            (seating.pools, seating.bookings, seating.took, seating.limits) = (pools, bookings, took, limits);
            seating.known = true;
            let known: BTreeSet<PoolId> = seating.pools.iter().map(|pool| pool.id).collect();
            seating.lines.retain(|pool, _| known.contains(pool));
            seating.missed.retain(|(pool, _), _| known.contains(pool));
            let kept: Vec<ResourceId> = seating.kept.keys().copied().collect();
            for pc in kept {
                if seating.pool_of(pc).is_none() {
                    seating.kept.remove(&pc);
                }
            }
        }
        self.go_on(now);
        self.changed();
        Ok(())
    }

    /// The same after a change that is stored: whatever reads it next finds it.
    pub async fn pools_changed(&self) {
        if let Err(e) = self.reload_pools().await {
            tracing::warn!(error = format!("{:#}", anyhow::Error::from(e)), "pools cannot be read");
        }
    }

    /// Lets lines go on, and ends bookings whose owner does not come, for as long as this process runs.
    pub async fn keep_seats(self: Arc<Self>) {
        let (mut pcs, mut desktops) = (self.fleet.version(), self.version());
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut read = None::<Boot>;
        loop {
            let now = Moment::now();
            if read.is_none_or(|at| now.boot.0.saturating_sub(at.0) >= millis(READ)) {
                self.pools_changed().await;
                read = Some(now.boot);
            }
            self.free_the_absent(now).await;
            if self.go_on(now) {
                self.changed();
            }
            tokio::select! {
                _ = tick.tick() => {}
                changed = pcs.changed() => if changed.is_err() { return },
                changed = desktops.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Whose turn it is now is kept a seat. Whether anything has changed.
    pub(crate) fn go_on(&self, now: Moment) -> bool {
        let mut board = self.board();
        // Whoever has it woken is on their way.
        let wakes = |pc: ResourceId| self.fleet.state(pc).is_some_and(|state| state.judged.kind == Kind::Waking);
        let is_over = |(pc, kept): &(&ResourceId, &Kept)| kept.until.boot <= now.boot && !wakes(**pc);
        let over: Vec<_> = board.seating.kept.iter().filter(is_over).map(|(pc, _)| *pc).collect();
        let mut changed = !over.is_empty();
        for pc in over {
            let pool = board.seating.pool_of(pc).map(|pool| pool.id);
            let turn = board.seating.kept.remove(&pc).filter(|kept| kept.turn);
            if let (Some(kept), Some(pool)) = (turn, pool) {
                board.seating.missed.insert((pool, kept.user), now);
            }
        }
        board.seating.missed.retain(|_, at| now.boot.0.saturating_sub(at.boot.0) < millis(SAID));
        for line in board.seating.lines.values_mut() {
            let before = line.len();
            line.retain(|waiting| now.boot.0.saturating_sub(waiting.heard.0) < millis(HEARD));
            changed |= line.len() != before;
        }
        let pools: Vec<PoolId> = board.seating.lines.iter().filter(|(_, l)| !l.is_empty()).map(|(id, _)| *id).collect();
        for pool in pools {
            changed |= self.give_turns(&mut board, pool, now);
        }
        // What is kept, and for whom it is booked, comes and goes with time alone.
        self.fleet.reserved(&board.seating.reserved(now), now.wall);
        changed
    }

    fn give_turns(&self, board: &mut Board, pool: PoolId, now: Moment) -> bool {
        let Some(seats) = self.seats_of(board, pool, now) else { return false };
        let seating = &mut board.seating;
        let most = seating.pools.iter().find(|p| p.id == pool).map_or(0, Pool::most);
        let Some(line) = seating.lines.get_mut(&pool) else { return false };
        let wanting: Vec<Wanting> = line.iter().map(|waiting| waiting.wanting.clone()).collect();
        let turns = seats::turns(&seats, most, &wanting);
        for (user, pc) in &turns {
            line.retain(|waiting| waiting.wanting.user != *user);
            // What has to be woken is kept for as long as that takes, too.
            let wakes = seats.iter().find(|seat| seat.pc == *pc).map(|seat| seat.stand);
            let hold = if let Some(Stand::Away(expected)) = wakes { HOLD + expected } else { HOLD };
            let until = Moment { wall: now.wall + hold, boot: now.boot + hold };
            seating.kept.insert(*pc, Kept { user: *user, until, turn: true });
            tracing::debug!(%user, %pc, "a seat is kept");
        }
        !turns.is_empty()
    }

    /// The PCs of a pool as they stand.
    fn seats_of(&self, board: &Board, pool: PoolId, now: Moment) -> Option<Vec<Seat>> {
        let seating = &board.seating;
        let pool = seating.pools.iter().find(|p| p.id == pool)?;
        let seat = |(pc, _): &(ResourceId, String)| {
            let pc = *pc;
            let used = board.all.values().any(|desktop| desktop.resource == pc);
            let kept = seating.kept.contains_key(&pc);
            let state = self.fleet.state(pc);
            let stand = match state {
                _ if used || kept => Stand::Taken,
                None => Stand::Out,
                // Its agent is on its way back, and says who is there: until then somebody may be.
                Some(state) if state.is_unseen() && !is_away(state.judged.kind) => Stand::Taken,
                Some(state) => {
                    let took = seating.took.get(&pc).map(Vec::as_slice).unwrap_or_default();
                    let wakeable = self.waker.wakeable(&state, took);
                    Stand::of(state.judged.kind, state.judged.reason, wakeable, expected(took))
                }
            };
            let only = booking::holder(&seating.bookings, pc, now.wall).map(|booking| booking.user);
            Seat { pc, stand, only }
        };
        Some(pool.members.iter().map(seat).collect())
    }

    /// Waits until it is known who is there: after a start of this process, the data plane alone knows.
    ///
    /// # Errors
    /// It does not say.
    pub async fn ready(&self) -> std::result::Result<(), NoEntry> {
        self.knows_all(Instant::now() + PATIENCE).await
    }

    /// A seat for this person, or a place in the line.
    ///
    /// # Errors
    /// There is none.
    pub fn sit(&self, pool: PoolId, wanting: &Wanting, now: Moment) -> std::result::Result<Stood, NoSeat> {
        let stood = {
            let mut board = self.board();
            let before = self.stands(&board, pool, wanting, now).ok_or(NoSeat::Gone)?;
            let line = board.seating.lines.entry(pool).or_default();
            match before.place {
                Some(Place::There(_) | Place::Kept(..)) => {}
                Some(Place::Waiting(..)) => {
                    for waiting in line.iter_mut().filter(|waiting| waiting.wanting.user == wanting.user) {
                        (waiting.wanting, waiting.heard) = (wanting.clone(), now.boot);
                    }
                }
                None if line.len() >= LINE => return Err(NoSeat::Full),
                None => line.push(Waiting { wanting: wanting.clone(), since: now.wall, heard: now.boot }),
            }
            board.seating.missed.remove(&(pool, wanting.user));
            self.give_turns(&mut board, pool, now);
            self.stands(&board, pool, wanting, now).ok_or(NoSeat::Gone)?
        };
        self.changed();
        Ok(stood)
    }

    /// How somebody stands to a pool now. Who waits, and looks, is still there.
    pub fn stood(&self, pool: PoolId, wanting: &Wanting, now: Moment) -> Option<Stood> {
        let mut board = self.board();
        let theirs = |waiting: &&mut Waiting| waiting.wanting.user == wanting.user;
        for waiting in board.seating.lines.get_mut(&pool).into_iter().flatten().filter(theirs) {
            (waiting.wanting, waiting.heard) = (wanting.clone(), now.boot);
        }
        self.stands(&board, pool, wanting, now)
    }

    fn stands(&self, board: &Board, pool: PoolId, wanting: &Wanting, now: Moment) -> Option<Stood> {
        let seats = self.seats_of(board, pool, now)?;
        let seating = &board.seating;
        let most = seating.pools.iter().find(|p| p.id == pool).map_or(0, Pool::most);
        let user = wanting.user;
        let line = seating.lines.get(&pool).map(Vec::as_slice).unwrap_or_default();
        let there = board.all.values().find(|d| d.user == user && seats.iter().any(|seat| seat.pc == d.resource));
        let kept =
            seats.iter().find_map(|seat| Some((seat.pc, seating.kept.get(&seat.pc)?)).filter(|(_, k)| k.user == user));
        let waits = line.iter().position(|waiting| waiting.wanting.user == user);
        let place = match (there, kept, waits) {
            (Some(desktop), _, _) => Some(Place::There(desktop.resource)),
            (None, Some((pc, kept)), _) => Some(Place::Kept(pc, kept.until.wall)),
            (None, None, Some(before)) => line.get(before).map(|waiting| Place::Waiting(before, waiting.since)),
            (None, None, None) => None,
        };
        let missed = seating.missed.get(&(pool, user)).map(|at| at.wall);
        let own = |b: &&Booking| b.user == user && b.ends > now.wall && seats.iter().any(|seat| seat.pc == b.pc);
        let booked = seating.bookings.iter().filter(own).min_by_key(|b| b.begins).copied();
        let here = seating.bookings.iter().filter(|b| seats.iter().any(|seat| seat.pc == b.pc));
        let full = booking::full(here, most);
        Some(Stood { place, free: seats::free(&seats, most, wanting), waiting: line.len(), missed, booked, full })
    }

    /// They want no seat any more; whether they had one, or waited.
    pub fn stand_up(&self, pool: PoolId, user: UserId) -> bool {
        let now = Moment::now();
        let gone = {
            let mut board = self.board();
            let seating = &mut board.seating;
            let waited = seating.lines.get_mut(&pool).is_some_and(|line| {
                let before = line.len();
                line.retain(|waiting| waiting.wanting.user != user);
                line.len() != before
            });
            let kept = seating.give_back(pool, user);
            let missed = seating.missed.remove(&(pool, user)).is_some();
            waited || kept || missed
        };
        if gone {
            self.go_on(now);
            self.changed();
        }
        gone
    }

    /// A pool as IT finds it.
    #[must_use]
    pub fn used(&self, pool: PoolId, now: Moment) -> Used {
        let board = self.board();
        let Some(seats) = self.seats_of(&board, pool, now) else { return Used::default() };
        let nobody = UserId(uuid::Uuid::nil());
        let seating = &board.seating;
        let kept = seats.iter().filter_map(|seat| seating.kept.get(&seat.pc).map(|k| (seat.pc, k.user, k.until.wall)));
        let line = seating.lines.get(&pool).map(Vec::as_slice).unwrap_or_default();
        Used {
            taken: seats::taken(&seats, nobody),
            kept: kept.collect(),
            line: line.iter().map(|waiting| (waiting.wanting.user, waiting.since)).collect(),
        }
    }

    /// Whose turn it is at this PC, and until when, if it is theirs.
    #[must_use]
    pub fn kept_until(&self, resource: ResourceId, user: UserId, now: Unix) -> Option<Unix> {
        let board = self.board();
        let kept = board.seating.kept.get(&resource).filter(|kept| kept.user == user).map(|kept| kept.until.wall);
        let booked =
            || booking::holder(&board.seating.bookings, resource, now).filter(|b| b.user == user).map(|b| b.ends);
        kept.or_else(booked)
    }

    /// Why there is no seat for this person at this PC, at this moment: those of its pool are all used, they have one
    /// already, or it is kept for somebody else.
    #[must_use]
    pub fn no_seat(&self, resource: ResourceId, user: UserId, now: Moment) -> Option<NoEntry> {
        let board = self.board();
        let yields = !self.yields(&board, resource, user, now).is_empty();
        let why = if yields { None } else { self.has_seat(&board, resource, user, now).err() };
        why.filter(|why| matches!(why, NoEntry::NoSeat | NoEntry::OwnSeat | NoEntry::Reserved))
    }

    /// Whether this PC is kept for somebody else.
    pub(super) fn is_kept_from(&self, resource: ResourceId, user: UserId, now: Moment) -> bool {
        self.board().seating.is_kept_from(resource, user, now)
    }

    /// Who has to go for this person, who booked this PC: whoever else is at it, or has a seat too many of its pool. They
    /// were told before; who was not stays.
    pub(super) fn yields(&self, board: &Board, resource: ResourceId, user: UserId, now: Moment) -> Vec<DesktopId> {
        let holder = booking::holder(&board.seating.bookings, resource, now.wall);
        if holder.is_none_or(|booking| booking.user != user || booking.begins > now.wall) {
            return Vec::new();
        }
        let theirs = |d: &&Desktop| d.there && d.resource == resource && d.user != user && d.used.is_warned();
        let here: Vec<_> = board.all.values().filter(theirs).map(|d| d.id).collect();
        if here.is_empty() { self.too_many(board, resource, user, now) } else { here }
    }

    /// Whether whoever else is at this PC through the gateway goes for this person.
    pub(super) fn is_theirs(&self, resource: ResourceId, user: UserId, now: Moment) -> bool {
        let board = self.board();
        let yields = self.yields(&board, resource, user, now);
        yields.iter().any(|id| board.all.get(id).is_some_and(|desktop| desktop.resource == resource))
    }

    /// Has them go, at the moment in which that person comes, and waits until the PC says so, too.
    pub(super) async fn make_room(&self, resource: ResourceId, user: UserId, now: Moment) {
        let others = self.yields(&self.board(), resource, user, now);
        if others.is_empty() {
            return;
        }
        let (mut desktops, mut pcs) = (self.version(), self.fleet.version());
        for other in &others {
            // Without a data plane there is none of them.
            let _ = self.cut(*other, End::Booked);
        }
        let there = || others.iter().any(|other| self.board().all.contains_key(other));
        let used = || self.fleet.state(resource).is_some_and(|state| state.judged.kind == Kind::InUseRemotely);
        let gone = async {
            while there() && desktops.changed().await.is_ok() {}
            while used() && pcs.changed().await.is_ok() {}
        };
        let _ = timeout(PATIENCE, gone).await;
    }

    /// Those who have to go so that whoever booked a PC finds a seat of its pool: who came last goes first, and nobody goes
    /// who has booked theirs.
    fn too_many(&self, board: &Board, resource: ResourceId, user: UserId, now: Moment) -> Vec<DesktopId> {
        let Some((pool, seats)) = self.others(board, resource, user, now) else { return Vec::new() };
        let over = (seats::taken(&seats, user) + 1).saturating_sub(pool.most());
        let booked = |d: &&Desktop| {
            let holder = booking::holder(&board.seating.bookings, d.resource, now.wall);
            holder.is_some_and(|booking| booking.user == d.user)
        };
        let there = |d: &&Desktop| {
            d.there && d.user != user && d.used.is_warned() && seats.iter().any(|seat| seat.pc == d.resource)
        };
        let mut there: Vec<_> = board.all.values().filter(there).filter(|d| !booked(d)).collect();
        there.sort_by_key(|d| d.began);
        there.iter().rev().take(over).map(|d| d.id).collect()
    }

    /// The seats of this PC's pool but this one, and without what is kept for this person: it is given back when they are
    /// there.
    fn others<'b>(
        &self,
        board: &'b Board,
        resource: ResourceId,
        user: UserId,
        now: Moment,
    ) -> Option<(&'b Pool, Vec<Seat>)> {
        let pool = board.seating.pool_of(resource)?;
        let mine = |pc: &ResourceId| board.seating.kept.get(pc).is_some_and(|kept| kept.user == user);
        let seats = self.seats_of(board, pool.id, now)?;
        Some((pool, seats.into_iter().filter(|seat| seat.pc != resource && !mine(&seat.pc)).collect()))
    }

    /// The PCs of a pool that this person could have at this moment, before all who wait: those that are booked from now on.
    #[must_use]
    pub fn open_now(&self, pool: PoolId, wanting: &Wanting, now: Moment) -> BTreeSet<ResourceId> {
        let board = self.board();
        let waits = board.seating.lines.get(&pool).is_some_and(|l| l.iter().any(|w| w.wanting.user != wanting.user));
        let mine = |pc: ResourceId| {
            let there = board.all.values().any(|d| d.resource == pc && d.user == wanting.user);
            there || board.seating.kept.get(&pc).is_some_and(|kept| kept.user == wanting.user)
        };
        let seats = self.seats_of(&board, pool, now).unwrap_or_default();
        let most = board.seating.pools.iter().find(|p| p.id == pool).map_or(0, Pool::most);
        let free = !waits && seats::free(&seats, most, wanting) > 0;
        let open = |seat: &&Seat| mine(seat.pc) || (free && seat.is_for(wanting));
        seats.iter().filter(open).map(|seat| seat.pc).collect()
    }

    /// Whoever lost a PC of a pool by their line, and not by their wish, has a minute to come back.
    pub(super) fn keep_for_return(&self, resource: ResourceId, user: UserId, now: Moment) {
        let mut board = self.board();
        if board.seating.pool_of(resource).is_some() && !board.seating.is_kept_from(resource, user, now) {
            let until = Moment { wall: now.wall + RETURN, boot: now.boot + RETURN };
            board.seating.kept.insert(resource, Kept { user, until, turn: false });
        }
    }

    /// Who booked a PC, and does not come or is gone for a quarter of an hour, has it no more.
    pub(crate) async fn free_the_absent(&self, now: Moment) {
        let over: Vec<BookingId> = {
            let mut board = self.board();
            let runs = |b: &&Booking| b.begins <= now.wall && now.wall < b.ends;
            let running: Vec<Booking> = board.seating.bookings.iter().filter(runs).copied().collect();
            let present = |b: &Booking| {
                let there = board.all.values().any(|d| d.there && d.resource == b.pc && d.user == b.user);
                // Whoever sits at it may be they: in the office, nobody signs in here.
                let sits =
                    self.fleet.state(b.pc).is_some_and(|s| matches!(s.judged.kind, Kind::InUseHere | Kind::Locked));
                there || sits
            };
            let away: BTreeSet<BookingId> = running.iter().filter(|b| !present(b)).map(|b| b.id).collect();
            let absent = &mut board.seating.absent;
            absent.retain(|id, _| away.contains(id));
            for id in away {
                absent.entry(id).or_insert(now.boot);
            }
            let is_over =
                |since: &Boot| i64::try_from(now.boot.0.saturating_sub(since.0)).is_ok_and(|ms| ms >= ABSENT_MS);
            absent.iter().filter(|(_, since)| is_over(since)).map(|(id, _)| *id).collect()
        };
        for id in over {
            let freed = async {
                let booking = self.store.booking(&id.to_string(), now.wall).await?;
                let mut write = self.store.write(now, Actor::System).await?;
                write.free_booking(&booking, Freed::Absent).await?;
                write.commit().await
            };
            match freed.await {
                Ok(_) | Err(crate::store::Error::NotFound(_)) => {
                    let mut board = self.board();
                    board.seating.bookings.retain(|b| b.id != id);
                    board.seating.absent.remove(&id);
                }
                // It is tried again in a second.
                Err(e) => {
                    tracing::debug!(error = format!("{:#}", anyhow::Error::from(e)), "a booking is not given back");
                }
            }
        }
    }

    /// Whether a seat of this PC's pool is left for them, and the PC is kept for nobody else.
    pub(super) fn has_seat(
        &self,
        board: &Board,
        resource: ResourceId,
        user: UserId,
        now: Moment,
    ) -> std::result::Result<(), NoEntry> {
        if !board.seating.known {
            return Err(NoEntry::Gateway);
        }
        if board.seating.is_kept_from(resource, user, now) {
            return Err(NoEntry::Reserved);
        }
        let elsewhere = |d: &Desktop| d.user == user && d.resource != resource;
        let same = |d: &Desktop| {
            board.seating.pool_of(d.resource).map(|p| p.id) == board.seating.pool_of(resource).map(|p| p.id)
        };
        if board.seating.pool_of(resource).is_some() && board.all.values().any(|d| elsewhere(d) && same(d)) {
            return Err(NoEntry::OwnSeat);
        }
        let Some((pool, others)) = self.others(board, resource, user, now) else { return Ok(()) };
        if seats::taken(&others, user) >= pool.most() { Err(NoEntry::NoSeat) } else { Ok(()) }
    }
}

impl Seating {
    #[cfg(test)]
    pub(super) fn as_if_read(&mut self) {
        self.known = true;
    }

    pub(super) fn pool_of(&self, pc: ResourceId) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.members.iter().any(|(member, _)| *member == pc))
    }

    /// How long a desktop at this PC may last.
    pub(super) fn limits(&self, pc: ResourceId) -> Limits {
        let minutes = |m: u32| (m > 0).then(|| Duration::from_secs(u64::from(m) * 60));
        let rules = self.pool_of(pc).map(|pool| &pool.rules);
        Limits {
            idle: rules.and_then(|rules| rules.desktop_idle_minutes).map_or(self.limits.idle, minutes),
            longest: rules.and_then(|rules| rules.desktop_longest_minutes).map_or(self.limits.longest, minutes),
        }
    }

    /// When somebody else's booking begins for which whoever is at this PC may have to go; `used`: PCs of its pool that are
    /// used through the gateway.
    pub(super) fn booked_by_another(&self, pc: ResourceId, user: UserId, used: usize, now: Unix) -> Option<Unix> {
        let own = booking::holder(&self.bookings, pc, now).is_some_and(|booking| booking.user == user);
        let pool = self.pool_of(pc).filter(|pool| used >= pool.most() && !own);
        let members = pool.map(|pool| pool.members.as_slice()).unwrap_or_default();
        let seats = members.iter().filter_map(|(pc, _)| booking::next_of_another(&self.bookings, *pc, user, now));
        booking::next_of_another(&self.bookings, pc, user, now).into_iter().chain(seats).min()
    }

    fn is_kept_from(&self, pc: ResourceId, user: UserId, now: Moment) -> bool {
        // What is over is gone within a second: what is being woken for them is still theirs.
        let kept = self.kept.get(&pc).is_some_and(|kept| kept.user != user);
        kept || booking::holder(&self.bookings, pc, now.wall).is_some_and(|booking| booking.user != user)
    }

    /// They are there: nothing is kept for them in that pool any more, and they wait no longer.
    pub(super) fn came(&mut self, pc: ResourceId, user: UserId) {
        let Some(pool) = self.pool_of(pc).map(|pool| pool.id) else { return };
        self.give_back(pool, user);
        self.missed.remove(&(pool, user));
        if let Some(line) = self.lines.get_mut(&pool) {
            line.retain(|waiting| waiting.wanting.user != user);
        }
    }

    fn give_back(&mut self, pool: PoolId, user: UserId) -> bool {
        let members: BTreeSet<ResourceId> =
            self.pools.iter().filter(|p| p.id == pool).flat_map(|p| &p.members).map(|(pc, _)| *pc).collect();
        let before = self.kept.len();
        self.kept.retain(|pc, kept| kept.user != user || !members.contains(pc));
        self.kept.len() != before
    }

    fn reserved(&self, now: Moment) -> BTreeSet<ResourceId> {
        let booked = self.bookings.iter().filter(|booking| booking.holds(now.wall)).map(|booking| booking.pc);
        self.kept.keys().copied().chain(booked).collect()
    }
}

fn is_away(kind: Kind) -> bool {
    matches!(kind, Kind::Off | Kind::Asleep | Kind::Waking | Kind::Starting | Kind::Unknown)
}
