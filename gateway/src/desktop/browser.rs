//! Desktops in the browser: a WebSocket that speaks RDCleanPath, and behind it the PC.
//!
//! The page says nothing of where it goes: its ticket does. The connection to the PC is made here, and so is its TLS: here
//! alone a certificate can be looked at. Why a desktop ended is kept for the page, which the component does not tell.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use agent::bounded::Fingerprint;
use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt as _, StreamExt as _};
use ironrdp_rdcleanpath::RDCleanPathPdu;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::door::HOLD;
use super::end::End;
use super::pc::{answer, secured, watched};
use super::ticket::{Secret, Ticket};
use super::wire::{Passed, asks, refuse, speaks, to_page, to_the_pc};
use super::{AT_ALL, Desk, Desktop, OnTheWay, Via, millis, of};
use crate::audit::{Actor, Event};
use crate::clock::Boot;
use crate::ids::{DesktopId, ResourceId, UserId};
use crate::net::{BUSY, MINUTE};
use crate::pure::cut::shut_out;
use crate::pure::desktop::{Entry, Mark, NoEntry, Stranger, is_known};
use crate::pure::workstation::Kind;
use crate::pure::x224::{RDP, REQUEST, Security};
use crate::store::devices::Device;
use crate::store::resources::Resource;
use crate::store::{self, Moment};
use crate::wake::{Outcome, Progress};

/// The page says at once what it wants.
const ASKS: Duration = Duration::from_secs(10);

/// The PC answers, and then shows its certificate, within this each.
const ANSWERS: Duration = Duration::from_secs(10);

/// Messages of a page's are no longer: a file goes in pieces.
pub const MESSAGE: usize = 1024 * 1024;

/// What neither side takes for so long goes to nobody.
pub(super) const TAKES: Duration = Duration::from_secs(30);

/// How often the board is told what has passed.
const COUNT: Duration = Duration::from_secs(1);

/// One that gives none for so long is gone.
const GONE: Duration = Duration::from_secs(45);

/// Whether they may is asked again this often, whatever is announced.
const AGAIN: Duration = Duration::from_secs(15);

/// Whom the database does not let in any more ends within this, too.
const CUT: Duration = Duration::from_millis(250);

/// A database that is away is asked again this soon; what was allowed goes on until its time is over.
const RETRY: Duration = Duration::from_secs(5);

/// The agent of a PC that was woken is waited for so long, within so long after the wake.
const SPEAKS: Duration = Duration::from_secs(20);
const WAKES: Duration = Duration::from_secs(90);

/// What answers and is not the PC is written down once in so long.
const TOLD: Duration = Duration::from_secs(60);

/// What became of a desktop is remembered for so long, for its page.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Ends that are remembered.
const OVER: usize = 1_000;

/// A desktop in the browser that is over.
#[derive(Clone, Debug)]
pub struct Over {
    user: UserId,
    /// What is known of it.
    pub desktop: Desktop,
    /// How it ended.
    pub end: End,
    at: Boot,
}

/// What somebody is told who wants to go to a PC by their browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// They may go there by this ticket.
    Go(DesktopId, Secret),
    /// The PC has to be woken first.
    Away,
    /// They may not, for this reason.
    Refused(NoEntry),
}

/// What is known of a desktop in the browser.
#[derive(Clone, Debug)]
pub enum Known {
    /// It was asked for, and is not there yet.
    Coming(ResourceId),
    /// It is there, or on its way.
    Open(Desktop),
    /// It is over.
    Over(Over),
}

/// Dropped when nobody carries it any more, however that came about.
struct Carried<'d> {
    desk: &'d Desk,
    id: DesktopId,
    end: End,
    _on_the_way: OnTheWay,
}

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        self.desk.closed(self.id, self.end);
    }
}

