//! How many of what is kept for good people may make by themselves: who shuts out one and adds another, again and again,
//! would else take every address of the site network, and fill the database.

use super::row::Columns as _;
use super::{Error, Result, Write};
use crate::clock::Unix;
use crate::ids::UserId;

/// In force at once: a telephone, two computers, keys for the drawer.
pub const AT_ONCE: i64 = 10;

/// Made within a day, those revoked since counted: all of them anew, once.
const A_DAY: i64 = 20;

const DAY_MS: i64 = 24 * 3_600_000;

/// What is kept for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Each has addresses that are given once.
    Devices,
    /// Each is registered once.
    Passkeys,
}

impl Kept {
    fn table(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Passkeys => "passkeys",
        }
    }

    /// Ever, those revoked counted. Three hundred people together cannot fill the site network; IT adds further ones.
    fn ever(self) -> i64 {
        match self {
            Self::Devices => 100,
            Self::Passkeys => 1000,
        }
    }
}

impl Write<'_> {
    /// There is room for one more that somebody makes by themselves. Nobody else adds any before this change is over.
    ///
    /// # Errors
    /// There is none.
    pub async fn has_room(&mut self, kept: Kept, user: UserId) -> Result<()> {
        let (what, ever) = (kept.table(), kept.ever());
        let sql = format!(
            "SELECT CAST(COUNT(*) AS BIGINT) AS ever, \
             CAST(COALESCE(SUM(CASE WHEN revoked_at IS NULL THEN 1 ELSE 0 END), 0) AS BIGINT) AS there, \
             CAST(COALESCE(SUM(CASE WHEN created_at > $2 THEN 1 ELSE 0 END), 0) AS BIGINT) AS lately \
             FROM {what} WHERE user_id = $1"
        );
        let day = Unix(self.now.wall.0.saturating_sub(DAY_MS));
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(user.to_string())
            .bind(day.0)
            .fetch_one(self.connection())
            .await?;
        let enough = |why: String| Err(Error::Enough(why));
        if row.integer("there")? >= AT_ONCE {
            return enough(format!("name: there are {AT_ONCE} {what} already; remove one first"));
        }
        if row.integer("ever")? >= ever {
            return enough(format!("name: {ever} {what} were added over time, and no more can be: ask IT"));
        }
        if row.integer("lately")? >= A_DAY {
            return enough(format!("name: {A_DAY} {what} were added within a day: add this one tomorrow"));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::audit::Actor;
    use crate::store::tests as fixtures;
    use crate::store::users::Role;
    use crate::store::{Moment, Store};

    async fn add(store: &Store, user: UserId, days: i64) -> Result<()> {
        let mut now = Moment::now();
        now.wall.0 += days * DAY_MS;
        let mut write = store.write(now, Actor::User("anne".into())).await?;
        write.has_room(Kept::Devices, user).await?;
        let added = write.add_device(user, "another", &fixtures::key()).await?;
        write.revoke_device(added).await?;
        write.commit().await?;
        Ok(())
    }

    #[tokio::test]
    async fn who_adds_and_revokes_without_end_comes_to_one() {
        let (_dir, store) = fixtures::fixture().await;
        let (anne, _) = fixtures::person(&store, "anne", Role::User, "x").await;
        let (ilse, _) = fixtures::person(&store, "ilse", Role::User, "x").await;
        let enough = |added: Result<()>, with: &str| match added {
            Err(Error::Enough(why)) => assert!(why.contains(with), "{why}"),
            other => panic!("{other:?}"),
        };
        // One was there.
        for _ in 1..A_DAY {
            add(&store, anne, 0).await.unwrap();
        }
        enough(add(&store, anne, 0).await, "tomorrow");
        add(&store, ilse, 0).await.unwrap();
        for n in A_DAY..Kept::Devices.ever() {
            add(&store, anne, 2 + n / A_DAY * 2).await.unwrap();
        }
        enough(add(&store, anne, 1000).await, "ask IT");
        // IT does not ask for room.
        let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
        write.add_device(anne, "from IT", &fixtures::key()).await.unwrap();
        write.commit().await.unwrap();
    }
}
