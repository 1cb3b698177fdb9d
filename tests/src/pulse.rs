//! A question every ten milliseconds, each by itself: how long did nobody answer? A TCP stream tells how long its own
//! retransmission waited (RFC 6298: 200 ms on Linux, then doubled), whatever the way was like meanwhile.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::netns::Netns;
use crate::process::{Process, wait_until};

/// How long an answer may be waited for.
const LIMIT: Duration = Duration::from_secs(60);
/// So many answers in a row are a way that is there.
const STEADY: usize = 20;

/// ICMP echoes from a namespace to an address, for as long as this lives, ten minutes at most.
#[derive(Debug)]
pub struct Pulse {
    ping: Process,
    seen: usize,
}

impl Pulse {
    /// Begins, and waits until it is answered.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn start(ns: &Netns, to: IpAddr) -> anyhow::Result<Self> {
        let ping = ns.spawn(["ping", "-D", "-n", "-i", "0.01", "-c", "60000", &to.to_string()])?;
        let mut pulse = Self { ping, seen: 0 };
        let _ = pulse.longest_gap()?;
        Ok(pulse)
    }

    /// The longest time between two answers since the last call, once answers come steadily again.
    ///
    /// # Errors
    /// Nobody answers any more.
    pub fn longest_gap(&mut self) -> anyhow::Result<Duration> {
        let from = self.answers()?.len();
        let (times, _) =
            wait_until("echoes come back", LIMIT, || Ok(Some(self.answers()?).filter(|t| t.len() >= from + STEADY)))?;
        let since = &times[self.seen.saturating_sub(1)..];
        self.seen = times.len();
        let gap = since.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        ensure!(gap.is_finite() && gap >= 0.0, "times that go back: {since:?}");
        Ok(Duration::from_secs_f64(gap))
    }

    /// When each answer came, in seconds.
    fn answers(&self) -> anyhow::Result<Vec<f64>> {
        let log = self.ping.log();
        let lines = log.lines().filter(|line| line.contains("bytes from"));
        let time = |line: &str| line.strip_prefix('[')?.split_once(']')?.0.parse().ok();
        lines.map(|line| time(line).with_context(|| line.to_owned())).collect()
    }
}
