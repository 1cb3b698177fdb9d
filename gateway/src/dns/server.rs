//! The sockets: what arrives on the gateway's tunnel address or on the office LAN, and what goes back.
//!
//! hickory-server is left out on purpose: its catalogue wants authorities, owns the sockets, and knows neither a second
//! reader of the same socket (`net`, while this process is silent) nor answers rewritten on their way.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use hickory_proto::op::{Message, ResponseCode};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::answer::{Answer, Screened, answer, answer_office, reply, screen, udp_limit};
use super::forward::{Via, forward, write_framed};
use super::limit::Buckets;
use super::{MAX_QUERY, Side, View};
use crate::clock::Boot;
use crate::places::Places;

/// Queries that wait for a resolver at once, all clients together: a socket and some 5 kB each. No client has more of
/// them than are left for the others.
const MAX_IN_FLIGHT: usize = 512;

/// TCP connections at once, all clients together.
const MAX_STREAMS: usize = 256;

/// TCP connections of one client address: RFC 7766 §6.2.2 wants clients to be content with one.
const MAX_STREAMS_A_CLIENT: usize = 8;

/// How long a TCP connection may be silent (RFC 7766 §6.2.3: a few seconds).
const STREAM_IDLE: Duration = Duration::from_secs(10);

/// Pause after a socket error, so that one that stays does not turn into a busy loop.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// Bound sockets on the gateway's tunnel address, or on its address in the office; they need not be non-blocking yet.
#[derive(Debug, Default)]
pub struct Sockets {
    /// UDP, both families.
    pub udp: Vec<std::net::UdpSocket>,
    /// TCP listeners, both families.
    pub tcp: Vec<std::net::TcpListener>,
}

/// Answers until `stop` holds true or its sender is gone. Each query sees the view of its moment.
///
/// # Errors
/// A socket cannot be taken over by the runtime.
pub async fn run(
    sockets: Sockets,
    view: Arc<ArcSwap<View>>,
    side: Side,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let server =
        Arc::new(Server { view, side, buckets: Mutex::default(), asking: Arc::default(), streams: Arc::default() });
    // Dropping the set ends every loop, and with it what the loop had started.
    let mut loops = JoinSet::new();
    for socket in sockets.udp {
        socket.set_nonblocking(true).context("make DNS socket non-blocking")?;
        let socket = UdpSocket::from_std(socket).context("take over DNS socket")?;
        loops.spawn(datagrams(Arc::clone(&server), Arc::new(socket)));
    }
    for listener in sockets.tcp {
        listener.set_nonblocking(true).context("make DNS listener non-blocking")?;
        let listener = TcpListener::from_std(listener).context("take over DNS listener")?;
        loops.spawn(streams(Arc::clone(&server), listener));
    }
    // An error means that the sender is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
    Ok(())
}

struct Server {
    view: Arc<ArcSwap<View>>,
    side: Side,
    buckets: Mutex<Buckets>,
    /// Queries that wait for a resolver.
    asking: Arc<Places<IpAddr>>,
    /// TCP connections.
    streams: Arc<Places<IpAddr>>,
}

/// What is known of a query without asking anybody.
enum First {
    Silence,
    Reply(Message),
    Ask(Message),
}

impl Server {
    fn first(&self, bytes: &[u8], client: IpAddr) -> First {
        if !self.side.serves(client) {
            return First::Silence;
        }
        let within = self.buckets.lock().unwrap_or_else(PoisonError::into_inner).take(client, Boot::now());
        match screen(bytes) {
            Screened::Ignore => First::Silence,
            Screened::Refuse(refusal) => {
                if within {
                    First::Reply(refusal)
                } else {
                    First::Silence
                }
            }
            // Refused rather than dropped: the program at the other end fails at once instead of hanging.
            Screened::Query(query) if !within => First::Reply(reply(&query, ResponseCode::Refused)),
            Screened::Query(query) => match self.side {
                Side::Office(_) => First::Reply(answer_office(&query, &self.view.load())),
                Side::Tunnel => match answer(&query, &self.view.load()) {
                    Answer::Local(message) => First::Reply(message),
                    Answer::Forward => First::Ask(query),
                },
            },
        }
    }

