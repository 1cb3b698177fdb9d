//! Finding and removing what a run leaves: namespaces, their processes, their directories.
//!
//! Everything of a run carries its prefix, `po<pid>n<number>`. The owner holds a lock on a file of that name as long
//! as it lives; the kernel drops the lock with the process, so a held lock is never swept and a free one always may be.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;

use crate::gateway::disk::unmount;
use crate::process::{finish, signal_pid, wait_until};

/// Where each run has its lock file.
const RUNS: &str = "/run/passerelle-office";

/// Where each run has its directory: on disk, for files of some hundred megabytes.
const DIRECTORIES: &str = "/var/tmp/passerelle-office";

/// Killed processes are gone well within this.
const DEATH_LIMIT: Duration = Duration::from_secs(5);

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A prefix that belongs to this process until it is dropped.
#[derive(Debug)]
pub(crate) struct Prefix {
    name: String,
    directory: PathBuf,
    _lock: File,
}

impl Prefix {
    /// Takes a fresh prefix.
    pub(crate) fn take() -> anyhow::Result<Self> {
        let _all = lock_all()?;
        let name = format!("po{}n{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let lock = File::create(Path::new(RUNS).join(format!("{name}.lock"))).context("create lock file")?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).context("lock the prefix")?;
        let directory = Path::new(DIRECTORIES).join(&name);
        fs::create_dir_all(&directory).context("create the run's directory")?;
        Ok(Self { name, directory, _lock: lock })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A directory of this run.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

/// Nobody takes or sweeps a prefix while this file is held.
fn lock_all() -> anyhow::Result<File> {
    fs::create_dir_all(RUNS).with_context(|| format!("create {RUNS}"))?;
    let file = File::create(Path::new(RUNS).join("all")).context("create lock file")?;
    flock(&file, FlockOperation::LockExclusive).context("lock")?;
    Ok(file)
}

/// Removes everything of runs whose owner is dead, and names their prefixes.
///
/// # Errors
/// The directory of runs cannot be read; not root.
pub fn sweep() -> anyhow::Result<Vec<String>> {
    let _all = lock_all()?;
    let mut swept = Vec::new();
    for entry in fs::read_dir(RUNS)? {
        let path = entry?.path();
        let Some(prefix) = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".lock")) else {
            continue;
        };
        let file = File::open(&path)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            remove(prefix);
            swept.push(prefix.to_owned());
        }
    }
    Ok(swept)
}

/// Removes everything that carries this prefix. Does every step, whatever happens at the one before.
pub fn remove(prefix: &str) {
    let spaces = namespaces(prefix);
    for space in &spaces {
        let _ = wait_until("processes gone", DEATH_LIMIT, || {
            let pids = pids(space);
            for pid in &pids {
                let _ = signal_pid(*pid, Signal::KILL);
            }
            Ok(pids.is_empty().then_some(()))
        });
    }
    for space in &spaces {
        let _ = finish(Command::new("ip").args(["netns", "delete", space]));
        let _ = fs::remove_dir_all(Path::new("/etc/netns").join(space));
    }
    // WireGuard's control sockets are not in any namespace; the interfaces' names begin with the prefix.
    for entry in fs::read_dir("/run/wireguard").into_iter().flatten().flatten() {
        let path = entry.path();
        let interface = path.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
        if interface.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('c')) {
            let _ = fs::remove_file(&path);
        }
    }
    // Gone when empty, so that a machine that had none has none again.
    let _ = fs::remove_dir("/etc/netns");
    unmount(&Path::new(DIRECTORIES).join(prefix).join("gateway/state"));
    let _ = fs::remove_dir_all(Path::new(DIRECTORIES).join(prefix));
    let _ = fs::remove_dir(DIRECTORIES);
    let _ = fs::remove_file(Path::new(RUNS).join(format!("{prefix}.lock")));
}

fn namespaces(prefix: &str) -> Vec<String> {
    let with_dash = format!("{prefix}-");
    fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(&with_dash))
        .collect()
}

fn pids(space: &str) -> Vec<i32> {
    let listed = finish(Command::new("ip").args(["netns", "pids", space]));
    listed.map(|out| out.stdout.lines().filter_map(|l| l.trim().parse().ok()).collect()).unwrap_or_default()
}
