//! Agents of office PCs, and the tokens by which they are enrolled.
//!
//! An agent is known by its key alone. Until IT has said which PC it is, nothing is made of what it tells.

use std::collections::{BTreeMap, BTreeSet};

use agent::facts::Facts;
use agent::message::Leaving;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::row::{Columns as _, sought};
use super::{Error, Moment, Result, Scope, Store, Write, exists};
use crate::audit::{Actor, Event};
use crate::clock::Unix;
use crate::ids::{AgentId, AgentTokenId, ResourceId};

/// A token by which PCs are enrolled, without its secret.
#[derive(Clone, Debug)]
pub struct AgentToken {
    /// Which one.
    pub id: AgentTokenId,
    /// Its name, for people.
    pub name: String,
    /// How many PCs it may enrol yet.
    pub uses: u32,
    /// Whom it approves, by what they call themselves; all others wait for IT.
    pub hosts: BTreeMap<String, Expected>,
    /// The one PC it was made for.
    pub resource: Option<ResourceId>,
    /// Who made it.
    pub created_by: String,
    /// Made.
    pub created_at: Unix,
    /// Its end.
    pub until: Unix,
    /// Taken back.
    pub revoked_at: Option<Unix>,
}

/// A PC that IT listed beforehand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Which one it is; nothing: one that is published under its name, or a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workstation: Option<ResourceId>,
    /// The agent that came as it: no other does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came: Option<AgentId>,
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewAgentToken {
    /// As in [`AgentToken`].
    pub name: String,
    /// As in [`AgentToken`].
    pub uses: u32,
    /// As in [`AgentToken`]; names in lower case.
    pub hosts: BTreeMap<String, Option<ResourceId>>,
    /// As in [`AgentToken`].
    pub resource: Option<ResourceId>,
    /// As in [`AgentToken`].
    pub until: Unix,
}

/// The agent of one PC.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Which one.
    pub id: AgentId,
    /// What the PC calls itself.
    pub host: String,
    /// Which PC it is, once IT has said so.
    pub resource: Option<ResourceId>,
    /// Name of the token that enrolled it.
    pub token: String,
    /// Its own version.
    pub program: String,
    /// What it told last, without people.
    pub facts: Option<Facts>,
    /// Last heard, to the minute.
    pub heard_at: Option<Unix>,
    /// How it left, and when, if it said so and has not come back.
    pub gone: Option<(Leaving, Unix)>,
    /// Enrolled.
    pub enrolled_at: Unix,
    /// Approved by IT.
    pub approved_at: Option<Unix>,
    /// Taken back.
    pub revoked_at: Option<Unix>,
}

/// An agent that has just been enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Which one.
    pub id: AgentId,
    /// What the token says of it in IT's place.
    pub says: Says,
}

/// What a token says of who shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// It is this PC.
    Is(ResourceId),
    /// IT listed it in this token.
    Listed(AgentTokenId, Expected),
    /// Nothing: IT looks for itself.
    Nothing,
}

/// What an agent told last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub heard_at: Unix,
    /// How it left, and when, if it did.
    pub gone: Option<(Leaving, Unix)>,
    /// Its version and what it saw, if that is new.
    pub facts: Option<(String, Facts)>,
}

