//! The door for agents: TLS 1.3, a certificate of the internal authority or none, and then WebSocket messages.
//!
//! It is no door of the API: no request is answered here. Who comes without a certificate can do one thing, enrol. Who an
//! agent is, is told by the key of its certificate alone. Everything about a connection is bounded: its number, its
//! handshakes, the length and the number of its messages, and how long it may be silent.

use std::collections::BTreeMap;
use std::net::{IpAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent::bounded::Fingerprint;
use agent::message::{LONGEST, Refused, ToAgent};
use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::{Enrolment, Fleet};
use crate::audit::{Actor, AgentRefusal, Event};
use crate::clock::Boot;
use crate::http::listen::Certificate;
use crate::places::{Place, Places};
use crate::pure::source::source;
use crate::store::Moment;

/// The usual port.
pub const PORT: u16 = 8444;

/// Agents at once: the thousand PCs this is made for, and those who come back before their old connection ended.
const CONNECTIONS: usize = 2_048;

/// Connections at once from one address that have not shown a certificate yet, an address of IPv6 being its /64: some
/// PCs behind a router of the office's come back together.
const UNKNOWN: usize = 32;

/// Handshakes at once, silent ones too: eight addresses that say nothing do not keep others out.
const HANDSHAKES: usize = 512;

/// TLS and WebSocket, from the first byte.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// What was sent and is not acknowledged for so long was sent to nobody.
const UNHEARD: Duration = Duration::from_secs(45);

/// A message that cannot be sent within this is not sent.
const SEND: Duration = Duration::from_secs(5);

/// A listener that fails (no descriptors left) rests for this long.
const REST: Duration = Duration::from_millis(100);

/// What is refused is written into the audit once in so long for each address and reason.
const AGAIN_MS: u64 = 10 * 60_000;

/// Addresses and reasons that are remembered for that.
const REMEMBERED: usize = 1_024;

/// What agents are answered with.
#[derive(Clone)]
pub struct Door {
    pub(super) fleet: Arc<Fleet>,
    tls: TlsAcceptor,
    pub(super) enrolment: Arc<Enrolment>,
    refusals: Arc<Refusals>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

/// A connection, its messages still text.
pub(super) type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// TLS for agents: version 1.3 alone; a client certificate is one of this authority's.
///
/// # Errors
/// The authority's certificate cannot be read.
pub fn tls(certificate: Arc<Certificate>, authority_pem: &str) -> anyhow::Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority_pem.as_bytes()).context("read the internal CA")?;
    roots.add(authority).context("use the internal CA")?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .context("the verifier of agents")?;
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("TLS 1.3")?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificate);
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Hears agents until it is dropped.
///
/// # Errors
/// The listener cannot be taken over by the runtime.
pub async fn serve(listener: StdListener, door: Door) -> anyhow::Result<()> {
    listener.set_nonblocking(true).context("make a listener non-blocking")?;
    let listener = TcpListener::from_std(listener).context("take over a listener")?;
    let (places, turns) = (Arc::new(Semaphore::new(CONNECTIONS)), Arc::new(Semaphore::new(HANDSHAKES)));
    let unknown = Arc::<Places<IpAddr>>::default();
    // Dropping the set ends every connection with its listener.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let (stream, peer) = match listener.accept().await {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(e) => {
                tracing::debug!(error = %e, "accept an agent");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        // Who finds no room is not kept waiting: agents come again.
        let room = (places.clone().try_acquire_owned(), turns.clone().try_acquire_owned());
        let (Ok(place), Ok(turn)) = room else { continue };
        let Some(counted) = unknown.take(source(peer), |mine, _| mine < UNKNOWN) else { continue };
        let door = door.clone();
        connections.spawn(async move {
            let _held = place;
            let shaken = tokio::time::timeout(HANDSHAKE, shake(stream, &door)).await;
            drop(turn);
            match shaken {
                Ok(Ok((socket, key))) => door.attend(socket, key, peer, counted).await,
                Ok(Err(Some(why))) => door.refuse(peer, why).await,
                Ok(Err(None)) | Err(_) => {}
            }
        });
    }
}

/// TLS, then WebSocket; and SHA-256 of the certificate's key, if there is one.
async fn shake(stream: TcpStream, door: &Door) -> Result<(Socket, Option<String>), Option<AgentRefusal>> {
    if let Err(e) = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNHEARD)) {
        tracing::debug!(error = %e, "set a connection's patience");
    }
    // Each message is one, and short.
    let _ = stream.set_nodelay(true);
    let tls = door.tls.accept(stream).await.map_err(|e| of_tls(&e))?;
    let certificate = tls.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let key = certificate.map(key_hash).transpose().map_err(|_| Some(AgentRefusal::Certificate))?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST))
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * LONGEST);
    let socket = tokio_tungstenite::accept_async_with_config(tls, Some(config)).await.map_err(|_| None)?;
    Ok((socket, key))
}

/// Why TLS failed, if it was an agent; who speaks another protocol is a scanner, or a browser.
fn of_tls(error: &std::io::Error) -> Option<AgentRefusal> {
    let tls = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Some(AgentRefusal::Expired),
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Some(AgentRefusal::NotValidYet),
        Some(rustls::Error::InvalidCertificate(_)) => Some(AgentRefusal::Certificate),
        _ => None,
    }
}

