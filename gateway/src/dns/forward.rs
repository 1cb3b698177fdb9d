//! One query to the resolvers and back, over the transport it came by.
//!
//! Each try has a random id and, for UDP, a socket and so a random port of its own; an answer counts only from the
//! address that was asked, with that id and that question.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_proto::op::{Message, ResponseCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::View;
use super::answer::reply;
use super::rewrite::{Outcome, rewrite};
use super::upstream::{ANSWER_BUFFER, MAX_TRIES, PER_TRY, accept, ask, random_id, readdress};

/// By which transport a query came and goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    Udp,
    Tcp,
}

/// Asks the view's resolvers in turn; what comes back is rewritten and bears the client's id. SERVFAIL if none has an
/// answer that can be read.
pub(crate) async fn forward(query: &Message, view: &View, via: Via) -> Vec<u8> {
    let mut failed = None;
    for resolver in view.resolvers.iter().take(MAX_TRIES) {
        // A resolver that cannot be reached, or is too slow, is passed over; which one it was is the operator's
        // business (`doctor`), what was asked is nobody's.
        let Ok(Some((bytes, message))) = timeout(PER_TRY, exchange(query, *resolver, via)).await.unwrap_or(Ok(None))
        else {
            continue;
        };
        let code = message.response_code;
        let Some(answer) = finish(query, bytes, message, view) else { continue };
        if !matches!(code, ResponseCode::ServFail | ResponseCode::Refused) {
            return answer;
        }
        failed.get_or_insert(answer);
    }
    failed.or_else(|| reply(query, ResponseCode::ServFail).to_vec().ok()).unwrap_or_default()
}

fn finish(query: &Message, bytes: Vec<u8>, message: Message, view: &View) -> Option<Vec<u8>> {
    match rewrite(message, view) {
        Outcome::Unchanged => readdress(bytes, query.id),
        Outcome::Rewritten(mut message) => {
            message.metadata.id = query.id;
            message.to_vec().ok()
        }
    }
}

/// One question to one resolver; nothing if what came back is no answer to it.
pub(super) async fn exchange(
    query: &Message,
    resolver: SocketAddr,
    via: Via,
) -> std::io::Result<Option<(Vec<u8>, Message)>> {
    let id = random_id()?;
    let Some(asked) = ask(query, id) else { return Ok(None) };
    match via {
        Via::Udp => udp(&asked, id, query, resolver).await.map(Some),
        Via::Tcp => tcp(&asked, id, query, resolver).await,
    }
}

async fn udp(asked: &[u8], id: u16, query: &Message, resolver: SocketAddr) -> std::io::Result<(Vec<u8>, Message)> {
    let any: SocketAddr =
        if resolver.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    // Connected: the kernel drops what any other address sends, and reports a closed port at once.
    socket.connect(resolver).await?;
    socket.send(asked).await?;
    let mut buffer = vec![0; ANSWER_BUFFER];
    loop {
        let read = socket.recv(&mut buffer).await?;
        if let Some(message) = accept(&buffer[..read], id, query) {
            buffer.truncate(read);
            return Ok((buffer, message));
        }
    }
}

async fn tcp(
    asked: &[u8],
    id: u16,
    query: &Message,
    resolver: SocketAddr,
) -> std::io::Result<Option<(Vec<u8>, Message)>> {
    let mut stream = TcpStream::connect(resolver).await?;
    write_framed(&mut stream, asked).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await?;
    Ok(accept(&buffer, id, query).map(|message| (buffer, message)))
}

/// A message behind its length (RFC 1035 §4.2.2), in one write (RFC 7766 §8).
pub(crate) async fn write_framed(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
    let length = u16::try_from(message.len()).map_err(std::io::Error::other)?;
    let framed = [&length.to_be_bytes(), message].concat();
    stream.write_all(&framed).await
}
