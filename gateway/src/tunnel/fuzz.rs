//! The data path without threads and without a network: datagrams in, packets of the office in, and what comes out.
#![allow(clippy::unwrap_used)]

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};
use rustix::event::{EventfdFlags, eventfd};

use super::coalesce::TunWriter;
use super::limiter::{Limiter, mac};
use super::segment::{self, LARGEST_SEGMENT};
use super::table::{Identity, Table};
use super::tun::{Tun, VNET};
use super::udp::{Endpoint, Lane};
use super::worker::{PAD, Round, Worker};
use super::{ArcSwap, Mutex, Shared};
use crate::clock::Boot;
use crate::fuzz::{address, state};
use crate::pure::checksum::{finish, pseudo_header, sum};
use crate::pure::lock::{Lock, Pass};
use crate::pure::packet::{self, protocol};

/// Pieces of one input: more than enough to make anything follow anything.
const PIECES: usize = 64;

/// A TUN whose other end is ours.
fn tun() -> (Tun, UnixDatagram) {
    let (office, tun) = UnixDatagram::pair().unwrap();
    office.set_nonblocking(true).unwrap();
    tun.set_nonblocking(true).unwrap();
    (Tun::over(OwnedFd::from(tun)), office)
}

/// The input as pieces, each behind a number and its length.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let ([kind, high, low], after) = rest.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (piece, after) = after.split_at(length);
        rest = after;
        Some((*kind, piece))
    })
    .take(PIECES)
}

/// A worker, two devices with sessions, and the office's end of the TUN.
struct Bench {
    worker: Worker,
    table: Table,
    lock: Lock,
    devices: [Tunn; 2],
    office: UnixDatagram,
    mac1_key: [u8; 32],
    now: Boot,
}

impl Bench {
    fn new() -> Self {
        let now = Boot::now();
        let secrets = [[21; 32], [22; 32]].map(StaticSecret::from);
        let state = state([0, 1].map(|n: usize| *PublicKey::from(&secrets[n]).as_bytes()), now);
        let identity = Identity::new([1; 32]);
        let (table, _) = Table::default().next(&state, &identity, now);
        let limiter = Limiter::new(identity.public.as_bytes(), [5; 32], now);
        let (mac1_key, gateway) = (limiter.mac1_key, identity.public);
        let shared = Shared {
            table: ArcSwap::default(),
            identity,
            limiter: Mutex::new(limiter),
            sockets: Vec::new(),
            owners: Vec::new(),
            rounds: vec![AtomicU64::new(0)],
            wakes: vec![eventfd(0, EventfdFlags::NONBLOCK).unwrap()],
            wakened: Mutex::default(),
            mtu: 1420,
        };
        let (tun, office) = tun();
        let worker = Worker::new(0, Lane::Packets, Arc::new(shared), tun);
        let mut number = 0;
        let devices = secrets.map(|secret| {
            number += 1;
            connect(Tunn::new(secret.clone(), gateway, None, None, number, None), &table, &PublicKey::from(&secret))
        });
        Self { worker, table, lock: Lock::new(&state), devices, office, mac1_key, now }
    }

    fn seal(&mut self, device: usize, packet: &[u8]) -> Vec<u8> {
        let mut out = vec![0; packet.len() + 256];
        match self.devices[device].encapsulate(packet, &mut out) {
            TunnResult::WriteToNetwork(message) => message.to_vec(),
            _ => Vec::new(),
        }
    }

    fn train(&mut self, datagrams: &[u8], stride: usize) {
        let from = Endpoint { remote: ([203, 0, 113, 9], 40_000).into(), local: None, socket: 0 };
        self.worker.train(&Round { table: &self.table, now: self.now }, datagrams, stride, from);
    }

    fn office_frame(&mut self, frame: &[u8]) {
        let mut frame = [frame, &[0; PAD]].concat();
        self.worker.office_frame(&Round { table: &self.table, now: self.now }, &mut frame);
    }

