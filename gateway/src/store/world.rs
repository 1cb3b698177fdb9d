//! The view of the world that decisions are made from, read in one transaction.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included};
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::tz::TimeZone;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::known::{Names, Person};
use super::row::Columns as _;
use super::{Error, Moment, Result, Scope, Store, integer, policies, resources};
use crate::clock::{Boot, Unix};
use crate::ids::UserId;
use crate::link::message::Key;
use crate::pure::cut::overlay;
use crate::pure::decide::{Device, User, Verification, World};

/// A device counts as recently active for this long: WireGuard's own life of a session (paper §6.1, Reject-After-Time).
pub const RECENT: Duration = Duration::from_secs(180);

/// Readings of the two clocks that differ by less are the same clock; by more, the wall clock was set.
const SAME_CLOCK_MS: u64 = 2000;

/// A load touching more users than this reads everything instead: one pass is cheaper than so many look-ups.
const MOST_USERS: usize = 64;

/// What was read, and when.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The epoch the database stood at.
    pub epoch: u64,
    /// Whom `world` covers.
    pub scope: Scope,
    /// Users, devices, policies and verifications of the scope; all resources.
    pub world: World,
    /// The resources with their names.
    pub resources: Vec<resources::Resource>,
}

impl Store {
    /// Reads the world for these users, or for everybody.
    ///
    /// # Errors
    /// The database does not answer, or a row cannot be read.
    pub async fn world(&self, scope: &Scope, now: Moment) -> Result<World> {
        let cuts = self.waiting_cuts();
        let mut tx = self.read().await?;
        let (mut world, ..) = self.load(&mut tx, scope, now).await?;
        overlay(&mut world, &cuts);
        Ok(world)
    }

    /// Reads what has changed since `last`, or everything; what was touched is forgotten only when this has succeeded.
    ///
    /// # Errors
    /// The database does not answer, or a row cannot be read.
    pub async fn load_since(&self, last: Option<u64>, now: Moment) -> Result<Loaded> {
        // Before the database is looked at: a cut that is stored meanwhile is in one of the two, or in both.
        let cuts = self.waiting_cuts();
        let mut tx = self.read().await?;
        let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM site").fetch_one(&mut *tx).await?;
        let epoch = u64::try_from(epoch).map_err(|_| Error::Unreadable("epoch"))?;
        let scope = self.scope_since(last, epoch);
        let (world, resources, names) = self.load(&mut tx, &scope, now).await?;
        self.touched().retain(|e, _| *e > epoch);
        let mut loaded = Loaded { epoch, scope, world, resources };
        self.known().learn(&loaded, names);
        overlay(&mut loaded.world, &cuts);
        Ok(loaded)
    }

    fn scope_since(&self, last: Option<u64>, epoch: u64) -> Scope {
        let Some(last) = last.filter(|l| *l <= epoch) else { return Scope::All };
        let touched = self.touched();
        // An epoch that nobody here announced was made by somebody else: read everything.
        let known =
            u64::try_from(touched.range((Excluded(last), Included(epoch))).count()).unwrap_or(0) == epoch - last;
        let none = Scope::Users(std::collections::BTreeSet::new());
        let scope = touched.range(..=epoch).map(|(_, s)| s.clone()).fold(none, Scope::and);
        match scope {
            Scope::Users(users) if known && users.len() <= MOST_USERS => Scope::Users(users),
            _ => Scope::All,
        }
    }

    async fn load(
        &self,
        connection: &mut AnyConnection,
        scope: &Scope,
        now: Moment,
    ) -> Result<(World, Vec<resources::Resource>, Names)> {
        let mut names = Names::default();
        let published = resources::all(connection).await?;
        let mut world =
            World { resources: published.iter().map(|r| (r.id, r.message())).collect(), ..World::default() };
        let ends = self.ends(now);
        match scope {
            Scope::All => self.load_users(connection, (&mut world, &mut names), None, now, &ends).await?,
            Scope::Users(users) => {
                for user in users {
                    self.load_users(connection, (&mut world, &mut names), Some(*user), now, &ends).await?;
                }
            }
        }
        Ok((world, published, names))
    }

