//! Office PCs beside what is published of them: hardware addresses, how long they take to wake, what they were doing when.

use std::collections::BTreeMap;
use std::time::Duration;

use agent::bounded::{Fingerprint, Mac};
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::row::Columns as _;
use super::{Error, Result, Store, Write};
use crate::audit::Event;
use crate::clock::Unix;
use crate::ids::ResourceId;
use crate::pure::desktop::Mark;
use crate::pure::wake;
use crate::pure::workstation::{Kind, Reason};
use crate::pure::x224::Security;

/// Hardware addresses that are kept of one PC.
pub const MACS: usize = agent::message::MACS;

/// Steps of a timeline that are given at once, the latest: a PC that changes every minute for a day.
const STEPS: i64 = 1500;

/// What is kept of a PC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its hardware addresses.
    pub macs: Vec<Mac>,
    /// What its last wakes took, in milliseconds.
    pub took: Vec<u32>,
    /// Weekly hours: at the beginning of each it is woken.
    pub wake_hours: Option<String>,
    /// It is sent to sleep when use from afar ends and nobody is at it.
    pub sleep_again: bool,
    /// By what it was known when it was used in a browser last.
    pub mark: Option<Mark>,
}

/// What changes of it; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Its hardware addresses.
    pub macs: Option<Vec<Mac>>,
    /// When it is woken by itself; nothing within: never.
    pub wake_hours: Option<Option<String>>,
    /// Whether it sleeps again.
    pub sleep_again: Option<bool>,
    /// By what it was known is forgotten: it is taken as it shows itself next.
    pub forget_mark: bool,
}

/// What a PC was doing from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// From when on.
    pub at: Unix,
    /// What.
    pub kind: Kind,
    /// Why it was taken to do so.
    pub reason: Reason,
}

impl Store {
    /// What is kept of every PC of which something is.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn workstations(&self) -> Result<BTreeMap<ResourceId, Kept>> {
        let rows = sqlx::query("SELECT * FROM workstations").fetch_all(&self.reads).await?;
        rows.iter().map(|row| Ok((row.parsed("resource_id")?, kept(row)?))).collect()
    }

    /// Until when it was looked whether weekly hours have begun; nothing before the first time.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn hours_looked(&self) -> Result<Option<Unix>> {
        let at: Option<Option<i64>> =
            sqlx::query_scalar("SELECT hours_looked FROM site").fetch_optional(&self.reads).await?;
        Ok(at.flatten().map(Unix))
    }

    /// It was looked until now.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn looked_at_hours(&self, now: Unix) -> Result<()> {
        sqlx::query("UPDATE site SET hours_looked = $1").bind(now.0).execute(&self.writes).await?;
        Ok(())
    }

    /// What each PC was doing last, as far as it is written down.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_steps(&self) -> Result<BTreeMap<ResourceId, (Kind, Reason)>> {
        let rows = sqlx::query(
            "SELECT r.id, s.kind, s.reason FROM resources r JOIN workstation_states s ON s.id = (SELECT l.id FROM \
             workstation_states l WHERE l.resource_id = r.id ORDER BY l.at DESC, l.id DESC LIMIT 1) \
             WHERE r.kind = 'workstation'",
        )
        .fetch_all(&self.reads)
        .await?;
        rows.iter().map(|r| Ok((r.parsed("id")?, (read(r, "kind")?, read(r, "reason")?)))).collect()
    }

    /// What is kept of one.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn workstation(&self, id: ResourceId) -> Result<Kept> {
        let row = sqlx::query("SELECT * FROM workstations WHERE resource_id = $1").bind(id.to_string());
        row.fetch_optional(&self.reads).await?.as_ref().map_or_else(|| Ok(Kept::default()), kept)
    }

    /// What it was doing in this span, oldest first; first, what it was doing when the span began.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn steps(&self, id: ResourceId, from: Unix, to: Unix) -> Result<Vec<Step>> {
        let rows = sqlx::query(
            "SELECT at, kind, reason FROM workstation_states WHERE resource_id = $1 AND at < $3 AND at >= COALESCE(\
             (SELECT MAX(at) FROM workstation_states WHERE resource_id = $1 AND at <= $2), $2) ORDER BY at DESC, id DESC LIMIT $4",
        )
        .bind(id.to_string())
        .bind(from.0)
        .bind(to.0)
        .bind(STEPS)
        .fetch_all(&self.reads)
        .await?;
        rows.iter()
            .rev()
            .map(|r| Ok(Step { at: r.time("at")?, kind: read(r, "kind")?, reason: read(r, "reason")? }))
            .collect()
    }
}

