//! Cuts: what is taken away from somebody goes through even when the database stores nothing.
//!
//! Such a cut is kept in memory and in the [`CutFile`], lies over every world that is loaded, and is written to the
//! database before anything else is: whoever lets somebody in again does so after the cut, in every order of events.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Notify;
use uuid::Uuid;

use super::cut_file::CutFile;
use super::verifications::EndReason;
use super::{Error, Moment, Result, Store, Write, audit};
use crate::audit::{Actor, Event};
use crate::ids::{TokenId, UserId};
use crate::pure::cut::{By, Cut, What};

/// A disk that has not flushed a record by then is taken for broken.
const FLUSH: Duration = Duration::from_secs(2);

/// Makes the file for cuts, or leaves it as it is.
///
/// # Errors
/// There is no room for it.
pub fn prepare(path: &Path) -> anyhow::Result<()> {
    CutFile::open(path).map(drop).with_context(|| format!("make the file for cuts, {}", path.display()))
}

/// How safe a cut is that the database could not store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It outlives a crash and a power cut.
    InFile,
    /// It lasts as long as this process; why it is not in the file.
    InMemory(String),
}

/// Cuts that wait for the database. Who locks both locks the file first: nobody waits for a disk with `waiting` held.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    waiting: Arc<Mutex<Vec<Cut>>>,
    file: Arc<Mutex<Option<CutFile>>>,
    storing: tokio::sync::Mutex<()>,
    news: Notify,
}

impl Store {
    /// Keeps cuts in this file while the database stores nothing; those that wait in it are in force from now on.
    #[must_use]
    pub fn with_cut_file(self, path: &Path) -> Self {
        match CutFile::open(path) {
            Ok((file, cuts)) => {
                if !cuts.is_empty() {
                    tracing::warn!(count = cuts.len(), "cuts that the database does not have yet are in force");
                    self.cuts.news.notify_one();
                }
                *lock(&self.cuts.waiting) = cuts;
                *lock(&self.cuts.file) = Some(file);
            }
            Err(error) => tracing::error!(
                path = %path.display(), %error,
                "there is no file for cuts: while the disk is full, they would last until a restart only"
            ),
        }
        self
    }

    /// Cuts that are not in the database yet, oldest first.
    #[must_use]
    pub fn waiting_cuts(&self) -> Vec<Cut> {
        lock(&self.cuts.waiting).clone()
    }

    /// Waits until there is one.
    pub async fn cut_waits(&self) {
        self.cuts.news.notified().await;
    }

    /// Cuts, in the database. The answer is the epoch to wait for.
    ///
    /// # Errors
    /// There is no such thing, or the database does not take it.
    pub async fn cut(&self, what: What, actor: Actor, now: Moment) -> Result<Option<u64>> {
        let mut write = self.write(now, actor).await?;
        match what {
            What::DisableUser(id) => write.set_user_disabled(id, true).await?,
            other => write.cut(other).await?,
        }
        write.commit().await
    }

