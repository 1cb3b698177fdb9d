//! An office PC that sleeps: its services are stopped, it has no address, its link says nothing. Its network adapter alone
//! listens, as real ones do, for a magic packet on the wire, and starts the PC when there is one with its own address.

use std::cell::RefCell;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::netns::Netns;
use crate::place::{Office, Part, hardware};
use crate::probe::connect;
use crate::process::{Process, wait_until};
use crate::wire::packet_socket::{HEADER, PacketSocket};

/// xrdp answers well within this.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The adapter looks up this often whether the test is over.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Bytes of a magic packet.
const MAGIC: usize = 102;

/// The PC.
#[derive(Debug)]
pub struct Sleeper {
    ns: Netns,
    part: Part,
    last: u8,
    server: RefCell<Option<Process>>,
    adapter: RefCell<Option<Adapter>>,
}

/// What goes on while it sleeps.
#[derive(Debug)]
struct Adapter {
    over: Arc<AtomicBool>,
    heard: Arc<Mutex<Heard>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

/// What the adapter heard.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Frames with a magic packet, whole, in order.
    pub frames: Vec<Vec<u8>>,
    /// Whether one of them was its own.
    pub woken: bool,
}

impl Sleeper {
    /// A PC that is awake, with RDP answering.
    ///
    /// # Errors
    /// Its server does not start.
    pub fn awake(office: &Office, name: &'static str, part: Part, last: u8) -> anyhow::Result<Self> {
        let ns = office.machine(name, part, last)?;
        let pc = Self { ns, part, last, server: RefCell::default(), adapter: RefCell::default() };
        pc.serve(office)?;
        Ok(pc)
    }

    /// Its namespace.
    #[must_use]
    pub fn ns(&self) -> &Netns {
        &self.ns
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}.{}", self.part.network(), self.last)
    }

    /// Its hardware address.
    #[must_use]
    pub fn mac(&self) -> String {
        hardware(self.last)
    }

    /// It falls asleep.
    ///
    /// # Errors
    /// Its link cannot be silenced.
    pub fn sleep(&self) -> anyhow::Result<()> {
        self.server.take();
        self.ns.ip("link set eth0 arp off\naddr flush dev eth0")?;
        let (over, heard) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Heard>>::default());
        let own = bytes(&self.mac())?;
        let (full, ended, told) = (self.ns.full_name().to_owned(), over.clone(), heard.clone());
        let thread = std::thread::spawn(move || {
            Netns::enter_by_name(&full)?;
            listen(own, &ended, &told)
        });
        self.adapter.replace(Some(Adapter { over, heard, thread: Some(thread) }));
        Ok(())
    }

    /// What its adapter heard since it fell asleep.
    ///
    /// # Errors
    /// It is awake.
    pub fn heard(&self) -> anyhow::Result<Heard> {
        let adapter = self.adapter.borrow();
        let adapter = adapter.as_ref().context("it is awake")?;
        Ok(adapter.heard.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Waits until its adapter has heard its own magic packet, then starts it; `serves`: RDP is there, too.
    ///
    /// # Errors
    /// There was none in time.
    pub fn wake_when_called(&self, office: &Office, within: Duration, serves: bool) -> anyhow::Result<Heard> {
        wait_until("a magic packet for this PC", within, || Ok(self.heard()?.woken.then_some(())))?;
        let heard = self.heard()?;
        self.adapter.take();
        let net = self.part.network();
        self.ns.ip(&format!(
            "link set eth0 arp on\naddr add {net}.{}/24 dev eth0\nroute add default via {net}.1",
            self.last
        ))?;
        if serves {
            self.serve(office)?;
        }
        Ok(heard)
    }

    fn serve(&self, office: &Office) -> anyhow::Result<()> {
        ensure!(Path::new("/usr/sbin/xrdp").exists(), "xrdp is missing: `make install-deps` installs it");
        // As the office's first PC does (servers.rs).
        let script = "mkdir -p /run/xrdp && mount -t tmpfs none /run/xrdp && exec /usr/sbin/xrdp --nodaemon";
        self.server.replace(Some(self.ns.spawn(["sh", "-c", script])?));
        let at = format!("{}:3389", self.address()).parse()?;
        let asks = if self.part == Part::First { &office.files } else { &office.odns };
        wait_until("RDP answers", START_LIMIT, || Ok(connect(asks, at, START_LIMIT)?.is_open().then_some(())))?;
        Ok(())
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its own failure is told by what it did not hear.
            let _ = thread.join();
        }
    }
}

fn bytes(mac: &str) -> anyhow::Result<[u8; 6]> {
    let all: Result<Vec<u8>, _> = mac.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect();
    all?.try_into().map_err(|_| anyhow::anyhow!("six bytes"))
}

/// Notes every magic packet; whether one is for this address is for the adapter to say.
fn listen(own: [u8; 6], over: &AtomicBool, heard: &Mutex<Heard>) -> anyhow::Result<()> {
    let socket = PacketSocket::open("eth0")?;
    let mut frame = vec![0; 64 * 1024];
    while !over.load(Ordering::Relaxed) {
        let mut fds = [PollFd::new(&socket, PollFlags::IN)];
        if poll(&mut fds, Some(&LOOK))? == 0 {
            continue;
        }
        let Ok(size) = rustix::io::read(socket.as_fd(), &mut frame) else { continue };
        let Some(frame) = frame.get(HEADER..size) else { continue };
        let Some(target) = called(frame) else { continue };
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.frames.push(frame.to_vec());
        heard.woken |= target == own;
    }
    Ok(())
}

/// Whom a frame calls: six times 0xff and sixteen times the same address, anywhere in it, as an adapter looks for it.
fn called(frame: &[u8]) -> Option<[u8; 6]> {
    frame.windows(MAGIC).find_map(|window| {
        let (sync, rest) = window.split_at(6);
        let first: [u8; 6] = rest.first_chunk().copied()?;
        (sync == [0xff; 6] && rest.chunks(6).all(|chunk| chunk == first)).then_some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_hears_whole_packets_only() {
        let mac = [2, 0, 0x5e, 0x10, 0, 7];
        let mut packet = vec![0xff; 6];
        packet.extend(mac.repeat(16));
        let frame = [vec![1; 42], packet.clone(), vec![0; 3]].concat();
        assert_eq!(called(&frame), Some(mac));
        assert_eq!(called(&packet[..101]), None);
        let mut broken = packet.clone();
        broken[50] ^= 1;
        assert_eq!(called(&broken), None);
        assert_eq!(bytes("02:00:5e:10:00:07").unwrap(), mac);
    }
}
