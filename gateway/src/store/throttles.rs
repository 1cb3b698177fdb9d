//! Tries, counted before it is known whether they are right: per login as typed (known or not) and per source. Those with
//! an invitation's token are counted in memory alone: 128 bits are not guessed, and strangers write nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use provisioning::digest::digest;

use super::row::Columns as _;
use super::{Result, Store, Write};
use crate::clock::{Boot, Unix};
use crate::ids::DeviceId;
use crate::pure::bucket::{Bucket, Rate};
use crate::pure::source::{is_of_house, provider, source};

/// A source may try so often in [`WINDOW_MS`]: shared office addresses still work.
pub const SOURCE_TRIES: i64 = 30;

/// The window of [`SOURCE_TRIES`].
pub const WINDOW_MS: i64 = 600_000;

/// So many tries at a login are free; then 30 s, doubling to an hour.
pub const FREE_TRIES: i64 = 5;

/// The longest wait.
const LONGEST_MS: i64 = 3_600_000;

/// Sources remembered as being over their limit; of more, the one whose wait ends first is looked up anew.
const MOST_WAITING: usize = 4096;

/// Tokens of invitations that a source may show in [`WINDOW_MS`]: a household redeems several, with all that goes wrong.
const TOKENS: u32 = 60;

/// The same of a /48, which has 65,536 sources: a provider's customers, or one of them.
const TOKENS_OF_PROVIDER: u32 = 600;

/// The same of the whole internet, and of the house: neither keeps the other waiting. An office whose people all begin at
/// once needs a few a second.
const TOKENS_OF_ALL: Rate = Rate { burst: 200, each_second: 20 };

/// Of all who sign in by the internet: half of what the gateway's hashing carries, the rest is for the house.
const SIGN_INS_OF_ALL: Rate = Rate { burst: 20, each_second: 2 };

/// Strangers remembered: two entries for each that [`TOKENS_OF_ALL`] lets pass within [`WINDOW_MS`], twice.
const MOST_STRANGERS: usize = 65_536;

/// Rows are forgotten after a day without a try.
const FORGET_MS: i64 = 24 * 3_600_000;

/// Where somebody tries. Each is counted for itself: whoever tries elsewhere locks nobody out of their own
/// device, and a stranger nobody out of the office.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// In the tunnel of this device, which belongs to the login that is tried.
    Device(DeviceId),
    /// In the office, or on the gateway itself.
    Elsewhere,
    /// By the internet's door. Waits grow as everywhere; no number of tries from there shuts anybody out anywhere.
    Internet,
}

/// Sources that are over their limit, so that telling them so again costs the database nothing.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<HashMap<String, i64>>);

impl Waiting {
    fn left(&self, source: &str, now: Unix) -> Option<u64> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner).get(source)?;
        let left = until.saturating_sub(now.0);
        // A longer wait is the mark of a clock that was set back: the database says what holds.
        (1..=WINDOW_MS).contains(&left).then_some(left.unsigned_abs())
    }

    fn note(&self, source: &str, until: i64, now: Unix) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST_WAITING {
            waiting.retain(|_, until| *until > now.0);
        }
        if waiting.len() >= MOST_WAITING
            && let Some(first) = waiting.iter().min_by_key(|(_, until)| **until).map(|(source, _)| source.clone())
        {
            waiting.remove(&first);
        }
        waiting.insert(source.to_owned(), until);
    }

    fn forget(&self, source: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(source);
    }
}

/// Who has shown an invitation's token of late.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Since when, and how often.
    by: HashMap<(IpAddr, bool), (Boot, u32)>,
    world: Option<Bucket>,
    house: Option<Bucket>,
}

