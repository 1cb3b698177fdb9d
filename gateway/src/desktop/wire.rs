//! Both sides of a desktop in the browser: what the page asks, and the bytes that pass, as they come. Of what the PC says
//! are looked at: the first bytes, until it lets somebody go on, and where its messages end, until the first picture.
//! Nothing else is read, and nothing is written down.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use ironrdp_rdcleanpath::{DetectionResult, RDCleanPath, RDCleanPathPdu};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};
use zeroize::{Zeroize as _, Zeroizing};

use super::browser::TAKES;
use super::end::End;
use crate::clock::Boot;
use crate::pure::tpkt::Beginning;
use crate::pure::x224::{self, REQUEST, Security};

/// Whoever is refused and does not listen is waited for no longer.
const LISTENS: Duration = Duration::from_secs(1);

/// No request of a page's is longer: a ticket, a name, and the first message of RDP.
const LONGEST: usize = 16 * 1024;

/// Room for what comes from the PC: a record of TLS.
const CHUNK: usize = 16 * 1024;

/// How often the browser is asked for a sign of life, and its round trip is measured.
const PING: Duration = Duration::from_secs(5);

/// What has passed.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) security: Security,
    /// The PC has let them go on.
    pub(super) signed_in: AtomicBool,
    pub(super) rx: AtomicU64,
    pub(super) tx: AtomicU64,
    /// In microseconds; nothing yet.
    pub(super) round_trip: AtomicU64,
    /// When the page last gave a sign of life.
    pub(super) heard: AtomicU64,
}

impl Passed {
    pub(super) fn by(security: Security) -> Self {
        let [rx, tx, round_trip] = [0; 3].map(AtomicU64::new);
        Self { security, signed_in: AtomicBool::new(false), rx, tx, round_trip, heard: AtomicU64::new(Boot::now().0) }
    }

    /// What it means that the PC's connection has ended.
    fn ended(&self, why: Option<&std::io::Error>) -> End {
        let gone = |e: &std::io::Error| matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::HostUnreachable);
        match self.signed_in.load(Ordering::Relaxed) {
            _ if why.is_some_and(gone) => End::Silent,
            true => End::ByPc,
            false => End::SignIn,
        }
    }
}

/// The ticket and the first message of RDP, as the page sends them.
pub(super) async fn asks<S>(socket: &mut WebSocketStream<S>) -> Option<(Zeroizing<String>, [u8; REQUEST.len()])>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut bytes = Vec::new();
    loop {
        match socket.next().await?.ok()? {
            Message::Binary(more) if bytes.len() + more.len() <= LONGEST => bytes.extend_from_slice(&more),
            Message::Ping(_) | Message::Pong(_) => continue,
            _ => return None,
        }
        match RDCleanPathPdu::detect(&bytes) {
            DetectionResult::Detected { total_length, .. } if total_length == bytes.len() => break,
            DetectionResult::Detected { total_length, .. } if total_length < bytes.len() => return None,
            DetectionResult::Detected { total_length, .. } if total_length > LONGEST => return None,
            DetectionResult::Failed => return None,
            DetectionResult::Detected { .. } | DetectionResult::NotEnoughBytes => {}
        }
    }
    let pdu = RDCleanPathPdu::from_der(&bytes).ok()?;
    bytes.zeroize();
    match pdu.into_enum().ok()? {
        RDCleanPath::Request { proxy_auth, preconnection_blob: None, x224_connection_request, .. } => {
            // Of what the page asks the PC, the protocols alone are passed on: the rest names people.
            Some((Zeroizing::new(proxy_auth), x224::bare(x224_connection_request.as_bytes())?))
        }
        _ => None,
    }
}

/// Ends when the page says something, or has gone.
pub(super) async fn speaks<S>(socket: &mut WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while matches!(socket.next().await, Some(Ok(Message::Ping(_) | Message::Pong(_)))) {}
}

/// Says no, in the component's words.
pub(super) async fn refuse<S>(mut socket: WebSocketStream<S>, status: u16)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let said = async {
        let pdu = RDCleanPathPdu::new_http_error(status).to_der().map_err(|_| ())?;
        socket.send(Message::binary(pdu)).await.map_err(|_| ())?;
        socket.close(None).await.map_err(|_| ())
    };
    // Whoever does not listen is not waited for.
    let _ = timeout(LISTENS, said).await;
}

/// Carries what the PC says, until it says no more, or nobody takes it.
pub(super) async fn to_page(
    page: &mut (impl Sink<Message, Error = tungstenite::Error> + Unpin),
    mut pc: ReadHalf<TlsStream<TcpStream>>,
    passed: &Passed,
) -> End {
    let mut bytes = BytesMut::new();
    let mut beginning = Beginning::default();
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        bytes.reserve(CHUNK);
        let came = tokio::select! {
            read = pc.read_buf(&mut bytes) => match read {
                // Few say goodbye in TLS.
                Ok(0) => return passed.ended(None),
                Err(e) => return passed.ended(Some(&e)),
                Ok(n) => {
                    if !passed.signed_in.load(Ordering::Relaxed) && x224::goes_on(&bytes) {
                        passed.signed_in.store(true, Ordering::Relaxed);
                    }
                    passed.tx.fetch_add(n as u64, Ordering::Relaxed);
                    Some(bytes.split().freeze())
                }
            },
            _ = ping.tick() => None,
        };
        let sent = async {
            let Some(mut rest) = came else {
                return page.send(Message::Ping(Bytes::copy_from_slice(&now().to_be_bytes()))).await;
            };
            while !rest.is_empty() {
                page.feed(Message::Binary(rest.split_to(beginning.cut(&rest)))).await?;
            }
            page.flush().await
        };
        if !matches!(timeout(TAKES, sent).await, Ok(Ok(()))) {
            return End::ByDevice;
        }
    }
}

/// Carries what the page says, until it has gone, or the PC takes nothing.
pub(super) async fn to_the_pc(
    mut page: impl Stream<Item = Result<Message, tungstenite::Error>> + Unpin,
    mut pc: WriteHalf<TlsStream<TcpStream>>,
    passed: &Passed,
) -> End {
    loop {
        let message = page.next().await;
        passed.heard.store(Boot::now().0, Ordering::Relaxed);
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                let written = async {
                    pc.write_all(&bytes).await?;
                    pc.flush().await
                };
                match timeout(TAKES, written).await {
                    Ok(Ok(())) => {}
                    Ok(Err(e)) => return passed.ended(Some(&e)),
                    Err(_) => return End::Silent,
                }
                passed.rx.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            Some(Ok(Message::Pong(sent))) => {
                if let Ok(sent) = <[u8; 8]>::try_from(&sent[..]) {
                    let took = now().saturating_sub(u64::from_be_bytes(sent)).max(1);
                    passed.round_trip.store(took, Ordering::Relaxed);
                }
            }
            Some(Ok(Message::Ping(_))) => {}
            Some(Ok(Message::Text(_) | Message::Close(_) | Message::Frame(_)) | Err(_)) | None => return End::ByDevice,
        }
    }
}

/// Microseconds, on a clock that never goes back.
fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000);
    u64::try_from(micros).unwrap_or(0)
}