impl Store {
    /// Every token, newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn agent_tokens(&self) -> Result<Vec<AgentToken>> {
        let rows = sqlx::query("SELECT * FROM agent_tokens ORDER BY id DESC").fetch_all(&self.reads).await?;
        rows.iter().map(token).collect()
    }

    /// Every agent, revoked ones too, newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn agents(&self) -> Result<Vec<Agent>> {
        let rows = sqlx::query("SELECT * FROM agents ORDER BY id DESC").fetch_all(&self.reads).await?;
        rows.iter().map(agent).collect()
    }

    /// The agent with this key, revoked or not.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn agent_by_key(&self, key_hash: &str) -> Result<Option<Agent>> {
        let row = sqlx::query("SELECT * FROM agents WHERE key_hash = $1").bind(key_hash);
        row.fetch_optional(&self.reads).await?.as_ref().map(agent).transpose()
    }

    /// An agent by id, or one that is not revoked by the name of its PC.
    ///
    /// # Errors
    /// There is none, or several PCs call themselves so, or the database does not answer.
    pub async fn agent(&self, which: &str) -> Result<Agent> {
        self.sought_agent(which, "").await
    }

    /// The same of those that wait for IT: by its name, one that was approved cannot take another's place.
    ///
    /// # Errors
    /// As [`Store::agent`].
    pub async fn agent_to_approve(&self, which: &str) -> Result<Agent> {
        self.sought_agent(which, "AND approved_at IS NULL").await
    }

    async fn sought_agent(&self, which: &str, and: &'static str) -> Result<Agent> {
        let sql =
            format!("SELECT * FROM agents WHERE id = $1 OR (LOWER(host) = LOWER($1) AND revoked_at IS NULL {and})");
        let sql = sqlx::AssertSqlSafe(sql);
        let rows = sqlx::query(sql).bind(sought(which)).fetch_all(&self.reads).await?;
        let found: Vec<Agent> = rows.iter().map(agent).collect::<Result<_>>()?;
        if let Some(agent) = found.iter().find(|agent| agent.id.to_string() == which) {
            return Ok(agent.clone());
        }
        match found.as_slice() {
            [agent] => Ok(agent.clone()),
            _ => Err(Error::NotFound("agent")),
        }
    }

    /// Enrols a PC: the token is spent and the key becomes an agent's, both or neither. Nothing: the token is wrong, used
    /// up, over or taken back.
    ///
    /// # Errors
    /// [`Error::Exists`]: the key is known already; or the database does not answer.
    pub async fn enrol(&self, secret_hash: &str, host: &str, key_hash: &str, now: Moment) -> Result<Option<Enrolled>> {
        // A stranger's guess holds nobody up who writes.
        let known = sqlx::query("SELECT id FROM agent_tokens WHERE token_hash = $1").bind(secret_hash);
        if known.fetch_optional(&self.reads).await?.is_none() {
            return Ok(None);
        }
        let mut write = self.write(now, Actor::Nobody).await?;
        let spent = sqlx::query(
            "UPDATE agent_tokens SET uses = uses - 1 WHERE token_hash = $1 AND uses > 0 AND revoked_at IS NULL \
             AND until > $2 AND created_at <= $2 RETURNING *",
        )
        .bind(secret_hash)
        .bind(now.wall.0)
        .fetch_optional(write.connection())
        .await?;
        let Some(token) = spent.as_ref().map(token).transpose()? else { return Ok(None) };
        let id = AgentId::new();
        sqlx::query(
            "INSERT INTO agents (id, host, key_hash, token, program, enrolled_at) VALUES ($1, $2, $3, $4, '', $5)",
        )
        .bind(id.to_string())
        .bind(host)
        .bind(key_hash)
        .bind(&token.name)
        .bind(now.wall.0)
        .execute(write.connection())
        .await
        .map_err(exists("key of an agent"))?;
        let told = Event::AgentEnrolled { agent: id, host: host.to_owned(), token: token.name };
        write.audit(&told).await?;
        write.commit().await?;
        let says = match (token.resource, token.hosts.get(&host.to_lowercase())) {
            (Some(resource), _) => Says::Is(resource),
            (None, Some(expected)) => Says::Listed(token.id, *expected),
            (None, None) => Says::Nothing,
        };
        Ok(Some(Enrolled { id, says }))
    }
}