    async fn ask(&self, query: &Message, via: Via, client: IpAddr) -> Vec<u8> {
        // Half of what is left: nobody takes it all.
        let Some(_asking) = self.asking.take(client, |mine, all| mine < MAX_IN_FLIGHT - all) else {
            return reply(query, ResponseCode::ServFail).to_vec().unwrap_or_default();
        };
        let view = self.view.load_full();
        forward(query, &view, via).await
    }
}

async fn datagrams(server: Arc<Server>, socket: Arc<UdpSocket>) {
    let mut asking = JoinSet::new();
    // One more than is looked at, so that a longer datagram is seen to be longer.
    let mut buffer = vec![0; MAX_QUERY + 1];
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            Some(_) = asking.join_next() => continue,
        };
        let (read, client) = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(%error, "receive DNS query");
                sleep(AFTER_ERROR).await;
                continue;
            }
        };
        match server.first(&buffer[..read], client.ip().to_canonical()) {
            First::Silence => {}
            First::Reply(message) => {
                // One question and at most one record: within 512 bytes, which every client takes.
                let _ = socket.send_to(&message.to_vec().unwrap_or_default(), client).await;
            }
            First::Ask(query) => {
                let (server, socket) = (Arc::clone(&server), Arc::clone(&socket));
                asking.spawn(async move {
                    let bytes = server.ask(&query, Via::Udp, client.ip().to_canonical()).await;
                    send(&socket, bytes, &query, client).await;
                });
            }
        }
    }
}

/// Sends an answer to `query` if it fits what the client takes, else an empty one that tells it to come by TCP.
async fn send(socket: &UdpSocket, bytes: Vec<u8>, query: &Message, client: SocketAddr) {
    let bytes = if bytes.len() <= udp_limit(query) {
        bytes
    } else {
        let mut short = reply(query, ResponseCode::NoError);
        short.metadata.truncation = true;
        short.to_vec().unwrap_or_default()
    };
    // The client may be gone; it asks again if it is not.
    let _ = socket.send_to(&bytes, client).await;
}

async fn streams(server: Arc<Server>, listener: TcpListener) {
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = open.join_next() => continue,
        };
        match accepted {
            Ok((stream, client)) => {
                let room = |mine, all| mine < MAX_STREAMS_A_CLIENT && all < MAX_STREAMS;
                if let Some(place) = server.streams.take(client.ip().to_canonical(), room) {
                    let server = Arc::clone(&server);
                    open.spawn(async move {
                        // However it ends, it has ended: a client that hangs up is no event.
                        let _ = stream_of(&server, stream, client.ip().to_canonical()).await;
                        drop(place);
                    });
                }
            }
            Err(error) => {
                tracing::warn!(%error, "accept DNS connection");
                sleep(AFTER_ERROR).await;
            }
        }
    }
}

/// Answers one connection's queries, in their order.
async fn stream_of(server: &Server, mut stream: TcpStream, client: IpAddr) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(512);
    while read_framed(&mut stream, &mut buffer).await? {
        let bytes = match server.first(&buffer, client) {
            First::Silence => return Ok(()),
            First::Reply(message) => message.to_vec().unwrap_or_default(),
            First::Ask(query) => server.ask(&query, Via::Tcp, client).await,
        };
        timeout(STREAM_IDLE, write_framed(&mut stream, &bytes)).await??;
    }
    Ok(())
}

/// One query; false at the end of the stream, or if it announces more than a query may be.
async fn read_framed(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<bool> {
    let read = async {
        let length = usize::from(stream.read_u16().await?);
        if length > MAX_QUERY {
            return Ok(false);
        }
        buffer.resize(length, 0);
        stream.read_exact(buffer).await.map(|_| true)
    };
    timeout(STREAM_IDLE, read).await?
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
