//! What is published: shares, services, workstations and whole networks; their names, real addresses and aliases.
//!
//! A machine is a network of one address, so both are held and treated alike.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::{Ipv4Net, Ipv6Net};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::row::{Columns as _, words};
use super::{Error, Result, Scope, Store, Write, exists};
use crate::audit::Event;
use crate::clock::Unix;
use crate::ids::{ResourceId, UserId};
use crate::link::message::{self, Alias, Ports};

words! {
    /// What kind of thing is published.
    ResourceKind {
        /// A file server: SMB, TCP 445.
        Share = "share",
        /// Ports of some other machine.
        Service = "service",
        /// An office PC: RDP, TCP 3389.
        Workstation = "workstation",
        /// A whole network of the office, address by address.
        Network = "network",
    }
}

/// Something of the office that can be reached.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Which one.
    pub id: ResourceId,
    /// What it is.
    pub kind: ResourceKind,
    /// Its name: one DNS label.
    pub name: String,
    /// More names, fully qualified, lower case, without final dot.
    pub dns_names: Vec<String>,
    /// In the office.
    pub real4: Option<Ipv4Net>,
    /// In the office.
    pub real6: Option<Ipv6Net>,
    /// In the site network, of the same length as the real one.
    pub alias4: Option<Ipv4Net>,
    /// In the site network, of the same length as the real one.
    pub alias6: Option<Ipv6Net>,
    /// What a policy opens.
    pub ports: Vec<Ports>,
    /// Published.
    pub created_at: Unix,
}

/// Something to publish.
#[derive(Clone, Debug)]
pub struct NewResource {
    /// What it is.
    pub kind: ResourceKind,
    /// One DNS label, lower case.
    pub name: String,
    /// More names, fully qualified, lower case, without final dot.
    pub dns_names: Vec<String>,
    /// At least one of the two; one address, but for a network.
    pub real4: Option<Ipv4Net>,
    /// At least one of the two; one address, but for a network.
    pub real6: Option<Ipv6Net>,
    /// What a policy opens.
    pub ports: Vec<Ports>,
}

/// What may be changed of something published, beside its address.
#[derive(Clone, Debug, Default)]
pub struct ResourceChange {
    /// One DNS label, lower case.
    pub name: Option<String>,
    /// More names, fully qualified, lower case, without final dot: exactly these.
    pub dns_names: Option<Vec<String>>,
    /// What a policy opens: exactly these.
    pub ports: Option<Vec<Ports>>,
}

impl Resource {
    /// As the data plane knows it.
    #[must_use]
    pub fn message(&self) -> message::Resource {
        message::Resource {
            resource: self.id,
            v4: self.alias4.zip(self.real4).map(|(alias, real)| Alias { alias, real }),
            v6: self.alias6.zip(self.real6).map(|(alias, real)| Alias { alias, real }),
            ports: self.ports.clone(),
            desktop: self.kind == ResourceKind::Workstation,
        }
    }
}

impl Store {
    /// Everything published, by name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn resources(&self) -> Result<Vec<Resource>> {
        let mut tx = self.read().await?;
        all(&mut tx).await
    }

    /// A resource, by id or name.
    ///
    /// # Errors
    /// No such resource.
    pub async fn resource(&self, id_or_name: &str) -> Result<Resource> {
        let wanted = id_or_name.to_lowercase();
        self.resources()
            .await?
            .into_iter()
            .find(|r| r.name == wanted || r.id.to_string() == wanted)
            .ok_or(Error::NotFound("resource"))
    }
}

/// Everything published, within somebody's transaction.
pub(super) async fn all(connection: &mut AnyConnection) -> Result<Vec<Resource>> {
    let rows = sqlx::query("SELECT * FROM resources ORDER BY name").fetch_all(&mut *connection).await?;
    let names =
        sqlx::query("SELECT resource_id, name FROM resource_names ORDER BY position").fetch_all(connection).await?;
    let mut of = BTreeMap::<ResourceId, Vec<String>>::new();
    for row in &names {
        of.entry(row.parsed("resource_id")?).or_default().push(row.text("name")?);
    }
    rows.iter()
        .map(|row| {
            let mut resource = resource(row)?;
            resource.dns_names = of.remove(&resource.id).unwrap_or_default();
            Ok(resource)
        })
        .collect()
}

