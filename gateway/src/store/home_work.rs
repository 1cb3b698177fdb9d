//! What people accept and answer for working at home, and what IT decides of it.

use serde_json::Value;
use sqlx::any::AnyRow;

use super::row::Columns as _;
use super::{Error, Result, Store, Write};
use crate::audit::Event;
use crate::clock::Unix;
use crate::ids::UserId;
use crate::pure::home_work::{Contact, HomeWork, Link, Question, Replies};

/// What IT changes; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in HomeWork")]
pub struct NewHomeWork {
    pub verification_minutes: Option<u32>,
    pub idle_minutes: Option<u32>,
    pub desktop_idle_minutes: Option<u32>,
    pub desktop_longest_minutes: Option<u32>,
    pub language: Option<String>,
    pub contact: Option<Contact>,
    pub links: Option<Vec<Link>>,
    pub rules: Option<String>,
    pub checklist: Option<Vec<Question>>,
}

/// What somebody answered about their home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checklist {
    /// By question.
    pub replies: Replies,
    /// When.
    pub answered_at: Unix,
}

/// What one person has accepted and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The newest version of the rules.
    pub rules: Option<u32>,
    /// What they answered.
    pub checklist: Option<Checklist>,
}

impl Store {
    /// What this person has accepted and answered.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn accepted(&self, user: UserId) -> Result<Accepted> {
        let row = sqlx::query(
            "SELECT (SELECT MAX(r.version) FROM rules_accepted r WHERE r.user_id = u.id) AS rules_accepted, c.replies, \
             c.answered_at FROM users u LEFT JOIN checklists c ON c.user_id = u.id WHERE u.id = $1",
        )
        .bind(user.to_string())
        .fetch_optional(&self.reads)
        .await?;
        let Some(row) = row else { return Ok(Accepted::default()) };
        Ok(Accepted { rules: version(&row, "rules_accepted")?, checklist: checklist(&row)? })
    }

    /// Which versions of the rules this person has accepted, and when.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn rules_accepted(&self, user: UserId) -> Result<Vec<(u32, Unix)>> {
        let rows = sqlx::query("SELECT version, at FROM rules_accepted WHERE user_id = $1 ORDER BY version")
            .bind(user.to_string())
            .fetch_all(&self.reads)
            .await?;
        let accepted = rows.iter().map(|row| {
            let version = version(row, "version")?.ok_or(Error::Unreadable("version"))?;
            Ok((version, row.time("at")?))
        });
        accepted.collect()
    }
}

impl Write<'_> {
    /// Somebody accepts the rules of this version, which are the rules now; once more is nothing new.
    ///
    /// # Errors
    /// They are not, or no such user.
    pub async fn accept_rules(&mut self, user: UserId, version: u32) -> Result<()> {
        let now = self.now.wall.0;
        let text: String = sqlx::query_scalar("SELECT home_work FROM site").fetch_one(self.connection()).await?;
        let rules = read(&text)?;
        if rules.rules.is_empty() || rules.rules_version != version {
            return Err(Error::NotFound("version of the rules"));
        }
        let sql = "INSERT INTO rules_accepted (user_id, version, at) SELECT u.id, $2, $3 FROM users u \
                   WHERE u.id = $1 AND u.disabled_at IS NULL ON CONFLICT DO NOTHING";
        let done = sqlx::query(sql)
            .bind(user.to_string())
            .bind(i64::from(version))
            .bind(now)
            .execute(self.connection())
            .await?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
        let login = self.login(user).await?;
        self.audit(&Event::RulesAccepted { user: login, version }).await
    }

    /// Somebody answers about their home; the answers of before are replaced.
    ///
    /// # Errors
    /// No such user.
    pub async fn answer_checklist(&mut self, user: UserId, replies: &Replies) -> Result<()> {
        let now = self.now.wall.0;
        let login = self.login(user).await?;
        let sql = "INSERT INTO checklists (user_id, replies, answered_at) VALUES ($1, $2, $3) \
                   ON CONFLICT (user_id) DO UPDATE SET replies = excluded.replies, answered_at = excluded.answered_at";
        sqlx::query(sql)
            .bind(user.to_string())
            .bind(serde_json::to_string(replies).unwrap_or_else(|_| "{}".to_owned()))
            .bind(now)
            .execute(self.connection())
            .await?;
        self.audit(&Event::ChecklistAnswered { user: login }).await
    }

    /// Changes what is named. The answer names what was: that it was, not its text.
    pub(super) async fn change_home_work(&mut self, new: &NewHomeWork) -> Result<Vec<&'static str>> {
        // The row is taken before it is read: two changes at once would lose one of them.
        let text: String = sqlx::query_scalar("UPDATE site SET epoch = epoch RETURNING home_work")
            .fetch_one(self.connection())
            .await?;
        let mut is = read(&text)?;
        let mut changed = Vec::new();
        is.verification_minutes = new.verification_minutes.unwrap_or(is.verification_minutes);
        is.idle_minutes = new.idle_minutes.unwrap_or(is.idle_minutes);
        is.desktop_idle_minutes = new.desktop_idle_minutes.unwrap_or(is.desktop_idle_minutes);
        is.desktop_longest_minutes = new.desktop_longest_minutes.unwrap_or(is.desktop_longest_minutes);
        let mut set = |name, differs: bool| {
            if differs {
                changed.push(name);
            }
        };
        set("language", put(&mut is.language, new.language.as_ref()));
        set("contact", put(&mut is.contact, new.contact.as_ref()));
        set("links", put(&mut is.links, new.links.as_ref()));
        set("checklist", put(&mut is.checklist, new.checklist.as_ref()));
        let rules = put(&mut is.rules, new.rules.as_ref());
        is.rules_version += u32::from(rules);
        set("rules", rules);
        sqlx::query("UPDATE site SET home_work = $1").bind(written(&is)).execute(self.connection()).await?;
        Ok(changed)
    }
}

fn put<T: Clone + PartialEq>(is: &mut T, new: Option<&T>) -> bool {
    match new {
        Some(new) if new != is => {
            *is = new.clone();
            true
        }
        _ => false,
    }
}

pub(super) fn read(text: &str) -> Result<HomeWork> {
    serde_json::from_str(text).map_err(|_| Error::Unreadable("home_work"))
}

pub(super) fn written(home_work: &HomeWork) -> String {
    serde_json::to_value(home_work).unwrap_or(Value::Null).to_string()
}

pub(super) fn version(row: &AnyRow, column: &'static str) -> Result<Option<u32>> {
    row.maybe_integer(column)?.map(|n| u32::try_from(n).map_err(|_| Error::Unreadable(column))).transpose()
}

pub(super) fn checklist(row: &AnyRow) -> Result<Option<Checklist>> {
    let Some(text) = row.maybe_text("replies")? else { return Ok(None) };
    let replies = serde_json::from_str(&text).map_err(|_| Error::Unreadable("replies"))?;
    Ok(Some(Checklist { replies, answered_at: row.time("answered_at")? }))
}
