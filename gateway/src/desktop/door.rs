//! The door for RDP apps: whoever connects to an office PC's name is heard here first, woken for and led there.
//!
//! The kernel leads RDP to an alias here and says where it was to go (nftables' translation; `SO_ORIGINAL_DST`). Who comes
//! is known by the address in the tunnel. Nothing of the session is read but the first request, which is in the clear.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Desk, of};
use crate::audit::Actor;
use crate::clock::Boot;
use crate::fleet::State;
use crate::ids::DesktopId;
use crate::pure::cut::shut_out;
use crate::pure::decide::{Verdict, decide};
use crate::pure::desktop::{Coming, Entry, NoEntry, entry};
use crate::pure::wake::Cause;
use crate::pure::workstation::Reason;
use crate::pure::x224::{LONGEST_REQUEST, Peeked, RDP, request};
use crate::store::devices::Device;
use crate::store::resources::Resource;
use crate::store::{Moment, Scope};
use crate::wake::{Outcome, Refused};

/// A client says what it wants at once.
const ASKS: Duration = Duration::from_secs(10);

/// So long an app is kept waiting for its PC: some give up after 30 seconds ([MS-RDPBCGR] has no limit, mstsc does).
pub const HOLD: Duration = Duration::from_secs(25);

/// How often it is looked whether the agent of a PC that was woken is back.
const AGENT: Duration = Duration::from_millis(250);

/// A PC that is on takes a connection in milliseconds.
const CONNECT: Duration = Duration::from_secs(2);

/// Where a connection was to go before it was led here.
///
/// # Errors
/// It was not led here.
pub fn destination(stream: &TcpStream) -> io::Result<SocketAddr> {
    let socket = socket2::SockRef::from(stream);
    let address = match stream.local_addr()? {
        SocketAddr::V4(_) => socket.original_dst_v4()?,
        SocketAddr::V6(_) => socket.original_dst_v6()?,
    };
    address.as_socket().ok_or_else(|| io::Error::other("no address"))
}

impl Desk {
    /// Somebody's app, from the device at `peer`, wants to go `to` an alias.
    pub async fn attend(self: Arc<Self>, stream: TcpStream, peer: IpAddr, to: SocketAddr) {
        let until = Instant::now() + HOLD;
        if !self.may_come(peer, Boot::now()) {
            return;
        }
        let Some((device, resource)) = self.who_and_where(peer, to.ip()).await else { return };
        if let Err(why) = self.lead(stream, &device, &resource, until).await {
            // A connection that ends without an answer is what every app has words for.
            self.refuse(&device, resource.id, &resource.name, why);
        }
    }

    /// Nothing: the data plane knows no such device, or nothing is published there any more.
    async fn who_and_where(&self, peer: IpAddr, alias: IpAddr) -> Option<(Device, Resource)> {
        let cuts = self.store.waiting_cuts();
        let device = self.store.device_at(peer.to_canonical()).await.ok()??;
        if shut_out(&cuts, device.user, Some(device.id)) || !device.may_come_in() || device.outside {
            return None;
        }
        let here = |r: &Resource| match alias.to_canonical() {
            IpAddr::V4(a) => r.alias4.is_some_and(|n| n.addr() == a),
            IpAddr::V6(a) => r.alias6.is_some_and(|n| n.addr() == a),
        };
        let resources = self.store.resources().await.ok()?;
        Some((device, resources.into_iter().find(here)?))
    }

    async fn lead(
        self: &Arc<Self>,
        mut stream: TcpStream,
        device: &Device,
        resource: &Resource,
        until: Instant,
    ) -> Result<(), NoEntry> {
        let asked = timeout(ASKS, ask(&mut stream)).await.ok().flatten().ok_or(NoEntry::NoRdp)?;
        self.allowed(device, resource).await?;
        self.knows_all(until).await?;
        // Nobody goes for who is not let in.
        if self.still(device, resource).is_ok() {
            self.make_room(resource.id, device.user, Moment::now()).await;
        }
        let id = DesktopId::new();
        let on_the_way = self.enter(of(id, device, resource.id, &resource.name))?;
        let found = async {
            tokio::select! {
                found = self.find(device, resource, until) => found.map(Some),
                // Whoever gives up is not kept a place for.
                () = gone(&stream) => Ok(None),
            }
        };
        let Some(mut pc) = found.await? else { return Ok(()) };
        // It took a while: what held then need not hold now. From here on `net` sees to it.
        self.allowed(device, resource).await?;
        self.still(device, resource)?;
        pc.write_all(&asked).await.map_err(|_| NoEntry::Silent)?;
        let ends = [descriptor(stream), descriptor(pc)];
        let [Ok(stream), Ok(pc)] = ends else { return Err(NoEntry::Gateway) };
        let begun = self.begin(id, [stream, pc]).await;
        drop(on_the_way);
        begun
    }

    /// Who is there already, the data plane alone knows, after a start of this process.
    pub(super) async fn knows_all(&self, until: Instant) -> Result<(), NoEntry> {
        let mut told = self.told.subscribe();
        let known = timeout_at(until, told.wait_for(|told| *told)).await;
        matches!(known, Ok(Ok(_))).then_some(()).ok_or(NoEntry::Gateway)
    }

    pub(super) async fn allowed(&self, device: &Device, resource: &Resource) -> Result<(), NoEntry> {
        self.until(device, resource).await.map(drop)
    }

