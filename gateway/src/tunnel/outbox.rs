//! Datagrams on their way out: encrypted into one buffer, sent as one train a peer.

use super::udp::{Endpoint, Socket};

/// Segments in one train (Linux, `UDP_MAX_SEGMENTS` of 6.x is 128; 64 before).
const MAX_SEGMENTS: usize = 64;
/// Bytes in one train: the largest UDP payload over IPv4.
const MAX_BYTES: usize = 65_507;
/// Room for one more message at the end: the largest inner packet, its header and tag, and padding.
const ROOM: usize = 65_536 + 64;

/// An open train.
#[derive(Debug)]
pub(super) struct Outbox {
    buffer: Box<[u8]>,
    used: usize,
    stride: usize,
    count: usize,
    to: Option<Endpoint>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { buffer: vec![0; MAX_BYTES + ROOM].into(), used: 0, stride: 0, count: 0, to: None }
    }
}

impl Outbox {
    /// Where the next message is to be encrypted.
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.buffer[self.used..]
    }

    /// The message of `length` bytes in [`Outbox::space`] goes to `to`. Sends what may not be in one train with it.
    pub(super) fn push(&mut self, length: usize, to: Endpoint, sockets: &[Socket]) {
        let fits = self.to == Some(to) && length <= self.stride && self.used + length <= MAX_BYTES;
        if self.count > 0 && !fits {
            let start = self.used;
            self.send(sockets);
            self.buffer.copy_within(start..start + length, 0);
        }
        if self.count == 0 {
            self.to = Some(to);
            self.stride = length;
        }
        self.used += length;
        self.count += 1;
        if length < self.stride || self.count == MAX_SEGMENTS {
            self.send(sockets);
        }
    }

    /// Sends what is there.
    pub(super) fn send(&mut self, sockets: &[Socket]) {
        if let Some(to) = self.to.take().filter(|_| self.count > 0)
            && let Some(socket) = sockets.get(to.socket)
        {
            socket.send(&to, &self.buffer[..self.used], self.stride);
        }
        self.used = 0;
        self.count = 0;
        self.stride = 0;
    }
}
