//! What an office PC is doing: one judgement from what its agent told, what it answers, and what was asked of it.
//!
//! No clock and no socket. Each state has a reason, which screen, API and broker repeat. What nobody has seen is
//! [`Kind::Unknown`]: a PC is never called free because nothing is known of it.

use agent::bounded::Short;
use agent::facts::{Facts, Session, SessionPlace, SessionState};
use agent::message::Leaving;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Unix;

/// A PC that said it starts anew, and has not come back after this, is not starting any more: updates of Windows take up
/// to half an hour.
const RESTART_MS: i64 = 30 * 60_000;

/// A PC that has been up for longer than this, and answers no RDP, is not starting: something is wrong with it.
const START_MS: u64 = 3 * 60_000;

/// What it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It was switched off.
    Off,
    /// It sleeps.
    Asleep,
    /// It is being woken, and nothing of it has been heard yet.
    Waking,
    /// It is on, and not ready yet.
    Starting,
    /// It is on, and nobody is at it.
    Free,
    /// Somebody sits at it.
    InUseHere,
    /// Somebody uses it from afar.
    InUseRemotely,
    /// Somebody is signed in, and has locked it.
    Locked,
    /// It is free, and kept for somebody.
    Reserved,
    /// It is on, and nobody can say whether it is in use: its agent is silent, or sees no sessions, or it has none.
    Stale,
    /// Nothing is known.
    Unknown,
}

/// Why it is taken to be so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its agent says so.
    Reported,
    /// Its agent says so, and that programs of somebody who has gone are still open.
    Disconnected,
    /// Somebody is connected to it through the gateway; its agent says nothing of them, or it has none.
    ThroughGateway,
    /// It said that it goes to sleep.
    WentToSleep,
    /// It said that it is being switched off.
    ShutDown,
    /// It said that it starts anew.
    Restarting,
    /// Magic packets were sent.
    PacketsSent,
    /// It answers on the network, but not to RDP yet.
    NoRdpYet,
    /// Its agent says that remote desktop is switched off.
    RdpOff,
    /// It has been on for a while, and does not answer to RDP.
    RdpSilent,
    /// Its agent cannot see who is signed in.
    SessionsUnseen,
    /// Its agent has fallen silent, but the PC answers.
    AgentSilent,
    /// Its agent fell silent without a word, and the PC does not answer: a power cut, a cable, a crash.
    WentAway,
    /// It has no agent, and answers to RDP.
    NoAgentAnswers,
    /// It has no agent, and answers on the network, but not to RDP.
    NoAgentOn,
    /// It has no agent, and does not answer.
    NoAgentSilent,
    /// Nothing was ever heard of it.
    NeverHeard,
}

/// What it is doing, and why it is taken to do so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What.
    pub kind: Kind,
    /// Why.
    pub reason: Reason,
    /// Who is at it, where the organisation wants names.
    pub by: Option<Short>,
    /// Since when, if it can be told from what was seen.
    pub since: Option<Unix>,
}

/// What was heard from the PC itself, when it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Probe {
    /// It was not asked yet.
    #[default]
    Unasked,
    /// It answered an X.224 request: RDP is ready.
    Rdp,
    /// Its network answered, RDP did not.
    Network,
    /// Nothing answered.
    Nothing,
}

/// What its agent told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told<'a> {
    /// Whether the agent is there now.
    pub connected: bool,
    /// What it saw, the last time it told.
    pub facts: Option<&'a Facts>,
    /// When it was last heard.
    pub heard_at: Option<Unix>,
    /// How and when it left, if it said so, and has not come back.
    pub left: Option<(Leaving, Unix)>,
}

/// All that is known of a PC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Its agent; absent where it has none, or IT has not said yet which PC it is.
    pub agent: Option<Told<'a>>,
    /// What it answered last.
    pub probe: Probe,
    /// Since when it is being woken.
    pub waking_since: Option<Unix>,
    /// Whether it is kept for somebody now.
    pub reserved: bool,
    /// Since when somebody is connected to it through the gateway.
    pub through: Option<Unix>,
}

