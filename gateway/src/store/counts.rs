//! How many there are of what IT keeps: for a page that only says so.

use super::row::Columns as _;
use super::{Result, Store};
use crate::clock::Unix;

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// People, those who are shut out too.
    pub people: u64,
    /// People who are not shut out and have no second factor.
    pub unready: u64,
    /// What is published.
    pub resources: u64,
    /// Who may reach what.
    pub policies: u64,
    /// Invitations that can still be redeemed.
    pub invitations: u64,
}

impl Store {
    /// How many there are at this moment.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn counts(&self, now: Unix) -> Result<Counts> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM users WHERE erased_at IS NULL) AS people, \
             (SELECT COUNT(*) FROM users WHERE erased_at IS NULL AND disabled_at IS NULL \
              AND factor_confirmed_at IS NULL) AS unready, \
             (SELECT COUNT(*) FROM resources) AS resources, (SELECT COUNT(*) FROM policies) AS policies, \
             (SELECT COUNT(*) FROM invitations WHERE redeemed_at IS NULL AND revoked_at IS NULL AND until > $1) \
              AS invitations",
        )
        .bind(now.0)
        .fetch_one(&self.reads)
        .await?;
        Ok(Counts {
            people: row.count("people")?,
            unready: row.count("unready")?,
            resources: row.count("resources")?,
            policies: row.count("policies")?,
            invitations: row.count("invitations")?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use crate::audit::Actor;
    use crate::store::Moment;
    use crate::store::tests as fixtures;
    use crate::store::users::Role;

    #[tokio::test]
    async fn what_is_over_is_not_counted() {
        let (_dir, store) = fixtures::fixture().await;
        let (anne, _) = fixtures::person(&store, "anne", Role::Admin, "x").await;
        let (boris, _) = fixtures::person(&store, "boris", Role::User, "x").await;
        let now = Moment::now();
        let before = store.counts(now.wall).await.unwrap();
        let mut write = store.write(now, Actor::Local).await.unwrap();
        write.invite(anne, "one").await.unwrap();
        write.invite(boris, "another").await.unwrap();
        write.commit().await.unwrap();
        let invited = store.counts(now.wall).await.unwrap();
        assert_eq!((invited.people, invited.invitations), (2, before.invitations + 2));
        assert_eq!(store.counts(now.wall + Duration::from_secs(31 * 86_400)).await.unwrap().invitations, 0);
        let mut write = store.write(now, Actor::Local).await.unwrap();
        write.set_user_disabled(boris, true).await.unwrap();
        write.erase_user(boris).await.unwrap();
        write.commit().await.unwrap();
        let erased = store.counts(now.wall).await.unwrap();
        assert_eq!((erased.people, erased.invitations, erased.unready), (1, before.invitations + 1, 0));
    }
}
