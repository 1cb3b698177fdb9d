//! Real RDP apps at home: xfreerdp, on a screen that nobody looks at.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::netns::Netns;
use crate::process::{Output, Process, wait_until};

/// A virtual screen is up within this.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A screen of its own for one machine.
#[derive(Debug)]
pub struct Screen<'o> {
    ns: &'o Netns,
    _server: Process,
    display: String,
}

/// What every call of the app has besides. The PC's certificate is its own: nobody vouches for it.
const USUAL: [&str; 6] = ["/u:marta", "/p:no-secret", "/cert:ignore", "/sec:tls", "/size:800x600", "-clipboard"];

impl<'o> Screen<'o> {
    /// On this machine.
    ///
    /// # Errors
    /// Xvfb is missing or does not start.
    pub fn on(ns: &'o Netns) -> anyhow::Result<Self> {
        // It chooses a number that is free on the whole host: its socket is a file.
        let server =
            ns.spawn(["Xvfb", "-noreset", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "1024x768x24"])?;
        let (display, _) = wait_until("a screen", START_LIMIT, || {
            let log = server.log();
            let number = log.lines().find_map(|line| line.trim().parse::<u16>().ok());
            Ok(number.map(|n| format!(":{n}")))
        })?;
        Ok(Self { ns, _server: server, display })
    }

    /// Another program on this screen; `home` is its own.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn program(&self, argv: &[&str], home: &str) -> anyhow::Result<Process> {
        self.ns.spawn_with(argv, &[("DISPLAY", &self.display), ("HOME", home)])
    }

    /// The app, at a desktop for as long as it is left there.
    ///
    /// # Errors
    /// xfreerdp is missing.
    pub fn app(&self, pc: &str) -> anyhow::Result<Process> {
        let to = format!("/v:{pc}");
        let argv = ["xfreerdp", &to].into_iter().chain(USUAL);
        self.ns.spawn_with(argv, &[("DISPLAY", &self.display), ("HOME", "/nonexistent")])
    }

    /// Another app, of another make: rdesktop, whose person believes any certificate.
    ///
    /// # Errors
    /// rdesktop is missing.
    pub fn other_app(&self, pc: &str) -> anyhow::Result<Process> {
        let line = format!("yes yes | exec rdesktop -u marta -p no-secret -g 800x600 {pc}");
        self.ns.spawn_with(["sh", "-c", &line], &[("DISPLAY", &self.display), ("HOME", "/nonexistent")])
    }

    /// The same by a file that was made for such apps.
    ///
    /// # Errors
    /// xfreerdp is missing.
    pub fn knock_by(&self, file: &Path) -> anyhow::Result<Output> {
        self.goes(&file.to_string_lossy())
    }

    /// The app goes there, is let in or not, and goes.
    ///
    /// # Errors
    /// xfreerdp is missing.
    pub fn knock(&self, pc: &str) -> anyhow::Result<Output> {
        self.goes(&format!("/v:{pc}"))
    }

    fn goes(&self, to: &str) -> anyhow::Result<Output> {
        let set = format!("DISPLAY={}", self.display);
        let argv = ["env", &set, "HOME=/nonexistent", "xfreerdp", to, "+auth-only"].into_iter().chain(USUAL);
        self.ns.run(argv).context("xfreerdp")
    }
}
