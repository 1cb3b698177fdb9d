//! Watching the wire: tcpdump on one interface, with the time of each packet.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use rustix::process::Signal;

use crate::netns::Netns;
use crate::process::{Process, wait_until};

/// tcpdump starts and stops well within this.
const LIMIT: Duration = Duration::from_secs(10);

/// A capture under way.
#[derive(Debug)]
pub struct Capture<'o> {
    ns: &'o Netns,
    process: Process,
    file: tempfile::NamedTempFile,
}

/// One packet that was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Since 1970.
    pub at: Duration,
    /// As tcpdump prints it.
    pub text: String,
}

/// Now, by the same clock as [`Seen::at`].
#[must_use]
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Seen {
    /// Those that came later than `at`, as a sentence for a failed test; empty if there are none. A reset ends a
    /// connection and is nothing that passed, in the clear or as trains of them in the tunnel.
    #[must_use]
    pub fn later_than(seen: &[Self], at: Duration) -> String {
        let late: Vec<&Self> = seen.iter().filter(|p| p.at > at && !p.is_refusal()).collect();
        let Some(last) = late.last() else { return String::new() };
        let after = last.at.checked_sub(at).unwrap_or_default();
        format!("{} packets, the last one {after:?} after it: {}", late.len(), last.text)
    }

    /// Resets of one size: 40 bytes by IPv4 and 60 by IPv6 are 80 and 96 in WireGuard's messages, up to 64 in a train.
    fn is_refusal(&self) -> bool {
        let train = |length: usize| [80, 96].iter().any(|one| length.is_multiple_of(*one) && length / one <= 64);
        let udp = self.text.rsplit_once("UDP, length ").and_then(|(_, length)| length.trim().parse().ok());
        self.text.contains("Flags [R") || udp.is_some_and(train)
    }
}

impl<'o> Capture<'o> {
    /// Begins to watch; ends when tcpdump says that it listens.
    ///
    /// # Errors
    /// tcpdump is missing, or refuses the filter.
    pub fn start(ns: &'o Netns, interface: &str, filter: &str) -> anyhow::Result<Self> {
        let file = tempfile::NamedTempFile::new()?;
        let path = file.path().to_string_lossy().into_owned();
        let mut process = ns.spawn([
            "tcpdump",
            "-n",
            "-s",
            "96",
            "-B",
            "16384",
            "-U",
            "--immediate-mode",
            "-Z",
            "root",
            "-i",
            interface,
            "-w",
            &path,
            filter,
        ])?;
        wait_until("tcpdump listens", LIMIT, || {
            ensure!(process.runs(), "tcpdump: {}", process.log());
            Ok(process.log().contains("listening on").then_some(()))
        })?;
        Ok(Self { ns, process, file })
    }

    /// Ends the capture and gives what was seen.
    ///
    /// # Errors
    /// tcpdump lost packets, or cannot read what it wrote.
    pub fn stop(mut self) -> anyhow::Result<Vec<Seen>> {
        self.process.signal(Signal::INT)?;
        self.process.wait(LIMIT)?;
        let log = self.process.log();
        ensure!(log.contains("\n0 packets dropped by kernel"), "tcpdump lost packets: {log}");
        let path = self.file.path().to_string_lossy().into_owned();
        let text = self.ns.ok(["tcpdump", "-n", "-tt", "-r", &path])?;
        text.lines()
            .filter(|line| !line.is_empty())
            .map(|line| {
                let (at, text) = line.split_once(' ').context("a line of tcpdump")?;
                Ok(Seen { at: Duration::from_secs_f64(at.parse()?), text: text.to_owned() })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Seen;

    #[test]
    fn resets_are_told_from_payload() {
        let seen = |text: &str| vec![Seen { at: Duration::from_secs(2), text: text.to_owned() }];
        let late = |text: &str| Seen::later_than(&seen(text), Duration::from_secs(1));
        for reset in ["UDP, length 384", "UDP, length 80", "a > b: Flags [R.], seq 1, length 0"] {
            assert_eq!(late(reset), "", "{reset}");
        }
        for payload in ["UDP, length 1372", "UDP, length 8232", "a > b: Flags [P.], seq 1:9, length 8"] {
            assert!(late(payload).starts_with("1 packets"), "{payload}");
        }
        assert_eq!(Seen::later_than(&seen("UDP, length 1372"), Duration::from_secs(3)), "");
    }
}
