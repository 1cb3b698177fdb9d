//! Who signs `.rdp` files: an RSA key with a certificate of the internal authority, and the signature as CMS.
//!
//! RSA, as mstsc is not known to take anything else. `rsa` makes the key and no more: by their time, what it does with a key
//! tells of it (RUSTSEC-2023-0071), so `ring` signs. The key is for its owner to seal.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, SigningKey as _};
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::rand_core::UnwrapErr;
use sha1::{Digest as _, Sha1};
use yasna::models::ObjectIdentifier;
use yasna::{ASN1Error, ASN1ErrorKind, DERWriter, Tag};
use zeroize::Zeroizing;

use crate::authority::{Authority, AuthorityError};

/// Of the modulus: a certificate is valid for five years, and 2048 are to end with 2030 (NIST SP 800-57 part 1, 5.6.3).
const BITS: usize = 3072;

const DATA: [u64; 7] = [1, 2, 840, 113_549, 1, 7, 1];
const SIGNED_DATA: [u64; 7] = [1, 2, 840, 113_549, 1, 7, 2];
const SHA_256: [u64; 9] = [2, 16, 840, 1, 101, 3, 4, 2, 1];
const RSA_ENCRYPTION: [u64; 7] = [1, 2, 840, 113_549, 1, 1, 1];

/// A publisher's private key, PKCS #8 in DER. Wiped when dropped; `Debug` prints nothing of it.
pub struct PublisherKey(Zeroizing<Vec<u8>>);

/// A key that signs, and its certificate.
pub struct Publisher {
    key: KeyPair,
    certificate: Vec<u8>,
    /// `IssuerAndSerialNumber` (RFC 5652, 10.2.4): both as they stand in the certificate.
    issuer_and_serial: [Vec<u8>; 2],
}

/// Why nothing is signed.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// Making the key failed.
    #[error("cannot make an RSA key")]
    Key(#[source] rsa::Error),
    /// The authority issued no certificate.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The stored certificate or key cannot be read, or they do not belong together.
    #[error("the stored key or certificate for signing .rdp files cannot be used")]
    Stored,
    /// Making a signature failed.
    #[error("cannot sign an .rdp file")]
    Signing(#[source] rcgen::Error),
}

impl PublisherKey {
    /// As it was stored; whether it is a key is seen by [`Publisher::load`].
    #[must_use]
    pub fn from_der(der: Zeroizing<Vec<u8>>) -> Self {
        Self(der)
    }

    /// The secret bytes. Seal them before they are stored.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.0
    }

    fn generate() -> Result<Self, PublisherError> {
        // From within `rsa` it could only panic: a kernel that gives randomness once goes on to.
        getrandom::fill(&mut [0; 1]).map_err(|_| PublisherError::Key(rsa::Error::Rng))?;
        let key = rsa::RsaPrivateKey::new(&mut UnwrapErr(getrandom::SysRng), BITS).map_err(PublisherError::Key)?;
        let der = key.to_pkcs8_der().map_err(|e| PublisherError::Key(e.into()))?;
        Ok(Self(Zeroizing::new(der.as_bytes().to_vec())))
    }

    fn pair(&self) -> Result<KeyPair, PublisherError> {
        let der = self.as_der().into();
        KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_RSA_SHA256).map_err(|_| PublisherError::Stored)
    }
}

impl fmt::Debug for PublisherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(publisher's key)")
    }
}

impl Publisher {
    /// A new key, and a certificate for it from this moment on. Primes are a matter of luck: it takes a tenth of a second, or
    /// several on a small machine.
    ///
    /// # Errors
    /// [`PublisherError::Key`], [`PublisherError::Authority`].
    pub fn new_at(
        authority: &Authority,
        organisation: &str,
        unix_seconds: u64,
    ) -> Result<(Self, PublisherKey), PublisherError> {
        let key = PublisherKey::generate()?;
        let certificate = authority.issue_publisher_at(&key.pair()?, organisation, unix_seconds)?;
        Ok((Self::load(&key, certificate)?, key))
    }

