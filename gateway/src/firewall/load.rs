//! Runs nft: JSON on its standard input, no shell, an absolute path, a time limit.
//!
//! Errors name the cure, for they end up before the eyes of whoever looks after the box.

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::clock::Boot;

/// Where nft is looked for. No `PATH`: it belongs to whoever started us.
const PLACES: [&str; 3] = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"];
/// A transaction takes milliseconds; 20,000 elements take 0.7 s (measured).
const LIMIT: Duration = Duration::from_secs(5);
/// On top of it for each MiB of JSON, which is about 10,000 elements.
const LIMIT_PER_MIB: Duration = Duration::from_secs(1);
/// What is kept of each of nft's outputs: the probe reads whole rulesets (ufw's alone has 100 kB), and of complaints the
/// first line is shown.
const KEPT: u64 = 8 << 20;

/// Why a transaction was not carried out. Nothing of it is in force then.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no nft.
    #[error("nft is missing: apt install nftables")]
    Missing,
    /// The kernel has no nf_tables, or not for us.
    #[error("the kernel refuses nf_tables ({0}): modprobe nf_tables, and run with CAP_NET_ADMIN")]
    Kernel(String),
    /// nft ran and refused; its own first line.
    #[error(
        "nft refused the transaction ({0}): is the machine out of memory, or nftables older than the kernel? `apt upgrade`, then `passerelle doctor`"
    )]
    Refused(String),
    /// nft did not come back.
    #[error("nft did not finish within {} s and was stopped: is the machine out of memory, or another nft stuck?", .0.as_secs())]
    Timeout(Duration),
    /// nft could not be run.
    #[error("run {program}: {error}")]
    Run {
        /// Which file.
        program: String,
        /// What the system says.
        error: std::io::Error,
    },
}

/// The nft program.
#[derive(Clone, Debug)]
pub struct Nft {
    program: PathBuf,
}

impl Nft {
    /// This program instead of the one that would be found. For tests.
    #[must_use]
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into() }
    }

    /// Looks for nft. In debug builds, `PASSERELLE_NFT` names another one, for tests.
    ///
    /// # Errors
    /// [`LoadError::Missing`].
    pub fn find() -> Result<Self, LoadError> {
        if cfg!(debug_assertions)
            && let Some(named) = std::env::var_os("PASSERELLE_NFT")
        {
            return Ok(Self::at(named));
        }
        let found = PLACES.iter().map(Path::new).find(|p| p.is_file());
        found.map(Self::at).ok_or(LoadError::Missing)
    }

    /// The file that is run.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Carries out one transaction.
    ///
    /// # Errors
    /// It was not carried out; why.
    pub fn load(&self, json: Vec<u8>) -> Result<(), LoadError> {
        self.run(&["-j", "-f", "-"], json).map(drop)
    }

    /// Runs nft and returns what it printed.
    pub(super) fn run(&self, arguments: &[&str], input: Vec<u8>) -> Result<Vec<u8>, LoadError> {
        let limit = LIMIT + LIMIT_PER_MIB * u32::try_from(input.len() >> 20).unwrap_or(u32::MAX);
        let wrap = |error| LoadError::Run { program: self.program.display().to_string(), error };
        let child = Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| if e.kind() == std::io::ErrorKind::NotFound { LoadError::Missing } else { wrap(e) })?;
        let (success, output, complaint) =
            finish(child, input, limit).map_err(wrap)?.ok_or(LoadError::Timeout(limit))?;
        if success { Ok(output) } else { Err(diagnose(&complaint)) }
    }
}

type Finished = (bool, Vec<u8>, Vec<u8>);

/// Feeds the child and waits. `None`: the time was over.
fn finish(mut child: Child, input: Vec<u8>, limit: Duration) -> std::io::Result<Option<Finished>> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    // Three threads, for nft may write before it has read everything. They end when the child does.
    let feed = std::thread::spawn(move || stdin.map(|mut pipe| pipe.write_all(&input)));
    let (output, complaint) = (keep(stdout), keep(stderr));
    let ended = wait(&child, limit);
    if !matches!(ended, Ok(true)) {
        // Whoever is stuck is stopped, and the threads with it.
        let _ = child.kill();
    }
    let status = child.wait()?;
    let fed = feed.join();
    let (output, complaint) = (output.join().unwrap_or_default(), complaint.join().unwrap_or_default());
    let fed = matches!(fed, Ok(Some(Ok(()))));
    Ok(ended?.then_some((status.success() && fed, output, complaint)))
}

/// Reads to the end, and keeps the beginning.
fn keep(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut out = Vec::new();
        let Some(mut pipe) = pipe else { return out };
        let _ = pipe.by_ref().take(KEPT).read_to_end(&mut out);
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        out
    })
}

fn wait(child: &Child, limit: Duration) -> std::io::Result<bool> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| std::io::Error::other("a process without a number"))?;
    let handle = pidfd_open(pid, PidfdFlags::empty())?;
    let end = Boot::now() + limit;
    loop {
        let left = end.remaining(Boot::now());
        let left = Timespec::try_from(left).map_err(std::io::Error::other)?;
        match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

fn diagnose(complaint: &[u8]) -> LoadError {
    let text = String::from_utf8_lossy(complaint);
    let line = text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or("without a word").to_owned();
    let kernel =
        ["cache initialization failed", "Operation not permitted", "Operation not supported", "netlink: Error"];
    if kernel.iter().any(|k| line.contains(k)) { LoadError::Kernel(line) } else { LoadError::Refused(line) }
}