impl Write<'_> {
    /// Hardware addresses that were seen of it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn saw_macs(&mut self, id: ResourceId, macs: &[Mac]) -> Result<()> {
        self.keep("macs", id, json(macs)?).await
    }

    /// One more wake, and what it took.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn woke(&mut self, id: ResourceId, took: Duration) -> Result<()> {
        let before = self.store.workstation(id).await?.took;
        self.keep("took", id, json(&wake::remembered(&before, took))?).await
    }

    /// One list of a PC that is still there.
    async fn keep(&mut self, column: &str, id: ResourceId, text: String) -> Result<()> {
        let sql = format!(
            "INSERT INTO workstations (resource_id, macs, took, sleep_again) SELECT id, $2, $3, 0 FROM resources \
             WHERE id = $1 ON CONFLICT (resource_id) DO UPDATE SET {column} = EXCLUDED.{column}"
        );
        let (macs, took) = if column == "macs" { (text, "[]".to_owned()) } else { ("[]".to_owned(), text) };
        // The column's name is ours; what comes from outside is bound.
        let sql = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).bind(macs).bind(took);
        sql.execute(self.connection()).await?;
        Ok(())
    }

    /// By what it is known from now on.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn mark(&mut self, id: ResourceId, mark: Mark) -> Result<()> {
        sqlx::query(
            "INSERT INTO workstations (resource_id, macs, took, sleep_again, certificate, nla) SELECT id, '[]', '[]', 0, $2, $3 \
             FROM resources WHERE id = $1 ON CONFLICT (resource_id) DO UPDATE SET certificate = EXCLUDED.certificate, \
             nla = EXCLUDED.nla",
        )
        .bind(id.to_string())
        .bind(mark.certificate.to_string())
        .bind(i64::from(mark.security == Security::Nla))
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// What it was known by is not believed any more.
    pub(super) async fn forget_mark(&mut self, id: ResourceId) -> Result<()> {
        let sql = "UPDATE workstations SET certificate = NULL, nla = NULL WHERE resource_id = $1";
        sqlx::query(sql).bind(id.to_string()).execute(self.connection()).await?;
        Ok(())
    }

    /// What a PC that is still there does from now on.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn step(&mut self, id: ResourceId, step: Step) -> Result<()> {
        sqlx::query(
            "INSERT INTO workstation_states (id, resource_id, at, kind, reason) SELECT $1, id, $3, $4, $5 FROM resources \
             WHERE id = $2",
        )
        .bind(Uuid::now_v7().to_string())
        .bind(id.to_string())
        .bind(step.at.0)
        .bind(word(&step.kind)?)
        .bind(word(&step.reason)?)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Changes what is kept of a PC.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn change_workstation(&mut self, id: ResourceId, name: &str, change: &Change) -> Result<()> {
        let before = self.store.workstation(id).await?;
        let fields = [
            ("macs", change.macs.is_some()),
            ("wake_hours", change.wake_hours.is_some()),
            ("sleep_again", change.sleep_again.is_some()),
            ("certificate", change.forget_mark),
        ];
        let fields: Vec<&'static str> = fields.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect();
        let change = change.clone();
        let mark = before.mark.filter(|_| !change.forget_mark);
        sqlx::query(
            "INSERT INTO workstations (resource_id, macs, took, wake_hours, sleep_again, certificate, nla) \
             VALUES ($1, $2, '[]', $3, $4, $5, $6) \
             ON CONFLICT (resource_id) DO UPDATE SET macs = EXCLUDED.macs, wake_hours = EXCLUDED.wake_hours, \
             sleep_again = EXCLUDED.sleep_again, certificate = EXCLUDED.certificate, nla = EXCLUDED.nla",
        )
        .bind(id.to_string())
        .bind(json(&change.macs.unwrap_or(before.macs))?)
        .bind(change.wake_hours.unwrap_or(before.wake_hours))
        .bind(i64::from(change.sleep_again.unwrap_or(before.sleep_again)))
        .bind(mark.map(|mark| mark.certificate.to_string()))
        .bind(mark.map(|mark| i64::from(mark.security == Security::Nla)))
        .execute(self.connection())
        .await?;
        self.audit(&Event::WorkstationChanged { workstation: name.to_owned(), fields }).await
    }
}

