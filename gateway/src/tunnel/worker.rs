//! One worker: reads, decides, encrypts and writes without handing over to anybody. One more does the same for what is
//! no packet of a session, so that the others never wait for a handshake's arithmetic.
//!
//! A round reads what UDP and TUN have, up to a bound, under one table and one reading of the clock. While a round is
//! under way its number is odd; the control thread waits for that after it has changed the table.

use std::io::{ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;

use boringtun::noise::handshake::parse_handshake_anon;
use boringtun::noise::{Packet, Tunn, TunnResult};
use quinn_udp::RecvMeta;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Shared;
use super::coalesce::TunWriter;
use super::limiter::{COOKIE_REPLY, Judgement};
use super::outbox::Outbox;
use super::peer::{Encapsulated, Noise, Peer};
use super::segment;
use super::table::Table;
use super::tun::{Tun, VNET};
use super::udp::{Endpoint, Lane, Socket};
use super::verdicts::Verdicts;
use super::wheel::Wheel;
use crate::clock::Boot;
use crate::planted::{Bug, planted};
use crate::pure::lock::Pass;
use crate::pure::packet::{self, Inner};
use crate::pure::refuse::{MAX_REFUSAL, refuse};

/// Receive buffers a worker has, of 64 KiB each: what one `recvmmsg` can bring.
const RECEIVE: usize = 8;
/// Largest packet the kernel hands over, and the largest train of datagrams.
const LARGEST: usize = 65_536;
/// Packets or calls a round takes from one side before it looks at the other, so that neither starves.
const ROUND: usize = 32;
/// The same of handshakes, half a millisecond's worth: who revokes waits for the round that is under way.
const ROUND_OF_HANDSHAKES: usize = RECEIVE;
/// Packets are padded to a multiple of this, in bytes; buffers have as much room behind the packet.
pub(super) const PAD: usize = 16;
/// boringtun needs room for a handshake message at least.
const SCRATCH: usize = 256;

/// A thread's own things.
pub(super) struct Worker {
    number: usize,
    lane: Lane,
    shared: Arc<Shared>,
    tun: Tun,
    writer: TunWriter,
    outbox: Outbox,
    verdicts: Verdicts,
    wheel: Wheel,
    frame: Box<[u8]>,
    segment: Box<[u8]>,
    receive: Vec<Box<[u8]>>,
}

/// What a round holds on to.
pub(super) struct Round<'a> {
    pub(super) table: &'a Table,
    pub(super) now: Boot,
}

impl Worker {
    /// A worker with its own queue of the TUN; that for handshakes only writes to it.
    pub(super) fn new(number: usize, lane: Lane, shared: Arc<Shared>, tun: Tun) -> Self {
        Self {
            number,
            lane,
            shared,
            tun,
            writer: TunWriter::default(),
            outbox: Outbox::default(),
            verdicts: Verdicts::default(),
            wheel: Wheel::new(Boot::now()),
            frame: vec![0; LARGEST + VNET + PAD].into(),
            segment: vec![0; segment::LARGEST_SEGMENT + PAD].into(),
            receive: (0..RECEIVE).map(|_| vec![0; LARGEST].into()).collect(),
        }
    }

    /// Runs for as long as the process does.
    pub(super) fn run(mut self) {
        loop {
            self.wait();
            self.shared.enter(self.number);
            let table = self.shared.table.load();
            let round = Round { table: &table, now: Boot::now() };
            let shared = self.shared.clone();
            for number in shared.sockets_of(self.number, self.lane) {
                self.read_udp(&round, number);
            }
            if self.lane == Lane::Packets {
                self.read_tun(&round);
            }
            self.turn_wheel(&round);
            self.hand_over();
            drop(table);
            self.shared.leave(self.number);
        }
    }

    /// What was held back for its neighbours goes out.
    pub(super) fn hand_over(&mut self) {
        self.writer.flush(&self.tun);
        self.outbox.send(&self.shared.sockets);
    }

