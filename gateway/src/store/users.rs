//! People: standing, role, groups; password and second factor as far as they are stored.

use std::collections::BTreeSet;

use sqlx::any::AnyRow;

use super::home_work::Checklist;
use super::row::{Columns as _, sought, words};
use super::{Error, Result, Scope, Store, Write, exists};
use crate::audit::Event;
use crate::clock::Unix;
use crate::ids::{GroupId, UserId};
use crate::planted::{Bug, planted};
use crate::store::throttles::At;

/// Wrong codes in a row after which the factor is suspended (2·10⁻⁶ a guess × 50 = 0.01 %).
pub const FACTOR_LIMIT: i64 = 50;

/// Wrong passwords in a row, on devices of theirs or elsewhere, after which no password is right there: until they sign
/// in where it still is, or redeem a new invitation (NIST SP 800-63B's cap).
pub const PASSWORD_LIMIT: i64 = 100;

words! {
    /// What a person may do in the product itself.
    Role {
        /// Uses what policy grants.
        User = "user",
        /// IT: may change everything.
        Admin = "admin",
    }
}

/// A person.
#[derive(Clone, Debug)]
pub struct User {
    /// Which one.
    pub id: UserId,
    /// Login, lower case.
    pub login: String,
    /// Display name.
    pub name: String,
    /// Where invitations are mailed to.
    pub mail: Option<String>,
    /// `fr`, `nl`, `ca`, `es` or `en`.
    pub language: String,
    /// What they may do here.
    pub role: Role,
    /// Names of their groups.
    pub groups: Vec<String>,
    /// When the second factor was confirmed.
    pub factor_confirmed_at: Option<Unix>,
    /// Too many wrong codes or passwords in a row.
    pub suspended: bool,
    /// Shut out since.
    pub disabled_at: Option<Unix>,
    /// Added.
    pub created_at: Unix,
    /// Devices that are not revoked.
    pub devices: u32,
    /// The newest version of the telework rules they have accepted.
    pub rules_accepted: Option<u32>,
    /// When.
    pub rules_accepted_at: Option<Unix>,
    /// What they answered about their home.
    pub checklist: Option<Checklist>,
}

/// What sign-in needs to know of a person. No `Debug`: it holds a hash and a sealed secret.
pub struct Credentials {
    /// Which user.
    pub id: UserId,
    /// Login.
    pub login: String,
    /// PHC string.
    pub password_hash: Option<String>,
    /// Sealed.
    pub totp_secret: Option<String>,
    /// Not disabled, and the factor is confirmed.
    pub(super) may_sign_in: bool,
    /// Of these there were not too many wrong passwords in a row: their own devices; elsewhere.
    pub(super) passwords_left: [bool; 2],
}

/// What is to change of somebody; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// Display name.
    pub name: Option<String>,
    /// One of the five.
    pub language: Option<String>,
    /// What they may do here.
    pub role: Option<Role>,
}

/// Somebody to add.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Lower case.
    pub login: String,
    /// Display name.
    pub name: String,
    /// Where invitations are mailed to.
    pub mail: Option<String>,
    /// One of the five.
    pub language: String,
    /// What they may do here.
    pub role: Role,
    /// Their groups.
    pub groups: BTreeSet<GroupId>,
}

const SELECT: &str = "SELECT u.*, c.replies, c.answered_at, \
                      (SELECT MAX(r.version) FROM rules_accepted r WHERE r.user_id = u.id) AS rules_accepted, \
                      (SELECT MAX(r.at) FROM rules_accepted r WHERE r.user_id = u.id) AS rules_accepted_at, \
                      CAST((SELECT COUNT(*) FROM devices d WHERE d.user_id = u.id AND d.revoked_at IS NULL) \
                      AS BIGINT) AS devices FROM users u LEFT JOIN checklists c ON c.user_id = u.id";

