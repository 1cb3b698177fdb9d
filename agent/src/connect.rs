//! One connection to the gateway: TCP, TLS, WebSocket, and messages on it. All of it is bounded in length and time.

use std::sync::Arc;
use std::time::Duration;

use agent::message::{self, FromAgent, ToAgent};
use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Bytes, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::config::Gateway;
use crate::trust;

/// Where gateways hear agents.
const PATH: &str = "/agent/v1";

/// For name, TCP, TLS and WebSocket together: a gateway on the same network takes a fraction of a second.
const OPENING: Duration = Duration::from_secs(15);

/// For one message to be taken by the system: its buffers hold many, so a gateway that reads nothing is gone.
const SAYING: Duration = Duration::from_secs(10);

/// For the gateway to end a connection that we end.
const CLOSING: Duration = Duration::from_secs(2);

/// Bytes that are read at once. Most messages are shorter.
const READ: usize = 4 * 1024;

/// Bytes that wait to be sent at most: two of the longest messages.
const WRITE: usize = 2 * message::LONGEST + 1024;

/// A connection.
pub(crate) struct Connection(WebSocketStream<TlsStream<TcpStream>>);

/// What came.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message.
    Said(ToAgent),
    /// The answer to [`Connection::ping`].
    Pong,
    /// What WebSocket needs for itself.
    Nothing,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(gateway: &Gateway, tls: ClientConfig) -> anyhow::Result<Self> {
        let opened = timeout(OPENING, Self::shake_hands(gateway, tls)).await;
        opened.map_err(|_| anyhow::anyhow!(unreached(gateway, std::io::ErrorKind::TimedOut)))?
    }

    async fn shake_hands(gateway: &Gateway, tls: ClientConfig) -> anyhow::Result<Self> {
        let tcp = TcpStream::connect((gateway.host.as_str(), gateway.port)).await;
        let tcp = tcp.map_err(|e| {
            let told = unreached(gateway, e.kind());
            anyhow::Error::new(e).context(told)
        })?;
        tcp.set_nodelay(true).context("TCP_NODELAY")?;
        let name = ServerName::try_from(gateway.host.clone()).context("the gateway's name")?;
        let tls = TlsConnector::from(Arc::new(tls)).connect(name, tcp).await.map_err(|e| explained(&e))?;
        let request = format!("wss://{gateway}{PATH}").into_client_request().context("the gateway's name")?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE)
            .max_message_size(Some(message::LONGEST))
            .max_frame_size(Some(message::LONGEST));
        let (socket, _) = client_async_with_config(request, tls, Some(config)).await.map_err(spoken)?;
        Ok(Self(socket))
    }

    /// Says something.
    pub(crate) async fn say(&mut self, message: &FromAgent) -> anyhow::Result<()> {
        let text = message::encode(message).context("say a message")?;
        self.send(Message::text(text)).await
    }

    /// Asks whether the gateway is still there.
    pub(crate) async fn ping(&mut self) -> anyhow::Result<()> {
        self.send(Message::Ping(Bytes::new())).await
    }

    async fn send(&mut self, message: Message) -> anyhow::Result<()> {
        timeout(SAYING, self.0.send(message)).await.context("the gateway takes no message")?.map_err(spoken)
    }

    /// Waits for something to come. May be dropped and called again without losing anything.
    pub(crate) async fn hear(&mut self) -> anyhow::Result<Heard> {
        match self.0.next().await.context("the gateway has ended the connection")?.map_err(spoken)? {
            Message::Text(text) => {
                message::decode(&text).map(Heard::Said).context("the gateway says what is no message")
            }
            Message::Binary(_) => anyhow::bail!("the gateway says what is no message: binary data"),
            Message::Pong(_) => Ok(Heard::Pong),
            Message::Close(_) => anyhow::bail!("the gateway has ended the connection"),
            Message::Ping(_) | Message::Frame(_) => Ok(Heard::Nothing),
        }
    }

    /// Ends it. What was said before has arrived when the gateway ends it too; it is not waited for longer than [`CLOSING`].
    pub(crate) async fn close(mut self) {
        let end = async {
            if self.0.close(None).await.is_ok() {
                while let Some(Ok(_)) = self.0.next().await {}
            }
        };
        let _ = timeout(CLOSING, end).await;
    }
}

/// Nobody answers there, and what to look at.
fn unreached(gateway: &Gateway, kind: std::io::ErrorKind) -> String {
    let look = match kind {
        std::io::ErrorKind::ConnectionRefused => {
            "nothing hears agents there; is the gateway running, with an address on the office LAN"
        }
        std::io::ErrorKind::TimedOut | std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::NetworkUnreachable => {
            "it does not answer; is this PC on the office LAN, and is the port open to it"
        }
        _ => "it is not found; is its address or name right",
    };
    format!("connect to {gateway}: {look}?")
}

/// A failure of WebSocket, which may be one of TLS.
fn spoken(e: tungstenite::Error) -> anyhow::Error {
    match e {
        tungstenite::Error::Io(e) => explained(&e),
        tungstenite::Error::Http(answer) => {
            anyhow::anyhow!("what answers there is not a gateway that hears agents (HTTP {})", answer.status().as_u16())
        }
        e => anyhow::Error::new(e).context("the gateway cannot be understood"),
    }
}

/// A failure of a socket, which may be one of TLS.
fn explained(e: &std::io::Error) -> anyhow::Error {
    match e.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => anyhow::anyhow!(trust::sentence(tls)),
        None => anyhow::anyhow!("the connection to the gateway broke: {e}"),
    }
}
