//! Password and code on one screen. In the tunnel this opens the door of the device the request came from.

use std::time::Duration;

use provisioning::{recovery, totp};
use zeroize::Zeroizing;

use super::passwords::{Failed, LONGEST, Passwords};
use super::web_token::WebToken;
use super::{Refused, from_device, source};
use crate::audit::{Actor, Event, Factor, Refusal};
use crate::ids::UserId;
use crate::planted::{Bug, planted};
use crate::store::devices::Device;
use crate::store::throttles::At;
use crate::store::users::{Credentials, FACTOR_LIMIT};
use crate::store::{Moment, Store, Write, sought};

/// A TOTP code is shorter than this; a recovery code is longer.
const LONGEST_CODE: usize = 16;

/// Longest login that is looked up.
const LONGEST_LOGIN: usize = 64;

/// One try.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// As typed.
    pub login: &'a str,
    /// As typed.
    pub password: Zeroizing<String>,
    /// As typed: six digits, or a recovery code.
    pub code: Zeroizing<String>,
    /// Where from; nothing on the local socket.
    pub address: Option<std::net::IpAddr>,
    /// The device at this door, in the tunnel.
    pub device: Option<&'a Device>,
    /// By the internet: what is opened is the door of what stands for their browsers there.
    pub outside: bool,
}

/// Signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub user: UserId,
    /// For the browser.
    pub token: WebToken,
    /// To wait for, if a door was opened.
    pub epoch: Option<u64>,
}

/// Tries to sign in.
///
/// # Errors
/// Refused; wrong user, wrong password, wrong code and somebody else's device are one answer.
pub async fn sign_in(
    store: &Store,
    passwords: &Passwords,
    attempt: Attempt<'_>,
    now: Moment,
) -> Result<SignedIn, Refused> {
    if !store.clock_is_believed(now).await? {
        return Err(Refused::Clock);
    }
    // As with invitations: a stranger writes nothing before so many tries from there.
    if attempt.outside {
        count_outside(store, attempt.address, now)?;
    }
    let login = sought(attempt.login).trim().to_lowercase();
    let from = attempt.device.map(from_device).or_else(|| attempt.address.map(source));
    // On somebody else's device nothing opens whatever is typed, so a stolen one must not lock its thief's victims out.
    let counted = attempt.device.is_none_or(|d| d.login == login).then_some(login.as_str());
    let at = place(attempt.device, attempt.outside);
    count(store, counted.map(|login| (login, at)), true, from.as_deref(), now).await?;

    let known = if login.len() <= LONGEST_LOGIN { store.credentials(&login).await? } else { None };
    let hash = known.as_ref().and_then(|c| c.password_hash.clone());
    let right = passwords.verify(attempt.password, hash).await.map_err(busy)?;
    let Some(known) = known.filter(|k| right && k.may_sign_in(at)) else {
        store.wait_as_long(&login, at).await?;
        let who = store.credentials(&login).await?;
        let why = if who.is_some() && !right { Refusal::Password } else { Refusal::User };
        return refuse(store, who.map(|w| w.id), attempt.device, why, now).await;
    };
    if attempt.device.is_some_and(|d| d.user != known.id) {
        return refuse(store, Some(known.id), attempt.device, Refusal::OtherDevice, now).await;
    }
    let recovery = is_recovery(&attempt.code);
    let in_a_row = store.password_was_right(known.id, at, !recovery && known.totp_secret.is_some()).await?;
    let proof = prove(store, &known, &attempt.code, in_a_row, attempt.device, now).await?;

    let mut write = store.write(now, Actor::User(known.login.clone())).await?;
    if !proof.spend(&mut write, known.id).await? {
        drop(write);
        return refuse(store, Some(known.id), attempt.device, Refusal::Code, now).await;
    }
    let whose = Whose { user: known.id, login: &login, device: attempt.device, outside: attempt.outside, from };
    let_in(store, write, &whose, proof.factor()).await
}

/// Where somebody tries.
fn place(device: Option<&Device>, outside: bool) -> At {
    match device {
        Some(device) => At::Device(device.id),
        None if outside => At::Internet,
        None => At::Elsewhere,
    }
}

/// A stranger writes nothing, and nothing is hashed for them, before they are counted.
pub(super) fn count_outside(store: &Store, from: Option<std::net::IpAddr>, now: Moment) -> Result<(), Refused> {
    match from.and_then(|from| store.count_sign_in(from, now.boot)) {
        Some(ms) => Err(Refused::Wait(Duration::from_millis(ms))),
        None => Ok(()),
    }
}

