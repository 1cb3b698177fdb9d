//! Waking office PCs: one wake a PC at a time, from the gateway's own interfaces and by agents near the sleeper, until RDP
//! answers or a verdict says why it does not.
//!
//! When to send, when to give up and what is to blame is [`crate::pure::wake`]. No capability is needed: magic packets go
//! as UDP broadcasts.

pub mod keep;
pub mod probe;
mod send;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent::bounded::Mac;
use agent::facts::Facts;
use agent::message::{Action, Leaving};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::audit::{Actor, Event};
use crate::clock::Boot;
use crate::detect::Network;
use crate::fleet::{Fleet, State, some_macs};
use crate::ids::ResourceId;
use crate::pure::wake::{self as pure, Cause, Phase, Wakeable, Waking, Way};
use crate::pure::workstation::Probe;
use crate::store::{Moment, Store};

/// How often it is looked whether something is due, and asked whether the PC answers.
const STEP: Duration = Duration::from_millis(500);

/// After a wake has ended, the same PC is woken again no sooner than this.
pub const AGAIN: Duration = Duration::from_secs(10);

/// The same of one that sent nothing: what it lacked can be given at once.
const UNSENT: Duration = Duration::from_secs(2);

/// Agents that repeat one burst: packets are not louder for being many.
const RELAYS: usize = 3;

/// Wakes at once: an office that comes back after a power cut.
const AT_ONCE: usize = 256;

/// A wake that has ended is remembered for so long, for who asks how it went.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Networks of this machine that were read so long ago are read again.
const FRESH: Duration = Duration::from_secs(5);

/// Wakes PCs.
#[derive(Debug)]
pub struct Waker {
    store: Arc<Store>,
    fleet: Arc<Fleet>,
    under_way: Mutex<BTreeMap<ResourceId, Wake>>,
    networks: Mutex<Option<(Boot, Arc<Vec<send::Lan>>)>>,
}

#[derive(Debug)]
struct Wake {
    by: Actor,
    progress: watch::Receiver<Progress>,
    cancel: watch::Sender<bool>,
}

/// How a wake goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which PC.
    pub id: ResourceId,
    /// Its name.
    pub name: String,
    /// Begun.
    pub began: Moment,
    /// What it is expected to take.
    pub expected: Duration,
    /// How far it has come.
    pub phase: Phase,
    /// Bursts of magic packets sent so far.
    pub bursts: usize,
    /// Networks of the gateway's on which the last one went out, and agents that repeated it.
    pub callers: usize,
    /// How it ended, and after how long.
    pub outcome: Option<(Outcome, Duration)>,
}

/// How a wake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// RDP answers.
    Ready,
    /// It did not come, most likely for this reason.
    Failed(Cause),
    /// Nobody waits for it any more.
    Cancelled,
}

/// Why a wake did not even begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The last one has only just ended.
    #[error("this PC was woken just now: wait {} s and try again", .0.as_secs().max(1))]
    TooSoon(Duration),
    /// Too many PCs are being woken.
    #[error("too many PCs are being woken at once: try again in a minute")]
    TooMany,
    /// It is not published any more.
    #[error("no such PC")]
    Gone,
}

impl Waker {
    /// Wakes PCs of this fleet.
    #[must_use]
    pub fn new(store: Arc<Store>, fleet: Arc<Fleet>) -> Arc<Self> {
        Arc::new(Self { store, fleet, under_way: Mutex::default(), networks: Mutex::default() })
    }

    /// Begins to wake a PC, or joins the wake that is under way.
    ///
    /// # Errors
    /// Why it is not begun.
    pub async fn wake(self: &Arc<Self>, id: ResourceId, actor: Actor) -> Result<watch::Receiver<Progress>, Refused> {
        let now = Moment::now();
        let state = self.fleet.state(id).ok_or(Refused::Gone)?;
        let took = self.store.workstation(id).await.map(|kept| kept.took).unwrap_or_default();
        let waking = Waking::new(&took, now.boot);
        let (told, cancelled) = {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.retain(|_, wake| !is_old(&wake.progress.borrow(), now.boot));
            if let Some(wake) = under_way.get(&id) {
                let left = wait(&wake.progress.borrow(), now.boot);
                match left {
                    None => return Ok(wake.progress.clone()),
                    Some(left) if !left.is_zero() => return Err(Refused::TooSoon(left)),
                    Some(_) => {}
                }
            }
            let running = under_way.values().filter(|wake| wake.progress.borrow().outcome.is_none()).count();
            if running >= AT_ONCE {
                return Err(Refused::TooMany);
            }
            let (told, progress) = watch::channel(Progress {
                id,
                name: state.name.clone(),
                began: now,
                expected: waking.expected(),
                phase: Phase::Sent,
                bursts: 0,
                callers: 0,
                outcome: None,
            });
            let (cancel, cancelled) = watch::channel(false);
            under_way.insert(id, Wake { by: actor.clone(), progress, cancel });
            (told, cancelled)
        };
        let progress = told.subscribe();
        // Whoever asked may go: from here on it runs by itself.
        tokio::spawn(self.clone().run(state, waking, told, cancelled, actor));
        Ok(progress)
    }

