//! What the PC proves itself by: key, certificate chain, and the authority by which it knows the gateway.
//!
//! The three change together. New ones are written beside the old, the certificate last; once it is there they take the
//! old ones' place, and whoever reads finishes what was cut off. So there is always one whole identity, or none.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent::bounded::Fingerprint;
use anyhow::Context as _;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use crate::prepare::gone;

/// The files, in the order in which new ones take their place. The certificate is last: its new one says that all are there.
const FILES: [&str; 3] = ["key.pem", "authority.pem", "certificate.pem"];

/// The cure of an identity that cannot be used.
const CURE: &str = "enrol this PC again: passerelle-agent enrol --again";

/// Certificates of one chain that are read: leaf and authority, and room.
const CHAIN: usize = 8;

/// An enrolled PC's papers.
pub(crate) struct Identity {
    pub(crate) key: Key,
    pub(crate) authority: CertificateDer<'static>,
    /// The PC's own certificate first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
}

/// The PC's private key. It never leaves the PC.
pub(crate) struct Key(KeyPair);

impl Key {
    /// A new one, P-256.
    pub(crate) fn make() -> anyhow::Result<Self> {
        KeyPair::generate().map(Self).context("make a key")
    }

    /// A certificate request (PKCS #10) in PEM. The gateway takes nothing from it but the key.
    pub(crate) fn request(&self) -> anyhow::Result<String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "passerelle-agent");
        params.serialize_request(&self.0).and_then(|request| request.pem()).context("make a certificate request")
    }

    /// With the certificate of this key, for TLS; refused if it is another key's.
    pub(crate) fn certified(&self, chain: Vec<CertificateDer<'static>>) -> anyhow::Result<Arc<CertifiedKey>> {
        let key = PrivateKeyDer::Pkcs8(self.0.serialize_der().into());
        let certified = CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider());
        certified.map(Arc::new).context("the certificate is not this key's")
    }
}

/// The certificates of a text in PEM.
pub(crate) fn certificates(pem: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .take(CHAIN)
        .collect::<Result<_, _>>()
        .map_err(|e| anyhow::anyhow!("{e:?}"))
        .context("read certificates")?;
    anyhow::ensure!(!all.is_empty(), "no certificate where one is expected");
    Ok(all)
}

