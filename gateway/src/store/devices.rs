//! WireGuard peers. Rows are never deleted, so a key or an address is never given twice.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use provisioning::keys::{PresharedKey, PrivateKey};
use sqlx::any::AnyRow;

use super::row::Columns as _;
use super::users::Role;
use super::verifications::EndReason;
use super::{Error, Result, Scope, Store, Write, exists};
use crate::audit::Event;
use crate::clock::Unix;
use crate::ids::{DeviceId, UserId};
use crate::link::message::Secret;

/// A device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Which one.
    pub id: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// Its owner's login.
    pub login: String,
    /// Its owner's display name.
    pub owner: String,
    /// Its owner's language.
    pub language: String,
    /// What its owner may do in the product itself.
    pub owner_role: Role,
    /// Its owner has a confirmed second factor.
    pub factor: bool,
    /// Its owner is shut out.
    pub owner_disabled: bool,
    /// Its name.
    pub name: String,
    /// WireGuard public key, base64.
    pub public_key: String,
    /// Its own address.
    pub address4: Ipv4Addr,
    /// Its own address.
    pub address6: Ipv6Addr,
    /// Where it was last heard.
    pub endpoint: Option<SocketAddr>,
    /// When it was last heard.
    pub heard_at: Option<Unix>,
    /// Shut out since.
    pub disabled_at: Option<Unix>,
    /// Shut out for good since.
    pub revoked_at: Option<Unix>,
    /// Added.
    pub created_at: Unix,
    /// It stands for its owner's browsers in the internet, and never has a tunnel.
    pub outside: bool,
}

/// What the one that stands for browsers in the internet is called.
const OUTSIDE: &str = "Browser (internet)";

impl Device {
    /// Whether it may have a tunnel: nobody has shut it or its owner out, and they have a second factor.
    #[must_use]
    pub fn may_come_in(&self) -> bool {
        self.revoked_at.is_none() && self.disabled_at.is_none() && !self.owner_disabled && self.factor
    }
}

/// What the data plane told of a device, to be kept over a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Which one.
    pub device: DeviceId,
    /// Where it is.
    pub endpoint: Option<SocketAddr>,
    /// When its last handshake was.
    pub handshake_at: Option<Unix>,
    /// When it was last heard.
    pub heard_at: Option<Unix>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT d.*, u.login, u.name AS owner, u.language, u.role AS owner_role, u.factor_confirmed_at, u.disabled_at AS owner_disabled_at ",
            "FROM devices d JOIN users u ON u.id = d.user_id ",
            $rest
        )
    };
}

impl Store {
    /// Every device, revoked ones too, by owner and name, but of nobody erased; of one user, if named.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn devices(&self, of: Option<UserId>) -> Result<Vec<Device>> {
        let query = match of {
            None => sqlx::query(select!("WHERE u.erased_at IS NULL ORDER BY u.login, d.name, d.created_at")),
            Some(user) => {
                sqlx::query(select!("WHERE d.user_id = $1 ORDER BY d.name, d.created_at")).bind(user.to_string())
            }
        };
        query.fetch_all(&self.reads).await?.iter().map(device).collect()
    }

    /// A device's preshared key.
    ///
    /// # Errors
    /// No such device, or the sealing key is not the one that sealed it.
    pub async fn preshared_key(&self, id: DeviceId) -> Result<Option<Secret>> {
        let sql = "SELECT id, preshared_key FROM devices WHERE id = $1";
        let row = sqlx::query(sql).bind(id.to_string()).fetch_optional(&self.reads).await?;
        self.preshared_key_of(&row.ok_or(Error::NotFound("device"))?)
    }

    pub(super) fn preshared_key_of(&self, row: &AnyRow) -> Result<Option<Secret>> {
        const COLUMN: &str = "preshared_key";
        let Some(sealed) = row.maybe_text(COLUMN)? else { return Ok(None) };
        let bytes = self.sealer.open("devices", COLUMN, &row.text("id")?, &sealed)?;
        Ok(Some(Secret(bytes.as_slice().try_into().map_err(|_| Error::Unreadable(COLUMN))?)))
    }

    /// One device.
    ///
    /// # Errors
    /// No such device.
    pub async fn device(&self, id: DeviceId) -> Result<Device> {
        let row = sqlx::query(select!("WHERE d.id = $1")).bind(id.to_string()).fetch_optional(&self.reads).await?;
        device(&row.ok_or(Error::NotFound("device"))?)
    }

    /// The device with this address in the site network.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn device_at(&self, address: std::net::IpAddr) -> Result<Option<Device>> {
        let sql = select!("WHERE d.address4 = $1 OR d.address6 = $1");
        let row = sqlx::query(sql).bind(address.to_string()).fetch_optional(&self.reads).await?;
        row.as_ref().map(device).transpose()
    }

    /// Keeps what the data plane told, of devices that are not revoked: where somebody was who was erased meanwhile must not
    /// come back. No epoch: the data plane knows it better.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn keep_heard(&self, heard: &[Heard]) -> Result<()> {
        let mut tx = self.begin_write().await?;
        for h in heard {
            sqlx::query(
                "UPDATE devices SET endpoint = COALESCE($2, endpoint), heard_at = COALESCE($3, heard_at), \
                 handshake_at = COALESCE($4, handshake_at) WHERE id = $1 AND revoked_at IS NULL",
            )
            .bind(h.device.to_string())
            .bind(h.endpoint.map(|e| e.to_string()))
            .bind(h.heard_at.map(|t| t.0))
            .bind(h.handshake_at.map(|t| t.0))
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }
}

