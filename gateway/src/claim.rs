//! One process a role on a machine: a file in the runtime directory, locked for as long as the process lives.
//!
//! Taken before any socket is touched, for a socket at the old path would be taken away from whoever serves it. The lock
//! is the kernel's (flock(2)): it ends with its process, however that ends, and a file left behind stops nobody.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// A process that there is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The data plane.
    Net,
    /// The control plane.
    Serve,
}

impl Role {
    /// As on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Serve => "serve",
        }
    }

    fn file(self, runtime_dir: &Path) -> PathBuf {
        runtime_dir.join(format!("{}.lock", self.word()))
    }
}

/// Held for life. Close-on-exec, as all of Rust's files are: what this process starts does not hold it.
#[derive(Debug)]
pub struct Claim {
    _locked: File,
}

/// Makes this process the one of its role.
///
/// # Errors
/// Another one runs, or the file cannot be made there.
pub fn claim(runtime_dir: &Path, role: Role) -> anyhow::Result<Claim> {
    std::fs::create_dir_all(runtime_dir).with_context(|| format!("make runtime_dir {}", runtime_dir.display()))?;
    let path = role.file(runtime_dir);
    let named = || format!("lock {} (left there by another user? then remove it)", path.display());
    let mut file = open(&path).with_context(named)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            anyhow::bail!("`passerelle {}` is running already{}; nothing was touched", role.word(), by(&mut file))
        }
        Err(e) => return Err(e).with_context(named),
    }
    file.set_len(0).and_then(|()| file.rewind()).with_context(named)?;
    writeln!(file, "{}", std::process::id()).with_context(named)?;
    Ok(Claim { _locked: file })
}

/// Fails if somebody has this role; takes nothing.
///
/// # Errors
/// Who has it.
pub fn is_free(runtime_dir: &Path, role: Role) -> anyhow::Result<()> {
    let path = role.file(runtime_dir);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e).with_context(|| format!("look at {}", path.display())),
    };
    // Shared, so that two who only look do not stop each other.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(()),
        Err(Errno::WOULDBLOCK) => anyhow::bail!(
            "a gateway is already running{}; nothing was touched. Stop it first: `systemctl stop passerelle.target`, or \
             Ctrl-C where `passerelle run` was typed",
            by(&mut file)
        ),
        Err(e) => Err(e).with_context(|| format!("look at {}", path.display())),
    }
}

/// In a sticky directory, the kernel lets nobody open another's file with O_CREAT, root neither (fs.protected_regular).
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        opened => return opened,
    }
    match options.create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.set_permissions(Permissions::from_mode(0o600))?;
            Ok(file)
        }
        // Somebody was faster.
        Err(e) if e.kind() == ErrorKind::AlreadyExists => OpenOptions::new().read(true).write(true).open(path),
        Err(e) => Err(e),
    }
}

/// ` (pid 123)`, if the holder has said so yet.
fn by(file: &mut File) -> String {
    let mut text = String::new();
    // A process id has at most seven digits.
    let read = file.take(16).read_to_string(&mut text);
    let pid = read.ok().and_then(|_| text.trim().parse::<u32>().ok());
    pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_a_role() {
        let folder = tempfile::tempdir().unwrap();
        let at = &folder.path().join("run");
        is_free(at, Role::Net).unwrap();
        let held = claim(at, Role::Net).unwrap();
        let pid = format!("(pid {})", std::process::id());
        for refused in [claim(at, Role::Net).unwrap_err(), is_free(at, Role::Net).unwrap_err()] {
            let text = refused.to_string();
            assert!(text.contains("already") && text.contains(&pid), "{text}");
        }
        let other = claim(at, Role::Serve).unwrap();
        drop(held);
        is_free(at, Role::Net).unwrap();
        let _again = claim(at, Role::Net).unwrap();
        assert!(is_free(at, Role::Serve).is_err());
        drop(other);
    }

    #[test]
    fn what_a_dead_process_left_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("serve.lock"), "4194303999\nlonger than any pid\n").unwrap();
        is_free(folder.path(), Role::Serve).unwrap();
        let _held = claim(folder.path(), Role::Serve).unwrap();
        let text = std::fs::read_to_string(folder.path().join("serve.lock")).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }
}