    /// The wake of this PC that is under way, or ended a short while ago.
    #[must_use]
    pub fn progress(&self, id: ResourceId) -> Option<watch::Receiver<Progress>> {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.get(&id).map(|wake| wake.progress.clone())
    }

    /// Ends a wake that is under way; `by`: only if they began it. Whether there was one.
    pub fn cancel(&self, id: ResourceId, by: Option<&Actor>) -> bool {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let wake = under_way.get(&id).filter(|wake| by.is_none_or(|by| wake.by == *by));
        let wake = wake.filter(|wake| wake.progress.borrow().outcome.is_none());
        wake.is_some_and(|wake| wake.cancel.send(true).is_ok())
    }

    /// Whether a PC can be woken, as far as anybody knows; `took`: what the last wakes took.
    #[must_use]
    pub fn wakeable(&self, state: &State, took: &[u32]) -> Wakeable {
        let facts = state.agent.as_ref().and_then(|agent| agent.facts.as_deref());
        pure::wakeable(facts, Way { woken: !took.is_empty(), ..self.way(state, &self.networks()) })
    }

    /// The office networks this machine is in, as they were a few seconds ago.
    fn networks(&self) -> Arc<Vec<send::Lan>> {
        let mut last = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Boot::now();
        match &*last {
            Some((at, networks)) if !is_due(Some(*at), FRESH, now) => networks.clone(),
            _ => last.insert((now, Arc::new(networks()))).1.clone(),
        }
    }

    fn way(&self, state: &State, networks: &[send::Lan]) -> Way {
        let caller = state.address.map(|address| {
            let near = networks.iter().any(|lan| lan.network.contains(&address));
            near || !self.fleet.relays(address, state.id).is_empty()
        });
        Way { address: !state.macs.is_empty(), caller, woken: false }
    }

