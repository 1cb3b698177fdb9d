//! Guessing, as fast and as long as anybody likes: the clock runs on so that no pause holds a try up.

use std::time::{Duration, Instant};

use provisioning::totp;
use zeroize::Zeroizing;

use super::Refused;
use super::passwords::{Cost, Passwords};
use super::sign_in::{Attempt, SignedIn, sign_in};
use crate::store::tests::{BOOT, SECRET, fixture, open, person};
use crate::store::users::{FACTOR_LIMIT, Role};
use crate::store::{Moment, Store};

const PASSWORD: &str = "le cheval mange du foin";

/// Where it is not the time that is looked at.
const CHEAP: Cost = Cost { memory_kib: 64, passes: 1 };

/// Longer than the longest pause: every try is one that may be evaluated.
const PAUSE: Duration = Duration::from_secs(3601);

fn later(now: Moment, by: Duration) -> Moment {
    Moment { wall: now.wall + by, boot: now.boot + by }
}

/// The code of this moment, or one that is none near it.
fn code(now: Moment, right: bool) -> String {
    let step = totp::step(now.wall.seconds());
    let near: Vec<_> = (step - 2..=step + 2).map(|s| totp::code_at(&SECRET, s)).collect();
    if right {
        return near[2].clone();
    }
    (0..20).map(|n| format!("{n:06}")).find(|c| !near.contains(c)).unwrap()
}

async fn attempt(
    store: &Store,
    passwords: &Passwords,
    (login, password, code): (&str, &str, &str),
    device: Option<&crate::store::devices::Device>,
    now: Moment,
) -> Result<SignedIn, Refused> {
    let attempt = Attempt {
        login,
        password: Zeroizing::new(password.to_owned()),
        code: Zeroizing::new(code.to_owned()),
        address: Some("192.0.2.1".parse().unwrap()),
        device,
        outside: false,
    };
    sign_in(store, passwords, attempt, now).await
}

#[tokio::test]
async fn of_a_thousand_wrong_codes_fifty_are_looked_at_and_none_is_taken_also_after_a_crash() {
    let (dir, mut store) = fixture().await;
    let passwords = Passwords::new(CHEAP).unwrap();
    let hash = passwords.hash(Zeroizing::new(PASSWORD.into())).await.unwrap();
    let (_, laptop) = person(&store, "anne", Role::User, &hash).await;
    let laptop = store.device(laptop).await.unwrap();
    let (mut now, mut looked_at) = (Moment::now(), 0);
    for n in 0..1000 {
        now = later(now, PAUSE);
        if n == 25 {
            // Nobody said goodbye.
            store = open(&dir, BOOT).await;
        }
        let wrong = code(now, false);
        match attempt(&store, &passwords, ("anne", PASSWORD, &wrong), Some(&laptop), now).await {
            Err(Refused::Wrong) => looked_at += 1,
            // The fiftieth was looked at, and suspends.
            Err(Refused::Suspended) => {}
            other => panic!("try {n}: {other:?}"),
        }
    }
    assert_eq!(looked_at, FACTOR_LIMIT - 1);
    let right = code(now, true);
    let suspended = attempt(&store, &passwords, ("anne", PASSWORD, &right), Some(&laptop), later(now, PAUSE)).await;
    assert!(matches!(suspended, Err(Refused::Suspended)), "{suspended:?}");
}

#[tokio::test]
async fn a_try_that_was_under_way_names_nobody_who_was_erased_meanwhile() {
    let (_dir, store) = fixture().await;
    let (anne, _) = person(&store, "anne", Role::User, "x").await;
    let note = async || {
        let why = crate::audit::Refusal::Password;
        super::sign_in::note_refusal(&store, Some(anne), None, why, Moment::now()).await.unwrap();
        let filter = crate::store::audit::Filter { limit: 100, ..Default::default() };
        let lines = store.audit(&filter).await.unwrap();
        lines.into_iter().find(|line| line.event == "sign_in_refused").unwrap().login.unwrap()
    };
    assert_eq!(note().await, "anne");
    let mut write = store.write(Moment::now(), crate::audit::Actor::Local).await.unwrap();
    write.set_user_disabled(anne, true).await.unwrap();
    assert!(write.erase_user(anne).await.unwrap());
    write.commit().await.unwrap();
    assert!(note().await.starts_with(crate::store::ERASED));
}

