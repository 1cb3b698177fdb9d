//! Desktops: who uses which office PC from afar, who comes to one, and what became of those who did not.
//!
//! Bytes of a native app are carried by `net` ([`crate::link::message::Command::Splice`]); here it is decided, and known.

pub mod door;

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::audit::{Actor, Event};
use crate::clock::{Boot, Unix};
use crate::fleet::Fleet;
use crate::ids::{DesktopId, DeviceId, ResourceId, UserId};
use crate::link::message::{DesktopEnd, DesktopReport};
use crate::pure::desktop::NoEntry;
use crate::reconcile::{OfDesktops, Reconciler};
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

/// Desktops of the site.
#[derive(Debug)]
pub struct Desk {
    store: Arc<Store>,
    fleet: Arc<Fleet>,
    waker: Arc<Waker>,
    reconciler: Reconciler,
    board: Mutex<Board>,
    version: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Board {
    all: BTreeMap<DesktopId, Desktop>,
    /// Who used a PC last, and until when.
    last: HashMap<ResourceId, (UserId, Boot)>,
    refused: HashMap<(DeviceId, ResourceId), Refused>,
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
    /// They are at it; before that they are on their way, and the PC is woken, say.
    pub there: bool,
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
    /// For this site; nobody is at any desktop.
    #[must_use]
    pub fn new(store: Arc<Store>, fleet: Arc<Fleet>, waker: Arc<Waker>, reconciler: Reconciler) -> Arc<Self> {
        let (board, version) = (Mutex::default(), watch::Sender::new(0));
        Arc::new(Self { store, fleet, waker, reconciler, board, version })
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
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

    /// Why this device did not come to this PC a while ago.
    #[must_use]
    pub fn refused(&self, device: DeviceId, resource: ResourceId, now: Boot) -> Option<Refused> {
        let board = self.board();
        let refused = board.refused.get(&(device, resource)).copied()?;
        (now.0.saturating_sub(refused.at.boot.0) < millis(REMEMBERED)).then_some(refused)
    }

    /// Ends one that is in use. Whether there was one.
    pub async fn end(&self, id: DesktopId, by: Actor) -> bool {
        let there = self.board().all.get(&id).filter(|desktop| desktop.there).cloned();
        let Some(Desktop { login, workstation, .. }) = there else { return false };
        // Without a data plane there is none of them.
        let cut = self.reconciler.cut_desktop(id).is_ok();
        if cut {
            self.note(by, Event::DesktopCut { workstation, user: login }).await;
        }
        cut
    }

    /// Keeps the PC for whoever comes; nothing, if somebody else is there or on their way.
    fn enter(self: &Arc<Self>, coming: Desktop) -> Option<OnTheWay> {
        let mut board = self.board();
        if board.all.values().any(|other| other.resource == coming.resource && other.user != coming.user) {
            return None;
        }
        let id = coming.id;
        board.all.insert(id, coming);
        Some(OnTheWay { desk: self.clone(), id })
    }

    /// Whether a desktop of theirs is at this PC, or was until a moment ago.
    fn is_own(&self, resource: ResourceId, user: UserId, now: Boot) -> bool {
        let board = self.board();
        let there = board.all.values().any(|d| d.there && d.resource == resource && d.user == user);
        let was = board
            .last
            .get(&resource)
            .is_some_and(|(who, until)| *who == user && now.0.saturating_sub(until.0) < millis(RETURNS));
        there || was
    }

    /// They are there, by these two connections: the device's, and the PC's.
    async fn begin(&self, id: DesktopId, ends: [OwnedFd; 2]) -> Result<(), NoEntry> {
        let begun = {
            let mut board = self.board();
            let desktop = board.all.get_mut(&id).ok_or(NoEntry::Silent)?;
            (desktop.there, desktop.since) = (true, Unix::now());
            let desktop = desktop.clone();
            board.refused.remove(&(desktop.device, desktop.resource));
            desktop
        };
        let Desktop { login, workstation, device, .. } = begun;
        if self.reconciler.splice(id, device, begun.resource, ends).is_err() {
            self.board().all.remove(&id);
            return Err(NoEntry::Silent);
        }
        self.changed();
        self.note(Actor::User(login), Event::DesktopBegun { workstation, device }).await;
        Ok(())
    }

    /// Somebody did not come to the PC, and why.
    async fn refuse(&self, device: &Device, resource: ResourceId, workstation: &str, why: NoEntry) {
        let now = Moment::now();
        let told = {
            let mut board = self.board();
            if board.refused.len() >= REFUSALS {
                board.refused.retain(|_, refused| now.boot.0.saturating_sub(refused.at.boot.0) < millis(REMEMBERED));
            }
            let before = board.refused.get(&(device.id, resource)).copied();
            let again = before.filter(|b| b.why == why && now.boot.0.saturating_sub(b.audited.0) < millis(AUDITED));
            if board.refused.len() < REFUSALS || before.is_some() {
                let audited = again.map_or(now.boot, |before| before.audited);
                board.refused.insert((device.id, resource), Refused { at: now, why, audited });
            }
            again.is_some()
        };
        self.changed();
        tracing::info!(login = device.login, workstation, why = why.word(), "somebody does not come to an office PC");
        if !told {
            let workstation = workstation.to_owned();
            let refused = Event::DesktopRefused { workstation, device: device.id, why: why.word() };
            self.note(Actor::User(device.login.clone()), refused).await;
        }
    }

    /// Hears what `net` says of them, for as long as it speaks.
    pub async fn follow(self: Arc<Self>, mut news: mpsc::UnboundedReceiver<OfDesktops>) {
        while let Some(news) = news.recv().await {
            match news {
                OfDesktops::Fresh => {
                    let gone: Vec<_> = self.board().all.values().filter(|d| d.there).map(|d| d.id).collect();
                    for id in gone {
                        self.ended(id, None).await;
                    }
                }
                OfDesktops::News(reports) => {
                    for report in reports {
                        self.hear(report).await;
                    }
                }
            }
            self.changed();
        }
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
            self.ended(report.desktop, Some(end)).await;
        }
    }

    async fn found(&self, report: &DesktopReport) -> anyhow::Result<Desktop> {
        let device = self.store.device(report.device).await?;
        let resource = self.store.resource(&report.resource.to_string()).await?;
        let since = Unix(Unix::now().0.saturating_sub(i64::try_from(report.since_ms).unwrap_or(i64::MAX)));
        let (rx, tx) = (report.rx, report.tx);
        Ok(Desktop { since, rx, tx, there: true, ..of(report.desktop, &device, resource.id, &resource.name) })
    }

    /// `end` is absent where the data plane went, and took it along.
    async fn ended(&self, id: DesktopId, end: Option<DesktopEnd>) {
        let now = Moment::now();
        let desktop = {
            let mut board = self.board();
            let Some(desktop) = board.all.remove(&id) else { return };
            board.last.retain(|_, (_, until)| now.boot.0.saturating_sub(until.0) < millis(RETURNS));
            board.last.insert(desktop.resource, (desktop.user, now.boot));
            desktop
        };
        let how = match end {
            Some(DesktopEnd::ByDevice) => "by_device",
            Some(DesktopEnd::ByPc) => "by_pc",
            Some(DesktopEnd::Cut) => "cut",
            Some(DesktopEnd::NotAllowed) => "not_allowed",
            Some(DesktopEnd::NoRoom) | None => "gateway",
        };
        let after_ms = u64::try_from(now.wall.0.saturating_sub(desktop.since.0)).unwrap_or(0);
        let Desktop { login, workstation, device, .. } = desktop;
        self.note(Actor::User(login), Event::DesktopEnded { workstation, device, how, after_ms }).await;
    }

    async fn note(&self, actor: Actor, event: Event) {
        let noted = async {
            let mut write = self.store.write(Moment::now(), actor).await?;
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
        there: false,
    }
}

fn millis(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}
