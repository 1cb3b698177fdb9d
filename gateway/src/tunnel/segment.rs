//! From the kernel's super-packets to packets of the wire: virtio-net headers, checksums, TCP and UDP segmentation.
//!
//! `hdr_len` of the header is not trusted (it is wrong for forwarded packets); lengths are read from the packet itself.

use std::net::IpAddr;

use super::tun::VNET;
use crate::pure::checksum::{finish, pseudo_header, sum};
use crate::pure::packet::{self, Malformed, protocol};

const NEEDS_CSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
const GSO_ECN: u8 = 0x80;

/// Largest packet that is cut out of a super-packet; the TUN's MTU is far below.
pub const LARGEST_SEGMENT: usize = 9_216;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// How the bytes after the virtio-net header are to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    headers: usize,
    transport: usize,
    size: usize,
    length: usize,
    v4: bool,
    tcp: bool,
}

/// Reads the virtio-net header of `frame` and completes the packet behind it where the kernel left the checksum to us.
/// The packet is whole afterwards, or the plan says how to cut it.
///
/// # Errors
/// The kernel's header and the packet contradict each other.
pub fn plan(frame: &mut [u8]) -> Result<Option<Plan>, Malformed> {
    let (head, packet) = frame.split_first_chunk_mut::<VNET>().ok_or(Malformed)?;
    let (flags, kind) = (head[0], head[1] & !GSO_ECN);
    let size = usize::from(u16::from_ne_bytes([head[4], head[5]]));
    let start = usize::from(u16::from_ne_bytes([head[6], head[7]]));
    let offset = usize::from(u16::from_ne_bytes([head[8], head[9]]));
    if kind == GSO_NONE {
        if flags & NEEDS_CSUM != 0 {
            complete(packet, start, offset)?;
        }
        return Ok(None);
    }
    let v4 = packet.first().ok_or(Malformed)? >> 4 == 4;
    let tcp = match (kind, v4) {
        (GSO_TCPV4, true) | (GSO_TCPV6, false) => true,
        (GSO_UDP_L4, _) => false,
        _ => return Err(Malformed),
    };
    let headers = start + if tcp { usize::from(packet.get(start + 12).ok_or(Malformed)? >> 4) * 4 } else { 8 };
    let minimum = start + if tcp { 20 } else { 8 };
    let fits = headers + size <= LARGEST_SEGMENT;
    if size == 0
        || !fits
        || start < if v4 { 20 } else { 40 }
        || headers < minimum
        || headers >= packet.len()
        || headers > 120
    {
        return Err(Malformed);
    }
    Ok(Some(Plan { headers, transport: start, size, length: packet.len(), v4, tcp }))
}

/// The checksum field holds the pseudo-header's sum; what is summed from `start` on completes it.
fn complete(packet: &mut [u8], start: usize, offset: usize) -> Result<(), Malformed> {
    let at = start + offset;
    if at + 2 > packet.len() {
        return Err(Malformed);
    }
    let check = finish(sum(&packet[start..], 0));
    let check = if check == 0 { 0xffff } else { check };
    packet[at..at + 2].copy_from_slice(&check.to_be_bytes());
    Ok(())
}

impl Plan {
    /// How many packets it makes.
    #[must_use]
    pub fn count(&self) -> usize {
        (self.length - self.headers).div_ceil(self.size)
    }

    /// Writes packet number `n` of the super-packet into `out`; its length.
    #[must_use]
    pub fn segment(&self, packet: &[u8], n: usize, out: &mut [u8]) -> usize {
        let from = self.headers + n * self.size;
        let to = (from + self.size).min(packet.len());
        let length = self.headers + to - from;
        out[..self.headers].copy_from_slice(&packet[..self.headers]);
        out[self.headers..length].copy_from_slice(&packet[from..to]);
        let out = &mut out[..length];
        let last = to == packet.len();
        self.patch_ip(out, n);
        if self.tcp {
            self.patch_tcp(out, n, last)
        } else {
            self.patch_udp(out)
        }
        length
    }

