//! One desired state, one reconciler: from the database to the data plane.
//!
//! A handler commits, then waits here until `net` has carried its epoch out. The reconciler loads what was touched
//! (everything every minute, and after every connection), plans purely, sends. Nobody else speaks to `net`.

mod core;
pub mod live;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]
pub(crate) mod tests;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::clock::{Boot, Unix};
use crate::ids::{DesktopId, DeviceId, ResourceId};
use crate::link::client::{self, Gone};
use crate::link::message::{Command, DesktopReport, Interface, SocketRole};
use crate::planted::{Bug, planted};
use crate::store::resources::Resource;
use crate::store::site::Site;
use crate::store::{Scope, Store};

/// How long a request waits for the data plane (three times what `net` may take to notice a dead `nft`).
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Requests waiting to be looked at.
const REQUESTS: usize = 256;

/// Reports on desktops that wait to be looked at: four a second, and one for each end.
const DESKTOPS: usize = 4_096;

/// News kept for who is slow to hear them; who misses some counts as touched by them.
const NEWS: usize = 64;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// What the change takes away no longer passes.
    Closed,
    /// What the change gives is in force.
    Complete,
}

/// The change is stored, but the data plane has not confirmed it. It gets it as soon as it can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unconfirmed {
    /// There is no connection.
    #[error("the change is stored, but the data plane is not running: start `passerelle net`")]
    Down,
    /// No answer in time.
    #[error("the change is stored, but the data plane has not confirmed it within three seconds")]
    Late,
    /// The second lock cannot be brought up to it.
    #[error("the change is stored, but nothing new was opened: {0}")]
    Failed(String),
}

/// How the data plane is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// A connection stands.
    pub up: bool,
    /// The epoch carried out in both locks.
    pub carried_out: u64,
    /// What is wrong with the second lock, and the cure.
    pub problem: Option<String>,
    /// When the second lock was last rebuilt after somebody else changed it.
    pub rebuilt_at: Option<Unix>,
    /// What keeps the database from storing anything.
    pub storage: Option<String>,
}

/// What a handler waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// This epoch's closing.
    Closed(u64),
    /// All of this epoch.
    Complete(u64),
    /// So many messages of this connection; what was cut without the database is in the last of them.
    Acknowledged(u64),
}

/// A waiting handler.
#[derive(Debug)]
struct Request {
    until: Until,
    answer: oneshot::Sender<Result<(), Unconfirmed>>,
}

/// Sockets on the gateway's tunnel address, as `net` handed them over.
pub type Sockets = Vec<(SocketRole, OwnedFd)>;

/// Speaks to the reconciler; cheap to clone.
#[derive(Clone, Debug)]
pub struct Reconciler {
    requests: mpsc::Sender<Request>,
    health: Arc<Mutex<Health>>,
    live: live::Live,
    published: watch::Receiver<Published>,
    news: broadcast::Sender<Scope>,
    line: Line,
}

/// The connection to `net`, while there is one.
pub(super) type Line = Arc<Mutex<Option<client::Sender>>>;

/// What `net` says of desktops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfDesktops {
    /// There are no others.
    pub all: bool,
    /// Those with news.
    pub news: Vec<DesktopReport>,
}

/// What the site is and what it publishes, as last loaded.
#[derive(Clone, Debug)]
pub struct Published {
    /// Names, networks, settings.
    pub site: Arc<Site>,
    /// Everything that can be reached.
    pub resources: Arc<Vec<Resource>>,
}

/// What the reconciler gives besides its handle.
#[derive(Debug)]
pub struct Started {
    /// To speak to it.
    pub reconciler: Reconciler,
    /// Every set of sockets that `net` hands over; a new set replaces the old.
    pub sockets: mpsc::Receiver<Sockets>,
    /// What `net` says of desktops.
    pub desktops: mpsc::Receiver<OfDesktops>,
}

