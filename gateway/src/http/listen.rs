//! Listeners: each knows its door. TLS by rustls with `ring`; time and number of everything are limited, for the other
//! side is a stranger until the request says otherwise.

use std::net::{IpAddr, TcpListener as StdListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::caller::Door;
use crate::places::Places;
use crate::pure::source::source;

/// A TLS handshake, and a request's head, take no longer than this.
const HEAD: Duration = Duration::from_secs(5);

/// A connection is closed after this: browsers open another.
const LONGEST: Duration = Duration::from_secs(3600);

/// The same of a stranger's: an invitation is open on a page for half an hour at most.
const LONGEST_STRANGER: Duration = Duration::from_secs(35 * 60);

/// Connections at once on one listener.
const CONNECTIONS: usize = 512;

/// Connections at once from one device in the tunnel: browsers open six. A few stolen ones must not keep all others out.
const PER_DEVICE: usize = 12;

/// Connections at once from one address in the office, where several may share one.
const PER_ADDRESS: usize = 64;

/// Connections at once from one household in the internet, which shares an address or a /64: browsers open six.
const PER_STRANGER: usize = 16;

/// Whoever has just switched the tunnel on asks for the same name as before: the answer must not come by the connection
/// of before, which leads to strangers' pages. What is under way on it goes on.
const ANEW: Duration = Duration::from_secs(10);

/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 32;

/// All headers of a request together, in bytes.
const HEADERS: u32 = 16 * 1024;

/// What was sent and is not acknowledged for so long was sent to nobody: a stream to a device that is gone ends.
const UNHEARD: Duration = Duration::from_secs(60);

/// A listener that fails (no descriptors left) rests for this long.
const REST: Duration = Duration::from_millis(100);

/// A TCP listener's door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpDoor {
    /// Inside the tunnel.
    Tunnel,
    /// The office LAN.
    Office,
    /// The internet.
    Internet,
}

impl TcpDoor {
    fn share(self) -> usize {
        match self {
            Self::Tunnel => PER_DEVICE,
            Self::Office => PER_ADDRESS,
            Self::Internet => PER_STRANGER,
        }
    }

    /// Whose connections are counted together. Within the house a /64 is everybody's.
    fn counted(self, peer: IpAddr) -> IpAddr {
        match self {
            Self::Tunnel | Self::Office => peer,
            Self::Internet => source(peer),
        }
    }

    fn longest(self) -> Duration {
        match self {
            Self::Tunnel | Self::Office => LONGEST,
            Self::Internet => LONGEST_STRANGER,
        }
    }

    fn of(self, peer: IpAddr) -> Door {
        match self {
            Self::Tunnel => Door::Tunnel(peer),
            Self::Office => Door::Office(peer),
            Self::Internet => Door::Internet(peer),
        }
    }
}

/// The certificate that is shown; another may take its place.
#[derive(Debug)]
pub struct Certificate(ArcSwap<CertifiedKey>);

impl Certificate {
    /// This one, in PEM.
    ///
    /// # Errors
    /// Certificate and key are no PEM, or do not fit together.
    pub fn new(certificate: &str, key: &str) -> anyhow::Result<Self> {
        Ok(Self(certified(certificate, key)?.into()))
    }

