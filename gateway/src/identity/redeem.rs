//! From an invitation to a person with a password, a confirmed second factor and, if wished, a first device.

use std::net::IpAddr;
use std::time::Duration;

use provisioning::invitation::Token;
use provisioning::{recovery, totp};
use zeroize::Zeroizing;

use super::passkey::{Made, Passkeys};
use super::passwords::{self, Passwords};
use super::{Refused, first_step, sign_in};
use crate::audit::Actor;
use crate::ids::DeviceId;
use crate::store::invitations::{Chosen, Invitation};
use crate::store::{Moment, Store};

/// Time to read the rules after an invitation was redeemed.
const JUST_NOW: Duration = Duration::from_secs(3600);

/// What is to be shown once.
#[derive(Debug)]
pub struct Redeemed {
    /// For whom.
    pub invitation: Invitation,
    /// In clear.
    pub recovery_codes: Vec<String>,
    /// The device, if one was added.
    pub device: Option<DeviceId>,
    /// To wait for.
    pub epoch: Option<u64>,
}

/// The invitation behind a token.
///
/// # Errors
/// None that can be redeemed; or too many tries from there.
pub async fn inspect(store: &Store, token: &str, address: Option<IpAddr>, now: Moment) -> Result<Invitation, Refused> {
    let token = shown(store, token, address, now)?;
    Ok(store.open_invitation(&token.hash(), now.wall).await?)
}

/// The invitation behind a token that was redeemed just now: whoever holds it has just proved who they are, and has no web
/// session yet. Good for nothing but to accept the rules.
///
/// # Errors
/// None; or too many tries from there.
pub async fn redeemed(store: &Store, token: &str, address: Option<IpAddr>, now: Moment) -> Result<Invitation, Refused> {
    let token = shown(store, token, address, now)?;
    store.redeemed_invitation(&token.hash(), now.wall, JUST_NOW).await.map_err(|e| match e {
        crate::store::Error::NotFound(_) => Refused::Void,
        e => e.into(),
    })
}

/// What is shown as a token, counted before it is looked up.
fn shown(store: &Store, token: &str, address: Option<IpAddr>, now: Moment) -> Result<Token, Refused> {
    if let Some(ms) = address.and_then(|from| store.count_stranger(from, now.boot)) {
        return Err(Refused::Wait(Duration::from_millis(ms)));
    }
    token.parse().map_err(|_| Refused::Void)
}

/// A password is chosen, a second factor is drawn; neither is in force before [`confirm`].
///
/// # Errors
/// The invitation is void, the password breaks a rule, or no code could be right by this clock.
pub async fn begin(
    store: &Store,
    hasher: &Passwords,
    invitation: &Invitation,
    password: Zeroizing<String>,
    organisation: &str,
    now: Moment,
) -> Result<totp::Secret, Refused> {
    if !store.clock_is_believed(now).await? {
        return Err(Refused::Clock);
    }
    passwords::check(&password, &[&invitation.login, &invitation.name, organisation])?;
    let hash = hasher.hash(password).await.map_err(sign_in::busy)?;
    let secret = totp::Secret::generate()?;
    let mut write = store.write(now, Actor::User(invitation.login.clone())).await?;
    write.begin_redeeming(invitation.id, &hash, secret.as_bytes()).await?;
    write.commit().await?;
    Ok(secret)
}

/// The secret that was drawn when this invitation's password was chosen.
pub(super) fn drawn(store: &Store, invitation: &Invitation) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let sealed = invitation.totp_secret.as_deref().ok_or(Refused::Void)?;
    let opened = store.sealer().open("invitations", "totp_secret", &invitation.id.to_string(), sealed);
    opened.map_err(|e| Refused::Store(e.into()))
}

/// The second factor that the person invited has chosen, and shows.
pub enum Shown<'a> {
    /// By the first code of their app.
    Code(&'a Zeroizing<String>),
    /// By a passkey made just now, with what they call it.
    Passkey(&'a Passkeys<'a>, &'a str, &'a Made),
}

/// What is shown proves the factor; the invitation is consumed, and a step is spent.
///
/// # Errors
/// A wrong code, a passkey that does not fit; the invitation is void; the device's key or name is in use (then nothing has happened).
pub async fn confirm(
    store: &Store,
    invitation: Invitation,
    shown: Shown<'_>,
    device: Option<(&str, &str)>,
    now: Moment,
) -> Result<Redeemed, Refused> {
    if !store.clock_is_believed(now).await? {
        return Err(Refused::Clock);
    }
    if invitation.totp_secret.is_none() {
        return Err(Refused::Void);
    }
    if !store.count_invitation_code(invitation.id).await? {
        return Err(Refused::Void);
    }
    let chosen = match shown {
        Shown::Code(code) => {
            let secret = drawn(store, &invitation)?;
            let step = first_step(&secret, code, now)?;
            Chosen::Totp { secret, step }
        }
        Shown::Passkey(passkeys, name, made) => {
            Chosen::Passkey { name: name.to_owned(), credential: passkeys.invited(&invitation, made, now)? }
        }
    };
    let recovery_codes = recovery::generate()?;
    let hashes: Vec<_> = recovery_codes.iter().map(|c| recovery::hash(c)).collect();
    let mut write = store.write(now, Actor::User(invitation.login.clone())).await?;
    write.redeem(&invitation, &chosen, &hashes).await?;
    let device = match device {
        Some((name, key)) => Some(write.add_device(invitation.user, name, key).await?),
        None => None,
    };
    let epoch = write.commit().await?;
    Ok(Redeemed { invitation, recovery_codes, device, epoch })
}
