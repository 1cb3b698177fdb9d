//! By what the gateway is known: its certificate is of the internal authority, for servers. TLS 1.3 and nothing older.
//!
//! The name is not compared, for a gateway has several and may move: this authority issues server certificates to the
//! gateway alone, and PCs' own are for clients only. While enrolling, the token names the authority by its SHA-256.

use std::sync::Arc;

use agent::bounded::Fingerprint;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::identity::fingerprint;

/// Which authority the gateway's certificate has to be of.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// The one with this SHA-256, which the gateway shows as the last of its chain.
    Named(Fingerprint),
    /// This one.
    Kept(CertificateDer<'static>),
}

/// TLS to the gateway; with the PC's certificate, if it has one.
pub(crate) fn config(known: Known, own: Option<Arc<CertifiedKey>>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(provider());
    let verifier = Arc::new(Verifier { known, provider: provider.clone() });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match own {
        Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
        None => builder.with_no_client_auth(),
    };
    // One connection for days: nothing would be resumed, and each is to prove itself anew.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.retain(|suite| suite.tls13().is_some());
    provider
}

#[derive(Debug)]
struct Verifier {
    known: Known,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authority = match &self.known {
            Known::Kept(authority) => authority,
            Known::Named(print) => intermediates
                .last()
                .filter(|last| fingerprint(last) == *print)
                .ok_or(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))?,
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone())?;
        let leaf = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&leaf, &roots, intermediates, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What went wrong, and its cure, for whoever looks after the PC.
pub(crate) fn sentence(error: &Error) -> String {
    use CertificateError as C;
    match error {
        Error::InvalidCertificate(C::Expired | C::ExpiredContext { .. }) => {
            "the gateway's certificate has run out, or this PC's clock is ahead: set the clock".to_owned()
        }
        Error::InvalidCertificate(C::NotValidYet | C::NotValidYetContext { .. }) => {
            "the gateway's certificate is of the future: this PC's clock is behind, set it".to_owned()
        }
        Error::InvalidCertificate(C::ApplicationVerificationFailure) => {
            "what answers there is not the gateway that the token is of: check the address, and that the token is whole".to_owned()
        }
        Error::InvalidCertificate(C::UnknownIssuer | C::BadSignature) => {
            "what answers there is not the gateway that this PC was enrolled with; if the gateway was set up anew, enrol with \
             --again"
                .to_owned()
        }
        Error::InvalidCertificate(C::InvalidPurpose | C::InvalidPurposeContext { .. }) => {
            "what answers there shows a certificate that is not a server's: it is not the gateway".to_owned()
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_) => {
            format!("what answers there does not speak TLS 1.3: it is not the gateway ({error})")
        }
        Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRequired
            | AlertDescription::AccessDenied,
        ) => format!("the gateway does not take this PC's certificate ({error}): enrol with --again"),
        _ => format!("TLS: {error}"),
    }
}
