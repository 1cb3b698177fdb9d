//! The benchmark: what people wait for (sign-in, revocation, a restart), ten thousand peers beside `boringtun-cli` and
//! `wireguard-go` in the same run, a thousand office PCs, and desktops beside plain forwarding, `socat`
//! and HAProxy. Medians and ratios, for machines differ and may be busy with something else.
//!
//! `make bench` builds what is measured optimised. Arguments choose: `waits`, `peers`, `web`, `agents`, `desktops`, `many`; none is all.
#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![allow(clippy::print_stdout)]

mod agents;
mod crowd;
mod desktops;
mod haproxy;
mod many;
mod page;
mod peers;
mod proc;
mod shown;
mod waits;
mod web;

use std::process::ExitCode;
use std::time::Duration;

use office::missing;

fn main() -> ExitCode {
    if let Some(why) = missing() {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    // a socket each for a thousand sessions, or agents
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let all = rustix::process::Rlimit { current: limit.maximum, ..limit };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, all);
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) =
        chosen.iter().find(|c| !["waits", "peers", "web", "agents", "desktops", "many"].contains(&c.as_str()))
    {
        eprintln!("there is no `{unknown}`; there are: waits, peers, web, agents, desktops, many");
        return ExitCode::FAILURE;
    }
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|c| c == name);
    let waits = if wanted("waits") { waits::measure() } else { Ok(()) };
    let peers = if wanted("peers") { peers::measure() } else { Ok(()) };
    let web = if wanted("web") { web::measure() } else { Ok(()) };
    let agents = if wanted("agents") { agents::measure() } else { Ok(()) };
    let desktops = if wanted("desktops") { desktops::measure().and_then(|()| shown::measure()) } else { Ok(()) };
    let many = if wanted("many") { many::measure() } else { Ok(()) };
    let failed =
        [("waits", waits), ("peers", peers), ("web", web), ("agents", agents), ("desktops", desktops), ("many", many)]
            .into_iter()
            .filter_map(|(name, part)| Some((name, part.err()?)));
    failed.fold(ExitCode::SUCCESS, |_, (name, error)| {
        eprintln!("{name}: {error:#}");
        ExitCode::FAILURE
    })
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
