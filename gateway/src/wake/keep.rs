//! What happens by itself: PCs are asked whether they answer, woken at the hours IT chose, and sent to sleep again after
//! use from afar.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agent::message::Action;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Refused, Waker, is_due, probe};
use crate::audit::{Actor, Event};
use crate::clock::{Boot, Unix};
use crate::fleet::{Fleet, NotDone, State};
use crate::ids::ResourceId;
use crate::pure::hours::Hours;
use crate::pure::workstation::{Kind, Reason};
use crate::reconcile::Published;
use crate::store::Moment;

/// How often it is looked whether somebody is to be asked.
const LOOK: Duration = Duration::from_secs(5);

/// A PC without an agent is asked this often: nobody else says that it is there.
const UNTOLD: Duration = Duration::from_secs(30);

/// One that is starting, until it is ready.
const STARTING: Duration = Duration::from_secs(5);

/// One with an agent: whether RDP answers, too.
const TOLD: Duration = Duration::from_secs(300);

/// PCs asked at once.
const AT_ONCE: usize = 64;

/// Use from afar is over when it has not come back for so long.
const REST: Duration = Duration::from_secs(300);

/// A PC that agrees to sleep has gone within this.
const SLEEPS: Duration = Duration::from_secs(15);

/// What was missed while nobody looked, or found no room, is made up for within this.
const LATE: Duration = Duration::from_secs(30 * 60);

/// Until when hours were looked at is written down this often.
const NOTED: Duration = Duration::from_secs(60);

/// Does all this for as long as it runs.
pub async fn keep(waker: Arc<Waker>, published: watch::Receiver<Published>) {
    let mut tick = tokio::time::interval(LOOK);
    let mut used = BTreeMap::new();
    let mut looked = looked_until(waker.store.hours_looked().await.ok().flatten(), Unix::now());
    let (mut due, mut noted) = (BTreeMap::new(), None);
    loop {
        tick.tick().await;
        let states = waker.fleet.states();
        ask(&waker.fleet, &states).await;
        let now = Moment::now();
        let kept = match waker.store.workstations().await {
            Ok(kept) => kept,
            Err(_) => continue,
        };
        let zone = published.borrow().site.time_zone.clone();
        for (id, kept) in &kept {
            let hours = kept.wake_hours.as_deref().and_then(|text| text.parse::<Hours>().ok());
            if hours.is_some_and(|hours| begins(&hours, &zone, looked, now.wall)) {
                due.insert(*id, now.boot);
            }
        }
        waker.wake_due(&mut due, now.boot).await;
        for state in &states {
            let Some(kept) = kept.get(&state.id) else { continue };
            if kept.sleep_again && rests(&mut used, state, now.boot) {
                // What did not work is tried again after as long; one that sleeps is not looked at here.
                used.insert(state.id, Some(now.boot));
                let (waker, state) = (waker.clone(), state.clone());
                tokio::spawn(async move { waker.send_to_sleep(&state).await });
            }
        }
        looked = now.wall;
        if is_due(noted, NOTED, now.boot) && waker.store.looked_at_hours(now.wall).await.is_ok() {
            noted = Some(now.boot);
        }
    }
}

/// From when on hours are looked at after a start: from where the last one ended, if that is not too long ago.
fn looked_until(noted: Option<Unix>, now: Unix) -> Unix {
    let earliest = Unix(now.0.saturating_sub(i64::try_from(LATE.as_millis()).unwrap_or(i64::MAX)));
    noted.map_or(now, |noted| noted.max(earliest).min(now))
}

/// Asks those who are due, all at once.
async fn ask(fleet: &Arc<Fleet>, states: &[State]) {
    let now = Boot::now();
    let due = states.iter().filter(|state| every(state).is_some_and(|every| is_due(state.probed, every, now)));
    let mut due: Vec<&State> = due.collect();
    due.sort_by_key(|state| state.probed);
    let mut asked = JoinSet::new();
    for state in due.into_iter().take(AT_ONCE) {
        let Some(address) = state.address else { continue };
        let (fleet, id) = (fleet.clone(), state.id);
        asked.spawn(async move {
            let answer = probe::ask(address, probe::PATIENT).await;
            fleet.probed(id, answer.probe, answer.mac, Moment::now());
        });
    }
    while asked.join_next().await.is_some() {}
}

