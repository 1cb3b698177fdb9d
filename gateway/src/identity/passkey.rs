//! Passkeys (WebAuthn Level 3): one touch shows what somebody has and, by PIN or finger, who they are. `passki` checks
//! signature, origin, relying party and user verification; here is who is let in by it.
//!
//! A passkey is found by the browser itself, so nobody types a user name. What it signed is good once: its ceremony ends
//! when it is looked at. The count of signatures is compared in the statement that takes the use.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use passki::{
    AuthenticationOptions, ClientData, Passki, RegistrationChallenge, RegistrationOptions, ResidentKeyRequirement,
    StoredPasskey, UserVerificationRequirement,
};
use provisioning::totp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::ceremonies::{Ceremonies, Kind, Maker, Place};
use super::sign_in::{self, SignedIn, Whose};
use super::{Refused, from_device, redeem};
use crate::audit::{Actor, Factor, Refusal};
use crate::ids::{PasskeyId, UserId};
use crate::planted::{Bug, planted};
use crate::store::devices::Device;
use crate::store::invitations::Invitation;
use crate::store::passkeys::{Credential, Passkey, Used};
use crate::store::site::Site;
use crate::store::throttles::At;
use crate::store::users::Role;
use crate::store::web_sessions::WebSession;
use crate::store::{Moment, Store, Write};

/// Longest credential id (WebAuthn §5.8.3: 1023 bytes), in base64url.
const LONGEST_ID: usize = 1364;

/// What a passkey signed, as `navigator.credentials.get()` gives it; all in unpadded base64url.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// `rawId`: which passkey.
    pub credential: String,
    /// `clientDataJSON`: what for.
    pub client_data: String,
    /// `authenticatorData`.
    pub authenticator_data: String,
    /// `signature`.
    pub signature: String,
    /// `userHandle`: whose passkey, as it says.
    #[serde(default)]
    pub user_handle: Option<String>,
}

/// A passkey that was just made, as `navigator.credentials.create()` gives it; all in unpadded base64url.
#[derive(Clone, Debug)]
pub struct Made {
    /// `rawId`.
    pub credential: String,
    /// `clientDataJSON`.
    pub client_data: String,
    /// `attestationObject`.
    pub attestation: String,
}

/// How somebody who is signed in shows that it is still they.
#[derive(Debug)]
pub enum Fresh<'a> {
    /// By a code of their app, or a recovery code.
    Code(Zeroizing<String>),
    /// By a passkey.
    Passkey(&'a Assertion),
}

/// Whether passkeys can belong to this public name: browsers make them for domains, with a dot, never for addresses.
#[must_use]
pub fn may_stand_for(public_name: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let labels: Vec<_> = public_name.split('.').collect();
    // A name whose last label is a number is an IPv4 address to browsers.
    let numeric = labels.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    labels.len() > 1 && !numeric && labels.into_iter().all(label)
}

/// Whether people may sign in with passkeys here.
#[must_use]
pub fn are_offered(site: &Site) -> bool {
    site.passkeys && may_stand_for(&site.public_name)
}

/// A passkey that signed what was asked for. Its use is not taken yet.
pub(super) struct Proven {
    passkey: Passkey,
    signatures: u32,
}

/// What `passki` knows a passkey by. Counts are compared by the statement that takes the use: nobody else's count is
/// called a copy before the signature is known to be right.
fn stored(credential: &Credential) -> StoredPasskey {
    let mut stored = StoredPasskey::default();
    stored.credential_id = Passki::base64_decode(&credential.id).unwrap_or_default();
    stored.public_key = STANDARD.decode(&credential.public_key).unwrap_or_default();
    stored.algorithm = credential.algorithm;
    stored
}

/// Who has chosen this invitation's password: somebody else as soon as one is chosen anew.
fn begun(invitation: &Invitation) -> Result<Maker, Refused> {
    invitation.totp_secret.clone().map(Maker::Invited).ok_or(Refused::Void)
}

/// Passkeys at this gateway, where they are offered.
pub struct Passkeys<'a> {
    party: Passki,
    ceremonies: &'a Ceremonies,
    place: Place,
    device: Option<&'a Device>,
    /// By the internet, and where from.
    outside: Option<std::net::IpAddr>,
}