    fn patch_ip(&self, out: &mut [u8], n: usize) {
        let length = out.len();
        if self.v4 {
            out[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            let id = u16::from_be_bytes([out[4], out[5]]).wrapping_add(n as u16);
            out[4..6].copy_from_slice(&id.to_be_bytes());
            out[10..12].fill(0);
            let header = usize::from(out[0] & 15) * 4;
            let check = finish(sum(&out[..header.min(self.transport)], 0));
            out[10..12].copy_from_slice(&check.to_be_bytes());
        } else {
            out[4..6].copy_from_slice(&((length - 40) as u16).to_be_bytes());
        }
    }

    fn patch_tcp(&self, out: &mut [u8], n: usize, last: bool) {
        let tcp = &mut out[self.transport..];
        let seq = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]).wrapping_add((n * self.size) as u32);
        tcp[4..8].copy_from_slice(&seq.to_be_bytes());
        if !last {
            tcp[13] &= !(FIN | PSH);
        }
        if n > 0 {
            tcp[13] &= !CWR;
        }
        self.patch_checksum(out, 16, protocol::TCP);
    }

    fn patch_udp(&self, out: &mut [u8]) {
        let length = out.len() - self.transport;
        out[self.transport + 4..self.transport + 6].copy_from_slice(&(length as u16).to_be_bytes());
        self.patch_checksum(out, 6, protocol::UDP);
    }

    fn patch_checksum(&self, out: &mut [u8], at: usize, number: u8) {
        let (source, destination) = addresses(out, self.v4);
        let body = &mut out[self.transport..];
        body[at..at + 2].fill(0);
        let check = finish(sum(body, pseudo_header(source, destination, number, body.len())));
        let check = if check == 0 && number == protocol::UDP { 0xffff } else { check };
        body[at..at + 2].copy_from_slice(&check.to_be_bytes());
    }
}

fn addresses(packet: &[u8], v4: bool) -> (IpAddr, IpAddr) {
    let destination = packet::destination(packet).unwrap_or(IpAddr::from([0; 4]));
    let source = if v4 {
        IpAddr::from([packet[12], packet[13], packet[14], packet[15]])
    } else {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&packet[8..24]);
        IpAddr::from(bytes)
    };
    (source, destination)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(v4: bool, tcp: bool, payload: &[u8], size: u16) -> Vec<u8> {
        let (ip, transport) = (if v4 { 20 } else { 40 }, if tcp { 20 } else { 8 });
        let mut p = vec![0u8; ip + transport];
        if v4 {
            p[0] = 0x45;
            p[9] = if tcp { 6 } else { 17 };
            p[12] = 10;
            p[16] = 10;
        } else {
            p[0] = 0x60;
            p[6] = if tcp { 6 } else { 17 };
            p[8] = 0xfd;
            p[24] = 0xfd;
        }
        if tcp {
            p[ip + 12] = 5 << 4;
            p[ip + 13] = 0x10 | PSH | FIN;
        }
        p.extend_from_slice(payload);
        let kind = match (tcp, v4) {
            (true, true) => GSO_TCPV4,
            (true, false) => GSO_TCPV6,
            _ => GSO_UDP_L4,
        };
        let mut f = vec![NEEDS_CSUM, kind, 0, 0];
        f.extend(size.to_ne_bytes());
        f.extend((ip as u16).to_ne_bytes());
        f.extend((if tcp { 16u16 } else { 6 }).to_ne_bytes());
        f.extend(p);
        f
    }

    #[test]
    fn segments_larger_than_the_buffer_they_are_cut_into_are_malformed() {
        assert!(plan(&mut frame(true, true, &[0; 20_000], 9_176)).is_ok());
        assert_eq!(plan(&mut frame(true, true, &[0; 20_000], 9_177)), Err(Malformed));
    }

    proptest! {
        #[test]
        fn segments_carry_all_bytes_in_order_with_right_checksums(v4 in any::<bool>(), tcp in any::<bool>(),
                payload in proptest::collection::vec(any::<u8>(), 1..9000), size in 1u16..1500) {
            let mut f = frame(v4, tcp, &payload, size);
            let plan = plan(&mut f).unwrap().unwrap();
            let mut joined = Vec::new();
            for n in 0..plan.count() {
                let mut out = [0; 2048];
                let length = plan.segment(&f[VNET..], n, &mut out);
                let inner = packet::parse(&out[..length]).unwrap();
                prop_assert_eq!(inner.length, length);
                let body = &out[plan.transport..length];
                let number = if tcp { 6 } else { 17 };
                let check = finish(sum(body, pseudo_header(inner.source, inner.destination, number, body.len())));
                prop_assert!(check == 0 || check == 0xffff);
                if tcp { prop_assert_eq!(body[13] & FIN != 0, n + 1 == plan.count()); }
                joined.extend_from_slice(&out[plan.headers..length]);
            }
            prop_assert_eq!(joined, payload);
        }

        #[test]
        fn a_header_that_lies_does_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes;
            if let Ok(Some(plan)) = plan(&mut bytes) {
                let mut out = [0; 70_000];
                for n in 0..plan.count() { let _ = plan.segment(&bytes[VNET..], n, &mut out); }
            }
        }
    }
}
