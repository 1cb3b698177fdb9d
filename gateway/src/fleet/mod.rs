//! The office PCs as they are now: what their agents told last, what they answer, and the judgement made of both.
//!
//! Everything here is in memory; what must outlive a restart is written down in one change every few seconds ([`keep`]).
//! Agents are heard in [`link`]; whether a PC without one answers is asked in [`crate::wake`]. The judgement itself is
//! [`crate::pure::workstation`].

mod agents;
mod enrol;
pub mod keep;
pub mod link;
mod session;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]
mod tests;

pub use enrol::{Alike, Enrolment, as_workstation, looks_like};
pub(crate) use enrol::{is_publishable, names};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent::bounded::{AtMost, Mac, Short};
use agent::facts::{Facts, Medium};
use agent::message::{Action, Outcome, Refused};
use ipnet::IpNet;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::{Boot, Unix};
use crate::ids::{AgentId, ResourceId};
use crate::pure::wanted::Wanted;
use crate::pure::workstation::{Judged, Kind, Probe, Reason, Seen, Told, judge};
use crate::store::agents::{self as stored, Agent};
use crate::store::resources::{Resource, ResourceKind};
use crate::store::workstations::{MACS, Step};
use crate::store::{Moment, Store};

/// No office network is wider: what an agent tells of its own is not believed beyond it.
const WIDEST: u8 = 16;

/// After a start, agents that were there before are back within this: they try each half minute at most.
const BACK_MS: i64 = 90_000;

/// Within this, a PC's timeline has a few changes at most.
const MOMENT_MS: i64 = 5_000;
const FEW: usize = 3;

/// All PCs.
#[derive(Debug)]
pub struct Fleet {
    store: Arc<Store>,
    inner: Mutex<Inner>,
    version: watch::Sender<u64>,
    /// One at a time: what was read last is what counts.
    reloading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    agents: BTreeMap<AgentId, Agent>,
    /// Which agent IT has said a PC's is.
    of_pc: BTreeMap<ResourceId, AgentId>,
    present: HashMap<AgentId, Present>,
    /// What agents are to tell.
    wanted: Wanted,
    pcs: BTreeMap<ResourceId, Pc>,
    notes: Notes,
    /// Since when agents can come.
    began: Option<Unix>,
    connections: u64,
    acts: u64,
}

/// What is to be written down.
#[derive(Debug, Default)]
struct Notes {
    agents: BTreeMap<AgentId, stored::Told>,
    steps: Vec<(ResourceId, Step)>,
    macs: BTreeMap<ResourceId, Vec<Mac>>,
}

impl Notes {
    /// One more; of more than a few in a moment the last gives way, whatever an agent makes of its PC.
    fn step(&mut self, id: ResourceId, step: Step) {
        let lately =
            |(of, before): &&mut (ResourceId, Step)| *of == id && step.at.0.saturating_sub(before.at.0) < MOMENT_MS;
        let mut lately: Vec<_> = self.steps.iter_mut().rev().filter(lately).take(FEW).collect();
        if lately.len() < FEW {
            self.steps.push((id, step));
        } else if let Some((_, last)) = lately.first_mut() {
            *last = Step { at: last.at, ..step };
        }
    }
}

/// An agent that is connected.
#[derive(Debug)]
struct Present {
    connection: u64,
    orders: mpsc::Sender<Order>,
    program: Short,
    facts: Option<Arc<Facts>>,
    /// When the PC was started, by what was told.
    started: Option<Unix>,
    heard: Unix,
    address: IpAddr,
}

/// One PC.
#[derive(Debug)]
struct Pc {
    name: String,
    address: Option<IpAddr>,
    probe: Probe,
    probed: Option<Boot>,
    waking_since: Option<Unix>,
    /// Since when somebody is connected to it through the gateway.
    through: Option<Unix>,
    /// Whether it is kept for somebody now.
    reserved: bool,
    judged: Judged,
    since: Unix,
    macs: Vec<Mac>,
    /// As they were read from the database last.
    written_macs: Vec<Mac>,
    /// Hardware addresses that it told and that are another PC's, and whose.
    foreign: Vec<(Mac, ResourceId)>,
    /// What its timeline ends with.
    noted: Option<(Kind, Reason)>,
}

