//! Opened doors. Within one boot of the machine their ends are in boot time; [`Store::adopt_boot`] carries them over a
//! restart of the machine if the wall clock can be believed, and locks them otherwise.

use std::time::Duration;

use sqlx::any::AnyRow;

use super::row::{Columns as _, words};
use super::{Error, Moment, Result, Scope, Store, Write, integer, site};
use crate::audit::{Actor, Event};
use crate::clock::{Boot, Unix};
use crate::ids::{DeviceId, UserId, VerificationId};
use crate::planted::{Bug, planted};
use crate::pure::cut::locked;
use crate::pure::home_work::VERIFICATION_MINUTES;

/// A door that nobody uses locks after its idleness or a little later: use is written down when the end moves by at least
/// this much.
pub const IDLE_STEP: Duration = Duration::from_secs(600);

/// Whoever is at work at the cap gets this once, to save it.
pub const GRACE: Duration = Duration::from_secs(30 * 60);

/// No door stays open for longer, whatever is set.
const LONGEST: Duration = Duration::from_secs(VERIFICATION_MINUTES[1] as u64 * 60);

/// So long before the cap it is decided whether there is a grace: longer than between two looks.
const GRACE_LEAD: Duration = Duration::from_secs(30);

/// Used so recently, somebody is at work.
const AT_WORK: Duration = Duration::from_secs(600);

/// A wall clock that is this far from where it was has been set.
const CLOCK_SET_MS: i64 = 2_000;

/// Most rows a list answers with.
const LIST: i64 = 1000;

