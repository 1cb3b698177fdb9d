//! Who is signed in, from what Windows' terminal services say (wtsapi32.h).
//!
//! If any session cannot be read, none is told: half of them would make somebody nobody.

use agent::bounded::{AtMost, Short};
use agent::facts::{SESSIONS, Session, SessionPlace, SessionState};

/// WTS_CONNECTSTATE_CLASS.
const ACTIVE: i32 = 0;
const SHADOW: i32 = 3;
const DISCONNECTED: i32 = 4;
/// Sessions that wait for somebody, end or begin: nobody is in them, and they tell nothing.
const EMPTY: [i32; 5] = [5, 6, 7, 8, 9];

/// The session of services; since Windows Vista nobody signs in there.
const SERVICES: u32 = 0;

/// WTS_SESSIONSTATE_LOCK. Windows 7 had it the other way round; no Windows that this program starts on has.
const LOCKED: i32 = 0;

/// WTSClientProtocolType.
const CONSOLE: u16 = 0;

/// Hundreds of nanoseconds, by which Windows counts, in a millisecond.
const PER_MS: i64 = 10_000;

/// What is known of one session (WTSINFOEX_LEVEL1_W).
#[derive(Clone, Debug, Default)]
pub(crate) struct Info {
    /// WTS_CONNECTSTATE_CLASS.
    pub(crate) state: i32,
    pub(crate) flags: i32,
    /// Empty where nobody has signed in yet.
    pub(crate) user: String,
    pub(crate) began: i64,
    pub(crate) input: i64,
    pub(crate) now: i64,
    /// WTSClientProtocolType.
    pub(crate) protocol: Option<u16>,
}

/// Why a session tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mute {
    /// It has ended since it was listed.
    Gone,
    /// Windows does not tell.
    Hidden,
}

/// Windows' terminal services.
pub(crate) trait Terminal {
    /// The sessions' numbers, and their states.
    fn listed(&self) -> Option<Vec<(u32, i32)>>;
    /// What one of them tells.
    fn info(&self, id: u32) -> Result<Info, Mute>;
}

/// Those of people; nothing where Windows does not tell.
pub(crate) fn sessions(terminal: &impl Terminal, names: bool) -> Option<AtMost<Session, SESSIONS>> {
    // A running Windows has one at least, that of services: none at all is no answer.
    let listed = terminal.listed().filter(|all| !all.is_empty())?;
    let mut sessions = Vec::new();
    for (id, _) in listed.into_iter().filter(|(id, state)| *id != SERVICES && !EMPTY.contains(state)) {
        match terminal.info(id) {
            Ok(info) if info.user.is_empty() => {}
            Ok(info) => sessions.push(session(id, &info, names)),
            Err(Mute::Gone) => {}
            Err(Mute::Hidden) => return None,
        }
    }
    Some(AtMost::first(sessions))
}

fn session(id: u32, info: &Info, names: bool) -> Session {
    let state = match info.state {
        ACTIVE | SHADOW if info.flags == LOCKED => SessionState::Locked,
        ACTIVE | SHADOW => SessionState::Active,
        DISCONNECTED => SessionState::Disconnected,
        _ => SessionState::Unknown,
    };
    let place = match info.protocol {
        // What nobody looks at is nowhere: Windows forgets where it was.
        _ if state == SessionState::Disconnected => SessionPlace::Unknown,
        Some(CONSOLE) => SessionPlace::Console,
        Some(_) => SessionPlace::Remote,
        None => SessionPlace::Unknown,
    };
    Session {
        id: Short::new(&id.to_string()),
        place,
        state,
        user: names.then(|| Short::new(&info.user)),
        idle_ms: since(info.input, info.now),
        age_ms: since(info.began, info.now),
    }
}

/// Milliseconds from one moment to the other; a moment of 0 is none.
fn since(then: i64, now: i64) -> Option<u64> {
    (then > 0).then(|| now.checked_sub(then)).flatten().and_then(|gone| u64::try_from(gone / PER_MS).ok())
}