impl<'a> Passkeys<'a> {
    /// At this place. Nothing where IT does not offer them, or browsers could not.
    #[must_use]
    pub fn offered(
        site: &Site,
        ceremonies: &'a Ceremonies,
        device: Option<&'a Device>,
        address: Option<std::net::IpAddr>,
    ) -> Option<Self> {
        let name = site.public_name.to_lowercase();
        let place = match device {
            Some(device) => Place::Device(device.id),
            None => Place::From(address.map(super::source).unwrap_or_default()),
        };
        // By its name alone: another port of it is another's page.
        let party = Passki::new(&name, &[format!("https://{name}")], &site.organisation);
        are_offered(site).then_some(Self { party, ceremonies, place, device, outside: None })
    }

    /// The same by the internet, where what is opened stands for somebody's browsers there.
    #[must_use]
    pub fn by_the_internet(self, from: Option<std::net::IpAddr>) -> Self {
        let place = from.map_or(self.place.clone(), |from| Place::From(super::source(from)));
        Self { outside: from, place, ..self }
    }

    /// A stranger is counted before anything is done for them; nobody else is.
    ///
    /// # Errors
    /// Too many try from there, or in all.
    pub fn counted(&self, store: &Store, now: Moment) -> Result<(), Refused> {
        if self.outside.is_some() { sign_in::count_outside(store, self.outside, now) } else { Ok(()) }
    }

    /// The same by an invitation.
    #[must_use]
    pub fn for_invited(self, invitation: &Invitation) -> Self {
        Self { place: Place::Invitation(invitation.id), ..self }
    }

    /// What is to be signed, to show who one is.
    ///
    /// # Errors
    /// Too many ceremonies are under way.
    pub fn ask(&self, now: Moment) -> Result<String, Refused> {
        let mut options = AuthenticationOptions::default();
        options.user_verification = UserVerificationRequirement::Required;
        let started = self.party.start_passkey_authentication(&[], options);
        let (challenge, state) = started.map_err(|_| Refused::Machine("no challenge can be made"))?;
        if !self.ceremonies.begin(Kind::Proof(state), self.place.clone(), now.boot) {
            return Err(Refused::Busy);
        }
        Ok(challenge.challenge)
    }

    /// Signs in: in the tunnel this opens the door of the device, if it is theirs.
    ///
    /// # Errors
    /// Refused. What is wrong with a passkey is one answer; somebody else's device is another, for who has shown to be
    /// the passkey's owner.
    pub async fn sign_in(&self, store: &Store, assertion: &Assertion, now: Moment) -> Result<SignedIn, Refused> {
        self.counted(store, now)?;
        let proven = self.prove_owner(store, assertion, now).await?;
        let passkey = &proven.passkey;
        let write = self.spend(store, &proven, now).await?;
        let (user, login) = (passkey.user, passkey.login.as_str());
        let (device, outside) = (self.device, self.outside.is_some());
        let whose = Whose { user, login, device, outside, from: self.from() };
        sign_in::let_in(store, write, &whose, Factor::Passkey).await
    }

    /// Prolongs the open door of this device. The answer is the epoch to wait for.
    ///
    /// # Errors
    /// Refused; the door stays as it is.
    pub async fn extend(&self, store: &Store, assertion: &Assertion, now: Moment) -> Result<Option<u64>, Refused> {
        let Some(device) = self.device else { return Err(Refused::Passkey) };
        let proven = self.prove_owner(store, assertion, now).await?;
        sign_in::prolong(self.spend(store, &proven, now).await?, device).await
    }

    /// What is to be signed by a new passkey of somebody who shows once more that it is they.
    ///
    /// # Errors
    /// Refused, or too many ceremonies are under way.
    pub async fn begin_registration(
        &self,
        store: &Store,
        (session, token_hash): (&WebSession, &str),
        fresh: Fresh<'_>,
        now: Moment,
    ) -> Result<RegistrationChallenge, Refused> {
        match fresh {
            Fresh::Code(code) => {
                sign_in::fresh_code(store, &session.login, self.device, self.from().as_deref(), &code, now).await?;
            }
            Fresh::Passkey(assertion) => {
                let proven = self.prove_self(store, session, assertion, now).await?;
                let mut write = self.spend(store, &proven, now).await?;
                write.forgive(&session.login, self.at(), self.from().as_deref()).await?;
                write.commit().await?;
            }
        }
        let known: Vec<_> = store.passkeys(session.user).await?.iter().map(|p| stored(&p.credential)).collect();
        let whose = (session.user, session.login.as_str(), session.name.as_str());
        self.begin_making(whose, &known, Maker::Session(token_hash.to_owned()), now)
    }