/// How often a PC is asked; nothing: never, for a question must not keep it awake, nor be mistaken for its answer.
fn every(state: &State) -> Option<Duration> {
    match (&state.agent, state.judged.kind) {
        (_, Kind::Waking) => None,
        (_, Kind::Starting) => Some(STARTING),
        (None, _) => Some(UNTOLD),
        (Some(agent), _) if agent.connected => Some(TOLD),
        // Adapters wake their PC at a question as at a packet; its agent says when it is back.
        (Some(_), Kind::Asleep) => None,
        (Some(_), Kind::Off) => Some(TOLD),
        (Some(_), _) => Some(UNTOLD),
    }
}

fn is_away(state: &State) -> bool {
    matches!(state.judged.kind, Kind::Asleep | Kind::Off | Kind::Unknown)
}

/// Whether a span of these hours began since it was last looked.
fn begins(hours: &Hours, zone: &str, looked: Unix, now: Unix) -> bool {
    let Ok(zone) = TimeZone::get(zone) else { return false };
    let (Ok(from), Ok(to)) = (Timestamp::from_millisecond(looked.0), Timestamp::from_millisecond(now.0)) else {
        return false;
    };
    hours.window(&zone, to).is_some_and(|(begin, _)| from < begin && begin <= to)
}

/// Whether a PC was used from afar, and has been left for long enough.
fn rests(used: &mut BTreeMap<ResourceId, Option<Boot>>, state: &State, now: Boot) -> bool {
    match (state.judged.kind, state.judged.reason) {
        (Kind::InUseRemotely, _) => {
            used.insert(state.id, None);
            false
        }
        (Kind::Free, Reason::Reported | Reason::Disconnected) => {
            let Some(left) = used.get_mut(&state.id) else { return false };
            let left = *left.get_or_insert(now);
            is_due(Some(left), REST, now)
        }
        // It may be free again in a moment.
        (Kind::Starting | Kind::Stale | Kind::Unknown, _) => false,
        // Somebody sits there, or it is asleep already.
        _ => {
            used.remove(&state.id);
            false
        }
    }
}

impl Waker {
    /// Wakes those whose hours have begun; who finds no room is tried again, for as long as that makes sense.
    async fn wake_due(self: &Arc<Self>, due: &mut BTreeMap<ResourceId, Boot>, now: Boot) {
        due.retain(|_, since| !is_due(Some(*since), LATE, now));
        for id in due.keys().copied().collect::<Vec<_>>() {
            // It may not be read yet, after a start.
            let Some(state) = self.fleet.state(id) else { continue };
            match if is_away(&state) { self.wake(id, Actor::System).await.map(|_| ()) } else { Ok(()) } {
                Err(Refused::TooMany | Refused::TooSoon(_)) => {}
                Ok(()) | Err(Refused::Gone) => {
                    due.remove(&id);
                }
            }
        }
    }

    /// Sends a PC to sleep if nobody is at it; whether it was.
    pub async fn send_to_sleep(&self, state: &State) -> bool {
        let event = Event::SentToSleep { workstation: state.name.clone() };
        self.note(Actor::System, Moment::now(), event).await;
        match self.suspend(state.id, &state.name, Actor::System).await {
            Ok(()) => true,
            Err(e) => {
                tracing::info!(workstation = state.name, error = %e, "a PC does not sleep again");
                false
            }
        }
    }

