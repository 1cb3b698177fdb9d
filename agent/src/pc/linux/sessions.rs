//! Sessions as logind has them, in our words.
//!
//! xrdp's (sesman 0.9.21) are among them by PAM, but neither remote nor ever inactive: they are known by the PAM service
//! that began them, and whether somebody looks at one, by the connections to its X server's socket.

use agent::bounded::Short;
use agent::facts::{Session, SessionPlace, SessionState};

use super::Root;
use super::logind::{Properties, number, text, yes};
use crate::clock;

/// The PAM service of xrdp.
const XRDP: &str = "xrdp-sesman";

/// Microseconds by which logind counts.
fn micros(d: std::time::Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

/// Those of people: no greeters, no services.
pub(super) fn of_users(all: Vec<Properties>, root: &Root, names: bool) -> Vec<Session> {
    let all: Vec<Properties> = all.into_iter().filter(is_of_a_user).collect();
    let by_xrdp = all.iter().filter(|s| is_xrdp(s)).count();
    let watched = if by_xrdp == 0 { 0 } else { displays(&root.read("/proc/net/unix").unwrap_or_default()) };
    let mut sessions: Vec<Session> = all
        .iter()
        .map(|properties| {
            let mut session = session(properties, names, micros(clock::awake()), clock::unix());
            if is_xrdp(properties) && session.state != SessionState::Locked {
                session.state = match watched {
                    0 => SessionState::Disconnected,
                    n if n >= by_xrdp => SessionState::Active,
                    // Some are looked at; which of them, the sockets do not tell.
                    _ => SessionState::Unknown,
                };
            }
            session
        })
        .collect();
    sessions.sort_by(|a, b| a.id.cmp(&b.id));
    sessions
}

/// The one whose person is to be spoken to: shown, graphical, not locked; at the PC first.
pub(super) fn shown(all: &[Properties]) -> Option<&Properties> {
    let graphical = |s: &&Properties| matches!(text(s, "Type").as_deref(), Some("x11" | "wayland" | "mir"));
    let fits = |s: &&Properties| is_of_a_user(s) && state(s) == SessionState::Active;
    let mut those: Vec<&Properties> = all.iter().filter(|s| fits(s) && (graphical(s) || is_xrdp(s))).collect();
    those.sort_by_key(|s| place(s) != SessionPlace::Console);
    those.first().copied()
}

fn is_of_a_user(of: &Properties) -> bool {
    // A session that is ending has no people any more, but programs that end late.
    text(of, "Class").is_some_and(|class| class.starts_with("user")) && text(of, "State").as_deref() != Some("closing")
}

fn is_xrdp(of: &Properties) -> bool {
    text(of, "Service").as_deref() == Some(XRDP)
}

fn place(of: &Properties) -> SessionPlace {
    if yes(of, "Remote") == Some(true) || is_xrdp(of) { SessionPlace::Remote } else { SessionPlace::Console }
}

fn state(of: &Properties) -> SessionState {
    match (yes(of, "Active"), yes(of, "LockedHint")) {
        // Also behind a greeter that was brought forward: whoever locked it comes back.
        (Some(_), Some(true)) => SessionState::Locked,
        (Some(true), _) => SessionState::Active,
        (Some(false), _) => SessionState::Disconnected,
        (None, _) => SessionState::Unknown,
    }
}

/// `awake_us` is CLOCK_MONOTONIC in microseconds, `unix` the wall clock in seconds.
fn session(of: &Properties, names: bool, awake_us: u64, unix: u64) -> Session {
    // A desktop that never said that it was idle does not say that it is not.
    let idle = match (yes(of, "IdleHint"), number(of, "IdleSinceHintMonotonic")) {
        (_, None | Some(0)) | (None, _) => None,
        (Some(true), Some(since)) => Some(awake_us.saturating_sub(since) / 1000),
        (Some(false), Some(_)) => Some(0),
    };
    let began = number(of, "Timestamp").filter(|us| *us > 0);
    Session {
        id: Short::new(&text(of, "Id").unwrap_or_default()),
        place: place(of),
        state: state(of),
        user: text(of, "Name").filter(|_| names).map(|name| Short::new(&name)),
        idle_ms: idle,
        age_ms: began.map(|us| unix.saturating_mul(1000).saturating_sub(us / 1000)),
    }
}

/// How many connections there are to the sockets of xrdp's X servers, in /proc/net/unix: state 03 is "connected".
fn displays(unix: &str) -> usize {
    let connected = |line: &&str| {
        let mut columns = line.split_whitespace();
        columns.nth(5) == Some("03") && columns.nth(1).is_some_and(|path| path.contains("/xrdp_display_"))
    };
    unix.lines().filter(connected).count()
}

#[cfg(test)]
mod tests {
    use zbus::{OwnedVariant, Str, Variant};

    use super::*;

    fn properties(all: &[(&str, Variant<'_>)]) -> Properties {
        all.iter().map(|(name, value)| ((*name).to_owned(), OwnedVariant::try_from(value).unwrap())).collect()
    }

    fn of(more: &[(&str, Variant<'_>)]) -> Properties {
        let mut all = properties(&[
            ("Id", Str::from("c2").into()),
            ("Class", Str::from("user").into()),
            ("State", Str::from("active").into()),
            ("Type", Str::from("x11").into()),
            ("Name", Str::from("marta").into()),
            ("Active", true.into()),
            ("Remote", false.into()),
            ("LockedHint", false.into()),
            ("IdleHint", false.into()),
            ("IdleSinceHintMonotonic", 0_u64.into()),
            ("Timestamp", 1_000_000_000_u64.into()),
        ]);
        all.extend(properties(more));
        all
    }

    fn told(more: &[(&str, Variant<'_>)]) -> Session {
        session(&of(more), true, 90_000_000, 4000)
    }

    #[test]
    fn what_logind_says_in_our_words() {
        let plain = told(&[]);
        assert_eq!((plain.place, plain.state), (SessionPlace::Console, SessionState::Active));
        assert_eq!((plain.user.as_deref(), plain.age_ms, plain.idle_ms), (Some("marta"), Some(3_000_000), None));
        assert_eq!(session(&of(&[]), false, 0, 0).user, None, "names only where they are wanted");
        assert_eq!(told(&[("LockedHint", true.into())]).state, SessionState::Locked);
        assert_eq!(told(&[("Active", false.into())]).state, SessionState::Disconnected);
        assert_eq!(told(&[("Remote", true.into())]).place, SessionPlace::Remote);
        assert_eq!(told(&[("Service", Str::from(XRDP).into())]).place, SessionPlace::Remote);
        assert_eq!(told(&[("IdleSinceHintMonotonic", 5_u64.into())]).idle_ms, Some(0));
        let idle = told(&[("IdleHint", true.into()), ("IdleSinceHintMonotonic", 30_000_000_u64.into())]);
        assert_eq!(idle.idle_ms, Some(60_000));
    }

    #[test]
    fn greeters_and_services_are_nobody() {
        let at = tempfile::tempdir().unwrap();
        let root = Root(at.path().to_owned());
        for (key, value) in [("Class", "greeter"), ("Class", "manager"), ("Class", "background"), ("State", "closing")]
        {
            assert!(of_users(vec![of(&[(key, Str::from(value).into())])], &root, true).is_empty(), "{value}");
        }
        assert_eq!(of_users(vec![of(&[])], &root, true).len(), 1);
    }

    #[test]
    fn who_is_spoken_to() {
        let none: [&[(&str, Variant<'_>)]; 4] = [
            &[("LockedHint", true.into())],
            &[("Active", false.into())],
            &[("Type", Str::from("tty").into())],
            &[("Class", Str::from("greeter").into())],
        ];
        for more in none {
            assert!(shown(&[of(more)]).is_none(), "{more:?}");
        }
        let remote = of(&[("Remote", true.into())]);
        let both = [remote.clone(), of(&[])];
        assert_eq!(shown(&both), Some(&both[1]));
        assert_eq!(shown(&both[..1]), Some(&remote));
    }

    #[test]
    fn an_xrdp_session_that_nobody_looks_at_is_disconnected() {
        let at = tempfile::tempdir().unwrap();
        let root = Root(at.path().to_owned());
        std::fs::create_dir_all(at.path().join("proc/net")).unwrap();
        let xrdp = || of(&[("Service", Str::from(XRDP).into()), ("Type", Str::from("tty").into())]);
        let listens = "0: 00000002 00000000 00010000 0001 01 22 /run/xrdp/sockdir/xrdp_display_10\n";
        let is_used = "0: 00000003 00000000 00000000 0001 03 23 /run/xrdp/sockdir/xrdp_display_10\n";
        let other = "0: 00000003 00000000 00000000 0001 03 23 /run/dbus/system_bus_socket\n";
        use SessionState::{Active, Disconnected, Unknown};
        for (sockets, number, state) in [
            (format!("{listens}{other}"), 1, Disconnected),
            (format!("{listens}{is_used}"), 1, Active),
            (format!("{listens}{is_used}"), 2, Unknown),
            (format!("{is_used}{is_used}"), 2, Active),
        ] {
            std::fs::write(at.path().join("proc/net/unix"), sockets).unwrap();
            let all = of_users((0..number).map(|_| xrdp()).collect(), &root, false);
            assert!(all.iter().all(|s| s.state == state && s.place == SessionPlace::Remote), "{all:?}");
        }
    }
}
