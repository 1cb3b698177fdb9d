//! The database: SQL, one file a noun; schema in `gateway/migrations/`.
//!
//! Rules that must hold under races are one statement, or a constraint. A change that the data plane must learn of
//! raises the site's epoch in its own transaction and says whom it touches ([`Scope`]); the reconciler does the rest.
//! What takes away goes through without the database, too ([`cuts`]).
//! Reads go by their own connections, so that they never wait for a write.

pub mod agents;
pub mod audit;
pub mod bookings;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod bookings_tests;
pub mod counts;
mod cut_file;
pub mod cuts;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod cuts_tests;
pub mod database;
pub mod devices;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod doors_tests;
mod erase;
pub mod groups;
pub mod home_work;
pub mod invitations;
mod known;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod known_tests;
pub mod mail_server;
pub mod own_factors;
pub mod passkeys;
pub mod policies;
pub mod pools;
pub mod publisher;
pub mod resources;
pub mod retention;
pub mod room;
pub mod rulebook;
pub mod site;
pub mod throttles;
pub mod tokens;
pub mod users;
pub mod verifications;
pub mod web_sessions;
pub mod workstations;
pub mod world;

mod row;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;

pub(crate) use erase::ERASED;
pub(crate) use row::sought;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use database::Database;
use sqlx::{Any, AnyConnection, AnyPool, Transaction};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::audit::{Actor, Event};
use crate::clock::{Boot, Unix};
use crate::identity::seal::Sealer;
use crate::ids::UserId;

/// A server that does not answer within this is away, and cutting goes on without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// A file is on this machine: whatever takes longer is load, up to this.
const PATIENCE_FILE: Duration = Duration::from_secs(10);

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such row.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// Whoever asked for a change is not signed in any more.
    #[error("signed out meanwhile")]
    SignedOut,
    /// Somebody has as many as they may make by themselves; the text says what to do.
    #[error("{0}")]
    Enough(String),
    /// A constraint says no: it exists already.
    #[error("this {0} exists already")]
    Exists(&'static str),
    /// Nobody would be left to let anybody in.
    #[error(
        "{0} is the last administrator: add another (`passerelle user add LOGIN --admin`, then \
         `passerelle invitation add LOGIN`), who redeems the invitation first"
    )]
    LastAdministrator(String),
    /// Somebody would have nothing left to sign in with but recovery codes.
    #[error("this passkey is all there is to sign in with: set up an app that shows codes, or another passkey, first")]
    LastFactor,
    /// The device is revoked, which is for good.
    #[error("the device is revoked; add it again with a new key")]
    Revoked,
    /// The site network has no room left.
    #[error("the site network has no address left")]
    NoAddress,
    /// A network moved to a wider one than it has aliases for.
    #[error("this network is wider than the one that was published; publish it anew")]
    Wider,
    /// A sealed value does not open: another sealing key, or a row that was moved.
    #[error(transparent)]
    Seal(#[from] crate::identity::seal::Unsealable),
    /// A column holds what this version cannot read.
    #[error("column {0} holds an unreadable value")]
    Unreadable(&'static str),
    /// No key could be made.
    #[error("the kernel gives no randomness")]
    Randomness(#[from] getrandom::Error),
    /// The database itself.
    #[error("database")]
    Database(#[from] sqlx::Error),
}

/// Short for the store's results.
pub type Result<T> = std::result::Result<T, Error>;

/// Wall clock and boot clock, read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// For what is written down.
    pub wall: Unix,
    /// For what ends.
    pub boot: Boot,
}

impl Moment {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self { wall: Unix::now(), boot: Boot::now() }
    }
}

/// Whom a change touches. Resources are always loaded whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody.
    All,
    /// These users and their devices; none: resources only.
    Users(BTreeSet<UserId>),
}

impl Scope {
    /// One user.
    #[must_use]
    pub fn user(id: UserId) -> Self {
        Self::Users(BTreeSet::from([id]))
    }

    /// Whether it touches this user.
    #[must_use]
    pub fn holds(&self, user: UserId) -> bool {
        match self {
            Self::All => true,
            Self::Users(users) => users.contains(&user),
        }
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Users(mut a), Self::Users(b)) => {
                a.extend(b);
                Self::Users(a)
            }
            _ => Self::All,
        }
    }
}

/// The database.
#[derive(Debug)]
pub struct Store {
    reads: AnyPool,
    writes: AnyPool,
    database: Database,
    /// Hears what other gateways change; ends with the store.
    _listening: JoinSet<()>,
    boot_id: String,
    sealer: Arc<Sealer>,
    touched: Mutex<BTreeMap<u64, Scope>>,
    changed: Arc<Notify>,
    /// Wall clock minus boot clock, in milliseconds, as last measured; `i64::MIN` before the first time.
    offset: AtomicI64,
    /// The same, when the wall clock was last found to be right.
    believed: AtomicI64,
    cuts: cuts::Cuts,
    waiting: throttles::Waiting,
    strangers: throttles::Strangers,
    /// Who signs in by the internet.
    signing_in: throttles::Strangers,
    known: Mutex<known::Known>,
    /// The newest epoch that this process has committed.
    committed: AtomicU64,
}