    /// What is to be signed by the passkey that somebody invited chooses as their second factor, who shows the secret that
    /// was drawn with the password: nobody finishes what another has begun. Nothing is in force before
    /// [`redeem::confirm`](super::redeem::confirm).
    ///
    /// # Errors
    /// No password was chosen before, or another since; or too many ceremonies are under way.
    pub fn begin_invited(
        &self,
        store: &Store,
        invitation: &Invitation,
        secret: &str,
        now: Moment,
    ) -> Result<RegistrationChallenge, Refused> {
        let (maker, drawn) = (begun(invitation)?, redeem::drawn(store, invitation)?);
        if !totp::is_base32_of(secret, &drawn) {
            return Err(Refused::Anew);
        }
        let whose = (invitation.user, invitation.login.as_str(), invitation.name.as_str());
        self.begin_making(whose, &[], maker, now)
    }

    /// The passkey that was made in the ceremony which this invitation has begun, since its password was chosen.
    ///
    /// # Errors
    /// Its time is over, or it does not fit.
    pub(super) fn invited(&self, invitation: &Invitation, made: &Made, now: Moment) -> Result<Credential, Refused> {
        self.made(&begun(invitation)?, made, now)
    }

    /// A passkey of the person who is signed in.
    pub(super) async fn prove_self(
        &self,
        store: &Store,
        session: &WebSession,
        assertion: &Assertion,
        now: Moment,
    ) -> Result<Proven, Refused> {
        let proven = self.prove(store, assertion, now).await?;
        if proven.passkey.user == session.user {
            return Ok(proven);
        }
        sign_in::note_refusal(store, Some(proven.passkey.user), self.device, Refusal::Passkey, now).await?;
        Err(Refused::Passkey)
    }

    fn begin_making(
        &self,
        (user, login, name): (UserId, &str, &str),
        known: &[StoredPasskey],
        maker: Maker,
        now: Moment,
    ) -> Result<RegistrationChallenge, Refused> {
        let mut options = RegistrationOptions::default();
        options.user_verification = UserVerificationRequirement::Required;
        options.resident_key = ResidentKeyRequirement::Required;
        options.exclude_credentials = Some(known);
        let started = self.party.start_passkey_registration(user.0.as_bytes(), login, name, options);
        let (challenge, state) = started.map_err(|_| Refused::Machine("no challenge can be made"))?;
        if !self.ceremonies.begin(Kind::Registration(maker, state), self.place.clone(), now.boot) {
            return Err(Refused::Busy);
        }
        Ok(challenge)
    }

    fn made(&self, maker: &Maker, made: &Made, now: Moment) -> Result<Credential, Refused> {
        let state = match self.taken(&made.client_data, now)? {
            Kind::Registration(begun, state) if begun == *maker => state,
            _ => return Err(Refused::Late),
        };
        let response = json!({"clientDataJSON": made.client_data, "attestationObject": made.attestation});
        let credential = serde_json::from_value(json!({"rawId": made.credential, "response": response}));
        let registered = credential.ok().and_then(|c| self.party.finish_passkey_registration(&c, &state).ok());
        let registered = registered.ok_or(Refused::Passkey)?;
        let id = Passki::base64_encode(&registered.credential_id);
        if id.is_empty() || id.len() > LONGEST_ID {
            return Err(Refused::Passkey);
        }
        Ok(Credential {
            id,
            public_key: STANDARD.encode(&registered.public_key),
            algorithm: registered.algorithm,
            signatures: registered.counter,
        })
    }

    /// Registers the passkey made in the ceremony that this web session has begun.
    ///
    /// # Errors
    /// Its time is over, it does not fit, or its name is taken.
    pub async fn register(
        &self,
        store: &Store,
        (session, token_hash): (&WebSession, &str),
        (name, made): (&str, &Made),
        now: Moment,
    ) -> Result<PasskeyId, Refused> {
        let new = self.made(&Maker::Session(token_hash.to_owned()), made, now)?;
        let mut write = store.write(now, Actor::User(session.login.clone())).await?;
        write.still_signed_in(session.user, token_hash, Role::User).await?;
        let id = write.add_passkey(session.user, name, &new).await?;
        write.commit().await?;
        Ok(id)
    }