    /// Asks a PC to sleep if nobody is at it, and writes down whether it does. That it is asked is written already.
    ///
    /// # Errors
    /// It does not.
    pub async fn suspend(&self, id: ResourceId, name: &str, actor: Actor) -> Result<(), NotDone> {
        let mut answered = self.fleet.act(id, Action::Suspend { unless_used: true }).await;
        if answered.is_ok() && !self.fleet.leaves(id, SLEEPS).await {
            answered = Err(NotDone::StillOn);
        }
        let event = Event::SleepAnswered { workstation: name.to_owned(), slept: answered.is_ok() };
        self.note(actor, Moment::now(), event).await;
        answered.map(|_| ())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::AT_ONCE as AT_ONCE_AT_MOST;
    use super::*;
    use crate::pure::workstation::Judged;
    use crate::store::tests::{fixture, workstation};

    fn at(seconds: i64) -> Moment {
        // Monday, 2025-06-16, 05:00 UTC, which is 07:00 in Brussels.
        Moment { wall: Unix(1_750_050_000_000 + seconds * 1000), boot: Boot(seconds.unsigned_abs() * 1000) }
    }

    #[test]
    fn it_wakes_at_the_beginning_of_its_hours_and_once() {
        let hours: Hours = "Mo-Fr 07:30-18:00".parse().unwrap();
        let due = |from, to| begins(&hours, "Europe/Brussels", at(from).wall, at(to).wall);
        assert!(!due(1790, 1795) && due(1796, 1801) && !due(1801, 1806));
        assert!(due(1700, 1900), "a machine that was busy is late, not silent");
        assert!(!due(5 * 86_400 + 1796, 5 * 86_400 + 1801), "not on Saturday");
        assert!(!begins(&hours, "Nowhere/Land", at(1796).wall, at(1801).wall));
    }

    fn state(kind: Kind) -> State {
        let judged = Judged { kind, reason: Reason::Reported, by: None, since: None };
        State {
            id: ResourceId(uuid::Uuid::from_u128(1)),
            name: "pc".into(),
            address: None,
            judged,
            since: Unix(0),
            agent: None,
            macs: Vec::new(),
            foreign: Vec::new(),
            probed: None,
        }
    }

    #[test]
    fn hours_that_began_while_it_was_away_are_made_up_for() {
        let now = at(3600).wall;
        assert_eq!(looked_until(None, now), now, "the first start ever");
        assert_eq!(looked_until(Some(at(3000).wall), now), at(3000).wall);
        assert_eq!(looked_until(Some(at(0).wall), now), at(1800).wall, "no longer than half an hour");
        assert_eq!(looked_until(Some(at(9000).wall), now), now, "a clock that went back");
    }

    #[tokio::test]
    async fn who_finds_no_room_is_woken_later() {
        let (_dir, store) = fixture().await;
        let many = AT_ONCE_AT_MOST + 3;
        for n in 0..many {
            workstation(&store, &format!("pc{n}")).await;
        }
        let fleet = Arc::new(Fleet::new(store.clone()));
        fleet.reload(&store.resources().await.unwrap(), Moment::now()).await.unwrap();
        let waker = Waker::new(store, fleet.clone());
        let now = Boot::now();
        let mut due: BTreeMap<_, _> = fleet.states().into_iter().map(|state| (state.id, now)).collect();
        waker.wake_due(&mut due, now).await;
        assert_eq!(due.len(), 3, "they wait for room");
        for state in fleet.states() {
            waker.cancel(state.id, None);
        }
        while !due.is_empty() {
            waker.wake_due(&mut due, now).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(fleet.states().iter().filter(|state| waker.progress(state.id).is_some()).count(), many);
        let mut late = BTreeMap::from([(ResourceId::new(), now)]);
        waker.wake_due(&mut late, now + LATE).await;
        assert!(late.is_empty(), "not for ever");
    }

    #[test]
    fn it_sleeps_again_only_after_use_from_afar_and_a_rest() {
        let mut used = BTreeMap::new();
        let mut step = |kind, seconds| rests(&mut used, &state(kind), at(seconds).boot);
        assert!(!step(Kind::Free, 0) && !step(Kind::Free, 1000), "nobody was there from afar");
        assert!(!step(Kind::InUseRemotely, 1001) && !step(Kind::Free, 1010) && !step(Kind::Free, 1309));
        assert!(!step(Kind::Starting, 1309) && step(Kind::Free, 1310));
        assert!(!step(Kind::InUseRemotely, 2000) && !step(Kind::InUseHere, 2010) && !step(Kind::Free, 2020));
        assert!(!step(Kind::Free, 9000), "who sat there meanwhile decides");
    }
}
