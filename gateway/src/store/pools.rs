//! Pools: office PCs with the same licensed program, and how many of them may be used at once.

use std::collections::BTreeMap;

use super::row::Columns as _;
use super::{Error, Result, Store, Write, exists};
use crate::audit::Event;
use crate::ids::{PoolId, ResourceId};
use crate::pure::booking::Freed;

/// A set of office PCs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Which one.
    pub id: PoolId,
    /// What IT says of it.
    pub rules: Rules,
    /// Its PCs, by name.
    pub members: Vec<(ResourceId, String)>,
}

/// What IT says of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Its name: the program's, most often.
    pub name: String,
    /// How many of them may be used at once; all, if absent.
    pub seats: Option<u32>,
    /// The longest booking, in minutes; 0: none.
    pub longest_booking_minutes: u32,
    /// A desktop there ends after so many minutes without use; 0: never; absent: as the site has it.
    pub desktop_idle_minutes: Option<u32>,
    /// … and after so many in all.
    pub desktop_longest_minutes: Option<u32>,
}

impl Pool {
    /// How many of its PCs may be used at once.
    #[must_use]
    pub fn most(&self) -> usize {
        self.rules.seats.and_then(|seats| usize::try_from(seats).ok()).unwrap_or(usize::MAX)
    }
}

impl Store {
    /// Every pool, by name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn pools(&self) -> Result<Vec<Pool>> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT * FROM pools ORDER BY name, id").fetch_all(&mut *tx).await?;
        let members = sqlx::query(
            "SELECT m.pool_id, r.id, r.name FROM pool_members m JOIN resources r ON r.id = m.resource_id ORDER BY r.name",
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut of = BTreeMap::<PoolId, Vec<_>>::new();
        for row in &members {
            of.entry(row.parsed("pool_id")?).or_default().push((row.parsed("id")?, row.text("name")?));
        }
        let number = |n: Option<i64>, column| n.map(|n| u32::try_from(n).map_err(|_| Error::Unreadable(column)));
        rows.iter()
            .map(|row| {
                let id = row.parsed("id")?;
                let rules = Rules {
                    name: row.text("name")?,
                    seats: number(row.maybe_integer("seats")?, "seats").transpose()?,
                    longest_booking_minutes: row.count("longest_booking_minutes")?,
                    desktop_idle_minutes: number(row.maybe_integer("desktop_idle_minutes")?, "desktop_idle_minutes")
                        .transpose()?,
                    desktop_longest_minutes: number(
                        row.maybe_integer("desktop_longest_minutes")?,
                        "desktop_longest_minutes",
                    )
                    .transpose()?,
                };
                Ok(Pool { id, rules, members: of.remove(&id).unwrap_or_default() })
            })
            .collect()
    }

    /// A pool, by id or name.
    ///
    /// # Errors
    /// No such pool.
    pub async fn pool(&self, id_or_name: &str) -> Result<Pool> {
        let all = self.pools().await?;
        let is = |p: &Pool| p.id.to_string() == id_or_name || p.rules.name == id_or_name;
        all.into_iter().find(is).ok_or(Error::NotFound("pool"))
    }
}

impl Write<'_> {
    /// Adds a pool.
    ///
    /// # Errors
    /// The name is taken, or a PC is in another pool already.
    pub async fn add_pool(&mut self, rules: &Rules, members: &[ResourceId]) -> Result<PoolId> {
        let (id, now) = (PoolId::new(), self.now.wall.0);
        let sql = "INSERT INTO pools (id, name, seats, longest_booking_minutes, desktop_idle_minutes, desktop_longest_minutes, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        sqlx::query(sql)
            .bind(id.to_string())
            .bind(rules.name.clone())
            .bind(rules.seats.map(i64::from))
            .bind(i64::from(rules.longest_booking_minutes))
            .bind(rules.desktop_idle_minutes.map(i64::from))
            .bind(rules.desktop_longest_minutes.map(i64::from))
            .bind(now)
            .execute(self.connection())
            .await
            .map_err(exists("pool"))?;
        let workstations = self.set_pool_members(id, members).await?;
        self.audit(&Event::PoolAdded { pool: rules.name.clone(), workstations, seats: rules.seats }).await?;
        Ok(id)
    }

    /// Changes a pool: all of it anew.
    ///
    /// # Errors
    /// No such pool, the name is taken, or a PC is in another pool already.
    pub async fn change_pool(&mut self, id: PoolId, rules: &Rules, members: &[ResourceId]) -> Result<()> {
        let sql = "UPDATE pools SET name = $2, seats = $3, longest_booking_minutes = $4, desktop_idle_minutes = $5, desktop_longest_minutes = $6 WHERE id = $1";
        let done = sqlx::query(sql)
            .bind(id.to_string())
            .bind(rules.name.clone())
            .bind(rules.seats.map(i64::from))
            .bind(i64::from(rules.longest_booking_minutes))
            .bind(rules.desktop_idle_minutes.map(i64::from))
            .bind(rules.desktop_longest_minutes.map(i64::from))
            .execute(self.connection())
            .await
            .map_err(exists("pool"))?;
        if done.rows_affected() == 0 {
            return Err(Error::NotFound("pool"));
        }
        let workstations = self.set_pool_members(id, members).await?;
        let Rules { name: pool, seats, longest_booking_minutes, desktop_idle_minutes, desktop_longest_minutes } =
            rules.clone();
        self.audit(&Event::PoolChanged {
            pool,
            workstations,
            seats,
            longest_booking_minutes,
            desktop_idle_minutes,
            desktop_longest_minutes,
        })
        .await
    }

    async fn set_pool_members(&mut self, id: PoolId, members: &[ResourceId]) -> Result<Vec<String>> {
        let gone = sqlx::query("DELETE FROM pool_members WHERE pool_id = $1").bind(id.to_string());
        gone.execute(self.connection()).await?;
        let mut names = Vec::new();
        for member in members {
            let sql = "INSERT INTO pool_members (resource_id, pool_id) SELECT id, $2 FROM resources \
                       WHERE id = $1 AND kind = 'workstation'";
            let done = sqlx::query(sql)
                .bind(member.to_string())
                .bind(id.to_string())
                .execute(self.connection())
                .await
                .map_err(exists("workstation in another pool, or twice in this list,"))?;
            if done.rows_affected() == 0 {
                return Err(Error::NotFound("workstation"));
            }
            let name = sqlx::query_scalar("SELECT name FROM resources WHERE id = $1").bind(member.to_string());
            names.push(name.fetch_one(self.connection()).await?);
        }
        // What was booked of a PC that is in no pool any more would keep it from others, and nobody would see it.
        for booking in self.loose_bookings().await? {
            self.free_booking(&booking, Freed::It).await?;
        }
        Ok(names)
    }

    /// Removes a pool; its PCs stay, what was booked of them does not.
    ///
    /// # Errors
    /// No such pool.
    pub async fn remove_pool(&mut self, id: PoolId) -> Result<()> {
        self.set_pool_members(id, &[]).await?;
        let name: String = sqlx::query_scalar("DELETE FROM pools WHERE id = $1 RETURNING name")
            .bind(id.to_string())
            .fetch_optional(self.connection())
            .await?
            .ok_or(Error::NotFound("pool"))?;
        self.audit(&Event::PoolRemoved { pool: name }).await
    }
}
