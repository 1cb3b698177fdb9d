//! Which database, and what differs between the two: how a connection is made, how a transaction begins, and how a
//! process hears of another's changes. Everything else is one portable SQL.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use provisioning::percent::encode;
use sqlx::any::AnyPoolOptions;
use sqlx::postgres::PgListener;
use sqlx::{Any, AnyPool, Connection as _, Executor as _, PgConnection, Transaction};
use tokio::time::Instant;
use url::Url;

/// Connections for reading: more than the two cores of a small office's box would only wait for each other.
const READERS: u32 = 4;

/// How long a SQLite statement waits for another process's lock; nothing of ours holds one longer than a disk flush.
const BUSY_MS: u32 = 3000;

/// How long a request waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// The same for a server: what is away is said soon, and cutting goes on without it.
const ACQUIRE_REMOTE: Duration = Duration::from_secs(2);

/// A statement of ours takes milliseconds; a gateway that stands still must not hold the others' for longer than this.
const LIMITS: [&str; 2] = ["SET statement_timeout = '5s'", "SET idle_in_transaction_session_timeout = '10s'"];

/// Who holds this runs the site: any number, the same for every gateway of ours.
const HOLDER: &str = "SELECT pg_try_advisory_lock(7077389)";

/// A holder that is cut off from its server is given up by it after half a minute.
const ALIVE: [&str; 3] =
    ["SET tcp_keepalives_idle = 10", "SET tcp_keepalives_interval = 5", "SET tcp_keepalives_count = 4"];

/// How often the holder looks whether it still is.
const LOOK: Duration = Duration::from_secs(2);

/// The server notices within this that a process of before is gone.
const PREDECESSOR: u32 = 5;

/// A server has noticed by then that a connection is dead: twice what its own keepalives are set to.
const DEAD: Duration = Duration::from_secs(60);

/// One writer at a time for the whole site, as SQLite has it: any number, the same for every gateway of ours.
const WRITER: &str = "SELECT pg_advisory_xact_lock(7077388)";

/// What a change that touches the data plane is announced on.
const CHANNEL: &str = "passerelle";

/// A listener that lost its server tries again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file of ours: the default.
    Sqlite(PathBuf),
    /// A server of the office's.
    Postgres(Url),
}

impl Database {
    /// Both pools, the first for writing; the schema is brought up to date. The file is made (readable by its owner only) if it is not there.
    pub(super) async fn connect(&self) -> anyhow::Result<(AnyPool, AnyPool)> {
        let named = || self.to_string();
        sqlx::any::install_default_drivers();
        let (url, pragmas) = match self {
            Self::Sqlite(file) => {
                OpenOptions::new().create(true).append(true).mode(0o600).open(file).with_context(named)?;
                (sqlite_url(file), sqlite_pragmas())
            }
            Self::Postgres(url) => (url.to_string(), LIMITS.map(str::to_owned).to_vec()),
        };
        let patience = if self.is_remote() { ACQUIRE_REMOTE } else { ACQUIRE };
        let pool = |connections| {
            pool(connections, pragmas.clone()).acquire_timeout(patience).test_before_acquire(self.is_remote())
        };
        let writes = pool(1).connect(&url).await.with_context(named)?;
        sqlx::migrate!("./migrations").run(&writes).await.with_context(|| format!("schema of {}", named()))?;
        let reads = pool(READERS).connect(&url).await.with_context(named)?;
        Ok((writes, reads))
    }