impl Write<'_> {
    /// Adds a device with its own key, a preshared key made here, and addresses nobody ever had.
    ///
    /// # Errors
    /// The key was ever used, or the owner has a device of that name; the site network is full.
    pub async fn add_device(&mut self, user: UserId, name: &str, public_key: &str) -> Result<DeviceId> {
        let login = self.login(user).await?;
        let (address4, address6) = self.next_device().await?;
        let (id, now) = (DeviceId::new(), self.now.wall.0);
        let preshared = PresharedKey::generate()?;
        let preshared = self.store.sealer.seal("devices", "preshared_key", &id.to_string(), preshared.as_bytes())?;
        sqlx::query(
            "INSERT INTO devices (id, user_id, name, public_key, address4, address6, created_at, preshared_key) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id.to_string())
        .bind(user.to_string())
        .bind(name)
        .bind(public_key)
        .bind(address4.to_string())
        .bind(address6.to_string())
        .bind(now)
        .bind(preshared)
        .execute(self.connection())
        .await
        .map_err(exists("name of another device of theirs, or its key on any device,"))?;
        let event =
            Event::DeviceAdded { user: login, device: id, name: name.to_owned(), public_key: public_key.to_owned() };
        self.audit(&event).await?;
        self.touch(Scope::user(user));
        Ok(id)
    }

    /// What stands for this person's browsers in the internet: made the first time, and theirs from then on; nothing if IT
    /// has shut it out. Whoever else was signed in by it is no more. Its private key is thrown away: nobody ever has a
    /// tunnel by it.
    ///
    /// # Errors
    /// The site network is full.
    pub async fn outside_device(&mut self, user: UserId) -> Result<Option<DeviceId>> {
        let known = "SELECT id, disabled_at, revoked_at FROM devices WHERE user_id = $1 AND outside = 1";
        let known = sqlx::query(known).bind(user.to_string()).fetch_optional(self.connection()).await?;
        if let Some(row) = known {
            let shut_out = row.maybe_time("disabled_at")?.or(row.maybe_time("revoked_at")?).is_some();
            let id: DeviceId = row.parsed("id")?;
            // One door, one browser: what was locked here is not opened again by a sign-in there.
            self.end_sessions_of_device(id).await?;
            return Ok((!shut_out).then_some(id));
        }
        let key = PrivateKey::generate()?.public_key().to_string();
        let mut name = OUTSIDE.to_owned();
        // Somebody may have called one of theirs so.
        while self.has_device_named(user, &name).await? {
            name.push('+');
        }
        let id = self.add_device(user, &name, &key).await?;
        let sql = "UPDATE devices SET outside = 1 WHERE id = $1";
        sqlx::query(sql).bind(id.to_string()).execute(self.connection()).await?;
        Ok(Some(id))
    }

    async fn has_device_named(&mut self, user: UserId, name: &str) -> Result<bool> {
        let sql = "SELECT id FROM devices WHERE user_id = $1 AND name = $2 AND revoked_at IS NULL";
        let found = sqlx::query(sql).bind(user.to_string()).bind(name).fetch_optional(self.connection()).await?;
        Ok(found.is_some())
    }

    /// Whoever is signed in by this device is no more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_sessions_of_device(&mut self, device: DeviceId) -> Result<()> {
        let sql = "DELETE FROM web_sessions WHERE device_id = $1";
        sqlx::query(sql).bind(device.to_string()).execute(self.connection()).await?;
        Ok(())
    }

    /// Signs all browsers in the internet out, everybody's, and locks their doors.
    pub(super) async fn end_outside(&mut self) -> Result<()> {
        let rows = sqlx::query("SELECT id FROM devices WHERE outside = 1").fetch_all(self.connection()).await?;
        for id in rows.iter().map(|row| row.parsed("id")).collect::<Result<Vec<DeviceId>>>()? {
            self.end_of_device(id, EndReason::Device).await?;
        }
        let sql = "DELETE FROM web_sessions WHERE device_id IN (SELECT id FROM devices WHERE outside = 1)";
        sqlx::query(sql).execute(self.connection()).await?;
        Ok(())
    }

    /// Shuts a device out, reversibly. Its door locks.
    ///
    /// # Errors
    /// No such device, or it is revoked.
    pub async fn disable_device(&mut self, device: DeviceId) -> Result<()> {
        let now = self.now.wall.0;
        let sql = "UPDATE devices SET disabled_at = COALESCE(disabled_at, $2) WHERE id = $1 AND revoked_at IS NULL";
        let done = sqlx::query(sql).bind(device.to_string()).bind(now).execute(self.connection()).await?;
        let (user, login, name) = self.changed_device(device, done.rows_affected()).await?;
        self.end_of_device(device, EndReason::Device).await?;
        self.touch(Scope::user(user));
        self.audit(&Event::DeviceDisabled { user: login, device, name }).await
    }

    /// Lets a disabled device in again.
    ///
    /// # Errors
    /// No such device, or it is revoked.
    pub async fn enable_device(&mut self, device: DeviceId) -> Result<()> {
        // Nobody has the key of what stands for browsers in the internet: it may be let in again whatever became of it.
        let sql = "UPDATE devices SET disabled_at = NULL, revoked_at = CASE WHEN outside = 1 THEN NULL ELSE revoked_at END \
                   WHERE id = $1 AND (revoked_at IS NULL OR outside = 1)";
        let done = sqlx::query(sql).bind(device.to_string()).execute(self.connection()).await?;
        let (user, login, name) = self.changed_device(device, done.rows_affected()).await?;
        self.touch(Scope::user(user));
        self.audit(&Event::DeviceEnabled { user: login, device, name }).await
    }

    /// Shuts a device out for good. Doing it again is no error.
    ///
    /// # Errors
    /// No such device.
    pub async fn revoke_device(&mut self, device: DeviceId) -> Result<()> {
        let now = self.now.wall.0;
        let sql = "UPDATE devices SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1";
        let done = sqlx::query(sql).bind(device.to_string()).bind(now).execute(self.connection()).await?;
        let (user, login, name) = self.changed_device(device, done.rows_affected()).await?;
        self.end_of_device(device, EndReason::Device).await?;
        self.end_sessions_of_device(device).await?;
        self.touch(Scope::user(user));
        self.audit(&Event::DeviceRevoked { user: login, device, name }).await
    }

    async fn changed_device(&mut self, device: DeviceId, rows: u64) -> Result<(UserId, String, String)> {
        let sql = "SELECT d.user_id, u.login, d.name FROM devices d JOIN users u ON u.id = d.user_id WHERE d.id = $1";
        let row = sqlx::query(sql).bind(device.to_string()).fetch_optional(self.connection()).await?;
        match row {
            None => Err(Error::NotFound("device")),
            Some(_) if rows == 0 => Err(Error::Revoked),
            Some(row) => Ok((row.parsed("user_id")?, row.text("login")?, row.text("name")?)),
        }
    }
}

fn device(row: &AnyRow) -> Result<Device> {
    Ok(Device {
        id: row.parsed("id")?,
        user: row.parsed("user_id")?,
        login: row.text("login")?,
        owner: row.text("owner")?,
        owner_role: row.parsed("owner_role")?,
        language: row.text("language")?,
        factor: row.maybe_integer("factor_confirmed_at")?.is_some(),
        owner_disabled: row.maybe_integer("owner_disabled_at")?.is_some(),
        name: row.text("name")?,
        public_key: row.text("public_key")?,
        address4: row.parsed("address4")?,
        address6: row.parsed("address6")?,
        endpoint: row.maybe_parsed("endpoint")?,
        heard_at: row.maybe_time("heard_at")?,
        disabled_at: row.maybe_time("disabled_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
        created_at: row.time("created_at")?,
        outside: row.integer("outside")? != 0,
    })
}