impl Desk {
    /// Somebody wants to go to this PC by their browser: a ticket, if they may go there now.
    pub async fn ask(&self, device: &Device, session: &str, resource: &Resource) -> Asked {
        let now = Boot::now();
        let asked = async {
            if !self.may_come(IpAddr::V4(device.address4), now) {
                return Err(NoEntry::TooMany);
            }
            self.allowed(device, resource).await?;
            self.knows_all(Instant::now() + ANSWERS).await?;
            self.has_room(resource.id, device.user)?;
            self.comes_back(resource.id).await;
            let (entry, state) = self.look(device, resource)?;
            let unseen = state.is_unseen();
            match entry {
                Entry::Refuse(why) => Err(why),
                Entry::Wake => Ok(Asked::Away),
                Entry::Go if unseen => Err(NoEntry::Unseen),
                Entry::Go => {
                    let desktop = DesktopId::new();
                    let (user, session) = (device.user, session.to_owned());
                    let ticket = Ticket { desktop, user, device: device.id, session, resource: resource.id };
                    // It was waited for the PC, perhaps: a ticket is good from now on.
                    let given = self.tickets.give(ticket, Boot::now());
                    given.map(|secret| Asked::Go(desktop, secret)).ok_or(NoEntry::TooMany)
                }
            }
        };
        match asked.await {
            Ok(asked) => asked,
            Err(why) => {
                self.refuse(device, resource.id, &resource.name, why);
                Asked::Refused(why)
            }
        }
    }

    /// Waits for the agent of a PC that was woken a moment ago, which says who is there.
    async fn comes_back(&self, resource: ResourceId) {
        let woken = self.waker.progress(resource).and_then(|progress| {
            let Progress { began, outcome: Some((Outcome::Ready, took)), .. } = &*progress.borrow() else {
                return None;
            };
            Some(began.boot + *took)
        });
        if woken.is_none_or(|at| Boot::now().0.saturating_sub(at.0) > millis(WAKES)) {
            return;
        }
        let mut version = self.fleet.version();
        let unseen = || self.fleet.state(resource).is_some_and(|state| state.is_unseen());
        let seen = async { while unseen() && version.changed().await.is_ok() {} };
        let _ = timeout(SPEAKS, seen).await;
    }

    /// What is known of a desktop of theirs.
    #[must_use]
    pub fn known(&self, id: DesktopId, user: UserId) -> Option<Known> {
        let now = Boot::now();
        let board = self.board();
        if let Some(open) = board.all.get(&id).filter(|desktop| desktop.user == user) {
            return Some(Known::Open(open.clone()));
        }
        let young = |over: &&Over| over.user == user && now.0.saturating_sub(over.at.0) < millis(REMEMBERED);
        if let Some(over) = board.over.get(&id).filter(young) {
            return Some(Known::Over(over.clone()));
        }
        drop(board);
        self.tickets.of(id, user, now).map(Known::Coming)
    }

    /// They want it no more; whether there was one.
    pub fn give_up(&self, id: DesktopId, user: UserId) -> bool {
        let ticket = self.tickets.take_back(id, user, Boot::now());
        let theirs = self.board().all.get(&id).is_some_and(|desktop| desktop.user == user);
        ticket || (theirs && self.cut(id, End::ByDevice).is_ok())
    }

