//! As much of netlink as the second lock needs: messages and attributes as bytes, one request at a time.
//!
//! By hand, because the typed crates refuse whole messages for one attribute they do not know, and what other programs
//! put into their rules is not ours to know. Hostile lengths end the walk; nothing panics.

use std::io;
use std::time::Duration;

use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

/// Bytes of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Bytes of `struct nfgenmsg`.
const GENERIC: usize = 4;
/// The kernel fills datagrams up to 32 KiB in a dump; a notification batch is a page.
pub(super) const DATAGRAM: usize = 64 * 1024;
/// The kernel answers at once; a socket that does not is broken.
const ANSWER: Duration = Duration::from_secs(2);

const NLM_F_REQUEST: u16 = 1;
pub(super) const NLM_F_ACK: u16 = 4;
pub(super) const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLA_TYPE_MASK: u16 = 0x3fff;
const NLA_F_NESTED: u16 = 0x8000;

/// One message of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    flags: u16,
    sequence: u32,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    /// The family of its `nfgenmsg`.
    pub(super) fn family(&self) -> u8 {
        self.body.first().copied().unwrap_or(0)
    }

    /// Its attributes, after an `nfgenmsg`.
    pub(super) fn attributes(&self) -> Attributes<'a> {
        self.split(GENERIC).1
    }

    /// The fixed part, of so many bytes, and the attributes after it.
    pub(super) fn split(&self, fixed: usize) -> (&'a [u8], Attributes<'a>) {
        let (fixed, rest) = self.body.split_at_checked(fixed).unwrap_or_default();
        (fixed, Attributes(rest))
    }

    /// The error number of an NLMSG_ERROR; 0 is an acknowledgement.
    fn error(&self) -> i32 {
        self.body.first_chunk::<4>().map_or(0, |b| i32::from_ne_bytes(*b).wrapping_neg())
    }
}

/// The messages of a datagram.
pub(super) fn messages(datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let header = rest.first_chunk::<HEADER>()?;
        let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *header;
        let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).ok()?;
        let body = rest.get(HEADER..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            body,
        })
    })
}

/// Walks over attributes: number and value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [l0, l1, k0, k1] = *self.0.first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([k0, k1]) & NLA_TYPE_MASK, value))
    }
}

impl<'a> Attributes<'a> {
    /// The first one of this number.
    pub(super) fn find(mut self, kind: u16) -> Option<&'a [u8]> {
        self.by_ref().find(|(k, _)| *k == kind).map(|(_, value)| value)
    }

    /// Text without its closing zero.
    pub(super) fn name(self, kind: u16) -> Option<&'a [u8]> {
        self.find(kind).map(|v| v.strip_suffix(&[0]).unwrap_or(v))
    }
}

/// A request under construction.
#[derive(Debug)]
pub(super) struct Request(Vec<u8>);

impl Request {
    /// A request to netfilter.
    pub(super) fn new(kind: u16, flags: u16, family: u8) -> Self {
        Self::fixed(kind, flags, &[family, 0, 0, 0])
    }

    /// A request with another fixed part.
    pub(super) fn fixed(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((flags | NLM_F_REQUEST).to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(fixed);
        Self(bytes)
    }

    pub(super) fn attribute(mut self, kind: u16, value: &[u8], nested: bool) -> Self {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.0.extend(length.to_ne_bytes());
        self.0.extend((kind | if nested { NLA_F_NESTED } else { 0 }).to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Length and sequence are known now.
    pub(super) fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0[0..4].copy_from_slice(&length.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

/// A socket for requests to netfilter.
#[derive(Debug)]
pub(super) struct Talk {
    socket: Socket,
    sequence: u32,
}

impl Talk {
    pub(super) fn open() -> io::Result<Self> {
        Self::with(NETLINK_NETFILTER)
    }

    /// A socket for requests to another part of the kernel.
    pub(super) fn with(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends a request and hands over every message of the answer.
    ///
    /// # Errors
    /// The socket's, or the kernel's answer as its error number. `Interrupted`: the dump was overtaken by changes.
    pub(super) fn ask(&mut self, request: Request, mut each: impl FnMut(Message<'_>)) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        let bytes = request.finish(sequence);
        let flags = u16::from_ne_bytes([bytes[6], bytes[7]]);
        self.socket.send(&bytes, 0)?;
        let mut buffer = Vec::with_capacity(DATAGRAM);
        let mut overtaken = false;
        loop {
            buffer.clear();
            self.socket.recv(&mut buffer, 0)?;
            for message in messages(&buffer).filter(|m| m.sequence == sequence) {
                overtaken |= message.flags & NLM_F_DUMP_INTR != 0;
                match message.kind {
                    NLMSG_ERROR => match message.error() {
                        0 => return Ok(()),
                        error => return Err(io::Error::from_raw_os_error(error)),
                    },
                    NLMSG_DONE if overtaken => return Err(io::ErrorKind::Interrupted.into()),
                    NLMSG_DONE => return Ok(()),
                    _ => each(message),
                }
            }
            if flags & (NLM_F_DUMP | NLM_F_ACK) == 0 {
                return Ok(());
            }
        }
    }
}
