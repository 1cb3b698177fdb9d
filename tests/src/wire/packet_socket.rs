//! Ethernet frames of one interface, each behind a `virtio_net_hdr`: checksums that the kernel has left open stay open,
//! and are closed (or not) by whoever receives the frame (packet(7), PACKET_VNET_HDR).

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use anyhow::Context as _;
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};

/// Bytes of the header before each frame (linux/virtio_net.h).
pub(crate) const HEADER: usize = 10;
/// What arrives while the relay waits for its turn: a hundred milliseconds at 400 Mbit/s.
const BUFFER: libc::c_int = 8 << 20;

/// A socket that sends on one interface, and receives what comes in there.
#[derive(Debug)]
pub(crate) struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// Both ways; in the namespace of the interface.
    pub(crate) fn open(interface: &str) -> anyhow::Result<Self> {
        Self::bound(interface, (libc::ETH_P_ALL as u16).to_be())
    }

    /// For sending alone.
    pub(super) fn sender(interface: &str) -> anyhow::Result<Self> {
        Self::bound(interface, 0)
    }

    fn bound(interface: &str, protocol: u16) -> anyhow::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        // of no protocol: nothing comes before it is bound
        let fd = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None).context("packet socket")?;
        let index = netdevice::name_to_index(&fd, interface).context("interface of the wire")?;
        set_option(&fd, libc::SOL_PACKET, libc::PACKET_VNET_HDR, 1)?;
        set_option(&fd, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)?;
        set_option(&fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, BUFFER)?;
        set_option(&fd, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, BUFFER)?;
        bind(&fd, protocol, index.cast_signed()).context("bind to the wire")?;
        Ok(Self(fd))
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[allow(unsafe_code, reason = "no safe library binds to a link-layer address")]
fn bind(fd: &OwnedFd, protocol: u16, index: i32) -> io::Result<()> {
    // SAFETY: a `sockaddr_ll` of zeros is a valid value of that plain C structure.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol;
    address.sll_ifindex = index;
    let size = libc::socklen_t::try_from(size_of_val(&address)).unwrap_or_default();
    // SAFETY: the address is one `sockaddr_ll` that lives until the call returns, and its size is passed with it.
    let answer = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), size) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[allow(unsafe_code, reason = "no safe library sets these options")]
fn set_option(fd: &OwnedFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> anyhow::Result<()> {
    let size = libc::socklen_t::try_from(size_of_val(&value)).unwrap_or_default();
    // SAFETY: the option value is one `int` that lives until the call returns, and its size is passed with it.
    let answer = unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), size) };
    if answer < 0 { Err(io::Error::last_os_error()).context("option of the packet socket") } else { Ok(()) }
}