#[tokio::test]
async fn strangers_lock_nobody_out() {
    let (_dir, store) = fixture().await;
    let passwords = Passwords::new(CHEAP).unwrap();
    let hash = passwords.hash(Zeroizing::new(PASSWORD.into())).await.unwrap();
    let (_, laptop) = person(&store, "anne", Role::User, &hash).await;
    let (_, stolen) = person(&store, "boris", Role::User, &hash).await;
    let (laptop, stolen) = (store.device(laptop).await.unwrap(), store.device(stolen).await.unwrap());
    let mut now = Moment::now();
    for n in 0..300 {
        now = later(now, Duration::from_secs(61));
        let guess = ("anne", if n % 2 == 0 { PASSWORD } else { "nine silver spoons" }, code(now, n % 4 == 0));
        let guessed = attempt(&store, &passwords, (guess.0, guess.1, &guess.2), Some(&stolen), now).await;
        assert!(matches!(guessed, Err(Refused::Wrong | Refused::Wait(_))), "{guessed:?}");
        let nobody = attempt(&store, &passwords, (&format!("nobody-{n}"), PASSWORD, "000000"), None, now).await;
        assert!(matches!(nobody, Err(Refused::Wrong | Refused::Wait(_))), "{nobody:?}");
    }
    // A colleague in the office, for weeks: as often as anybody may.
    for n in 0..200 {
        now = later(now, Duration::from_secs(3601));
        let guessed = attempt(&store, &passwords, ("anne", "nine silver spoons", "000000"), None, now).await;
        assert!(matches!(guessed, Err(Refused::Wrong)), "{n}: {guessed:?}");
    }
    let right = code(now, true);
    let there =
        attempt(&store, &passwords, ("anne", PASSWORD, &right), None, later(now, Duration::from_secs(3601))).await;
    assert!(matches!(there, Err(Refused::Wrong)), "in the office she is: {there:?}");
    attempt(&store, &passwords, ("anne", PASSWORD, &right), Some(&laptop), now).await.unwrap();
    now = later(now, Duration::from_secs(3700));
    attempt(&store, &passwords, ("anne", PASSWORD, &code(now, true)), None, now).await.unwrap();
}

/// How often one of `a` is longer than one of `b`: a half where nothing can be told (Mann and Whitney's U, as a share).
fn told_apart(a: &[Duration], b: &[Duration]) -> f64 {
    let longer = |x: &Duration| {
        b.iter()
            .map(|y| {
                if x > y {
                    1.0
                } else if x == y {
                    0.5
                } else {
                    0.0
                }
            })
            .sum::<f64>()
    };
    a.iter().map(longer).sum::<f64>() / (a.len() * b.len()) as f64
}

/// Within [`sign_in`], without the network around it: what hides in its noise is not seen here, and the reverse.
#[tokio::test]
async fn the_time_does_not_tell_who_exists() {
    let heavy = std::env::var_os("PASSERELLE_HEAVY").is_some();
    let (tries, bound) = if heavy { (1000, 0.06) } else { (100, 0.18) };
    let (_dir, store) = fixture().await;
    let passwords = Passwords::new(Cost::FLOOR).unwrap();
    let hash = passwords.hash(Zeroizing::new(PASSWORD.into())).await.unwrap();
    person(&store, "anne", Role::User, &hash).await;
    let mut now = Moment::now();
    let mut took = [Vec::new(), Vec::new()];
    for n in 0..2 * tries {
        now = later(now, PAUSE);
        // In turn, and each of the two first as often: what the machine does meanwhile falls on both.
        let known = (n + n / 2) % 2 == 0;
        let login = if known { "anne".to_owned() } else { format!("nina-{n}") };
        let began = Instant::now();
        let refused = attempt(&store, &passwords, (&login, "nine silver spoons", "000000"), None, now).await;
        took[usize::from(known)].push(began.elapsed());
        assert!(matches!(refused, Err(Refused::Wrong)), "{refused:?}");
    }
    let told = told_apart(&took[1], &took[0]);
    let median = |all: &mut Vec<Duration>| {
        all.sort();
        all[all.len() / 2]
    };
    let [unknown, known] = took.each_mut().map(median);
    eprintln!("{tries} tries each: known {known:?}, unknown {unknown:?} (medians), told apart {told:.3}");
    assert!((told - 0.5).abs() < bound, "told apart in {told:.3} of pairs");
    let apart = known.abs_diff(unknown);
    // Of a hundred tries beside other tests, the order alone tells.
    assert!(!heavy || apart * 10 < known, "{known:?} and {unknown:?}");
}
