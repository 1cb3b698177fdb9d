//! The wall clock as the control plane sees it, and nobody else on the machine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::Gateway;

/// Debian's libfaketime, which stands between a program and its C library.
fn library() -> Option<PathBuf> {
    let machine = std::env::consts::ARCH;
    let path = PathBuf::from(format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketimeMT.so.1"));
    path.exists().then_some(path)
}

impl Gateway<'_> {
    /// From the next start of `serve` on, its wall clock can be set by [`Gateway::set_clock`]; monotonic clocks are left
    /// alone.
    ///
    /// # Errors
    /// libfaketime is missing.
    pub fn own_clock(&mut self) -> anyhow::Result<()> {
        ensure!(library().is_some(), "libfaketime is missing: apt-get install libfaketime");
        self.clock = Some(self.directory.join("clock"));
        self.set_clock("+0")
    }

    /// Sets it, from now on: `+3600`, `-10y`, as faketime(1) has it.
    ///
    /// # Errors
    /// It has no clock of its own.
    pub fn set_clock(&self, offset: &str) -> anyhow::Result<()> {
        let file = self.clock.as_ref().context("the gateway has no clock of its own")?;
        // In one step: whoever reads it half written would see another time.
        let fresh = file.with_extension("new");
        fs::write(&fresh, format!("{offset}\n"))?;
        fs::rename(fresh, file).context("set the clock")
    }

    pub(super) fn clock_environment(&self, word: &str) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        match (&self.clock, library()) {
            (Some(file), Some(library)) if word == "serve" => vec![
                ("LD_PRELOAD", text(&library)),
                ("FAKETIME_TIMESTAMP_FILE", text(file)),
                ("FAKETIME_NO_CACHE", "1".to_owned()),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ],
            _ => Vec::new(),
        }
    }
}
