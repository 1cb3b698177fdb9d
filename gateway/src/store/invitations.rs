//! Invitations: found by the hash of their token, good for a day, redeemed once. Password and factor chosen while
//! redeeming wait here, so that what the person had before stays in force until the last step.

use std::time::Duration;

use sqlx::any::AnyRow;
use zeroize::Zeroizing;

use super::passkeys::Credential;
use super::row::Columns as _;
use super::{Error, Result, Scope, Store, Write};
use crate::audit::Event;
use crate::clock::Unix;
use crate::ids::{InvitationId, UserId};
use crate::planted::{Bug, planted};

/// An invitation is good for this long.
pub const LIFE: Duration = Duration::from_secs(24 * 3600);

/// Wrong codes after which an invitation is void: 20 × 2·10⁻⁶.
const TRIES: i64 = 20;

/// So long before its end an invitation is brought to mind.
const REMIND_MS: i64 = 2 * 24 * 3_600_000;

/// Most rows a list answers with.
const LIST: i64 = 1000;

/// An invitation.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Which one.
    pub id: InvitationId,
    /// For whom.
    pub user: UserId,
    /// Their login.
    pub login: String,
    /// Their display name.
    pub name: String,
    /// Their language.
    pub language: String,
    /// Their mail address.
    pub mail: Option<String>,
    /// Issued.
    pub created_at: Unix,
    /// Void from then on.
    pub until: Unix,
    /// Sent by mail.
    pub mailed_at: Option<Unix>,
    /// Redeemed.
    pub redeemed_at: Option<Unix>,
    /// Revoked.
    pub revoked_at: Option<Unix>,
    /// The sealed secret that was drawn when a password was chosen; another with each choice.
    pub totp_secret: Option<String>,
}

/// The second factor that takes the place of all of before. No `Debug`: it holds a secret.
pub enum Chosen {
    /// An app that shows codes.
    Totp {
        /// 20 bytes.
        secret: Zeroizing<Vec<u8>>,
        /// The step (RFC 6238) of the code that was shown.
        step: u64,
    },
    /// A passkey.
    Passkey {
        /// What the person calls it.
        name: String,
        /// What it is recognised by.
        credential: Credential,
    },
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT i.*, u.login, u.name, u.language, u.mail FROM invitations i JOIN users u ON u.id = i.user_id ",
            $rest
        )
    };
}

