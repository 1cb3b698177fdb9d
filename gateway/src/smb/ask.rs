//! One connection to a file server: NEGOTIATE, the beginning of the answer, and good-bye.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Negotiated, Odd, length, parse, request};

/// A machine of the same office answers within milliseconds; one that has to spin its disks up still within this.
const CONNECT: Duration = Duration::from_millis(2_500);

/// So long the answer may take.
const ANSWER: Duration = Duration::from_millis(2_500);

/// How far it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// There is no way to that address from here, or nobody has it.
    NoRoute,
    /// Nobody answered in time.
    Silent,
    /// The machine is there, and nothing listens on that port.
    Refused,
    /// The port is open, and what came back was no answer of a file server.
    Odd(Odd),
    /// The port is open, and nothing came back.
    Mute,
}

/// Asks a file server for its version and its time.
///
/// # Errors
/// How far it got.
pub async fn ask(at: SocketAddr) -> Result<Negotiated, Failed> {
    let connected = timeout(CONNECT, TcpStream::connect(at)).await.map_err(|_| Failed::Silent)?;
    let mut stream = connected.map_err(|e| match e.kind() {
        io::ErrorKind::ConnectionRefused => Failed::Refused,
        io::ErrorKind::TimedOut => Failed::Silent,
        _ => Failed::NoRoute,
    })?;
    let answer = timeout(ANSWER, exchange(&mut stream)).await.unwrap_or(Ok(Err(Failed::Mute)));
    answer.unwrap_or(Err(Failed::Mute))
}

async fn exchange(stream: &mut TcpStream) -> io::Result<Result<Negotiated, Failed>> {
    let (mut guid, mut salt) = ([0; 16], [0; 32]);
    getrandom::fill(&mut guid).map_err(io::Error::other)?;
    getrandom::fill(&mut salt).map_err(io::Error::other)?;
    stream.write_all(&request(guid, salt)).await?;
    let mut frame = [0; 4];
    stream.read_exact(&mut frame).await?;
    let wanted = match length(frame) {
        Ok(wanted) => wanted,
        Err(odd) => return Ok(Err(Failed::Odd(odd))),
    };
    let mut answer = vec![0; wanted];
    stream.read_exact(&mut answer).await?;
    Ok(parse(&answer).map_err(Failed::Odd))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn told(bytes: &'static [u8]) -> Result<Negotiated, Failed> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 64];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(bytes).await;
        });
        ask(at).await
    }

    #[tokio::test]
    async fn what_is_no_file_server_is_told_apart() {
        assert_eq!(told(b"").await, Err(Failed::Mute));
        assert_eq!(told(b"HTTP/1.1 400 Bad Request\r\n\r\n").await, Err(Failed::Odd(Odd::Other)));
        assert_eq!(told(&[0; 64]).await, Err(Failed::Odd(Odd::Other)));
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(ask(closed).await, Err(Failed::Refused));
    }
}
