//! A peer that speaks WireGuard message by message, for what no client's program can be made to do: to scan through the
//! tunnel at full speed, to time one handshake, to say an old thing again. The noise is boringtun's.

use std::io::{ErrorKind, IoSlice};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};
use rustix::io::Errno;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use socket2::SockRef;

use crate::config_text::TunnelConfig;
use crate::netns::Netns;

/// Largest datagram.
const LARGEST: usize = 2048;
/// Answers that wait to be read.
const BUFFER: usize = 4 << 20;
/// Datagrams in one system call.
const BATCH: usize = 64;
/// A handshake that is not answered is begun again (WireGuard paper §6.1, REKEY_TIMEOUT).
const REKEY_TIMEOUT: Duration = Duration::from_secs(5);

/// One peer and its socket.
pub struct Speaker {
    tunn: Tunn,
    keys: Keys,
    /// Whose other side is the gateway.
    pub socket: UdpSocket,
    /// Its addresses in the tunnel.
    pub addresses: Vec<IpAddr>,
}

#[derive(Clone)]
struct Keys {
    private: StaticSecret,
    gateway: PublicKey,
    preshared: Option<[u8; 32]>,
}

impl std::fmt::Debug for Speaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Speaker({:?})", self.socket)
    }
}

fn key(text: &str) -> anyhow::Result<[u8; 32]> {
    let bytes = STANDARD.decode(text).context("a key in base64")?;
    bytes.try_into().ok().context("a key of 32 bytes")
}

impl Speaker {
    /// A peer with the keys of a configuration as it is issued, on a machine.
    ///
    /// # Errors
    /// The configuration lacks a key, or the gateway is not reached.
    pub fn new(ns: &Netns, text: &str) -> anyhow::Result<Self> {
        let config = TunnelConfig::parse(text)?;
        let line = |name: &str| {
            config.wg.lines().find_map(|l| l.split_once('=').filter(|(k, _)| k.trim() == name)).map(|(_, v)| v.trim())
        };
        let preshared = line("PresharedKey").map(key).transpose()?;
        let keys = Keys {
            private: StaticSecret::from(key(line("PrivateKey").context("private key")?)?),
            gateway: PublicKey::from(key(line("PublicKey").context("public key")?)?),
            preshared,
        };
        let addresses = config.addresses.iter().map(|a| a.split('/').next().unwrap_or_default().parse());
        let gateway = line("Endpoint").context("an endpoint")?.parse()?;
        let tunn = keys.tunn();
        Ok(Self { tunn, socket: socket(ns, gateway)?, addresses: addresses.collect::<Result<_, _>>()?, keys })
    }

    /// The same peer, started anew: it remembers nothing but its keys.
    ///
    /// # Errors
    /// There is no socket.
    pub fn restarted(&self, ns: &Netns) -> anyhow::Result<Self> {
        let socket = socket(ns, self.socket.peer_addr()?)?;
        Ok(Self { tunn: self.keys.tunn(), keys: self.keys.clone(), socket, addresses: self.addresses.clone() })
    }

    /// From now on it speaks from another port of a machine.
    ///
    /// # Errors
    /// There is no socket.
    pub fn roam(&mut self, ns: &Netns) -> anyhow::Result<()> {
        self.socket = socket(ns, self.socket.peer_addr()?)?;
        Ok(())
    }

    /// Knows no preshared key any more.
    pub fn forget_preshared_key(&mut self) {
        self.keys.preshared = None;
        self.tunn = self.keys.tunn();
    }

    /// Takes the gateway's key for another, or its own for another.
    pub fn mistake(&mut self, gateways: bool) {
        let other = StaticSecret::from([0x42; 32]);
        if gateways {
            self.keys.gateway = PublicKey::from(&other);
        } else {
            self.keys.private = other;
        }
        self.tunn = self.keys.tunn();
    }

    /// Its next handshake initiation. Not sent.
    ///
    /// # Errors
    /// None is due.
    pub fn initiation(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut out = [0; 256];
        match self.tunn.format_handshake_initiation(&mut out, true) {
            TunnResult::WriteToNetwork(message) => Ok(message.to_vec()),
            other => bail!("no initiation: {other:?}"),
        }
    }