    async fn run(
        self: Arc<Self>,
        state: State,
        mut waking: Waking,
        told: watch::Sender<Progress>,
        mut cancelled: watch::Receiver<bool>,
        actor: Actor,
    ) {
        let began = told.borrow().began;
        self.note(actor.clone(), began, Event::WakeBegun { workstation: state.name.clone() }).await;
        self.fleet.waking(state.id, Some(began.wall), began.wall);
        let mut tick = interval(STEP);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            tokio::select! {
                biased;
                stop = cancelled.changed() => if stop.is_err() || *cancelled.borrow() {
                    break Outcome::Cancelled;
                },
                _ = tick.tick() => {
                    if let Some(end) = self.step(&state, &mut waking, &told).await {
                        break end;
                    }
                }
            }
        };
        let now = Moment::now();
        let after = Duration::from_millis(now.boot.0.saturating_sub(began.boot.0));
        if end == Outcome::Ready {
            self.fleet.probed(state.id, Probe::Rdp, None, now);
            // One that was on already teaches nothing.
            if waking.sent() > 0 {
                self.learn(state.id, after).await;
            }
        }
        told.send_modify(|progress| {
            progress.outcome = Some((end, after));
            progress.phase = if end == Outcome::Ready { Phase::Ready } else { progress.phase };
        });
        // Last: whoever follows the fleet looks then, and sees how it ended.
        self.fleet.waking(state.id, None, now.wall);
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        let ended = Event::WakeEnded { workstation: state.name.clone(), outcome: end.word(), after_ms };
        self.note(actor, now, ended).await;
        tracing::info!(workstation = state.name, outcome = end.word(), after_ms, "a wake has ended");
    }

    /// What is due now, and what the PC answers.
    async fn step(&self, state: &State, waking: &mut Waking, told: &watch::Sender<Progress>) -> Option<Outcome> {
        let address = state.address?;
        // It is asked before it is called: it may be on.
        let within = if waking.sent() == 0 { probe::AT_ONCE } else { probe::QUICK };
        let answered = probe::ask(address, within).await;
        let now = Moment::now();
        self.fleet.probed(state.id, answered.probe, answered.mac, now);
        match answered.probe {
            Probe::Rdp => return Some(Outcome::Ready),
            Probe::Network => waking.network_answers(now.boot),
            // An agent that is back is more than a network that answers.
            Probe::Nothing | Probe::Unasked => {
                if self.fleet.state(state.id).and_then(|s| s.agent).is_some_and(|agent| agent.connected) {
                    waking.network_answers(now.boot);
                }
            }
        }
        let phase = waking.phase();
        // Nobody waits for what cannot come.
        let way = self.way(state, &self.networks());
        if phase == Phase::Sent && (!way.address || way.caller == Some(false)) {
            return Some(Outcome::Failed(self.verdict(state, phase)));
        }
        let due = waking.due(now.boot);
        if due.over {
            return Some(Outcome::Failed(self.verdict(state, waking.phase())));
        }
        if due.burst {
            let callers = self.burst(state, waking.sent()).await;
            told.send_modify(|progress| (progress.bursts, progress.callers) = (progress.bursts + 1, callers));
        }
        told.send_if_modified(|progress| std::mem::replace(&mut progress.phase, phase) != phase);
        None
    }

    /// Magic packets from here, and from whoever is near; how many sent them.
    async fn burst(&self, state: &State, nth: usize) -> usize {
        let macs = state.macs.clone();
        if macs.is_empty() {
            return 0;
        }
        let networks = self.networks();
        let near = state.address.is_none_or(|address| networks.iter().any(|lan| lan.network.contains(&address)));
        let sent = tokio::task::spawn_blocking(move || send::everywhere(&networks, &macs)).await.unwrap_or(0);
        let Some(address) = state.address.filter(|_| !near) else { return sent };
        // Others each time: one of them may have fallen asleep itself.
        let mut relays = self.fleet.relays(address, state.id);
        let first = nth.saturating_mul(RELAYS).checked_rem(relays.len()).unwrap_or(0);
        relays.rotate_left(first);
        let mut relayed = tokio::task::JoinSet::new();
        for agent in relays.into_iter().take(RELAYS) {
            let (fleet, macs) = (self.fleet.clone(), some_macs(&state.macs));
            relayed.spawn(async move { fleet.act_by(agent, Action::Wake { macs }).await.is_ok() });
        }
        let mut done = 0;
        let all = async {
            while let Some(relayed) = relayed.join_next().await {
                done += usize::from(relayed.unwrap_or(false));
            }
        };
        // The next burst does not wait for one that says nothing; it may send all the same.
        let late = tokio::time::timeout(STEP, all).await.is_err();
        if late {
            relayed.detach_all();
        }
        sent + done
    }

    fn verdict(&self, before: &State, phase: Phase) -> Cause {
        // What its agent told meanwhile counts more than what was known when it began.
        let state = self.fleet.state(before.id).unwrap_or_else(|| before.clone());
        let agent = state.agent.as_ref();
        let facts: Option<&Facts> = agent.and_then(|a| a.facts.as_deref());
        let left: Option<Leaving> = agent.and_then(|a| a.agent.gone.map(|(how, _)| how));
        pure::cause(facts, left, self.way(&state, &self.networks()), phase)
    }

    async fn learn(&self, id: ResourceId, took: Duration) {
        let learned = async {
            let mut write = self.store.write(Moment::now(), Actor::System).await?;
            write.woke(id, took).await?;
            write.commit().await
        };
        if let Err(e) = learned.await {
            tracing::debug!(error = format!("{:#}", anyhow::Error::from(e)), "what a wake took is not noted");
        }
    }

    async fn note(&self, actor: Actor, now: Moment, event: Event) {
        let noted = async {
            let mut write = self.store.write(now, actor).await?;
            write.audit(&event).await?;
            write.commit().await
        };
        // A full disk keeps nobody from working.
        if let Err(e) = noted.await {
            tracing::warn!(error = format!("{:#}", anyhow::Error::from(e)), "a wake is not in the audit");
        }
    }
}

impl Outcome {
    /// In the audit.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The office networks this machine is in.
fn networks() -> Vec<send::Lan> {
    match Network::detect() {
        Ok(network) => send::lans(&network),
        Err(e) => {
            tracing::warn!(error = format!("{e:#}"), "this machine's networks cannot be read: nothing is sent on them");
            Vec::new()
        }
    }
}

/// How long ago a wake ended; nothing while it is under way.
fn ended(progress: &Progress, now: Boot) -> Option<Duration> {
    let (_, after) = progress.outcome?;
    Some(Duration::from_millis(now.0.saturating_sub((progress.began.boot + after).0)))
}

fn is_old(progress: &Progress, now: Boot) -> bool {
    ended(progress, now).is_some_and(|ago| ago > REMEMBERED)
}

/// How long to wait before the next; nothing: this one is under way.
fn wait(progress: &Progress, now: Boot) -> Option<Duration> {
    let rest = if progress.bursts == 0 { UNSENT } else { AGAIN };
    ended(progress, now).map(|ago| rest.saturating_sub(ago))
}

/// What a PC looks like to whoever calls it: its addresses, and its hardware's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it answered.
    pub probe: Probe,
    /// The hardware address its answer came from, if it is in the same segment.
    pub mac: Option<Mac>,
}

/// When a PC is asked next, from when it was asked last.
#[must_use]
pub fn is_due(probed: Option<Boot>, every: Duration, now: Boot) -> bool {
    probed.is_none_or(|at| now.0.saturating_sub(at.0) >= u64::try_from(every.as_millis()).unwrap_or(u64::MAX))
}
