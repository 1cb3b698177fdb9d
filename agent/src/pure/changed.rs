//! Which changes of a PC are told at once, and which wait for the next minute: numbers that only grow wait.

use std::time::Duration;

use agent::bounded::AtMost;
use agent::facts::{Facts, Session};

/// Lengths of idleness that mean something to whoever waits for a PC: a pause, a coffee, a meeting.
const IDLE: [Duration; 3] = [Duration::from_secs(60), Duration::from_secs(5 * 60), Duration::from_secs(15 * 60)];

/// Whether the gateway should hear of this at once.
pub(crate) fn matters(before: &Facts, now: &Facts) -> bool {
    what_matters(before) != what_matters(now)
}

/// The facts without what only grows.
fn what_matters(facts: &Facts) -> Facts {
    let session = |session: &Session| Session {
        age_ms: None,
        idle_ms: session.idle_ms.map(|ms| IDLE.iter().filter(|step| u128::from(ms) >= step.as_millis()).count() as u64),
        ..session.clone()
    };
    let sessions = facts.sessions.as_ref().map(|all| AtMost::first(all.iter().map(session)));
    Facts { up_ms: 0, sessions, ..facts.clone() }
}

#[cfg(test)]
mod tests {
    use agent::facts::{Adapter, Power, Rdp, SessionState};

    use super::*;

    fn with(session: Session) -> Facts {
        Facts { sessions: Some(AtMost::first([session])), up_ms: 1, ..Facts::default() }
    }

    #[test]
    fn what_only_grows_waits() {
        let idle = |ms| with(Session { idle_ms: Some(ms), age_ms: Some(ms), ..Session::default() });
        for (before, now, worth) in [
            (0, 59_999, false),
            (59_999, 60_000, true),
            (60_000, 299_999, false),
            (299_999, 300_000, true),
            (899_999, 900_000, true),
            (900_000, 90_000_000, false),
            (90_000_000, 0, true),
        ] {
            assert_eq!(matters(&idle(before), &idle(now)), worth, "{before} {now}");
        }
        assert!(!matters(&Facts::default(), &Facts { up_ms: 7, ..Facts::default() }));
    }

    #[test]
    fn everything_else_is_told_at_once() {
        let before = with(Session::default());
        let changes = [
            with(Session { state: SessionState::Locked, ..Session::default() }),
            with(Session { user: Some("marta".into()), ..Session::default() }),
            with(Session { idle_ms: Some(0), ..Session::default() }),
            Facts { sessions: None, ..before.clone() },
            Facts { sessions: Some(AtMost::default()), ..before.clone() },
            Facts { adapters: AtMost::first([Adapter::default()]), ..before.clone() },
            Facts { rdp: Rdp { enabled: Some(false), ..Rdp::default() }, ..before.clone() },
            Facts { power: Power { on_battery: Some(true), ..Power::default() }, ..before.clone() },
            Facts { programs: AtMost::first(["Sage".into()]), ..before.clone() },
            Facts { restart_pending: Some(true), ..before.clone() },
            Facts { host: "pc".into(), ..before.clone() },
        ];
        assert!(!matters(&before, &before.clone()));
        for now in changes {
            assert!(matters(&before, &now), "{now:?}");
        }
    }
}
