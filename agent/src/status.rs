//! How it goes: kept by `run` for `status` to show, and for nothing else. Whoever runs holds a lock, so that two never
//! take each other's place at the gateway.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::identity::replace;

/// How the connection is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(crate) enum Status {
    /// Nothing is known.
    #[default]
    Unknown,
    /// The gateway has welcomed this PC.
    Connected {
        /// IT has said which PC it is.
        approved: bool,
    },
    /// There is no connection.
    Waiting {
        /// Why.
        why: String,
        /// For how many seconds.
        for_s: u64,
    },
}

/// Where that is kept.
pub(crate) struct Keeper {
    file: PathBuf,
    last: Status,
    _lock: File,
}

impl Keeper {
    /// For the one that runs.
    pub(crate) fn take(state_dir: &Path) -> anyhow::Result<Self> {
        let lock = lock_file(state_dir).context("open the lock")?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => anyhow::bail!("another passerelle-agent runs on this PC already"),
            Err(TryLockError::Error(e)) => return Err(e).context("take the lock"),
        }
        Ok(Self { file: status_file(state_dir), last: Status::Unknown, _lock: lock })
    }

    /// Keeps this. That it cannot be kept is no reason not to go on.
    pub(crate) fn keep(&mut self, status: Status) {
        if status != self.last {
            let written =
                serde_json::to_vec(&status).map_err(Into::into).and_then(|text| replace(&self.file, &text, 0o600));
            if let Err(e) = written {
                tracing::warn!(error = format!("{e:#}"), "cannot keep the status");
            }
            self.last = status;
        }
    }
}

/// What was kept last, if something runs.
pub(crate) fn read(state_dir: &Path) -> anyhow::Result<Option<Status>> {
    match lock_file(state_dir).context("open the lock")?.try_lock() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let text = std::fs::read(status_file(state_dir)).unwrap_or_default();
            Ok(Some(serde_json::from_slice(&text).unwrap_or_default()))
        }
        Err(TryLockError::Error(e)) => Err(e).context("look at the lock"),
    }
}

fn lock_file(state_dir: &Path) -> std::io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(state_dir.join("lock"))
}

fn status_file(state_dir: &Path) -> PathBuf {
    state_dir.join("status.json")
}
