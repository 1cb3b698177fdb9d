//! Desktops: who uses which office PC from afar, who comes to one, and what became of those who did not.
//!
//! Bytes of a native app are carried by `net` ([`crate::link::message::Command::Splice`]); here it is decided, and known.

pub mod ask;
pub mod browser;
pub mod door;
pub mod end;
pub mod lasting;
mod pc;
pub mod publisher;
pub mod seats;
pub mod ticket;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use provisioning::publisher::Publisher;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, timeout};
use utoipa::ToSchema;

use self::end::End;
use crate::audit::{Actor, Ended, Event};
use crate::clock::{Boot, Unix};
use crate::fleet::Fleet;
use crate::ids::{DesktopId, DeviceId, ResourceId, UserId};
use crate::link::client::Gone;
use crate::link::message::{DesktopEnd, DesktopReport};
use crate::pure::bucket::{Bucket, Rate};
use crate::pure::desktop::NoEntry;
use crate::pure::workstation::Kind;
use crate::reconcile::{OfDesktops, PATIENCE, Reconciler};
use crate::store::devices::Device;
use crate::store::{Moment, Store};
use crate::wake::Waker;

/// Who was there until a moment ago comes back to their own desktop: the PC has not noticed yet that they had gone.
const RETURNS: Duration = Duration::from_secs(120);

/// Why somebody was refused is remembered for so long, for their portal.
const REMEMBERED: Duration = Duration::from_secs(600);

/// The same refusal is in the audit once in so long.
const AUDITED: Duration = Duration::from_secs(60);

/// Refusals that are remembered.
const REFUSALS: usize = 1_000;

/// Desktops that one person begins at one PC, and at all of them.
const AT_ONE: usize = 2;
const AT_ALL: usize = 4;

/// Lines of the audit that wait to be written.
const NOTES: usize = 1_000;

/// Bytes to the device by which a desktop has been seen: what is shown before somebody has signed in is far less.
const SEEN: u64 = 100_000;

/// The same in the browser, of a PC that shows its screen to everybody: the picture behind the sign-in is larger there.
const SEEN_PLAIN: u64 = 500_000;

/// Whoever kept a PC without signing in waits for so long.
const RESTS: Duration = Duration::from_secs(60);

/// Whoever has not signed in by then is not at a desktop, and keeps the PC from others.
const SIGN_IN: Duration = Duration::from_secs(180);

/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_secs(5);

/// Desktops of the site.
#[derive(Debug)]
pub struct Desk {
    store: Arc<Store>,
    fleet: Arc<Fleet>,
    waker: Arc<Waker>,
    reconciler: Reconciler,
    board: Mutex<Board>,
    version: watch::Sender<u64>,
    /// The data plane has told of all that there are.
    told: watch::Sender<bool>,
    notes: mpsc::Sender<(Actor, Event)>,
    /// Connections of each device lately.
    comes: Mutex<HashMap<IpAddr, Bucket>>,
    tickets: ticket::Tickets,
    /// Pools are read by one at a time: what was read last is what counts.
    reading: tokio::sync::Mutex<()>,
    /// Who signs `.rdp` files, and when another takes their place.
    publisher: tokio::sync::Mutex<Option<(Arc<Publisher>, Unix)>>,
}

/// An app connects once or twice; whoever does it all the time keeps the gateway from others.
const COMES: Rate = Rate { burst: 20, each_second: 1 };

#[derive(Debug, Default)]
struct Board {
    all: BTreeMap<DesktopId, Desktop>,
    /// Who used a PC last, and until when.
    last: HashMap<ResourceId, (UserId, Boot)>,
    refused: HashMap<(DeviceId, ResourceId, NoEntry), Refused>,
    /// Who may come to a PC that somebody is at, and since when.
    admitted: HashMap<(ResourceId, UserId), Boot>,
    /// Who kept a PC without signing in, and when that ended.
    parked: HashMap<(ResourceId, UserId), Boot>,
    /// When it was last written down that something else than the PC answers.
    strangers: HashMap<ResourceId, Boot>,
    /// When whoever is at a PC was last asked.
    asked: HashMap<ResourceId, Boot>,
    /// Those that this process carries itself, and how they are told to end.
    browsers: HashMap<DesktopId, watch::Sender<Option<End>>>,
    /// What became of those.
    over: HashMap<DesktopId, browser::Over>,
    /// Why those are ended that the data plane carries, where it is not IT that does so.
    ending: HashMap<DesktopId, Ended>,
    seating: seats::Seating,
}

