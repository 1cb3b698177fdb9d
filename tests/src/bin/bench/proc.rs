//! What a process takes: resident memory and processor time, as the kernel counts them (proc(5)).

use std::time::Duration;

use anyhow::Context as _;

/// Resident memory in MiB.
///
/// # Errors
/// The process is gone.
pub(crate) fn resident(pid: i32) -> anyhow::Result<f64> {
    memory(pid, "VmRSS:")
}

/// What of it is in no file, in MiB: all but the program itself.
///
/// # Errors
/// The process is gone.
pub(crate) fn anonymous(pid: i32) -> anyhow::Result<f64> {
    memory(pid, "RssAnon:")
}

fn memory(pid: i32, which: &'static str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix(which)).context(which)?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// Processor time so far, its own and the kernel's for it.
///
/// # Errors
/// The process is gone.
pub(crate) fn cpu(pid: i32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // the name, in parentheses, may hold spaces
    let fields: Vec<&str> = stat.rsplit(") ").next().context("stat")?.split(' ').collect();
    let ticks = |n: usize| fields.get(n).context("stat")?.parse::<u64>().context("stat");
    Ok(Duration::from_secs(ticks(11)? + ticks(12)?) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}