/// Starts the reconciler and the link. They end with the runtime.
///
/// # Errors
/// The link's thread cannot be started.
pub fn start(store: Arc<Store>, site: Site, interface: Interface, socket: PathBuf) -> anyhow::Result<Started> {
    let (requests, incoming) = mpsc::channel(REQUESTS);
    let (sockets_out, sockets) = mpsc::channel(2);
    let (published_out, published) = watch::channel(Published { site: Arc::new(site), resources: Arc::default() });
    let (health, live) = (Arc::<Mutex<Health>>::default(), live::Live::default());
    let (news, _) = broadcast::channel(NEWS);
    let (desktops_out, desktops) = mpsc::channel(DESKTOPS);
    let line = Line::default();
    let told = core::Told { published: published_out, news: news.clone(), desktops: desktops_out, line: line.clone() };
    let core = core::Core::new(store, interface, health.clone(), live.clone(), told, sockets_out);
    let from_net = client::start(socket)?;
    tokio::spawn(core.run(from_net, incoming));
    Ok(Started { reconciler: Reconciler { requests, health, live, published, news, line }, sockets, desktops })
}

impl Reconciler {
    /// Waits until the data plane has carried this epoch out; nothing to wait for without one.
    ///
    /// # Errors
    /// The change is stored but not confirmed.
    pub async fn carry_out(&self, epoch: Option<u64>, wait: Wait) -> Result<(), Unconfirmed> {
        match epoch.filter(|_| !planted(Bug::AnsweredBeforeClosed)) {
            Some(epoch) if wait == Wait::Closed => self.wait_for(Until::Closed(epoch)).await,
            Some(epoch) => self.wait_for(Until::Complete(epoch)).await,
            None => Ok(()),
        }
    }

    /// Waits until what was cut without the database no longer passes.
    ///
    /// # Errors
    /// The data plane has not confirmed.
    pub async fn carry_out_cuts(&self) -> Result<(), Unconfirmed> {
        self.wait_for(Until::Acknowledged(u64::MAX)).await
    }

    async fn wait_for(&self, until: Until) -> Result<(), Unconfirmed> {
        let (answer, outcome) = oneshot::channel();
        let waiting = async {
            self.requests.send(Request { until, answer }).await.map_err(|_| Unconfirmed::Down)?;
            outcome.await.map_err(|_| Unconfirmed::Down)?
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or(Err(Unconfirmed::Late))
    }

    /// Has the data plane join two connections: the device's, and the PC's.
    ///
    /// # Errors
    /// There is no data plane; both are closed.
    pub fn splice(
        &self,
        desktop: DesktopId,
        device: DeviceId,
        resource: ResourceId,
        ends: [OwnedFd; 2],
    ) -> Result<(), Gone> {
        self.say(Command::Splice { desktop, device, resource }, ends.into())
    }

    /// Has it end one of them.
    ///
    /// # Errors
    /// There is no data plane, and so none of them.
    pub fn end_desktop(&self, desktop: DesktopId) -> Result<(), Gone> {
        self.say(Command::EndDesktop { desktop }, Vec::new())
    }

    fn say(&self, command: Command, descriptors: Vec<OwnedFd>) -> Result<(), Gone> {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.as_ref().ok_or(Gone)?.send_with(command, descriptors)
    }

    /// How the data plane is doing.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What `net` told of each peer.
    #[must_use]
    pub fn live(&self) -> &live::Live {
        &self.live
    }

    /// A device is at work by the gateway itself, which `net` does not count as use of its door.
    pub fn at_work(&self, device: DeviceId, now: Boot) {
        self.live.at_work(device, now);
    }

    /// The site as last loaded.
    #[must_use]
    pub fn site(&self) -> Arc<Site> {
        self.published.borrow().site.clone()
    }

    /// Whom each change touches, once it has been loaded and sent.
    #[must_use]
    pub fn news(&self) -> broadcast::Receiver<Scope> {
        self.news.subscribe()
    }

    /// Something that is no concern of the data plane's has changed for these.
    pub fn announce(&self, scope: Scope) {
        // Nobody may be listening.
        let _ = self.news.send(scope);
    }

    /// What is published, after every load.
    #[must_use]
    pub fn published(&self) -> watch::Receiver<Published> {
        self.published.clone()
    }
}

/// The same interface with the site's present settings.
#[must_use]
pub fn with_settings(interface: Interface, site: &Site) -> Interface {
    let mut private_zones = vec![site.zone.clone()];
    private_zones.extend(site.office_zones.iter().cloned());
    Interface { masquerade: site.masquerade, resolvers: site.resolvers.clone(), private_zones, ..interface }
}

/// The newer place of two.
fn newer(stored: Option<SocketAddr>, heard: Option<SocketAddr>) -> Option<SocketAddr> {
    heard.or(stored)
}