words! {
    /// Why a verification ended.
    EndReason {
        /// Its time was over.
        Expired = "expired",
        /// It was not used.
        Idle = "idle",
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

/// What is left of an open door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFor {
    /// If nobody uses it.
    pub unused: Duration,
    /// If somebody does.
    pub at_most: Duration,
    /// Since its last use that was written down; nothing where that does not bring its end nearer.
    pub idle: Option<Duration>,
    /// The time to save one's work has begun.
    pub grace: bool,
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
    /// Locks by itself, unless it is used meanwhile.
    pub until: Unix,
    /// Locks by itself even if it is used.
    pub cap: Unix,
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
        let cuts = self.waiting_cuts();
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
        let rows = rows.iter().map(|row| self.verification(row, now));
        let runs =
            |v: &Result<Verification>| all || v.as_ref().map_or(true, |v| !locked(&cuts, v.user, v.device, v.id));
        rows.filter(runs).collect()
    }

    /// Somebody's own, the latest thousand.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn verifications_of(&self, user: UserId, now: Moment) -> Result<Vec<Verification>> {
        let cuts = self.waiting_cuts();
        let rows = sqlx::query(
            "SELECT v.*, d.name AS device_name, u.login FROM verifications v JOIN devices d ON d.id = v.device_id \
             JOIN users u ON u.id = v.user_id WHERE v.user_id = $1 ORDER BY v.started_at DESC LIMIT $2",
        )
        .bind(user.to_string())
        .bind(LIST)
        .fetch_all(&self.reads)
        .await?;
        let mut all = rows.iter().map(|row| self.verification(row, now)).collect::<Result<Vec<_>>>()?;
        for v in &mut all {
            v.remaining = v.remaining.filter(|_| !locked(&cuts, v.user, v.device, v.id));
        }
        Ok(all)
    }

    /// What is left of a device's open door; nothing while it is locked.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn open_for(&self, device: DeviceId, now: Moment) -> Result<Option<OpenFor>> {
        let cuts = self.waiting_cuts();
        let row = sqlx::query(
            "SELECT id, user_id, until_boot, cap_boot, idle, grace_at FROM verifications \
             WHERE device_id = $1 AND ended_at IS NULL AND boot_id = $2 AND until_boot > $3",
        )
        .bind(device.to_string())
        .bind(&self.boot_id)
        .bind(integer(now.boot.0))
        .fetch_optional(&self.reads)
        .await?;
        let Some(row) = row else { return Ok(None) };
        if locked(&cuts, row.parsed("user_id")?, device, row.parsed("id")?) {
            return Ok(None);
        }
        let left = |end: i64| Boot(end.unsigned_abs()).remaining(now.boot);
        let (unused, at_most) = (left(row.integer("until_boot")?), left(row.integer("cap_boot")?));
        let whole = Duration::from_millis(row.integer("idle")?.unsigned_abs()) + IDLE_STEP;
        let idle = (unused < at_most).then(|| whole.saturating_sub(unused));
        Ok(Some(OpenFor { unused, at_most, idle, grace: row.maybe_integer("grace_at")?.is_some() }))
    }

    /// Devices were in use at these moments: their doors stay open for their idleness after, up to the cap; and who is at work
    /// there gets the [`GRACE`]. Doors whose time is over are written down as ended.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn keep_open(&self, used: &[(DeviceId, Boot)], now: Moment) -> Result<()> {
        let mut write = self.write(now, Actor::System).await?;
        for (device, at) in used {
            write.stay_open(*device, *at).await?;
            if now.boot < *at + AT_WORK {
                write.grace(*device).await?;
            }
        }
        write.follow_clock().await?;
        write.expire().await?;
        write.commit().await.map(drop)
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
                "UPDATE verifications SET boot_id = $1, until_boot = $2 + until - $3, cap_boot = $2 + cap - $3 \
                 WHERE ended_at IS NULL AND boot_id <> $1 AND until > $3 AND until <= cap AND cap <= $3 + $4",
            )
            .bind(&self.boot_id)
            .bind(integer(now.boot.0))
            .bind(now.wall.0)
            .bind(integer(u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX)))
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

    /// The database was put back from before: it knows nothing of who was shut out, what was spent and what was issued
    /// since. Doors lock, web sessions, invitations, tokens and passkeys end, codes of until now and recovery codes are spent, and
    /// nobody signs in before IT has confirmed who may.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn lock_everything(&self, now: Moment, reason: &'static str) -> Result<()> {
        if planted(Bug::RestoredOpens) {
            return Ok(());
        }
        let mut write = self.write(now, Actor::System).await?;
        for sql in [
            "UPDATE verifications SET ended_at = $1, end_reason = 'clock' WHERE ended_at IS NULL",
            "UPDATE invitations SET revoked_at = $1 WHERE redeemed_at IS NULL AND revoked_at IS NULL",
            "UPDATE recovery_codes SET used_at = $1 WHERE used_at IS NULL",
            "UPDATE tokens SET revoked_at = $1 WHERE revoked_at IS NULL",
            "UPDATE passkeys SET revoked_at = $1 WHERE revoked_at IS NULL",
            "UPDATE agent_tokens SET revoked_at = $1 WHERE revoked_at IS NULL",
            "UPDATE site SET restored_at = $1",
        ] {
            sqlx::query(sql).bind(now.wall.0).execute(write.connection()).await?;
        }
        sqlx::query("UPDATE users SET totp_last_step = $1 WHERE totp_last_step < $1")
            .bind(integer(provisioning::totp::step(now.wall.seconds())))
            .execute(write.connection())
            .await?;
        // Who had nothing but a passkey has no second factor any more, until they are invited anew.
        sqlx::query("UPDATE users SET factor_confirmed_at = NULL WHERE totp_secret IS NULL")
            .execute(write.connection())
            .await?;
        // An agent that was taken back since is known again: IT says anew which PC each is.
        sqlx::query("UPDATE agents SET resource_id = NULL, approved_at = NULL").execute(write.connection()).await?;
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
            cap: row.time("cap")?,
            ended_at,
            end_reason: row.maybe_parsed("end_reason")?,
            remaining: (here && ended_at.is_none() && !left.is_zero()).then_some(left),
        })
    }
}

