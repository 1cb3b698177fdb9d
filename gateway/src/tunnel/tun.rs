//! The TUN device: opened, made persistent, read and written with virtio-net headers. Unsafe code: the `ioctl` calls of
//! the kernel's TUN interface (Documentation/networking/tuntap.rst).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};

/// Length of the virtio-net header in front of every packet, in bytes (VIRTIO 1.2 §5.1.6, without `num_buffers`).
pub const VNET: usize = 10;

/// One queue of a TUN device.
#[derive(Debug)]
pub struct Tun {
    fd: OwnedFd,
    /// The kernel may hand us, and takes, UDP trains as one packet (kernel 6.2 and later).
    pub udp_offload: bool,
}

impl Tun {
    /// Opens one queue of the device and makes the device outlive us.
    ///
    /// # Errors
    /// `/dev/net/tun` is missing or forbidden, or a device of that name exists with other flags.
    pub fn open(name: &str) -> io::Result<Self> {
        let fd = rustix::fs::open("/dev/net/tun", OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        attach(&fd, name, libc::IFF_VNET_HDR | libc::IFF_MULTI_QUEUE)?;
        let owner = rustix::process::geteuid().as_raw();
        ioctl_number(&fd, libc::TUNSETOWNER, owner.into())?;
        ioctl_number(&fd, libc::TUNSETPERSIST, 1)?;
        let tcp = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
        let udp_offload =
            ioctl_number(&fd, libc::TUNSETOFFLOAD, (tcp | libc::TUN_F_USO4 | libc::TUN_F_USO6).into()).is_ok();
        if !udp_offload {
            ioctl_number(&fd, libc::TUNSETOFFLOAD, tcp.into())?;
            tracing::info!(
                "this kernel has no UDP segmentation for TUN (6.2 and later have): UDP goes packet by packet"
            );
        }
        Ok(Self { fd, udp_offload })
    }

    /// Anything that keeps the borders of messages, in place of a TUN.
    #[cfg(any(test, fuzzing))]
    pub fn over(fd: OwnedFd) -> Self {
        Self { fd, udp_offload: false }
    }

    /// The same queue once more.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn duplicate(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()?, udp_offload: self.udp_offload })
    }

    /// Reads one packet with its virtio-net header; the length with it.
    ///
    /// # Errors
    /// `WouldBlock` when there is none.
    pub fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.fd, into)?)
    }

    /// Writes one packet with its virtio-net header.
    ///
    /// # Errors
    /// The kernel's queue is full, the interface is down, or it does not take the packet.
    pub fn write(&self, packet: &[u8]) -> io::Result<()> {
        rustix::io::write(&self.fd, packet)?;
        Ok(())
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A TUN that disappears with its descriptor, for packets as they are: no offloads, no second queue.
///
/// # Errors
/// As [`Tun::open`].
pub fn transient(name: &str) -> io::Result<OwnedFd> {
    let fd = rustix::fs::open("/dev/net/tun", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    attach(&fd, name, 0)?;
    Ok(fd)
}

#[allow(unsafe_code)]
fn attach(fd: &OwnedFd, name: &str, more: libc::c_int) -> io::Result<()> {
    if name.len() >= libc::IFNAMSIZ || name.bytes().any(|b| b == 0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "interface name of more than 15 bytes"));
    }
    // SAFETY: an `ifreq` of zeros is a valid value of that plain C structure.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_TUN | libc::IFF_NO_PI | more).unwrap_or_default();
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which lives until the call returns.
    let answer = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[allow(unsafe_code)]
fn ioctl_number(fd: &OwnedFd, request: libc::Ioctl, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: these requests (TUNSETOWNER, TUNSETPERSIST, TUNSETOFFLOAD) take a number, no pointer.
    let answer = unsafe { libc::ioctl(fd.as_raw_fd(), request, value) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
