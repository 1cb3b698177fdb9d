//! A connection from Hello to its end: facts when they change, signs of life, and what the gateway asks for.

use std::time::Duration;

use agent::bounded::Short;
use agent::facts::Facts;
use agent::message::{Action, FromAgent, Outcome, Papers, Refused, ToAgent, VERSION};
use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::{Agent, Happening};
use crate::act;
use crate::clock;
use crate::connect::{Connection, Heard};
use crate::identity::{Identity, certificates};
use crate::pc::{Pc, Wanted};
use crate::pure::changed::matters;
use crate::pure::flood::Flood;
use crate::pure::validity;
use crate::status::Status;
use agent::message::Leaving;

/// From Hello to Welcome: the gateway looks into its database.
const GREETING: Duration = Duration::from_secs(10);

/// A gateway may ask for signs of life so often, and so seldom.
const HEARTBEAT: std::ops::RangeInclusive<u32> = 3..=300;

/// What no event tells of (addresses, power, programs) is looked at this often.
const LOOK: Duration = Duration::from_secs(10);

/// Events come in swarms: one look for those that come within this time.
const SWARM: Duration = Duration::from_millis(200);

/// What only grows is told this often.
const MINUTE: Duration = Duration::from_secs(60);

/// Actions that are done at the same time: questions to people take a minute each.
const ACTS: usize = 4;

/// A new certificate is asked for this often at most, whatever the PC's clock says.
const RENEWAL: Duration = Duration::from_secs(24 * 3600);

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// It broke, or the gateway cannot be understood.
    Lost(anyhow::Error),
    /// The gateway does not hear this PC.
    Refused(Refused),
    /// The PC or the agent stops, and the gateway was told.
    Left(Leaving),
}

impl From<anyhow::Error> for Ended {
    fn from(e: anyhow::Error) -> Self {
        Self::Lost(e)
    }
}

/// What is being talked about.
struct Talk<'i> {
    connection: Connection,
    identity: &'i Identity,
    began: Instant,
    approved: bool,
    heartbeat: Duration,
    wanted: Wanted,
    /// What the gateway was told last, and when.
    told: Option<(Facts, Instant)>,
    look_at: Instant,
    /// Until when the gateway has to answer a ping.
    pong_by: Option<Instant>,
    acts: JoinSet<(u64, Outcome)>,
    flood: Flood,
}

impl<P: Pc> Agent<P> {
    /// Talks until the end; also tells for how long it was welcomed.
    pub(super) async fn talk(&mut self, connection: Connection, identity: &Identity) -> (Ended, Duration) {
        let mut welcomed = None;
        let ended = self.talk_until(connection, identity, &mut welcomed).await;
        let ended = match ended {
            Err(ended) => ended,
            Ok(never) => match never {},
        };
        (ended, welcomed.map_or(Duration::ZERO, |at: Instant| at.elapsed()))
    }

