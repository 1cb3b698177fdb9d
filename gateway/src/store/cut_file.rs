//! Cuts beside the database: a file of fixed size, written whole once, so that a full disk still has room for them.
//!
//! A record is appended and flushed before anybody is told that it is kept; what was torn by a crash reads as nothing, for
//! nobody was told. When the database has all of them, their places are emptied in place. Reading the same twice does no
//! harm: the audit knows which are stored.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use uuid::Uuid;

use crate::pure::cut::{Cut, RECORD};

/// Places in the file, 128 KiB in all: more cuts than one administrator makes while a disk is full.
pub(super) const PLACES: usize = 1024;

/// The file, and where the next record goes.
#[derive(Debug)]
pub(super) struct CutFile {
    file: File,
    next: usize,
    held: HashSet<Uuid>,
}

impl CutFile {
    /// Opens the file, or makes it; and what is in it, in the order in which it was written.
    ///
    /// # Errors
    /// It cannot be made: there must be room for it once.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<Cut>)> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let size = RECORD * PLACES;
        let there = file.metadata()?.len();
        if there < size as u64 {
            match fallocate(&file, FallocateFlags::empty(), 0, size as u64) {
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
                Err(e) => return Err(e.into()),
            }
            // Written, too: a block that is only promised may need another one when it is written at last.
            let missing = vec![0; size - usize::try_from(there).unwrap_or(0)];
            file.write_all_at(&missing, there)?;
            file.sync_all()?;
            if let Some(folder) = path.parent() {
                File::open(folder)?.sync_all()?;
            }
        }
        let (mut cuts, mut next, mut torn) = (Vec::new(), 0, false);
        let mut bytes = [0; RECORD];
        for place in 0..PLACES {
            file.read_exact_at(&mut bytes, offset(place))?;
            if let Some(cut) = Cut::read(&bytes) {
                cuts.push(cut);
                next = place + 1;
            } else if bytes != [0; RECORD] {
                // A later record that is torn in its turn could make this one whole again.
                file.write_all_at(&[0; RECORD], offset(place))?;
                torn = true;
            }
        }
        if torn {
            file.sync_data()?;
        }
        let held = cuts.iter().map(|cut| cut.id).collect();
        Ok((Self { file, next, held }, cuts))
    }

    /// Appends a record, unless it is there; when this returns, it outlives a power cut.
    ///
    /// # Errors
    /// The file is full, or the disk does not take it.
    pub(super) fn append(&mut self, cut: &Cut) -> io::Result<()> {
        if self.held.contains(&cut.id) {
            return Ok(());
        }
        if self.next >= PLACES {
            return Err(io::Error::new(io::ErrorKind::StorageFull, format!("{PLACES} cuts wait in it already")));
        }
        self.file.write_all_at(&cut.record(), offset(self.next))?;
        self.file.sync_data()?;
        self.next += 1;
        self.held.insert(cut.id);
        Ok(())
    }

    /// The database has them all.
    ///
    /// # Errors
    /// The disk does not take it: the records are read again at the next start.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.write_all_at(&vec![0; RECORD * self.next], 0)?;
        self.file.sync_data()?;
        self.next = 0;
        self.held.clear();
        Ok(())
    }
}

fn offset(place: usize) -> u64 {
    (RECORD * place) as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Unix;
    use crate::ids::UserId;
    use crate::pure::cut::{By, What};

    fn cut(n: u128) -> Cut {
        Cut { id: Uuid::from_u128(n), at: Unix(7), by: By::Local, what: What::DisableUser(UserId(Uuid::from_u128(n))) }
    }

    /// What the file does, as a list.
    #[derive(Clone, Debug)]
    enum Step {
        Append,
        Clear,
        Reopen,
        /// A crash after so many bytes of the next record.
        TornAppend(usize),
        /// A crash after so many bytes were emptied.
        TornClear(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Append),
            1 => Just(Step::Clear),
            1 => Just(Step::Reopen),
            2 => (0..RECORD).prop_map(Step::TornAppend),
            2 => (0..RECORD * 6).prop_map(Step::TornClear),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Killed at any byte, the file holds what was acknowledged, in order, and nothing that was never written; of what
        /// was being emptied, which is in the database, it may hold the rest.
        #[test]
        fn what_was_acknowledged_is_there_after_a_crash_at_any_byte(steps in prop::collection::vec(step(), 1..30)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("cuts");
            let (mut file, _) = CutFile::open(&path).unwrap();
            let (mut model, mut n) = (Vec::<Cut>::new(), 0u128);
            for step in steps {
                n += 1;
                match step {
                    Step::Append => {
                        file.append(&cut(n)).unwrap();
                        model.push(cut(n));
                    }
                    Step::Clear => {
                        file.clear().unwrap();
                        model.clear();
                    }
                    Step::Reopen => file = CutFile::open(&path).unwrap().0,
                    Step::TornAppend(bytes) => {
                        file.file.write_all_at(&cut(n).record()[..bytes], offset(file.next)).unwrap();
                        file = CutFile::open(&path).unwrap().0;
                    }
                    Step::TornClear(bytes) => {
                        let bytes = bytes.min(RECORD * file.next);
                        file.file.write_all_at(&vec![0; bytes], 0).unwrap();
                        let (again, left) = CutFile::open(&path).unwrap();
                        prop_assert!(left.iter().all(|c| model.contains(c)), "{left:?} of {model:?}");
                        file = again;
                        model = left;
                    }
                }
                let (_, read) = CutFile::open(&path).unwrap();
                prop_assert_eq!(&read, &model);
            }
        }
    }

    #[test]
    fn a_full_file_says_so_and_keeps_what_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cuts");
        let (mut file, _) = CutFile::open(&path).unwrap();
        let size = std::fs::metadata(&path).unwrap().len();
        for n in 0..PLACES as u128 {
            file.append(&cut(n)).unwrap();
        }
        assert_eq!(file.append(&cut(9999)).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(CutFile::open(&path).unwrap().1.len(), PLACES);
        file.clear().unwrap();
        file.append(&cut(9999)).unwrap();
        assert_eq!(CutFile::open(&path).unwrap().1, [cut(9999)]);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), size, "it never grows");
    }
}
