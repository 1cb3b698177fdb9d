//! Agents, as the fleet knows them: who is connected, what they told, and what they are asked.
//!
//! What it makes of their PCs is the fleet's own ([`super`]).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use agent::bounded::{AtMost, Mac, Short};
use agent::facts::{Facts, Medium, Session};
use agent::message::{Action, Leaving, Outcome, Refused, ToAgent, VERSION};
use tokio::sync::{mpsc, oneshot};

use super::{Fleet, Inner, NotDone, Order, Present, session};
use crate::clock::Unix;
use crate::ids::{AgentId, ResourceId};
use crate::pure::wanted::Wanted;
use crate::pure::workstation::Probe;
use crate::store::Moment;
use crate::store::agents::{self as stored, Agent};
use crate::store::workstations::MACS;

/// Orders that wait for one agent: it is asked for one thing at a time, and told at most twice to go.
const ORDERS: usize = 8;

/// An agent that was asked to do something, and says nothing, has not done it. Questions to people have their own time.
const ANSWER: Duration = Duration::from_secs(10);

/// A PC that was started at two moments less than this apart was started once.
const ALIKE_MS: u64 = 60_000;

impl Fleet {
    /// Asks the agent of this PC to do something.
    ///
    /// # Errors
    /// It did not.
    pub async fn act(&self, id: ResourceId, action: Action) -> Result<Outcome, NotDone> {
        let agent = self.lock().of_pc.get(&id).copied();
        self.act_by(agent.ok_or(NotDone::Away)?, action).await
    }

    /// The same of an agent.
    ///
    /// # Errors
    /// It did not.
    pub async fn act_by(&self, id: AgentId, action: Action) -> Result<Outcome, NotDone> {
        let longest = match &action {
            Action::Ask { within_s, .. } => Duration::from_secs(u64::from(*within_s)) + ANSWER,
            _ => ANSWER,
        };
        let (answer, outcome) = oneshot::channel();
        {
            let mut inner = self.lock();
            inner.acts += 1;
            let order = Order::Act(inner.acts, action, answer);
            let present = inner.present.get(&id).ok_or(NotDone::Away)?;
            present.orders.try_send(order).map_err(|_| NotDone::Silent)?;
        }
        match tokio::time::timeout(longest, outcome).await {
            Ok(Ok(Outcome::Failed { why })) => Err(NotDone::Failed(why)),
            Ok(Ok(Outcome::Unknown)) | Err(_) => Err(NotDone::Silent),
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(NotDone::Away),
        }
    }
}

/// What the connection of an agent does with the fleet.
impl Fleet {
    /// The agent of this key as it is known now, and may be heard.
    pub(super) async fn known(&self, key_hash: &str) -> crate::store::Result<Option<Agent>> {
        self.store.agent_by_key(key_hash).await
    }

    /// What an agent is told first, and again when it changes. Who is not approved is asked for nothing.
    pub(super) fn welcome(&self, approved: bool) -> ToAgent {
        let wanted = if approved { self.lock().wanted.clone() } else { Wanted::default() };
        ToAgent::Welcome {
            version: VERSION,
            approved,
            heartbeat_s: u32::try_from(session::HEARTBEAT.as_secs()).unwrap_or(15),
            names: wanted.names,
            rules: wanted.rules(),
        }
    }