impl Write<'_> {
    /// Adds a token.
    ///
    /// # Errors
    /// No such PC, or the database does not answer.
    pub async fn add_agent_token(&mut self, new: &NewAgentToken, hash: &str) -> Result<AgentTokenId> {
        let (id, now, by) = (AgentTokenId::new(), self.now.wall.0, self.actor.to_string());
        let expected = |workstation: &Option<ResourceId>| Expected { workstation: *workstation, came: None };
        let hosts = written(&new.hosts.iter().map(|(host, pc)| (host.clone(), expected(pc))).collect())?;
        sqlx::query(
            "INSERT INTO agent_tokens (id, name, token_hash, uses, hosts, resource_id, created_by, created_at, until) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(id.to_string())
        .bind(&new.name)
        .bind(hash)
        .bind(i64::from(new.uses))
        .bind(hosts)
        .bind(new.resource.map(|r| r.to_string()))
        .bind(by)
        .bind(now)
        .bind(new.until.0)
        .execute(self.connection())
        .await?;
        let NewAgentToken { name, uses, until, .. } = new.clone();
        let hosts: Vec<String> = new.hosts.keys().cloned().collect();
        let approves = new.resource.is_some() || !hosts.is_empty();
        self.audit(&Event::AgentTokenAdded { token: name, uses, approves, hosts, until }).await?;
        Ok(id)
    }

    /// Takes a token back, for good.
    ///
    /// # Errors
    /// No such token, or taken back already.
    pub async fn revoke_agent_token(&mut self, id: AgentTokenId) -> Result<()> {
        let sql = "UPDATE agent_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING name";
        let now = self.now.wall.0;
        let name: Option<String> =
            sqlx::query_scalar(sql).bind(id.to_string()).bind(now).fetch_optional(self.connection()).await?;
        self.audit(&Event::AgentTokenRevoked { token: name.ok_or(Error::NotFound("token"))? }).await
    }

    /// Somebody came as this PC of the token's list: nobody else does by it.
    ///
    /// # Errors
    /// No such token, or no such PC in its list.
    pub async fn came(&mut self, token: AgentTokenId, host: &str, agent: AgentId) -> Result<()> {
        // The row is taken before it is read: two at once would lose one of them.
        let sql = "UPDATE agent_tokens SET uses = uses WHERE id = $1 RETURNING hosts";
        let row = sqlx::query(sql).bind(token.to_string()).fetch_optional(self.connection()).await?;
        let mut hosts = listed(&row.ok_or(Error::NotFound("token"))?)?;
        hosts.get_mut(&host.to_lowercase()).ok_or(Error::NotFound("PC of this token"))?.came = Some(agent);
        let sql = "UPDATE agent_tokens SET hosts = $2 WHERE id = $1";
        sqlx::query(sql).bind(token.to_string()).bind(written(&hosts)?).execute(self.connection()).await?;
        Ok(())
    }

    /// What an agent told, for when it is away: when it was heard last, whether it said that it leaves, what it saw. People
    /// are left out of it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_agent(&mut self, id: AgentId, told: &Told) -> Result<()> {
        let kept = told.facts.as_ref().map(|(_, facts)| Facts { sessions: None, ..facts.clone() });
        let text = kept.as_ref().map(serde_json::to_string).transpose().map_err(|_| Error::Unreadable("facts"))?;
        // A PC without a name keeps the one it was enrolled by.
        let host = kept.map(|facts| facts.host).filter(|host| !host.is_empty());
        let sql = "UPDATE agents SET heard_at = $2, gone = $3, gone_at = $4, \
                   host = CASE WHEN resource_id IS NULL THEN host ELSE COALESCE($5, host) END, \
                   program = COALESCE($6, program), facts = COALESCE($7, facts) WHERE id = $1";
        sqlx::query(sql)
            .bind(id.to_string())
            .bind(told.heard_at.0)
            .bind(told.gone.map(|(how, _)| word(how)))
            .bind(told.gone.map(|(_, at)| at.0))
            .bind(host.map(|host| host.to_string()))
            .bind(told.facts.as_ref().map(|(program, _)| program.clone()))
            .bind(text)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// IT says which PC an agent is, whether it waits for that or was another one before.
    ///
    /// # Errors
    /// No such agent that is not revoked, or the PC has another agent already.
    pub async fn approve_agent(&mut self, id: AgentId, resource: ResourceId) -> Result<()> {
        self.approve(id, resource, "").await?.ok_or(Error::NotFound("agent"))
    }

    /// The same of one that waits.
    ///
    /// # Errors
    /// As [`Write::approve_agent`]; [`Error::Exists`]: somebody else said so before.
    pub async fn approve_waiting_agent(&mut self, id: AgentId, resource: ResourceId) -> Result<()> {
        self.approve(id, resource, "AND approved_at IS NULL").await?.ok_or(Error::Exists("approval"))
    }

    async fn approve(&mut self, id: AgentId, resource: ResourceId, and: &'static str) -> Result<Option<()>> {
        let now = self.now.wall.0;
        let sql = format!(
            "UPDATE agents SET resource_id = $2, approved_at = $3 WHERE id = $1 AND revoked_at IS NULL {and} RETURNING host"
        );
        let host: Option<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(id.to_string())
            .bind(resource.to_string())
            .bind(now)
            .fetch_optional(self.connection())
            .await
            .map_err(exists("agent of this PC"))?;
        let Some(host) = host else { return Ok(None) };
        let name = sqlx::query_scalar("SELECT name FROM resources WHERE id = $1 AND kind = 'workstation'");
        let workstation: Option<String> = name.bind(resource.to_string()).fetch_optional(self.connection()).await?;
        let workstation = workstation.ok_or(Error::NotFound("workstation"))?;
        self.touch(Scope::Users(BTreeSet::new()));
        self.audit(&Event::AgentApproved { agent: id, host, workstation }).await?;
        Ok(Some(()))
    }

    /// Takes an enrolment back, for good: the key is never heard again.
    ///
    /// # Errors
    /// No such agent, or taken back already.
    pub async fn revoke_agent(&mut self, id: AgentId) -> Result<()> {
        let now = self.now.wall.0;
        let told =
            "SELECT resource_id, facts FROM agents WHERE id = $1 AND resource_id IS NOT NULL AND heard_at IS NOT NULL";
        let row = sqlx::query(told).bind(id.to_string()).fetch_optional(self.connection()).await?;
        if let Some(row) = row {
            // What it told of the PC's hardware goes with it: another PC's, perhaps. What IT wrote down stays.
            let pc = row.parsed("resource_id")?;
            let told = facts(&row)?.unwrap_or_default();
            let kept = self.store.workstation(pc).await?;
            let mut macs = kept.macs;
            macs.retain(|mac| told.adapters.iter().all(|adapter| adapter.mac != Some(*mac)));
            self.saw_macs(pc, &macs).await?;
            if kept.mark.is_some_and(|mark| told.rdp.certificate == Some(mark.certificate)) {
                self.forget_mark(pc).await?;
            }
        }
        let sql =
            "UPDATE agents SET revoked_at = $2, resource_id = NULL WHERE id = $1 AND revoked_at IS NULL RETURNING host";
        let host: Option<String> =
            sqlx::query_scalar(sql).bind(id.to_string()).bind(now).fetch_optional(self.connection()).await?;
        self.touch(Scope::Users(BTreeSet::new()));
        self.audit(&Event::AgentRevoked { agent: id, host: host.ok_or(Error::NotFound("agent"))? }).await
    }
}

