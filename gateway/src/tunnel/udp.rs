//! The UDP side: a dual-stack socket a port, GSO out and GRO in by `quinn-udp`; and beside it a second one, to which the
//! kernel leads all that is no packet of a session. A flood of handshakes fills that one's queue, and no other.
//!
//! Outer packets may be fragmented on the way (DF is never set): a path of any MTU carries the tunnel.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, SockRef, Socket as Socket2, Type};

/// Receive and send buffer of a socket, bytes: 8 MiB hold 45 ms at 1.5 Gbit/s.
const BUFFER: usize = 8 << 20;
/// The same for handshakes: 2 MiB hold 2,700 of them, a whole office that comes back at once. More would only keep a
/// newcomer waiting behind a flood.
const HANDSHAKES: usize = 2 << 20;

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

/// What of a port is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Packets of sessions; everything, if the kernel does not sort.
    Packets,
    /// Everything else, handshakes above all.
    Handshakes,
}

/// One bound port.
#[derive(Debug)]
pub struct Socket {
    packets: Queue,
    handshakes: Option<Queue>,
    v4_only: bool,
}

#[derive(Debug)]
struct Queue {
    inner: std::net::UdpSocket,
    state: UdpSocketState,
    /// The kernel makes trains of datagrams. Kept here: one datagram that cannot be sent takes it from `state` for good.
    trains: bool,
}

impl Socket {
    /// Binds `port` on all addresses, IPv4 and IPv6; IPv4 alone where the kernel has no IPv6.
    ///
    /// # Errors
    /// The port is taken, or it is below 1024 and we may not.
    pub fn bind(port: u16) -> io::Result<Self> {
        let first = match unbound(Domain::IPV6) {
            Ok(socket) => {
                socket.set_only_v6(false)?;
                socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
                socket
            }
            Err(e) if e.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
                let socket = unbound(Domain::IPV4)?;
                socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
                socket
            }
            Err(e) => return Err(e),
        };
        // Only now: whoever else has the port, and shares it, would have shared it with us.
        first.set_reuse_port(true)?;
        let second = twin(&first).map_err(|e| tracing::info!(port, error = %e, "one queue for packets and handshakes"));
        Self::of(first, second.ok())
    }

    /// Takes a port that was bound for us (systemd's socket activation): its socket, and the second one where there is.
    ///
    /// # Errors
    /// It is not a UDP socket.
    pub fn adopt(first: OwnedFd, second: Option<OwnedFd>) -> io::Result<Self> {
        Self::of(Socket2::from(first), second.map(Socket2::from))
    }

    fn of(first: Socket2, second: Option<Socket2>) -> io::Result<Self> {
        let v4_only = first.local_addr()?.is_ipv4();
        let sorted = second.filter(|_| {
            sort(&first).map_err(|e| tracing::info!(error = %e, "one queue for packets and handshakes")).is_ok()
        });
        let handshakes = sorted.map(|second| Queue::new(second, v4_only, HANDSHAKES)).transpose()?;
        if let Some(queue) = &handshakes {
            // Trains would make of one read a thousand handshakes, and of a round a second.
            set_option(&SockRef::from(&queue.inner), libc::SOL_UDP, libc::UDP_GRO, &0)?;
        }
        Ok(Self { packets: Queue::new(first, v4_only, BUFFER)?, handshakes, v4_only })
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// The socket is not bound.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.packets.inner.local_addr()
    }

    /// What is to be waited for, to read this lane; nothing if the port has no such.
    #[must_use]
    pub fn descriptor(&self, lane: Lane) -> Option<BorrowedFd<'_>> {
        Some(self.queue(lane)?.inner.as_fd())
    }

    fn queue(&self, lane: Lane) -> Option<&Queue> {
        match lane {
            Lane::Packets => Some(&self.packets),
            Lane::Handshakes => self.handshakes.as_ref(),
        }
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
    pub fn receive(&self, lane: Lane, buffers: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> io::Result<usize> {
        let Some(queue) = self.queue(lane) else { return Err(io::ErrorKind::WouldBlock.into()) };
        queue.state.recv(UdpSockRef::from(&queue.inner), buffers, metas)
    }

    /// Sends datagrams of `stride` bytes each (the last may be shorter), as one train where the kernel can.
    /// What cannot be sent is lost, as on any wire.
    pub fn send(&self, to: &Endpoint, datagrams: &[u8], stride: usize) {
        let train = stride < datagrams.len() && self.packets.trains;
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
        let Queue { inner, state, .. } = &self.packets;
        let transmit = Transmit { destination: to.remote, ecn: None, contents, segment_size, src_ip: to.local };
        match state.try_send(UdpSockRef::from(inner), &transmit) {
            // our own address is gone (the office has a new one): let the kernel choose
            Err(e) if to.local.is_some() && e.kind() != io::ErrorKind::WouldBlock => {
                state.try_send(UdpSockRef::from(inner), &Transmit { src_ip: None, ..transmit })
            }
            other => other,
        }
    }
}

impl Queue {
    fn new(socket: Socket2, v4_only: bool, buffer: usize) -> io::Result<Self> {
        let (reference, size) = (SockRef::from(&socket), libc::c_int::try_from(buffer).unwrap_or(libc::c_int::MAX));
        // Whatever `net.core.rmem_max` says: its default is full after ten milliseconds of a flood.
        if set_option(&reference, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &size).is_err() {
            let _ = socket.set_recv_buffer_size(buffer);
        }
        if set_option(&reference, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, &size).is_err() {
            let _ = socket.set_send_buffer_size(buffer);
        }
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        allow_fragments(&socket, v4_only)?;
        if state.gro_segments() == 1 || state.max_gso_segments() == 1 {
            tracing::info!("this kernel has no UDP GSO or GRO: WireGuard packets go one by one");
        }
        let trains = state.max_gso_segments() > 1;
        Ok(Self { inner: socket.into(), state, trains })
    }
}

fn unbound(domain: Domain) -> io::Result<Socket2> {
    Socket2::new(domain, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))
}

