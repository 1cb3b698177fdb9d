//! A disk of its own for the gateway's state, small enough to be filled.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::process::finish;

/// A mounted disk. Dropped, it is gone.
#[derive(Debug)]
pub struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts one of so many megabytes.
    pub(super) fn mount(at: &Path, megabytes: u32) -> anyhow::Result<Self> {
        fs::create_dir_all(at)?;
        let size = format!("size={megabytes}m,mode=0700");
        let made = finish(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at))?;
        ensure!(made.ok(), "mount: {}", made.stderr);
        Ok(Self { at: at.to_owned() })
    }

    /// Takes all the room that is left.
    ///
    /// # Errors
    /// It cannot be written to for another reason.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut ballast = fs::OpenOptions::new().create(true).append(true).open(self.ballast())?;
        for size in [1 << 16, 1 << 12, 1] {
            let block = vec![0xAA; size];
            loop {
                match ballast.write(&block) {
                    Ok(written) if written > 0 => {}
                    Err(e) if e.kind() != std::io::ErrorKind::StorageFull => return Err(e).context("fill the disk"),
                    _ => break,
                }
            }
        }
        Ok(())
    }

    /// Gives it back.
    ///
    /// # Errors
    /// It was not taken.
    pub fn free(&self) -> anyhow::Result<()> {
        fs::remove_file(self.ballast()).context("free the disk")
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.at);
    }
}

/// What is mounted there goes, as soon as nobody uses it.
pub(crate) fn unmount(at: &Path) {
    let _ = finish(Command::new("umount").arg("--lazy").arg(at));
}
