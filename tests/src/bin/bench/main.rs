//! The benchmark: what people wait for (sign-in, revocation, a restart), and ten thousand peers beside `boringtun-cli` and
//! `wireguard-go` in the same run. Medians and ratios: machines differ, and this one may be busy with something else.
//!
//! `make bench` builds what is measured optimised. Arguments choose: `waits`, `peers`; none is both.
#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![allow(clippy::print_stdout)]

mod peers;
mod proc;
mod waits;

use std::process::ExitCode;
use std::time::Duration;

use office::missing;

fn main() -> ExitCode {
    if let Some(why) = missing() {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    // a socket each for a thousand sessions
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let all = rustix::process::Rlimit { current: limit.maximum, ..limit };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, all);
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let parts: [(&str, fn() -> anyhow::Result<()>); 2] = [("waits", waits::measure), ("peers", peers::measure)];
    if let Some(unknown) = chosen.iter().find(|c| !parts.iter().any(|(name, _)| name == c)) {
        eprintln!("there is no `{unknown}`; there are: waits, peers");
        return ExitCode::FAILURE;
    }
    let mut code = ExitCode::SUCCESS;
    for (name, part) in parts {
        if !chosen.is_empty() && !chosen.iter().any(|c| c == name) {
            continue;
        }
        if let Err(error) = part() {
            eprintln!("{name}: {error:#}");
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// The value below which so many hundredths of the sorted values are.
fn percentile(sorted: &[Duration], hundredths: usize) -> Duration {
    let at = (sorted.len() * hundredths).div_ceil(100).max(1) - 1;
    sorted.get(at).copied().unwrap_or_default()
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}