    /// It is connected: another connection of the same agent ends. Gives its number, its orders, and whether IT has said
    /// which PC it is; nothing if it was taken back meanwhile.
    pub(super) fn arrived(
        &self,
        agent: Agent,
        program: Short,
        address: IpAddr,
        now: Moment,
    ) -> Option<(u64, mpsc::Receiver<Order>, bool)> {
        let (orders, receiver) = mpsc::channel(ORDERS);
        let mut inner = self.lock();
        if inner.agents.get(&agent.id).is_some_and(|known| known.revoked_at.is_some()) {
            return None;
        }
        inner.connections += 1;
        let (connection, id) = (inner.connections, agent.id);
        let (facts, started) = (None, None);
        let present = Present { connection, orders, program, facts, started, heard: now.wall, address };
        if let Some(before) = inner.present.insert(id, present) {
            // Without room for the order it ends with its channel.
            let _ = before.orders.try_send(Order::End(Refused::Replaced));
        }
        let agent = inner.agents.entry(id).or_insert(agent);
        agent.gone = None;
        let resource = agent.resource;
        if let Some(resource) = resource {
            inner.of_pc.entry(resource).or_insert(id);
        }
        let told = stored::Told { heard_at: now.wall, gone: None, facts: None };
        inner.note(id, told);
        self.version.send_modify(|version| *version += 1);
        self.judge(&mut inner, resource, now.wall);
        Some((connection, receiver, resource.is_some()))
    }

    /// It said something.
    pub(super) fn heard(&self, id: AgentId, connection: u64, now: Unix) {
        if let Some(present) = self.lock().present.get_mut(&id).filter(|p| p.connection == connection) {
            present.heard = now;
        }
    }

    /// It told what it sees.
    pub(super) fn told(&self, id: AgentId, connection: u64, facts: &Facts, now: Moment) {
        let mut inner = self.lock();
        // Names of people, which nobody has asked for, are no facts.
        let approved = inner.agents.get(&id).is_some_and(|agent| agent.resource.is_some());
        let facts = &if inner.wanted.names && approved { facts.clone() } else { nameless(facts) };
        let Some(present) = inner.present.get_mut(&id).filter(|p| p.connection == connection) else { return };
        let before = present.facts.replace(Arc::new(facts.clone()));
        present.started = started(present.started, facts, now.wall);
        let program = present.program.to_string();
        let lasting = before.as_deref().map(lasting) != Some(lasting(facts));
        let told = lasting.then(|| (program, facts.clone()));
        let noted = stored::Told { heard_at: now.wall, gone: None, facts: told };
        if let Some(agent) = inner.agents.get_mut(&id) {
            agent.take_in(&noted);
        }
        inner.note(id, noted);
        let resource = inner.agents.get(&id).and_then(|a| a.resource);
        if let Some(resource) = resource {
            inner.saw(resource, &macs(facts));
        }
        if lasting {
            self.version.send_modify(|version| *version += 1);
        }
        self.judge(&mut inner, resource, now.wall);
    }

    /// It is gone: it said so, or its connection ended.
    pub(super) fn went(&self, id: AgentId, connection: u64, how: Option<Leaving>, now: Moment) {
        let mut inner = self.lock();
        if inner.present.get(&id).is_none_or(|p| p.connection != connection) {
            return;
        }
        let heard = inner.present.remove(&id).map_or(now.wall, |p| p.heard);
        let told = stored::Told { heard_at: heard, gone: how.map(|how| (how, now.wall)), facts: None };
        let mut resource = None;
        if let Some(agent) = inner.agents.get_mut(&id) {
            agent.take_in(&told);
            resource = agent.resource;
            if let Some(pc) = agent.resource.and_then(|resource| inner.pcs.get_mut(&resource)) {
                // What it answered when it was there says nothing of now.
                (pc.probe, pc.probed) = (Probe::Unasked, None);
            }
        }
        inner.note(id, told);
        self.version.send_modify(|version| *version += 1);
        self.judge(&mut inner, resource, now.wall);
    }
}

impl Agent {
    pub(super) fn take_in(&mut self, told: &stored::Told) {
        (self.heard_at, self.gone) = (Some(told.heard_at), told.gone);
        let Some((program, facts)) = &told.facts else { return };
        self.program.clone_from(program);
        self.facts = Some(Facts { sessions: None, ..facts.clone() });
        // Until IT has looked, it is called what it was enrolled as: IT goes by that.
        if !facts.host.is_empty() && self.resource.is_some() {
            self.host = facts.host.to_string();
        }
    }
}

