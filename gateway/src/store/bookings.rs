//! Bookings of office PCs. That a quarter of an hour of a PC, or of a person, is booked once is a constraint; that a pool
//! has no more at once than it has seats is counted while nobody else books there.

use std::ops::Range;

use sqlx::any::AnyRow;

use super::row::Columns as _;
use super::{Error, Result, Store, Write, exists};
use crate::audit::Event;
use crate::clock::Unix;
use crate::ids::{BookingId, PoolId, ResourceId, UserId};
use crate::pure::booking::{Booking, Freed, QUARTER_MS};

/// One person's that are still to come: nobody plans further.
const EACH: i64 = 30;

/// One person's that are made within a day, those given back counted: each leaves lines behind.
const A_DAY: i64 = 60;
const DAY_MS: i64 = 24 * 3_600_000;

/// A booking with its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// It.
    pub booking: Booking,
    /// The PC's name.
    pub workstation: String,
    /// Whose, by login.
    pub login: String,
    /// Over before its time, when and why.
    pub freed: Option<(Unix, Freed)>,
    /// When it was made.
    pub booked_at: Unix,
}

/// What is to be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// In which pool.
    pub pool: PoolId,
    /// The PCs that would do, the best first.
    pub pcs: Vec<ResourceId>,
    /// For whom.
    pub user: UserId,
    /// Which quarters of an hour.
    pub quarters: Range<i64>,
    /// Of the pool at once.
    pub most: usize,
}

/// Why nothing was booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Every PC that would do is somebody's then, or the pool has no seat left.
    Pcs,
    /// They have another one booked then.
    Own,
}

impl Store {
    /// Those that are not over, by their beginning.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn bookings(&self, now: Unix) -> Result<Vec<Booking>> {
        // Who is shut out keeps nothing from others.
        let sql = "SELECT b.* FROM bookings b JOIN users u ON u.id = b.user_id WHERE b.ends > $1 AND b.freed_at IS NULL \
                   AND u.disabled_at IS NULL ORDER BY b.begins, b.id";
        let rows = sqlx::query(sql).bind(now.0).fetch_all(&self.reads).await?;
        rows.iter().map(booking).collect()
    }

    /// Those of a span, with their names, by their beginning; those that were over before their time, too.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn bookings_between(&self, from: Unix, to: Unix) -> Result<Vec<Named>> {
        let sql = "SELECT b.*, r.name, u.login FROM bookings b JOIN resources r ON r.id = b.resource_id \
                   JOIN users u ON u.id = b.user_id WHERE b.ends > $1 AND b.begins < $2 \
                   ORDER BY b.begins, r.name, b.id";
        let rows = sqlx::query(sql).bind(from.0).bind(to.0).fetch_all(&self.reads).await?;
        rows.iter().map(named).collect()
    }

    /// All that is kept of one person's, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn bookings_of(&self, user: UserId) -> Result<Vec<Named>> {
        let sql = "SELECT b.*, r.name, u.login FROM bookings b JOIN resources r ON r.id = b.resource_id \
                   JOIN users u ON u.id = b.user_id WHERE b.user_id = $1 ORDER BY b.begins DESC, b.id";
        let rows = sqlx::query(sql).bind(user.to_string()).fetch_all(&self.reads).await?;
        rows.iter().map(named).collect()
    }

    /// One that is not over.
    ///
    /// # Errors
    /// No such booking.
    pub async fn booking(&self, id: &str, now: Unix) -> Result<Named> {
        let sql = "SELECT b.*, r.name, u.login FROM bookings b JOIN resources r ON r.id = b.resource_id \
                   JOIN users u ON u.id = b.user_id WHERE b.id = $1 AND b.ends > $2 AND b.freed_at IS NULL";
        let row = sqlx::query(sql).bind(super::sought(id)).bind(now.0).fetch_optional(&self.reads).await?;
        row.as_ref().map(named).transpose()?.ok_or(Error::NotFound("booking"))
    }
}

