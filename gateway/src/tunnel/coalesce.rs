//! Decrypted packets on their way into the TUN: neighbours of one TCP flow are handed to the kernel as one packet, so
//! that it walks its forward path once for up to 64 KiB.
//!
//! A packet is only ever merged into the newest one, in order, and only if its own checksum is right: the merged packet
//! asks the kernel to compute checksums, which would otherwise launder a corrupt one.

use std::net::IpAddr;

use super::tun::{Tun, VNET};
use crate::link::message::Transport;
use crate::pure::checksum::{finish, pseudo_header, sum};
use crate::pure::packet::{Inner, Kind, protocol};

/// Room for the largest packet with its virtio-net header.
const ROOM: usize = VNET + 65_536 + 64;
/// Largest merged packet: the IP length field.
const MAX_MERGED: usize = 65_535;

const NEEDS_CSUM: u8 = 1;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const ACK: u8 = 0x10;
const PSH: u8 = 0x08;

/// Holds back at most one packet.
#[derive(Debug)]
pub(super) struct TunWriter {
    space: Box<[u8]>,
    held: Box<[u8]>,
    state: Held,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    /// A packet that nothing can be added to.
    Single(usize),
    Flow(Flow),
}

/// A run of TCP segments that may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flow {
    length: usize,
    transport: usize,
    headers: usize,
    segment: usize,
    next_seq: u32,
    count: usize,
    closed: bool,
}

impl Default for TunWriter {
    fn default() -> Self {
        Self { space: vec![0; ROOM].into(), held: vec![0; ROOM].into(), state: Held::Nothing }
    }
}

impl TunWriter {
    /// Where the next packet is to be decrypted, its virtio-net header's room in front.
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.space
    }

    /// The packet in [`TunWriter::space`] goes into the TUN, now or with its neighbours.
    pub(super) fn push(&mut self, inner: &Inner, tun: &Tun) {
        let packet = &self.space[VNET..VNET + inner.length];
        let candidate = candidate(packet, inner);
        if let (Held::Flow(flow), Some(new)) = (&mut self.state, &candidate)
            && flow.absorb(&mut self.held[VNET..], packet, new)
        {
            return;
        }
        self.flush(tun);
        std::mem::swap(&mut self.space, &mut self.held);
        self.state = candidate.map_or(Held::Single(inner.length), Held::Flow);
    }

    /// Writes what is held back.
    pub(super) fn flush(&mut self, tun: &Tun) {
        let length = match std::mem::replace(&mut self.state, Held::Nothing) {
            Held::Nothing => return,
            Held::Single(length) => {
                self.held[..VNET].fill(0);
                length
            }
            Held::Flow(flow) if flow.count == 1 => {
                self.held[..VNET].fill(0);
                flow.length
            }
            Held::Flow(flow) => {
                finish_merged(&mut self.held, &flow);
                flow.length
            }
        };
        if let Err(e) = tun.write(&self.held[..VNET + length]) {
            tracing::trace!(error = %e, "packet not taken by the TUN");
        }
    }
}

impl Flow {
    /// Adds `packet` to the run in `held`, if it is the next one and the run is not closed.
    fn absorb(&mut self, held: &mut [u8], packet: &[u8], new: &Flow) -> bool {
        if self.closed || !continues(&held[..self.length], self, packet, new) {
            return false;
        }
        let payload = &packet[new.headers..new.length];
        held[self.length..self.length + payload.len()].copy_from_slice(payload);
        self.length += payload.len();
        self.next_seq = new.next_seq;
        self.count += 1;
        self.closed = payload.len() < self.segment || new.closed;
        held[self.transport + 13] |= packet[new.transport + 13] & PSH;
        true
    }
}