    fn wait(&self) {
        let wake = &self.shared.wakes[self.number];
        let mut fds = vec![PollFd::new(wake, PollFlags::IN)];
        if self.lane == Lane::Packets {
            fds.push(PollFd::new(&self.tun, PollFlags::IN));
        }
        for number in self.shared.sockets_of(self.number, self.lane) {
            fds.extend(
                self.shared.sockets[number].descriptor(self.lane).map(|d| PollFd::from_borrowed_fd(d, PollFlags::IN)),
            );
        }
        let timeout = self.wheel.due().map(|due| {
            let left = due.remaining(Boot::now());
            Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()).max(1_000_000) }
        });
        // an interrupted or failed poll is a round without packets
        let _ = poll(&mut fds, timeout.as_ref());
        if fds[0].revents().contains(PollFlags::IN) {
            let _ = rustix::io::read(wake, &mut [0; 8]);
        }
    }

    fn read_udp(&mut self, round: &Round<'_>, number: usize) {
        let mut buffers = std::mem::take(&mut self.receive);
        let shared = self.shared.clone();
        let Some(socket) = shared.sockets.get(number) else { return };
        let mut metas = [RecvMeta::default(); RECEIVE];
        let round_of = if self.lane == Lane::Packets { ROUND } else { ROUND_OF_HANDSHAKES };
        for _ in 0..round_of / RECEIVE {
            let mut slices: [IoSliceMut<'_>; RECEIVE] = {
                let mut rest = buffers.iter_mut();
                std::array::from_fn(|_| IoSliceMut::new(rest.next().map_or(&mut [], |b| &mut b[..])))
            };
            let received = match socket.receive(self.lane, &mut slices, &mut metas) {
                Ok(received) => received,
                Err(e) => {
                    if e.kind() != ErrorKind::WouldBlock {
                        tracing::debug!(error = %e, "receive UDP");
                    }
                    break;
                }
            };
            for (buffer, meta) in buffers.iter().zip(&metas).take(received) {
                // Port 0 cannot be answered: the kernel refuses it.
                if meta.addr.port() == 0 {
                    continue;
                }
                let from = Endpoint { remote: meta.addr, local: meta.dst_ip, socket: number };
                self.train(round, &buffer[..meta.len.min(LARGEST)], meta.stride, from);
            }
            if received < RECEIVE {
                break;
            }
        }
        self.receive = buffers;
    }

    /// Datagrams of one sender; the peer is looked up and taken once for all that belong to one session.
    pub(super) fn train(&mut self, round: &Round<'_>, datagrams: &[u8], stride: usize, from: Endpoint) {
        let mut rest = datagrams.chunks(stride.max(1)).peekable();
        while let Some(first) = rest.next() {
            match Tunn::parse_incoming_packet(first) {
                Ok(Packet::PacketData(data)) => {
                    let Some(peer) = round.table.by_session(data.receiver_idx) else { continue };
                    let mut noise = peer.noise();
                    self.before_packet(round, peer, &mut noise, false);
                    self.data(round, peer, &mut noise, first, from);
                    while let Some(next) = rest.next_if(|next| next.get(..8) == first.get(..8)) {
                        self.data(round, peer, &mut noise, next, from);
                    }
                }
                // Nobody sends several in a train but who wants all of them worked on in one round.
                Ok(Packet::HandshakeInit(_) | Packet::HandshakeResponse(_)) if rest.peek().is_some() => {}
                Ok(Packet::HandshakeInit(_) | Packet::HandshakeResponse(_)) => self.handshake(round, first, from),
                Ok(Packet::PacketCookieReply(cookie)) => {
                    if let Some(peer) = round.table.by_session(cookie.receiver_idx) {
                        // only authenticated packets move the endpoint: this one is not
                        let _ = peer.noise().decapsulate(first, &mut [0; SCRATCH]);
                    }
                }
                Err(_) => {}
            }
        }
    }

    fn data(&mut self, round: &Round<'_>, peer: &Arc<Peer>, noise: &mut Noise, message: &[u8], from: Endpoint) {
        let length = match noise.decapsulate(message, &mut self.writer.space()[VNET..]) {
            Ok(TunnResult::WriteToTunnelV4(inner, _) | TunnResult::WriteToTunnelV6(inner, _)) => inner.len(),
            // a keepalive
            Ok(TunnResult::Done) => 0,
            Ok(_) | Err(_) => return,
        };
        noise.endpoint = Some(from);
        peer.received(length, round.now);
        self.arm(peer, round.now);
        self.send_waiting(round, peer, noise);
        if length == 0 {
            return;
        }
        let bytes = &self.writer.space()[VNET..VNET + length];
        let Ok(inner) = packet::parse(bytes) else { return };
        if !peer.owns(inner.source) && !planted(Bug::AnySource) {
            tracing::debug!(device = %peer.device, "dropped: source address is not the device's own");
            return;
        }
        match self.verdicts.outbound(round.table, &inner, round.now) {
            Pass::Gateway if inner.may_begin(bytes) && !noise.may_begin(round.now) => {}
            Pass::Gateway => self.writer.push(&inner, &self.tun),
            Pass::Granted { .. } => {
                peer.carried(inner.length);
                self.writer.push(&inner, &self.tun);
            }
            Pass::Refused => self.refuse(round, peer, noise, &inner, length),
        }
    }

    fn refuse(&mut self, round: &Round<'_>, peer: &Peer, noise: &mut Noise, inner: &Inner, length: usize) {
        if !noise.may_refuse(round.now) {
            return;
        }
        let mut answer = [0; MAX_REFUSAL];
        let packet = &self.writer.space()[VNET..VNET + length];
        if let Some(n) = refuse(packet, inner, &mut answer) {
            self.encrypt(peer, noise, &mut answer, n);
        }
    }

    fn handshake(&mut self, round: &Round<'_>, message: &[u8], from: Endpoint) {
        let mut reply = [0; COOKIE_REPLY];
        match self.shared.judge(from.remote, message, round.now, &mut reply) {
            Judgement::Drop => return,
            Judgement::Cookie => return self.send_one(&reply, from),
            Judgement::Process => {}
        }
        let peer = match Tunn::parse_incoming_packet(message) {
            Ok(Packet::HandshakeInit(init)) => {
                let identity = &self.shared.identity;
                let Ok(half) = parse_handshake_anon(&identity.private, &identity.public, &init) else { return };
                round.table.by_key(&half.peer_static_public)
            }
            Ok(Packet::HandshakeResponse(response)) => round.table.by_session(response.receiver_idx),
            _ => None,
        };
        let Some(peer) = peer else { return };
        let mut noise = peer.noise();
        self.before_packet(round, peer, &mut noise, true);
        let mut out = [0; SCRATCH];
        match noise.decapsulate(message, &mut out) {
            Ok(TunnResult::WriteToNetwork(answer)) => {
                noise.endpoint = Some(from);
                peer.received(0, round.now);
                self.arm(peer, round.now);
                self.send_one(answer, from);
                self.send_waiting(round, peer, &mut noise);
            }
            Ok(_) => {}
            Err(e) => tracing::debug!(device = %peer.device, error = ?e, "handshake refused"),
        }
    }

    fn read_tun(&mut self, round: &Round<'_>) {
        let mut frame = std::mem::take(&mut self.frame);
        for _ in 0..ROUND {
            match self.tun.read(&mut frame[..LARGEST + VNET]) {
                Ok(length) => self.office_frame(round, &mut frame[..length + PAD]),
                Err(_) => break,
            }
        }
        self.frame = frame;
    }

    /// One frame of the TUN's, with room for padding behind it.
    pub(super) fn office_frame(&mut self, round: &Round<'_>, frame: &mut [u8]) {
        let length = frame.len() - PAD;
        let Ok(plan) = segment::plan(&mut frame[..length]) else { return };
        let bytes = &frame[VNET..length];
        let Some(peer) = packet::destination(bytes).and_then(|to| round.table.by_address(to)) else { return };
        let Ok(inner) = packet::parse(bytes) else { return };
        match self.verdicts.inbound(round.table, &inner, round.now) {
            Pass::Refused => return,
            Pass::Gateway => {}
            Pass::Granted { .. } => peer.carried(length - VNET),
        }
        let mut noise = peer.noise();
        self.before_packet(round, peer, &mut noise, false);
        let Some(plan) = plan else {
            self.encrypt(peer, &mut noise, &mut frame[VNET..], inner.length);
            return;
        };
        let mut segment = std::mem::take(&mut self.segment);
        for n in 0..plan.count() {
            let length = plan.segment(bytes, n, &mut segment);
            self.encrypt(peer, &mut noise, &mut segment, length);
        }
        self.segment = segment;
    }

    /// What waited for a session goes now, if it may go now: doors may have locked meanwhile.
    fn send_waiting(&mut self, round: &Round<'_>, peer: &Peer, noise: &mut Noise) {
        for mut waited in noise.take_waiting() {
            let Ok(inner) = packet::parse(&waited) else { continue };
            if peer.owns(inner.destination) && self.verdicts.inbound(round.table, &inner, round.now) != Pass::Refused {
                let length = inner.length;
                waited.resize(length + PAD, 0);
                self.encrypt(peer, noise, &mut waited, length);
            }
        }
    }

    /// Encrypts the first `length` bytes of `buffer` and puts them into the train. Pads to 16 bytes (WireGuard paper
    /// §5.4.6), never above the MTU; the buffer has room for it.
    fn encrypt(&mut self, peer: &Peer, noise: &mut Noise, buffer: &mut [u8], length: usize) {
        let padded = length.next_multiple_of(PAD).min(self.shared.mtu.max(length));
        let Some(packet) = buffer.get_mut(..padded) else { return };
        packet[length..].fill(0);
        let Some(to) = noise.endpoint else { return };
        let message = match noise.encapsulate(packet, self.outbox.space()) {
            Encapsulated::Data(message) => {
                peer.sent(length);
                message
            }
            Encapsulated::Handshake(message) => message.len(),
            Encapsulated::Waiting => return,
        };
        self.outbox.push(message, to, &self.shared.sockets);
    }

    /// boringtun's clock must move before it judges a packet after a silence.
    fn before_packet(&mut self, round: &Round<'_>, peer: &Arc<Peer>, noise: &mut Noise, handshake: bool) {
        let mut out = [0; SCRATCH];
        let to = noise.endpoint;
        if let (Some(message), Some(to)) = (noise.tick(round.now, handshake, &mut out), to) {
            self.send_one(message, to);
        }
        self.arm(peer, round.now);
    }

    fn arm(&mut self, peer: &Arc<Peer>, now: Boot) {
        if peer.arm() {
            self.wheel.put(peer.clone(), now);
        }
    }

    fn turn_wheel(&mut self, round: &Round<'_>) {
        for peer in self.shared.take_wakened(self.number) {
            self.start(round, &peer);
        }
        let mut wheel = std::mem::replace(&mut self.wheel, Wheel::new(round.now));
        wheel.turn(round.now, |peer| {
            let current = round.table.by_key(&peer.public_key.0).is_some_and(|p| Arc::ptr_eq(p, peer));
            if !current {
                peer.disarm();
                return false;
            }
            let mut noise = peer.noise();
            let mut out = [0; SCRATCH];
            let to = noise.endpoint;
            if let (Some(message), Some(to)) = (noise.tick(round.now, true, &mut out), to) {
                self.send_one(message, to);
            }
            let live = noise.is_live();
            if !live {
                // While nobody can begin a session: who arms it after this puts it back.
                peer.disarm();
            }
            live
        });
        self.wheel = wheel;
    }

    /// Starts a handshake with a peer that was heard shortly before a restart of ours. From every port: its home router
    /// lets in only what comes from the one it was talking to, and that is not remembered.
    fn start(&mut self, round: &Round<'_>, peer: &Arc<Peer>) {
        let mut noise = peer.noise();
        let Some(to) = noise.endpoint else { return };
        self.before_packet(round, peer, &mut noise, true);
        let mut out = [0; SCRATCH];
        if let Some(message) = noise.initiate(&mut out) {
            for socket in 0..self.shared.sockets.len() {
                self.send_one(message, Endpoint { socket, ..to });
            }
        }
    }

    fn send_one(&mut self, message: &[u8], to: Endpoint) {
        self.outbox.space()[..message.len()].copy_from_slice(message);
        self.outbox.push(message.len(), to, &self.shared.sockets);
    }
}

/// How a peer's stored endpoint is reached before it was heard: by the first socket.
#[must_use]
pub(super) fn stored(remote: SocketAddr, sockets: &[Socket]) -> Option<Endpoint> {
    let socket = sockets.first()?;
    Some(Endpoint { remote: socket.remote(remote), local: None, socket: 0 })
}
