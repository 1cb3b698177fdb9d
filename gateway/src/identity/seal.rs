//! Sealing of secrets at rest: XChaCha20-Poly1305 under a key that is not in the database. What is sealed is bound to its
//! table, column and row, so that it opens nowhere else.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// Name of the systemd credential, and of the file in the state directory.
const FILE: &str = "seal.key";

const NONCE: usize = 24;

/// A sealed value that does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value in {0} does not open: is seal.key the one this database was made with?")]
pub struct Unsealable(&'static str);

/// Holds the key.
pub struct Sealer(XChaCha20Poly1305);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// With this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// With the systemd credential, or else the file in the state directory.
    ///
    /// # Errors
    /// Neither is there, or it does not hold 32 bytes.
    pub fn load(state_dir: &Path) -> anyhow::Result<Self> {
        let file = credential().unwrap_or_else(|| state_dir.join(FILE));
        let mut key = Zeroizing::new([0; 32]);
        let mut from = File::open(&file).with_context(|| format!("sealing key {}", file.display()))?;
        from.read_exact(key.as_mut()).with_context(|| format!("sealing key {}: 32 bytes expected", file.display()))?;
        Ok(Self::new(&key))
    }

    /// Makes the key if there is none yet, readable by its owner only, and loads it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn load_or_make(state_dir: &Path) -> anyhow::Result<Self> {
        let file = state_dir.join(FILE);
        if credential().is_none() && !file.exists() {
            let mut key = Zeroizing::new([0; 32]);
            getrandom::fill(key.as_mut()).map_err(|e| anyhow::anyhow!("randomness for the sealing key: {e}"))?;
            let fresh = state_dir.join("seal.key.new");
            // Left by a set-up that was killed: never in use.
            let _ = fs::remove_file(&fresh);
            let mut to = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o400)
                .open(&fresh)
                .with_context(|| format!("make {}", fresh.display()))?;
            to.write_all(key.as_ref()).and_then(|()| to.sync_all()).context("write the sealing key")?;
            fs::rename(&fresh, &file).with_context(|| format!("make {}", file.display()))?;
            File::open(state_dir).and_then(|d| d.sync_all()).context("write the state directory")?;
        }
        Self::load(state_dir)
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// The kernel gives no randomness.
    pub fn seal(&self, table: &str, column: &'static str, row: &str, value: &[u8]) -> Result<String, Unsealable> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| Unsealable(column))?;
        let place = place(table, column, row);
        let payload = Payload { msg: value, aad: place.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| Unsealable(column))?;
        Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens a value from its place.
    ///
    /// # Errors
    /// It was sealed with another key or for another place, or was changed.
    pub fn open(
        &self,
        table: &str,
        column: &'static str,
        row: &str,
        sealed: &str,
    ) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let bytes = STANDARD.decode(sealed).map_err(|_| Unsealable(column))?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE>().ok_or(Unsealable(column))?;
        let place = place(table, column, row);
        let payload = Payload { msg: text, aad: place.as_bytes() };
        self.0.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| Unsealable(column))
    }
}

fn place(table: &str, column: &str, row: &str) -> String {
    format!("passerelle 1\0{table}\0{column}\0{row}")
}

fn credential() -> Option<PathBuf> {
    let file = PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY")?).join(FILE);
    file.exists().then_some(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_in_its_place_with_its_key() {
        let sealer = Sealer::new(&[7; 32]);
        let sealed = sealer.seal("users", "totp_secret", "a", b"secret").unwrap();
        assert_eq!(sealer.open("users", "totp_secret", "a", &sealed).unwrap().as_slice(), b"secret");
        assert_ne!(sealed, sealer.seal("users", "totp_secret", "a", b"secret").unwrap());
        assert!(sealer.open("users", "totp_secret", "b", &sealed).is_err());
        assert!(sealer.open("users", "other", "a", &sealed).is_err());
        assert!(sealer.open("invitations", "totp_secret", "a", &sealed).is_err());
        assert!(Sealer::new(&[8; 32]).open("users", "totp_secret", "a", &sealed).is_err());
        for hostile in ["", "AAAA", "not base64!", &sealed[..sealed.len() - 4]] {
            assert!(sealer.open("users", "totp_secret", "a", hostile).is_err());
        }
    }

    #[test]
    fn the_key_is_made_once_and_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        assert!(Sealer::load(dir.path()).is_err());
        let sealed = Sealer::load_or_make(dir.path()).unwrap().seal("t", "c", "r", b"x").unwrap();
        assert_eq!(Sealer::load_or_make(dir.path()).unwrap().open("t", "c", "r", &sealed).unwrap().as_slice(), b"x");
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
    }
}