/// What somebody has to show besides the password; passkeys apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    /// An app that shows codes.
    pub app: bool,
    /// How many recovery codes are left.
    pub recovery_codes: u32,
}

impl Store {
    /// Everybody, by login.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn users(&self) -> Result<Vec<User>> {
        let mut tx = self.read().await?;
        let sql = format!("{SELECT} WHERE u.erased_at IS NULL ORDER BY u.login");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *tx).await?;
        let memberships = sqlx::query(
            "SELECT m.user_id, g.name FROM group_members m JOIN groups g ON g.id = m.group_id ORDER BY g.name",
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut users = rows.iter().map(user).collect::<Result<Vec<_>>>()?;
        let mut groups = std::collections::BTreeMap::<UserId, Vec<String>>::new();
        for row in &memberships {
            groups.entry(row.parsed("user_id")?).or_default().push(row.text("name")?);
        }
        for user in &mut users {
            user.groups = groups.remove(&user.id).unwrap_or_default();
        }
        Ok(users)
    }

    /// One person, by id or login.
    ///
    /// # Errors
    /// No such user.
    pub async fn user(&self, id_or_login: &str) -> Result<User> {
        let mut tx = self.read().await?;
        let sql = format!("{SELECT} WHERE (u.id = $1 OR u.login = $1) AND u.erased_at IS NULL");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(sought(id_or_login).to_lowercase())
            .fetch_optional(&mut *tx)
            .await?
            .ok_or(Error::NotFound("user"))?;
        let mut user = user(&row)?;
        user.groups = sqlx::query_scalar(
            "SELECT g.name FROM group_members m JOIN groups g ON g.id = m.group_id WHERE m.user_id = $1 ORDER BY g.name",
        )
        .bind(user.id.to_string())
        .fetch_all(&mut *tx)
        .await?;
        Ok(user)
    }

    /// What sign-in needs, by login.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn credentials(&self, login: &str) -> Result<Option<Credentials>> {
        let row = sqlx::query("SELECT * FROM users WHERE login = $1").bind(login).fetch_optional(&self.reads).await?;
        row.map(|row| {
            Ok(Credentials {
                id: row.parsed("id")?,
                login: row.text("login")?,
                may_sign_in: row.maybe_integer("disabled_at")?.is_none()
                    && row.maybe_integer("factor_confirmed_at")?.is_some(),
                passwords_left: [
                    row.integer("password_failures")? <= PASSWORD_LIMIT,
                    row.integer("password_failures_elsewhere")? <= PASSWORD_LIMIT,
                ],
                password_hash: row.maybe_text("password_hash")?,
                totp_secret: row.maybe_text("totp_secret")?,
            })
        })
        .transpose()
    }

    /// Counts a wrong code before it is known to be wrong. The answer is how many there are in a row now; nothing if the
    /// factor is suspended.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn count_code(&self, user: UserId) -> Result<Option<i64>> {
        let sql = "UPDATE users SET factor_failures = factor_failures + 1 WHERE id = $1 AND factor_failures < $2 \
                   RETURNING factor_failures";
        let row = sqlx::query(sql).bind(user.to_string()).bind(FACTOR_LIMIT).fetch_optional(&self.writes).await?;
        row.map(|row| row.integer("factor_failures")).transpose()
    }

    /// The password was right: its wrong tries in a row there are over. A code besides is counted as by
    /// [`Store::count_code`]; the answer is the same.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn password_was_right(&self, user: UserId, at: At, code: bool) -> Result<Option<i64>> {
        let sql = match at {
            At::Device(_) => {
                "UPDATE users SET password_failures = 0, factor_failures = factor_failures + $2 WHERE id = $1 \
                 RETURNING factor_failures"
            }
            At::Elsewhere => {
                "UPDATE users SET password_failures_elsewhere = 0, factor_failures = factor_failures + $2 WHERE id = $1 \
                 RETURNING factor_failures"
            }
            At::Internet => {
                "UPDATE users SET factor_failures = factor_failures + $2 WHERE id = $1 RETURNING factor_failures"
            }
        };
        let row = sqlx::query(sql).bind(user.to_string()).bind(i64::from(code)).fetch_optional(&self.writes).await?;
        let count = row.map(|row| row.integer("factor_failures")).transpose()?;
        Ok(count.filter(|count| *count <= FACTOR_LIMIT))
    }

    /// What somebody has to show besides the password.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn means(&self, user: UserId) -> Result<Means> {
        let sql = "SELECT CAST(COUNT(r.code_hash) AS BIGINT) AS codes, CAST(COUNT(u.totp_secret) AS BIGINT) AS app \
                   FROM users u LEFT JOIN recovery_codes r ON r.user_id = u.id AND r.used_at IS NULL WHERE u.id = $1";
        let row = sqlx::query(sql).bind(user.to_string()).fetch_one(&self.reads).await?;
        Ok(Means { app: row.integer("app")? > 0, recovery_codes: row.count("codes")? })
    }

    /// How many people have a second factor, and no app that shows codes: passkeys are all they have.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn with_passkeys_alone(&self) -> Result<u32> {
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM users WHERE factor_confirmed_at IS NOT NULL \
                   AND totp_secret IS NULL AND disabled_at IS NULL";
        sqlx::query(sql).fetch_one(&self.reads).await?.count("n")
    }
}