    /// Everything that reached the office is of the device whose door is open, or for the gateway itself.
    fn look(&mut self) {
        self.worker.hand_over();
        let mut frame = [0; 70_000];
        while let Ok(length) = self.office.recv(&mut frame) {
            let inner = packet::parse(&frame[VNET..length]).unwrap();
            let own = [address(1).into(), "fd99::1:1".parse().unwrap()].contains(&inner.source);
            let other = [address(2).into(), "fd99::1:2".parse().unwrap()].contains(&inner.source);
            assert!(own || other, "{} speaks", inner.source);
            match self.lock.outbound(&inner, self.now) {
                Pass::Gateway => {}
                Pass::Granted { .. } => assert!(own, "a locked door"),
                Pass::Refused => unreachable!("{inner:?} passed"),
            }
        }
    }
}

/// A finished handshake, message by message.
fn connect(mut device: Tunn, table: &Table, key: &PublicKey) -> Tunn {
    let peer = table.by_key(key.as_bytes()).unwrap();
    let mut noise = peer.noise();
    let (mut there, mut back) = ([0; 256], [0; 256]);
    if let TunnResult::WriteToNetwork(hello) = device.format_handshake_initiation(&mut there, false)
        && let Ok(TunnResult::WriteToNetwork(answer)) = noise.decapsulate(hello, &mut back)
        && let TunnResult::WriteToNetwork(keepalive) = device.decapsulate(None, answer, &mut [0; 256])
    {
        assert!(noise.decapsulate(keepalive, &mut [0; 256]).is_ok());
        return device;
    }
    unreachable!("no handshake")
}

/// What comes by UDP, and what comes from the office: raw, with a right first MAC, sealed by a device, sealed and then
/// damaged, and frames of the TUN.
pub(crate) fn datagrams(bytes: &[u8]) {
    let mut bench = Bench::new();
    for (kind, piece) in pieces(bytes) {
        match kind % 8 {
            0 => bench.train(piece, piece.len()),
            1 => bench.train(piece, usize::from(kind)),
            2 => {
                let mut message = piece.to_vec();
                if let Some((body, macs)) = message.split_last_chunk_mut::<32>() {
                    macs[..16].copy_from_slice(&mac(&bench.mac1_key, &[body]));
                }
                bench.train(&message, message.len());
            }
            3 | 4 => {
                let message = bench.seal(usize::from(kind % 8 - 3), piece);
                bench.train(&message, message.len());
            }
            5 => {
                let mut message = bench.seal(0, piece);
                if let Some(byte) = message.get_mut(usize::from(kind / 8)) {
                    *byte ^= 1 << (piece.len() % 8);
                }
                bench.train(&message, message.len());
            }
            6 => {
                let message = bench.seal(0, piece);
                // Twice in one train: delivered once.
                bench.train(&message.repeat(2), message.len().max(1));
            }
            _ => bench.office_frame(piece),
        }
        bench.look();
    }
}

/// A frame of the kernel's: what its header says may be anything. Each packet that is cut out of it is whole.
pub(crate) fn segments(bytes: &[u8]) {
    let mut frame = bytes.to_vec();
    let Ok(Some(plan)) = segment::plan(&mut frame) else { return };
    let Ok(whole) = packet::parse(&frame[VNET..]) else { return };
    let mut out = vec![0; LARGEST_SEGMENT];
    for n in 0..plan.count().min(1 << 12) {
        let length = plan.segment(&frame[VNET..], n, &mut out);
        assert!(length <= LARGEST_SEGMENT);
        if let Ok(cut) = packet::parse(&out[..length]) {
            assert_eq!((cut.source, cut.destination), (whole.source, whole.destination));
        }
    }
}