/// One desktop that is in use, or about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desktop {
    /// Which one.
    pub id: DesktopId,
    /// Whose.
    pub user: UserId,
    /// Their login.
    pub login: String,
    /// From which device.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// Which PC.
    pub resource: ResourceId,
    /// The PC's name.
    pub workstation: String,
    /// Since when.
    pub since: Unix,
    /// Bytes from the device.
    pub rx: u64,
    /// Bytes to the device.
    pub tx: u64,
    /// What shows it to them.
    pub via: Via,
    /// How long an answer of their browser's takes.
    pub round_trip: Option<Duration>,
    /// What IT told them last, and when.
    told: Option<(Unix, String)>,
    used: lasting::Use,
    /// Whether they have signed in, where that can be known.
    signed_in: Option<bool>,
    /// They are at it; before that they are on their way, and the PC is woken, say.
    pub there: bool,
    /// Begun, as far as this process knows.
    began: Boot,
}

/// What shows a desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// An RDP app on the device.
    App,
    /// The browser.
    Browser,
}

/// Why somebody did not come to a PC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When.
    pub at: Moment,
    /// Why.
    pub why: NoEntry,
    audited: Boot,
}

/// Why a desktop is not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEnded {
    /// There is no such desktop.
    None,
    /// The data plane does not answer.
    Silent,
}

/// A PC that is kept for who is on their way; given back when dropped.
#[derive(Debug)]
struct OnTheWay {
    desk: Arc<Desk>,
    id: DesktopId,
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        let mut board = self.desk.board();
        if board.all.get(&self.id).is_some_and(|desktop| !desktop.there) {
            board.all.remove(&self.id);
        }
        drop(board);
        self.desk.changed();
    }
}

impl Desk {
    /// For this site; nobody is at any desktop. To be called within a runtime.
    #[must_use]
    pub fn new(store: Arc<Store>, fleet: Arc<Fleet>, waker: Arc<Waker>, reconciler: Reconciler) -> Arc<Self> {
        let (notes, waiting) = mpsc::channel(NOTES);
        tokio::spawn(write_down(store.clone(), waiting));
        let (board, comes) = (Mutex::default(), Mutex::default());
        let (version, told) = (watch::Sender::new(0), watch::Sender::new(false));
        let tickets = ticket::Tickets::default();
        let (reading, publisher) = (tokio::sync::Mutex::default(), tokio::sync::Mutex::default());
        Arc::new(Self {
            store,
            fleet,
            waker,
            reconciler,
            board,
            version,
            told,
            notes,
            comes,
            tickets,
            reading,
            publisher,
        })
    }

    /// As if the data plane had told of all that there are.
    #[cfg(test)]
    pub(crate) fn all_are_told(&self) {
        self.board().seating.as_if_read();
        self.told.send_replace(true);
    }