/// The flow a packet could begin or continue: TCP without urgent business, whole, its checksum right.
fn candidate(packet: &[u8], inner: &Inner) -> Option<Flow> {
    let Kind::Ports { transport: Transport::Tcp, .. } = inner.kind else { return None };
    let transport = inner.payload;
    let plain = match inner.source {
        // no options, not a fragment
        IpAddr::V4(_) => transport == 20 && packet[6] & 0x3f == 0 && packet[7] == 0,
        IpAddr::V6(_) => transport == 40,
    };
    let tcp = packet.get(transport..)?;
    let headers = transport + usize::from(tcp.get(12)? >> 4) * 4;
    let flags = *tcp.get(13)?;
    if !plain || flags & !PSH != ACK || headers < transport + 20 || headers >= inner.length {
        return None;
    }
    let check = sum(tcp, pseudo_header(inner.source, inner.destination, protocol::TCP, tcp.len()));
    if finish(check) != 0 {
        return None;
    }
    let segment = inner.length - headers;
    let seq = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
    Some(Flow {
        length: inner.length,
        transport,
        headers,
        segment,
        next_seq: seq.wrapping_add(u32::try_from(segment).ok()?),
        count: 1,
        closed: flags & PSH != 0,
    })
}

/// Same flow, same headers, next sequence number, not larger than the segments before.
fn continues(held: &[u8], flow: &Flow, packet: &[u8], new: &Flow) -> bool {
    let t = flow.transport;
    if new.transport != t || new.headers != flow.headers || new.segment > flow.segment {
        return false;
    }
    if flow.length + new.segment > MAX_MERGED {
        return false;
    }
    let seq = new.next_seq.wrapping_sub(u32::try_from(new.segment).unwrap_or(0));
    // IPv4: all but length, identification and checksum. IPv6: all but the length.
    let ip = if t == 20 {
        held[..2] == packet[..2] && held[6..10] == packet[6..10] && held[12..20] == packet[12..20]
    } else {
        held[..4] == packet[..4] && held[6..40] == packet[6..40]
    };
    ip && seq == flow.next_seq
        && held[t..t + 4] == packet[t..t + 4]
        && held[t + 8..t + 13] == packet[t + 8..t + 13]
        && held[t + 14..t + 16] == packet[t + 14..t + 16]
        && held[t + 20..flow.headers] == packet[t + 20..new.headers]
}

/// Makes one packet of a run: lengths, checksums as the kernel wants them, the virtio-net header.
fn finish_merged(held: &mut [u8], flow: &Flow) {
    let (head, rest) = held.split_at_mut(VNET);
    let packet = &mut rest[..flow.length];
    let v4 = flow.transport == 20;
    let body = flow.length - flow.transport;
    let (source, destination) = if v4 {
        packet[2..4].copy_from_slice(&(flow.length as u16).to_be_bytes());
        packet[10..12].fill(0);
        let check = finish(sum(&packet[..20], 0));
        packet[10..12].copy_from_slice(&check.to_be_bytes());
        (address::<4>(packet, 12), address::<4>(packet, 16))
    } else {
        packet[4..6].copy_from_slice(&(body as u16).to_be_bytes());
        (address::<16>(packet, 8), address::<16>(packet, 24))
    };
    let partial = !finish(pseudo_header(source, destination, protocol::TCP, body));
    let at = flow.transport + 16;
    packet[at..at + 2].copy_from_slice(&partial.to_be_bytes());
    head[0] = NEEDS_CSUM;
    head[1] = if v4 { GSO_TCPV4 } else { GSO_TCPV6 };
    head[2..4].copy_from_slice(&(flow.headers as u16).to_ne_bytes());
    head[4..6].copy_from_slice(&(flow.segment as u16).to_ne_bytes());
    head[6..8].copy_from_slice(&(flow.transport as u16).to_ne_bytes());
    head[8..10].copy_from_slice(&16u16.to_ne_bytes());
}