impl Inner {
    /// Later notes of the same agent take in the earlier ones.
    pub(super) fn note(&mut self, id: AgentId, told: stored::Told) {
        let before = self.notes.agents.remove(&id).and_then(|before| before.facts);
        self.notes.agents.insert(id, stored::Told { facts: told.facts.or(before), ..told });
    }

    /// What agents are to tell from now on; whether that is something else.
    pub(super) fn want(&mut self, wanted: Wanted) -> bool {
        if wanted == self.wanted {
            return false;
        }
        self.wanted = wanted;
        if !self.wanted.names {
            self.forget_names();
        }
        // Who cannot be told comes again, and is told then.
        self.present.retain(|_, present| present.orders.try_send(Order::Welcome).is_ok());
        true
    }

    /// Names of people are kept nowhere but here, and from here on not here.
    fn forget_names(&mut self) {
        for facts in self.present.values_mut().filter_map(|present| present.facts.as_mut()) {
            *facts = Arc::new(nameless(facts));
        }
        for (_, facts) in self.notes.agents.values_mut().filter_map(|told| told.facts.as_mut()) {
            *facts = nameless(facts);
        }
        self.pcs.values_mut().for_each(|pc| pc.judged.by = None);
    }

    /// `newest`: who came after this connection may be newer than what was read.
    pub(super) fn end_those_who_may_not_stay(&mut self, before: &BTreeMap<AgentId, Agent>, newest: u64) {
        let mut moved = BTreeSet::new();
        for (id, present) in &self.present {
            let order = match self.agents.get(id) {
                None if present.connection > newest => continue,
                None => Order::End(Refused::Unknown),
                Some(agent) if agent.revoked_at.is_some() => Order::End(Refused::Revoked),
                Some(agent) if before.get(id).is_some_and(|b| b.resource != agent.resource) => Order::Welcome,
                Some(_) => continue,
            };
            let ends = matches!(order, Order::End(_));
            // Who cannot be told comes again, and is told then.
            if present.orders.try_send(order).is_err() || ends {
                moved.insert(*id);
            }
        }
        // From here on nothing that it says is heard.
        self.present.retain(|id, _| !moved.contains(id));
    }
}

/// Hardware addresses by which a PC can be woken: those of its cables before others.
pub(super) fn macs(facts: &Facts) -> Vec<Mac> {
    let of = |wanted: &[Medium]| {
        let mut macs: Vec<Mac> =
            facts.adapters.iter().filter(|a| wanted.contains(&a.medium)).filter_map(|a| a.mac).collect();
        macs.retain(|mac| mac.is_of_one());
        macs
    };
    let mut macs = of(&[Medium::Wired]);
    macs.extend(of(&[Medium::Unknown]));
    macs.extend(of(&[Medium::Wireless]));
    macs.truncate(MACS);
    macs
}

/// Without names, which nobody has asked for.
fn nameless(facts: &Facts) -> Facts {
    let without = |s: &Session| Session { user: None, ..s.clone() };
    let sessions = facts.sessions.as_ref().map(|all| AtMost::first(all.iter().map(without)));
    Facts { sessions, ..facts.clone() }
}

/// When a PC was started, as told now. What is told each time a little otherwise is no news: clocks differ.
fn started(before: Option<Unix>, facts: &Facts, now: Unix) -> Option<Unix> {
    let told = i64::try_from(facts.up_ms).ok().map(|up| Unix(now.0.saturating_sub(up)));
    let is_as_before = |b: &Unix| told.is_some_and(|told| told.0.abs_diff(b.0) < ALIKE_MS);
    before.filter(is_as_before).or(told)
}

/// What is worth writing down of facts: all but what changes by itself.
fn lasting(facts: &Facts) -> Facts {
    Facts { up_ms: 0, sessions: None, ..facts.clone() }
}
