//! The reconciler's loop: what was sent last, who waits, what comes back. Every question to the database has an end, so
//! that one that does not answer holds up no cut.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::live::Live;
use super::{Health, Line, OfDesktops, Published, Request, Sockets, Unconfirmed, Until, newer, with_settings};
use crate::clock::{Boot, Unix};
use crate::ids::DeviceId;
use crate::link::client::{FromNet, Gone, Sender};
use crate::link::message::{Change, Command, Interface, Report};
use crate::pure::decide::World;
use crate::pure::plan::{Desired, compile, plan};
use crate::store::resources::Resource;
use crate::store::world::{Loaded, RECENT};
use crate::store::{Moment, Scope, Store};

/// "I am alive" this often: four times in the second after which `net` counts us as silent.
const ALIVE: Duration = Duration::from_millis(250);

/// Everything is read again this often, whatever was announced.
const FULL: Duration = Duration::from_secs(60);

/// What `net` told is written down this often.
const FLUSH: Duration = Duration::from_secs(10);

/// A peer that is somewhere else is written down sooner: after a crash of both processes it is called back there.
const FLUSH_MOVED: Duration = Duration::from_millis(500);

/// A load that failed is tried again after this.
const RETRY: Duration = Duration::from_millis(500);

/// The same trouble is told again after this.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Largest part of a snapshot, in bytes of JSON: well below the link's 1 MiB, and `Alive` need not wait long behind it.
const PART: usize = 200 * 1024;

/// Handlers that may wait at once.
const WAITING: usize = 4096;

/// Where the rest of the process is told.
pub(super) struct Told {
    /// The site and what it publishes.
    pub(super) published: watch::Sender<Published>,
    /// Whom a change touched.
    pub(super) news: broadcast::Sender<Scope>,
    /// What becomes of desktops.
    pub(super) desktops: mpsc::Sender<OfDesktops>,
    /// The connection to `net`, for who has something to say besides.
    pub(super) line: Line,
}

pub(super) struct Core {
    store: Arc<Store>,
    interface: Interface,
    health: Arc<Mutex<Health>>,
    live: Live,
    told: Told,
    sockets: mpsc::Sender<Sockets>,
    sender: Line,
    /// What `net` was sent last on this connection, and the epoch it stands for.
    sent: Option<(u64, Desired)>,
    /// The data plane was told nothing yet: nothing passes.
    empty: bool,
    /// What it was sent before that: it holds no more.
    before: Option<Desired>,
    waiting: Vec<Request>,
    closed: u64,
    complete: u64,
    /// Messages on this connection that `net` acknowledges one by one: sent, and acknowledged.
    asked: u64,
    acknowledged: u64,
    complained: Option<(String, Instant)>,
    /// The epoch that the second lock could not be brought up to last, and why.
    failed: Option<(u64, String)>,
    down_since: Instant,
    /// When hours of some policy begin.
    opens_at: Option<Instant>,
    /// Some peer is somewhere else than what is written down.
    moved: bool,
}

impl Core {
    pub(super) fn new(
        store: Arc<Store>,
        interface: Interface,
        health: Arc<Mutex<Health>>,
        live: Live,
        told: Told,
        sockets: mpsc::Sender<Sockets>,
    ) -> Self {
        Self {
            store,
            interface,
            health,
            live,
            sockets,
            sender: told.line.clone(),
            told,
            sent: None,
            before: None,
            empty: false,
            waiting: Vec::new(),
            closed: 0,
            complete: 0,
            asked: 0,
            acknowledged: 0,
            complained: None,
            failed: None,
            down_since: Instant::now(),
            opens_at: None,
            moved: false,
        }
    }