    /// From wall-clock ends to boot-clock ends; the same end gives the same answer every time, unless the clock was set.
    fn ends(&self, now: Moment) -> impl Fn(Unix) -> Boot + use<> {
        let measured = now.wall.0.saturating_sub(integer(now.boot.0));
        let before = self.offset.load(Ordering::Relaxed);
        let same = before != i64::MIN && measured.abs_diff(before) < SAME_CLOCK_MS;
        let offset = if same { before } else { measured };
        self.offset.store(offset, Ordering::Relaxed);
        move |end: Unix| Boot(u64::try_from(end.0.saturating_sub(offset)).unwrap_or(0))
    }

    async fn load_users(
        &self,
        connection: &mut AnyConnection,
        (world, names): (&mut World, &mut Names),
        only: Option<UserId>,
        now: Moment,
        ends: &impl Fn(Unix) -> Boot,
    ) -> Result<()> {
        let only = only.map(|u| u.to_string()).unwrap_or_default();
        macro_rules! rows {
            ($sql:literal $(, $more:expr)*) => {
                sqlx::query($sql).bind(only.clone())$(.bind($more))*.fetch_all(&mut *connection).await?
            };
        }
        for row in &rows!(
            "SELECT id, login, name, language, role, disabled_at, factor_confirmed_at FROM users WHERE $1 = '' OR id = $1"
        ) {
            let person = Person {
                login: row.text("login")?,
                name: row.text("name")?,
                language: row.text("language")?,
                role: row.parsed("role")?,
            };
            names.people.insert(row.parsed("id")?, person);
            let user = User {
                disabled: row.maybe_integer("disabled_at")?.is_some(),
                factor: row.maybe_integer("factor_confirmed_at")?.is_some(),
                groups: std::collections::BTreeSet::new(),
            };
            world.users.insert(row.parsed("id")?, user);
        }
        for row in &rows!("SELECT group_id, user_id FROM group_members WHERE $1 = '' OR user_id = $1") {
            let user: UserId = row.parsed("user_id")?;
            if let Some(user) = world.users.get_mut(&user) {
                user.groups.insert(row.parsed("group_id")?);
            }
        }
        for row in &rows!("SELECT * FROM devices WHERE $1 = '' OR user_id = $1") {
            let id = row.parsed("id")?;
            names.devices.insert(id, row.text("name")?);
            world.devices.insert(id, self.device_of(row, now)?);
        }
        for row in &rows!(
            "SELECT p.*, s.time_zone FROM policies p CROSS JOIN site s \
             WHERE $1 = '' OR p.group_id IN (SELECT group_id FROM group_members WHERE user_id = $1)"
        ) {
            let (id, rule) = policies::rule(row)?;
            let zone = match rule.hours {
                Some(_) => row.parsed::<TimeZoneName>("time_zone")?.0,
                None => TimeZone::UTC,
            };
            world.policies.insert(id, rule.at(&zone, now.wall, ends));
        }
        let running = rows!(
            "SELECT id, device_id, until_boot FROM verifications WHERE ($1 = '' OR user_id = $1) AND ended_at IS NULL \
             AND boot_id = $2 AND until_boot > $3",
            self.boot_id.clone(),
            integer(now.boot.0)
        );
        let open = running.iter().map(|row| {
            let until = Boot(row.integer("until_boot")?.unsigned_abs());
            Ok((row.parsed("device_id")?, Verification { id: row.parsed("id")?, until }))
        });
        world.verifications.append(&mut open.collect::<Result<BTreeMap<_, _>>>()?);
        Ok(())
    }

    fn device_of(&self, row: &AnyRow, now: Moment) -> Result<Device> {
        let heard = row.maybe_time("heard_at")?;
        Ok(Device {
            user: row.parsed("user_id")?,
            public_key: Key::try_from(row.text("public_key")?).map_err(|_| Error::Unreadable("public_key"))?,
            preshared_key: self.preshared_key_of(row)?,
            address4: row.parsed("address4")?,
            address6: row.parsed("address6")?,
            endpoint: row.maybe_parsed("endpoint")?,
            recent: heard.is_some_and(|at| now.wall.0.abs_diff(at.0) < u64::try_from(RECENT.as_millis()).unwrap_or(0)),
            disabled: row.maybe_integer("disabled_at")?.is_some(),
            revoked: row.maybe_integer("revoked_at")?.is_some(),
        })
    }
}

pub(super) struct TimeZoneName(pub TimeZone);

impl std::str::FromStr for TimeZoneName {
    type Err = jiff::Error;
    fn from_str(name: &str) -> std::result::Result<Self, jiff::Error> {
        TimeZone::get(name).map(Self)
    }
}