/// What is no facts any more is none.
fn facts(row: &AnyRow) -> Result<Option<Facts>> {
    Ok(row.maybe_text("facts")?.and_then(|text| serde_json::from_str(&text).ok()))
}

fn word(how: Leaving) -> &'static str {
    match how {
        Leaving::Sleep => "sleep",
        Leaving::Shutdown => "shutdown",
        Leaving::Restart => "restart",
        Leaving::Agent => "agent",
        Leaving::Unknown => "unknown",
    }
}

fn leaving(word: &str) -> Leaving {
    match word {
        "sleep" => Leaving::Sleep,
        "shutdown" => Leaving::Shutdown,
        "restart" => Leaving::Restart,
        "agent" => Leaving::Agent,
        _ => Leaving::Unknown,
    }
}

fn listed(row: &AnyRow) -> Result<BTreeMap<String, Expected>> {
    serde_json::from_str(&row.text("hosts")?).map_err(|_| Error::Unreadable("hosts"))
}

fn written(hosts: &BTreeMap<String, Expected>) -> Result<String> {
    serde_json::to_string(hosts).map_err(|_| Error::Unreadable("hosts"))
}

fn token(row: &AnyRow) -> Result<AgentToken> {
    Ok(AgentToken {
        id: row.parsed("id")?,
        name: row.text("name")?,
        uses: row.count("uses")?,
        hosts: listed(row)?,
        resource: row.maybe_parsed("resource_id")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        until: row.time("until")?,
        revoked_at: row.maybe_time("revoked_at")?,
    })
}

