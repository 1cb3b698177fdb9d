//! A page of the portal's, as the browser and the component in it speak.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use ironrdp_rdcleanpath::RDCleanPathPdu;
use office::gateway::{NAME, Person};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::desktops::REQUEST;

pub(crate) type Shown = WebSocketStream<TlsStream<TcpStream>>;

/// Somebody's browser.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) at: SocketAddr,
    /// Its own address, where the machine has several.
    pub(crate) from: Option<IpAddr>,
    pub(crate) cookie: String,
    /// Which PC.
    pub(crate) pc: String,
    pub(crate) tls: Arc<ClientConfig>,
}

impl Page {
    async fn connect(&self) -> anyhow::Result<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        if let Some(from) = self.from {
            socket.bind((from, 0).into())?;
        }
        let stream = socket.connect(self.at).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(NAME)?;
        Ok(tokio_rustls::TlsConnector::from(self.tls.clone()).connect(name, stream).await?)
    }

    /// The head and the body of an answer.
    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<(String, Value)> {
        let mut stream = self.connect().await?;
        let (body, cookie) = (body.to_string(), &self.cookie);
        let request = format!(
            "POST /api/v1/{path} HTTP/1.1\r\nHost: {NAME}\r\nOrigin: https://{NAME}\r\nCookie: {cookie}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        // It is closed without a goodbye in TLS, perhaps.
        let _ = stream.read_to_string(&mut answer).await;
        let (head, rest) = answer.split_once("\r\n\r\n").context("an answer")?;
        let body = rest.find('{').and_then(|from| rest.get(from..=rest.rfind('}')?)).unwrap_or("null");
        Ok((head.to_owned(), serde_json::from_str(body).with_context(|| answer.clone())?))
    }

    /// Their door is open then, and the page knows the session.
    pub(crate) async fn sign_in(&mut self, person: &mut Person) -> anyhow::Result<()> {
        let code = person.authenticator.fresh_code()?;
        let body = json!({ "user": person.login, "password": person.password, "code": code });
        let (head, body) = self.post("sign-in", &body).await?;
        let found = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
        found.with_context(|| format!("no cookie: {head} {body}"))?.clone_into(&mut self.cookie);
        Ok(())
    }

    pub(crate) async fn ticket(&self) -> anyhow::Result<String> {
        let (_, body) = self.post(&format!("me/workstations/{}/desktop", self.pc), &json!({})).await?;
        Ok(body["ticket"].as_str().with_context(|| body.to_string())?.to_owned())
    }

    /// Until the PC has answered and shown its certificate.
    pub(crate) async fn open(&self, ticket: String) -> anyhow::Result<Shown> {
        let mut request = format!("wss://{NAME}/api/v1/me/desktop").into_client_request()?;
        for (name, value) in [("origin", format!("https://{NAME}")), ("cookie", self.cookie.clone())] {
            request.headers_mut().insert(name, value.parse()?);
        }
        let (mut shown, _) = tokio_tungstenite::client_async(request, self.connect().await?).await?;
        let asked = RDCleanPathPdu::new_request(REQUEST.to_vec(), "pc:3389".into(), ticket, None)
            .and_then(|pdu| pdu.to_der())
            .map_err(|e| anyhow::anyhow!("{e}"))?;
        shown.send(Message::binary(asked)).await?;
        let answer = hear(&mut shown).await?;
        let answer = RDCleanPathPdu::from_der(&answer).map_err(|e| anyhow::anyhow!("{e}"))?;
        ensure!(answer.error.is_none(), "{answer:?}");
        Ok(shown)
    }

    /// Does something with a desktop that is shown, and leaves it.
    pub(crate) fn run<T>(&self, does: impl AsyncFnOnce(&mut Shown) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut shown = self.open(self.ticket().await?).await?;
            let done = does(&mut shown).await?;
            let _ = shown.close(None).await;
            Ok(done)
        })
    }
}

pub(crate) async fn hear(shown: &mut Shown) -> anyhow::Result<Vec<u8>> {
    loop {
        match shown.next().await.context("the desktop ended")?? {
            Message::Binary(bytes) => return Ok(bytes.into()),
            Message::Close(end) => anyhow::bail!("closed: {end:?}"),
            _ => {}
        }
    }
}
