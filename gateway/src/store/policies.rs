//! Which group may reach which resource.

use sqlx::any::AnyRow;

use super::resources::ResourceKind;
use super::row::Columns as _;
use super::{Error, Result, Scope, Store, Write, exists};
use crate::audit::Event;
use crate::clock::Unix;
use crate::ids::{GroupId, PolicyId, ResourceId};
use crate::pure::hours::Hours;
use crate::pure::rule::Rule;

/// A group may reach a resource.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Which one.
    pub id: PolicyId,
    /// Who.
    pub group: GroupId,
    /// The group's name.
    pub group_name: String,
    /// What.
    pub resource: ResourceId,
    /// The resource's name.
    pub resource_name: String,
    /// What kind of thing it is.
    pub kind: ResourceKind,
    /// When in the week, in the office's time zone; always if absent.
    pub hours: Option<Hours>,
    /// Until when, if it has an end.
    pub until: Option<Unix>,
    /// Made.
    pub created_at: Unix,
}

impl Store {
    /// Every policy, by group and resource.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn policies(&self) -> Result<Vec<Policy>> {
        let rows = sqlx::query(
            "SELECT p.*, g.name AS group_name, r.name AS resource_name, r.kind FROM policies p \
             JOIN groups g ON g.id = p.group_id JOIN resources r ON r.id = p.resource_id ORDER BY g.name, r.name",
        )
        .fetch_all(&self.reads)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Policy {
                    id: row.parsed("id")?,
                    group: row.parsed("group_id")?,
                    group_name: row.text("group_name")?,
                    resource: row.parsed("resource_id")?,
                    resource_name: row.text("resource_name")?,
                    kind: row.parsed("kind")?,
                    hours: row.maybe_parsed("hours")?,
                    until: row.maybe_time("until")?,
                    created_at: row.time("created_at")?,
                })
            })
            .collect()
    }
}

/// A row of policies as what decides takes it.
pub(super) fn rule(row: &AnyRow) -> Result<(PolicyId, Rule)> {
    let rule = Rule {
        group: row.parsed("group_id")?,
        resource: row.parsed("resource_id")?,
        hours: row.maybe_parsed("hours")?,
        until: row.maybe_time("until")?,
    };
    Ok((row.parsed("id")?, rule))
}

impl Write<'_> {
    /// Lets a group reach a resource.
    ///
    /// # Errors
    /// It does already.
    pub async fn add_policy(
        &mut self,
        group: GroupId,
        resource: ResourceId,
        hours: Option<&Hours>,
        until: Option<Unix>,
    ) -> Result<PolicyId> {
        let (id, now) = (PolicyId::new(), self.now.wall.0);
        let sql = "INSERT INTO policies (id, group_id, resource_id, hours, until, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let hours = hours.map(ToString::to_string);
        sqlx::query(sql)
            .bind(id.to_string())
            .bind(group.to_string())
            .bind(resource.to_string())
            .bind(hours.clone())
            .bind(until.map(|t| t.0))
            .bind(now)
            .execute(self.connection())
            .await
            .map_err(exists(
                "policy for this group and this resource, perhaps with other hours or another end (remove it first),",
            ))?;
        let (group_name, resource_name) = self.policy_names(group, resource).await?;
        let touched = self.members(group).await?;
        self.touch(Scope::Users(touched));
        let (group, resource) = (group_name, resource_name);
        self.audit(&Event::PolicyAdded { policy: id, group, resource, hours, until }).await?;
        Ok(id)
    }

    /// Takes a policy back.
    ///
    /// # Errors
    /// No such policy.
    pub async fn remove_policy(&mut self, id: PolicyId) -> Result<()> {
        let row = sqlx::query("DELETE FROM policies WHERE id = $1 RETURNING group_id, resource_id")
            .bind(id.to_string())
            .fetch_optional(self.connection())
            .await?
            .ok_or(Error::NotFound("policy"))?;
        let (group, resource) = (row.parsed("group_id")?, row.parsed("resource_id")?);
        let (group_name, resource_name) = self.policy_names(group, resource).await?;
        let touched = self.members(group).await?;
        self.touch(Scope::Users(touched));
        self.audit(&Event::PolicyRemoved { policy: id, group: group_name, resource: resource_name }).await
    }

    async fn policy_names(&mut self, group: GroupId, resource: ResourceId) -> Result<(String, String)> {
        let row =
            sqlx::query("SELECT g.name AS a, r.name AS b FROM groups g, resources r WHERE g.id = $1 AND r.id = $2")
                .bind(group.to_string())
                .bind(resource.to_string())
                .fetch_one(self.connection())
                .await?;
        Ok((row.text("a")?, row.text("b")?))
    }
}