    async fn talk_until(
        &mut self,
        connection: Connection,
        identity: &Identity,
        welcomed: &mut Option<Instant>,
    ) -> Result<std::convert::Infallible, Ended> {
        let now = Instant::now();
        let mut talk = Talk {
            connection,
            identity,
            began: now,
            approved: false,
            heartbeat: Duration::ZERO,
            wanted: Wanted::default(),
            told: None,
            look_at: now,
            pong_by: None,
            acts: JoinSet::new(),
            flood: Flood::default(),
        };
        let greeted = self.meanwhile(timeout(GREETING, talk.greet())).await;
        match greeted {
            Err(how) => return Err(talk.leave(how).await),
            Ok(greeted) => greeted.context("the gateway does not answer")??,
        }
        *welcomed = Some(Instant::now());
        info!(approved = talk.approved, "welcomed by the gateway");
        self.keeper.keep(Status::Connected { approved: talk.approved });
        if std::mem::take(&mut self.back) {
            talk.connection.say(&FromAgent::Back {}).await?;
        }
        let mut beat = interval(talk.heartbeat / 3);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let pong_by = talk.pong_by;
            tokio::select! {
                heard = talk.connection.hear() => match heard? {
                    Heard::Said(message) => {
                        let period = talk.heartbeat;
                        self.said(&mut talk, message).await?;
                        if talk.heartbeat != period {
                            beat.reset_after(talk.heartbeat / 3);
                        }
                    }
                    Heard::Pong => talk.pong_by = None,
                    Heard::Nothing => talk.hears()?,
                },
                happens = self.happening() => match happens {
                    Happening::Leaves(how) => return Err(talk.leave(how).await),
                    Happening::Changed => talk.look_at = talk.look_at.min(Instant::now() + SWARM),
                    Happening::Stays => {}
                },
                _ = beat.tick() => {
                    talk.connection.say(&FromAgent::Alive {}).await?;
                    if talk.pong_by.is_none() {
                        talk.connection.ping().await?;
                        talk.pong_by = Some(Instant::now() + talk.heartbeat);
                    }
                    self.renew(&mut talk).await?;
                }
                () = sleep_until(talk.look_at) => self.look(&mut talk).await?,
                Some(done) = talk.acts.join_next() => if let Ok((id, outcome)) = done {
                    debug!(id, ?outcome, "done");
                    talk.connection.say(&FromAgent::Done { id, outcome }).await?;
                },
                () = sleep_until(pong_by.unwrap_or(now)), if pong_by.is_some() => {
                    return Err(anyhow::anyhow!("the gateway is silent").into());
                }
            }
        }
    }

    /// Looks at the PC, and tells what is worth it.
    async fn look(&mut self, talk: &mut Talk<'_>) -> anyhow::Result<()> {
        let facts = self.pc.facts(&talk.wanted).await;
        let now = Instant::now();
        talk.look_at = now + LOOK;
        let worth = match &talk.told {
            None => true,
            Some((before, at)) => matters(before, &facts) || now - *at >= MINUTE,
        };
        if worth {
            talk.connection.say(&FromAgent::Facts(Box::new(facts.clone()))).await?;
            talk.told = Some((facts, now));
        }
        Ok(())
    }

    /// Hears a message.
    async fn said(&mut self, talk: &mut Talk<'_>, message: ToAgent) -> Result<(), Ended> {
        talk.hears()?;
        match message {
            ToAgent::Welcome { .. } => {
                talk.welcome(message);
                self.keeper.keep(Status::Connected { approved: talk.approved });
            }
            ToAgent::Refused { why } => return Err(Ended::Refused(why)),
            ToAgent::Renewed { certificate } => self.renewed(talk, certificate.as_str())?,
            ToAgent::Act { id, action } => self.act(talk, id, action).await?,
            ToAgent::Enrolled { .. } | ToAgent::Unknown => debug!("passed over a message"),
        }
        Ok(())
    }

    /// Begins to do what is asked, or says why not.
    async fn act(&mut self, talk: &mut Talk<'_>, id: u64, action: Action) -> anyhow::Result<()> {
        let refusal = if !talk.approved {
            Some("this PC is not approved yet")
        } else if talk.acts.len() >= ACTS {
            Some("it is doing several other things already")
        } else {
            None
        };
        if let Some(why) = refusal {
            let outcome = Outcome::Failed { why: why.into() };
            return talk.connection.say(&FromAgent::Done { id, outcome }).await;
        }
        info!(id, action = act::name(&action), "asked");
        // Who is there now, not ten seconds ago.
        let facts = self.pc.facts(&talk.wanted).await;
        if action == (Action::Refresh {}) {
            talk.told = None;
            talk.look_at = Instant::now();
        }
        talk.acts.spawn(async move { (id, act::act(action, &facts).await) });
        Ok(())
    }

    /// Asks for a new certificate when this one is old.
    async fn renew(&mut self, talk: &mut Talk<'_>) -> anyhow::Result<()> {
        let lately = self.renewal.is_some_and(|at| at.elapsed() < RENEWAL);
        let old = || {
            let own = talk.identity.chain.first().and_then(|leaf| validity::of(leaf));
            own.is_some_and(|validity| validity::wants_renewal(&validity, clock::unix()))
        };
        if lately || !old() {
            return Ok(());
        }
        self.renewal = Some(Instant::now());
        let request = Papers::try_from(talk.identity.key.request()?)?;
        talk.connection.say(&FromAgent::Renew { request }).await
    }

    /// Keeps a new certificate; the next connection shows it.
    fn renewed(&self, talk: &Talk<'_>, chain: &str) -> anyhow::Result<()> {
        let all = certificates(chain)?;
        if all.last() != Some(&talk.identity.authority) || talk.identity.key.certified(all).is_err() {
            warn!("the gateway sends a certificate that is not for this PC's key: the old one is kept");
            return Ok(());
        }
        self.folder.renew(chain)?;
        info!("the certificate was renewed");
        Ok(())
    }
}

impl Talk<'_> {
    /// Hello, and what the gateway answers.
    async fn greet(&mut self) -> Result<(), Ended> {
        let program = Short::new(env!("CARGO_PKG_VERSION"));
        self.connection.say(&FromAgent::Hello { version: VERSION, program }).await?;
        loop {
            match self.connection.hear().await? {
                Heard::Said(ToAgent::Refused { why }) => return Err(Ended::Refused(why)),
                Heard::Said(message @ ToAgent::Welcome { .. }) => {
                    self.welcome(message);
                    return Ok(());
                }
                Heard::Said(_) | Heard::Pong | Heard::Nothing => self.hears()?,
            }
        }
    }

    fn welcome(&mut self, message: ToAgent) {
        if let ToAgent::Welcome { approved, heartbeat_s, names, rules, .. } = message {
            self.approved = approved;
            self.heartbeat = Duration::from_secs(heartbeat_s.clamp(*HEARTBEAT.start(), *HEARTBEAT.end()).into());
            self.wanted = Wanted { names, rules: rules.to_vec() };
            self.look_at = Instant::now();
        }
    }

    /// One more message came.
    fn hears(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(self.flood.hears(self.began.elapsed()), "the gateway says too much");
        Ok(())
    }

    /// Says how the PC stops, and waits until that has arrived.
    async fn leave(mut self, how: Leaving) -> Ended {
        if let Err(e) = self.connection.say(&FromAgent::Leaving { how }).await {
            debug!(error = format!("{e:#}"), "cannot say that the PC leaves");
        }
        self.connection.close().await;
        Ended::Left(how)
    }
}

/// Why the gateway does not hear this PC, and what to do.
pub(super) fn sentence(why: Refused) -> &'static str {
    match why {
        Refused::Revoked => {
            "IT has taken this PC's enrolment back; to have it again, enrol with a new token and --again"
        }
        Refused::Unknown => "the gateway does not know this PC's certificate; enrol with a new token and --again",
        Refused::Replaced => {
            "another connection took the place of this one: do two PCs run from one disk image? enrol one with --again"
        }
        Refused::Flood => "the gateway says that this PC says too much",
        Refused::Busy => "the gateway is busy",
        Refused::Token | Refused::Key | Refused::Other => "the gateway refuses this PC",
    }
}