/// A second socket on the same port.
fn twin(first: &Socket2) -> io::Result<Socket2> {
    let address = first.local_addr()?;
    let second = unbound(address.domain())?;
    if address.is_ipv6() {
        second.set_only_v6(false)?;
    }
    second.set_reuse_port(true)?;
    second.bind(&address)?;
    Ok(second)
}

/// Tells the kernel which of a port's two sockets gets what (socket(7), SO_ATTACH_REUSEPORT_CBPF): messages of type 4
/// (WireGuard paper §5.4.6) the first, all others the second. The program sees the UDP payload.
fn sort(first: &Socket2) -> io::Result<()> {
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: u16::try_from(code).unwrap_or_default(), jt, jf, k };
    let mut program = [
        step(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, 4),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 1),
    ];
    let length = u16::try_from(program.len()).unwrap_or_default();
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    set_option(&SockRef::from(first), libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF, &program)
}

/// `quinn-udp` forbids fragments, for QUIC; a tunnel must allow them.
fn allow_fragments(socket: &Socket2, v4_only: bool) -> io::Result<()> {
    let reference = SockRef::from(socket);
    set_option(&reference, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, &libc::IP_PMTUDISC_DONT)?;
    if !v4_only {
        set_option(&reference, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, &libc::IPV6_PMTUDISC_DONT)?;
        set_option(&reference, libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG, &0)?;
    }
    Ok(())
}

/// `value` is what the kernel expects for this option: an `int`, or the C structure of its manual page.
#[allow(unsafe_code)]
fn set_option<T>(socket: &SockRef<'_>, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let size = libc::socklen_t::try_from(size_of_val(value)).unwrap_or_default();
    // SAFETY: the option value lives until the call returns, and its size is passed with it; the kernel copies it, and
    // the filter that a `sock_fprog` points to, whose array outlives the call in `sort`.
    let answer = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const *value).cast(), size) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(socket: &Socket, lane: Lane) -> Vec<u8> {
        let (mut buffer, mut metas) = ([0; 64], [RecvMeta::default()]);
        let read = socket.receive(lane, &mut [IoSliceMut::new(&mut buffer)], &mut metas);
        read.map_or_else(|_| Vec::new(), |_| buffer[..metas[0].len].to_vec())
    }

    #[test]
    fn the_kernel_sorts_packets_from_all_else() {
        for family in ["127.0.0.1:0", "[::1]:0"] {
            let (socket, client) = (Socket::bind(0).unwrap(), std::net::UdpSocket::bind(family).unwrap());
            let to = SocketAddr::new(client.local_addr().unwrap().ip(), socket.local().unwrap().port());
            for message in [&[4, 0, 0, 0, 7][..], &[1, 0], &[], &[2], &[4], &[3, 4], &[255; 9]] {
                client.send_to(message, to).unwrap();
                let (lane, other) = match message.first() {
                    Some(4) => (Lane::Packets, Lane::Handshakes),
                    _ => (Lane::Handshakes, Lane::Packets),
                };
                assert_eq!(read(&socket, other), b"", "{message:?}");
                assert_eq!(read(&socket, lane), message);
            }
        }
    }

    #[test]
    fn a_port_that_somebody_has_is_not_shared() {
        let first = Socket::bind(0).unwrap();
        let port = first.local().unwrap().port();
        assert_eq!(Socket::bind(port).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