impl Write<'_> {
    /// Books the first of these PCs that is free then.
    ///
    /// # Errors
    /// They have booked as many as they may.
    pub async fn book(&mut self, wanted: &Wanted) -> Result<std::result::Result<Booking, Full>> {
        let now = self.now.wall;
        // From here on nobody else books in this pool until this is done, whatever the database.
        let taken = sqlx::query("UPDATE pools SET name = name WHERE id = $1").bind(wanted.pool.to_string());
        if taken.execute(self.connection()).await?.rows_affected() == 0 {
            return Err(Error::NotFound("pool"));
        }
        let user = wanted.user.to_string();
        let many = "SELECT COUNT(*) FROM bookings WHERE user_id = $1 AND ends > $2 AND freed_at IS NULL";
        let many: i64 = sqlx::query_scalar(many).bind(&user).bind(now.0).fetch_one(self.connection()).await?;
        if many >= EACH {
            return Err(Error::Enough(format!("{EACH} bookings are still to come: give one back first")));
        }
        let lately = "SELECT COUNT(*) FROM bookings WHERE user_id = $1 AND booked_at > $2";
        let lately = sqlx::query_scalar(lately).bind(&user).bind(now.0.saturating_sub(DAY_MS));
        let lately: i64 = lately.fetch_one(self.connection()).await?;
        if lately >= A_DAY {
            return Err(Error::Enough(format!("{A_DAY} bookings were made within a day: go on tomorrow")));
        }
        let Range { start, end } = wanted.quarters.clone();
        let own = "SELECT COUNT(*) FROM booked_quarters WHERE user_id = $1 AND quarter >= $2 AND quarter < $3";
        let own: i64 = sqlx::query_scalar(own).bind(&user).bind(start).bind(end).fetch_one(self.connection()).await?;
        if own > 0 {
            return Ok(Err(Full::Own));
        }
        let fullest = "SELECT COUNT(*) AS seats FROM booked_quarters q JOIN pool_members m ON m.resource_id = q.resource_id \
                       WHERE m.pool_id = $1 AND q.quarter >= $2 AND q.quarter < $3 GROUP BY q.quarter ORDER BY 1 DESC LIMIT 1";
        let fullest = sqlx::query_scalar(fullest).bind(wanted.pool.to_string()).bind(start).bind(end);
        let fullest: i64 = fullest.fetch_optional(self.connection()).await?.unwrap_or(0);
        if usize::try_from(fullest).is_ok_and(|used| used >= wanted.most) {
            return Ok(Err(Full::Pcs));
        }
        let taken = "SELECT DISTINCT q.resource_id FROM booked_quarters q JOIN pool_members m \
                     ON m.resource_id = q.resource_id WHERE m.pool_id = $1 AND q.quarter >= $2 AND q.quarter < $3";
        let taken = sqlx::query(taken).bind(wanted.pool.to_string()).bind(start).bind(end);
        let taken = taken.fetch_all(self.connection()).await?;
        let taken = taken.iter().map(|row| row.parsed("resource_id")).collect::<Result<Vec<ResourceId>>>()?;
        let members =
            sqlx::query("SELECT resource_id FROM pool_members WHERE pool_id = $1").bind(wanted.pool.to_string());
        let members = members.fetch_all(self.connection()).await?;
        let members = members.iter().map(|row| row.parsed("resource_id")).collect::<Result<Vec<ResourceId>>>()?;
        let free = |pc: &ResourceId| members.contains(pc) && !taken.contains(pc);
        let Some(pc) = wanted.pcs.iter().copied().find(free) else {
            return Ok(Err(Full::Pcs));
        };
        let [begins, ends] = [start, end].map(|quarter| Unix(quarter.saturating_mul(QUARTER_MS)));
        let booking = Booking { id: BookingId::new(), pc, user: wanted.user, begins, ends };
        self.insert_booking(&booking, start..end).await?;
        let (workstation, id) = (self.resource_name(pc).await?, booking.id);
        self.audit(&Event::Booked { booking: id, workstation, begins, ends }).await?;
        Ok(Ok(booking))
    }

    async fn insert_booking(&mut self, booking: &Booking, quarters: Range<i64>) -> Result<()> {
        let (id, pc, user) = (booking.id.to_string(), booking.pc.to_string(), booking.user.to_string());
        let now = self.now.wall.0;
        let sql =
            "INSERT INTO bookings (id, resource_id, user_id, begins, ends, booked_at) VALUES ($1, $2, $3, $4, $5, $6)";
        let sql =
            sqlx::query(sql).bind(&id).bind(&pc).bind(&user).bind(booking.begins.0).bind(booking.ends.0).bind(now);
        sql.execute(self.connection()).await?;
        for quarter in quarters {
            let sql = "INSERT INTO booked_quarters (resource_id, quarter, user_id, booking_id) VALUES ($1, $2, $3, $4)";
            let sql = sqlx::query(sql).bind(&pc).bind(quarter).bind(&user).bind(&id);
            sql.execute(self.connection()).await.map_err(exists("booking of this time"))?;
        }
        Ok(())
    }

    async fn resource_name(&mut self, id: ResourceId) -> Result<String> {
        let sql = sqlx::query_scalar("SELECT name FROM resources WHERE id = $1").bind(id.to_string());
        sql.fetch_optional(self.connection()).await?.ok_or(Error::NotFound("workstation"))
    }

    /// Those of PCs that are in no pool.
    pub(super) async fn loose_bookings(&mut self) -> Result<Vec<Named>> {
        let sql = "SELECT b.*, r.name, u.login FROM bookings b JOIN resources r ON r.id = b.resource_id \
                   JOIN users u ON u.id = b.user_id WHERE b.ends > $1 AND b.freed_at IS NULL \
                   AND b.resource_id NOT IN (SELECT resource_id FROM pool_members)";
        let now = self.now.wall.0;
        sqlx::query(sql).bind(now).fetch_all(self.connection()).await?.iter().map(named).collect()
    }

    /// A booking is over before its time; its PC is anybody's from now on.
    ///
    /// # Errors
    /// It is over already.
    pub async fn free_booking(&mut self, booking: &Named, why: Freed) -> Result<()> {
        let id = booking.booking.id;
        let sql = "UPDATE bookings SET freed_at = $2, freed = $3 WHERE id = $1 AND freed_at IS NULL AND ends > $2";
        let now = self.now.wall.0;
        let done = sqlx::query(sql).bind(id.to_string()).bind(now).bind(word(why)).execute(self.connection()).await?;
        if done.rows_affected() == 0 {
            return Err(Error::NotFound("booking"));
        }
        let sql = "DELETE FROM booked_quarters WHERE booking_id = $1";
        sqlx::query(sql).bind(id.to_string()).execute(self.connection()).await?;
        let (workstation, user) = (booking.workstation.clone(), booking.login.clone());
        let Booking { begins, .. } = booking.booking;
        self.audit(&Event::BookingFreed { booking: id, workstation, user, begins, freed: why }).await
    }
}

fn word(freed: Freed) -> &'static str {
    match freed {
        Freed::Back => "back",
        Freed::Absent => "absent",
        Freed::It => "it",
    }
}

fn booking(row: &AnyRow) -> Result<Booking> {
    Ok(Booking {
        id: row.parsed("id")?,
        pc: row.parsed("resource_id")?,
        user: row.parsed("user_id")?,
        begins: row.time("begins")?,
        ends: row.time("ends")?,
    })
}

fn named(row: &AnyRow) -> Result<Named> {
    let why = match row.maybe_text("freed")?.as_deref() {
        None => None,
        Some("back") => Some(Freed::Back),
        Some("absent") => Some(Freed::Absent),
        Some("it") => Some(Freed::It),
        Some(_) => return Err(Error::Unreadable("freed")),
    };
    Ok(Named {
        booking: booking(row)?,
        workstation: row.text("name")?,
        login: row.text("login")?,
        freed: row.maybe_time("freed_at")?.zip(why),
        booked_at: row.time("booked_at")?,
    })
}
