//! How somebody signs in, changed by themselves. Who is signed in proves again who they are, by password and code or by a
//! passkey, and is counted and made to wait as at sign-in: a web session that was stolen changes nothing.

use std::net::IpAddr;

use provisioning::{recovery, totp};
use zeroize::Zeroizing;

use super::passkey::{Assertion, Passkeys, Proven};
use super::passwords::{self, Passwords};
use super::sign_in::{Proof, busy, count, is_recovery, prove, refuse};
use super::{Refused, first_step, from_device, source};
use crate::audit::{Actor, Refusal};
use crate::store::devices::Device;
use crate::store::throttles::At;
use crate::store::web_sessions::WebSession;
use crate::store::{Moment, Store, Write};

/// What somebody shows to prove again who they are.
pub enum Shown<'a> {
    /// As typed: the password, and six digits or a recovery code.
    Typed(Zeroizing<String>, Zeroizing<String>),
    /// A touch, which is password and code in one.
    Touched(Passkeys<'a>, &'a Assertion),
}

/// Who is signed in, and what they show to prove it again.
pub struct Again<'a> {
    /// Who.
    pub session: &'a WebSession,
    /// Hash of this browser's token.
    pub token_hash: &'a str,
    /// The device, in the tunnel.
    pub device: Option<&'a Device>,
    /// Where from.
    pub address: Option<IpAddr>,
    /// That it is they.
    pub shown: Shown<'a>,
}

/// Who they are is proved; what was shown is not spent yet.
struct Proved<'p> {
    by: By<'p>,
    /// Of the password in use.
    hash: String,
}

enum By<'p> {
    Code(Proof),
    Passkey(&'p Passkeys<'p>, Proven),
}

impl Again<'_> {
    fn from(&self) -> Option<String> {
        self.device.map(from_device).or_else(|| self.address.map(source))
    }

    fn at(&self) -> At {
        self.device.map_or(At::Elsewhere, |d| At::Device(d.id))
    }

    async fn prove(&self, store: &Store, passwords: &Passwords, now: Moment) -> Result<Proved<'_>, Refused> {
        if !store.clock_is_believed(now).await? {
            return Err(Refused::Clock);
        }
        let (login, at) = (&self.session.login, self.at());
        let (password, code) = match &self.shown {
            Shown::Typed(password, code) => (password, code),
            Shown::Touched(passkeys, assertion) => {
                let by = By::Passkey(passkeys, passkeys.prove_self(store, self.session, assertion, now).await?);
                let hash = store.credentials(login).await?.and_then(|k| k.password_hash).ok_or(Refused::Wrong)?;
                return Ok(Proved { by, hash });
            }
        };
        count(store, Some((login, at)), true, self.from().as_deref(), now).await?;
        let known = store.credentials(login).await?;
        let hash = known.as_ref().and_then(|k| k.password_hash.clone());
        let right = passwords.verify(password.clone(), hash.clone()).await.map_err(busy)?;
        let known = known.filter(|k| right && k.id == self.session.user && k.may_sign_in(at));
        let (Some(known), Some(hash)) = (known, hash) else {
            return refuse(store, Some(self.session.user), self.device, Refusal::Password, now).await;
        };
        let in_a_row =
            store.password_was_right(known.id, at, !is_recovery(code) && known.totp_secret.is_some()).await?;
        let by = By::Code(prove(store, &known, code, in_a_row, self.device, now).await?);
        Ok(Proved { by, hash })
    }

    /// Begins the change by spending what was shown: a second one with the same changes nothing.
    async fn spend<'s>(&self, store: &'s Store, proved: &Proved<'_>, now: Moment) -> Result<Write<'s>, Refused> {
        let login = &self.session.login;
        let mut write = match &proved.by {
            By::Passkey(passkeys, proven) => passkeys.spend(store, proven, now).await?,
            By::Code(proof) => {
                let mut write = store.write(now, Actor::User(login.clone())).await?;
                if !proof.spend(&mut write, self.session.user).await? {
                    drop(write);
                    return refuse(store, Some(self.session.user), self.device, Refusal::Code, now).await;
                }
                write
            }
        };
        write.forgive(login, self.at(), self.from().as_deref()).await?;
        Ok(write)
    }
}

/// A new password. Every other web session of theirs ends.
///
/// # Errors
/// The new one breaks a rule (then nothing was counted); password or code is wrong.
pub async fn password(
    store: &Store,
    passwords: &Passwords,
    again: Again<'_>,
    new: Zeroizing<String>,
    organisation: &str,
    now: Moment,
) -> Result<(), Refused> {
    passwords::check(&new, &[&again.session.login, &again.session.name, organisation])?;
    let proved = again.prove(store, passwords, now).await?;
    let hash = passwords.hash(new).await.map_err(busy)?;
    let mut write = again.spend(store, &proved, now).await?;
    write.change_password(again.session.user, [&proved.hash, &hash], again.token_hash).await?;
    write.commit().await?;
    Ok(())
}

/// New recovery codes, in clear: to be shown this once. Those of before are good no more.
///
/// # Errors
/// Password or code is wrong.
pub async fn recovery_codes(
    store: &Store,
    passwords: &Passwords,
    again: Again<'_>,
    now: Moment,
) -> Result<Vec<String>, Refused> {
    let proved = again.prove(store, passwords, now).await?;
    let codes = recovery::generate()?;
    let hashes: Vec<_> = codes.iter().map(|code| recovery::hash(code)).collect();
    let mut write = again.spend(store, &proved, now).await?;
    write.renew_recovery_codes(again.session.user, &hashes).await?;
    write.commit().await?;
    Ok(codes)
}

/// A secret for a new telephone; the one in use stays in force until [`confirm_factor`].
///
/// # Errors
/// Password or code is wrong.
pub async fn begin_factor(
    store: &Store,
    passwords: &Passwords,
    again: Again<'_>,
    now: Moment,
) -> Result<totp::Secret, Refused> {
    let proved = again.prove(store, passwords, now).await?;
    let secret = totp::Secret::generate()?;
    let mut write = again.spend(store, &proved, now).await?;
    write.begin_next_factor(again.token_hash, secret.as_bytes()).await?;
    write.commit().await?;
    Ok(secret)
}

/// The new telephone's first code: from now on its codes are the right ones. Every other web session of theirs ends.
///
/// # Errors
/// A wrong code; or none waits (any more) in this session.
pub async fn confirm_factor(
    store: &Store,
    session: &WebSession,
    token_hash: &str,
    code: &Zeroizing<String>,
    now: Moment,
) -> Result<(), Refused> {
    if !store.clock_is_believed(now).await? {
        return Err(Refused::Clock);
    }
    let waited = store.count_next_factor(token_hash, now.wall).await?;
    let secret = store
        .sealer()
        .open("web_sessions", "next_factor", &waited.session.to_string(), &waited.sealed)
        .map_err(|e| Refused::Store(e.into()))?;
    let step = first_step(&secret, code, now)?;
    let mut write = store.write(now, Actor::User(session.login.clone())).await?;
    write.replace_factor(session.user, token_hash, &waited, &secret, step).await?;
    write.commit().await?;
    Ok(())
}