impl Store {
    /// The latest thousand.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn invitations(&self) -> Result<Vec<Invitation>> {
        let rows =
            sqlx::query(select!("ORDER BY i.created_at DESC LIMIT $1")).bind(LIST).fetch_all(&self.reads).await?;
        rows.iter().map(invitation).collect()
    }

    /// The latest thousand to this person.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn invitations_to(&self, user: UserId) -> Result<Vec<Invitation>> {
        let rows = sqlx::query(select!("WHERE i.user_id = $1 ORDER BY i.created_at DESC LIMIT $2"))
            .bind(user.to_string())
            .bind(LIST)
            .fetch_all(&self.reads)
            .await?;
        rows.iter().map(invitation).collect()
    }

    /// One invitation.
    ///
    /// # Errors
    /// No such invitation.
    pub async fn invitation(&self, id: InvitationId) -> Result<Invitation> {
        let row = sqlx::query(select!("WHERE i.id = $1")).bind(id.to_string()).fetch_optional(&self.reads).await?;
        invitation(&row.ok_or(Error::NotFound("invitation"))?)
    }

    /// The invitation of this token, if it can still be redeemed.
    ///
    /// # Errors
    /// It cannot, or there is none: the same answer.
    pub async fn open_invitation(&self, token_hash: &str, now: Unix) -> Result<Invitation> {
        let row = sqlx::query(select!(
            "WHERE i.token_hash = $1 AND i.redeemed_at IS NULL AND i.revoked_at IS NULL AND i.until > $2 \
             AND i.failures < $3 AND u.disabled_at IS NULL"
        ))
        .bind(token_hash)
        .bind(now.0)
        .bind(TRIES)
        .fetch_optional(&self.reads)
        .await?;
        invitation(&row.ok_or(Error::NotFound("open invitation"))?)
    }

    /// The invitation of this token if it was redeemed just now: within `within`.
    ///
    /// # Errors
    /// There is none, or it was not.
    pub async fn redeemed_invitation(&self, token_hash: &str, now: Unix, within: Duration) -> Result<Invitation> {
        let since = now.0 - i64::try_from(within.as_millis()).unwrap_or(0);
        let row = sqlx::query(select!("WHERE i.token_hash = $1 AND i.redeemed_at >= $2 AND u.disabled_at IS NULL"))
            .bind(token_hash)
            .bind(since)
            .fetch_optional(&self.reads)
            .await?;
        invitation(&row.ok_or(Error::NotFound("redeemed invitation"))?)
    }

    /// Those sent by mail that are still open, of whose time less than two days and less than half is left, and whose
    /// reminder was not sent.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn invitations_to_remind_of(&self, now: Unix) -> Result<Vec<Invitation>> {
        let rows = sqlx::query(select!(
            "WHERE i.mailed_at IS NOT NULL AND i.reminded_at IS NULL AND i.redeemed_at IS NULL AND i.revoked_at IS NULL \
             AND u.mail IS NOT NULL AND u.disabled_at IS NULL AND i.until > $1 AND i.until - $1 <= $2 \
             AND i.until - $1 <= (i.until - i.created_at) / 2 ORDER BY i.until LIMIT $3"
        ))
        .bind(now.0)
        .bind(REMIND_MS)
        .bind(LIST)
        .fetch_all(&self.reads)
        .await?;
        rows.iter().map(invitation).collect()
    }

    /// Counts a wrong code before it is known to be wrong. False: the invitation is void.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn count_invitation_code(&self, id: InvitationId) -> Result<bool> {
        let done = sqlx::query("UPDATE invitations SET failures = failures + 1 WHERE id = $1 AND failures < $2")
            .bind(id.to_string())
            .bind(TRIES)
            .execute(&self.writes)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Write<'_> {
    /// One invitation, as it will be.
    ///
    /// # Errors
    /// No such invitation.
    pub async fn invitation(&mut self, id: InvitationId) -> Result<Invitation> {
        let sought = sqlx::query(select!("WHERE i.id = $1")).bind(id.to_string());
        invitation(&sought.fetch_optional(self.connection()).await?.ok_or(Error::NotFound("invitation"))?)
    }

    /// Issues an invitation; those issued before to the same person become void.
    ///
    /// # Errors
    /// No such user.
    pub async fn invite(&mut self, user: UserId, token_hash: &str) -> Result<InvitationId> {
        let login = self.login(user).await?;
        let (id, now) = (InvitationId::new(), self.now.wall);
        let sql = "UPDATE invitations SET revoked_at = $2, password_hash = NULL, totp_secret = NULL \
                   WHERE user_id = $1 AND redeemed_at IS NULL AND revoked_at IS NULL";
        sqlx::query(sql).bind(user.to_string()).bind(now.0).execute(self.connection()).await?;
        sqlx::query("INSERT INTO invitations (id, user_id, token_hash, created_at, until) VALUES ($1, $2, $3, $4, $5)")
            .bind(id.to_string())
            .bind(user.to_string())
            .bind(token_hash)
            .bind(now.0)
            .bind((now + LIFE).0)
            .execute(self.connection())
            .await?;
        self.audit(&Event::InvitationIssued { user: login }).await?;
        Ok(id)
    }

    /// Makes an invitation void.
    ///
    /// # Errors
    /// No such invitation, or it is redeemed.
    pub async fn revoke_invitation(&mut self, id: InvitationId) -> Result<()> {
        let now = self.now.wall.0;
        let row = sqlx::query(
            "UPDATE invitations SET revoked_at = COALESCE(revoked_at, $2), password_hash = NULL, totp_secret = NULL \
             WHERE id = $1 AND redeemed_at IS NULL RETURNING user_id",
        )
        .bind(id.to_string())
        .bind(now)
        .fetch_optional(self.connection())
        .await?
        .ok_or(Error::NotFound("invitation"))?;
        let login = self.login(row.parsed("user_id")?).await?;
        self.audit(&Event::InvitationRevoked { user: login }).await
    }

    /// It was sent by mail, or brought to mind by one.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn invitation_mailed(&mut self, invitation: &Invitation, reminder: bool) -> Result<()> {
        let now = self.now.wall.0;
        if !reminder {
            sqlx::query("UPDATE invitations SET mailed_at = $2 WHERE id = $1")
                .bind(invitation.id.to_string())
                .bind(now)
                .execute(self.connection())
                .await?;
        }
        // They may have been erased while the letter was on its way.
        let user = self.login(invitation.user).await?;
        self.audit(&Event::InvitationMailed { user, reminder }).await
    }

    /// Takes the one reminder of this invitation; false if somebody was faster. `back`: it could not be sent.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn take_reminder(&mut self, id: InvitationId, back: bool) -> Result<bool> {
        let now = self.now.wall.0;
        let sql = if back {
            "UPDATE invitations SET reminded_at = NULL WHERE id = $1 AND reminded_at = $2"
        } else {
            "UPDATE invitations SET reminded_at = $2 WHERE id = $1 AND reminded_at IS NULL"
        };
        let done = sqlx::query(sql).bind(id.to_string()).bind(now).execute(self.connection()).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Keeps the password and factor chosen, until the code confirms them. Beginning again replaces them.
    ///
    /// # Errors
    /// The invitation cannot be redeemed any more.
    pub async fn begin_redeeming(&mut self, id: InvitationId, password_hash: &str, secret: &[u8]) -> Result<()> {
        let sealed = self.store.sealer.seal("invitations", "totp_secret", &id.to_string(), secret)?;
        let done = sqlx::query(
            "UPDATE invitations SET password_hash = $2, totp_secret = $3 \
             WHERE id = $1 AND redeemed_at IS NULL AND revoked_at IS NULL",
        )
        .bind(id.to_string())
        .bind(password_hash)
        .bind(sealed)
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(Error::NotFound("open invitation")) }
    }

    /// Consumes the invitation, once only, if nothing was begun anew since it was read. Password, factor and
    /// recovery codes take the place of the old ones; the step is spent; passkeys, doors and web sessions of before end.
    ///
    /// # Errors
    /// Somebody was faster, or the invitation is void.
    pub async fn redeem(&mut self, invitation: &Invitation, chosen: &Chosen, recovery: &[String]) -> Result<()> {
        let now = self.now.wall.0;
        if planted(Bug::RedeemedAgain) {
            sqlx::query(
                "UPDATE invitations SET redeemed_at = NULL, totp_secret = $2, password_hash = 'x' WHERE id = $1",
            )
            .bind(invitation.id.to_string())
            .bind(invitation.totp_secret.clone())
            .execute(self.connection())
            .await?;
        }
        let password: Option<String> = sqlx::query_scalar(
            "UPDATE invitations SET redeemed_at = $2, totp_secret = NULL WHERE id = $1 AND totp_secret = $3 \
             AND password_hash IS NOT NULL AND redeemed_at IS NULL AND revoked_at IS NULL AND until > $2 \
             RETURNING password_hash",
        )
        .bind(invitation.id.to_string())
        .bind(now)
        .bind(invitation.totp_secret.clone())
        .fetch_optional(self.connection())
        .await?;
        let password = password.ok_or(Error::NotFound("open invitation"))?;
        let (user, login) = (invitation.user.to_string(), invitation.login.clone());
        let (sealed, step) = match chosen {
            Chosen::Totp { secret, step } => {
                (Some(self.store.sealer.seal("users", "totp_secret", &user, secret)?), *step)
            }
            Chosen::Passkey { .. } => (None, 0),
        };
        sqlx::query(
            "UPDATE users SET password_hash = $2, totp_secret = $3, factor_confirmed_at = $4, totp_last_step = $5, \
             password_failures = 0, password_failures_elsewhere = 0, factor_failures = 0 WHERE id = $1",
        )
        .bind(&user)
        .bind(password)
        .bind(sealed)
        .bind(now)
        .bind(super::integer(step))
        .execute(self.connection())
        .await?;
        sqlx::query("UPDATE invitations SET password_hash = NULL WHERE id = $1")
            .bind(invitation.id.to_string())
            .execute(self.connection())
            .await?;
        self.replace_recovery_codes(invitation.user, recovery).await?;
        self.revoke_passkeys(invitation.user).await?;
        if let Chosen::Passkey { name, credential } = chosen {
            self.add_passkey(invitation.user, name, credential).await?;
        }
        self.end_of_user(invitation.user, super::verifications::EndReason::User).await?;
        self.end_web_sessions(invitation.user).await?;
        self.forgive_everywhere(&login).await?;
        self.touch(Scope::user(invitation.user));
        self.audit(&Event::InvitationRedeemed { user: login }).await
    }

    pub(super) async fn replace_recovery_codes(&mut self, user: UserId, hashes: &[String]) -> Result<()> {
        let user = user.to_string();
        sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1").bind(&user).execute(self.connection()).await?;
        for hash in hashes {
            sqlx::query("INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)")
                .bind(&user)
                .bind(hash)
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }
}

fn invitation(row: &AnyRow) -> Result<Invitation> {
    Ok(Invitation {
        id: row.parsed("id")?,
        user: row.parsed("user_id")?,
        login: row.text("login")?,
        name: row.text("name")?,
        language: row.text("language")?,
        mail: row.maybe_text("mail")?,
        created_at: row.time("created_at")?,
        until: row.time("until")?,
        mailed_at: row.maybe_time("mailed_at")?,
        redeemed_at: row.maybe_time("redeemed_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
        totp_secret: row.maybe_text("totp_secret")?,
    })
}