fn address<const N: usize>(packet: &[u8], at: usize) -> IpAddr
where
    IpAddr: From<[u8; N]>,
{
    let mut bytes = [0; N];
    bytes.copy_from_slice(&packet[at..at + N]);
    IpAddr::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::segment;
    use super::*;
    use crate::pure::packet::parse;

    fn tcp(v4: bool, seq: u32, payload: &[u8], flags: u8) -> Vec<u8> {
        let ip = if v4 { 20 } else { 40 };
        let mut p = vec![0u8; ip + 20];
        p.extend_from_slice(payload);
        let n = p.len();
        if v4 {
            p[0] = 0x45;
            p[2..4].copy_from_slice(&(n as u16).to_be_bytes());
            p[8] = 64;
            p[9] = 6;
            (p[12], p[16]) = (10, 11);
            let c = finish(sum(&p[..20], 0));
            p[10..12].copy_from_slice(&c.to_be_bytes());
        } else {
            p[0] = 0x60;
            p[4..6].copy_from_slice(&((n - 40) as u16).to_be_bytes());
            (p[6], p[7], p[8], p[24]) = (6, 64, 0xfd, 0xfe);
        }
        p[ip + 4..ip + 8].copy_from_slice(&seq.to_be_bytes());
        p[ip + 12] = 5 << 4;
        p[ip + 13] = flags;
        let inner = parse(&p).unwrap();
        let c = finish(sum(&p[ip..], pseudo_header(inner.source, inner.destination, 6, n - ip)));
        p[ip + 16..ip + 18].copy_from_slice(&c.to_be_bytes());
        p
    }

    /// Merges as the writer does and cuts again as the reader does.
    fn merged(packets: &[Vec<u8>]) -> (usize, Vec<Vec<u8>>) {
        let mut held = vec![0; ROOM];
        held[VNET..VNET + packets[0].len()].copy_from_slice(&packets[0]);
        let mut flow = candidate(&packets[0], &parse(&packets[0]).unwrap()).unwrap();
        for p in &packets[1..] {
            let absorbed = candidate(p, &parse(p).unwrap()).is_some_and(|new| flow.absorb(&mut held[VNET..], p, &new));
            if !absorbed {
                break;
            }
        }
        finish_merged(&mut held, &flow);
        let plan = segment::plan(&mut held[..VNET + flow.length]).unwrap().unwrap();
        let cut = (0..plan.count())
            .map(|n| {
                let mut out = [0; 2000];
                let length = plan.segment(&held[VNET..VNET + flow.length], n, &mut out);
                out[..length].to_vec()
            })
            .collect();
        (flow.count, cut)
    }

    #[test]
    fn a_run_is_merged_and_cuts_into_the_same_packets() {
        for v4 in [true, false] {
            let packets: Vec<_> = (0..5).map(|n| tcp(v4, 1000 + n * 100, &[n as u8; 100], ACK)).collect();
            let (count, cut) = merged(&packets);
            assert_eq!(count, 5);
            for (got, sent) in cut.iter().zip(&packets) {
                let ip = if v4 { 20 } else { 40 };
                assert_eq!(got[ip..], sent[ip..], "v4 {v4}");
            }
        }
    }

    #[test]
    fn what_does_not_follow_is_not_merged() {
        let first = tcp(true, 1000, &[1; 100], ACK);
        let mut corrupt = tcp(true, 1100, &[2; 100], ACK);
        corrupt[60] ^= 1;
        for other in [
            tcp(true, 1101, &[2; 100], ACK),
            tcp(true, 1100, &[2; 101], ACK),
            tcp(true, 1100, &[2; 100], ACK | 0x20),
            tcp(false, 1100, &[2; 100], ACK),
            corrupt,
        ] {
            assert_eq!(merged(&[first.clone(), other]).0, 1);
        }
        let short = tcp(true, 1100, &[2; 50], ACK);
        assert_eq!(merged(&[first.clone(), short, tcp(true, 1150, &[3; 50], ACK)]).0, 2, "a short one closes");
        let pushed = merged(&[first, tcp(true, 1100, &[2; 100], ACK | PSH), tcp(true, 1200, &[3; 100], ACK)]);
        assert_eq!(pushed.0, 2, "a pushed one closes");
        assert_eq!(pushed.1.iter().map(|p| p[33] & PSH).collect::<Vec<_>>(), [0, PSH], "and only the last is pushed");
    }
}