impl Write<'_> {
    /// Publishes something, with aliases nobody ever had.
    ///
    /// # Errors
    /// One of its names is in use; the site network is full, or the network too wide for it.
    pub async fn add_resource(&mut self, new: &NewResource) -> Result<ResourceId> {
        let (alias4, alias6) = match new.kind {
            ResourceKind::Network => self.next_alias_network(new.real4.map_or(32, |n| n.prefix_len())).await?,
            _ => self.next_alias().await?,
        };
        let (id, now) = (ResourceId::new(), self.now.wall.0);
        let ports = serde_json::to_string(&new.ports).map_err(|_| Error::Unreadable("ports"))?;
        sqlx::query(
            "INSERT INTO resources (id, kind, name, real4, real6, alias4, alias6, ports, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(id.to_string())
        .bind(new.kind.word())
        .bind(&new.name)
        .bind(new.real4.map(|a| a.to_string()))
        .bind(new.real6.map(|a| a.to_string()))
        .bind(alias4.to_string())
        .bind(alias6.to_string())
        .bind(ports)
        .bind(now)
        .execute(self.connection())
        .await
        .map_err(exists("name of something published"))?;
        self.add_names(id, &new.dns_names).await?;
        self.audit(&Event::ResourceAdded { resource: new.name.clone(), kind: new.kind.word() }).await?;
        self.touch(Scope::Users(BTreeSet::new()));
        Ok(id)
    }

    /// The machine has moved within the office.
    ///
    /// # Errors
    /// No such resource.
    pub async fn move_resource(
        &mut self,
        id: ResourceId,
        real4: Option<Ipv4Net>,
        real6: Option<Ipv6Net>,
    ) -> Result<()> {
        let (text4, text6) = (real4.map(|a| a.to_string()), real6.map(|a| a.to_string()));
        let row =
            sqlx::query("UPDATE resources SET real4 = $2, real6 = $3 WHERE id = $1 RETURNING name, alias4, alias6")
                .bind(id.to_string())
                .bind(text4.clone())
                .bind(text6.clone())
                .fetch_optional(self.connection())
                .await?
                .ok_or(Error::NotFound("resource"))?;
        let name = row.text("name")?;
        let (room4, room6): (Ipv4Net, Ipv6Net) = (row.parsed("alias4")?, row.parsed("alias6")?);
        let fits = real4.is_none_or(|n| n.prefix_len() >= room4.prefix_len())
            && real6.is_none_or(|n| n.prefix_len() >= room6.prefix_len());
        if !fits {
            return Err(Error::Wider);
        }
        self.touch(Scope::Users(BTreeSet::new()));
        self.audit(&Event::ResourceMoved { resource: name, address4: text4, address6: text6 }).await
    }

    /// Another name, other DNS names, other ports; what is absent stays.
    ///
    /// # Errors
    /// No such resource, or one of the names is in use.
    pub async fn change_resource(&mut self, id: ResourceId, change: &ResourceChange) -> Result<()> {
        let ports = change.ports.as_ref().map(serde_json::to_string).transpose();
        let former: String = sqlx::query_scalar("SELECT name FROM resources WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(self.connection())
            .await?
            .ok_or(Error::NotFound("resource"))?;
        let name: String = sqlx::query_scalar(
            "UPDATE resources SET name = COALESCE($2, name), ports = COALESCE($3, ports) WHERE id = $1 RETURNING name",
        )
        .bind(id.to_string())
        .bind(change.name.clone())
        .bind(ports.map_err(|_| Error::Unreadable("ports"))?)
        .fetch_one(self.connection())
        .await
        .map_err(exists("name of something published"))?;
        if let Some(names) = &change.dns_names {
            sqlx::query("DELETE FROM resource_names WHERE resource_id = $1")
                .bind(id.to_string())
                .execute(self.connection())
                .await?;
            self.add_names(id, names).await?;
        }
        self.touch(Scope::Users(BTreeSet::new()));
        let ResourceChange { dns_names, ports, .. } = change.clone();
        self.audit(&Event::ResourceChanged { resource: name, former, dns_names, ports }).await
    }

    async fn add_names(&mut self, id: ResourceId, names: &[String]) -> Result<()> {
        for (position, name) in (0_i64..).zip(names) {
            sqlx::query("INSERT INTO resource_names (name, resource_id, position) VALUES ($1, $2, $3)")
                .bind(name)
                .bind(id.to_string())
                .bind(position)
                .execute(self.connection())
                .await
                .map_err(exists("DNS name of something published"))?;
        }
        Ok(())
    }

    /// Takes something back, with the policies that name it.
    ///
    /// # Errors
    /// No such resource.
    pub async fn remove_resource(&mut self, id: ResourceId) -> Result<()> {
        let touched = self.entitled_to(id).await?;
        let name: String = sqlx::query_scalar("DELETE FROM resources WHERE id = $1 RETURNING name")
            .bind(id.to_string())
            .fetch_optional(self.connection())
            .await?
            .ok_or(Error::NotFound("resource"))?;
        self.touch(Scope::Users(touched));
        self.audit(&Event::ResourceRemoved { resource: name }).await
    }

    async fn entitled_to(&mut self, id: ResourceId) -> Result<BTreeSet<UserId>> {
        sqlx::query(
            "SELECT DISTINCT m.user_id FROM group_members m JOIN policies p ON p.group_id = m.group_id \
             WHERE p.resource_id = $1",
        )
        .bind(id.to_string())
        .fetch_all(self.connection())
        .await?
        .iter()
        .map(|row| row.parsed("user_id"))
        .collect()
    }
}

fn resource(row: &AnyRow) -> Result<Resource> {
    let (real4, real6): (Option<Ipv4Net>, Option<Ipv6Net>) = (row.maybe_parsed("real4")?, row.maybe_parsed("real6")?);
    let (room4, room6): (Ipv4Net, Ipv6Net) = (row.parsed("alias4")?, row.parsed("alias6")?);
    Ok(Resource {
        id: row.parsed("id")?,
        kind: row.parsed("kind")?,
        name: row.text("name")?,
        dns_names: Vec::new(),
        alias4: real4.and_then(|real| Ipv4Net::new(room4.addr(), real.prefix_len()).ok()),
        alias6: real6.and_then(|real| Ipv6Net::new(room6.addr(), real.prefix_len()).ok()),
        real4,
        real6,
        ports: serde_json::from_str(&row.text("ports")?).map_err(|_| Error::Unreadable("ports"))?,
        created_at: row.time("created_at")?,
    })
}