impl Store {
    /// Opens the database, and brings its schema up to date.
    ///
    /// # Errors
    /// The database cannot be opened or its schema is of a newer version.
    pub async fn open(database: Database, boot_id: &str, sealer: Arc<Sealer>) -> anyhow::Result<Self> {
        let (writes, reads) = database.connect().await?;
        let changed = Arc::new(Notify::new());
        let wake = changed.clone();
        let mut listening = JoinSet::new();
        listening.spawn(database.clone().listen(move || wake.notify_one()));
        Ok(Self {
            reads,
            writes,
            database,
            _listening: listening,
            boot_id: boot_id.to_owned(),
            sealer,
            touched: Mutex::default(),
            changed,
            offset: AtomicI64::new(i64::MIN),
            believed: AtomicI64::new(i64::MIN),
            cuts: cuts::Cuts::default(),
            waiting: throttles::Waiting::default(),
            strangers: throttles::Strangers::default(),
            signing_in: throttles::Strangers::default(),
            known: Mutex::default(),
            committed: AtomicU64::new(0),
        })
    }

    /// Begins a change. Nothing of it is there before [`Write::commit`]. Cuts that wait are stored before.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn write(&self, now: Moment, actor: Actor) -> Result<Write<'_>> {
        self.store_cuts().await?;
        self.begin_change(now, actor).await
    }

    async fn begin_change(&self, now: Moment, actor: Actor) -> Result<Write<'_>> {
        let tx = self.begin_write().await?;
        Ok(Write { store: self, tx, now, actor, scope: None })
    }

    async fn begin_write(&self) -> Result<Transaction<'static, Any>> {
        Ok(self.database.begin_write(&self.writes).await?)
    }

    /// A read transaction: everything in it is of one moment.
    pub(crate) async fn read(&self) -> Result<Transaction<'static, Any>> {
        Ok(self.database.begin_read(&self.reads).await?)
    }

    /// This, unless the database does not answer.
    ///
    /// # Errors
    /// What was asked failed, or its time is over.
    pub async fn within_patience<T>(&self, asked: impl Future<Output = Result<T>>) -> Result<T> {
        let patience = if self.database.is_remote() { PATIENCE } else { PATIENCE_FILE };
        let late = || Err(Error::Database(sqlx::Error::PoolTimedOut));
        tokio::time::timeout(patience, asked).await.unwrap_or_else(|_| late())
    }

    /// Waits until a change that touches the data plane was committed, here or by another gateway of the site.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What seals the secrets in it.
    #[must_use]
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Closes every connection: a last checkpoint, and no file left open.
    pub async fn close(&self) {
        self.reads.close().await;
        self.writes.close().await;
    }

    fn touched(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Scope>> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change under way.
#[derive(Debug)]
pub struct Write<'s> {
    store: &'s Store,
    tx: Transaction<'static, Any>,
    /// When it was begun.
    pub now: Moment,
    actor: Actor,
    scope: Option<Scope>,
}

impl Write<'_> {
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.tx
    }

    /// The data plane must learn of this change: it touches these.
    pub fn touch(&mut self, scope: Scope) {
        self.scope = Some(match self.scope.take() {
            Some(before) => before.and(scope),
            None => scope,
        });
    }

    /// Writes down what is being done.
    ///
    /// # Errors
    /// The database does not take it: then nothing is done.
    pub async fn audit(&mut self, event: &Event) -> Result<()> {
        let (at, actor) = (self.now.wall, self.actor.to_string());
        audit::insert(self.connection(), at, &actor, event).await
    }

    /// Makes it so. The answer is the epoch to wait for, if the data plane is touched.
    ///
    /// # Errors
    /// The database does not take it: then nothing is done.
    pub async fn commit(mut self) -> Result<Option<u64>> {
        let Some(scope) = self.scope.take() else {
            self.tx.commit().await?;
            return Ok(None);
        };
        let epoch: i64 =
            sqlx::query_scalar("UPDATE site SET epoch = epoch + 1 RETURNING epoch").fetch_one(&mut *self.tx).await?;
        let epoch = u64::try_from(epoch).map_err(|_| Error::Unreadable("epoch"))?;
        // Before the commit: whoever sees the epoch finds whom it touches. After a rollback the entry only loads more.
        {
            let mut touched = self.store.touched();
            let before = touched.remove(&epoch);
            touched.insert(epoch, before.map_or(scope.clone(), |b| b.and(scope)));
        }
        self.store.database.announce(&mut self.tx).await?;
        let committed = self.tx.commit().await;
        self.store.changed.notify_one();
        committed?;
        self.store.committed.fetch_max(epoch, Ordering::Relaxed);
        Ok(Some(epoch))
    }
}

impl Error {
    /// The database does not take a change, or does not answer: not what was asked is wrong, but the place it goes to.
    #[must_use]
    pub fn is_of_storage(&self) -> bool {
        use sqlx::Error as E;
        match self {
            Self::Database(E::Database(e)) => {
                !(e.is_unique_violation() || e.is_foreign_key_violation() || e.is_check_violation())
            }
            Self::Database(
                E::Io(_)
                | E::Tls(_)
                | E::Protocol(_)
                | E::PoolTimedOut
                | E::PoolClosed
                | E::WorkerCrashed
                | E::BeginFailed,
            ) => true,
            _ => false,
        }
    }

    /// The disk of the database is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        // SQLITE_FULL; PostgreSQL's disk_full.
        matches!(self, Self::Database(sqlx::Error::Database(e)) if e.code().is_some_and(|c| c == "13" || c == "53100"))
    }
}

/// A broken uniqueness constraint means: exists already.
fn exists(what: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
    move |e| match &e {
        sqlx::Error::Database(d) if d.is_unique_violation() => Error::Exists(what),
        _ => Error::Database(e),
    }
}

/// What is noted by the way is left out while the database stores nothing.
fn unless_full(noted: sqlx::Result<sqlx::any::AnyQueryResult>) -> Result<()> {
    match noted.map_err(Error::from) {
        Err(e) if !e.is_of_storage() => Err(e),
        _ => Ok(()),
    }
}

fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