    /// Shows a PC to the page at the other end, for as long as that may see it.
    pub async fn show<S>(self: Arc<Self>, mut socket: WebSocketStream<S>, device: Device, session: String)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some((shown, request)) = timeout(ASKS, asks(&mut socket)).await.ok().flatten() else {
            return refuse(socket, 400).await;
        };
        let Some(ticket) = self.tickets.take(&shown, device.id, &session, Boot::now()) else {
            return refuse(socket, End::Ticket.status()).await;
        };
        drop(shown);
        let Ok(resource) = self.store.resource(&ticket.resource.to_string()).await else {
            return refuse(socket, End::NotAllowed.status()).await;
        };
        if self.knows_all(Instant::now() + ANSWERS).await.is_err() {
            return refuse(socket, End::Gateway.status()).await;
        }
        // Nobody goes for who is not let in.
        if self.allowed(&device, &resource).await.is_ok() && self.still(&device, &resource).is_ok() {
            self.make_room(resource.id, device.user, Moment::now()).await;
        }
        let (stop, stopped) = watch::channel(None);
        let coming = Desktop { via: Via::Browser, ..of(ticket.desktop, &device, resource.id, &resource.name) };
        let mut carried = match self.takes(coming.clone(), stop) {
            Ok(carried) => carried,
            Err(why) => {
                self.refuse(&device, resource.id, &resource.name, why);
                self.remember(coming, why.into());
                return refuse(socket, End::from(why).status()).await;
            }
        };
        let who = Who { device, session, resource, stopped };
        let reached = tokio::select! {
            reached = self.reach(&who, &request) => reached,
            end = who.stops() => Err(end),
            // It says nothing before it is answered.
            () = speaks(&mut socket) => Err(End::ByDevice),
        };
        let Reached { pc, answer, security } = match reached {
            Ok(reached) => reached,
            Err(end) => {
                if let Some(why) = end.refusal() {
                    self.refuse(&who.device, who.resource.id, &who.resource.name, why);
                }
                carried.end = end;
                drop(carried);
                return refuse(socket, end.status()).await;
            }
        };
        carried.end = match self.is_there(ticket.desktop) {
            Ok(desktop) => {
                self.begun(desktop);
                let passed = Passed::by(security);
                self.relay(ticket.desktop, socket, pc, answer, &who, &passed).await
            }
            Err(why) => {
                self.refuse(&who.device, who.resource.id, &who.resource.name, why);
                why.into()
            }
        };
    }

    fn takes(self: &Arc<Self>, coming: Desktop, stop: watch::Sender<Option<End>>) -> Result<Carried<'_>, NoEntry> {
        let id = coming.id;
        let on_the_way = self.enter(coming)?;
        self.board().browsers.insert(id, stop);
        Ok(Carried { desk: self, id, end: End::Gateway, _on_the_way: on_the_way })
    }

    /// A connection to the PC, known to be the PC's, and what the page is answered.
    async fn reach(&self, who: &Who, request: &[u8; REQUEST.len()]) -> Result<Reached, End> {
        let Who { device, resource, .. } = who;
        self.allowed(device, resource).await?;
        let mut pc = self.find(device, resource, Instant::now() + HOLD).await?;
        self.allowed(device, resource).await?;
        self.still(device, resource)?;
        let at = pc.peer_addr().map_err(|_| End::Silent)?;
        // It may have been published elsewhere meanwhile.
        let published = [resource.real4.map(|n| n.addr().into()), resource.real6.map(|n| n.addr().into())];
        if !published.contains(&Some(at.ip().to_canonical())) {
            return Err(End::NotAllowed);
        }
        watched(&pc).map_err(|_| End::Gateway)?;
        pc.write_all(request).await.map_err(|_| End::Silent)?;
        let (confirm, security) = match timeout(ANSWERS, answer(&mut pc)).await.map_err(|_| End::Silent)? {
            Some((confirm, Some(security))) => (confirm, security),
            // It wants something that no browser offers, or has no certificate.
            Some((confirm, None)) => {
                tracing::info!(
                    workstation = resource.name,
                    code = confirm.get(15),
                    "an office PC refuses to negotiate"
                );
                return Err(End::Silent);
            }
            None => return Err(End::Silent),
        };
        let tls = timeout(ANSWERS, secured(pc, at)).await.map_err(|_| End::Silent)?.map_err(|e| {
            tracing::info!(workstation = resource.name, error = %e, "an office PC's TLS fails");
            End::Silent
        })?;
        let chain: Vec<Vec<u8>> =
            tls.get_ref().1.peer_certificates().unwrap_or_default().iter().map(|c| c.to_vec()).collect();
        let leaf = chain.first().ok_or(End::Certificate)?;
        self.knows(resource, Mark { certificate: Fingerprint::of(leaf), security }).await?;
        // Where PCs are in the office is nobody's business at home.
        let at = resource.alias4.map_or_else(String::new, |alias| format!("{}:{RDP}", alias.addr()));
        let answer = RDCleanPathPdu::new_response(at, confirm, chain).and_then(|pdu| pdu.to_der());
        Ok(Reached { pc: tls, answer: answer.map_err(|_| End::Gateway)?, security })
    }

    /// Whether what answers there is the PC, before anything that is somebody's is sent to it.
    async fn knows(&self, resource: &Resource, shown: Mark) -> Result<(), End> {
        let kept = self.store.workstation(resource.id).await.map_err(|_| End::Gateway)?.mark;
        let facts = self.fleet.state(resource.id).and_then(|state| state.agent).and_then(|agent| agent.facts);
        let rdp = facts.as_ref().map(|facts| &facts.rdp);
        let (told, nla) = (rdp.and_then(|rdp| rdp.certificate), rdp.and_then(|rdp| rdp.nla));
        let (workstation, certificate) = (resource.name.clone(), shown.certificate.to_string());
        match is_known(shown, told, nla, kept) {
            Ok(false) => Ok(()),
            Ok(true) => {
                let written = async {
                    let mut write = self.store.write(Moment::now(), Actor::System).await?;
                    write.mark(resource.id, shown).await?;
                    write.audit(&Event::CertificateSeen { workstation, certificate }).await?;
                    write.commit().await
                };
                match written.await {
                    Err(e) if told.is_none() => {
                        // What cannot be kept could not be compared the next time.
                        tracing::warn!(
                            error = format!("{:#}", anyhow::Error::from(e)),
                            "a PC's certificate is not kept"
                        );
                        Err(End::Gateway)
                    }
                    _ => Ok(()),
                }
            }
            Err(stranger) => {
                tracing::warn!(workstation, certificate, why = ?stranger, "what answers is not the office PC");
                if self.is_news(resource.id, Boot::now()) {
                    self.note(Actor::System, Event::CertificateRefused { workstation, certificate, why: stranger });
                }
                Err(if stranger == Stranger::Certificate { End::Certificate } else { End::NoNla })
            }
        }
    }

    /// Whether it was not written down lately that something else than this PC answers.
    fn is_news(&self, resource: ResourceId, now: Boot) -> bool {
        let mut board = self.board();
        board.strangers.retain(|_, at| now.0.saturating_sub(at.0) < millis(TOLD));
        let news = !board.strangers.contains_key(&resource);
        if news {
            board.strangers.insert(resource, now);
        }
        news
    }

    /// Ends all of them: this process does.
    pub async fn close(&self) {
        for browser in self.board().browsers.values() {
            browser.send_if_modified(|told| told.is_none() && told.replace(End::Gateway).is_none());
        }
        let mut version = self.version();
        let closed = async { while !self.board().browsers.is_empty() && version.changed().await.is_ok() {} };
        let _ = timeout(COUNT * 2, closed).await;
        // Their ends are with whoever writes them down.
        let _ = timeout(COUNT, self.notes.reserve_many(self.notes.max_capacity())).await;
    }

    /// Carries bytes until one side, or somebody else, ends it.
    async fn relay<S>(
        &self,
        id: DesktopId,
        mut socket: WebSocketStream<S>,
        pc: TlsStream<TcpStream>,
        answer: Vec<u8>,
        who: &Who,
        passed: &Passed,
    ) -> End
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let said = timeout(TAKES, socket.send(Message::binary(answer))).await;
        if !matches!(said, Ok(Ok(()))) {
            return End::ByDevice;
        }
        let (mut page, heard) = socket.split();
        let (from_pc, to_pc) = tokio::io::split(pc);
        // Each is looked at when something has come for it, not for every key and picture of the others; what ends it is
        // looked at first, however much passes.
        let (watching, carrying) = (Ways::new(), Ways::new());
        watching.push(Box::pin(self.counts(id, passed, who)));
        watching.push(Box::pin(self.ends(who)));
        watching.push(Box::pin(who.stops()));
        watching.push(Box::pin(self.falls_asleep(who)));
        carrying.push(Box::pin(to_page(&mut page, from_pc, passed)));
        carrying.push(Box::pin(to_the_pc(heard, to_pc, passed)));
        let mut end = first(watching, carrying).await;
        let again = |d: &Desktop| d.id != id && (d.user, d.resource) == (who.device.user, who.resource.id);
        if end == End::ByPc && self.board().all.values().any(again) {
            end = End::Moved;
        }
        self.counted(id, passed);
        let _ = timeout(COUNT, page.close()).await;
        end
    }

    /// Tells the board what passes, for as long as anything comes from the page.
    async fn counts(&self, id: DesktopId, passed: &Passed, who: &Who) -> End {
        let mut tick = interval(COUNT);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut since, mut base) = (Boot::now(), 0);
        loop {
            tick.tick().await;
            let now = Boot::now();
            if now.0.saturating_sub(passed.heard.load(Ordering::Relaxed)) > millis(GONE) {
                return End::ByDevice;
            }
            self.counted(id, passed);
            let all = passed.rx.load(Ordering::Relaxed).saturating_add(passed.tx.load(Ordering::Relaxed));
            // As in the tunnel: a minute that carries less is none of work.
            let works = all.saturating_sub(base) >= BUSY;
            if works {
                self.reconciler.at_work(who.device.id, now);
            }
            if now.0.saturating_sub(since.0) >= millis(MINUTE) {
                if works {
                    // Whoever works there uses the session by which they came. What cannot be noted is noted in a minute.
                    let _ = self.store.web_session(&who.session, Moment::now().wall).await;
                }
                (since, base) = (now, all);
            }
        }
    }

    fn counted(&self, id: DesktopId, passed: &Passed) {
        if let Some(desktop) = self.board().all.get_mut(&id) {
            (desktop.rx, desktop.tx) = (passed.rx.load(Ordering::Relaxed), passed.tx.load(Ordering::Relaxed));
            if passed.security == Security::Nla {
                desktop.signed_in = Some(passed.signed_in.load(Ordering::Relaxed));
            }
            let micros = passed.round_trip.load(Ordering::Relaxed);
            desktop.round_trip = (micros > 0).then(|| Duration::from_micros(micros));
        }
    }

    /// Waits until the PC's agent says that it goes to sleep, or is switched off: its connection would say nothing.
    async fn falls_asleep(&self, who: &Who) -> End {
        let mut version = self.fleet.version();
        let is_on = || {
            let kind = self.fleet.state(who.resource.id).map(|state| state.judged.kind);
            !matches!(kind, Some(Kind::Asleep | Kind::Off))
        };
        while is_on() {
            if version.changed().await.is_err() {
                return End::Gateway;
            }
        }
        End::ByPc
    }

    /// Waits until they may be there no longer.
    async fn ends(&self, who: &Who) -> End {
        let mut news = self.reconciler.news();
        let mut until = None::<Boot>;
        loop {
            let again = match self.meanwhile(who, until, self.right(who)).await {
                Err(end) => return end,
                Ok(Ok(new)) => {
                    until = Some(new);
                    AGAIN
                }
                // A database that is away opens nothing; what is open stays open until its time is over.
                Ok(Err(NoEntry::Gateway)) if until.is_some() => RETRY,
                Ok(Err(why)) => return why.into(),
            };
            let told = async {
                let told = async {
                    loop {
                        match news.recv().await {
                            Ok(scope) if !scope.holds(who.device.user) => {}
                            told => return told,
                        }
                    }
                };
                timeout(again, told).await
            };
            match self.meanwhile(who, until, told).await {
                Err(end) => return end,
                Ok(Ok(Err(RecvError::Closed))) => return End::Gateway,
                Ok(_) => {}
            }
        }
    }

    /// Does this, unless they are cut off or their time is over before.
    async fn meanwhile<T>(&self, who: &Who, until: Option<Boot>, does: impl Future<Output = T>) -> Result<T, End> {
        let mut cut = interval(CUT);
        cut.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(does);
        loop {
            tokio::select! {
                done = &mut does => return Ok(done),
                _ = cut.tick() => {
                    let over = until.is_some_and(|until| until <= Boot::now());
                    if over || shut_out(&self.store.waiting_cuts(), who.device.user, Some(who.device.id)) {
                        return Err(End::NotAllowed);
                    }
                }
            }
        }
    }

    /// Until when they may be there, as it is now.
    async fn right(&self, who: &Who) -> Result<Boot, NoEntry> {
        let now = Moment::now();
        let session = self.store.running_web_session(&who.session, now.wall).await.map_err(|_| NoEntry::Gateway)?;
        session.ok_or(NoEntry::NotAllowed)?;
        let published = self.store.resource(&who.resource.id.to_string()).await.map_err(|e| match e {
            store::Error::NotFound(_) => NoEntry::NotAllowed,
            _ => NoEntry::Gateway,
        })?;
        // Elsewhere it is another PC.
        if (published.real4, published.real6) != (who.resource.real4, who.resource.real6) {
            return Err(NoEntry::NotAllowed);
        }
        self.until(&who.device, &who.resource).await
    }

    /// It is carried no more.
    fn closed(&self, id: DesktopId, end: End) {
        let now = Moment::now();
        let told = self.board().browsers.remove(&id).and_then(|told| *told.borrow());
        let Some(desktop) = self.leaves(id, now) else { return };
        // Its page is gone without a word: a line that broke, another size.
        if desktop.there && end == End::ByDevice && told.is_none() {
            self.keep_for_return(desktop.resource, desktop.user, now);
        }
        self.remember(desktop.clone(), end);
        self.changed();
        if desktop.there {
            self.is_over(desktop, end.audited(), now);
        }
    }

    fn remember(&self, desktop: Desktop, end: End) {
        let at = Boot::now();
        let mut board = self.board();
        if board.over.len() >= OVER {
            board.over.retain(|_, over| at.0.saturating_sub(over.at.0) < millis(REMEMBERED));
        }
        // The oldest of one's own goes first: nobody takes all the room there is.
        let mut own: Vec<_> =
            board.over.values().filter(|over| over.user == desktop.user).map(|o| (o.at, o.desktop.id)).collect();
        own.sort();
        for (_, id) in own.iter().rev().skip(AT_ALL * 4) {
            board.over.remove(id);
        }
        if board.over.len() < OVER {
            board.over.insert(desktop.id, Over { user: desktop.user, desktop, end, at });
        }
    }
}

/// What ends a desktop, each in its own way.
type Ways<'w> = FuturesUnordered<Pin<Box<dyn Future<Output = End> + Send + 'w>>>;

/// The first of them; of the former, where both come at once.
async fn first(mut watching: Ways<'_>, mut carrying: Ways<'_>) -> End {
    tokio::select! {
        biased;
        Some(end) = watching.next() => end,
        Some(end) = carrying.next() => end,
        else => End::Gateway,
    }
}

/// Who is shown what.
struct Who {
    device: Device,
    session: String,
    resource: Resource,
    stopped: watch::Receiver<Option<End>>,
}

impl Who {
    /// Waits until somebody ends it.
    async fn stops(&self) -> End {
        let mut stopped = self.stopped.clone();
        let told = stopped.wait_for(Option::is_some).await.map(|end| *end);
        told.ok().flatten().unwrap_or(End::Gateway)
    }
}

/// A PC that is there, and known.
struct Reached {
    pc: TlsStream<TcpStream>,
    /// For the page.
    answer: Vec<u8>,
    security: Security,
}
