//! The UDP side: one dual-stack socket a port, GSO out and GRO in by `quinn-udp`.
//!
//! Outer packets may be fragmented on the way (DF is never set): a path of any MTU carries the tunnel.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, SockRef, Socket as Socket2, Type};

/// Receive and send buffer of a socket, bytes: 8 MiB hold 45 ms at 1.5 Gbit/s, and a burst of handshakes.
const BUFFER: usize = 8 << 20;

/// Where a peer is, and by which of our sockets it reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address; IPv4 as IPv4-mapped on a dual-stack socket.
    pub remote: SocketAddr,
    /// The address of ours that it sent to.
    pub local: Option<IpAddr>,
    /// Number of the socket.
    pub socket: usize,
}

/// One bound socket.
#[derive(Debug)]
pub struct Socket {
    inner: std::net::UdpSocket,
    state: UdpSocketState,
    v4_only: bool,
}

impl Socket {
    /// Binds `port` on all addresses, IPv4 and IPv6; IPv4 alone where the kernel has no IPv6.
    ///
    /// # Errors
    /// The port is taken, or it is below 1024 and we may not.
    pub fn bind(port: u16) -> io::Result<Self> {
        let v6 = Socket2::new(Domain::IPV6, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP));
        let (socket, v4_only) = match v6 {
            Ok(socket) => {
                socket.set_only_v6(false)?;
                socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
                (socket, false)
            }
            Err(e) if e.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
                let socket = Socket2::new(Domain::IPV4, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
                socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
                (socket, true)
            }
            Err(e) => return Err(e),
        };
        Self::configure(socket, v4_only)
    }

    /// Takes a socket that was bound for us (systemd's socket activation).
    ///
    /// # Errors
    /// It is not a UDP socket.
    pub fn adopt(fd: OwnedFd) -> io::Result<Self> {
        let socket = Socket2::from(fd);
        let v4_only = socket.local_addr()?.is_ipv4();
        Self::configure(socket, v4_only)
    }

    /// The port it is bound to.
    ///
    /// # Errors
    /// The socket is not bound.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.inner.local_addr()?.port())
    }

    fn configure(socket: Socket2, v4_only: bool) -> io::Result<Self> {
        let (reference, size) = (SockRef::from(&socket), libc::c_int::try_from(BUFFER).unwrap_or(libc::c_int::MAX));
        // Whatever `net.core.rmem_max` says: a twentieth of it is full after ten milliseconds of a flood.
        if set_option(&reference, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, size).is_err() {
            let _ = socket.set_recv_buffer_size(BUFFER);
        }
        if set_option(&reference, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, size).is_err() {
            let _ = socket.set_send_buffer_size(BUFFER);
        }
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        allow_fragments(&socket, v4_only)?;
        if state.gro_segments() == 1 || state.max_gso_segments() == 1 {
            tracing::info!("this kernel has no UDP GSO or GRO: WireGuard packets go one by one");
        }
        Ok(Self { inner: socket.into(), state, v4_only })
    }

    /// The form in which an address is given to this socket.
    #[must_use]
    pub fn remote(&self, address: SocketAddr) -> SocketAddr {
        match (address, self.v4_only) {
            (SocketAddr::V4(a), false) => SocketAddr::from((a.ip().to_ipv6_mapped(), a.port())),
            _ => address,
        }
    }

    /// Receives trains of datagrams; how many buffers were filled.
    ///
    /// # Errors
    /// `WouldBlock` when there are none.
    pub fn receive(&self, buffers: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> io::Result<usize> {
        self.state.recv(UdpSockRef::from(&self.inner), buffers, metas)
    }

    /// Sends datagrams of `stride` bytes each (the last may be shorter), as one train where the kernel can.
    /// What cannot be sent is lost, as on any wire.
    pub fn send(&self, to: &Endpoint, datagrams: &[u8], stride: usize) {
        let train = stride < datagrams.len() && self.state.max_gso_segments() > 1;
        if train && self.transmit(to, datagrams, Some(stride)).is_ok() {
            return;
        }
        for one in datagrams.chunks(stride.max(1)) {
            if let Err(e) = self.transmit(to, one, None) {
                tracing::trace!(error = %e, "datagram not sent");
            }
        }
    }

    fn transmit(&self, to: &Endpoint, contents: &[u8], segment_size: Option<usize>) -> io::Result<()> {
        let transmit = Transmit { destination: to.remote, ecn: None, contents, segment_size, src_ip: to.local };
        match self.state.try_send(UdpSockRef::from(&self.inner), &transmit) {
            // our own address is gone (the office has a new one): let the kernel choose
            Err(e) if to.local.is_some() && e.kind() != io::ErrorKind::WouldBlock => {
                self.state.try_send(UdpSockRef::from(&self.inner), &Transmit { src_ip: None, ..transmit })
            }
            other => other,
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// `quinn-udp` forbids fragments, for QUIC; a tunnel must allow them (DESIGN 3.1).
fn allow_fragments(socket: &Socket2, v4_only: bool) -> io::Result<()> {
    let reference = SockRef::from(socket);
    set_option(&reference, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT)?;
    if !v4_only {
        set_option(&reference, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT)?;
        set_option(&reference, libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG, 0)?;
    }
    Ok(())
}

#[allow(unsafe_code)]
fn set_option(socket: &SockRef<'_>, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let size = libc::socklen_t::try_from(size_of_val(&value)).unwrap_or_default();
    // SAFETY: the option value is one `int` that lives until the call returns, and its size is passed with it.
    let answer = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