    /// As they were stored: the key, and its certificate in DER.
    ///
    /// # Errors
    /// [`PublisherError::Stored`].
    pub fn load(key: &PublisherKey, certificate: Vec<u8>) -> Result<Self, PublisherError> {
        let key = key.pair()?;
        let [serial, issuer, public_key] = read(&certificate).map_err(|_| PublisherError::Stored)?;
        if public_key != key.subject_public_key_info() {
            return Err(PublisherError::Stored);
        }
        Ok(Self { key, certificate, issuer_and_serial: [issuer, serial] })
    }

    /// The certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate in PEM (RFC 7468).
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        let text = STANDARD.encode(&self.certificate);
        let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n");
        format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", lines.collect::<String>())
    }

    /// What the group policy *Specify SHA1 thumbprints of certificates representing trusted .rdp publishers* wants
    /// (`TrustedCertThumbprints`, terminalserver.admx): upper-case hexadecimal digits, nothing between them
    /// (morgansimonsen.com/2011/03/20). It takes no SHA-256; the signature rests on that, not on SHA-1.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        Sha1::digest(&self.certificate).iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// CMS `SignedData` (RFC 5652, 5.1) over content that stands elsewhere: SHA-256, no attributes, the signer's certificate
    /// and no other (who believes it has the authority's), as `rdpsign.exe` makes it.
    ///
    /// # Errors
    /// [`PublisherError::Signing`].
    pub(crate) fn sign(&self, content: &[u8]) -> Result<Vec<u8>, PublisherError> {
        let signature = self.key.sign(content).map_err(PublisherError::Signing)?;
        let signer = |w: DERWriter<'_>| {
            w.write_sequence(|w| {
                w.next().write_u8(1);
                w.next().write_sequence(|w| self.issuer_and_serial.iter().for_each(|part| w.next().write_der(part)));
                algorithm(w.next(), &SHA_256);
                algorithm(w.next(), &RSA_ENCRYPTION);
                w.next().write_bytes(&signature);
            });
        };
        let signed_data = |w: DERWriter<'_>| {
            w.write_sequence(|w| {
                w.next().write_u8(1);
                w.next().write_set_of(|w| algorithm(w.next(), &SHA_256));
                w.next().write_sequence(|w| w.next().write_oid(&ObjectIdentifier::from_slice(&DATA)));
                let certificates = |w: DERWriter<'_>| w.write_set_of(|w| w.next().write_der(&self.certificate));
                w.next().write_tagged_implicit(Tag::context(0), certificates);
                w.next().write_set_of(|w| signer(w.next()));
            });
        };
        Ok(yasna::construct_der(|w| {
            w.write_sequence(|w| {
                w.next().write_oid(&ObjectIdentifier::from_slice(&SIGNED_DATA));
                w.next().write_tagged(Tag::context(0), signed_data);
            });
        }))
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("thumbprint", &self.thumbprint()).finish_non_exhaustive()
    }
}

fn algorithm(w: DERWriter<'_>, oid: &[u64]) {
    w.write_sequence(|w| {
        w.next().write_oid(&ObjectIdentifier::from_slice(oid));
        w.next().write_null();
    });
}