/// The one whose person is to be spoken to: before them and not locked; at the PC first.
pub(crate) fn shown(all: &[Session]) -> Option<u32> {
    let mut those: Vec<&Session> = all.iter().filter(|s| s.state == SessionState::Active).collect();
    those.sort_by_key(|s| s.place != SessionPlace::Console);
    those.first()?.id.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session's number, its state, and what it tells.
    type Known = (u32, i32, Result<Info, Mute>);

    struct Fake(Option<Vec<Known>>);

    impl Terminal for Fake {
        fn listed(&self) -> Option<Vec<(u32, i32)>> {
            self.0.as_ref().map(|all| all.iter().map(|(id, state, _)| (*id, *state)).collect())
        }

        fn info(&self, id: u32) -> Result<Info, Mute> {
            let found = self.0.iter().flatten().find(|(of, ..)| *of == id);
            found.map_or(Err(Mute::Gone), |(.., info)| info.clone())
        }
    }

    fn info() -> Info {
        let now = 133_700_000_000_000_000;
        Info {
            state: ACTIVE,
            flags: 1,
            user: "marta".to_owned(),
            began: now - 3_600_000 * PER_MS,
            input: now - 90_000 * PER_MS,
            now,
            protocol: Some(CONSOLE),
        }
    }

    fn of(info: Info) -> Session {
        let fake = Fake(Some(vec![(0, DISCONNECTED, Err(Mute::Hidden)), (1, info.state, Ok(info))]));
        sessions(&fake, true).unwrap()[0].clone()
    }

    #[test]
    fn what_windows_says_in_our_words() {
        let plain = of(info());
        assert_eq!((&*plain.id, plain.place, plain.state), ("1", SessionPlace::Console, SessionState::Active));
        assert_eq!(
            (plain.user.as_deref(), plain.idle_ms, plain.age_ms),
            (Some("marta"), Some(90_000), Some(3_600_000))
        );
        assert_eq!(of(Info { flags: LOCKED, ..info() }).state, SessionState::Locked);
        // WTS_SESSIONSTATE_UNKNOWN.
        assert_eq!(of(Info { flags: -1, ..info() }).state, SessionState::Active);
        assert_eq!(of(Info { protocol: Some(2), ..info() }).place, SessionPlace::Remote);
        assert_eq!(of(Info { protocol: None, ..info() }).place, SessionPlace::Unknown);
        let left = of(Info { state: DISCONNECTED, flags: LOCKED, ..info() });
        assert_eq!((left.state, left.place), (SessionState::Disconnected, SessionPlace::Unknown));
        assert_eq!(of(Info { state: 1, ..info() }).state, SessionState::Unknown);
    }

    #[test]
    fn no_moment_is_no_idleness() {
        assert_eq!(of(Info { input: 0, ..info() }).idle_ms, None);
        assert_eq!(of(Info { input: i64::MIN, now: i64::MAX, ..info() }).idle_ms, None);
        assert_eq!(of(Info { input: info().now + PER_MS, ..info() }).idle_ms, None, "the clock was set back");
        assert_eq!(of(Info { input: info().now, ..info() }).idle_ms, Some(0));
    }

    #[test]
    fn nobody_is_only_told_where_everything_was_read() {
        let all = |all| sessions(&Fake(Some(all)), false);
        assert_eq!(sessions(&Fake(None), false), None);
        assert_eq!(all(Vec::new()), None);
        let services = (SERVICES, DISCONNECTED, Err(Mute::Hidden));
        let listener = (65_536, 6, Err(Mute::Hidden));
        let sign_in = (1, 1, Ok(Info { user: String::new(), ..info() }));
        assert_eq!(all(vec![services.clone(), listener, sign_in]), Some(AtMost::default()));
        assert_eq!(all(vec![services.clone(), (2, ACTIVE, Err(Mute::Gone))]), Some(AtMost::default()));
        assert_eq!(all(vec![services, (1, ACTIVE, Ok(info())), (2, ACTIVE, Err(Mute::Hidden))]), None);
        assert_eq!(all(vec![(1, ACTIVE, Ok(info()))]).unwrap()[0].user, None, "names only where they are wanted");
    }

    #[test]
    fn who_is_spoken_to() {
        let remote = Session { id: "2".into(), ..of(Info { protocol: Some(2), ..info() }) };
        let locked = of(Info { flags: LOCKED, ..info() });
        assert_eq!(shown(&[remote.clone(), of(info())]), Some(1));
        assert_eq!(shown(&[locked.clone(), remote]), Some(2));
        assert_eq!(shown(&[locked]), None);
    }
}
