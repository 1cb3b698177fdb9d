//! Opened doors. Within one boot of the machine their ends are in boot time; [`Store::adopt_boot`] carries them over a
//! restart of the machine if the wall clock can be believed, and locks them otherwise.

use std::time::Duration;

use sqlx::any::AnyRow;

use super::row::{Columns as _, words};
use super::{Error, Moment, Result, Scope, Store, Write, integer, site};
use crate::audit::{Actor, Event};
use crate::clock::{Boot, Unix};
use crate::ids::{DeviceId, UserId, VerificationId};

/// A door stays open for this long at most (DESIGN 3.3).
pub const CAP: Duration = Duration::from_secs(10 * 3600);

/// Most rows a list answers with.
const LIST: i64 = 1000;

words! {
    /// Why a verification ended.
    EndReason {
        /// Its time was over.
        Expired = "expired",
        /// Its owner chose *Lock now*.
        Locked = "locked",
        /// IT ended it.
        Ended = "ended",
        /// A newer one of the same device took its place.
        Replaced = "replaced",
        /// The device was disabled or revoked.
        Device = "device",
        /// The user was disabled, or their second factor replaced.
        User = "user",
        /// The machine started with a clock that cannot be believed, or with a database from before.
        Clock = "clock",
    }
}

/// One opening of one device's door.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Which one.
    pub id: VerificationId,
    /// Whose door.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// Who opened it.
    pub user: UserId,
    /// Their login.
    pub login: String,
    /// Opened.
    pub started_at: Unix,
    /// Locks by itself.
    pub until: Unix,
    /// Ended before its time.
    pub ended_at: Option<Unix>,
    /// Why.
    pub end_reason: Option<EndReason>,
    /// What is left; nothing when it is over.
    pub remaining: Option<Duration>,
}

impl Store {
    /// The running verifications, or the latest thousand of all.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn verifications(&self, now: Moment, all: bool) -> Result<Vec<Verification>> {
        let rows = sqlx::query(
            "SELECT v.*, d.name AS device_name, u.login FROM verifications v JOIN devices d ON d.id = v.device_id \
             JOIN users u ON u.id = v.user_id \
             WHERE $1 = 1 OR (v.ended_at IS NULL AND v.boot_id = $2 AND v.until_boot > $3) \
             ORDER BY v.started_at DESC LIMIT $4",
        )
        .bind(i64::from(all))
        .bind(&self.boot_id)
        .bind(integer(now.boot.0))
        .bind(LIST)
        .fetch_all(&self.reads)
        .await?;
        rows.iter().map(|row| self.verification(row, now)).collect()
    }

    /// What is left of a device's open door; nothing while it is locked.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn open_for(&self, device: DeviceId, now: Moment) -> Result<Option<Duration>> {
        let until: Option<i64> = sqlx::query_scalar(
            "SELECT until_boot FROM verifications \
             WHERE device_id = $1 AND ended_at IS NULL AND boot_id = $2 AND until_boot > $3",
        )
        .bind(device.to_string())
        .bind(&self.boot_id)
        .bind(integer(now.boot.0))
        .fetch_optional(&self.reads)
        .await?;
        Ok(until.map(|until| Boot(until.unsigned_abs()).remaining(now.boot)))
    }

    /// After a start: verifications of an earlier boot get their end in this boot's time. If the wall clock stands before
    /// the moment this site was last seen running, they end instead. The answer says whether the clock was believed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn adopt_boot(&self, now: Moment) -> Result<bool> {
        let mut write = self.write(now, Actor::System).await?;
        let believed = site::plausible(write.connection(), now).await?;
        if believed {
            sqlx::query(
                "UPDATE verifications SET boot_id = $1, until_boot = $2 + until - $3 \
                 WHERE ended_at IS NULL AND boot_id <> $1 AND until > $3 AND until <= $3 + $4",
            )
            .bind(&self.boot_id)
            .bind(integer(now.boot.0))
            .bind(now.wall.0)
            .bind(integer(u64::try_from(CAP.as_millis()).unwrap_or(u64::MAX)))
            .execute(write.connection())
            .await?;
        } else {
            let sql = "UPDATE verifications SET ended_at = $2, end_reason = 'clock' \
                       WHERE ended_at IS NULL AND boot_id <> $1";
            let boot_id = self.boot_id.clone();
            let done = sqlx::query(sql).bind(boot_id).bind(now.wall.0).execute(write.connection()).await?;
            if done.rows_affected() > 0 {
                write.audit(&Event::AllDoorsLocked { reason: "implausible clock" }).await?;
            }
        }
        write.commit().await?;
        Ok(believed)
    }

    /// Locks every door and ends every web session: the database was put back from before.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn lock_everything(&self, now: Moment, reason: &'static str) -> Result<()> {
        let mut write = self.write(now, Actor::System).await?;
        let sql = "UPDATE verifications SET ended_at = $1, end_reason = 'clock' WHERE ended_at IS NULL";
        sqlx::query(sql).bind(now.wall.0).execute(write.connection()).await?;
        sqlx::query("DELETE FROM web_sessions").execute(write.connection()).await?;
        write.audit(&Event::AllDoorsLocked { reason }).await?;
        write.touch(Scope::All);
        write.commit().await?;
        Ok(())
    }

    fn verification(&self, row: &AnyRow, now: Moment) -> Result<Verification> {
        let ended_at = row.maybe_time("ended_at")?;
        let here = row.text("boot_id")? == self.boot_id;
        let left = Boot(row.integer("until_boot")?.unsigned_abs()).remaining(now.boot);
        Ok(Verification {
            id: row.parsed("id")?,
            device: row.parsed("device_id")?,
            device_name: row.text("device_name")?,
            user: row.parsed("user_id")?,
            login: row.text("login")?,
            started_at: row.time("started_at")?,
            until: row.time("until")?,
            ended_at,
            end_reason: row.maybe_parsed("end_reason")?,
            remaining: (here && ended_at.is_none() && !left.is_zero()).then_some(left),
        })
    }
}