    /// Cuts without the database: in force for every load from now on, also after a restart if the file takes it. What
    /// waits already is not cut once more: however often a door is locked, there is room for the next one.
    ///
    /// # Errors
    /// It would shut out the last administrator.
    pub async fn cut_without_database(&self, what: What, by: By, now: Moment) -> Result<Kept> {
        let cut = {
            let mut waiting = lock(&self.cuts.waiting);
            if let What::DisableUser(user) = what
                && self.known_as_last_administrator(user, &waiting)
            {
                return Err(Error::LastAdministrator("this".to_owned()));
            }
            match waiting.iter().find(|cut| cut.what == what) {
                Some(same) => *same,
                None => {
                    let cut = Cut { id: Uuid::now_v7(), at: now.wall, by, what };
                    waiting.push(cut);
                    cut
                }
            }
        };
        self.cuts.news.notify_one();
        let (file, waiting) = (self.cuts.file.clone(), self.cuts.waiting.clone());
        let append = tokio::task::spawn_blocking(move || match &mut *lock(&file) {
            // It is in the database by now.
            Some(_) if !lock(&waiting).contains(&cut) => Ok(()),
            Some(file) => file.append(&cut).map_err(|e| e.to_string()),
            None => Err("there is no file for it".to_owned()),
        });
        let kept = match tokio::time::timeout(FLUSH, append).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err("it could not be written".to_owned()),
            Err(_) => Err("the disk does not answer".to_owned()),
        };
        match kept {
            Ok(()) => {
                tracing::warn!(what = what.word(), "cut; the database stores nothing, it is kept beside it");
                Ok(Kept::InFile)
            }
            Err(reason) => {
                tracing::error!(what = what.word(), %reason, "cut, but kept in memory only: gone with the next restart");
                Ok(Kept::InMemory(reason))
            }
        }
    }

    /// Writes what waits to the database, each once, with its own time.
    ///
    /// # Errors
    /// The database still does not take it.
    pub async fn store_cuts(&self) -> Result<()> {
        if lock(&self.cuts.waiting).is_empty() {
            return Ok(());
        }
        let _one_at_a_time = self.cuts.storing.lock().await;
        let waiting = self.waiting_cuts();
        if waiting.is_empty() {
            return Ok(());
        }
        let now = Moment::now();
        let mut write = self.begin_change(now, Actor::System).await?;
        for cut in &waiting {
            write.store_cut(cut, now).await?;
        }
        write.commit().await?;
        tracing::info!(count = waiting.len(), "cuts that had waited are in the database");
        lock(&self.cuts.waiting).retain(|cut| !waiting.contains(cut));
        let (file, still) = (self.cuts.file.clone(), self.cuts.waiting.clone());
        let clear = tokio::task::spawn_blocking(move || {
            if let Some(file) = &mut *lock(&file)
                && lock(&still).is_empty()
                && let Err(error) = file.clear()
            {
                tracing::warn!(%error, "the file of cuts could not be emptied");
            }
        });
        // Whatever comes of it: what is in the file is stored, and does no harm.
        let _ = tokio::time::timeout(FLUSH, clear).await;
        Ok(())
    }
}

impl Write<'_> {
    /// Takes away, whoever it is.
    async fn cut(&mut self, what: What) -> Result<()> {
        match what {
            What::RevokeDevice(id) => self.revoke_device(id).await,
            What::DisableDevice(id) => self.disable_device(id).await,
            What::DisableUser(id) => self.shut_out(id).await,
            What::EndVerification(id) => self.end_verification(id, EndReason::Ended).await,
            What::LockDevice(id) => self.end_of_device(id, EndReason::Locked).await,
            What::RemovePolicy(id) => self.remove_policy(id).await,
            What::RemoveResource(id) => self.remove_resource(id).await,
        }
    }

    async fn store_cut(&mut self, cut: &Cut, now: Moment) -> Result<()> {
        self.actor = self.actor_of(cut.by).await?;
        let (actor, event) = (self.actor.to_string(), Event::CutStored { cut: cut.what.word(), made_at: cut.at });
        if !audit::insert_once(self.connection(), cut.id, now.wall, &actor, &event).await? {
            return Ok(());
        }
        self.now = Moment { wall: cut.at, ..now };
        match self.cut(cut.what).await {
            // It is gone, over, or revoked meanwhile: there is nothing left to take away.
            Err(Error::NotFound(_) | Error::Revoked) => Ok(()),
            other => other,
        }
    }

    async fn actor_of(&mut self, by: By) -> Result<Actor> {
        Ok(match by {
            By::Local => Actor::Local,
            By::User(id) => self.login(id).await.map_or(Actor::Nobody, Actor::User),
            By::Token(id) => Actor::Token(self.token_name(id).await?),
        })
    }

    async fn token_name(&mut self, id: TokenId) -> Result<String> {
        let sql = "SELECT name FROM tokens WHERE id = $1";
        let name = sqlx::query_scalar(sql).bind(id.to_string()).fetch_optional(self.connection()).await?;
        Ok(name.unwrap_or_else(|| "unknown".to_owned()))
    }
}

impl Store {
    /// The id of whoever acts here: a record holds nothing else.
    pub async fn by(&self, actor: &Actor) -> By {
        match actor {
            Actor::User(login) => By::User(self.known_login(login).unwrap_or(UserId(Uuid::nil()))),
            Actor::Token(name) => {
                let tokens = self.tokens().await.unwrap_or_default();
                let token = tokens.iter().find(|t| t.name == *name && t.revoked_at.is_none());
                By::Token(token.map_or(TokenId(Uuid::nil()), |t| t.id))
            }
            Actor::Local | Actor::System | Actor::Nobody => By::Local,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