fn kept(row: &AnyRow) -> Result<Kept> {
    Ok(Kept {
        macs: serde_json::from_str(&row.text("macs")?).map_err(|_| Error::Unreadable("macs"))?,
        took: serde_json::from_str(&row.text("took")?).map_err(|_| Error::Unreadable("took"))?,
        wake_hours: row.maybe_text("wake_hours")?,
        sleep_again: row.integer("sleep_again")? == 1,
        mark: mark(row)?,
    })
}

fn mark(row: &AnyRow) -> Result<Option<Mark>> {
    let Some(certificate) = row.maybe_text("certificate")? else { return Ok(None) };
    let certificate = Fingerprint::try_from(certificate).map_err(|_| Error::Unreadable("certificate"))?;
    let security = if row.maybe_integer("nla")? == Some(1) { Security::Nla } else { Security::Tls };
    Ok(Some(Mark { certificate, security }))
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|_| Error::Unreadable("workstations"))
}

/// As the API writes it.
fn word<T: serde::Serialize>(value: &T) -> Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        _ => Err(Error::Unreadable("workstation_states")),
    }
}

fn read<T: serde::de::DeserializeOwned>(row: &AnyRow, column: &'static str) -> Result<T> {
    serde_json::from_value(row.text(column)?.into()).map_err(|_| Error::Unreadable(column))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::audit::Actor;
    use crate::store::Moment;
    use crate::store::tests::{fixture, workstation};

    #[tokio::test]
    async fn what_is_seen_and_what_is_set_stand_side_by_side() {
        let (_dir, store) = fixture().await;
        let pc = workstation(&store, "pc").await;
        assert_eq!(store.workstation(pc).await.unwrap(), Kept::default());
        let mac = Mac([2, 0, 0, 0, 0, 7]);
        for took in [20, 30] {
            let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
            write.woke(pc, Duration::from_secs(took)).await.unwrap();
            write.saw_macs(pc, &[mac]).await.unwrap();
            // Of one that was taken back nothing is noted, and nothing fails.
            write.saw_macs(ResourceId::new(), &[mac]).await.unwrap();
            write.commit().await.unwrap();
        }
        let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
        let hours = Some(Some("Mo-Fr 07:30-18:00".to_owned()));
        let change = Change { wake_hours: hours, sleep_again: Some(true), ..Change::default() };
        write.change_workstation(pc, "pc", &change).await.unwrap();
        write.commit().await.unwrap();
        let kept = store.workstation(pc).await.unwrap();
        assert_eq!((kept.macs, kept.took), (vec![mac], vec![20_000, 30_000]));
        assert_eq!((kept.wake_hours.as_deref(), kept.sleep_again), (Some("Mo-Fr 07:30-18:00"), true));
        let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
        let never = Change { wake_hours: Some(None), ..Change::default() };
        write.change_workstation(pc, "pc", &never).await.unwrap();
        write.commit().await.unwrap();
        let kept = store.workstations().await.unwrap().remove(&pc).unwrap();
        assert_eq!((kept.wake_hours, kept.sleep_again, kept.macs.len()), (None, true, 1));
    }

    #[tokio::test]
    async fn a_day_begins_with_what_it_was_doing_then() {
        let (_dir, store) = fixture().await;
        let pc = workstation(&store, "pc").await;
        let step = |at, kind| Step { at: Unix(at), kind, reason: Reason::Reported };
        let all = [step(10, Kind::Asleep), step(20, Kind::Free), step(30, Kind::InUseHere), step(40, Kind::Free)];
        let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
        for step in all {
            write.step(pc, step).await.unwrap();
            write.step(ResourceId::new(), step).await.unwrap();
        }
        write.commit().await.unwrap();
        assert_eq!(store.steps(pc, Unix(25), Unix(40)).await.unwrap(), all[1..3]);
        assert_eq!(store.steps(pc, Unix(0), Unix(100)).await.unwrap(), all);
        assert_eq!(store.steps(pc, Unix(50), Unix(100)).await.unwrap(), all[3..]);
        assert!(store.steps(ResourceId::new(), Unix(0), Unix(100)).await.unwrap().is_empty());
    }
}
