//! The gateway's own connection to a PC: RDP's first words, and TLS. Whose certificate it shows is looked at by who asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::pure::x224::{self, Answered, Security};

/// A PC that takes nothing, or says nothing to the system's questions, for so long is gone.
const UNHEARD: Duration = Duration::from_secs(30);

/// A PC that is gone without a word is noticed.
pub(super) fn watched(pc: &TcpStream) -> std::io::Result<()> {
    pc.set_nodelay(true)?;
    let socket = socket2::SockRef::from(pc);
    socket.set_tcp_user_timeout(Some(UNHEARD))?;
    let asks = socket2::TcpKeepalive::new().with_time(UNHEARD / 3).with_interval(UNHEARD / 6).with_retries(3);
    socket.set_tcp_keepalive(&asks)
}

/// What a PC answers, to the byte, and how it goes on; nothing where that is no RDP.
pub(super) async fn answer(pc: &mut TcpStream) -> Option<(Vec<u8>, Option<Security>)> {
    let mut bytes = Vec::new();
    loop {
        // Byte by byte at most what belongs to the answer: what follows is TLS.
        let mut one = [0; 1];
        pc.read_exact(&mut one).await.ok()?;
        bytes.extend(one);
        match x224::answered(&bytes) {
            Answered::More => {}
            Answered::Never => return None,
            Answered::Refuses => return Some((bytes, None)),
            Answered::Goes(security) => return Some((bytes, Some(security))),
        }
    }
}

/// TLS to a PC, whose certificate is looked at afterwards.
pub(super) async fn secured(pc: TcpStream, at: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyKey(provider)))
        .with_no_client_auth();
    // CredSSP binds itself to one handshake, and a PC has no name that anybody could look up.
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    TlsConnector::from(Arc::new(config)).connect(ServerName::IpAddress(at.ip().into()), pc).await
}

/// Any certificate, if the other side has its key: PCs sign their own. Whoever asked compares it.
#[derive(Debug)]
struct AnyKey(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyKey {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