impl Strangers {
    /// Counts one; too many: how long to wait, in milliseconds. `most`: of the whole world, and of the house.
    fn count(&self, from: IpAddr, most_of_all: Rate, now: Boot) -> Option<u64> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { by, world, house } = &mut *guard;
        // Within the house a /64, and a /48, are everybody's.
        let own = is_of_house(from);
        let provider = provider(from).filter(|_| !own).map(|provider| ((provider, true), TOKENS_OF_PROVIDER));
        let source = if own { from.to_canonical() } else { source(from) };
        let counted = [Some(((source, false), TOKENS)), provider];
        // Who is over their own limit takes nothing from the others.
        for (key, most) in counted.into_iter().flatten() {
            if let Some((since, count)) = by.get(&key)
                && let Some(left) = left(*since, now)
                && *count >= most
            {
                return Some(left);
            }
        }
        let all = if own { house } else { world };
        if !all.get_or_insert_with(|| Bucket::full(most_of_all, now)).take(most_of_all, now) {
            return Some(1000);
        }
        if by.len() >= MOST_STRANGERS - 1 {
            by.retain(|_, (since, _)| left(*since, now).is_some());
        }
        for (key, _) in counted.into_iter().flatten() {
            let (since, count) = by.entry(key).or_insert((now, 0));
            if left(*since, now).is_none() {
                (*since, *count) = (now, 0);
            }
            *count += 1;
        }
        None
    }
}

/// Of the window that began then, in milliseconds.
fn left(since: Boot, now: Boot) -> Option<u64> {
    let passed = now.0.checked_sub(since.0)?;
    WINDOW_MS.unsigned_abs().checked_sub(passed).filter(|left| *left > 0)
}

impl Store {
    /// Counts that somebody shows an invitation's token from there. Too many: how long to wait, in milliseconds.
    #[must_use]
    pub fn count_stranger(&self, from: IpAddr, now: Boot) -> Option<u64> {
        self.strangers.count(from, TOKENS_OF_ALL, now)
    }

    /// The same of somebody who signs in by the internet: counted in memory, before anything is written or hashed.
    #[must_use]
    pub fn count_sign_in(&self, from: IpAddr, now: Boot) -> Option<u64> {
        self.signing_in.count(from, SIGN_INS_OF_ALL, now)
    }

    /// Counts a try from this source. Too many: how long to wait, in milliseconds.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn count_source(&self, source: &str, now: Unix) -> Result<Option<u64>> {
        if let Some(left) = self.waiting.left(source, now) {
            return Ok(Some(left));
        }
        let row = sqlx::query(
            "INSERT INTO throttles (key, since, failures, wait_until) VALUES ($1, $2, 1, 0) \
             ON CONFLICT (key) DO UPDATE SET \
             failures = CASE WHEN throttles.since <= $3 OR throttles.since > $2 THEN 1 ELSE throttles.failures + 1 END, \
             since = CASE WHEN throttles.since <= $3 OR throttles.since > $2 THEN $2 ELSE throttles.since END \
             RETURNING failures, since",
        )
        .bind(format!("source {source}"))
        .bind(now.0)
        .bind(now.0.saturating_sub(WINDOW_MS))
        .fetch_one(&self.writes)
        .await?;
        let left = row.integer("since")?.saturating_add(WINDOW_MS).saturating_sub(now.0);
        let over = row.integer("failures")? > SOURCE_TRIES;
        if over {
            self.waiting.note(source, now.0.saturating_add(left), now);
        }
        Ok(over.then(|| u64::try_from(left).unwrap_or(0)))
    }

    /// Counts a try at this login there, and of its password if one is given. Too many: how long to wait, in milliseconds; that
    /// try is not counted. Known and unknown logins cost the same.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn count_login(&self, login: &str, at: At, password: bool, now: Unix) -> Result<Option<u64>> {
        let key = login_key(login, at);
        let mut tx = self.begin_write().await?;
        // A wait longer than the longest is the mark of a clock that was set back: it does not hold.
        let counted = sqlx::query(
            "INSERT INTO throttles (key, since, failures, wait_until) VALUES ($1, $2, 1, 0) \
             ON CONFLICT (key) DO UPDATE SET failures = throttles.failures + 1, since = $2, \
             wait_until = CASE WHEN throttles.failures + 1 < $3 THEN 0 \
             WHEN throttles.failures + 1 - $3 >= 7 THEN $2 + $4 \
             ELSE $2 + CASE throttles.failures + 1 - $3 WHEN 0 THEN 30000 WHEN 1 THEN 60000 WHEN 2 THEN 120000 \
             WHEN 3 THEN 240000 WHEN 4 THEN 480000 WHEN 5 THEN 960000 ELSE 1920000 END END \
             WHERE throttles.wait_until <= $2 OR throttles.wait_until > $2 + $4 RETURNING failures",
        )
        .bind(&key)
        .bind(now.0)
        .bind(FREE_TRIES)
        .bind(LONGEST_MS)
        .fetch_optional(&mut *tx)
        .await?;
        if counted.is_some() {
            let sql = match at {
                At::Device(_) => Some("UPDATE users SET password_failures = password_failures + $2 WHERE login = $1"),
                At::Elsewhere => Some(
                    "UPDATE users SET password_failures_elsewhere = password_failures_elsewhere + $2 WHERE login = $1",
                ),
                At::Internet => None,
            };
            if let Some(sql) = sql {
                sqlx::query(sql).bind(login).bind(i64::from(password)).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            return Ok(None);
        }
        let until: Option<i64> = sqlx::query_scalar("SELECT wait_until FROM throttles WHERE key = $1")
            .bind(&key)
            .fetch_optional(&mut *tx)
            .await?;
        let left = until.unwrap_or(0).saturating_sub(now.0).max(1000);
        Ok(Some(left.unsigned_abs()))
    }

    /// What a right password costs besides: one more commit. So the time does not tell that it was wrong.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn wait_as_long(&self, login: &str, at: At) -> Result<()> {
        sqlx::query("UPDATE throttles SET since = since WHERE key = $1")
            .bind(login_key(login, at))
            .execute(&self.writes)
            .await?;
        Ok(())
    }

    /// Forgets what nobody tried for a day.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sweep_throttles(&self, now: Unix) -> Result<()> {
        sqlx::query("DELETE FROM throttles WHERE since < $1")
            .bind(now.0.saturating_sub(FORGET_MS))
            .execute(&self.writes)
            .await?;
        Ok(())
    }
}

