//! The machine's certificates, read alone.

use std::ptr::null;

use windows_sys::Win32::Security::Cryptography::{
    CERT_CONTEXT, CERT_FIND_SHA1_HASH, CERT_STORE_OPEN_EXISTING_FLAG, CERT_STORE_PROV_SYSTEM_W,
    CERT_STORE_READONLY_FLAG, CERT_SYSTEM_STORE_LOCAL_MACHINE, CRYPT_INTEGER_BLOB, CertCloseStore,
    CertEnumCertificatesInStore, CertFindCertificateInStore, CertFreeCertificateContext, CertOpenStore, HCERTSTORE,
    PKCS_7_ASN_ENCODING, X509_ASN_ENCODING,
};

use super::wide;
use crate::pure::windows::rdp::Certificates;

/// Certificates of a store that are looked at: the listener's has one or two.
const LOOKED_AT: usize = 16;

/// The stores of the machine.
pub(crate) struct Stores;

/// An open one.
struct Store(HCERTSTORE);

impl Store {
    fn open(name: &str) -> Option<Self> {
        let name = wide(name);
        let flags = CERT_SYSTEM_STORE_LOCAL_MACHINE | CERT_STORE_READONLY_FLAG | CERT_STORE_OPEN_EXISTING_FLAG;
        // SAFETY: this provider takes a name that ends with 0, which lives until the call returns.
        let store = unsafe { CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, flags, name.as_ptr().cast()) };
        (!store.is_null()).then_some(Self(store))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: it was opened, is closed once, and no certificate of it is held.
        unsafe { CertCloseStore(self.0, 0) };
    }
}

impl Certificates for Stores {
    fn named(&self, store: &str, sha1: &[u8]) -> Option<Vec<u8>> {
        let store = Store::open(store)?;
        let hash = CRYPT_INTEGER_BLOB { cbData: u32::try_from(sha1.len()).ok()?, pbData: sha1.as_ptr().cast_mut() };
        let encoding = X509_ASN_ENCODING | PKCS_7_ASN_ENCODING;
        // SAFETY: the store is open; this way of finding takes a blob, which is only read and lives until the call returns.
        let found = unsafe {
            CertFindCertificateInStore(store.0, encoding, 0, CERT_FIND_SHA1_HASH, (&raw const hash).cast(), null())
        };
        if found.is_null() {
            return None;
        }
        let der = der(found);
        // SAFETY: it was found, and is given back once.
        unsafe { CertFreeCertificateContext(found) };
        der
    }

    fn all(&self, store: &str) -> Vec<Vec<u8>> {
        let Some(store) = Store::open(store) else { return Vec::new() };
        let mut all = Vec::new();
        let mut at: *mut CERT_CONTEXT = std::ptr::null_mut();
        loop {
            // SAFETY: the store is open; the call gives back the certificate before and takes the next.
            at = unsafe { CertEnumCertificatesInStore(store.0, at) };
            if at.is_null() {
                return all;
            }
            all.extend(der(at));
            if all.len() >= LOOKED_AT {
                // SAFETY: the enumeration ends here, so the last certificate is still held.
                unsafe { CertFreeCertificateContext(at) };
                return all;
            }
        }
    }
}

/// A copy of what a certificate that is held is made of.
fn der(of: *const CERT_CONTEXT) -> Option<Vec<u8>> {
    // SAFETY: Windows gave it, it is not null, and it is held until this returns: so are the bytes that it points to.
    unsafe {
        let length = usize::try_from((*of).cbCertEncoded).ok()?;
        (!(*of).pbCertEncoded.is_null()).then(|| std::slice::from_raw_parts((*of).pbCertEncoded, length).to_vec())
    }
}