fn agent(row: &AnyRow) -> Result<Agent> {
    let gone = row.maybe_text("gone")?.zip(row.maybe_time("gone_at")?);
    Ok(Agent {
        id: row.parsed("id")?,
        host: row.text("host")?,
        resource: row.maybe_parsed("resource_id")?,
        token: row.text("token")?,
        program: row.text("program")?,
        // Of an older gateway, perhaps: what cannot be read is told anew when the agent comes.
        facts: facts(row)?,
        heard_at: row.maybe_time("heard_at")?,
        gone: gone.map(|(how, at)| (leaving(&how), at)),
        enrolled_at: row.time("enrolled_at")?,
        approved_at: row.maybe_time("approved_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use agent::bounded::AtMost;
    use agent::facts::{Adapter, Session};

    use super::*;
    use crate::clock::Boot;
    use crate::store::tests::{fixture, workstation};

    fn token(uses: u32, now: Moment) -> NewAgentToken {
        let until = now.wall + Duration::from_secs(3600);
        NewAgentToken { name: "desk".into(), uses, hosts: BTreeMap::new(), resource: None, until }
    }

    async fn added(store: &Store, new: &NewAgentToken, hash: &str, now: Moment) -> AgentTokenId {
        let mut write = store.write(now, Actor::Local).await.unwrap();
        let id = write.add_agent_token(new, hash).await.unwrap();
        write.commit().await.unwrap();
        id
    }

    async fn note(store: &Store, id: AgentId, told: &Told) {
        let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
        write.note_agent(id, told).await.unwrap();
        write.commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_token_enrols_as_often_as_it_may_and_no_oftener() {
        let (_dir, store) = fixture().await;
        let now = Moment::now();
        added(&store, &token(1, now), "h", now).await;
        let tries = (0..20).map(|n| {
            let (key, store) = (format!("key{n}"), &store);
            async move { store.enrol("h", "pc", &key, now).await.unwrap() }
        });
        let enrolled = futures_util::future::join_all(tries).await;
        assert_eq!(enrolled.iter().flatten().count(), 1);
        assert_eq!(store.agents().await.unwrap().len(), 1);
        assert!(store.enrol("another", "pc", "key", now).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_token_ends_and_is_taken_back() {
        let (_dir, store) = fixture().await;
        let now = Moment::now();
        let id = added(&store, &token(5, now), "h", now).await;
        let at = |s: i64| Moment { wall: Unix(now.wall.0 + 1000 * s), boot: Boot(now.boot.0) };
        assert!(store.enrol("h", "pc", "late", at(3601)).await.unwrap().is_none());
        assert!(store.enrol("h", "pc", "early", at(-1)).await.unwrap().is_none());
        assert!(store.enrol("h", "pc", "intime", at(3599)).await.unwrap().is_some());
        let again = store.enrol("h", "pc", "intime", now).await;
        assert!(matches!(again, Err(Error::Exists(_))), "one key, one PC");
        assert_eq!(store.agent_tokens().await.unwrap()[0].uses, 4, "what failed spent nothing");
        let mut write = store.write(now, Actor::Local).await.unwrap();
        write.revoke_agent_token(id).await.unwrap();
        assert!(matches!(write.revoke_agent_token(id).await, Err(Error::NotFound(_))));
        write.commit().await.unwrap();
        assert!(store.enrol("h", "pc", "key", now).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn who_is_not_on_the_list_waits_for_it() {
        let (_dir, store) = fixture().await;
        let now = Moment::now();
        let pc = workstation(&store, "pc").await;
        let hosts = BTreeMap::from([("pc-one".to_owned(), None), ("pc-two".to_owned(), Some(pc))]);
        let id = added(&store, &NewAgentToken { hosts, ..token(9, now) }, "h", now).await;
        let says = async |host: &str, key: &str| store.enrol("h", host, key, now).await.unwrap().unwrap();
        let first = says("PC-One", "a").await;
        assert_eq!(first.says, Says::Listed(id, Expected::default()));
        assert_eq!(says("pc-two", "b").await.says, Says::Listed(id, Expected { workstation: Some(pc), came: None }));
        assert_eq!(says("pc-three", "c").await.says, Says::Nothing);
        let mut write = store.write(now, Actor::System).await.unwrap();
        write.came(id, "PC-One", first.id).await.unwrap();
        assert!(matches!(write.came(id, "pc-three", first.id).await, Err(Error::NotFound(_))));
        write.commit().await.unwrap();
        let came = Expected { workstation: None, came: Some(first.id) };
        assert_eq!(says("pc-one", "d").await.says, Says::Listed(id, came), "who came first is told");
        // Without a list nobody is expected.
        added(&store, &token(9, now), "n", now).await;
        assert_eq!(store.enrol("n", "pc-one", "e", now).await.unwrap().unwrap().says, Says::Nothing);
    }

    #[tokio::test]
    async fn one_agent_a_pc_and_a_revoked_key_stays_out() {
        let (_dir, store) = fixture().await;
        let now = Moment::now();
        let pc = workstation(&store, "pc").await;
        added(&store, &token(9, now), "h", now).await;
        let (a, b) = (store.enrol("h", "pc", "a", now).await, store.enrol("h", "pc", "b", now).await);
        let (a, b) = (a.unwrap().unwrap().id, b.unwrap().unwrap().id);
        let mut write = store.write(now, Actor::Local).await.unwrap();
        write.approve_agent(a, pc).await.unwrap();
        write.commit().await.unwrap();
        let mut write = store.write(now, Actor::Local).await.unwrap();
        assert!(matches!(write.approve_agent(b, pc).await, Err(Error::Exists(_))));
        drop(write);
        let mut write = store.write(now, Actor::Local).await.unwrap();
        assert!(matches!(write.approve_waiting_agent(a, pc).await, Err(Error::Exists(_))));
        drop(write);
        // By a name that two have, the one that waits is approved.
        assert!(matches!(store.agent("pc").await, Err(Error::NotFound(_))));
        assert_eq!(store.agent_to_approve("PC").await.unwrap().id, b);
        let [told, typed] = ["02:00:00:00:00:07", "02:00:00:00:00:08"].map(|mac| mac.parse().unwrap());
        let adapter = Adapter { mac: Some(told), ..Adapter::default() };
        let facts = Facts { adapters: AtMost::first([adapter]), ..Facts::default() };
        note(&store, a, &Told { heard_at: now.wall, gone: None, facts: Some(("0.1.0".into(), facts)) }).await;
        let mut write = store.write(now, Actor::Local).await.unwrap();
        write.saw_macs(pc, &[told, typed]).await.unwrap();
        write.commit().await.unwrap();
        let mut write = store.write(now, Actor::Local).await.unwrap();
        write.revoke_agent(a).await.unwrap();
        write.approve_agent(b, pc).await.unwrap();
        assert!(matches!(write.approve_agent(a, pc).await, Err(Error::NotFound(_))));
        write.commit().await.unwrap();
        assert_eq!(store.workstation(pc).await.unwrap().macs, [typed], "what a liar told of it goes, and no more");
        let agent = store.agent_by_key("a").await.unwrap().unwrap();
        assert!(agent.revoked_at.is_some() && agent.resource.is_none());
        assert!(matches!(store.enrol("h", "pc", "a", now).await, Err(Error::Exists(_))));
        assert!(matches!(store.agent("nobody").await, Err(Error::NotFound(_))));
        assert_eq!(store.agent("PC").await.unwrap().id, b);
    }

    #[tokio::test]
    async fn a_database_from_before_knows_no_token_and_approves_nobody() {
        let (_dir, store) = fixture().await;
        let now = Moment::now();
        let pc = workstation(&store, "pc").await;
        added(&store, &token(9, now), "h", now).await;
        let id = store.enrol("h", "pc", "a", now).await.unwrap().unwrap().id;
        let mut write = store.write(now, Actor::Local).await.unwrap();
        write.approve_agent(id, pc).await.unwrap();
        write.commit().await.unwrap();
        store.lock_everything(now, "test").await.unwrap();
        assert!(store.enrol("h", "pc", "b", now).await.unwrap().is_none());
        let agent = store.agent("pc").await.unwrap();
        assert_eq!((agent.resource, agent.approved_at), (None, None));
    }

    #[tokio::test]
    async fn what_is_kept_of_facts_names_nobody() {
        let (_dir, store) = fixture().await;
        let now = Moment::now();
        added(&store, &token(1, now), "h", now).await;
        let id = store.enrol("h", "pc", "a", now).await.unwrap().unwrap().id;
        let desk = workstation(&store, "desk").await;
        // Before IT has looked, it is called what it was enrolled as.
        let renamed = Facts { host: "pc-boss".into(), ..Facts::default() };
        note(&store, id, &Told { heard_at: now.wall, gone: None, facts: Some(("0.1.0".into(), renamed)) }).await;
        assert_eq!(store.agent(&id.to_string()).await.unwrap().host, "pc");
        let mut write = store.write(now, Actor::Local).await.unwrap();
        write.approve_agent(id, desk).await.unwrap();
        write.commit().await.unwrap();
        let session = Session { user: Some("marta".into()), ..Session::default() };
        let sessions = Some(agent::bounded::AtMost::first([session]));
        let facts = Facts { host: "PC-7".into(), up_ms: 5, sessions, ..Facts::default() };
        let told = Told {
            heard_at: now.wall,
            gone: Some((Leaving::Sleep, now.wall)),
            facts: Some(("0.1.0".to_owned(), facts)),
        };
        note(&store, id, &told).await;
        let agent = store.agent("pc-7").await.unwrap();
        assert_eq!((agent.host.as_str(), agent.program.as_str()), ("PC-7", "0.1.0"));
        assert_eq!(agent.facts.map(|f| (f.up_ms, f.sessions)), Some((5, None)));
        assert_eq!(agent.gone, Some((Leaving::Sleep, now.wall)));
        note(&store, id, &Told { gone: None, facts: Some(("0.2.0".to_owned(), Facts::default())), ..told.clone() })
            .await;
        note(&store, id, &Told { gone: None, facts: None, ..told }).await;
        let agent = store.agent(&id.to_string()).await.unwrap();
        assert_eq!((agent.host.as_str(), agent.program.as_str(), agent.gone), ("PC-7", "0.2.0", None));
    }
}