/// What an agent's connection is told to do.
#[derive(Debug)]
enum Order {
    /// Ask the agent this; the answer goes there.
    Act(u64, Action, oneshot::Sender<Outcome>),
    /// Say why, and end.
    End(Refused),
    /// Read anew what IT says of it and wants to know, and tell it.
    Welcome,
}

/// A PC as it is now.
#[derive(Clone, Debug)]
pub struct State {
    /// Which one.
    pub id: ResourceId,
    /// Its name.
    pub name: String,
    /// Its address in the office.
    pub address: Option<IpAddr>,
    /// What it is doing, and why it is taken to do so.
    pub judged: Judged,
    /// Since when.
    pub since: Unix,
    /// Its agent, if it has one.
    pub agent: Option<AgentState>,
    /// Its hardware addresses, as far as they are known.
    pub macs: Vec<Mac>,
    /// Hardware addresses that its agent told and that are another PC's, and its name: nobody is woken by them for it.
    pub foreign: Vec<(Mac, String)>,
    /// When it was last asked whether it answers.
    pub probed: Option<Boot>,
}

/// An agent as it is now.
#[derive(Clone, Debug)]
pub struct AgentState {
    /// What is stored of it.
    pub agent: Agent,
    /// Whether it is connected.
    pub connected: bool,
    /// Whether it has told what it sees since it is connected.
    pub told: bool,
    /// What it told last; without people if it is away.
    pub facts: Option<Arc<Facts>>,
    /// When the PC was started, while the agent is connected.
    pub started_at: Option<Unix>,
    /// Last heard.
    pub heard_at: Option<Unix>,
    /// Where it is connected from.
    pub address: Option<IpAddr>,
}

impl State {
    /// Whether it has an agent, which does not say at this moment who is there.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        self.agent.as_ref().is_some_and(|agent| !agent.told)
    }
}

/// Why an agent did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// It is not connected.
    #[error("the agent of this PC is not connected: the PC sleeps, is off, or away")]
    Away,
    /// It did not answer.
    #[error("the agent of this PC did not answer")]
    Silent,
    /// It agreed to sleep, and did not.
    #[error(
        "it was told to sleep, and is still on: something keeps it awake; on the PC, `powercfg /requests` (Windows) or \
         `systemd-inhibit --list` (Linux) says what"
    )]
    StillOn,
    /// It said why.
    #[error("the agent of this PC could not do it: {0}")]
    Failed(Short),
}