    /// As if nobody had come lately.
    #[cfg(test)]
    pub(crate) fn forget_comers(&self) {
        self.comes.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether somebody may come from this address again.
    fn may_come(&self, peer: IpAddr, now: Boot) -> bool {
        let mut comes = self.comes.lock().unwrap_or_else(PoisonError::into_inner);
        comes.retain(|_, bucket| !bucket.is_full(COMES, now));
        comes.entry(peer).or_insert_with(|| Bucket::full(COMES, now)).take(COMES, now)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        let board = self.board();
        let mut through = BTreeMap::new();
        for desktop in board.all.values().filter(|desktop| desktop.there) {
            through.entry(desktop.resource).or_insert(desktop.since);
        }
        self.fleet.used_through(&through, Unix::now());
        drop(board);
        self.version.send_modify(|version| *version += 1);
    }

    /// Rises with everything that can be seen of them.
    #[must_use]
    pub fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Those that are in use, in the order in which they began.
    #[must_use]
    pub fn all(&self) -> Vec<Desktop> {
        self.board().all.values().filter(|desktop| desktop.there).cloned().collect()
    }

    /// Why this device did not come to this PC within the last ten minutes.
    #[must_use]
    pub fn refused(&self, device: DeviceId, resource: ResourceId, now: Boot) -> Option<Refused> {
        let board = self.board();
        // What was no RDP was no app of theirs.
        let theirs =
            board.refused.iter().filter(|((d, r, why), _)| *d == device && *r == resource && *why != NoEntry::NoRdp);
        let last = theirs.map(|(_, refused)| *refused).max_by_key(|refused| refused.at.boot)?;
        (now.0.saturating_sub(last.at.boot.0) < millis(REMEMBERED)).then_some(last)
    }

    /// Whether somebody is at this PC through the gateway.
    #[must_use]
    pub fn is_used(&self, resource: ResourceId) -> bool {
        self.board().all.values().any(|desktop| desktop.there && desktop.resource == resource)
    }

    /// Whether this person is at this PC through the gateway.
    #[must_use]
    pub fn is_at(&self, resource: ResourceId, user: UserId) -> bool {
        self.board().all.values().any(|desktop| desktop.there && desktop.resource == resource && desktop.user == user)
    }

    /// Ends one that is in use, and waits until nothing passes by it any more.
    ///
    /// # Errors
    /// There is none of them, or the data plane does not say that it has ended.
    pub async fn end(&self, id: DesktopId, by: Actor) -> Result<(), NotEnded> {
        let mut version = self.version();
        let there = self.board().all.get(&id).filter(|desktop| desktop.there).cloned();
        let Desktop { login, workstation, .. } = there.ok_or(NotEnded::None)?;
        self.cut(id, End::Ended).map_err(|_| NotEnded::Silent)?;
        self.note(by, Event::DesktopCut { workstation, user: login });
        let gone = async { while self.board().all.contains_key(&id) && version.changed().await.is_ok() {} };
        timeout(PATIENCE, gone).await.map_err(|_| NotEnded::Silent)
    }

    /// Has whoever carries it end it.
    fn cut(&self, id: DesktopId, end: End) -> Result<(), Gone> {
        let tell = |told: &mut Option<_>| told.is_none() && told.replace(end).is_none();
        let told = {
            let mut board = self.board();
            let told = board.browsers.get(&id).map(|browser| browser.send_if_modified(tell));
            if let (None, Some(why), true) = (told, lasting::written(end), board.all.contains_key(&id)) {
                board.ending.insert(id, why);
            }
            told
        };
        // Nobody waits for the board while the data plane is told.
        told.map_or_else(|| self.reconciler.end_desktop(id), |_| Ok(()))
    }

    /// Keeps the PC for whoever comes, unless somebody else is there or on their way, or they have begun enough.
    fn enter(self: &Arc<Self>, coming: Desktop) -> Result<OnTheWay, NoEntry> {
        let mut board = self.board();
        board.has_room(coming.resource, coming.user, &[])?;
        self.has_seat(&board, coming.resource, coming.user, Moment::now())?;
        let id = coming.id;
        board.all.insert(id, coming);
        Ok(OnTheWay { desk: self.clone(), id })
    }

    fn has_room(&self, resource: ResourceId, user: UserId) -> Result<(), NoEntry> {
        let (board, now) = (self.board(), Moment::now());
        // Whoever goes for them when they come is in nobody's way.
        let yields = self.yields(&board, resource, user, now);
        board.has_room(resource, user, &yields)?;
        if yields.is_empty() { self.has_seat(&board, resource, user, now) } else { Ok(()) }
    }

    /// Whether a desktop of theirs is at this PC, or was until a moment ago: one that somebody has signed in to.
    fn is_own(&self, resource: ResourceId, user: UserId, now: Boot) -> bool {
        let board = self.board();
        let there = board.all.values().any(|d| d.is_seen() && d.resource == resource && d.user == user);
        let was = board
            .last
            .get(&resource)
            .is_some_and(|(who, until)| *who == user && now.0.saturating_sub(until.0) < millis(RETURNS));
        there || was
    }

    /// They are there, by these two connections: the device's, and the PC's.
    async fn begin(&self, id: DesktopId, ends: [OwnedFd; 2]) -> Result<(), NoEntry> {
        let begun = self.is_there(id)?;
        if self.reconciler.splice(id, begun.device, begun.resource, ends).is_err() {
            self.board().all.remove(&id);
            return Err(NoEntry::Gateway);
        }
        self.begun(begun);
        Ok(())
    }

    /// From now on they are at it.
    fn is_there(&self, id: DesktopId) -> Result<Desktop, NoEntry> {
        let mut board = self.board();
        let desktop = board.all.get(&id).ok_or(NoEntry::Silent)?;
        let (user, resource) = (desktop.user, desktop.resource);
        // Somebody else's was told of a moment ago.
        if board.all.values().any(|other| other.there && other.resource == resource && other.user != user) {
            return Err(NoEntry::InUseRemotely);
        }
        let desktop = board.all.get_mut(&id).ok_or(NoEntry::Silent)?;
        let now = Boot::now();
        (desktop.there, desktop.since, desktop.began) = (true, Unix::now(), now);
        desktop.used = lasting::Use::from(now);
        let desktop = desktop.clone();
        board.seating.came(resource, user);
        board.refused.retain(|(d, r, _), _| (*d, *r) != (desktop.device, desktop.resource));
        Ok(desktop)
    }

    fn begun(&self, desktop: Desktop) {
        self.changed();
        let Desktop { login, workstation, device, via, .. } = desktop;
        self.note(Actor::User(login), Event::DesktopBegun { workstation, device, via });
    }

    /// Somebody did not come to the PC, and why.
    fn refuse(&self, device: &Device, resource: ResourceId, workstation: &str, why: NoEntry) {
        let now = Moment::now();
        let told = {
            let mut board = self.board();
            if board.refused.len() >= REFUSALS {
                board.refused.retain(|_, refused| now.boot.0.saturating_sub(refused.at.boot.0) < millis(REMEMBERED));
            }
            let before = board.refused.get(&(device.id, resource, why)).copied();
            let again = before.filter(|b| now.boot.0.saturating_sub(b.audited.0) < millis(AUDITED));
            let room = board.refused.len() < REFUSALS || before.is_some();
            if room {
                let audited = again.map_or(now.boot, |before| before.audited);
                board.refused.insert((device.id, resource, why), Refused { at: now, why, audited });
            }
            // What cannot be remembered would be written down without end.
            again.is_some() || !room
        };
        self.changed();
        if !told {
            tracing::info!(login = device.login, workstation, why = ?why, "somebody does not come to an office PC");
            let workstation = workstation.to_owned();
            let refused = Event::DesktopRefused { workstation, device: device.id, why };
            self.note(Actor::User(device.login.clone()), refused);
        }
    }

    /// Hears what `net` says of them, for as long as it speaks.
    pub async fn follow(self: Arc<Self>, mut news: mpsc::Receiver<OfDesktops>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let OfDesktops { all, news } = tokio::select! {
                news = news.recv() => match news {
                    Some(news) => news,
                    None => return,
                },
                _ = look.tick() => {
                    let now = Moment::now();
                    self.end_parked(now.boot);
                    self.end_due(now);
                    continue;
                }
            };
            let now = Boot::now();
            for id in if all { self.gone(&news, now) } else { Vec::new() } {
                self.ended(id, None);
            }
            for report in news {
                self.hear(report).await;
            }
            if all {
                self.told.send_replace(true);
            }
        }
    }