    /// A server may have restarted since a connection was made; a file has not.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Whether a site was ever set up in it.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn is_set_up(&self) -> anyhow::Result<bool> {
        if let Self::Sqlite(file) = self {
            return Ok(file.exists());
        }
        let (writes, reads) = self.connect().await?;
        let sites: i64 = sqlx::query_scalar("SELECT CAST(COUNT(*) AS BIGINT) FROM site").fetch_one(&reads).await?;
        writes.close().await;
        reads.close().await;
        Ok(sites > 0)
    }

    /// A transaction that is the only one to write.
    pub(super) async fn begin_write(&self, writes: &AnyPool) -> sqlx::Result<Transaction<'static, Any>> {
        match self {
            Self::Sqlite(_) => writes.begin_with("BEGIN IMMEDIATE").await,
            Self::Postgres(_) => {
                // Each statement after the lock sees what was committed before it was taken.
                let mut tx = writes.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
                tx.execute(WRITER).await?;
                Ok(tx)
            }
        }
    }

    /// A transaction that sees one moment.
    pub(super) async fn begin_read(&self, reads: &AnyPool) -> sqlx::Result<Transaction<'static, Any>> {
        match self {
            Self::Sqlite(_) => reads.begin().await,
            Self::Postgres(_) => reads.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await,
        }
    }

    /// Tells other processes, when this transaction is committed, that the data plane is touched.
    pub(super) async fn announce(&self, tx: &mut Transaction<'static, Any>) -> sqlx::Result<()> {
        if self.is_remote() {
            sqlx::query("SELECT CAST(pg_notify($1, '') AS TEXT)").bind(CHANNEL).execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Runs the site from this process alone, for as long as the answer is kept. A file needs no such thing.
    ///
    /// # Errors
    /// Another gateway runs on this database, or the server does not answer.
    pub async fn hold(&self) -> anyhow::Result<Option<PgConnection>> {
        let Self::Postgres(url) = self else { return Ok(None) };
        for attempt in 0..PREDECESSOR {
            if attempt > 0 {
                tokio::time::sleep(AGAIN).await;
            }
            let mut connection = PgConnection::connect(url.as_str()).await.with_context(|| self.to_string())?;
            for sql in ALIVE {
                connection.execute(sql).await?;
            }
            if sqlx::query_scalar(HOLDER).fetch_one(&mut connection).await? {
                return Ok(Some(connection));
            }
        }
        anyhow::bail!(
            "another gateway runs on this {self}: several on one database are not supported yet; stop the other one first"
        )
    }

    /// Keeps what [`Database::hold`] gave, over restarts of the server. Ends when another gateway has it.
    ///
    /// # Errors
    /// Another gateway has it.
    pub async fn keep_holding(&self, mut held: Option<PgConnection>) -> anyhow::Result<()> {
        let mut taken = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let Some(connection) = &mut held else {
                if self.is_remote() {
                    held = match self.hold().await {
                        // Not reached: it is looked for again.
                        Err(e) if e.downcast_ref::<sqlx::Error>().is_some() => None,
                        // It may be our own, of a connection that the server does not know to be dead.
                        Err(_) if taken.get_or_insert_with(Instant::now).elapsed() < DEAD => None,
                        other => other?,
                    };
                }
                continue;
            };
            taken = None;
            if !matches!(tokio::time::timeout(LOOK, connection.ping()).await, Ok(Ok(()))) {
                held = None;
            }
        }
    }

    /// Calls `heard` whenever a process has announced a change, or may have while the server was away. SQLite has no
    /// other process: then this ends at once.
    pub(super) async fn listen(self, heard: impl Fn()) {
        let Self::Postgres(url) = self else { return };
        loop {
            if let Ok(mut listener) = PgListener::connect(url.as_str()).await
                && listener.listen(CHANNEL).await.is_ok()
            {
                heard();
                while let Ok(Some(_)) = listener.try_recv().await {
                    heard();
                }
            }
            tracing::warn!(database = %url_shown(&url), "the database is away: changes made by others come later");
            tokio::time::sleep(AGAIN).await;
        }
    }
}

impl std::fmt::Display for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "database {}", file.display()),
            Self::Postgres(url) => write!(f, "database {}", url_shown(url)),
        }
    }
}

/// Without what may be secret.
fn url_shown(url: &Url) -> String {
    format!("postgresql://{}{}", url.host_str().unwrap_or_default(), url.path())
}

fn pool(connections: u32, pragmas: Vec<String>) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .min_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        // A full disk ends SQLite's transaction by itself, which the driver does not notice: it would begin no other one.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .after_connect(move |connection, _| {
            let pragmas = pragmas.clone();
            Box::pin(async move {
                for pragma in pragmas {
                    connection.execute(sqlx::AssertSqlSafe(pragma)).await?;
                }
                Ok(())
            })
        })
}

fn sqlite_pragmas() -> Vec<String> {
    vec![
        "PRAGMA journal_mode = WAL".to_owned(),
        "PRAGMA synchronous = FULL".to_owned(),
        "PRAGMA foreign_keys = ON".to_owned(),
        "PRAGMA secure_delete = ON".to_owned(),
        format!("PRAGMA busy_timeout = {BUSY_MS}"),
    ]
}

fn sqlite_url(file: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    format!("sqlite://{}?mode=rw", encode(file.as_os_str().as_bytes(), b"/"))
}