impl Fleet {
    /// None yet: [`Fleet::reload`] brings them.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, inner: Mutex::default(), version: watch::channel(0).0, reloading: tokio::sync::Mutex::default() }
    }

    /// Takes over what was changed: PCs come and go, and so do agents. Who was taken back is cut off.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn reload(&self, published: &[Resource], now: Moment) -> crate::store::Result<()> {
        let _alone = self.reloading.lock().await;
        let newest = self.lock().connections;
        let (agents, kept) = (self.store.agents().await?, self.store.workstations().await?);
        let wanted = self.store.wanted().await?;
        let first = self.lock().began.is_none();
        let steps = if first { self.store.last_steps().await? } else { BTreeMap::new() };
        let mut inner = self.lock();
        inner.began.get_or_insert(now.wall);
        inner.want(wanted);
        let pcs: BTreeMap<_, _> =
            published.iter().filter(|r| r.kind == ResourceKind::Workstation).map(|r| (r.id, r)).collect();
        inner.pcs.retain(|id, _| pcs.contains_key(id));
        let unwritten_macs = inner.notes.macs.clone();
        for (id, resource) in pcs {
            let address = resource.real4.map(|n| n.addr().into()).or(resource.real6.map(|n| n.addr().into()));
            let macs = kept.get(&id).map(|kept| kept.macs.clone()).unwrap_or_default();
            let noted = steps.get(&id).copied();
            let pc = inner.pcs.entry(id).or_insert_with(|| Pc { noted, ..Pc::new(now.wall) });
            if pc.address != address {
                (pc.probe, pc.probed) = (Probe::Unasked, None);
            }
            (pc.name, pc.address) = (resource.name.clone(), address);
            // What was set takes the place of what was seen; what was seen and is not written down yet stays.
            if pc.written_macs != macs {
                pc.macs = unwritten_macs.get(&id).unwrap_or(&macs).clone();
                pc.written_macs = macs;
            }
        }
        let mut before = std::mem::take(&mut inner.agents);
        inner.agents = agents.into_iter().map(|agent| (agent.id, agent)).collect();
        let newer: Vec<AgentId> =
            inner.present.iter().filter(|(_, p)| p.connection > newest).map(|(id, _)| *id).collect();
        for id in newer.into_iter().filter(|id| !inner.agents.contains_key(id)).collect::<Vec<_>>() {
            if let Some(agent) = before.remove(&id) {
                inner.agents.insert(id, agent);
            }
        }
        // What was heard since is newer than what is written down.
        let unwritten: Vec<_> = inner.notes.agents.iter().map(|(id, told)| (*id, told.clone())).collect();
        for (id, told) in unwritten {
            if let Some(agent) = inner.agents.get_mut(&id) {
                agent.take_in(&told);
            }
        }
        inner.of_pc = inner.agents.values().filter_map(|a| Some((a.resource?, a.id))).collect();
        inner.end_those_who_may_not_stay(&before, newest);
        inner.see_all_macs();
        inner.judge_all(now.wall);
        // Names, addresses, approvals: whoever looks on compares.
        self.version.send_modify(|version| *version += 1);
        Ok(())
    }

    /// Takes over what IT wants agents to tell, and says so to those that are connected. Names that are not wanted any more
    /// are forgotten before this returns.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn ask_anew(&self, now: Unix) -> crate::store::Result<()> {
        let _alone = self.reloading.lock().await;
        let wanted = self.store.wanted().await?;
        let mut inner = self.lock();
        if inner.want(wanted) {
            inner.judge_all(now);
            self.version.send_modify(|version| *version += 1);
        }
        Ok(())
    }

    /// Every PC, by name.
    #[must_use]
    pub fn states(&self) -> Vec<State> {
        let inner = self.lock();
        let mut states: Vec<State> = inner.pcs.iter().map(|(id, pc)| inner.state(*id, pc)).collect();
        states.sort_by(|a, b| a.name.cmp(&b.name));
        states
    }

    /// One PC.
    #[must_use]
    pub fn state(&self, id: ResourceId) -> Option<State> {
        let inner = self.lock();
        inner.pcs.get(&id).map(|pc| inner.state(id, pc))
    }

    /// Every agent, approved or not, newest first.
    #[must_use]
    pub fn agents(&self) -> Vec<AgentState> {
        let inner = self.lock();
        inner.agents.values().rev().map(|agent| inner.agent_state(agent)).collect()
    }

    /// Rises with every change that can be seen.
    #[must_use]
    pub fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// What a PC answered.
    pub fn probed(&self, id: ResourceId, probe: Probe, mac: Option<Mac>, now: Moment) {
        let mut inner = self.lock();
        let Some(pc) = inner.pcs.get_mut(&id) else { return };
        (pc.probe, pc.probed) = (probe, Some(now.boot));
        if let Some(mac) = mac.filter(|mac| mac.is_of_one() && pc.macs.is_empty()) {
            inner.saw(id, &[mac]);
        }
        self.judge(&mut inner, Some(id), now.wall);
    }

    /// A PC is being woken since then, or no more.
    pub fn waking(&self, id: ResourceId, since: Option<Unix>, now: Unix) {
        let mut inner = self.lock();
        if let Some(pc) = inner.pcs.get_mut(&id) {
            pc.waking_since = since;
            pc.probe = if since.is_some() { Probe::Unasked } else { pc.probe };
        }
        inner.judge(id, now);
        // A wake that ends is seen, whether it changed anything or not.
        self.version.send_modify(|version| *version += 1);
    }

    /// To which PCs somebody is connected through the gateway, and since when.
    pub fn used_through(&self, through: &BTreeMap<ResourceId, Unix>, now: Unix) {
        let mut inner = self.lock();
        let differs = |(id, pc): (&ResourceId, &Pc)| (pc.through != through.get(id).copied()).then_some(*id);
        for id in inner.pcs.iter().filter_map(differs).collect::<Vec<_>>() {
            if let Some(pc) = inner.pcs.get_mut(&id) {
                pc.through = through.get(&id).copied();
            }
            self.judge(&mut inner, Some(id), now);
        }
    }

    /// Which PCs are kept for somebody now.
    pub fn reserved(&self, reserved: &BTreeSet<ResourceId>, now: Unix) {
        let mut inner = self.lock();
        let differs = |(id, pc): (&ResourceId, &Pc)| (pc.reserved != reserved.contains(id)).then_some(*id);
        for id in inner.pcs.iter().filter_map(differs).collect::<Vec<_>>() {
            if let Some(pc) = inner.pcs.get_mut(&id) {
                pc.reserved = !pc.reserved;
            }
            self.judge(&mut inner, Some(id), now);
        }
    }

    /// Whether the agent of this PC goes within this time.
    pub async fn leaves(&self, id: ResourceId, within: Duration) -> bool {
        let mut version = self.version();
        let is_there = || self.state(id).and_then(|state| state.agent).is_some_and(|agent| agent.connected);
        let gone = async { while is_there() && version.changed().await.is_ok() {} };
        tokio::time::timeout(within, gone).await.is_ok()
    }

    /// Judges every PC anew: time alone makes a difference.
    pub fn tick(&self, now: Unix) {
        if self.lock().judge_all(now) {
            self.version.send_modify(|version| *version += 1);
        }
    }

    /// Agents that are awake and wired to a network that holds this address.
    #[must_use]
    pub fn relays(&self, address: IpAddr, except: ResourceId) -> Vec<AgentId> {
        let inner = self.lock();
        // It has to be where it says that it is, and in a network of a size that offices have.
        let near = |facts: &Facts, at: IpAddr| {
            let holds = |n: &IpNet| n.contains(&address) && n.contains(&at) && n.prefix_len() >= WIDEST;
            let up = facts.adapters.iter().filter(|a| a.up && a.medium != Medium::Wireless);
            up.flat_map(|a| &a.addresses).any(holds)
        };
        let approved = |id: &AgentId| inner.agents.get(id).is_some_and(|a| a.resource.is_some_and(|r| r != except));
        let of = |(id, present): (&AgentId, &Present)| {
            present.facts.as_deref().is_some_and(|facts| near(facts, present.address)).then_some(*id)
        };
        inner.present.iter().filter(|(id, _)| approved(id)).filter_map(of).collect()
    }

    /// What a PC did, and is not written down yet.
    #[must_use]
    pub fn unwritten(&self, id: ResourceId) -> Vec<Step> {
        self.lock().notes.steps.iter().filter(|(of, _)| *of == id).map(|(_, step)| *step).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a PC looks like now, if it looks otherwise.
    fn judge(&self, inner: &mut Inner, id: Option<ResourceId>, now: Unix) {
        if id.is_some_and(|id| inner.judge(id, now)) {
            self.version.send_modify(|version| *version += 1);
        }
    }
}