    /// Those that a data plane does not have which tells of all it has; what was begun just now it may not have seen yet.
    fn gone(&self, has: &[DesktopReport], now: Boot) -> Vec<DesktopId> {
        let board = self.board();
        let is_gone = |d: &&Desktop| {
            d.there
                && d.via == Via::App
                && !has.iter().any(|report| report.desktop == d.id)
                && now.0.saturating_sub(d.began.0) > millis(PATIENCE)
        };
        board.all.values().filter(is_gone).map(|d| d.id).collect()
    }

    async fn hear(&self, report: DesktopReport) {
        let known = {
            let mut board = self.board();
            let desktop = board.all.get_mut(&report.desktop);
            desktop.map(|desktop| (desktop.rx, desktop.tx) = (report.rx, report.tx)).is_some()
        };
        // It began before this process did.
        if !known && report.ended.is_none() {
            match self.found(&report).await {
                Ok(desktop) => _ = self.board().all.insert(report.desktop, desktop),
                Err(e) => tracing::warn!(error = format!("{e:#}"), "whose desktop this is cannot be read"),
            }
        }
        if let Some(end) = report.ended {
            self.ended(report.desktop, Some(end));
        }
        self.changed();
    }

    /// Whoever connects and never signs in keeps the PC from others; and once somebody has sat down there, who signs in
    /// after all would throw them off.
    pub(crate) fn end_parked(&self, now: Boot) {
        let parked: Vec<_> = self.board().all.values().filter(|d| d.there && !d.is_seen()).cloned().collect();
        for desktop in parked {
            let late = now.0.saturating_sub(desktop.began.0) > millis(SIGN_IN);
            let sits = self.fleet.state(desktop.resource).is_some_and(|state| state.judged.kind == Kind::InUseHere);
            let taken = sits && !self.is_admitted(desktop.resource, desktop.user, now);
            if late || taken {
                let mut board = self.board();
                board.parked.retain(|_, at| now.0.saturating_sub(at.0) < millis(RESTS));
                board.parked.insert((desktop.resource, desktop.user), now);
                drop(board);
                tracing::info!(login = desktop.login, workstation = desktop.workstation, "nobody signed in: ended");
                // Without a data plane there is none of them.
                let _ = self.cut(desktop.id, if late { End::NobodySignedIn } else { End::Refused(NoEntry::InUseHere) });
            }
        }
    }

