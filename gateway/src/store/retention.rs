//! What has been kept for long enough is forgotten: lines of the audit by their class, and what is over beside them. Web
//! sessions and tries are forgotten sooner, elsewhere.
//!
//! In batches, each a change of its own: nobody who wants to write waits for all of them.

use super::{Moment, Result, Store};
use crate::audit::{ACCESS, Class, SECURITY};
use crate::clock::Unix;
use crate::pure::retention::Retention;

/// Rows of one batch: a few milliseconds of the database's only writer.
pub const BATCH: u64 = 500;

/// What PCs were doing is kept for so long: a timeline of the last weeks, no record of anybody's work.
const STATES_MS: i64 = 31 * 24 * 3600 * 1000;

impl Store {
    /// One batch of what is too old; how many rows. Less than [`BATCH`] of each kind: it was the last.
    ///
    /// By a clock that cannot be believed nothing is forgotten: set ahead, it would clear the audit.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget(&self, keep: &Retention, now: Moment) -> Result<u64> {
        if !self.clock_is_believed(now).await? {
            return Ok(0);
        }
        let (access, security) = (listed(&ACCESS), listed(&SECURITY));
        let (changed, came) = (keep.cutoff(Class::Administration, now.wall), keep.cutoff(Class::Access, now.wall));
        let refused = keep.cutoff(Class::Security, now.wall);
        let mut rows = 0;
        for (table, over, cutoff) in [
            ("audit", format!("at < $1 AND event IN ({access})"), came),
            ("audit", format!("at < $1 AND event IN ({security})"), refused),
            ("audit", format!("at < $1 AND event NOT IN ({access}, {security})"), changed),
            // One that nobody locked ended at its cap at the latest, or half an hour after it.
            ("verifications", "COALESCE(ended_at, cap) < $1 AND until < $1".to_owned(), came),
            ("invitations", "COALESCE(redeemed_at, revoked_at, until) < $1".to_owned(), came),
            ("tokens", "(revoked_at < $1 OR until < $1)".to_owned(), changed),
            ("agent_tokens", "(revoked_at < $1 OR until < $1)".to_owned(), changed),
            // Its key is unknown from then on, and needs a token as any other does.
            ("agents", "revoked_at < $1".to_owned(), changed),
            // Nobody ever said which PC it is, and it comes no more.
            ("agents", "approved_at IS NULL AND COALESCE(heard_at, enrolled_at) < $1".to_owned(), changed),
            // When a PC was used, or booked, says when somebody worked.
            ("bookings", "ends < $1".to_owned(), Unix(now.wall.0 - STATES_MS)),
            ("workstation_states", "at < $1".to_owned(), Unix(now.wall.0 - STATES_MS)),
        ] {
            rows = rows.max(self.delete_batch(table, &over, cutoff).await?);
        }
        Ok(rows)
    }

    async fn delete_batch(&self, table: &str, over: &str, cutoff: Unix) -> Result<u64> {
        let sql = format!("DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {over} LIMIT {BATCH})");
        // Names of ours alone are put together; what comes from outside is bound.
        let done = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(cutoff.0).execute(&self.writes).await?;
        Ok(done.rows_affected())
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audit::{Actor, Event, Factor};
    use crate::clock::Boot;
    use crate::store::agents::NewAgentToken;
    use crate::store::audit::Filter;
    use crate::store::tests::{fixture, person, workstation};
    use crate::store::users::Role;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn later(from: Moment, days: u32) -> Moment {
        Moment { wall: from.wall + DAY * days, boot: from.boot + DAY * days }
    }

    async fn events(store: &Store) -> Vec<String> {
        let filter = Filter { limit: 10_000, ..Filter::default() };
        let mut names: Vec<_> = store.audit(&filter).await.unwrap().into_iter().map(|l| l.event).collect();
        names.dedup();
        names
    }

    async fn forget(store: &Store, now: Moment) -> u32 {
        // As the gateway does while it runs: time passes, and is noted.
        store.seen(now).await.unwrap();
        let mut batches = 0;
        while store.forget(&Retention::default(), now).await.unwrap() == BATCH {
            batches += 1;
        }
        batches
    }

    #[tokio::test]
    async fn each_class_goes_at_its_time_and_nothing_sooner() {
        let (_dir, store) = fixture().await;
        let (user, device) = person(&store, "anne", Role::User, "x").await;
        let begun = Moment::now();
        let mut write = store.write(begun, Actor::System).await.unwrap();
        let door = write.open_door(user, device).await.unwrap();
        write.audit(&Event::SignedIn { user: "anne".into(), factor: Factor::Totp }).await.unwrap();
        write.audit(&Event::AllDoorsLocked { reason: "test" }).await.unwrap();
        let invitation = write.invite(user, "hash").await.unwrap();
        write.commit().await.unwrap();

        forget(&store, later(begun, 182)).await;
        let names = events(&store).await;
        for name in ["signed_in", "door_opened", "all_doors_locked", "user_added"] {
            assert!(names.iter().any(|n| n == name), "{name} went too soon");
        }
        forget(&store, later(begun, 184)).await;
        let names = events(&store).await;
        assert!(!names.iter().any(|n| n == "signed_in" || n == "door_opened"), "{names:?}");
        assert!(names.iter().any(|n| n == "all_doors_locked") && names.iter().any(|n| n == "user_added"));
        forget(&store, later(begun, 200)).await;
        let doors = store.verifications(later(begun, 200), true).await.unwrap();
        assert!(!doors.iter().any(|v| v.id == door), "the verification is still there");
        assert!(store.invitation(invitation).await.is_err(), "the invitation is still there");
        // Its owner is still there, and may come in.
        assert!(store.user("anne").await.is_ok());

        forget(&store, later(begun, 366)).await;
        assert!(events(&store).await.is_empty());
    }

    #[tokio::test]
    async fn a_clock_set_ahead_clears_nothing() {
        let (_dir, store) = fixture().await;
        let now = Moment::now();
        store.seen(now).await.unwrap();
        let ahead = Moment { wall: now.wall + DAY * 1000, boot: Boot(now.boot.0 + 1) };
        assert_eq!(store.forget(&Retention::default(), ahead).await.unwrap(), 0);
        assert!(!events(&store).await.is_empty());
    }

    #[tokio::test]
    async fn a_great_many_go_batch_by_batch() {
        let (_dir, store) = fixture().await;
        let begun = Moment::now();
        let mut write = store.write(begun, Actor::System).await.unwrap();
        for _ in 0..2 * BATCH + 1 {
            write.audit(&Event::SignedOut { user: "anne".into() }).await.unwrap();
        }
        write.commit().await.unwrap();
        assert_eq!(forget(&store, later(begun, 200)).await, 2);
        assert!(!events(&store).await.contains(&"signed_out".to_owned()));
    }

    #[tokio::test]
    async fn agents_that_are_over_go_and_those_of_pcs_stay() {
        let (_dir, store) = fixture().await;
        let begun = Moment::now();
        let pc = workstation(&store, "pc").await;
        let token = NewAgentToken {
            name: "x".into(),
            uses: 9,
            hosts: Default::default(),
            resource: None,
            until: begun.wall + DAY,
        };
        let mut write = store.write(begun, Actor::Local).await.unwrap();
        write.add_agent_token(&token, "h").await.unwrap();
        write.commit().await.unwrap();
        let enrol = async |key: &str| store.enrol("h", key, key, begun).await.unwrap().unwrap().id;
        let (used, revoked, _waits) = (enrol("used").await, enrol("revoked").await, enrol("waits").await);
        let mut write = store.write(begun, Actor::Local).await.unwrap();
        write.approve_agent(used, pc).await.unwrap();
        write.revoke_agent(revoked).await.unwrap();
        write.commit().await.unwrap();
        forget(&store, later(begun, 364)).await;
        assert_eq!(store.agents().await.unwrap().len(), 3);
        forget(&store, later(begun, 366)).await;
        let left: Vec<_> = store.agents().await.unwrap().into_iter().map(|agent| agent.id).collect();
        assert_eq!(left, [used]);
    }

    #[tokio::test]
    async fn tokens_that_ended_go_and_those_that_run_stay() {
        let (_dir, store) = fixture().await;
        let begun = Moment::now();
        let mut write = store.write(begun, Actor::Local).await.unwrap();
        let scopes = "users:read".parse().unwrap();
        write.add_token("short", "a", &scopes, begun.wall + DAY).await.unwrap();
        write.add_token("long", "b", &scopes, begun.wall + DAY * 700).await.unwrap();
        write.commit().await.unwrap();
        forget(&store, later(begun, 380)).await;
        let names: Vec<_> = store.tokens().await.unwrap().into_iter().map(|t| t.name).collect();
        assert_eq!(names, ["long"]);
    }
}