impl Pc {
    fn new(now: Unix) -> Self {
        Self {
            name: String::new(),
            address: None,
            probe: Probe::Unasked,
            probed: None,
            waking_since: None,
            through: None,
            reserved: false,
            judged: judge(&Seen::default(), now),
            since: now,
            macs: Vec::new(),
            written_macs: Vec::new(),
            foreign: Vec::new(),
            noted: None,
        }
    }
}

impl Inner {
    /// Every PC anew; whether one looks otherwise.
    fn judge_all(&mut self, now: Unix) -> bool {
        let all: Vec<ResourceId> = self.pcs.keys().copied().collect();
        all.into_iter().fold(false, |changed, id| self.judge(id, now) | changed)
    }

    /// One PC anew; whether it looks otherwise.
    fn judge(&mut self, id: ResourceId, now: Unix) -> bool {
        let Some(pc) = self.pcs.get_mut(&id) else { return false };
        let agent = self.of_pc.get(&id).and_then(|agent| self.agents.get(agent));
        let present = agent.and_then(|agent| self.present.get(&agent.id));
        let told = agent.map(|agent| Told {
            connected: present.is_some(),
            facts: present.and_then(|p| p.facts.as_deref()),
            heard_at: present.map(|p| p.heard).or(agent.heard_at),
            left: agent.gone,
        });
        let Pc { probe, waking_since, reserved, through, .. } = *pc;
        let seen = Seen { agent: told, probe, waking_since, reserved, through };
        let judged = judge(&seen, now);
        // Who was there before this was started is not away: it is not back yet.
        let starts = self.began.is_some_and(|began| now.0.saturating_sub(began.0) < BACK_MS);
        let was_there = agent.is_some_and(|a| a.heard_at.is_some() && a.gone.is_none());
        let is_awaited = starts && was_there && present.is_none_or(|p| p.facts.is_none());
        let looks = |j: &Judged| (j.kind, j.reason, j.by.clone());
        let changed = looks(&judged) != looks(&pc.judged);
        if changed && (judged.kind != pc.judged.kind || judged.by != pc.judged.by) {
            pc.since = judged.since.unwrap_or(now);
        }
        let noted = (judged.kind, judged.reason);
        let never = noted == (Kind::Unknown, Reason::NeverHeard) && pc.noted.is_none();
        if changed {
            pc.judged = judged;
        }
        if !is_awaited && !never && pc.noted.replace(noted) != Some(noted) {
            self.notes.step(id, Step { at: now, kind: noted.0, reason: noted.1 });
        }
        changed
    }