    async fn found(&self, report: &DesktopReport) -> anyhow::Result<Desktop> {
        let device = self.store.device(report.device).await?;
        let resource = self.store.resource(&report.resource.to_string()).await?;
        let since = Unix(Unix::now().0.saturating_sub(i64::try_from(report.since_ms).unwrap_or(i64::MAX)));
        let (rx, tx) = (report.rx, report.tx);
        let began = Boot(Boot::now().0.saturating_sub(report.since_ms));
        Ok(Desktop { since, rx, tx, began, there: true, ..of(report.desktop, &device, resource.id, &resource.name) })
    }

    /// `end` is absent where the data plane went, and took it along.
    fn ended(&self, id: DesktopId, end: Option<DesktopEnd>) {
        let now = Moment::now();
        let Some(desktop) = self.leaves(id, now) else { return };
        let ours = self.board().ending.remove(&id).filter(|_| end == Some(DesktopEnd::Cut));
        let how = ours.unwrap_or(match end {
            Some(DesktopEnd::ByDevice) => Ended::ByDevice,
            Some(DesktopEnd::ByPc) => Ended::ByPc,
            Some(DesktopEnd::Cut) => Ended::Cut,
            Some(DesktopEnd::NotAllowed) => Ended::NotAllowed,
            Some(DesktopEnd::NoRoom) | None => Ended::Gateway,
        });
        self.is_over(desktop, how, now);
    }

    fn is_over(&self, desktop: Desktop, how: Ended, now: Moment) {
        let after_ms = u64::try_from(now.wall.0.saturating_sub(desktop.since.0)).unwrap_or(0);
        self.changed();
        let Desktop { login, workstation, device, .. } = desktop;
        self.note(Actor::User(login), Event::DesktopEnded { workstation, device, how, after_ms });
    }

    /// It is in use no more.
    fn leaves(&self, id: DesktopId, now: Moment) -> Option<Desktop> {
        let mut board = self.board();
        let desktop = board.all.remove(&id)?;
        board.last.retain(|_, (_, until)| now.boot.0.saturating_sub(until.0) < millis(RETURNS));
        if desktop.is_seen() {
            board.last.insert(desktop.resource, (desktop.user, now.boot));
        }
        Some(desktop)
    }

    /// Nobody waits for the database: neither who comes nor who is cut off.
    fn note(&self, actor: Actor, event: Event) {
        if let Err(e) = self.notes.try_send((actor, event)) {
            tracing::warn!(error = %e, "a desktop is not in the audit");
        }
    }
}

impl Board {
    fn has_room(&self, resource: ResourceId, user: UserId, without: &[DesktopId]) -> Result<(), NoEntry> {
        let others = self.all.values().filter(|other| other.user != user && !without.contains(&other.id));
        if others.into_iter().any(|other| other.resource == resource) {
            return Err(NoEntry::InUseRemotely);
        }
        let parked = self.parked.get(&(resource, user));
        if parked.is_some_and(|at| Boot::now().0.saturating_sub(at.0) < millis(RESTS)) {
            return Err(NoEntry::TooMany);
        }
        let own = || self.all.values().filter(|other| other.user == user);
        if own().count() >= AT_ALL || own().filter(|other| other.resource == resource).count() >= AT_ONE {
            return Err(NoEntry::TooMany);
        }
        Ok(())
    }
}

impl Desktop {
    /// Somebody has signed in, and works. Where the PC lets nobody see anything before (NLA), that is known; else it is told
    /// by how much has passed.
    fn is_seen(&self) -> bool {
        let enough = match self.via {
            Via::App => SEEN,
            Via::Browser => SEEN_PLAIN,
        };
        self.there && self.signed_in.unwrap_or(self.tx >= enough)
    }
}

async fn write_down(store: Arc<Store>, mut notes: mpsc::Receiver<(Actor, Event)>) {
    while let Some((actor, event)) = notes.recv().await {
        let noted = async {
            let mut write = store.write(Moment::now(), actor).await?;
            write.audit(&event).await?;
            write.commit().await
        };
        // A full disk keeps nobody from working.
        if let Err(e) = noted.await {
            tracing::warn!(error = format!("{:#}", anyhow::Error::from(e)), "a desktop is not in the audit");
        }
    }
}

fn of(id: DesktopId, device: &Device, resource: ResourceId, workstation: &str) -> Desktop {
    Desktop {
        id,
        user: device.user,
        login: device.login.clone(),
        device: device.id,
        device_name: device.name.clone(),
        resource,
        workstation: workstation.to_owned(),
        since: Unix::now(),
        rx: 0,
        tx: 0,
        via: Via::App,
        round_trip: None,
        told: None,
        used: lasting::Use::from(Boot::now()),
        signed_in: None,
        there: false,
        began: Boot::now(),
    }
}

fn millis(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}