    /// Shakes hands as the paper says: begins again after five seconds, with the cookie if it got one. Says how long the
    /// answer took; nothing if there was none.
    ///
    /// # Errors
    /// The socket failed.
    pub fn handshake(&mut self, limit: Duration) -> anyhow::Result<Option<Duration>> {
        let began = Instant::now();
        while began.elapsed() < limit {
            let message = self.initiation()?;
            self.socket.send(&message).context("send the initiation")?;
            let until = (Instant::now() + REKEY_TIMEOUT).min(began + limit);
            while let Some(answer) = self.datagram(until.saturating_duration_since(Instant::now()))? {
                let mut out = [0; LARGEST];
                if let TunnResult::WriteToNetwork(keepalive) = self.tunn.decapsulate(None, &answer, &mut out) {
                    let took = began.elapsed();
                    self.socket.send(keepalive)?;
                    return Ok(Some(took));
                }
            }
        }
        Ok(None)
    }

    /// Takes a cookie reply, or whatever came, and says nothing.
    pub fn take(&mut self, message: &[u8]) {
        let _ = self.tunn.decapsulate(None, message, &mut [0; LARGEST]);
    }

    /// One packet, encrypted. Not sent.
    ///
    /// # Errors
    /// There is no session.
    pub fn seal(&mut self, packet: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut out = [0; LARGEST];
        match self.tunn.encapsulate(packet, &mut out) {
            TunnResult::WriteToNetwork(message) if message[0] == 4 => Ok(message.to_vec()),
            other => bail!("not sealed: {other:?}"),
        }
    }

    /// Sends messages as they are, as fast as the socket takes them.
    ///
    /// # Errors
    /// The socket failed.
    pub fn send(&self, messages: &[Vec<u8>]) -> anyhow::Result<()> {
        let mut rest = messages;
        while !rest.is_empty() {
            let batch = &rest[..rest.len().min(BATCH)];
            let slices: Vec<[IoSlice<'_>; 1]> = batch.iter().map(|m| [IoSlice::new(m)]).collect();
            let mut controls: Vec<_> = slices.iter().map(|_| SendAncillaryBuffer::default()).collect();
            let mut headers: Vec<_> = slices.iter().zip(&mut controls).map(|(s, c)| MMsgHdr::new(s, c)).collect();
            match sendmmsg(&self.socket, &mut headers, SendFlags::empty()) {
                Ok(sent) => rest = &rest[sent..],
                Err(Errno::AGAIN | Errno::NOBUFS) => std::thread::yield_now(),
                Err(e) => return Err(e).context("send"),
            }
        }
        Ok(())
    }

    /// The next datagram from the gateway.
    ///
    /// # Errors
    /// The socket failed.
    pub fn datagram(&self, limit: Duration) -> anyhow::Result<Option<Vec<u8>>> {
        let mut bytes = [0; LARGEST];
        self.socket.set_read_timeout(Some(limit.max(Duration::from_millis(1))))?;
        match self.socket.recv(&mut bytes) {
            Ok(n) => Ok(Some(bytes[..n].to_vec())),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(e) => Err(e).context("receive"),
        }
    }

    /// The next packet out of the tunnel.
    ///
    /// # Errors
    /// The socket failed, or the gateway sent what does not belong to the session.
    pub fn packet(&mut self, limit: Duration) -> anyhow::Result<Option<Vec<u8>>> {
        let until = Instant::now() + limit;
        while let Some(message) = self.datagram(until.saturating_duration_since(Instant::now()))? {
            let mut out = [0; LARGEST];
            match self.tunn.decapsulate(None, &message, &mut out) {
                TunnResult::WriteToTunnelV4(packet, _) | TunnResult::WriteToTunnelV6(packet, _) => {
                    return Ok(Some(packet.to_vec()));
                }
                TunnResult::Err(e) => bail!("a message that is not for us: {e:?}"),
                _ => {}
            }
        }
        Ok(None)
    }
}

impl Keys {
    fn tunn(&self) -> Tunn {
        Tunn::new(self.private.clone(), self.gateway, self.preshared, None, 1, None)
    }
}

fn socket(ns: &Netns, gateway: SocketAddr) -> anyhow::Result<UdpSocket> {
    ns.within(|| {
        let any: SocketAddr = if gateway.is_ipv4() { "0.0.0.0:0".parse()? } else { "[::]:0".parse()? };
        let socket = UdpSocket::bind(any)?;
        SockRef::from(&socket).set_recv_buffer_size(BUFFER)?;
        socket.connect(gateway).context("towards the gateway")?;
        ensure!(socket.local_addr()?.port() > 0);
        Ok(socket)
    })
}
