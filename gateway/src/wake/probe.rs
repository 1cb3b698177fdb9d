//! Whether a PC answers: an X.224 request to its RDP port, and what the kernel's neighbour table says when that fails.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use agent::bounded::Mac;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Answer;
use crate::http::resources::RDP;
use crate::pure::workstation::Probe;
use crate::pure::x224;

/// An answer on the office LAN takes milliseconds; while a PC is being woken nobody waits longer for it.
pub const QUICK: Duration = Duration::from_millis(1_500);

/// The kernel itself gives a neighbour up after three seconds.
pub const PATIENT: Duration = Duration::from_secs(4);

/// The kernel's IPv4 neighbours, one a line.
const NEIGHBOURS: &str = "/proc/net/arp";

/// ATF_COM: the entry is complete (linux/if_arp.h).
const COMPLETE: u32 = 0x2;

/// Asks a PC, for so long at most.
pub async fn ask(address: IpAddr, within: Duration) -> Answer {
    let probe = match timeout(within, exchange(address)).await {
        Ok(Ok(true)) => Probe::Rdp,
        // It speaks, but no RDP.
        Ok(Ok(false)) => Probe::Network,
        Ok(Err(e)) if e.kind() == io::ErrorKind::ConnectionRefused => Probe::Network,
        // Reset, or closed while it was asked: there is something.
        Ok(Err(e)) if matches!(e.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => {
            Probe::Network
        }
        Ok(Err(_)) | Err(_) => Probe::Nothing,
    };
    let mac = neighbour(address);
    // A firewall that drops what it does not like leaves its host in the table all the same.
    let probe = if probe == Probe::Nothing && mac.is_some() { Probe::Network } else { probe };
    Answer { probe, mac }
}

async fn exchange(address: IpAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(SocketAddr::new(address, RDP)).await?;
    stream.write_all(&x224::REQUEST).await?;
    let mut answer = [0; x224::ENOUGH];
    stream.read_exact(&mut answer).await?;
    Ok(x224::confirms(&answer))
}

/// The hardware address of a neighbour that has been heard of late.
fn neighbour(address: IpAddr) -> Option<Mac> {
    let IpAddr::V4(address) = address else { return None };
    // A machine without the file has no IPv4 neighbours.
    found(&std::fs::read_to_string(NEIGHBOURS).unwrap_or_default(), address)
}

/// `192.168.1.20  0x1  0x2  3c:52:82:11:22:33  *  lan0`.
fn found(table: &str, address: Ipv4Addr) -> Option<Mac> {
    table.lines().skip(1).find_map(|line| {
        let mut words = line.split_whitespace();
        let (ip, _, flags, mac) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let flags = u32::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
        let mac: Mac = mac.parse().ok()?;
        (ip.parse() == Ok(address) && flags & COMPLETE != 0 && mac.is_of_one()).then_some(mac)
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const TABLE: &str = "\
IP address       HW type     Flags       HW address            Mask     Device
192.168.1.20     0x1         0x2         3c:52:82:11:22:33     *        lan0
192.168.1.21     0x1         0x0         00:00:00:00:00:00     *        lan0
192.168.1.22     0x1         0x6         3c:52:82:11:22:34     *        lan0
";

    #[test]
    fn neighbours_are_those_that_were_heard() {
        let at = |n| found(TABLE, Ipv4Addr::new(192, 168, 1, n)).map(|mac| mac.0[5]);
        assert_eq!([at(20), at(21), at(22), at(23)], [Some(0x33), None, Some(0x34), None]);
        for rubbish in ["", "x", "a\nb c\n", "x\n192.168.1.20 0x1 zz q * lan0"] {
            assert_eq!(found(rubbish, Ipv4Addr::new(192, 168, 1, 20)), None, "{rubbish}");
        }
    }

    #[tokio::test]
    async fn a_port_that_speaks_otherwise_is_a_network_that_answers() {
        // RDP's own port is fixed: what is tried here is the exchange behind it.
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
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&x224::REQUEST).await.unwrap();
            let mut answer = [0; x224::ENOUGH];
            let read = stream.read_exact(&mut answer).await.map(|_| x224::confirms(&answer));
            assert_eq!(read.ok(), wanted);
        }
        server.await.unwrap();
    }
}