/// TCP segments of one flow, merged on their way into the TUN and cut again as the kernel would: the same packets, in
/// the same order. IPv4 identifications may differ, and nothing else.
pub(crate) fn runs(bytes: &[u8]) {
    let Some((&[first, seq], rest)) = bytes.split_first_chunk::<2>() else { return };
    let (tun, office) = tun();
    let mut writer = TunWriter::default();
    let mut seq = u32::from(seq) << 24;
    let (mut sent, mut arrived) = (Vec::new(), Vec::new());
    for (kind, payload) in pieces(rest) {
        let payload = &payload[..payload.len().min(1300)];
        let packet = tcp(first, kind, seq, payload);
        // One in sixteen is out of order.
        seq = seq.wrapping_add(u32::try_from(payload.len()).unwrap() + u32::from(kind >> 4 == 15));
        writer.space()[VNET..VNET + packet.len()].copy_from_slice(&packet);
        writer.push(&packet::parse(&packet).unwrap(), &tun);
        sent.push(packet);
        collect(&office, &mut arrived);
    }
    writer.flush(&tun);
    collect(&office, &mut arrived);
    assert_eq!(arrived.len(), sent.len());
    for (arrived, sent) in arrived.iter().zip(&sent) {
        assert_eq!(without_identification(arrived), without_identification(sent));
    }
}

fn collect(office: &UnixDatagram, arrived: &mut Vec<Vec<u8>>) {
    let mut frame = [0; 70_000];
    while let Ok(length) = office.recv(&mut frame) {
        let Some(plan) = segment::plan(&mut frame[..length]).unwrap() else {
            arrived.push(frame[VNET..length].to_vec());
            continue;
        };
        for n in 0..plan.count() {
            let mut out = [0; LARGEST_SEGMENT];
            let cut = plan.segment(&frame[VNET..length], n, &mut out);
            arrived.push(out[..cut].to_vec());
        }
    }
}

fn without_identification(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if packet[0] >> 4 == 4 {
        packet[4..6].fill(0);
        packet[10..12].fill(0);
        let check = finish(sum(&packet[..20], 0));
        packet[10..12].copy_from_slice(&check.to_be_bytes());
    }
    packet
}

/// A segment of the flow. `kind` turns some of what neighbours must have in common, one bit each.
fn tcp(first: u8, kind: u8, seq: u32, payload: &[u8]) -> Vec<u8> {
    let (v4, options) = (first & 1 == 0, usize::from(first >> 1) % 4 * 4);
    let ip = if v4 { 20 } else { 40 };
    let mut p = vec![0; ip + 20 + options];
    p.extend_from_slice(payload);
    let n = p.len();
    if v4 {
        p[0] = 0x45;
        p[1] = kind & 1;
        p[2..4].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
        p[4] = kind;
        p[6] = if first & 16 == 0 { 0x40 } else { 0 };
        (p[8], p[9], p[12], p[16]) = (64 - (kind >> 1 & 1), 6, 10, 11);
        let check = finish(sum(&p[..20], 0));
        p[10..12].copy_from_slice(&check.to_be_bytes());
    } else {
        p[0] = 0x60;
        p[1] = kind & 1;
        p[4..6].copy_from_slice(&u16::try_from(n - 40).unwrap().to_be_bytes());
        (p[6], p[7], p[8], p[24]) = (6, 64 - (kind >> 1 & 1), 0xfd, 0xfe);
    }
    p[ip + 4..ip + 8].copy_from_slice(&seq.to_be_bytes());
    p[ip + 11] = kind >> 2 & 1;
    p[ip + 12] = u8::try_from(5 + options / 4).unwrap() << 4;
    // ACK, sometimes with PSH, seldom with FIN or SYN.
    p[ip + 13] = 0x10 | (kind >> 3 & 1) << 3 | u8::from(kind == 0x55) | u8::from(kind == 0x66) << 1;
    p[ip + 20..ip + 20 + options].fill(first);
    let inner = packet::parse(&p).unwrap();
    let check = finish(sum(&p[ip..], pseudo_header(inner.source, inner.destination, protocol::TCP, n - ip)));
    p[ip + 16..ip + 18].copy_from_slice(&check.to_be_bytes());
    p
}