/// Who is let in, and where.
pub(super) struct Whose<'a> {
    pub(super) user: UserId,
    pub(super) login: &'a str,
    /// In the tunnel.
    pub(super) device: Option<&'a Device>,
    /// By the internet.
    pub(super) outside: bool,
    /// Where tries are counted as coming from.
    pub(super) from: Option<String>,
}

/// What every way to sign in ends with, in the change that has spent what was shown.
pub(super) async fn let_in(
    store: &Store,
    mut write: Write<'_>,
    whose: &Whose<'_>,
    factor: Factor,
) -> Result<SignedIn, Refused> {
    let token = WebToken::generate()?;
    let at = place(whose.device, whose.outside);
    write.forgive(whose.login, at, whose.from.as_deref()).await?;
    // Only now: before the code, the answer would tell that the password is right.
    if store.restored_at().await?.is_some() {
        write.commit().await?;
        return Err(Refused::Restored);
    }
    let device = match whose.device {
        None if whose.outside => match write.outside_device(whose.user).await? {
            Some(device) => Some(device),
            // What was shown is spent all the same.
            None => {
                let (user, why) = (Some(whose.login.to_owned()), Refusal::User);
                write.audit(&Event::SignInRefused { user, device: None, why }).await?;
                write.commit().await?;
                return Err(Refused::Outside);
            }
        },
        device => device.map(|d| d.id),
    };
    write.audit(&Event::SignedIn { user: whose.login.to_owned(), factor }).await?;
    write.begin_web_session(&token.hash(), whose.user, device).await?;
    if let Some(device) = device {
        write.open_door(whose.user, device).await?;
    }
    let epoch = write.commit().await?;
    Ok(SignedIn { user: whose.user, token, epoch })
}

/// A fresh code prolongs an open door. The answer is the epoch to wait for.
///
/// # Errors
/// Refused; the door stays as it is.
pub async fn extend(
    store: &Store,
    device: &Device,
    code: &Zeroizing<String>,
    now: Moment,
) -> Result<Option<u64>, Refused> {
    let from = from_device(device);
    prolong(spent(store, &device.login, Some(device), Some(&from), code, now).await?, device).await
}

/// What every way to prolong an open door ends with, in the change that has spent what was shown.
pub(super) async fn prolong(mut write: Write<'_>, device: &Device) -> Result<Option<u64>, Refused> {
    write.forgive(&device.login, At::Device(device.id), Some(&from_device(device))).await?;
    match write.extend_door(device.user, device.id).await {
        Ok(()) => Ok(write.commit().await?),
        // It locked in between: nothing is spent.
        Err(crate::store::Error::NotFound(_)) => Err(Refused::Wrong),
        Err(e) => Err(e.into()),
    }
}

/// Somebody who is signed in shows once more that it is they.
///
/// # Errors
/// Refused.
pub(super) async fn fresh_code(
    store: &Store,
    login: &str,
    device: Option<&Device>,
    from: Option<&str>,
    code: &Zeroizing<String>,
    now: Moment,
) -> Result<(), Refused> {
    let mut write = spent(store, login, device, from, code, now).await?;
    write.forgive(login, device.map_or(At::Elsewhere, |d| At::Device(d.id)), from).await?;
    write.commit().await?;
    Ok(())
}

/// A change that has spent a code of this person, counted before.
async fn spent<'s>(
    store: &'s Store,
    login: &str,
    device: Option<&Device>,
    from: Option<&str>,
    code: &Zeroizing<String>,
    now: Moment,
) -> Result<Write<'s>, Refused> {
    if !store.clock_is_believed(now).await? {
        return Err(Refused::Clock);
    }
    let at = device.map_or(At::Elsewhere, |d| At::Device(d.id));
    count(store, Some((login, at)), false, from, now).await?;
    let known = store.credentials(login).await?.filter(|k| k.may_sign_in(at)).ok_or(Refused::Wrong)?;
    let guessed = !is_recovery(code) && known.totp_secret.is_some();
    let in_a_row = if guessed { store.count_code(known.id).await? } else { None };
    let proof = prove(store, &known, code, in_a_row, device, now).await?;
    let mut write = store.write(now, Actor::User(known.login.clone())).await?;
    if !proof.spend(&mut write, known.id).await? {
        drop(write);
        return refuse(store, Some(known.id), device, Refusal::Code, now).await;
    }
    Ok(write)
}