impl Credentials {
    /// Whether they may sign in there, with the right password.
    #[must_use]
    pub fn may_sign_in(&self, at: At) -> bool {
        let [own, elsewhere] = self.passwords_left;
        self.may_sign_in
            && match at {
                At::Device(_) => own,
                At::Elsewhere => elsewhere,
                At::Internet => true,
            }
    }
}

impl Write<'_> {
    /// Adds somebody. They have no password and no factor until they redeem an invitation.
    ///
    /// # Errors
    /// The login is taken.
    pub async fn add_user(&mut self, new: &NewUser) -> Result<UserId> {
        let id = UserId::new();
        let now = self.now.wall.0;
        sqlx::query(
            "INSERT INTO users (id, login, name, language, role, created_at, mail) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id.to_string())
        .bind(&new.login)
        .bind(&new.name)
        .bind(&new.language)
        .bind(new.role.word())
        .bind(now)
        .bind(new.mail.clone())
        .execute(self.connection())
        .await
        .map_err(exists("login"))?;
        self.audit(&Event::UserAdded { user: new.login.clone(), role: new.role.word() }).await?;
        if !new.groups.is_empty() {
            self.insert_memberships(id, &new.groups).await?;
        }
        Ok(id)
    }

    /// Changes somebody. Who is no administrator any more has no tokens either.
    ///
    /// # Errors
    /// No such user; or the last administrator who can sign in, as by [`Write::set_user_disabled`].
    pub async fn change_user(&mut self, user: UserId, change: &UserChange) -> Result<()> {
        let login = self.login(user).await?;
        let before: String = sqlx::query_scalar("SELECT role FROM users WHERE id = $1")
            .bind(user.to_string())
            .fetch_one(self.connection())
            .await?;
        let role = change.role.map(Role::word);
        let sql = "UPDATE users SET name = COALESCE(CAST($2 AS TEXT), name), \
                   language = COALESCE(CAST($3 AS TEXT), language), role = COALESCE(CAST($4 AS TEXT), role) \
                   WHERE id = $1 AND (role <> 'admin' OR COALESCE(CAST($4 AS TEXT), role) = 'admin' \
                   OR disabled_at IS NOT NULL OR EXISTS (SELECT 1 FROM users o WHERE o.id <> users.id \
                   AND o.role = 'admin' AND o.disabled_at IS NULL \
                   AND (o.factor_confirmed_at IS NOT NULL OR users.factor_confirmed_at IS NULL)))";
        let done = sqlx::query(sql)
            .bind(user.to_string())
            .bind(change.name.as_deref())
            .bind(change.language.as_deref())
            .bind(role)
            .execute(self.connection())
            .await?;
        if done.rows_affected() == 0 {
            return Err(Error::LastAdministrator(login));
        }
        if before == Role::Admin.word() && change.role == Some(Role::User) {
            self.revoke_tokens_of(&login).await?;
        }
        let named =
            [("name", change.name.is_some()), ("language", change.language.is_some()), ("role", role.is_some())];
        let fields = named.into_iter().filter(|(_, changed)| *changed).map(|(field, _)| field).collect();
        self.touch(Scope::user(user));
        self.audit(&Event::UserChanged { user: login, fields, role }).await
    }

    /// Another mail address, or none.
    ///
    /// # Errors
    /// No such user.
    pub async fn set_mail(&mut self, user: UserId, mail: Option<&str>) -> Result<()> {
        let login = self.login(user).await?;
        sqlx::query("UPDATE users SET mail = $2 WHERE id = $1")
            .bind(user.to_string())
            .bind(mail.map(str::to_owned))
            .execute(self.connection())
            .await?;
        self.audit(&Event::MailChanged { user: login }).await
    }

    /// Shuts somebody out, or lets them in again. Shut out: their doors lock, their web sessions end.
    ///
    /// # Errors
    /// No such user; or the last administrator who can sign in. Where none can yet, the last one who could be.
    pub async fn set_user_disabled(&mut self, user: UserId, disabled: bool) -> Result<()> {
        let at = disabled.then_some(self.now.wall.0);
        let sql = "UPDATE users SET disabled_at = CASE WHEN CAST($2 AS BIGINT) IS NULL THEN NULL \
                   ELSE COALESCE(disabled_at, $2) END \
                   WHERE id = $1 AND (CAST($2 AS BIGINT) IS NULL OR role <> 'admin' OR disabled_at IS NOT NULL \
                   OR EXISTS (SELECT 1 FROM users o WHERE o.id <> users.id AND o.role = 'admin' \
                   AND o.disabled_at IS NULL \
                   AND (o.factor_confirmed_at IS NOT NULL OR users.factor_confirmed_at IS NULL))) RETURNING login";
        let changed: Option<String> =
            sqlx::query_scalar(sql).bind(user.to_string()).bind(at).fetch_optional(self.connection()).await?;
        let Some(login) = changed else { return Err(Error::LastAdministrator(self.login(user).await?)) };
        if disabled {
            return self.end_all_of(user, login).await;
        }
        self.touch(Scope::user(user));
        self.audit(&Event::UserEnabled { user: login }).await
    }

    /// Shuts somebody out, an only administrator too: it was done already, when the database could not store it.
    pub(super) async fn shut_out(&mut self, user: UserId) -> Result<()> {
        let now = self.now.wall.0;
        let sql = "UPDATE users SET disabled_at = COALESCE(disabled_at, $2) WHERE id = $1 RETURNING login";
        let login: Option<String> =
            sqlx::query_scalar(sql).bind(user.to_string()).bind(now).fetch_optional(self.connection()).await?;
        self.end_all_of(user, login.ok_or(Error::NotFound("user"))?).await
    }

    async fn end_all_of(&mut self, user: UserId, login: String) -> Result<()> {
        self.end_of_user(user, super::verifications::EndReason::User).await?;
        self.end_web_sessions(user).await?;
        self.revoke_tokens_of(&login).await?;
        self.touch(Scope::user(user));
        self.audit(&Event::UserDisabled { user: login }).await
    }

    /// From now on they are in exactly these groups.
    ///
    /// # Errors
    /// No such user or group.
    pub async fn set_groups(&mut self, user: UserId, groups: &BTreeSet<GroupId>) -> Result<()> {
        let login = self.login(user).await?;
        sqlx::query("DELETE FROM group_members WHERE user_id = $1")
            .bind(user.to_string())
            .execute(self.connection())
            .await?;
        self.insert_memberships(user, groups).await?;
        self.note_groups(user, login).await
    }

    pub(super) async fn note_groups(&mut self, user: UserId, login: String) -> Result<()> {
        let names = sqlx::query_scalar(
            "SELECT g.name FROM group_members m JOIN groups g ON g.id = m.group_id WHERE m.user_id = $1 ORDER BY g.name",
        )
        .bind(user.to_string())
        .fetch_all(self.connection())
        .await?;
        self.audit(&Event::GroupsChanged { user: login, groups: names }).await?;
        self.touch(Scope::user(user));
        Ok(())
    }

    async fn insert_memberships(&mut self, user: UserId, groups: &BTreeSet<GroupId>) -> Result<()> {
        for group in groups {
            sqlx::query("INSERT INTO group_members (group_id, user_id) VALUES ($1, $2)")
                .bind(group.to_string())
                .bind(user.to_string())
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    /// How they are called now: somebody who was erased, by their pseudonym.
    pub(crate) async fn login(&mut self, user: UserId) -> Result<String> {
        sqlx::query_scalar("SELECT login FROM users WHERE id = $1")
            .bind(user.to_string())
            .fetch_optional(self.connection())
            .await?
            .ok_or(Error::NotFound("user"))
    }

    /// Spends this TOTP step, once only and never an older one, and only while the factor is the one it was checked with:
    /// false if it cannot be. Failure counts start again.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn spend_step(&mut self, user: UserId, step: u64, sealed: &str) -> Result<bool> {
        if planted(Bug::StepsForgotten) {
            sqlx::query("UPDATE users SET totp_last_step = 0").execute(self.connection()).await?;
        }
        let done = sqlx::query(
            "UPDATE users SET totp_last_step = $2, factor_failures = 0, password_failures = 0, \
             password_failures_elsewhere = 0 WHERE id = $1 AND totp_last_step < $2 AND totp_secret = $3 AND factor_confirmed_at IS NOT NULL \
             AND disabled_at IS NULL",
        )
        .bind(user.to_string())
        .bind(super::integer(step))
        .bind(sealed)
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Spends a recovery code, once only: false if it cannot be. Failure counts start again.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn spend_recovery_code(&mut self, user: UserId, hash: &str) -> Result<bool> {
        let now = self.now.wall.0;
        let done = sqlx::query(
            "UPDATE recovery_codes SET used_at = $3 WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL \
             AND user_id IN (SELECT id FROM users WHERE disabled_at IS NULL AND factor_confirmed_at IS NOT NULL)",
        )
        .bind(user.to_string())
        .bind(hash)
        .bind(now)
        .execute(self.connection())
        .await?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        let sql = "UPDATE users SET factor_failures = 0, password_failures = 0, password_failures_elsewhere = 0 \
                   WHERE id = $1";
        sqlx::query(sql).bind(user.to_string()).execute(self.connection()).await?;
        Ok(true)
    }
}

fn suspended(row: &AnyRow) -> Result<bool> {
    Ok(row.integer("factor_failures")? >= FACTOR_LIMIT || row.integer("password_failures")? >= PASSWORD_LIMIT)
}

fn user(row: &AnyRow) -> Result<User> {
    Ok(User {
        id: row.parsed("id")?,
        login: row.text("login")?,
        name: row.text("name")?,
        mail: row.maybe_text("mail")?,
        language: row.text("language")?,
        role: row.parsed("role")?,
        groups: Vec::new(),
        factor_confirmed_at: row.maybe_time("factor_confirmed_at")?,
        suspended: suspended(row)?,
        disabled_at: row.maybe_time("disabled_at")?,
        created_at: row.time("created_at")?,
        devices: row.count("devices")?,
        rules_accepted: super::home_work::version(row, "rules_accepted")?,
        rules_accepted_at: row.maybe_time("rules_accepted_at")?,
        checklist: super::home_work::checklist(row)?,
    })
}