    fn state(&self, id: ResourceId, pc: &Pc) -> State {
        let agent = self.of_pc.get(&id).and_then(|agent| self.agents.get(agent)).map(|a| self.agent_state(a));
        State {
            id,
            name: pc.name.clone(),
            address: pc.address,
            judged: pc.judged.clone(),
            since: pc.since,
            agent,
            macs: pc.macs.clone(),
            foreign: pc.foreign.iter().filter_map(|(mac, of)| Some((*mac, self.pcs.get(of)?.name.clone()))).collect(),
            probed: pc.probed,
        }
    }

    fn agent_state(&self, agent: &Agent) -> AgentState {
        let present = self.present.get(&agent.id);
        AgentState {
            agent: agent.clone(),
            connected: present.is_some(),
            told: present.is_some_and(|p| p.facts.is_some()),
            facts: present.and_then(|p| p.facts.clone()).or_else(|| agent.facts.clone().map(Arc::new)),
            started_at: present.and_then(|p| p.started),
            heard_at: present.map(|p| p.heard).or(agent.heard_at),
            address: present.map(|p| p.address),
        }
    }

    /// Hardware addresses of a PC that were seen. Another PC's are not taken: whoever told them would be woken in its
    /// place, or keep it from being woken.
    fn saw(&mut self, id: ResourceId, macs: &[Mac]) {
        if macs.is_empty() {
            if let Some(pc) = self.pcs.get_mut(&id) {
                pc.foreign.clear();
            }
            return;
        }
        let owner = |mac: &Mac| self.pcs.iter().find(|(of, pc)| **of != id && pc.macs.contains(mac)).map(|(of, _)| *of);
        let foreign: Vec<_> = macs.iter().filter_map(|mac| Some((*mac, owner(mac)?))).collect();
        let own: Vec<Mac> = macs.iter().copied().filter(|mac| foreign.iter().all(|(other, _)| other != mac)).collect();
        let Some(pc) = self.pcs.get_mut(&id) else { return };
        if pc.foreign != foreign {
            if !foreign.is_empty() {
                tracing::warn!(
                    workstation = pc.name,
                    count = foreign.len(),
                    "told hardware addresses are another PC's"
                );
            }
            pc.foreign = foreign;
        }
        if pc.macs != own {
            pc.macs.clone_from(&own);
            self.notes.macs.insert(id, own);
        }
    }

    /// What agents told of their hardware belongs to the PC that IT says they are.
    fn see_all_macs(&mut self) {
        let told: Vec<_> = self
            .agents
            .values()
            .filter_map(|a| Some((a.resource?, agents::macs(self.present.get(&a.id)?.facts.as_deref()?))))
            .collect();
        for (id, macs) in told {
            self.saw(id, &macs);
        }
    }
}

/// The first `N` hardware addresses of a list, as a message takes them.
#[must_use]
pub fn some_macs(macs: &[Mac]) -> AtMost<Mac, MACS> {
    AtMost::first(macs.iter().copied())
}