/// Serial number, issuer and public key of a certificate (RFC 5280, 4.1), each in DER.
fn read(certificate: &[u8]) -> Result<[Vec<u8>; 3], ASN1Error> {
    yasna::parse_der(certificate, |r| {
        r.read_sequence(|r| {
            let fields = r.next().read_sequence(|r| {
                // Version, serial, algorithm, issuer, validity, subject, public key, extensions.
                (0..8).map(|_| r.next().read_der()).collect::<Result<Vec<_>, _>>()
            })?;
            r.next().read_der()?;
            r.next().read_der()?;
            let mut fields = fields.into_iter();
            let mut skipping = |n| fields.nth(n).ok_or_else(|| ASN1Error::new(ASN1ErrorKind::Eof));
            Ok([skipping(1)?, skipping(1)?, skipping(2)?])
        })
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::process::{Command, Output};
    use std::sync::LazyLock;

    use super::*;
    use crate::authority::Bounds;

    pub(crate) const NOW: u64 = 1_800_000_000;

    /// Made once: a key takes its time.
    pub(crate) static MADE: LazyLock<(Authority, Publisher, PublisherKey)> = LazyLock::new(|| {
        let authority = authority();
        let (publisher, key) = Publisher::new_at(&authority, "Étude Rossi", NOW).unwrap();
        (authority, publisher, key)
    });

    pub(crate) fn authority() -> Authority {
        let bounds = Bounds { names: vec!["door.example.org".into()], networks: vec!["10.64.0.0/10".parse().unwrap()] };
        Authority::new_at("Étude Rossi", &bounds, NOW).unwrap()
    }

    pub(crate) fn openssl(folder: &Path, arguments: &str) -> Output {
        Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap()
    }

    #[test]
    fn a_certificate_says_what_it_is_for_and_is_believed_as_long_as_it_says() {
        let (authority, publisher, _) = &*MADE;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("publisher.der"), publisher.certificate()).unwrap();
        std::fs::write(folder.path().join("authority.pem"), authority.certificate_pem()).unwrap();
        let out =
            openssl(folder.path(), "x509 -inform DER -in publisher.der -noout -text -nameopt utf8,sep_comma_plus");
        let text = String::from_utf8(out.stdout).unwrap();
        for part in [
            "Subject: O=Étude Rossi,CN=Remote desktops of Étude Rossi\n",
            "Issuer: O=Étude Rossi,CN=Passerelle of Étude Rossi\n",
            "Public-Key: (3072 bit)",
            "TLS Web Server Authentication, Code Signing, 1.3.6.1.4.1.311.54.1.2\n",
            "CA:FALSE",
            "X509v3 Key Usage: critical\n                Digital Signature\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("Alternative Name"), "{text}");

        // As a server's, the strictest of the purposes that its authority has too.
        let ends = NOW + 1826 * 24 * 3600;
        for (at, believed) in [(NOW - 3601, false), (NOW, true), (ends - 1, true), (ends + 1, false)] {
            let verify = format!("verify -CAfile authority.pem -purpose sslserver -attime {at} publisher.der");
            assert_eq!(openssl(folder.path(), &verify).status.success(), believed, "{at}");
        }
    }

    #[test]
    fn a_thumbprint_is_what_windows_shows_without_spaces() {
        let publisher = &MADE.1;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("publisher.der"), publisher.certificate()).unwrap();
        let out = openssl(folder.path(), "x509 -inform DER -in publisher.der -noout -fingerprint -sha1");
        let shown = String::from_utf8(out.stdout).unwrap();
        assert_eq!(publisher.thumbprint(), shown.split_once('=').unwrap().1.trim().replace(':', ""));
    }

    #[test]
    fn comes_back_from_storage_and_rubbish_does_not() {
        let (authority, publisher, key) = &*MADE;
        let stored = PublisherKey::from_der(Zeroizing::new(key.as_der().to_vec()));
        let again = Publisher::load(&stored, publisher.certificate().to_vec()).unwrap();
        assert_eq!(again.thumbprint(), publisher.thumbprint());
        assert_eq!(again.sign(b"x").unwrap(), publisher.sign(b"x").unwrap());

        let other = authority.issue_publisher_at(&KeyPair::generate().unwrap(), "x", NOW).unwrap();
        let certificate = publisher.certificate();
        let longer = [certificate, b"x"].concat();
        for wrong in [&other, &certificate[1..], &certificate[..certificate.len() - 1], &longer, key.as_der(), b""] {
            assert!(matches!(Publisher::load(&stored, wrong.to_vec()), Err(PublisherError::Stored)));
        }
        for wrong in [&KeyPair::generate().unwrap().serialize_der(), certificate, &key.as_der()[1..], b""] {
            let wrong = PublisherKey::from_der(Zeroizing::new(wrong.to_vec()));
            assert!(matches!(Publisher::load(&wrong, certificate.to_vec()), Err(PublisherError::Stored)));
        }
    }

    #[test]
    fn nothing_of_a_key_is_printed() {
        let (_, publisher, key) = &*MADE;
        assert_eq!(format!("{key:?}"), "(publisher's key)");
        assert_eq!(format!("{publisher:?}"), format!("Publisher {{ thumbprint: {:?}, .. }}", publisher.thumbprint()));
    }
}