    pub(super) async fn run(mut self, mut net: mpsc::Receiver<FromNet>, mut requests: mpsc::Receiver<Request>) {
        tokio::spawn(say_alive(self.sender.clone()));
        let store = self.store.clone();
        let mut full = interval(FULL);
        full.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut flush_at = Instant::now();
        let mut retry: Option<Instant> = None;
        loop {
            let opens_at = self.opens_at;
            let again = async { tokio::time::sleep_until(retry.unwrap_or_else(Instant::now)).await };
            // Nothing where the database was not asked: then what is to be tried again still is.
            let outcome = tokio::select! {
                // Who takes something away waits for nobody else.
                biased;
                request = requests.recv() => match request {
                    Some(request) if matches!(request.until, Until::Acknowledged(_)) => self.send_cuts(request).err().map(Err),
                    Some(request) => { self.admit(request); None }
                    None => return,
                },
                event = net.recv() => match event {
                    Some(event) => self.hear(event).await,
                    None => return,
                },
                () = store.changed() => Some(self.catch_up().await),
                _ = full.tick() => Some(self.everything().await),
                () = tokio::time::sleep_until(flush_at) => {
                    flush_at = Instant::now() + FLUSH;
                    let flushed = self.flush().await;
                    self.note(flushed);
                    None
                }
                () = again, if retry.is_some() => Some(self.everything().await),
                () = tokio::time::sleep_until(opens_at.unwrap_or_else(Instant::now)), if opens_at.is_some() => {
                    // Whatever comes of it: a moment that has passed is not waited for again.
                    self.opens_at = None;
                    Some(self.everything().await)
                }
            };
            if std::mem::take(&mut self.moved) {
                flush_at = flush_at.min(Instant::now() + FLUSH_MOVED);
            }
            match outcome {
                None => {}
                Some(Ok(())) => retry = None,
                Some(Err(e)) => {
                    self.tell(format!("{e:#}"), "the data plane could not be brought up to date, trying again");
                    retry = Some(Instant::now() + RETRY);
                }
            }
        }
    }

    /// What could not be written down comes again with the next look.
    fn note(&mut self, written: anyhow::Result<()>) {
        let trouble = written.err().map(|e| format!("{e:#}"));
        let before = std::mem::replace(&mut self.health().storage, trouble.clone());
        match (before, trouble) {
            (_, Some(trouble)) => self.tell(trouble, "the database stores nothing: nobody signs in; cutting off works"),
            (Some(_), None) => tracing::info!("the database stores again"),
            (None, None) => {}
        }
    }

    fn tell(&mut self, trouble: String, meaning: &str) {
        let known = self.complained.as_ref().is_some_and(|(t, at)| *t == trouble && at.elapsed() < TELL_AGAIN);
        if !known {
            tracing::error!(error = trouble, "{meaning}");
            self.complained = Some((trouble, Instant::now()));
        }
    }

