//! The log of a service that has no journal: a file beside the configuration, and the one before it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes of a file: weeks of a service that says when it connects and why it does not.
const LONGEST: u64 = 1024 * 1024;

/// Where what is logged goes.
pub(crate) struct Log {
    path: PathBuf,
    file: Option<File>,
    written: u64,
}

impl Log {
    /// Goes on where the last run ended.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        let written = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file: Some(file), written })
    }

    fn turn(&mut self) -> io::Result<()> {
        // What is open cannot be renamed.
        self.file = None;
        std::fs::rename(&self.path, self.path.with_added_extension("1"))?;
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.written >= LONGEST || self.file.is_none() {
            self.turn()?;
        }
        let written = self.file.as_mut().map_or(Ok(0), |file| file.write(line))?;
        self.written += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_are_the_most() {
        let at = tempfile::tempdir().unwrap();
        let path = at.path().join("agent.log");
        let line = [b'x'; 64 * 1024];
        for _ in 0..2 {
            let mut log = Log::open(&path).unwrap();
            for _ in 0..40 {
                log.write_all(&line).unwrap();
            }
        }
        let sizes: Vec<u64> = ["agent.log", "agent.log.1"].map(|f| at.path().join(f).metadata().unwrap().len()).into();
        assert!(sizes.iter().all(|size| (1..=LONGEST + line.len() as u64).contains(size)), "{sizes:?}");
        assert_eq!(std::fs::read_dir(at.path()).unwrap().count(), 2);
    }
}
