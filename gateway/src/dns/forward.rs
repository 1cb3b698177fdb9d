//! One query to the resolvers and back, over the transport it came by.
//!
//! Each try has a random id and, for UDP, a socket and so a random port of its own; an answer counts only from the
//! address that was asked, with that id and that question. Only the question and the EDNS flags travel on: options
//! (cookies, client subnet) are between two neighbours (RFC 6891 §6.1.1).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::answer::reply;
use super::rewrite::{Outcome, rewrite};
use super::{MAX_UDP_ANSWER, View};

/// How long one resolver is waited for: stub resolvers give up after 5 s, so a second one still has a chance.
pub(crate) const PER_TRY: Duration = Duration::from_secs(2);

/// Resolvers asked for one query: more would answer after the client has gone.
pub(crate) const MAX_TRIES: usize = 3;

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

/// The query as it goes to a resolver.
pub(crate) fn upstream(query: &Message, id: u16) -> Option<Vec<u8>> {
    let mut asked = Message::new(id, query.message_type, query.op_code);
    asked.metadata.recursion_desired = query.recursion_desired;
    asked.metadata.authentic_data = query.authentic_data;
    asked.metadata.checking_disabled = query.checking_disabled;
    asked.add_queries(query.queries.iter().cloned());
    if let Some(client) = &query.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(client.max_payload().clamp(512, MAX_UDP_ANSWER));
        edns.set_dnssec_ok(client.flags().dnssec_ok);
        asked.set_edns(edns);
    }
    asked.to_vec().ok()
}

/// The answer, if these bytes are one to `query` as it was asked under `id`.
pub(crate) fn accept(bytes: &[u8], id: u16, query: &Message) -> Option<Message> {
    // The number of questions is looked at first: the parser allocates by it.
    let [id0, id1, flags, _, 0, 1, ..] = *bytes else { return None };
    if u16::from_be_bytes([id0, id1]) != id || flags & 0x80 == 0 {
        return None;
    }
    let message = Message::from_vec(bytes).ok()?;
    (message.op_code == query.op_code && same_question(message.queries.first()?, query.queries.first()?))
        .then_some(message)
}

fn same_question(a: &Query, b: &Query) -> bool {
    a.name() == b.name() && a.query_type() == b.query_type() && a.query_class() == b.query_class()
}

fn finish(query: &Message, mut bytes: Vec<u8>, message: Message, view: &View) -> Option<Vec<u8>> {
    match rewrite(message, view) {
        Outcome::Unchanged => {
            bytes.get_mut(..2)?.copy_from_slice(&query.id.to_be_bytes());
            Some(bytes)
        }
        Outcome::Rewritten(mut message) => {
            message.metadata.id = query.id;
            message.to_vec().ok()
        }
    }
}

async fn exchange(query: &Message, resolver: SocketAddr, via: Via) -> std::io::Result<Option<(Vec<u8>, Message)>> {
    let [id0, id1, ..] = getrandom::u32().map_err(std::io::Error::other)?.to_be_bytes();
    let id = u16::from_be_bytes([id0, id1]);
    let Some(asked) = upstream(query, id) else { return Ok(None) };
    match via {
        Via::Udp => udp(&asked, id, query, resolver).await.map(Some),
        Via::Tcp => tcp(&asked, id, query, resolver).await,
    }
}

async fn udp(
    asked: &[u8],
    id: u16,
    query: &Message,
    resolver: SocketAddr,
) -> std::io::Result<(Vec<u8>, Message)> {
    let any: SocketAddr =
        if resolver.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    // Connected: the kernel drops what any other address sends, and reports a closed port at once.
    socket.connect(resolver).await?;
    socket.send(asked).await?;
    // Twice what was offered: some resolvers take the offer lightly. Longer ones do not parse and are passed over.
    let mut buffer = vec![0; 2 * usize::from(MAX_UDP_ANSWER)];
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