impl Write<'_> {
    /// Opens a device's door for [`CAP`]. The device must be the user's own, and in good standing.
    ///
    /// # Errors
    /// No such device of this user.
    pub async fn open_door(&mut self, user: UserId, device: DeviceId) -> Result<VerificationId> {
        self.end_of_device(device, EndReason::Replaced).await?;
        let (id, now, boot_id) = (VerificationId::new(), self.now, self.store.boot_id.clone());
        let done = sqlx::query(
            "INSERT INTO verifications (id, device_id, user_id, started_at, until, boot_id, until_boot) \
             SELECT $1, d.id, d.user_id, $4, $5, $6, $7 FROM devices d WHERE d.id = $2 AND d.user_id = $3 \
             AND d.revoked_at IS NULL AND d.disabled_at IS NULL",
        )
        .bind(id.to_string())
        .bind(device.to_string())
        .bind(user.to_string())
        .bind(now.wall.0)
        .bind((now.wall + CAP).0)
        .bind(boot_id)
        .bind(integer((now.boot + CAP).0))
        .execute(self.connection())
        .await?;
        if done.rows_affected() != 1 {
            return Err(Error::NotFound("device"));
        }
        let login = self.login(user).await?;
        self.audit(&Event::DoorOpened { user: login, device, verification: id, until: now.wall + CAP }).await?;
        self.touch(Scope::user(user));
        Ok(id)
    }

    /// A fresh code: an open door stays open for [`CAP`] from now.
    ///
    /// # Errors
    /// The door is locked.
    pub async fn extend_door(&mut self, user: UserId, device: DeviceId) -> Result<()> {
        let (now, boot_id) = (self.now, self.store.boot_id.clone());
        let row = sqlx::query(
            "UPDATE verifications SET until = $3, until_boot = $4 \
             WHERE device_id = $1 AND user_id = $2 AND ended_at IS NULL AND boot_id = $5 AND until_boot > $6 RETURNING id",
        )
        .bind(device.to_string())
        .bind(user.to_string())
        .bind((now.wall + CAP).0)
        .bind(integer((now.boot + CAP).0))
        .bind(boot_id)
        .bind(integer(now.boot.0))
        .fetch_optional(self.connection())
        .await?
        .ok_or(Error::NotFound("verification"))?;
        let (verification, login) = (row.parsed("id")?, self.login(user).await?);
        self.touch(Scope::user(user));
        self.audit(&Event::DoorExtended { user: login, device, verification, until: now.wall + CAP }).await
    }

    /// Locks a device's door, if it is open.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_of_device(&mut self, device: DeviceId, reason: EndReason) -> Result<()> {
        self.end("device_id", &device.to_string(), reason).await.map(drop)
    }

    /// Locks every door of a user.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_of_user(&mut self, user: UserId, reason: EndReason) -> Result<()> {
        self.end("user_id", &user.to_string(), reason).await.map(drop)
    }

    /// Ends one verification.
    ///
    /// # Errors
    /// It is not running.
    pub async fn end_verification(&mut self, id: VerificationId, reason: EndReason) -> Result<()> {
        let ended = self.end("id", &id.to_string(), reason).await?;
        if ended == 0 { Err(Error::NotFound("running verification")) } else { Ok(()) }
    }

    async fn end(&mut self, column: &'static str, value: &str, reason: EndReason) -> Result<usize> {
        let (now, boot_id) = (self.now, self.store.boot_id.clone());
        let expired = format!(
            "UPDATE verifications SET ended_at = until, end_reason = 'expired' WHERE {column} = $1 \
             AND ended_at IS NULL AND (boot_id <> $2 OR until_boot <= $3)"
        );
        sqlx::query(sqlx::AssertSqlSafe(expired))
            .bind(value)
            .bind(boot_id)
            .bind(integer(now.boot.0))
            .execute(self.connection())
            .await?;
        let ended = format!(
            "UPDATE verifications SET ended_at = $2, end_reason = $3 WHERE {column} = $1 AND ended_at IS NULL \
             RETURNING id, device_id, user_id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(ended))
            .bind(value)
            .bind(now.wall.0)
            .bind(reason.word())
            .fetch_all(self.connection())
            .await?;
        for row in &rows {
            let (id, device, user): (_, _, UserId) =
                (row.parsed("id")?, row.parsed("device_id")?, row.parsed("user_id")?);
            let login = self.login(user).await?;
            self.touch(Scope::user(user));
            let event = Event::DoorLocked { user: login, device, verification: id, reason: reason.word() };
            self.audit(&event).await?;
        }
        Ok(rows.len())
    }
}