    /// The same, of the person to whom the device at this door belongs.
    async fn prove_owner(&self, store: &Store, assertion: &Assertion, now: Moment) -> Result<Proven, Refused> {
        let proven = self.prove(store, assertion, now).await?;
        if self.device.is_none_or(|d| d.user == proven.passkey.user) {
            return Ok(proven);
        }
        let user = Some(proven.passkey.user);
        sign_in::note_refusal(store, user, self.device, Refusal::OtherDevice, now).await?;
        Err(Refused::OtherDevice)
    }

    /// A passkey in force that signed what was asked for here, for our page, by a person who showed to be its owner.
    async fn prove(&self, store: &Store, assertion: &Assertion, now: Moment) -> Result<Proven, Refused> {
        if !store.clock_is_believed(now).await? {
            return Err(Refused::Clock);
        }
        let id = Some(assertion.credential.as_str()).filter(|id| id.len() <= LONGEST_ID);
        let found = match id {
            Some(id) => store.passkey_of(id).await?,
            None => None,
        };
        // As with passwords: on somebody else's device nothing opens, so tries there are nobody's.
        let counted = found.as_ref().map(|p| p.login.as_str()).filter(|l| self.device.is_none_or(|d| d.login == *l));
        sign_in::count(store, counted.map(|login| (login, self.at())), false, self.from().as_deref(), now).await?;
        let user = found.as_ref().map(|p| p.user);
        let kind = self.taken(&assertion.client_data, now);
        let proven = match (found, &kind) {
            (Some(passkey), Ok(Kind::Proof(state))) => {
                self.signatures(&passkey, assertion, state).map(|signatures| Proven { passkey, signatures })
            }
            _ => None,
        };
        if let Some(proven) = proven {
            return Ok(proven);
        }
        sign_in::note_refusal(store, user, self.device, Refusal::Passkey, now).await?;
        Err(kind.err().unwrap_or(Refused::Passkey))
    }

    /// How often it has signed, it says; nothing if what it signed does not fit.
    fn signatures(&self, passkey: &Passkey, assertion: &Assertion, state: &passki::AuthenticationState) -> Option<u32> {
        let response = json!({
            "clientDataJSON": assertion.client_data, "authenticatorData": assertion.authenticator_data,
            "signature": assertion.signature, "userHandle": assertion.user_handle,
        });
        let credential = serde_json::from_value(json!({"rawId": assertion.credential, "response": response})).ok()?;
        let signed = self.party.finish_passkey_authentication(&credential, state, &stored(&passkey.credential)).ok()?;
        let whose = signed.user_handle.as_deref() == Some(passkey.user.0.as_bytes().as_slice());
        whose.then_some(signed.counter)
    }

    /// The ceremony that this answers, which ends by that.
    fn taken(&self, client_data: &str, now: Moment) -> Result<Kind, Refused> {
        let answered = ClientData::from_base64(client_data).and_then(|data| Passki::base64_decode(&data.challenge));
        let challenge = answered.map_err(|_| Refused::Passkey)?;
        self.ceremonies.take(&challenge, &self.place, now.boot).ok_or(Refused::Late)
    }

    /// A change that has taken the use.
    pub(super) async fn spend<'s>(&self, store: &'s Store, proven: &Proven, now: Moment) -> Result<Write<'s>, Refused> {
        let Proven { passkey, signatures } = proven;
        let mut write = store.write(now, Actor::User(passkey.login.clone())).await?;
        let why = match write.use_passkey(passkey, *signatures).await? {
            Used::Yes => return Ok(write),
            Used::Copied if planted(Bug::CopiesPass) => return Ok(write),
            Used::Copied => Refusal::PasskeyCopied,
            Used::No => Refusal::Passkey,
        };
        drop(write);
        sign_in::note_refusal(store, Some(passkey.user), self.device, why, now).await?;
        Err(Refused::Passkey)
    }

    fn at(&self) -> At {
        self.device.map_or(At::Elsewhere, |d| At::Device(d.id))
    }

    fn from(&self) -> Option<String> {
        match &self.place {
            Place::Device(_) => self.device.map(from_device),
            Place::Invitation(_) => None,
            Place::From(from) => Some(from.clone()).filter(|from| !from.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::may_stand_for;

    #[test]
    fn passkeys_are_for_names_with_a_dot() {
        for name in ["door.example.org", "Door.Example.org", "d-1.xn--caf-dma.example"] {
            assert!(may_stand_for(name), "{name}");
        }
        for name in
            ["", "door", "localhost", "192.168.1.2", "fd00::1", "[fd00::1]", "door.example.org.", ".org", "a..b"]
        {
            assert!(!may_stand_for(name), "{name}");
        }
    }
}
