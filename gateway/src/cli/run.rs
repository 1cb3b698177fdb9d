//! Both processes in one go, for a trial or a demo; under systemd each has its own unit.
//!
//! A child that dies is started again at once; only one that keeps dying young has to wait. Children end with this
//! process, whatever ends it.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use crate::claim::{Role, is_free};
use crate::clock::Boot;
use crate::config::Config;

/// A child that lived less long died young.
const YOUNG: Duration = Duration::from_secs(10);

/// So many young deaths in a row are taken for accidents.
const PATIENCE: u32 = 3;

/// Wait before the first restart that is not at once; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Longest wait: a cure by hand is noticed within it.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Time to end in good order after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct Child {
    /// Ends when this process ends
    #[arg(long, hide = true, value_name = "PID")]
    child_of: Option<i32>,
}

impl Child {
    /// Asks the kernel for SIGTERM when the parent ends; if it has ended already there is nothing to start.
    fn bind(&self) -> anyhow::Result<()> {
        let Some(parent) = self.child_of else { return Ok(()) };
        set_parent_process_death_signal(Some(Signal::TERM)).context("ask for a signal when the parent ends")?;
        anyhow::ensure!(getppid().map(Pid::as_raw_pid) == Some(parent), "the process that started this one has ended");
        Ok(())
    }
}

/// `passerelle net`
pub(super) fn net(config: &Config, child: &Child) -> anyhow::Result<()> {
    log_to_stderr();
    end_on_panic();
    child.bind()?;
    crate::net::run(config)
}

/// `passerelle serve`
pub(super) fn serve(config: Config, child: &Child) -> anyhow::Result<()> {
    log_to_stderr();
    child.bind()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(crate::app::serve(config))
}

/// `passerelle run`
pub(super) fn run(path: Option<&Path>, config: &Config) -> anyhow::Result<()> {
    log_to_stderr();
    for role in [Role::Net, Role::Serve] {
        is_free(&config.runtime_dir, role)?;
    }
    let program = std::env::current_exe().context("find this program's own file")?;
    // One thread, and children are started on it: the kernel's death signal is bound to the thread that forks.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async {
        // What no restart can cure is said once.
        let database = config.database();
        anyhow::ensure!(
            database.is_set_up().await?,
            "this gateway is not set up (nothing in {database}): run `passerelle setup` first"
        );
        let (net, serve) = (keep(&program, path, Role::Net), keep(&program, path, Role::Serve));
        tokio::try_join!(net, serve).map(|_| ())
    })
}

/// Ends the whole process when any of its threads panics: a data plane that has lost a worker looks alive and carries
/// nothing, one that ends is back within a second.
fn end_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |what| {
        tell(what);
        std::process::abort();
    }));
}

/// Levels by PASSERELLE_LOG, such as `debug` or `info,gateway::dns=trace`; `info` if absent.
fn log_to_stderr() {
    use std::io::IsTerminal as _;
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("PASSERELLE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(std::io::stderr().is_terminal());
    // Set already only where a test runs this; its choice stands.
    let _ = log.with_writer(std::io::stderr).try_init();
}

/// Keeps one child running until this process is asked to end.
async fn keep(program: &Path, config: Option<&Path>, role: Role) -> anyhow::Result<()> {
    let role = role.word();
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut young_deaths = 0;
    loop {
        let born = Boot::now();
        let mut command = Command::new(program);
        if let Some(path) = config {
            command.arg("--config").arg(path);
        }
        let own = std::process::id().to_string();
        command.arg(role).args(["--child-of", &own]).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("start `passerelle {role}`"))?;
        let pid = child.id();
        info!(role, pid, "started");
        // Ctrl-C reaches the children too: asked to end comes before died.
        let status = tokio::select! {
            biased;
            _ = terminate.recv() => return end(child, role, Signal::TERM).await,
            _ = interrupt.recv() => return end(child, role, Signal::INT).await,
            status = child.wait() => status.with_context(|| format!("wait for `passerelle {role}`"))?,
        };
        let lived = Boot::now().remaining(born);
        young_deaths = if lived < YOUNG { young_deaths + 1 } else { 0 };
        let pause = pause(young_deaths);
        warn!(role, pid, lived_s = lived.as_secs(), why = %why(status), pause_ms = pause.as_millis(), "died, starts again");
        tokio::select! {
            biased;
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Passes the signal on and waits; what does not end in good order is killed.
async fn end(mut child: tokio::process::Child, role: &str, how: Signal) -> anyhow::Result<()> {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        // It may have ended by itself meanwhile.
        let _ = rustix::process::kill_process(pid, how);
    }
    match tokio::time::timeout(GRACE, child.wait()).await {
        Ok(status) => {
            info!(role, why = %why(status.with_context(|| format!("wait for `passerelle {role}`"))?), "ended")
        }
        Err(_) => {
            error!(role, "did not end within {} s and is killed", GRACE.as_secs());
            child.kill().await.with_context(|| format!("kill `passerelle {role}`"))?;
        }
    }
    Ok(())
}

fn why(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}, its reason is in the lines above"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// How long to wait before the next start.
fn pause(young_deaths: u32) -> Duration {
    match young_deaths.checked_sub(PATIENCE + 1) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_PAUSE.saturating_mul(1 << doublings.min(16)).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_takes_the_data_plane_with_it() {
        const CHILD: &str = "PASSERELLE_TEST_PANIC";
        if std::env::var_os(CHILD).is_some() {
            end_on_panic();
            let _ = std::thread::spawn(|| panic!("on purpose")).join();
            return;
        }
        let own = std::env::current_exe().unwrap();
        let name = "cli::run::tests::a_thread_that_panics_takes_the_data_plane_with_it";
        let status = std::process::Command::new(own).args(["--exact", name]).env(CHILD, "1").output().unwrap().status;
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGABRT));
    }

    #[test]
    fn at_once_first_then_ever_later_but_never_never() {
        let pauses: Vec<u64> = (0..13).map(|n| u64::try_from(pause(n).as_millis()).unwrap()).collect();
        assert_eq!(pauses, [0, 0, 0, 0, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