/// Where an identity is kept.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self(state_dir.to_owned())
    }

    /// Makes the directory, which only the system's administrator may enter.
    pub(crate) fn make(&self) -> anyhow::Result<()> {
        #[cfg(unix)]
        let made = {
            let mut builder = std::fs::DirBuilder::new();
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.recursive(true).create(&self.0)
        };
        #[cfg(windows)]
        let made = crate::win32::files::make_private(&self.0, &crate::win32::system::program_data());
        made.with_context(|| format!("make {}", self.0.display()))
    }

    /// Makes sure that nobody else made it or what is in it, if it is there.
    #[cfg(windows)]
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let checked = crate::win32::files::check_private(&self.0, &crate::win32::system::program_data());
        checked.with_context(|| format!("look at {}", self.0.display()))
    }

    /// Takes the identity away.
    pub(crate) fn forget(&self) -> anyhow::Result<()> {
        let alone = self.alone()?;
        for name in FILES {
            gone(&self.0.join(name))?;
            gone(&self.fresh(name))?;
            gone(&self.fresh(name).with_added_extension("part"))?;
        }
        drop(alone);
        gone(&self.0.join("identity.lock"))
    }

    /// The identity, or nothing if this PC is not enrolled. Finishes a change that was cut off.
    pub(crate) fn load(&self) -> anyhow::Result<Option<Identity>> {
        if !self.0.exists() {
            return Ok(None);
        }
        let _alone = self.alone()?;
        self.settle()?;
        let [key, authority, chain] = FILES.map(|name| self.read(name));
        let (key, authority, chain) = match (key?, authority?, chain?) {
            (Some(key), Some(authority), Some(chain)) => (key, authority, chain),
            (_, _, None) => return Ok(None),
            (key, _, _) => {
                let lost = if key.is_none() { FILES[0] } else { FILES[1] };
                anyhow::bail!("{} is missing: {CURE}", self.0.join(lost).display());
            }
        };
        let load = || {
            let key = Key(KeyPair::from_pem(&key).context("key.pem is no key")?);
            let authority = certificates(&authority).context("authority.pem")?.swap_remove(0);
            let chain = certificates(&chain).context("certificate.pem")?;
            key.certified(chain.clone())?;
            anyhow::Ok(Identity { key, authority, chain })
        };
        load().with_context(|| format!("what is in {} cannot be used; {CURE}", self.0.display())).map(Some)
    }

    /// Keeps an identity, in place of any that was there.
    pub(crate) fn keep(&self, key: &Key, authority_pem: &str, chain_pem: &str) -> anyhow::Result<()> {
        let _alone = self.alone()?;
        let key = Zeroizing::new(key.0.serialize_pem());
        for (name, text) in FILES.iter().zip([key.as_str(), authority_pem, chain_pem]) {
            replace(&self.fresh(name), text.as_bytes(), 0o600)?;
        }
        self.settle()
    }

    /// Keeps a renewed certificate. Refused if it is not of the key that is kept now: the PC may have been enrolled anew
    /// since it was asked for.
    pub(crate) fn renew(&self, chain_pem: &str) -> anyhow::Result<()> {
        let _alone = self.alone()?;
        let key = self.read(FILES[0])?.context("no key is kept")?;
        let key = Key(KeyPair::from_pem(&key).context("key.pem is no key")?);
        key.certified(certificates(chain_pem)?)?;
        replace(&self.fresh(FILES[2]), chain_pem.as_bytes(), 0o600)?;
        self.settle()
    }

    /// Nobody else reads or changes it until this is dropped: `enrol` may run beside the service, and nobody must finish what
    /// another has only begun.
    fn alone(&self) -> anyhow::Result<File> {
        let path = self.0.join("identity.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.with_context(|| format!("open {}", path.display()))?;
        lock.lock().with_context(|| format!("lock {}", path.display()))?;
        Ok(lock)
    }

    fn fresh(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.new"))
    }

    /// New files take their place if all are there, and go if not.
    fn settle(&self) -> anyhow::Result<()> {
        let whole = self.fresh(FILES[2]).exists();
        for name in FILES {
            let fresh = self.fresh(name);
            let done = if whole { std::fs::rename(&fresh, self.0.join(name)) } else { std::fs::remove_file(&fresh) };
            match done {
                Err(e) if e.kind() != ErrorKind::NotFound => {
                    return Err(e).with_context(|| format!("put {name} in its place"));
                }
                _ => {}
            }
        }
        if whole { sync(&self.0) } else { Ok(()) }
    }

    fn read(&self, name: &str) -> anyhow::Result<Option<Zeroizing<String>>> {
        match std::fs::read_to_string(self.0.join(name)) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).with_context(|| format!("read {}", self.0.join(name).display())),
        }
    }
}

/// Writes a file so that it is there whole, or as it was; never into what somebody else put beside it. `mode` is for systems that have one: elsewhere files have the rights
/// of their directory.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let part = path.with_added_extension("part");
    let write = || {
        match std::fs::remove_file(&part) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        #[cfg(not(unix))]
        let _ = mode;
        let mut file = options.open(&part)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().with_context(|| format!("write {}", path.display()))?;
    path.parent().map_or(Ok(()), sync)
}

/// What was renamed in a directory is on the disk.
fn sync(folder: &Path) -> anyhow::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    #[cfg(unix)]
    File::open(folder).and_then(|f| f.sync_all()).with_context(|| format!("write {}", folder.display()))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Of a certificate in DER, as tokens name the authority.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    Fingerprint::of(certificate)
}

#[cfg(test)]
mod tests {
    use provisioning::authority::{Authority, Bounds};

    use super::*;

    fn authority() -> Authority {
        let bounds = Bounds { names: vec!["x.internal".into()], networks: vec!["127.0.0.0/8".parse().unwrap()] };
        Authority::new_at("x", &bounds, 1_800_000_000).unwrap()
    }

    fn kept(folder: &Folder, authority: &Authority) -> (Key, String) {
        let key = Key::make().unwrap();
        let chain = authority.issue_agent_at(&key.request().unwrap(), "pc-7", 1_800_000_000).unwrap();
        folder.keep(&key, authority.certificate_pem(), &chain).unwrap();
        (key, chain)
    }