/// A second factor that fits, not spent yet.
pub(super) enum Proof {
    /// The step, and the sealed secret it was checked with.
    Step(u64, String),
    Recovery(String),
}

impl Proof {
    fn factor(&self) -> Factor {
        match self {
            Self::Step(..) => Factor::Totp,
            Self::Recovery(_) => Factor::Recovery,
        }
    }

    pub(super) async fn spend(&self, write: &mut Write<'_>, user: UserId) -> crate::store::Result<bool> {
        match self {
            Self::Step(step, sealed) => write.spend_step(user, *step, sealed).await,
            Self::Recovery(hash) => write.spend_recovery_code(user, hash).await,
        }
    }
}

pub(super) fn is_recovery(code: &str) -> bool {
    code.len() > LONGEST_CODE && code.len() <= LONGEST
}

/// `in_a_row`: how many wrong codes, this one included; nothing if the factor is suspended.
pub(super) async fn prove(
    store: &Store,
    known: &Credentials,
    code: &Zeroizing<String>,
    in_a_row: Option<i64>,
    device: Option<&Device>,
    now: Moment,
) -> Result<Proof, Refused> {
    if is_recovery(code) {
        // 128 random bits need no limit of their own; a spent or wrong one is refused by the statement that spends it.
        return Ok(Proof::Recovery(recovery::hash(code)));
    }
    // Whose second factor is a passkey has no codes to guess at.
    let Some(sealed) = known.totp_secret.as_deref() else {
        return refuse(store, Some(known.id), device, Refusal::Code, now).await;
    };
    let in_a_row = in_a_row.ok_or(Refused::Suspended)?;
    let secret = store
        .sealer()
        .open("users", "totp_secret", &known.id.to_string(), sealed)
        .map_err(|e| Refused::Store(e.into()))?;
    match totp::matching_step(&secret, code, now.wall.seconds()) {
        Some(step) => Ok(Proof::Step(step, sealed.to_owned())),
        None if in_a_row >= FACTOR_LIMIT => {
            let mut write = store.write(now, Actor::System).await?;
            let user = write.login(known.id).await?;
            write.audit(&Event::FactorSuspended { user }).await?;
            write.commit().await?;
            Err(Refused::Suspended)
        }
        None => refuse(store, Some(known.id), device, Refusal::Code, now).await,
    }
}

/// Counts a try, per source and per login, before anything is looked at.
pub(super) async fn count(
    store: &Store,
    login: Option<(&str, At)>,
    password: bool,
    from: Option<&str>,
    now: Moment,
) -> Result<(), Refused> {
    if planted(Bug::TriesNotCounted) {
        return Ok(());
    }
    if let Some(from) = from
        && let Some(ms) = store.count_source(from, now.wall).await?
    {
        return Err(Refused::Wait(Duration::from_millis(ms)));
    }
    let Some((login, at)) = login else { return Ok(()) };
    match store.count_login(login, at, password, now.wall).await? {
        Some(ms) => Err(Refused::Wait(Duration::from_millis(ms))),
        None => Ok(()),
    }
}

pub(super) async fn refuse<T>(
    store: &Store,
    user: Option<UserId>,
    device: Option<&Device>,
    why: Refusal,
    now: Moment,
) -> Result<T, Refused> {
    note_refusal(store, user, device, why, now).await?;
    Err(Refused::Wrong)
}

/// Writes down that somebody was not let in.
pub(super) async fn note_refusal(
    store: &Store,
    user: Option<UserId>,
    device: Option<&Device>,
    why: Refusal,
    now: Moment,
) -> Result<(), Refused> {
    let mut write = store.write(now, Actor::Nobody).await?;
    // Whoever was erased meanwhile is not named any more.
    let user = match user {
        Some(user) => Some(write.login(user).await?),
        None => None,
    };
    write.audit(&Event::SignInRefused { user, device: device.map(|d| d.id), why }).await?;
    write.commit().await?;
    Ok(())
}

pub(super) fn busy(e: Failed) -> Refused {
    match e {
        Failed::Busy => Refused::Busy,
        Failed::Machine => Refused::Machine("the password could not be hashed"),
    }
}
