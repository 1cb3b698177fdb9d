//! Erasure (GDPR, article 17): what names or describes somebody goes; what must outlive them stays under a pseudonym.
//!
//! Devices keep their key and addresses, which are never given again, and nothing else. The audit keeps its lines, so
//! that it stays whole: whoever was named in them is called by the pseudonym from then on.

use crate::audit::Event;
use crate::ids::{DeviceId, UserId};

use super::row::Columns as _;
use super::verifications::EndReason;
use super::{Result, Scope, Write};

/// What every pseudonym begins with, and no login.
pub(crate) const ERASED: &str = "erased-";

/// Tables whose rows of a person go; a person's devices stay, emptied.
const GONE: [&str; 10] = [
    "booked_quarters",
    "bookings",
    "group_members",
    "invitations",
    "recovery_codes",
    "passkeys",
    "rules_accepted",
    "checklists",
    "verifications",
    "web_sessions",
];

/// What the audit calls somebody who was erased.
fn pseudonym(user: UserId) -> String {
    let id = user.0.simple().to_string();
    // Version 7 begins with the time and ends with chance.
    format!("{ERASED}{}", &id[id.len() - 12..])
}

impl Write<'_> {
    /// Erases somebody who is shut out; whoever is not, is left as they are: false. So the last administrator, who cannot
    /// be shut out, cannot be erased.
    ///
    /// # Errors
    /// No such user.
    pub async fn erase_user(&mut self, user: UserId) -> Result<bool> {
        let (login, pseudonym, now) = (self.login(user).await?, pseudonym(user), self.now.wall.0);
        let id = user.to_string();
        let sql = "UPDATE users SET erased_at = $3, login = $2, name = '', mail = NULL, language = 'en', role = 'user', \
                   password_hash = NULL, totp_secret = NULL, factor_confirmed_at = NULL, totp_last_step = 0, \
                   password_failures = 0, password_failures_elsewhere = 0, factor_failures = 0 \
                   WHERE id = $1 AND disabled_at IS NOT NULL AND erased_at IS NULL";
        let done = sqlx::query(sql).bind(&id).bind(&pseudonym).bind(now).execute(self.connection()).await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.empty_devices(user).await?;
        self.end_of_user(user, EndReason::User).await?;
        for table in GONE {
            let sql = format!("DELETE FROM {table} WHERE user_id = $1");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&id).execute(self.connection()).await?;
        }
        self.forgive_everywhere(&login).await?;
        self.revoke_tokens_of(&login).await?;
        sqlx::query("UPDATE tokens SET created_by = $2 WHERE created_by = $1")
            .bind(&login)
            .bind(&pseudonym)
            .execute(self.connection())
            .await?;
        self.rename_in_audit(&login, &pseudonym).await?;
        self.touch(Scope::user(user));
        self.audit(&Event::UserErased { user: pseudonym }).await?;
        Ok(true)
    }

    async fn empty_devices(&mut self, user: UserId) -> Result<()> {
        let id = user.to_string();
        let rows = sqlx::query("SELECT id FROM devices WHERE user_id = $1 AND revoked_at IS NULL")
            .bind(&id)
            .fetch_all(self.connection())
            .await?;
        let devices = rows.iter().map(|row| row.parsed("id")).collect::<Result<Vec<DeviceId>>>()?;
        for device in devices {
            self.revoke_device(device).await?;
        }
        sqlx::query(
            "UPDATE devices SET name = '', preshared_key = NULL, endpoint = NULL, heard_at = NULL, handshake_at = NULL \
             WHERE user_id = $1",
        )
        .bind(&id)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    async fn rename_in_audit(&mut self, login: &str, pseudonym: &str) -> Result<()> {
        for column in ["actor", "login"] {
            let sql = format!("UPDATE audit SET {column} = $2 WHERE {column} = $1");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(login).bind(pseudonym).execute(self.connection()).await?;
        }
        // How people call their devices is often how they are called.
        let rows = sqlx::query("SELECT id, details FROM audit WHERE login = $1 AND details LIKE '%\"name\"%'")
            .bind(pseudonym)
            .fetch_all(self.connection())
            .await?;
        for row in rows {
            let Ok(serde_json::Value::Object(mut details)) = serde_json::from_str(&row.text("details")?) else {
                continue;
            };
            details.remove("name");
            sqlx::query("UPDATE audit SET details = $2 WHERE id = $1")
                .bind(row.text("id")?)
                .bind(serde_json::Value::Object(details).to_string())
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::audit::Actor;
    use crate::store::Moment;
    use crate::store::audit::Filter;
    use crate::store::tests as fixtures;
    use crate::store::users::Role;

    /// What is added to the schema must be thought of here.
    #[test]
    fn every_table_of_people_is_emptied() {
        let schema = include_str!("../../migrations/0001_first.sql");
        let tables = schema.split("CREATE TABLE ").skip(1);
        let of_people = tables.filter(|table| table.split(");").next().unwrap().contains(" user_id "));
        let named: BTreeSet<_> = of_people.map(|table| table.split(' ').next().unwrap()).collect();
        assert_eq!(named, GONE.into_iter().chain(["devices"]).collect());
    }

    #[tokio::test]
    async fn nothing_that_names_them_is_left() {
        let (_dir, store) = fixtures::fixture().await;
        let (anne, laptop) = fixtures::person(&store, "anne", Role::Admin, "x").await;
        let (ilse, _) = fixtures::person(&store, "ilse", Role::Admin, "x").await;
        let now = Moment::now();
        let mut write = store.write(now, Actor::User("anne".into())).await.unwrap();
        let group = write.add_group("board").await.unwrap();
        write.add_member(group, anne).await.unwrap();
        write.add_device(anne, "Anne’s phone", &fixtures::key()).await.unwrap();
        write.open_door(anne, laptop).await.unwrap();
        write.invite(anne, "hash").await.unwrap();
        write.commit().await.unwrap();
        let before = store.audit(&Filter { limit: 1000, ..Filter::default() }).await.unwrap().len();

        let mut write = store.write(now, Actor::User("ilse".into())).await.unwrap();
        assert!(!write.erase_user(anne).await.unwrap(), "who is not shut out");
        write.set_user_disabled(anne, true).await.unwrap();
        assert!(write.erase_user(anne).await.unwrap());
        assert!(!write.erase_user(anne).await.unwrap(), "twice");
        assert!(write.set_user_disabled(ilse, true).await.is_err(), "the last administrator");
        assert!(!write.erase_user(ilse).await.unwrap());
        write.commit().await.unwrap();

        assert!(store.user("anne").await.is_err() && store.user(&anne.to_string()).await.is_err());
        assert!(store.users().await.unwrap().iter().all(|u| u.id == ilse));
        assert!(store.devices(None).await.unwrap().iter().all(|d| d.user == ilse));
        let emptied = store.devices(Some(anne)).await.unwrap();
        assert_eq!(emptied.len(), 2);
        assert!(emptied.iter().all(|d| d.revoked_at.is_some() && d.name.is_empty() && d.endpoint.is_none()));
        assert!(store.invitations().await.unwrap().iter().all(|i| i.user == ilse));
        assert!(store.verifications(now, true).await.unwrap().is_empty());
        let audit = store.audit(&Filter { limit: 1000, ..Filter::default() }).await.unwrap();
        assert!(audit.len() > before, "no line is lost");
        for line in &audit {
            let text = format!("{} {:?} {}", line.actor, line.login, line.details).to_lowercase();
            assert!(!text.contains("anne"), "{} {text}", line.event);
        }
        assert!(audit.iter().any(|line| line.event == "user_erased" && line.actor == "ilse"));
        let twin = store.audit(&Filter { login: Some("ilse".into()), limit: 10, ..Filter::default() }).await.unwrap();
        assert!(!twin.is_empty(), "somebody else keeps their name");

        let mut write = store.write(now, Actor::Local).await.unwrap();
        assert!(write.add_device(ilse, "found", &emptied[0].public_key).await.is_err(), "its key is never used again");
    }
}