    /// Until when they may go there.
    pub(super) async fn until(&self, device: &Device, resource: &Resource) -> Result<Boot, NoEntry> {
        if device.outside && !self.reconciler.site().desktops_outside {
            return Err(NoEntry::NotAllowed);
        }
        let now = Moment::now();
        let world = self.store.world(&Scope::user(device.user), now).await.map_err(|_| NoEntry::Gateway)?;
        match decide(&world, device.id, resource.id, now.boot) {
            Verdict::Allow { until, .. } => Ok(until),
            Verdict::Deny { .. } => Err(NoEntry::NotAllowed),
        }
    }

    /// A connection to the PC, which is woken for it; nobody is thrown off.
    pub(super) async fn find(
        &self,
        device: &Device,
        resource: &Resource,
        until: Instant,
    ) -> Result<TcpStream, NoEntry> {
        let mut woken = false;
        loop {
            let (entry, state) = self.look(device, resource)?;
            let address = state.address.ok_or(NoEntry::Gateway)?;
            // A PC with an agent is not entered before that has said who is there.
            let unseen = state.is_unseen();
            match entry {
                Entry::Refuse(why) => return Err(why),
                Entry::Wake if !woken => {}
                Entry::Go | Entry::Wake if unseen && woken => {
                    if Instant::now() + AGENT >= until {
                        return Err(NoEntry::Unseen);
                    }
                    sleep(AGENT).await;
                    continue;
                }
                Entry::Go | Entry::Wake if unseen => {}
                Entry::Go | Entry::Wake => match timeout(CONNECT, TcpStream::connect((address, RDP))).await {
                    Ok(Ok(pc)) => return Ok(pc),
                    // It fell asleep without a word, perhaps.
                    _ if !woken => {}
                    _ => return Err(NoEntry::Silent),
                },
            }
            self.wake(device, resource, until).await?;
            woken = true;
        }
    }

    /// Whether nothing has changed about who is there while they were on their way.
    pub(super) fn still(&self, device: &Device, resource: &Resource) -> Result<(), NoEntry> {
        match self.look(device, resource)? {
            (Entry::Refuse(why), _) => Err(why),
            (_, state) if state.is_unseen() => Err(NoEntry::Unseen),
            _ => Ok(()),
        }
    }

    /// Whether they may go there as it is now.
    pub(super) fn look(&self, device: &Device, resource: &Resource) -> Result<(Entry, State), NoEntry> {
        let state = self.fleet.state(resource.id).ok_or(NoEntry::NotAllowed)?;
        let coming = Coming {
            kind: state.judged.kind,
            reason: state.judged.reason,
            by: state.judged.by.as_deref(),
            login: &device.login,
            kept: self.is_kept_from(resource.id, device.user, Moment::now()),
            booked: self.is_theirs(resource.id, device.user, Moment::now()),
            own: self.is_own(resource.id, device.user, Boot::now())
                || (state.judged.reason == Reason::ThroughGateway && self.is_at(resource.id, device.user)),
            admitted: self.is_admitted(resource.id, device.user, Boot::now()),
        };
        Ok((entry(coming), state))
    }

    async fn wake(&self, device: &Device, resource: &Resource, until: Instant) -> Result<(), NoEntry> {
        let actor = Actor::User(device.login.clone());
        let mut progress = loop {
            match self.waker.wake(resource.id, actor.clone()).await {
                Ok(progress) => break progress,
                Err(Refused::TooSoon(left)) if Instant::now() + left < until => sleep(left).await,
                Err(Refused::TooSoon(_)) => return Err(NoEntry::StillWaking),
                Err(Refused::TooMany) => return Err(NoEntry::TooMany),
                Err(Refused::Gone) => return Err(NoEntry::NotAllowed),
            }
        };
        let ended = async {
            loop {
                if let Some((outcome, _)) = progress.borrow_and_update().outcome {
                    return outcome;
                }
                if progress.changed().await.is_err() {
                    return Outcome::Cancelled;
                }
            }
        };
        // The wake goes on: the next try finds the PC awake.
        match timeout_at(until, ended).await {
            Ok(Outcome::Ready) => Ok(()),
            Ok(Outcome::Failed(Cause::RdpOff)) => Err(NoEntry::RdpOff),
            Ok(Outcome::Failed(Cause::RdpSilent)) => Err(NoEntry::Silent),
            Ok(Outcome::Failed(_) | Outcome::Cancelled) => Err(NoEntry::NotWoken),
            Err(_) => Err(NoEntry::StillWaking),
        }
    }
}

/// What the app says first, to the byte.
async fn ask(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; LONGEST_REQUEST];
    loop {
        let n = stream.peek(&mut bytes).await.ok()?;
        if n == 0 {
            return None;
        }
        match request(&bytes[..n]) {
            // What is there already would be told again at once.
            Peeked::More if n < bytes.len() => sleep(Duration::from_millis(20)).await,
            Peeked::More | Peeked::Never => return None,
            Peeked::Whole(length) => {
                bytes.truncate(length);
                stream.read_exact(&mut bytes).await.ok()?;
                return Some(bytes);
            }
        }
    }
}

/// Ends when the app has gone; one that says more before it is answered waits like all others.
async fn gone(stream: &TcpStream) {
    loop {
        match stream.ready(Interest::READABLE).await {
            Ok(ready) if !ready.is_read_closed() => sleep(AGENT).await,
            Ok(_) | Err(_) => return,
        }
    }
}

fn descriptor(stream: TcpStream) -> io::Result<OwnedFd> {
    Ok(stream.into_std()?.into())
}
