//! Frames on the link: four bytes of length (big endian), then that many bytes of JSON; descriptors travel with the
//! first byte of a frame (SCM_RIGHTS).
//!
//! Blocking, on purpose: each side gives the link a thread of its own.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest frame, in bytes; a snapshot of more is sent in parts.
pub const MAX_FRAME: usize = 1 << 20;

/// Most descriptors that travel with one frame: the ten sockets of [`super::message::Report::Sockets`].
pub const MAX_DESCRIPTORS: usize = 16;

/// Writes one frame.
///
/// # Errors
/// The peer is gone, did not read within the stream's write timeout, or the message is larger than [`MAX_FRAME`].
pub fn write<T: Serialize>(stream: &UnixStream, message: &T, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message).map_err(io::Error::other)?;
    let length = frame.len() - 4;
    if length > MAX_FRAME || descriptors.len() > MAX_DESCRIPTORS {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "message too large for the link"));
    }
    frame[..4].copy_from_slice(&u32::try_from(length).map_err(io::Error::other)?.to_be_bytes());
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut sent = 0;
    while sent < frame.len() {
        let mut control = SendAncillaryBuffer::new(&mut space);
        if sent == 0 && !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        match sendmsg(stream.as_fd(), &[IoSlice::new(&frame[sent..])], &mut control, SendFlags::NOSIGNAL) {
            Ok(n) => sent += n,
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Reads frames.
#[derive(Debug)]
pub struct Reader {
    stream: UnixStream,
    bytes: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

impl Reader {
    /// Reads from this stream.
    #[must_use]
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, bytes: Vec::new(), descriptors: VecDeque::new() }
    }

    /// The first descriptors that have arrived and were not taken yet; nothing, if there are fewer.
    pub fn take<const N: usize>(&mut self) -> Option<[OwnedFd; N]> {
        if self.descriptors.len() < N {
            return None;
        }
        self.descriptors.drain(..N).collect::<Vec<_>>().try_into().ok()
    }

    /// The descriptors that have arrived and were not taken yet.
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        self.descriptors.drain(..).collect()
    }

    /// The next message; nothing when the peer has closed.
    ///
    /// # Errors
    /// The stream failed, or what came is not a message: the connection is of no use any more.
    pub fn read<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        loop {
            if let Some(head) = self.bytes.first_chunk::<4>() {
                let length = u32::from_be_bytes(*head) as usize;
                if length > MAX_FRAME {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "frame longer than the link allows"));
                }
                if self.bytes.len() >= 4 + length {
                    let message = serde_json::from_slice(&self.bytes[4..4 + length])
                        .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
                    self.bytes.drain(..4 + length);
                    return Ok(Some(message));
                }
            }
            if !self.fill()? {
                return if self.bytes.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 64 * 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let n = loop {
            let mut into = [IoSliceMut::new(&mut chunk)];
            match recvmsg(self.stream.as_fd(), &mut into, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Ok(got) => break got.bytes,
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                self.descriptors.extend(received);
            }
        }
        if self.descriptors.len() > MAX_DESCRIPTORS {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "more descriptors than the link allows"));
        }
        self.bytes.extend_from_slice(&chunk[..n]);
        Ok(n > 0)
    }
}
