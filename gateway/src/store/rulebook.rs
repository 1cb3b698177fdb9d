//! People, groups, what is published and every policy as it is written: what a change of policies is previewed on.
//!
//! No device and no secret is read for it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use sqlx::AnyConnection;

use super::row::Columns as _;
use super::world::TimeZoneName;
use super::{Result, Store, Write, policies, resources};
use crate::ids::{GroupId, ResourceId, UserId};
use crate::pure::cut::{Cut, What, overlay};
use crate::pure::decide::{User, World};
use crate::pure::rule::Rules;

/// All of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Rulebook {
    /// People and resources; nothing else is in it.
    pub world: World,
    /// Every policy.
    pub rules: Rules,
    /// Login and name of everybody.
    pub people: BTreeMap<UserId, (String, String)>,
    /// Names of groups.
    pub groups: BTreeMap<GroupId, String>,
    /// Names of what is published.
    pub resources: BTreeMap<ResourceId, String>,
    /// In which hours of policies are.
    pub zone: TimeZone,
}

impl Store {
    /// What holds now.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn rulebook(&self) -> Result<Rulebook> {
        let cuts = self.waiting_cuts();
        let mut tx = self.read().await?;
        Ok(read(&mut tx).await?.less(&cuts))
    }
}

impl Write<'_> {
    /// What holds before this change.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn rulebook(&mut self) -> Result<Rulebook> {
        read(self.connection()).await
    }
}

impl Rulebook {
    fn less(mut self, cuts: &[Cut]) -> Self {
        overlay(&mut self.world, cuts);
        self.rules.retain(|id, _| cuts.iter().all(|cut| cut.what != What::RemovePolicy(*id)));
        self
    }
}

async fn read(connection: &mut AnyConnection) -> Result<Rulebook> {
    macro_rules! rows {
        ($sql:literal) => {
            sqlx::query($sql).fetch_all(&mut *connection).await?
        };
    }
    let published = resources::all(connection).await?;
    let mut world = World { resources: published.iter().map(|r| (r.id, r.message())).collect(), ..World::default() };
    let mut people = BTreeMap::new();
    for row in &rows!("SELECT id, login, name, disabled_at, factor_confirmed_at FROM users") {
        let id = row.parsed("id")?;
        let disabled = row.maybe_integer("disabled_at")?.is_some();
        let factor = row.maybe_integer("factor_confirmed_at")?.is_some();
        world.users.insert(id, User { disabled, factor, groups: BTreeSet::new() });
        people.insert(id, (row.text("login")?, row.text("name")?));
    }
    for row in &rows!("SELECT group_id, user_id FROM group_members") {
        if let Some(user) = world.users.get_mut(&row.parsed("user_id")?) {
            user.groups.insert(row.parsed("group_id")?);
        }
    }
    let groups = rows!("SELECT id, name FROM groups");
    let rules = rows!("SELECT id, group_id, resource_id, hours, until FROM policies");
    let site = sqlx::query("SELECT time_zone FROM site").fetch_one(&mut *connection).await?;
    Ok(Rulebook {
        world,
        rules: rules.iter().map(policies::rule).collect::<Result<_>>()?,
        people,
        groups: groups.iter().map(|row| Ok((row.parsed("id")?, row.text("name")?))).collect::<Result<_>>()?,
        resources: published.into_iter().map(|r| (r.id, r.name)).collect(),
        zone: site.parsed::<TimeZoneName>("time_zone")?.0,
    })
}