/// What the PC is doing.
#[must_use]
pub fn judge(seen: &Seen<'_>, now: Unix) -> Judged {
    let judged = match &seen.agent {
        Some(told) if told.connected => {
            told.facts.map_or_else(|| of(Kind::Starting, Reason::NoRdpYet), |facts| on(facts, seen, now))
        }
        Some(told) => away(told, seen, now),
        None => without_agent(seen),
    };
    match (judged.kind, seen.waking_since) {
        // What was asked for says more than what was there before.
        (Kind::Off | Kind::Asleep | Kind::Unknown, Some(since)) => {
            Judged { since: Some(since), ..of(Kind::Waking, Reason::PacketsSent) }
        }
        (Kind::Stale, Some(since)) if seen.probe == Probe::Network => {
            Judged { since: Some(since), ..of(Kind::Starting, Reason::NoRdpYet) }
        }
        (Kind::Free, _) if seen.through.is_some() => through(seen),
        // Whether somebody else sits there, nobody sees; that somebody is connected is known.
        (Kind::Stale, _) if seen.through.is_some() && judged.reason != Reason::AgentSilent => through(seen),
        (Kind::Free, _) if seen.reserved => Judged { kind: Kind::Reserved, ..judged },
        _ => judged,
    }
}

fn through(seen: &Seen<'_>) -> Judged {
    Judged { since: seen.through, ..of(Kind::InUseRemotely, Reason::ThroughGateway) }
}

fn of(kind: Kind, reason: Reason) -> Judged {
    Judged { kind, reason, by: None, since: None }
}

/// Its agent is there.
fn on(facts: &Facts, seen: &Seen<'_>, now: Unix) -> Judged {
    let Some(sessions) = &facts.sessions else {
        return of(Kind::Stale, Reason::SessionsUnseen);
    };
    // Who sits there counts more than who has locked it, and that more than who has gone.
    let at = |state: SessionState, place: SessionPlace| sessions.iter().find(|s| s.state == state && s.place == place);
    let used = |kind, session: &Session| Judged {
        by: session.user.clone(),
        // Nobody was signed in before the PC was started.
        since: session
            .age_ms
            .map(|ms| ms.min(facts.up_ms))
            .and_then(|ms| i64::try_from(ms).ok())
            .map(|ms| Unix(now.0.saturating_sub(ms))),
        ..of(kind, Reason::Reported)
    };
    if let Some(session) = at(SessionState::Active, SessionPlace::Console) {
        return used(Kind::InUseHere, session);
    }
    if let Some(session) = at(SessionState::Active, SessionPlace::Remote) {
        return used(Kind::InUseRemotely, session);
    }
    if let Some(session) = sessions.iter().find(|s| s.state == SessionState::Locked) {
        return used(Kind::Locked, session);
    }
    // A state or a place that this gateway has no word for is somebody all the same.
    if let Some(session) = sessions.iter().find(|s| s.state != SessionState::Disconnected) {
        return used(Kind::InUseHere, session);
    }
    if facts.rdp.enabled == Some(false) {
        return of(Kind::Free, Reason::RdpOff);
    }
    match seen.probe {
        Probe::Network | Probe::Nothing if facts.up_ms < START_MS || seen.waking_since.is_some() => {
            of(Kind::Starting, Reason::NoRdpYet)
        }
        Probe::Network | Probe::Nothing => of(Kind::Free, Reason::RdpSilent),
        Probe::Rdp | Probe::Unasked if sessions.is_empty() => of(Kind::Free, Reason::Reported),
        Probe::Rdp | Probe::Unasked => of(Kind::Free, Reason::Disconnected),
    }
}

/// It has an agent, which is not there.
fn away(told: &Told<'_>, seen: &Seen<'_>, now: Unix) -> Judged {
    let answers = matches!(seen.probe, Probe::Rdp | Probe::Network);
    let left = |kind, reason, at| Judged { since: Some(at), ..of(kind, reason) };
    match told.left {
        // It came back before its agent did.
        Some((Leaving::Sleep | Leaving::Shutdown | Leaving::Restart, at)) if answers && seen.waking_since.is_some() => {
            left(Kind::Starting, Reason::NoRdpYet, at)
        }
        Some((Leaving::Sleep, at)) if !answers => left(Kind::Asleep, Reason::WentToSleep, at),
        Some((Leaving::Shutdown, at)) if !answers => left(Kind::Off, Reason::ShutDown, at),
        Some((Leaving::Restart, at)) if now.0.saturating_sub(at.0) < RESTART_MS => {
            left(Kind::Starting, Reason::Restarting, at)
        }
        // Since it was seen to answer; when its agent was heard last is another thing.
        _ if answers => of(Kind::Stale, Reason::AgentSilent),
        _ if told.heard_at.is_none() => of(Kind::Unknown, Reason::NeverHeard),
        _ => Judged { since: told.heard_at, ..of(Kind::Unknown, Reason::WentAway) },
    }
}