/// SHA-256 of the key that a certificate is for, in base64.
pub(super) fn key_hash(certificate: &CertificateDer<'_>) -> Result<String, webpki::Error> {
    use base64::Engine as _;
    let certificate = webpki::EndEntityCert::try_from(certificate)?;
    let key = certificate.subject_public_key_info();
    Ok(base64::engine::general_purpose::STANDARD.encode(Fingerprint::of(&key).0))
}

impl Door {
    /// To these PCs.
    #[must_use]
    pub fn new(fleet: Arc<Fleet>, tls: TlsAcceptor, enrolment: Enrolment) -> Self {
        Self { fleet, tls, enrolment: Arc::new(enrolment), refusals: Arc::default() }
    }

    /// `counted`: it is one of the few unknown ones of its address, until it is known.
    async fn attend(&self, mut socket: Socket, key: Option<String>, peer: IpAddr, counted: Place<IpAddr>) {
        let ended = match key {
            Some(key) => super::session::attend(self, &mut socket, &key, peer, counted).await,
            None => {
                let _counted = counted;
                super::enrol::attend(self, &mut socket, peer).await
            }
        };
        let Some(why) = ended else { return };
        say(&mut socket, &ToAgent::Refused { why }).await;
        let _ = tokio::time::timeout(SEND, socket.close(None)).await;
        if let Some(because) = told_of(why) {
            self.refuse(peer, because).await;
        }
    }

    /// Writes down that somebody was refused, now and then.
    async fn refuse(&self, address: IpAddr, because: AgentRefusal) {
        let now = Moment::now();
        if !self.refusals.is_new(address, because, now.boot) {
            return;
        }
        tracing::warn!(%address, ?because, "an agent was refused");
        let noted = async {
            let mut write = self.fleet.store.write(now, Actor::Nobody).await?;
            write.audit(&Event::AgentRefused { address, because }).await?;
            write.commit().await
        };
        if let Err(e) = noted.await {
            tracing::debug!(error = format!("{:#}", anyhow::Error::from(e)), "a refused agent is not in the audit");
        }
    }
}

/// What is worth the audit.
fn told_of(why: Refused) -> Option<AgentRefusal> {
    match why {
        Refused::Token => Some(AgentRefusal::Token),
        Refused::Key => Some(AgentRefusal::Key),
        Refused::Revoked => Some(AgentRefusal::Revoked),
        Refused::Unknown => Some(AgentRefusal::Unknown),
        Refused::Flood => Some(AgentRefusal::Flood),
        // Agents have no word of their own for it.
        Refused::Other => Some(AgentRefusal::NoGreeting),
        Refused::Replaced | Refused::Busy => None,
    }
}

/// What was refused lately, and is in the audit.
#[derive(Debug, Default)]
struct Refusals(Mutex<BTreeMap<(IpAddr, AgentRefusal), Boot>>);

impl Refusals {
    fn is_new(&self, address: IpAddr, why: AgentRefusal, now: Boot) -> bool {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lately.retain(|_, at| now.0.saturating_sub(at.0) < AGAIN_MS);
        let new = lately.len() < REMEMBERED && !lately.contains_key(&(address, why));
        if new {
            lately.insert((address, why), now);
        }
        new
    }
}

/// Says something; whether it could be said.
pub(super) async fn say(socket: &mut Socket, message: &ToAgent) -> bool {
    let Ok(text) = agent::message::encode(message) else { return false };
    matches!(tokio::time::timeout(SEND, socket.send(Message::text(text))).await, Ok(Ok(())))
}

/// What was heard.
pub(super) enum Heard<M> {
    /// A message.
    Message(M),
    /// Something of the protocol's own.
    Nothing,
    /// No message, or one beyond its bounds.
    Rubbish,
    /// The end.
    End,
}

/// The next thing that is heard.
pub(super) async fn hear<M: for<'t> serde::Deserialize<'t>>(socket: &mut Socket) -> Heard<M> {
    match socket.next().await {
        Some(Ok(Message::Text(text))) => agent::message::decode(&text).map_or(Heard::Rubbish, Heard::Message),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Heard::Nothing,
        Some(Ok(Message::Binary(_) | Message::Frame(_))) => Heard::Rubbish,
        Some(Err(tokio_tungstenite::tungstenite::Error::Capacity(_))) => Heard::Rubbish,
        Some(Ok(Message::Close(_)) | Err(_)) | None => Heard::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_once_in_a_while() {
        let refusals = Refusals::default();
        let at = |n: u8| IpAddr::from([192, 168, 1, n]);
        assert!(refusals.is_new(at(1), AgentRefusal::Token, Boot(0)));
        assert!(!refusals.is_new(at(1), AgentRefusal::Token, Boot(AGAIN_MS - 1)));
        assert!(
            refusals.is_new(at(1), AgentRefusal::Key, Boot(5)) && refusals.is_new(at(2), AgentRefusal::Token, Boot(5))
        );
        assert!(refusals.is_new(at(1), AgentRefusal::Token, Boot(AGAIN_MS)));
        for n in 0..2 * REMEMBERED {
            let _ = refusals.is_new(
                IpAddr::from([10, 0, (n / 256) as u8, (n % 256) as u8]),
                AgentRefusal::Token,
                Boot(AGAIN_MS),
            );
        }
        assert!(refusals.0.lock().unwrap().len() <= REMEMBERED);
    }
}
