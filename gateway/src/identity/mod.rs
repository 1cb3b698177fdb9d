//! Who somebody is: passwords, second factors, passkeys, recovery codes, web sessions, and the sealing of secrets at rest.
//!
//! Every try is counted in the database before it is checked. An unknown login costs what a known one costs, and gets
//! the same answer.

pub mod api_token;
pub mod ceremonies;
pub mod change;
pub mod passkey;
pub mod passwords;
pub mod redeem;
pub mod seal;
pub mod sign_in;
pub mod web_token;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, clippy::cast_precision_loss)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use provisioning::totp;

use crate::store;
use crate::store::Moment;

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Something does not fit; which, is not said.
    #[error("wrong user, password or code")]
    Wrong,
    /// Too many tries.
    #[error("too many tries")]
    Wait(Duration),
    /// Too many wrong codes in a row: a recovery code or a new invitation is needed. Only said to who has the right password.
    #[error("the second factor is suspended")]
    Suspended,
    /// The database was put back from before: IT is to confirm who may get in. Only said to who has the right password.
    #[error("the gateway was restored from a copy; IT has to confirm who may get in")]
    Restored,
    /// The wall clock cannot be right: no code can be checked.
    #[error("the gateway's clock is wrong")]
    Clock,
    /// The code is of another time: the clock of the machine that made it is wrong. Only said while an app is set up.
    #[error("the code is of another time")]
    OtherTime,
    /// The invitation cannot be redeemed (any more).
    #[error("the invitation is redeemed, revoked or too old")]
    Void,
    /// The passkey is not known here, not in force any more, or what it signed does not fit.
    #[error("the passkey is not accepted")]
    Passkey,
    /// The passkey is good, but the device at this door is somebody else's.
    #[error("the device belongs to somebody else")]
    OtherDevice,
    /// IT has shut this person's browsers in the internet out. Only said to who has shown to be that person.
    #[error("the use of browsers in the internet is switched off for this person")]
    Outside,
    /// What was begun is over: its time, its one use, or it was begun elsewhere.
    #[error("too late, or used already")]
    Late,
    /// A password was chosen anew for this invitation, by whoever holds it.
    #[error("a password was chosen anew for this invitation")]
    Anew,
    /// The chosen password breaks a rule.
    #[error(transparent)]
    Weak(#[from] passwords::Weak),
    /// The database.
    #[error(transparent)]
    Store(store::Error),
    /// More wait for their turn than can be served.
    #[error("too many sign-ins at once")]
    Busy,
    /// The machine: no memory for a hash, no randomness.
    #[error("{0}")]
    Machine(&'static str),
}

/// The step of the first code of an app that is being set up. Whoever has just been shown the secret is told of a clock that
/// is wrong.
fn first_step(secret: &[u8], code: &str, now: Moment) -> Result<u64, Refused> {
    let seconds = now.wall.seconds();
    totp::matching_step(secret, code, seconds).ok_or_else(|| {
        if totp::is_of_another_time(secret, code, seconds) { Refused::OtherTime } else { Refused::Wrong }
    })
}

impl From<getrandom::Error> for Refused {
    fn from(_: getrandom::Error) -> Self {
        Self::Machine("the kernel gives no randomness")
    }
}

impl From<store::Error> for Refused {
    fn from(e: store::Error) -> Self {
        match e {
            store::Error::NotFound("open invitation") => Self::Void,
            other => Self::Store(other),
        }
    }
}

/// The same for a device in the tunnel: all of them are in one /64, and each has two addresses.
#[must_use]
pub fn from_device(device: &store::devices::Device) -> String {
    format!("device {}", device.id)
}

/// Where tries are counted as coming from: the address, or its /64, for a home has that many.
#[must_use]
pub fn source(address: IpAddr) -> String {
    crate::pure::source::source(address).to_string()
}
