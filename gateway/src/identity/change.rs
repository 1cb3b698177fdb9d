//! How somebody signs in, changed by themselves. Who is signed in proves again who they are, by password and code, and is
//! counted and made to wait as at sign-in: a web session that was stolen changes nothing.

use std::net::IpAddr;

use provisioning::{recovery, totp};
use zeroize::Zeroizing;

use super::passwords::{self, Passwords};
use super::sign_in::{Proof, busy, count, is_recovery, prove, refuse};
use super::{Refused, from_device, source};
use crate::audit::{Actor, Refusal};
use crate::store::devices::Device;
use crate::store::throttles::At;
use crate::store::web_sessions::WebSession;
use crate::store::{Moment, Store, Write};

/// Who is signed in, and what they typed to prove it again.
#[derive(Debug)]
pub struct Again<'a> {
    /// Who.
    pub session: &'a WebSession,
    /// Hash of this browser's token.
    pub token_hash: &'a str,
    /// The device, in the tunnel.
    pub device: Option<&'a Device>,
    /// Where from.
    pub address: Option<IpAddr>,
    /// As typed.
    pub password: Zeroizing<String>,
    /// As typed: six digits, or a recovery code.
    pub code: Zeroizing<String>,
}

/// Who they are is proved; the code is not spent yet.
struct Proved {
    proof: Proof,
    /// What the password was compared with.
    hash: String,
}

impl Again<'_> {
    fn from(&self) -> Option<String> {
        self.device.map(from_device).or_else(|| self.address.map(source))
    }

    fn at(&self) -> At {
        self.device.map_or(At::Elsewhere, |d| At::Device(d.id))
    }

    async fn prove(&self, store: &Store, passwords: &Passwords, now: Moment) -> Result<Proved, Refused> {
        if !store.clock_is_believed(now).await? {
            return Err(Refused::Clock);
        }
        let (login, at) = (&self.session.login, self.at());
        count(store, Some((login, at)), true, self.from().as_deref(), now).await?;
        let known = store.credentials(login).await?;
        let hash = known.as_ref().and_then(|k| k.password_hash.clone());
        let right = passwords.verify(self.password.clone(), hash.clone()).await.map_err(busy)?;
        let known = known.filter(|k| right && k.id == self.session.user && k.may_sign_in(at));
        let (Some(known), Some(hash)) = (known, hash) else {
            return refuse(store, Some(login.clone()), self.device, Refusal::Password, now).await;
        };
        let in_a_row = store.password_was_right(known.id, at, !is_recovery(&self.code)).await?;
        let proof = prove(store, &known, &self.code, in_a_row, self.device, now).await?;
        Ok(Proved { proof, hash })
    }

    /// Begins the change by spending the code: a second one with the same code changes nothing.
    async fn spend<'s>(&self, store: &'s Store, proved: &Proved, now: Moment) -> Result<Write<'s>, Refused> {
        let login = &self.session.login;
        let mut write = store.write(now, Actor::User(login.clone())).await?;
        if !proved.proof.spend(&mut write, self.session.user).await? {
            drop(write);
            return refuse(store, Some(login.clone()), self.device, Refusal::Code, now).await;
        }
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
    let step = totp::matching_step(&secret, code, now.wall.seconds()).ok_or(Refused::Wrong)?;
    let mut write = store.write(now, Actor::User(session.login.clone())).await?;
    write.replace_factor(session.user, token_hash, &waited, &secret, step).await?;
    write.commit().await?;
    Ok(())
}
