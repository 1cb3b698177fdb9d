//! Whether a PC answers: an X.224 request to its RDP port; and its hardware address, from the kernel's neighbour table.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use agent::bounded::Mac;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Answer;
use crate::detect::{Neighbour, neighbours};
use crate::http::resources::RDP;
use crate::pure::workstation::Probe;
use crate::pure::x224;

/// An answer on the office LAN takes milliseconds; while a PC is being woken nobody waits longer for it.
pub const QUICK: Duration = Duration::from_millis(1_500);

/// One that is on answers within milliseconds; packets do not wait longer for it.
pub const AT_ONCE: Duration = Duration::from_millis(300);

/// The kernel itself gives a neighbour up after three seconds.
pub const PATIENT: Duration = Duration::from_secs(4);

/// Asks a PC, for so long at most. That it is among the kernel's neighbours tells its hardware address and no more: many
/// adapters answer ARP while their PC sleeps.
pub async fn ask(address: IpAddr, within: Duration) -> Answer {
    let probe = match timeout(within, exchange((address, RDP).into())).await {
        Ok(Ok(true)) => Probe::Rdp,
        // It speaks, but no RDP.
        Ok(Ok(false)) => Probe::Network,
        // Refused, reset, or closed while it was asked: there is something.
        Ok(Err(e)) if speaks(&e) => Probe::Network,
        Ok(Err(_)) | Err(_) => Probe::Nothing,
    };
    let neighbour = tokio::task::spawn_blocking(move || heard(address)).await.unwrap_or_default();
    Answer { probe, mac: neighbour.map(|heard| Mac(heard.hardware)) }
}

fn speaks(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::ConnectionRefused | Kind::ConnectionReset | Kind::UnexpectedEof)
}

fn heard(address: IpAddr) -> Option<Neighbour> {
    match neighbours() {
        Ok(all) => all.into_iter().find(|neighbour| neighbour.address == address),
        Err(e) => {
            tracing::debug!(error = format!("{e:#}"), "the kernel's neighbours cannot be read");
            None
        }
    }
}

async fn exchange(at: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(&x224::REQUEST).await?;
    let mut answer = [0; x224::ENOUGH];
    stream.read_exact(&mut answer).await?;
    Ok(x224::confirms(&answer))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_port_that_speaks_otherwise_is_a_network_that_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            for answer in [&[3, 0, 0, 11, 6, 0xd0, 0, 0, 0, 0, 0][..], b"SSH-2.0-x\r\n", b""] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 19];
                stream.read_exact(&mut asked).await.unwrap();
                assert_eq!(asked, x224::REQUEST);
                stream.write_all(answer).await.unwrap();
            }
        });
        for wanted in [Some(true), Some(false), None] {
            let said = exchange(address).await;
            assert_eq!(said.as_ref().ok().copied(), wanted);
            assert!(said.as_ref().err().is_none_or(speaks), "{said:?}");
        }
        server.await.unwrap();
        // Nobody listens there any more.
        assert!(speaks(&exchange(address).await.unwrap_err()));
    }
}