    /// This one from now on.
    ///
    /// # Errors
    /// As [`Certificate::new`]; then the old one stays.
    pub fn replace(&self, certificate: &str, key: &str) -> anyhow::Result<()> {
        self.0.store(certified(certificate, key)?);
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn certified(certificate: &str, key: &str) -> anyhow::Result<Arc<CertifiedKey>> {
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .context("read the TLS certificate")?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).context("read the TLS key")?;
    let provider = rustls::crypto::ring::default_provider();
    Ok(Arc::new(CertifiedKey::from_der(chain, key, &provider).context("use the TLS certificate")?))
}

/// TLS with this certificate.
///
/// # Errors
/// The provider knows no TLS version.
pub fn tls(certificate: Arc<Certificate>) -> anyhow::Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves HTTPS until it is dropped.
///
/// # Errors
/// The listener cannot be taken over by the runtime.
pub async fn https(listener: StdListener, door: TcpDoor, tls: TlsAcceptor, router: Router) -> anyhow::Result<()> {
    accept(listener, door, move |stream, peer| {
        let (tls, router) = (tls.clone(), router.clone());
        async move {
            let Ok(Ok(stream)) = tokio::time::timeout(HEAD, tls.accept(stream)).await else { return };
            // A connection that breaks is the other side's affair; what was begun is carried to its end by the guard.
            let _ = tokio::time::timeout(door.longest(), serve(stream, door.of(peer), router)).await;
        }
    })
    .await
}

/// Answers plain HTTP with the way to HTTPS, until it is dropped.
///
/// # Errors
/// The listener cannot be taken over by the runtime.
pub async fn redirect(listener: StdListener, public_name: &str) -> anyhow::Result<()> {
    let to = format!("https://{public_name}/");
    accept(listener, TcpDoor::Tunnel, move |stream, _| {
        let to = to.clone();
        async move {
            let answer = service_fn(move |_: Request<Incoming>| {
                let to = to.clone();
                async move {
                    Response::builder()
                        .status(StatusCode::PERMANENT_REDIRECT)
                        .header(header::LOCATION, to)
                        .header(header::CONNECTION, "close")
                        .body(Body::empty())
                }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false);
            // A stranger's broken connection is nobody's concern.
            let _ = tokio::time::timeout(HEAD * 2, http.serve_connection(TokioIo::new(stream), answer)).await;
        }
    })
    .await
}

/// Takes connections until it is dropped, and has each attended to; so many at once from one peer.
///
/// # Errors
/// The listener cannot be taken over by the runtime.
pub async fn accept<F, Fut>(listener: StdListener, door: TcpDoor, attend: F) -> anyhow::Result<()>
where
    F: Fn(tokio::net::TcpStream, IpAddr) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    listener.set_nonblocking(true).context("make a listener non-blocking")?;
    let listener = TcpListener::from_std(listener).context("take over a listener")?;
    let (places, addresses) = (Arc::new(Semaphore::new(CONNECTIONS)), Arc::<Places<IpAddr>>::default());
    // Dropping the set ends every connection with its listener.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let place = places.clone().acquire_owned().await.context("places")?;
        while connections.try_join_next().is_some() {}
        let (stream, peer) = match listener.accept().await {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(e) => {
                tracing::debug!(error = %e, "accept");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let Some(counted) = addresses.take(door.counted(peer), |mine, _| mine < door.share()) else { continue };
        if let Err(e) = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNHEARD)) {
            tracing::debug!(error = %e, "set a connection's patience");
        }
        // Small answers and pictures are not to wait for one another.
        if let Err(e) = stream.set_nodelay(true) {
            tracing::debug!(error = %e, "have small answers sent at once");
        }
        let work = attend(stream, peer);
        connections.spawn(async move {
            let _held = (place, counted);
            work.await;
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, door: Door, router: Router) {
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(door);
        router.oneshot(request)
    });
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_headers(64);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    let mut connection = pin!(http.serve_connection_with_upgrades(TokioIo::new(stream), service));
    if let Door::Internet(_) = door {
        tokio::select! {
            _ = &mut connection => return,
            () = tokio::time::sleep(ANEW) => connection.as_mut().graceful_shutdown(),
        }
    }
    let _ = connection.await;
}

/// Serves the command line's socket until it is dropped: root and our own user only.
///
/// # Errors
/// The socket cannot be made.
pub async fn local(socket: &Path, router: Router) -> anyhow::Result<()> {
    let named = || format!("socket {}", socket.display());
    match std::fs::remove_file(socket) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e).with_context(named),
        _ => {}
    }
    let listener = UnixListener::bind(socket).with_context(named)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).with_context(named)?;
    let us = rustix::process::geteuid().as_raw();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let place = places.clone().acquire_owned().await.context("places")?;
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(REST).await;
            continue;
        };
        // The mode says it already; the kernel's word is what counts.
        if !stream.peer_cred().is_ok_and(|who| who.uid() == 0 || who.uid() == us) {
            continue;
        }
        let router = router.clone();
        connections.spawn(async move {
            let _held = place;
            let _ = tokio::time::timeout(LONGEST, serve(stream, Door::Local, router)).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_a_household_and_a_neighbour_an_address() {
        let of = |door: TcpDoor, n: u16| door.counted(IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, n]));
        assert_eq!(of(TcpDoor::Internet, 1), of(TcpDoor::Internet, 2));
        for door in [TcpDoor::Tunnel, TcpDoor::Office] {
            assert_ne!(of(door, 1), of(door, 2), "{door:?}");
        }
        let four = |n: u8| TcpDoor::Internet.counted(IpAddr::from([192, 0, 2, n]));
        assert_ne!(four(1), four(2));
        assert!(TcpDoor::Internet.longest() < TcpDoor::Office.longest());
    }
}
