//! The service: connects to the gateway, talks with it (`talk`), and after every end waits as `pure::backoff` says.

mod talk;

use std::pin::pin;
use std::time::Duration;

use agent::message::Leaving;
use anyhow::Context as _;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::config::Config;
use crate::connect::Connection;
use crate::identity::{Folder, Identity};
use crate::pc::{Event, Pc};
use crate::pure::backoff::{Backoff, End};
use crate::status::{Keeper, Status};
use crate::stop::Stop;
use crate::trust::{self, Known};

use talk::Ended;

/// After "it sleeps now", nothing that says the opposite: then it did not. Time asleep does not count.
const ASLEEP: Duration = Duration::from_secs(60);

/// The running agent.
struct Agent<P> {
    pc: P,
    stop: Stop,
    folder: Folder,
    keeper: Keeper,
    /// It slept, and the gateway does not know yet that it is back.
    back: bool,
    /// When a new certificate was last asked for.
    renewal: Option<Instant>,
}

/// What happens to the PC or to the agent itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happening {
    Changed,
    Leaves(Leaving),
    Stays,
}

/// Runs until it is told to stop. Nothing but a set-up that is broken from the start is an error.
pub(crate) async fn run<P: Pc>(config: &Config, pc: P, stop: Stop) -> anyhow::Result<()> {
    let folder = Folder::new(&config.state_dir);
    enrolled(&folder)?;
    let keeper = Keeper::take(&config.state_dir)?;
    let mut agent = Agent { pc, stop, folder, keeper, back: false, renewal: None };
    agent.pc.hold().await;
    let mut backoff = Backoff::default();
    loop {
        // Anew each time, for it may have been renewed, or the PC enrolled again.
        let attempt = match enrolled(&agent.folder) {
            Ok(identity) => agent.connection(config, &identity).await,
            Err(e) => (Ended::Lost(e), Duration::ZERO),
        };
        let left = match attempt {
            (Ended::Left(how), _) => Some(how),
            (ended, welcomed) => agent.wait(ended, welcomed, &mut backoff).await?,
        };
        if let Some(how) = left {
            if !agent.away(how).await {
                return Ok(());
            }
            backoff.after(End::Left, 0);
        }
    }
}

fn enrolled(folder: &Folder) -> anyhow::Result<Identity> {
    folder.load()?.context("this PC is not enrolled: passerelle-agent enrol")
}

impl<P: Pc> Agent<P> {
    /// One connection from its beginning to its end, and for how long it was welcomed.
    async fn connection(&mut self, config: &Config, identity: &Identity) -> (Ended, Duration) {
        let open = async {
            let own = identity.key.certified(identity.chain.clone())?;
            let tls = trust::config(Known::Kept(identity.authority.clone()), Some(own)).context("TLS")?;
            Connection::open(&config.gateway, tls).await
        };
        match self.meanwhile(open).await {
            Err(how) => (Ended::Left(how), Duration::ZERO),
            Ok(Err(e)) => (Ended::Lost(e), Duration::ZERO),
            Ok(Ok(connection)) => self.talk(connection, identity).await,
        }
    }

    /// Waits for as long as this end asks for. Returns how the PC stops, if it does before.
    async fn wait(
        &mut self,
        ended: Ended,
        welcomed: Duration,
        backoff: &mut Backoff,
    ) -> anyhow::Result<Option<Leaving>> {
        let chance = getrandom::u64().context("random numbers")?;
        let (end, why) = match ended {
            Ended::Refused(why) => (End::Refused(why), talk::sentence(why).to_owned()),
            Ended::Lost(e) => (End::Lost(welcomed), format!("{e:#}")),
            Ended::Left(how) => return Ok(Some(how)),
        };
        let wait = backoff.after(end, chance);
        warn!(why, wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), "no connection to the gateway");
        self.keeper.keep(Status::Waiting { why, for_s: wait.as_secs() });
        Ok(self.meanwhile(sleep(wait)).await.err())
    }

    /// The PC sleeps or stops, and the gateway knows. Returns whether the agent goes on.
    async fn away(&mut self, how: Leaving) -> bool {
        info!(?how, "leaving");
        self.keeper.keep(Status::Waiting { why: format!("the PC leaves: {how:?}").to_lowercase(), for_s: 0 });
        if how == Leaving::Agent {
            return false;
        }
        self.pc.let_go();
        let stays = async {
            loop {
                match self.happening().await {
                    Happening::Stays => return true,
                    Happening::Leaves(Leaving::Agent) => return false,
                    Happening::Leaves(_) | Happening::Changed => {}
                }
            }
        };
        let goes_on = timeout(ASLEEP, stays).await.unwrap_or(true);
        if goes_on {
            self.back |= how == Leaving::Sleep;
            self.pc.hold().await;
        }
        goes_on
    }

    /// The outcome of this, or how the PC stops if it does before.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Leaving> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                happens = self.happening() => if let Happening::Leaves(how) = happens { return Err(how) },
            }
        }
    }

    async fn happening(&mut self) -> Happening {
        tokio::select! {
            () = self.stop.asked() => Happening::Leaves(Leaving::Agent),
            event = self.pc.event() => match event {
                Event::Changed => Happening::Changed,
                Event::Leaves(how) => Happening::Leaves(how),
                Event::Stays => Happening::Stays,
            },
        }
    }
}