impl Write<'_> {
    /// Password and code were right: the login starts afresh there and elsewhere, the source gets its try back.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forgive(&mut self, login: &str, at: At, source: Option<&str>) -> Result<()> {
        for key in [login_key(login, at), login_key(login, At::Elsewhere)] {
            sqlx::query("DELETE FROM throttles WHERE key = $1").bind(key).execute(self.connection()).await?;
        }
        if let Some(source) = source {
            self.store.waiting.forget(source);
            sqlx::query("UPDATE throttles SET failures = failures - 1 WHERE key = $1 AND failures > 0")
                .bind(format!("source {source}"))
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    /// The person was let in anew by IT: the login starts afresh wherever it was tried.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forgive_everywhere(&mut self, login: &str) -> Result<()> {
        sqlx::query("DELETE FROM throttles WHERE key = $1 OR key = $3 OR key LIKE $2")
            .bind(login_key(login, At::Elsewhere))
            .bind(format!("device % {}", digest(&[login.as_bytes()])))
            .bind(login_key(login, At::Internet))
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

/// What was typed as a login may be somebody's password: only its hash is kept.
fn login_key(login: &str, at: At) -> String {
    let login = digest(&[login.as_bytes()]);
    match at {
        At::Device(device) => format!("device {device} {login}"),
        At::Elsewhere => format!("login {login}"),
        At::Internet => format!("internet {login}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::identity::{Refused, redeem};
    use crate::store::Moment;
    use crate::store::tests as fixtures;

    const WINDOW: Duration = Duration::from_millis(WINDOW_MS.unsigned_abs());

    fn six(provider: u16, net: u16, host: u16) -> IpAddr {
        IpAddr::from([0x2001, 0xdb8, provider, net, 0, 0, 0, host])
    }

    /// How many of these pass, one each second.
    fn passed(strangers: &Strangers, from: impl Fn(u16) -> IpAddr, tries: u16) -> u16 {
        let pass = |n: &u16| strangers.count(from(*n), TOKENS_OF_ALL, Boot(u64::from(*n) * 100)).is_none();
        (0..tries).filter(pass).count().try_into().unwrap()
    }

    #[test]
    fn a_household_a_provider_and_all_together_have_their_limits() {
        let four = |n: u16| IpAddr::from([192, 0, 2, n.to_be_bytes()[1]]);
        assert_eq!(passed(&Strangers::default(), |_| four(1), 300), 60);
        assert_eq!(passed(&Strangers::default(), |n| six(1, 1, n), 300), 60, "a /64 is one household");
        assert_eq!(passed(&Strangers::default(), |n| six(1, n, 1), 2000), 600, "a /48 is one provider's");
        assert_eq!(passed(&Strangers::default(), |n| six(n, 1, 1), 2000), 2000, "the twin: from anywhere");
        let house = |n: u16| IpAddr::from([0xfd00, 1, 1, 1, 0, 0, 0, n]);
        assert_eq!(passed(&Strangers::default(), house, 1000), 1000, "in the house they are everybody's");

        let strangers = Strangers::default();
        let at_once =
            (0..1000).filter(|n| strangers.count(six(*n, 1, 1), TOKENS_OF_ALL, Boot(5)).is_none()).count() as u64;
        assert_eq!(at_once, TOKENS_OF_ALL.burst);
        assert!(
            strangers.count(house(1), TOKENS_OF_ALL, Boot(5)).is_none(),
            "the world keeps nobody of the house waiting"
        );
        assert!(strangers.count(four(9), TOKENS_OF_ALL, Boot(1005)).is_none(), "a second later there is room");
    }

    #[test]
    fn who_is_over_their_limit_takes_nothing_from_others_and_is_let_in_again() {
        let strangers = Strangers::default();
        let (loud, quiet) = (six(1, 1, 1), six(2, 1, 1));
        let at = |n: u64| strangers.count(loud, TOKENS_OF_ALL, Boot(n));
        assert_eq!((0..10_000).filter(|n| at(*n).is_none()).count(), 60);
        assert!(strangers.count(quiet, TOKENS_OF_ALL, Boot(10_000)).is_none());
        let left = at(10_000).unwrap();
        assert!(at(10_000 + left).is_none(), "after what was said");
    }

    #[test]
    fn they_are_remembered_within_bounds() {
        let strangers = Strangers::default();
        for n in 0..200_000_u32 {
            let [a, b, c, d] = n.to_be_bytes();
            let now = Boot(u64::from(n) * 10);
            strangers.count(six(u16::from_be_bytes([b, c]), u16::from_be_bytes([d, a]), 1), TOKENS_OF_ALL, now);
            strangers.count(IpAddr::from([10, b, c, d]), TOKENS_OF_ALL, now);
        }
        let held = strangers.0.lock().unwrap().by.len();
        assert!(held <= MOST_STRANGERS, "{held}");
        let most = TOKENS_OF_ALL.burst + TOKENS_OF_ALL.each_second * WINDOW.as_secs();
        assert!(most * 4 < MOST_STRANGERS as u64, "nobody who counts is forgotten");
    }

    #[test]
    fn one_more_who_waits_lets_no_others_go() {
        let (waiting, now) = (Waiting::default(), Unix(1_000_000));
        for n in 0..2 * MOST_WAITING {
            waiting.note(&n.to_string(), now.0 + 1000 + i64::try_from(n).unwrap(), now);
        }
        assert_eq!(waiting.0.lock().unwrap().len(), MOST_WAITING);
        assert!(waiting.left(&MOST_WAITING.to_string(), now).is_some() && waiting.left("0", now).is_none());
        waiting.note("late", now.0 + 60_000, Unix(now.0 + 50_000));
        assert_eq!(waiting.0.lock().unwrap().len(), 1, "whose wait is over is forgotten");
    }

    #[tokio::test]
    async fn a_stranger_with_tokens_of_their_own_making_writes_nothing() {
        let (_dir, store) = fixtures::fixture().await;
        // Nothing could be written.
        fixtures::refuse(&store, true).await;
        let (now, mut waits) = (Moment::now(), 0);
        for n in 0..70 {
            let token = provisioning::invitation::Token::generate().unwrap().to_string();
            let shown = if n % 2 == 0 { token.as_str() } else { "none" };
            match redeem::inspect(&store, shown, Some(six(1, 1, n)), now).await {
                Err(Refused::Void) => {}
                Err(Refused::Wait(_)) => waits += 1,
                other => panic!("{other:?}"),
            }
            let redeemed = redeem::redeemed(&store, shown, Some(six(2, 2, n)), now).await;
            assert!(matches!(redeemed, Err(Refused::Void | Refused::Wait(_))), "{redeemed:?}");
        }
        assert_eq!(waits, 10);
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM throttles";
        let rows: i64 = sqlx::query_scalar(sql).fetch_one(&store.reads).await.unwrap();
        assert_eq!(rows, 0);
    }
}
