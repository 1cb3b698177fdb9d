//! The thread that keeps nftables at what is wanted: only the latest state counts, and loading it never holds up the
//! first lock.

use std::net::IpAddr;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;

use super::Event;
use crate::clock::Boot;
use crate::firewall::conntrack::{self, Flows};
use crate::firewall::watch::{Touched, Watch};
use crate::firewall::{Firewall, Options};
use crate::pure::state::State;

/// Wait after a failure before the next try.
const RETRY: Duration = Duration::from_secs(1);

/// Hands states to the thread.
#[derive(Clone, Debug)]
pub(super) struct SecondLock {
    mailbox: Arc<Mailbox>,
}

#[derive(Debug, Default)]
struct Mailbox {
    letter: Mutex<Letter>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Letter {
    wanted: Option<Arc<State>>,
    touched: Option<(String, Boot)>,
}

impl SecondLock {
    /// Starts the thread, and the watch over the kernel's table.
    ///
    /// # Errors
    /// No thread, or no netlink socket.
    pub(super) fn start(options: Options, events: SyncSender<Event>) -> anyhow::Result<Self> {
        let firewall = Firewall::new(options)?;
        let this = Self { mailbox: Arc::default() };
        let mailbox = this.mailbox.clone();
        let watch = Watch::start(firewall.own(), move |touched| mailbox.touched(&touched))?;
        let mailbox = this.mailbox.clone();
        std::thread::Builder::new().name("second-lock".into()).spawn(move || {
            let _watch = watch;
            keep(firewall, &mailbox, &events);
        })?;
        Ok(this)
    }

    /// This is wanted from now on.
    pub(super) fn want(&self, state: Arc<State>) {
        self.mailbox.letter.lock().unwrap_or_else(PoisonError::into_inner).wanted = Some(state);
        self.mailbox.arrived.notify_one();
    }
}

impl Mailbox {
    fn touched(&self, touched: &Touched) {
        let by = match touched {
            Touched::Foreign { program, pid } => format!("{program} (process {pid})"),
            Touched::Missed => "somebody (notifications were lost)".to_owned(),
            Touched::Gone => "somebody (found by the regular check)".to_owned(),
            Touched::Slept => "nobody: the machine slept".to_owned(),
        };
        self.letter.lock().unwrap_or_else(PoisonError::into_inner).touched.get_or_insert((by, Boot::now()));
        self.arrived.notify_one();
    }

    /// Waits for something to do.
    fn next(&self, at_most: Option<Duration>) -> Letter {
        let mut letter = self.letter.lock().unwrap_or_else(PoisonError::into_inner);
        if letter.wanted.is_none() && letter.touched.is_none() {
            letter = match at_most {
                Some(limit) => self.arrived.wait_timeout(letter, limit).unwrap_or_else(PoisonError::into_inner).0,
                None => self.arrived.wait(letter).unwrap_or_else(PoisonError::into_inner),
            };
        }
        std::mem::take(&mut letter)
    }
}

fn keep(mut firewall: Firewall, mailbox: &Mailbox, events: &SyncSender<Event>) {
    let mut holds: Option<Arc<State>> = None;
    let mut wanted: Option<Arc<State>> = None;
    let mut failing = false;
    loop {
        let letter = mailbox.next(failing.then_some(RETRY));
        if let Some(newer) = letter.wanted {
            wanted = Some(newer);
        }
        let Some(target) = wanted.clone() else { continue };
        if let Some((by, _)) = &letter.touched {
            tracing::warn!(by, "the second lock was changed from outside; the first one holds; rebuilding");
            firewall.forget();
        }
        let now = Boot::now();
        match firewall.bring_to(&target, now) {
            Ok(()) => {
                match &holds {
                    Some(before) => forget(&gone(before, &target), &target),
                    // What another process of ours let begin may lead where it leads no more.
                    None => forget(&misled(&target), &target),
                }
                holds = Some(target.clone());
                failing = false;
                if let Some((_, since)) = letter.touched {
                    let after = Duration::from_millis(Boot::now().0.saturating_sub(since.0));
                    tracing::warn!(after_ms = after.as_millis(), "second lock rebuilt");
                    let _ = events.send(Event::Rebuilt(after));
                }
                let _ = events.send(Event::Loaded(target));
            }
            Err(e) => {
                if !failing {
                    tracing::error!(error = %e, "the second lock cannot be brought up to date; nothing new is opened");
                }
                failing = true;
                let _ = events.send(Event::NotLoaded(target.epoch, e.to_string()));
            }
        }
    }
}

/// Connections that are not allowed any more.
fn gone(before: &State, after: &State) -> Vec<Flows> {
    let mut flows = Vec::new();
    for (id, old) in &before.peers {
        let addresses = [IpAddr::V4(old.peer.address4), IpAddr::V6(old.peer.address6)];
        let new = after.peers.get(id).filter(|new| new.peer.address4 == old.peer.address4);
        if old.open_until.is_some() && new.is_none_or(|new| new.open_until.is_none()) {
            flows.extend(addresses.map(Flows::From));
            continue;
        }
        for resource in old.grants.keys() {
            let Some(was) = before.resources.get(resource) else { continue };
            let is = after.resources.get(resource).filter(|_| new.is_some_and(|n| n.grants.contains_key(resource)));
            if is == Some(was) {
                continue;
            }
            let nets = [was.v4.map(|a| IpNet::V4(a.alias)), was.v6.map(|a| IpNet::V6(a.alias))];
            for (address, net) in addresses.iter().zip(nets) {
                flows.extend(net.map(|net| Flows::Between(*address, net)));
            }
        }
    }
    flows
}

/// Connections to an alias that lead to another machine than it stands for.
fn misled(now: &State) -> Vec<Flows> {
    let each = now.resources.values().flat_map(|resource| {
        let v4 = resource.v4.map(|a| Flows::Misled(IpNet::V4(a.alias), IpNet::V4(a.real)));
        let v6 = resource.v6.map(|a| Flows::Misled(IpNet::V6(a.alias), IpNet::V6(a.real)));
        v4.into_iter().chain(v6)
    });
    each.collect()
}

/// Removes the kernel's memory of connections, so that translations end with them.
fn forget(flows: &[Flows], after: &State) {
    let spared: Vec<IpAddr> =
        after.interface.iter().flat_map(|i| [IpAddr::V4(i.address4.addr()), IpAddr::V6(i.address6.addr())]).collect();
    match conntrack::forget(flows, &spared) {
        Ok(count) => tracing::debug!(count, "connections forgotten"),
        Err(e) => tracing::warn!(error = %e, "the kernel's list of connections could not be tidied"),
    }
}
