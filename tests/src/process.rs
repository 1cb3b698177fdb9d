//! Programs: run to their end within a time limit, or kept running with a log until dropped.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How often a condition is looked at. Small beside every figure that is measured.
const POLL: Duration = Duration::from_millis(5);

/// What a program that ended has left.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its exit code; 124 if its time ran out.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Output {
    /// Whether it ended well.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.code == 0
    }

    /// Standard output and error, for a look at both.
    #[must_use]
    pub fn both(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> anyhow::Result<Output> {
    let began = Instant::now();
    let out = command.output().with_context(|| format!("run {command:?}"))?;
    Ok(Output {
        code: out.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        took: began.elapsed(),
    })
}

/// A program that runs until it is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it, with standard output and error in `log`; in a process group of its own, so that Ctrl-C reaches
    /// only the program that cleans up. `sockets` take the places of standard input and output.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        log: &Path,
        sockets: Option<[OwnedFd; 2]>,
    ) -> anyhow::Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let out = File::options().create(true).append(true).open(log).with_context(|| format!("log of {name}"))?;
        let (input, output): (Stdio, Stdio) = match sockets {
            Some([first, second]) => (first.into(), second.into()),
            None => (Stdio::null(), out.try_clone()?.into()),
        };
        let child = command
            .stdin(input)
            .stdout(output)
            .stderr(out)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    /// The processes it has started that still run, each with its command line.
    ///
    /// # Errors
    /// It is gone.
    pub fn children(&self) -> anyhow::Result<Vec<(i32, String)>> {
        let own = self.pid();
        let pids = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).context("children")?;
        let line = |pid: i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ")
        };
        pids.split_whitespace().map(|pid| Ok(pid.parse()?)).map(|pid| pid.map(|pid| (pid, line(pid)))).collect()
    }

    /// Whether it still runs.
    #[must_use]
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// All it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It is gone.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        signal_pid(self.pid(), signal).with_context(|| format!("signal {}", self.name))
    }

    /// Waits for its end and gives its exit code.
    ///
    /// # Errors
    /// It still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> anyhow::Result<i32> {
        let until = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code().unwrap_or(-1));
            }
            if Instant::now() >= until {
                bail!("{} still runs after {limit:?}; its log: {}", self.name, tail(&self.log(), 20));
            }
            sleep(POLL);
        }
    }

    /// Kills it, waits until it is gone, and gives its log.
    #[must_use]
    pub fn end(mut self) -> String {
        self.kill();
        self.log()
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a process runs; one that nobody has waited for yet does not.
#[must_use]
pub fn runs(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|l| l.strip_prefix("State:").is_some_and(|state| !state.trim_start().starts_with(['Z', 'X'])))
}

/// Sends a signal to a process by its id.
///
/// # Errors
/// It is gone.
pub fn signal_pid(pid: i32, signal: Signal) -> anyhow::Result<()> {
    let pid = Pid::from_raw(pid).context("not a process id")?;
    kill_process(pid, signal).context("kill")
}

/// Waits until `look` finds something, and says how long that took.
///
/// # Errors
/// Nothing was found within `limit`, or `look` failed.
pub fn wait_until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<(T, Duration)> {
    let began = Instant::now();
    loop {
        let found = look().with_context(|| what.to_owned())?;
        let took = began.elapsed();
        match found {
            Some(found) if took <= limit => return Ok((found, took)),
            Some(_) => bail!("{what}: only after {took:?}, the limit is {limit:?}"),
            None if took >= limit => bail!("{what}: not within {limit:?}"),
            None => {}
        }
        sleep(POLL);
    }
}

/// The last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}
