//! Sets of people.

use std::collections::{BTreeMap, BTreeSet};

use super::row::{Columns as _, sought};
use super::{Error, Result, Scope, Store, Write, exists};
use crate::audit::Event;
use crate::ids::{GroupId, UserId};

/// A set of people.
#[derive(Clone, Debug)]
pub struct Group {
    /// Which one.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Logins of its members.
    pub members: Vec<String>,
}

impl Store {
    /// Every group, by name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn groups(&self) -> Result<Vec<Group>> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT id, name FROM groups ORDER BY name").fetch_all(&mut *tx).await?;
        let members = sqlx::query(
            "SELECT m.group_id, u.login FROM group_members m JOIN users u ON u.id = m.user_id ORDER BY u.login",
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut of = BTreeMap::<GroupId, Vec<String>>::new();
        for row in &members {
            of.entry(row.parsed("group_id")?).or_default().push(row.text("login")?);
        }
        rows.iter()
            .map(|row| {
                let id = row.parsed("id")?;
                Ok(Group { id, name: row.text("name")?, members: of.remove(&id).unwrap_or_default() })
            })
            .collect()
    }

    /// A group's id, by id or name.
    ///
    /// # Errors
    /// No such group.
    pub async fn group(&self, id_or_name: &str) -> Result<GroupId> {
        sqlx::query("SELECT id FROM groups WHERE id = $1 OR name = $1")
            .bind(sought(id_or_name))
            .fetch_optional(&self.reads)
            .await?
            .ok_or(Error::NotFound("group"))?
            .parsed("id")
    }
}

impl Write<'_> {
    /// Adds an empty group.
    ///
    /// # Errors
    /// The name is taken.
    pub async fn add_group(&mut self, name: &str) -> Result<GroupId> {
        let (id, now) = (GroupId::new(), self.now.wall.0);
        sqlx::query("INSERT INTO groups (id, name, created_at) VALUES ($1, $2, $3)")
            .bind(id.to_string())
            .bind(name)
            .bind(now)
            .execute(self.connection())
            .await
            .map_err(exists("group"))?;
        self.audit(&Event::GroupAdded { group: name.to_owned() }).await?;
        Ok(id)
    }

    /// Gives a group another name. What it may reach stays.
    ///
    /// # Errors
    /// No such group, or the name is taken.
    pub async fn rename_group(&mut self, group: GroupId, name: &str) -> Result<()> {
        let before: Option<String> = sqlx::query_scalar("SELECT name FROM groups WHERE id = $1")
            .bind(group.to_string())
            .fetch_optional(self.connection())
            .await?;
        let before = before.ok_or(Error::NotFound("group"))?;
        sqlx::query("UPDATE groups SET name = $2 WHERE id = $1")
            .bind(group.to_string())
            .bind(name)
            .execute(self.connection())
            .await
            .map_err(exists("group"))?;
        self.audit(&Event::GroupRenamed { group: name.to_owned(), before }).await
    }

    /// A group's id by its name, also of one that was added in this change.
    ///
    /// # Errors
    /// No such group.
    pub async fn group_named(&mut self, name: &str) -> Result<GroupId> {
        sqlx::query("SELECT id FROM groups WHERE name = $1")
            .bind(name)
            .fetch_optional(self.connection())
            .await?
            .ok_or(Error::NotFound("group"))?
            .parsed("id")
    }

    /// Removes a group, with the policies that name it.
    ///
    /// # Errors
    /// No such group.
    pub async fn remove_group(&mut self, group: GroupId) -> Result<()> {
        let touched = self.members(group).await?;
        let name: String = sqlx::query_scalar("DELETE FROM groups WHERE id = $1 RETURNING name")
            .bind(group.to_string())
            .fetch_optional(self.connection())
            .await?
            .ok_or(Error::NotFound("group"))?;
        self.audit(&Event::GroupRemoved { group: name }).await?;
        self.touch(Scope::Users(touched));
        Ok(())
    }

    /// Adds a member; nothing happens if they are one.
    ///
    /// # Errors
    /// No such group or user.
    pub async fn add_member(&mut self, group: GroupId, user: UserId) -> Result<()> {
        let login = self.login(user).await?;
        sqlx::query("INSERT INTO group_members (group_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(group.to_string())
            .bind(user.to_string())
            .execute(self.connection())
            .await?;
        self.note_groups(user, login).await
    }

    /// Removes a member.
    ///
    /// # Errors
    /// They are none.
    pub async fn remove_member(&mut self, group: GroupId, user: UserId) -> Result<()> {
        let login = self.login(user).await?;
        let done = sqlx::query("DELETE FROM group_members WHERE group_id = $1 AND user_id = $2")
            .bind(group.to_string())
            .bind(user.to_string())
            .execute(self.connection())
            .await?;
        if done.rows_affected() == 0 {
            return Err(Error::NotFound("member"));
        }
        self.note_groups(user, login).await
    }

    /// From now on exactly these are its members. The answer: who came or went.
    ///
    /// # Errors
    /// No such group or user.
    pub async fn set_members(&mut self, group: GroupId, members: &BTreeSet<UserId>) -> Result<BTreeSet<UserId>> {
        // The row is taken before its members are read: two changes at once would add up to what nobody asked for.
        let taken = sqlx::query("UPDATE groups SET name = name WHERE id = $1")
            .bind(group.to_string())
            .execute(self.connection())
            .await?;
        if taken.rows_affected() == 0 {
            return Err(Error::NotFound("group"));
        }
        let before = self.members(group).await?;
        for gone in before.difference(members) {
            self.remove_member(group, *gone).await?;
        }
        for new in members.difference(&before) {
            self.add_member(group, *new).await?;
        }
        Ok(before.symmetric_difference(members).copied().collect())
    }

    pub(super) async fn members(&mut self, group: GroupId) -> Result<BTreeSet<UserId>> {
        sqlx::query("SELECT user_id FROM group_members WHERE group_id = $1")
            .bind(group.to_string())
            .fetch_all(self.connection())
            .await?
            .iter()
            .map(|row| row.parsed("user_id"))
            .collect()
    }
}