    fn same(identity: &Identity, chain: &str) -> bool {
        identity.chain == certificates(chain).unwrap()
    }

    #[test]
    fn is_kept_for_nobody_else() {
        let at = tempfile::tempdir().unwrap();
        let folder = Folder::new(&at.path().join("state"));
        folder.make().unwrap();
        assert!(folder.load().unwrap().is_none());
        let authority = authority();
        let (_, chain) = kept(&folder, &authority);
        let identity = folder.load().unwrap().unwrap();
        assert!(same(&identity, &chain));
        assert_eq!(identity.authority, certificates(authority.certificate_pem()).unwrap()[0]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&folder.0), mode(&folder.0.join("key.pem"))), (0o700, 0o600));
        }
        assert_eq!(
            std::fs::read_dir(&folder.0).unwrap().count(),
            4,
            "three files and the lock: nothing is left behind"
        );
    }

    #[test]
    fn who_reads_while_it_changes_sees_one_or_the_other() {
        let at = tempfile::tempdir().unwrap();
        let folder = Folder::new(at.path());
        let authority = authority();
        kept(&folder, &authority);
        std::thread::scope(|scope| {
            let changes = scope.spawn(|| (0..50).for_each(|_| drop(kept(&folder, &authority))));
            while !changes.is_finished() {
                assert!(folder.load().unwrap().is_some());
            }
        });
        assert!(folder.load().unwrap().is_some());
    }

    #[test]
    fn a_change_that_was_cut_off_is_finished_or_undone() {
        let at = tempfile::tempdir().unwrap();
        let folder = Folder::new(at.path());
        let authority = authority();
        let (_, old) = kept(&folder, &authority);
        let key = Key::make().unwrap();
        let new = authority.issue_agent_at(&key.request().unwrap(), "pc-8", 1_800_000_000).unwrap();
        // Cut before the certificate: the old identity stays.
        std::fs::write(folder.fresh("key.pem"), key.0.serialize_pem()).unwrap();
        std::fs::write(folder.fresh("authority.pem"), "x").unwrap();
        assert!(same(&folder.load().unwrap().unwrap(), &old));
        assert!(!folder.fresh("key.pem").exists());
        // Cut behind it, when the key alone had been put in its place: the new one comes.
        std::fs::write(folder.0.join("key.pem"), key.0.serialize_pem()).unwrap();
        std::fs::write(folder.fresh("certificate.pem"), &new).unwrap();
        assert!(same(&folder.load().unwrap().unwrap(), &new));
    }

    #[test]
    fn a_broken_one_is_told_with_its_cure() {
        let at = tempfile::tempdir().unwrap();
        let folder = Folder::new(at.path());
        let authority = authority();
        let said = |folder: &Folder| format!("{:#}", folder.load().err().unwrap());
        for (file, content) in
            [("key.pem", ""), ("authority.pem", "rubbish"), ("certificate.pem", authority.certificate_pem())]
        {
            kept(&folder, &authority);
            std::fs::write(folder.0.join(file), content).unwrap();
            assert!(said(&folder).contains("enrol --again"), "{file}");
        }
        for file in ["key.pem", "authority.pem"] {
            kept(&folder, &authority);
            std::fs::remove_file(folder.0.join(file)).unwrap();
            let said = said(&folder);
            assert!(said.contains(file) && said.contains("enrol --again"), "{said}");
        }
    }

    #[test]
    fn a_renewed_certificate_takes_the_place_of_the_old() {
        let at = tempfile::tempdir().unwrap();
        let folder = Folder::new(at.path());
        let authority = authority();
        let (key, old) = kept(&folder, &authority);
        let new = authority.issue_agent_at(&key.request().unwrap(), "pc-7", 1_800_009_000).unwrap();
        folder.renew(&new).unwrap();
        let identity = folder.load().unwrap().unwrap();
        assert!(same(&identity, &new) && !same(&identity, &old));
        // The PC was enrolled anew before the answer came.
        let (_, newer) = kept(&folder, &authority);
        assert!(folder.renew(&new).is_err());
        assert!(same(&folder.load().unwrap().unwrap(), &newer));
    }
}