    /// What came of it, if the database was asked.
    async fn hear(&mut self, event: FromNet) -> Option<anyhow::Result<()>> {
        match event {
            FromNet::Connected { sender, empty } => {
                tracing::info!("data plane connected");
                *lock(&self.sender) = Some(sender);
                self.empty = empty;
                if empty {
                    // What another process held says nothing of this one.
                    self.before = None;
                }
                (self.closed, self.complete, self.failed) = (0, 0, None);
                (self.asked, self.acknowledged) = (0, 0);
                // What they wait for is in the snapshot.
                for request in &mut self.waiting {
                    if let Until::Acknowledged(messages) = &mut request.until {
                        *messages = 1;
                    }
                }
                self.health().up = true;
                Some(self.snapshot().await)
            }
            FromNet::Lost => {
                *lock(&self.sender) = None;
                self.put_aside();
                // What was said on that connection says nothing of the next.
                (self.asked, self.acknowledged) = (0, 0);
                self.down_since = Instant::now();
                self.health().up = false;
                None
            }
            FromNet::Sockets(sockets) => {
                tracing::info!(count = sockets.len(), "sockets of the tunnel's door received");
                self.sockets.send(sockets).await.context("hand over the tunnel's sockets").err().map(Err)
            }
            FromNet::Report(report) => {
                self.report(report);
                None
            }
        }
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Closed { epoch } => {
                self.closed = self.closed.max(epoch);
                self.acknowledged += 1;
            }
            Report::Complete { epoch } => {
                self.closed = self.closed.max(epoch);
                self.complete = self.complete.max(epoch);
                self.failed = None;
                let mut health = self.health();
                health.carried_out = epoch;
                if health.problem.take().is_some() {
                    tracing::info!(epoch, "second lock in force again");
                }
            }
            Report::Failed { epoch, reason } => {
                tracing::warn!(epoch, %reason, "second lock not brought up to date, nothing new was opened");
                self.health().problem = Some(reason.clone());
                // Kept: whoever asks after this report gets the same answer.
                self.failed = Some((epoch, reason));
            }
            Report::Peers { peers } => self.moved |= self.live.hear(&peers, Boot::now()),
            Report::Desktops { all, desktops } => {
                let told = self.told.desktops.try_send(OfDesktops { all, news: desktops });
                // Whoever missed something is told of all after the next connection. In tests nobody listens.
                if let (Err(TrySendError::Full(_)), Some(sender)) = (told, &*lock(&self.sender)) {
                    tracing::error!("news of desktops are not heard: connecting to the data plane anew");
                    sender.cut();
                }
            }
            Report::FirewallRebuilt { after_ms } => {
                tracing::warn!(after_ms, "the firewall was changed by another program and has been rebuilt");
                self.health().rebuilt_at = Some(Unix::now());
            }
            Report::Hello { .. } | Report::Sockets { .. } => {}
        }
        self.answer();
    }

    /// Takes in a handler that waits.
    fn admit(&mut self, request: Request) {
        self.waiting.retain(|r| !r.answer.is_closed());
        let down = lock(&self.sender).is_none() && self.down_since.elapsed() > super::PATIENCE;
        if down || self.waiting.len() >= WAITING {
            // Whoever asked may have gone.
            let _ = request.answer.send(Err(Unconfirmed::Down));
            return;
        }
        self.waiting.push(request);
        self.answer();
    }

    /// The next snapshot is the first of its connection, or stands for other settings.
    fn put_aside(&mut self) {
        if let Some((_, sent)) = self.sent.take() {
            self.before = Some(sent);
        }
    }

    /// Cuts that the database does not have, from the world as it was last read. That may be older than what `net` holds:
    /// so nothing is given, only taken away.
    fn send_cuts(&mut self, mut request: Request) -> anyhow::Result<()> {
        let now = Moment::now();
        let less = self.store.last_world().map(|(epoch, world)| (epoch, compile(&world, now.boot)));
        let connected = lock(&self.sender).is_some();
        let mut more = 0;
        match (less, &mut self.sent) {
            (Some((_, less)), Some((epoch, sent))) => {
                let desired = sent.common(&less);
                let changes = plan(sent, &desired, None, now.boot);
                let epoch = *epoch;
                *sent = desired.clone();
                let mut parts = parts(changes)?;
                match parts.pop() {
                    Some(part) if parts.is_empty() && !part.is_empty() => {
                        self.send(vec![Command::Changes { epoch, changes: part }]);
                    }
                    Some(part) if !part.is_empty() => self.send_snapshot(epoch, &desired, now)?,
                    _ => {}
                }
            }
            (Some((epoch, less)), None) if connected && self.before.is_some() => {
                let desired = self.before.as_ref().map(|before| before.common(&less)).unwrap_or_default();
                self.send_snapshot(epoch, &desired, now)?;
                self.sent = Some((epoch, desired));
            }
            // Nothing passes, so nothing is to be taken away; the snapshot that comes knows of the cut.
            (_, None) if connected && self.empty => {
                self.announce(Scope::All);
                let _ = request.answer.send(Ok(()));
                return Ok(());
            }
            // It waits for the snapshot that comes.
            (_, None) if connected => more = 1,
            _ => {}
        }
        self.announce(Scope::All);
        // Without a connection, the first message on the next one is a snapshot.
        request.until = Until::Acknowledged((self.asked + more).max(1));
        self.admit(request);
        Ok(())
    }

    fn answer(&mut self) {
        let (closed, complete, acknowledged) = (self.closed, self.complete, self.acknowledged);
        let done = |r: &Request| match r.until {
            Until::Acknowledged(messages) => messages <= acknowledged,
            Until::Closed(epoch) => epoch <= closed,
            Until::Complete(epoch) => epoch <= complete,
        };
        for request in self.waiting.extract_if(.., |r| done(r)) {
            let _ = request.answer.send(Ok(()));
        }
        let Some((epoch, reason)) = &self.failed else { return };
        let hopeless = |r: &Request| matches!(r.until, Until::Complete(wanted) if wanted <= *epoch);
        for request in self.waiting.extract_if(.., |r| hopeless(r)) {
            let _ = request.answer.send(Err(Unconfirmed::Failed(reason.clone())));
        }
    }

    /// What was touched since the last load.
    async fn catch_up(&mut self) -> anyhow::Result<()> {
        let Some((epoch, _)) = &self.sent else { return self.publish().await };
        let now = Moment::now();
        let loaded =
            self.store.within_patience(self.store.load_since(Some(*epoch), now)).await.context("load what changed")?;
        if loaded.scope == Scope::All && self.look_at_site().await? {
            return self.anew().await;
        }
        // The load may have waited: what is left of a door is reckoned from when it is told.
        self.send_difference(loaded, Moment::now())
    }

    /// Settings are part of a snapshot: whether they have changed for the data plane.
    async fn look_at_site(&mut self) -> anyhow::Result<bool> {
        let site = self
            .store
            .within_patience(self.store.site())
            .await
            .context("load the settings")?
            .context("there is no site any more")?;
        let interface = with_settings(self.interface.clone(), &site);
        self.told.published.send_modify(|p| p.site = Arc::new(site));
        Ok(interface != std::mem::replace(&mut self.interface, interface.clone()))
    }

    /// Everything, compared with what was sent; a snapshot if the connection has had none.
    async fn everything(&mut self) -> anyhow::Result<()> {
        if lock(&self.sender).is_none() {
            return self.publish().await;
        }
        if self.sent.is_none() {
            return self.snapshot().await;
        }
        let now = Moment::now();
        let loaded = self.store.within_patience(self.store.load_since(None, now)).await.context("load everything")?;
        // After the load: settings are never older than the epoch they are sent with.
        if self.look_at_site().await? {
            return self.anew().await;
        }
        self.live.keep(|device| loaded.world.devices.get(device).is_some_and(|d| !d.revoked));
        self.send_difference(loaded, Moment::now())?;
        // One that finds nothing to delete succeeds on a full disk too: it tells trouble, never its end.
        if let Err(e) = self.sweep(now).await {
            self.note(Err(e));
        }
        Ok(())
    }

    async fn sweep(&self, now: Moment) -> anyhow::Result<()> {
        self.store.within_patience(self.store.sweep_throttles(now.wall)).await.context("forget old tries")?;
        self.store.within_patience(self.store.sweep_web_sessions(now.wall)).await.context("forget old web sessions")
    }

    /// Without a data plane, the names are served all the same.
    async fn publish(&mut self) -> anyhow::Result<()> {
        self.look_at_site().await?;
        // All of it: what is known must not be older than what was done meanwhile.
        let loaded = self.store.within_patience(self.store.load_since(None, Moment::now())).await;
        self.publish_these(loaded.context("load what is published")?.resources);
        self.announce(Scope::All);
        Ok(())
    }

    fn publish_these(&self, resources: Vec<Resource>) {
        self.told.published.send_modify(|p| p.resources = Arc::new(resources));
    }

    fn announce(&self, scope: Scope) {
        // Nobody may be listening.
        let _ = self.told.news.send(scope);
    }

    fn send_difference(&mut self, loaded: Loaded, now: Moment) -> anyhow::Result<()> {
        let Some((sent_epoch, sent)) = &mut self.sent else { return Ok(()) };
        let scope: Option<BTreeSet<DeviceId>> = match &loaded.scope {
            Scope::All => None,
            Scope::Users(_) => Some(loaded.world.devices.keys().copied().collect()),
        };
        let desired = compile(&loaded.world, now.boot);
        let opens_at = opening(&loaded.world, now);
        self.opens_at = match loaded.scope {
            Scope::All => opens_at,
            Scope::Users(_) => [self.opens_at, opens_at].into_iter().flatten().min(),
        };
        let changes = plan(sent, &desired, scope.as_ref(), now.boot);
        let news = !changes.is_empty() || loaded.epoch != *sent_epoch;
        match scope {
            None => *sent = desired,
            Some(scope) => {
                sent.peers.retain(|device, _| !scope.contains(device));
                sent.peers.extend(desired.peers);
                sent.resources = desired.resources;
            }
        }
        *sent_epoch = loaded.epoch;
        self.publish_these(loaded.resources);
        if !news {
            return Ok(());
        }
        tracing::debug!(epoch = loaded.epoch, changes = changes.len(), "changes sent");
        let mut parts = parts(changes)?;
        if parts.len() > 1 {
            // `net` acknowledges each message, so a change in several parts must be a snapshot.
            let (epoch, desired) = (loaded.epoch, self.sent.as_ref().map(|(_, d)| d.clone()).unwrap_or_default());
            return self.send_snapshot(epoch, &desired, now);
        }
        let command = Command::Changes { epoch: loaded.epoch, changes: parts.pop().unwrap_or_default() };
        self.send(vec![command]);
        self.announce(loaded.scope);
        Ok(())
    }

    /// A snapshot, tried again until it has gone out.
    async fn anew(&mut self) -> anyhow::Result<()> {
        self.put_aside();
        self.snapshot().await
    }

    async fn snapshot(&mut self) -> anyhow::Result<()> {
        let now = Moment::now();
        let loaded = self.store.within_patience(self.store.load_since(None, now)).await.context("load everything");
        let (epoch, mut world, resources) = match loaded {
            Ok(Loaded { epoch, world, resources, .. }) => {
                self.look_at_site().await?;
                (epoch, world, resources)
            }
            // What was true when the database went is true until it is back, for it alone says otherwise; less the cuts.
            Err(e) => {
                let Some((epoch, world)) = self.store.current_world() else { return Err(e) };
                self.tell(format!("{e:#}"), "the database is away: the data plane gets what was read last");
                (epoch, world, self.told.published.borrow().resources.to_vec())
            }
        };
        let now = Moment::now();
        for (id, device) in &mut world.devices {
            let told = self.live.of(*id);
            device.endpoint = newer(device.endpoint, told.endpoint);
            device.recent |= told.heard_within(RECENT, now.boot);
        }
        let desired = compile(&world, now.boot);
        self.opens_at = opening(&world, now);
        self.publish_these(resources);
        self.send_snapshot(epoch, &desired, now)?;
        self.sent = Some((epoch, desired));
        Ok(())
    }

    fn send_snapshot(&mut self, epoch: u64, desired: &Desired, now: Moment) -> anyhow::Result<()> {
        let changes = plan(&Desired::default(), desired, None, now.boot);
        tracing::info!(epoch, peers = desired.peers.len(), resources = desired.resources.len(), "snapshot sent");
        let mut commands = vec![Command::SnapshotBegin { epoch, interface: Box::new(self.interface.clone()) }];
        commands.extend(parts(changes)?.into_iter().map(|changes| Command::Changes { epoch, changes }));
        commands.push(Command::SnapshotEnd { epoch });
        self.empty = false;
        self.send(commands);
        self.announce(Scope::All);
        Ok(())
    }

    /// A connection that fails is reported by its reader as lost; the next one gets everything.
    fn send(&mut self, commands: Vec<Command>) {
        // One message of changes, or one snapshot: `net` acknowledges either once.
        self.asked += 1;
        let sender = lock(&self.sender).clone();
        let Some(sender) = sender else { return };
        let sent: Result<(), Gone> = commands.into_iter().try_for_each(|command| sender.send(command));
        if sent.is_err() {
            *lock(&self.sender) = None;
            self.put_aside();
        }
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        let now = Moment::now();
        let heard = self.live.take_unwritten(now);
        if !heard.is_empty() {
            self.store.within_patience(self.store.keep_heard(&heard)).await.context("write down where peers are")?;
        }
        self.store
            .within_patience(self.store.keep_open(&self.live.used(), now))
            .await
            .context("keep doors open that are in use")?;
        self.store.within_patience(self.store.seen(now)).await.context("write down the time")
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        lock(&self.health)
    }
}

/// From a task, not a thread: a stopped or hung `serve` is to go silent.
async fn say_alive(sender: Arc<Mutex<Option<Sender>>>) {
    let mut tick = interval(ALIVE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let current = lock(&sender).clone();
        if let Some(current) = current {
            // A connection that is gone is reported by its reader.
            let _ = current.alive();
        }
    }
}

/// When the next hours of a policy begin.
fn opening(world: &World, now: Moment) -> Option<Instant> {
    let next = world.policies.values().filter_map(|p| p.from).filter(|from| *from > now.boot).min()?;
    Instant::now().checked_add(next.remaining(now.boot))
}

fn parts(changes: Vec<Change>) -> anyhow::Result<Vec<Vec<Change>>> {
    let mut parts = vec![Vec::new()];
    let mut size = 0;
    for change in changes {
        let length = serde_json::to_vec(&change).context("write a change")?.len() + 1;
        if size + length > PART && size > 0 {
            parts.push(Vec::new());
            size = 0;
        }
        size += length;
        if let Some(part) = parts.last_mut() {
            part.push(change);
        }
    }
    Ok(parts)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
