//! Floods from the internet: datagrams from senders that do not exist, at a rate, or as fast as it goes.
//!
//! Senders are of 198.18.0.0/15 (RFC 2544), which the internet routes nowhere: a flood from addresses of a link would
//! fill its neighbour table and be a fault of the test.

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, MMsgHdr, SendAncillaryBuffer, SendFlags, SocketType, connect, ipproto, sendmmsg, socket,
};

use crate::netns::Netns;

/// Datagrams in one system call.
const BATCH: usize = 32;
/// The generator wakes so often.
const TICK: Duration = Duration::from_millis(1);
/// IPv4 and UDP headers.
const HEADERS: usize = 28;

/// A flood under way.
#[derive(Debug)]
pub struct Flood {
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    began: Instant,
}

impl Flood {
    /// From the machine `internet` to `to`: the `messages` round and round, each from another sender; `rate` a second, or
    /// as fast as it goes.
    ///
    /// # Errors
    /// There is no raw socket.
    pub fn start(internet: &Netns, to: SocketAddrV4, messages: &[Vec<u8>], rate: Option<u64>) -> anyhow::Result<Self> {
        internet.ip("route replace blackhole 198.18.0.0/15")?;
        let raw = internet.within(|| {
            // of this protocol, the header is the sender's
            let raw = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::RAW)).context("raw socket")?;
            connect(&raw, &std::net::SocketAddr::V4(to)).context("towards the gateway")?;
            Ok(raw)
        })?;
        let (sent, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (Arc::clone(&sent), Arc::clone(&stop));
        let began = Instant::now();
        let mut packets: Vec<Vec<u8>> = messages.iter().map(|m| datagram(to, m)).collect();
        let thread = thread::Builder::new().name("flood".to_owned()).spawn(move || {
            let (mut number, mut next) = (0_u32, 0);
            while !end.load(Ordering::Relaxed) {
                let due =
                    rate.map_or(u64::MAX, |r| u64::try_from(began.elapsed().as_micros()).unwrap_or(0) * r / 1_000_000);
                let left = due.saturating_sub(count.load(Ordering::Relaxed));
                if left == 0 {
                    thread::sleep(TICK);
                    continue;
                }
                let n = usize::try_from(left).unwrap_or(BATCH).min(BATCH).min(packets.len() - next);
                let batch = &mut packets[next..next + n];
                for packet in &mut *batch {
                    number = number.wrapping_add(1);
                    disguise(packet, number);
                }
                let slices: Vec<[IoSlice<'_>; 1]> = batch.iter().map(|p| [IoSlice::new(p)]).collect();
                let mut controls: Vec<_> = slices.iter().map(|_| SendAncillaryBuffer::default()).collect();
                let mut headers: Vec<_> = slices.iter().zip(&mut controls).map(|(s, c)| MMsgHdr::new(s, c)).collect();
                match sendmmsg(&raw, &mut headers, SendFlags::empty()) {
                    Ok(n) => {
                        count.fetch_add(n as u64, Ordering::Relaxed);
                        next = (next + n) % packets.len();
                    }
                    Err(Errno::AGAIN | Errno::NOBUFS) => thread::yield_now(),
                    Err(_) => return,
                }
            }
        })?;
        Ok(Self { sent, stop, thread: Some(thread), began })
    }

    /// How many were sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sent a second, on average until now.
    #[must_use]
    pub fn rate(&self) -> u64 {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.sent() * 1000 / ms.max(1)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// IPv4 and UDP around a message. The kernel fills in length and checksum of IPv4; UDP may be without one (RFC 768).
fn datagram(to: SocketAddrV4, message: &[u8]) -> Vec<u8> {
    let mut p = vec![0; HEADERS];
    (p[0], p[8], p[9]) = (0x45, 64, 17);
    p[16..20].copy_from_slice(&to.ip().octets());
    p[22..24].copy_from_slice(&to.port().to_be_bytes());
    p[24..26].copy_from_slice(&u16::try_from(8 + message.len()).unwrap_or_default().to_be_bytes());
    p.extend_from_slice(message);
    p
}

/// Another sender, by a step that meets all addresses of the range before one comes again.
fn disguise(packet: &mut [u8], number: u32) {
    let [_, b, c, d] = (number.wrapping_mul(40_503) & 0x1_ffff).to_be_bytes();
    packet[12..16].copy_from_slice(&Ipv4Addr::new(198, 18 + b, c, d).octets());
    let port = 1024 + (number % 60_000);
    packet[20..22].copy_from_slice(&u16::try_from(port).unwrap_or(1024).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_sender_is_of_the_range_and_comes_once() {
        let mut packet = datagram(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 51820), b"word");
        let mut senders = HashSet::new();
        for number in 0..1 << 17 {
            disguise(&mut packet, number);
            assert!(packet[12] == 198 && packet[13] & 0xfe == 18, "{packet:?}");
            senders.insert(packet[12..16].to_vec());
        }
        assert_eq!(senders.len(), 1 << 17);
        assert_eq!((&packet[22..24], &packet[24..26], &packet[28..]), (&[0xca, 0x6c][..], &[0, 12][..], &b"word"[..]));
    }
}