fn without_agent(seen: &Seen<'_>) -> Judged {
    match (seen.probe, seen.waking_since) {
        (Probe::Network, Some(since)) => Judged { since: Some(since), ..of(Kind::Starting, Reason::NoRdpYet) },
        (Probe::Rdp, _) => of(Kind::Stale, Reason::NoAgentAnswers),
        (Probe::Network, None) => of(Kind::Stale, Reason::NoAgentOn),
        (Probe::Nothing, _) => of(Kind::Unknown, Reason::NoAgentSilent),
        (Probe::Unasked, _) => of(Kind::Unknown, Reason::NeverHeard),
    }
}

#[cfg(test)]
mod tests {
    use agent::bounded::AtMost;
    use agent::facts::Rdp;

    use super::*;

    const NOW: Unix = Unix(1_750_000_000_000);
    const HOUR: u64 = 3_600_000;

    fn session(place: SessionPlace, state: SessionState) -> Session {
        Session { place, state, user: Some("marta".into()), age_ms: Some(HOUR), ..Session::default() }
    }

    fn facts(up_ms: u64, sessions: &[Session]) -> Facts {
        Facts { up_ms, sessions: Some(AtMost::first(sessions.to_vec())), ..Facts::default() }
    }

    fn connected(facts: &Facts) -> Seen<'_> {
        let told = Told { connected: true, facts: Some(facts), heard_at: Some(NOW), left: None };
        Seen { agent: Some(told), probe: Probe::Rdp, ..Seen::default() }
    }

    #[test]
    fn who_is_at_it_is_told_by_the_sessions() {
        use SessionPlace::{Console, Remote};
        use SessionState::{Active, Disconnected, Locked, Unknown};
        let s = session;
        let table: [(&[Session], Kind, Reason); 9] = [
            (&[], Kind::Free, Reason::Reported),
            (&[s(Console, Active)], Kind::InUseHere, Reason::Reported),
            (&[s(Remote, Active)], Kind::InUseRemotely, Reason::Reported),
            (&[s(Console, Locked)], Kind::Locked, Reason::Reported),
            (&[s(Remote, Disconnected)], Kind::Free, Reason::Disconnected),
            (&[s(Console, Disconnected), s(Remote, Active)], Kind::InUseRemotely, Reason::Reported),
            (&[s(Console, Locked), s(Remote, Active)], Kind::InUseRemotely, Reason::Reported),
            (&[s(Remote, Active), s(Console, Active)], Kind::InUseHere, Reason::Reported),
            // What a newer agent says in words not known here is somebody, never nobody.
            (&[s(SessionPlace::Unknown, Unknown)], Kind::InUseHere, Reason::Reported),
        ];
        for (sessions, kind, reason) in table {
            let facts = facts(HOUR, sessions);
            let judged = judge(&connected(&facts), NOW);
            assert_eq!((judged.kind, judged.reason), (kind, reason), "{sessions:?}");
            let used = !matches!(kind, Kind::Free);
            assert_eq!(judged.by.as_deref(), used.then_some("marta"), "{sessions:?}");
            assert_eq!(judged.since, used.then_some(Unix(NOW.0 - 3_600_000)), "{sessions:?}");
        }
    }

    #[test]
    fn an_agent_that_cannot_see_sessions_makes_nobody_free() {
        let blind = Facts { sessions: None, up_ms: HOUR, ..Facts::default() };
        let judged = judge(&connected(&blind), NOW);
        assert_eq!((judged.kind, judged.reason), (Kind::Stale, Reason::SessionsUnseen));
    }

    #[test]
    fn free_is_who_can_be_reached() {
        let fresh = facts(60_000, &[]);
        let old = facts(HOUR, &[]);
        let off = Facts { rdp: Rdp { enabled: Some(false), ..Rdp::default() }, ..old.clone() };
        let table = [
            (&fresh, Probe::Network, Kind::Starting, Reason::NoRdpYet),
            (&fresh, Probe::Rdp, Kind::Free, Reason::Reported),
            (&old, Probe::Network, Kind::Free, Reason::RdpSilent),
            (&old, Probe::Nothing, Kind::Free, Reason::RdpSilent),
            (&off, Probe::Network, Kind::Free, Reason::RdpOff),
            (&old, Probe::Unasked, Kind::Free, Reason::Reported),
        ];
        for (facts, probe, kind, reason) in table {
            let judged = judge(&Seen { probe, ..connected(facts) }, NOW);
            assert_eq!((judged.kind, judged.reason), (kind, reason), "{probe:?}");
        }
        let judged = judge(&Seen { reserved: true, ..connected(&old) }, NOW);
        assert_eq!(judged.kind, Kind::Reserved);
        let used = facts(HOUR, &[session(SessionPlace::Console, SessionState::Active)]);
        assert_eq!(judge(&Seen { reserved: true, ..connected(&used) }, NOW).kind, Kind::InUseHere);
    }

    #[test]
    fn who_comes_through_the_gateway_is_seen_without_an_agent() {
        let old = facts(HOUR, &[]);
        let blind = Facts { sessions: None, ..old.clone() };
        let sits = facts(HOUR, &[session(SessionPlace::Console, SessionState::Active)]);
        let (through, none) = (Some(Unix(NOW.0 - 5_000)), Seen { probe: Probe::Rdp, ..Seen::default() });
        let silent = Told { heard_at: Some(NOW), ..Told::default() };
        let silent = Seen { agent: Some(silent), ..none.clone() };
        let table = [
            (connected(&old), Kind::InUseRemotely, Reason::ThroughGateway),
            (Seen { reserved: true, ..connected(&old) }, Kind::InUseRemotely, Reason::ThroughGateway),
            (connected(&blind), Kind::InUseRemotely, Reason::ThroughGateway),
            (none, Kind::InUseRemotely, Reason::ThroughGateway),
            // What an agent sees says more, and so does one that has fallen silent.
            (connected(&sits), Kind::InUseHere, Reason::Reported),
            (silent, Kind::Stale, Reason::AgentSilent),
        ];
        for (seen, kind, reason) in table {
            let judged = judge(&Seen { through, ..seen }, NOW);
            assert_eq!((judged.kind, judged.reason), (kind, reason));
            assert_eq!(judged.since == through, reason == Reason::ThroughGateway);
        }
    }

    #[test]
    fn asleep_is_not_off_and_not_gone() {
        let ago = |ms: i64| Unix(NOW.0 - ms);
        let left = |how| Some((how, ago(60_000)));
        let long = Some((Leaving::Restart, ago(RESTART_MS + 1)));
        let table = [
            (left(Leaving::Sleep), Probe::Nothing, Kind::Asleep, Reason::WentToSleep),
            (left(Leaving::Shutdown), Probe::Unasked, Kind::Off, Reason::ShutDown),
            (left(Leaving::Restart), Probe::Nothing, Kind::Starting, Reason::Restarting),
            (long, Probe::Nothing, Kind::Unknown, Reason::WentAway),
            (left(Leaving::Agent), Probe::Rdp, Kind::Stale, Reason::AgentSilent),
            (left(Leaving::Sleep), Probe::Rdp, Kind::Stale, Reason::AgentSilent),
            (None, Probe::Network, Kind::Stale, Reason::AgentSilent),
            (None, Probe::Nothing, Kind::Unknown, Reason::WentAway),
        ];
        for (left, probe, kind, reason) in table {
            let told = Told { connected: false, facts: None, heard_at: Some(ago(60_000)), left };
            let seen = Seen { agent: Some(told), probe, ..Seen::default() };
            let judged = judge(&seen, NOW);
            assert_eq!((judged.kind, judged.reason), (kind, reason), "{left:?} {probe:?}");
            // What is being woken is waking until it answers.
            let woken = judge(&Seen { waking_since: Some(NOW), ..seen }, NOW).kind;
            let wanted = match (kind, probe) {
                (Kind::Asleep | Kind::Off | Kind::Unknown, _) => Kind::Waking,
                (_, Probe::Network) => Kind::Starting,
                (_, Probe::Rdp) if matches!(left, Some((Leaving::Sleep, _))) => Kind::Starting,
                _ => kind,
            };
            assert_eq!(woken, wanted, "{left:?} {probe:?}");
        }
        let never = Seen { agent: Some(Told::default()), ..Seen::default() };
        assert_eq!(judge(&never, NOW).reason, Reason::NeverHeard);
    }

    #[test]
    fn without_an_agent_nobody_says_that_it_is_free() {
        let table = [
            (Probe::Rdp, None, Kind::Stale, Reason::NoAgentAnswers),
            (Probe::Network, None, Kind::Stale, Reason::NoAgentOn),
            (Probe::Nothing, None, Kind::Unknown, Reason::NoAgentSilent),
            (Probe::Unasked, None, Kind::Unknown, Reason::NeverHeard),
            (Probe::Nothing, Some(NOW), Kind::Waking, Reason::PacketsSent),
            (Probe::Network, Some(NOW), Kind::Starting, Reason::NoRdpYet),
            (Probe::Rdp, Some(NOW), Kind::Stale, Reason::NoAgentAnswers),
        ];
        for (probe, waking_since, kind, reason) in table {
            let judged = judge(&Seen { probe, waking_since, ..Seen::default() }, NOW);
            assert_eq!((judged.kind, judged.reason), (kind, reason), "{probe:?}");
        }
    }
}