/// What a door is opened for.
struct Ends {
    /// At most.
    cap: Duration,
    /// If nobody uses it.
    unused: Duration,
    /// Idleness, in milliseconds.
    idle: i64,
}

impl Write<'_> {
    /// Opens a device's door for as long as IT has set. The device must be the user's own, and in good standing.
    ///
    /// # Errors
    /// No such device of this user.
    pub async fn open_door(&mut self, user: UserId, device: DeviceId) -> Result<VerificationId> {
        self.end_of_device(device, EndReason::Replaced).await?;
        let (id, now, boot_id) = (VerificationId::new(), self.now, self.store.boot_id.clone());
        let Ends { cap, unused, idle } = self.ends().await?;
        let done = sqlx::query(
            "INSERT INTO verifications (id, device_id, user_id, started_at, boot_id, until, until_boot, cap, cap_boot, idle) \
             SELECT $1, d.id, d.user_id, $4, $5, $6, $7, $8, $9, $10 FROM devices d WHERE d.id = $2 AND d.user_id = $3 \
             AND d.revoked_at IS NULL AND d.disabled_at IS NULL",
        )
        .bind(id.to_string())
        .bind(device.to_string())
        .bind(user.to_string())
        .bind(now.wall.0)
        .bind(boot_id)
        .bind((now.wall + unused).0)
        .bind(integer((now.boot + unused).0))
        .bind((now.wall + cap).0)
        .bind(integer((now.boot + cap).0))
        .bind(idle)
        .execute(self.connection())
        .await?;
        if done.rows_affected() != 1 {
            return Err(Error::NotFound("device"));
        }
        let login = self.login(user).await?;
        self.audit(&Event::DoorOpened { user: login, device, verification: id, until: now.wall + cap }).await?;
        self.touch(Scope::user(user));
        Ok(id)
    }

    /// A fresh code: an open door stays open from now as if it were opened now.
    ///
    /// # Errors
    /// The door is locked.
    pub async fn extend_door(&mut self, user: UserId, device: DeviceId) -> Result<()> {
        let (now, boot_id) = (self.now, self.store.boot_id.clone());
        let Ends { cap, unused, idle } = self.ends().await?;
        let row = sqlx::query(
            "UPDATE verifications SET cap = $3, cap_boot = $4, until = $7, until_boot = $8, idle = $9, grace_at = NULL \
             WHERE device_id = $1 AND user_id = $2 AND ended_at IS NULL AND boot_id = $5 AND until_boot > $6 RETURNING id",
        )
        .bind(device.to_string())
        .bind(user.to_string())
        .bind((now.wall + cap).0)
        .bind(integer((now.boot + cap).0))
        .bind(boot_id)
        .bind(integer(now.boot.0))
        .bind((now.wall + unused).0)
        .bind(integer((now.boot + unused).0))
        .bind(idle)
        .fetch_optional(self.connection())
        .await?
        .ok_or(Error::NotFound("verification"))?;
        let (verification, login) = (row.parsed("id")?, self.login(user).await?);
        self.touch(Scope::user(user));
        self.audit(&Event::DoorExtended { user: login, device, verification, until: now.wall + cap }).await
    }

    async fn stay_open(&mut self, device: DeviceId, used: Boot) -> Result<()> {
        let (now, boot_id) = (self.now, self.store.boot_id.clone());
        // `$3 - $2` leads from boot time to wall time.
        let moved = sqlx::query(
            "UPDATE verifications SET until_boot = CASE WHEN cap_boot < $2 + idle THEN cap_boot ELSE $2 + idle END, \
             until = CASE WHEN cap_boot < $2 + idle THEN cap ELSE $3 + idle END WHERE device_id = $1 \
             AND ended_at IS NULL AND boot_id = $4 AND until_boot > $5 AND until_boot < cap_boot \
             AND until_boot <= $6 + idle RETURNING user_id",
        )
        .bind(device.to_string())
        .bind(integer((used + IDLE_STEP).0))
        .bind(now.wall.0 - integer(now.boot.0) + integer((used + IDLE_STEP).0))
        .bind(boot_id)
        .bind(integer(now.boot.0))
        .bind(integer(used.0))
        .fetch_optional(self.connection())
        .await?;
        if let Some(row) = moved {
            self.touch(Scope::user(row.parsed("user_id")?));
        }
        Ok(())
    }

    /// What a door that is opened now is opened for.
    async fn ends(&mut self) -> Result<Ends> {
        let text: String = sqlx::query_scalar("SELECT home_work FROM site").fetch_one(self.connection()).await?;
        let home_work = super::home_work::read(&text)?;
        let (cap, idle) = (home_work.cap(), home_work.idle());
        let ms = integer(u64::try_from(idle.as_millis()).unwrap_or(u64::MAX));
        Ok(Ends { cap, unused: cap.min(idle + IDLE_STEP), idle: ms })
    }

    async fn grace(&mut self, device: DeviceId) -> Result<()> {
        let (now, boot_id) = (self.now, self.store.boot_id.clone());
        let row = sqlx::query(
            "UPDATE verifications SET cap = cap + $2, cap_boot = cap_boot + $2, until = cap + $2, \
             until_boot = cap_boot + $2, grace_at = $3 WHERE device_id = $1 AND ended_at IS NULL AND boot_id = $4 \
             AND until_boot > $5 AND cap_boot <= $6 AND grace_at IS NULL RETURNING id, user_id, cap",
        )
        .bind(device.to_string())
        .bind(integer(u64::try_from(GRACE.as_millis()).unwrap_or(0)))
        .bind(now.wall.0)
        .bind(boot_id)
        .bind(integer(now.boot.0))
        .bind(integer((now.boot + GRACE_LEAD).0))
        .fetch_optional(self.connection())
        .await?;
        let Some(row) = row else { return Ok(()) };
        let (verification, user, until) = (row.parsed("id")?, row.parsed("user_id")?, row.time("cap")?);
        let login = self.login(user).await?;
        self.touch(Scope::user(user));
        self.audit(&Event::DoorGrace { user: login, device, verification, until }).await
    }

    /// Whenever the wall clock was set, ends by it are written anew: after a restart of the machine they say what is left,
    /// whatever clock the door was opened by.
    async fn follow_clock(&mut self) -> Result<()> {
        let (now, boot_id) = (self.now, self.store.boot_id.clone());
        let offset = now.wall.0.saturating_sub(integer(now.boot.0));
        sqlx::query(
            "UPDATE verifications SET until = until_boot + $1, cap = cap_boot + $1 WHERE ended_at IS NULL \
             AND boot_id = $2 AND (cap - cap_boot - $1 > $3 OR cap - cap_boot - $1 < 0 - $3)",
        )
        .bind(offset)
        .bind(boot_id)
        .bind(CLOCK_SET_MS)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Writes down which doors have locked by themselves.
    async fn expire(&mut self) -> Result<()> {
        let (now, boot_id) = (self.now, self.store.boot_id.clone());
        let rows = sqlx::query(
            "UPDATE verifications SET ended_at = until, end_reason = CASE WHEN until < cap THEN 'idle' ELSE 'expired' END \
             WHERE ended_at IS NULL AND ((boot_id = $1 AND until_boot <= $2) OR (boot_id <> $1 AND until <= $3)) \
             RETURNING id, device_id, user_id, end_reason",
        )
        .bind(boot_id)
        .bind(integer(now.boot.0))
        .bind(now.wall.0)
        .fetch_all(self.connection())
        .await?;
        for row in &rows {
            let reason: EndReason = row.parsed("end_reason")?;
            let event = Event::DoorLocked {
                user: self.login(row.parsed("user_id")?).await?,
                device: row.parsed("device_id")?,
                verification: row.parsed("id")?,
                reason: reason.word(),
            };
            self.audit(&event).await?;
        }
        Ok(())
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
        let now = self.now;
        self.expire().await?;
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
