//! Passkeys: signing in by one touch, and what people do with their own.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use passki::RegistrationChallenge;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::Api;
use super::caller::{Inside, Public, SignedIn as SignedInHere, Verified};
use super::door::DoorView;
use super::error::{Answer, ApiError, Problems};
use super::input::{self, Body};
use super::sign_in::SignedIn;
use super::{door, sign_in};
use crate::audit::Actor;
use crate::clock::Unix;
use crate::identity::ceremonies::LIFE;
pub use crate::identity::passkey::Assertion;
use crate::identity::passkey::{Fresh, Made, Passkeys};
use crate::ids::PasskeyId;
use crate::reconcile::Wait;
use crate::store::Moment;
use crate::store::devices::Device;
use crate::store::passkeys as stored;

/// What a passkey is to sign: for `navigator.credentials.get()`, with user verification required and no list of passkeys.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PasskeyChallenge {
    /// Base64url. Good once, by the door and device it was asked from.
    pub challenge: String,
    /// Whom the passkey is for: the public name.
    pub rp_id: String,
    /// What is left for it, in milliseconds.
    pub timeout_ms: u64,
}

/// For `navigator.credentials.create()`, with a discoverable credential and user verification required.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewPasskey {
    /// Base64url. Good once, in the web session or for the invitation that asked for it.
    pub challenge: String,
    /// Whom the passkey is for: the public name.
    pub rp_id: String,
    /// What the browser calls that.
    pub organisation: String,
    /// The person, in base64url.
    pub handle: String,
    /// Their login.
    pub login: String,
    /// Their display name.
    pub name: String,
    /// COSE algorithms that are understood, the best first.
    pub algorithms: Vec<i32>,
    /// Credential ids (base64url) that are there already: an authenticator that has one is to make no second.
    pub known: Vec<String>,
    /// What is left for it, in milliseconds.
    pub timeout_ms: u64,
}

/// The body of `POST /api/v1/me/passkeys/begin`: one of the two, for it must be the person.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginPasskey {
    /// A fresh code of the second factor, or a recovery code.
    #[serde(default)]
    pub code: Option<String>,
    /// A passkey that is registered already.
    #[serde(default)]
    pub passkey: Option<Assertion>,
}

/// The body of `POST /api/v1/me/passkeys/confirm`, and of an invitation's end: what `navigator.credentials.create()` gave, in
/// base64url.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmPasskey {
    /// What the person calls it.
    pub name: String,
    /// `rawId`.
    pub credential: String,
    /// `clientDataJSON`.
    pub client_data: String,
    /// `attestationObject`.
    pub attestation: String,
}

/// A passkey of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Passkey {
    /// Which one.
    pub id: PasskeyId,
    /// What the person calls it.
    pub name: String,
    /// Registered, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
    /// Last used, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub used_at: Option<Unix>,
}

impl From<stored::Passkey> for Passkey {
    fn from(p: stored::Passkey) -> Self {
        Self { id: p.id, name: p.name, created_at: p.created_at, used_at: p.used_at }
    }
}

impl From<RegistrationChallenge> for NewPasskey {
    fn from(asked: RegistrationChallenge) -> Self {
        Self {
            challenge: asked.challenge,
            rp_id: asked.rp.id,
            organisation: asked.rp.name,
            handle: asked.user.id,
            login: asked.user.name,
            name: asked.user.display_name,
            algorithms: asked.pub_key_cred_params.iter().map(|p| p.alg).collect(),
            known: asked.exclude_credentials.into_iter().map(|known| known.id).collect(),
            timeout_ms: timeout_ms(),
        }
    }
}

impl ConfirmPasskey {
    pub(super) fn made(self) -> Made {
        Made { credential: self.credential, client_data: self.client_data, attestation: self.attestation }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .merge(sign_in_routes())
        .routes(routes!(list_my_passkeys))
        .routes(routes!(begin_my_passkey))
        .routes(routes!(confirm_my_passkey))
        .routes(routes!(revoke_my_passkey))
}

/// What opens a door by one, and keeps it open.
pub(super) fn sign_in_routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(begin_passkey_sign_in))
        .routes(routes!(finish_passkey_sign_in))
        .routes(routes!(extend_with_passkey))
}

/// Where they are not offered, there are none.
pub(super) fn offered<'a>(api: &'a Api, door: super::caller::Door, device: Option<&'a Device>) -> Answer<Passkeys<'a>> {
    let offered = Passkeys::offered(&api.site(), &api.ceremonies, device, door.address()).ok_or(ApiError::NotFound)?;
    let from = if let super::caller::Door::Internet(from) = door { Some(from) } else { None };
    Ok(offered.by_the_internet(from))
}

/// Whoever signs in by the internet is known by nothing that they have signed in by before.
fn in_the_tunnel(caller: &Public) -> Option<&Device> {
    caller.device.as_ref().filter(|device| !device.outside)
}

fn timeout_ms() -> u64 {
    u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX)
}

/// What a passkey is to sign here: to sign in, to extend, to register another, or to show again who one is.
#[utoipa::path(post, path = "/sign-in/passkey/begin", tag = "passkeys", responses((status = 200, body = PasskeyChallenge), Problems))]
async fn begin_passkey_sign_in(caller: Public, State(api): State<Arc<Api>>) -> Answer<Json<PasskeyChallenge>> {
    let (passkeys, now) = (offered(&api, caller.door, in_the_tunnel(&caller))?, Moment::now());
    passkeys.counted(&api.store, now)?;
    let challenge = passkeys.ask(now)?;
    let rp_id = api.site().public_name.to_lowercase();
    Ok(Json(PasskeyChallenge { challenge, rp_id, timeout_ms: timeout_ms() }))
}

/// One touch: has the effects of password and code. In the tunnel this opens the door of the device the request came from.
#[utoipa::path(post, path = "/sign-in/passkey/finish", tag = "passkeys", request_body = Assertion, responses((status = 200, body = SignedIn), Problems))]
async fn finish_passkey_sign_in(
    caller: Public,
    State(api): State<Arc<Api>>,
    Body(assertion): Body<Assertion>,
) -> Answer<(HeaderMap, Json<SignedIn>)> {
    let passkeys = offered(&api, caller.door, in_the_tunnel(&caller))?;
    let done = passkeys.sign_in(&api.store, &assertion, Moment::now()).await?;
    sign_in::welcome(&api, caller.door, caller.device.as_ref(), &done).await
}

/// A passkey keeps the open door open.
#[utoipa::path(post, path = "/extend/passkey", tag = "passkeys", request_body = Assertion, responses((status = 200, body = DoorView), Problems))]
async fn extend_with_passkey(
    caller: Verified,
    State(api): State<Arc<Api>>,
    Body(assertion): Body<Assertion>,
) -> Answer<Json<DoorView>> {
    let passkeys = offered(&api, caller.door, Some(&caller.device))?;
    let epoch = passkeys.extend(&api.store, &assertion, Moment::now()).await?;
    api.reconciler.carry_out(epoch, Wait::Complete).await?;
    Ok(Json(door::state(&api, caller.door, Some(&caller.device), None).await?))
}

/// One's own passkeys.
#[utoipa::path(get, path = "/me/passkeys", tag = "passkeys", responses((status = 200, body = [Passkey]), Problems))]
async fn list_my_passkeys(caller: SignedInHere, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Passkey>>> {
    Ok(Json(api.store.passkeys(caller.session.user).await?.into_iter().map(Into::into).collect()))
}

/// Begins to register a passkey, for who shows by a fresh code or a passkey that it is they.
#[utoipa::path(post, path = "/me/passkeys/begin", tag = "passkeys", request_body = BeginPasskey, responses((status = 200, body = NewPasskey), Problems))]
async fn begin_my_passkey(
    caller: Inside,
    State(api): State<Arc<Api>>,
    Body(begin): Body<BeginPasskey>,
) -> Answer<Json<NewPasskey>> {
    let passkeys = offered(&api, caller.door, caller.device.as_ref())?;
    let fresh = match (begin.code, &begin.passkey) {
        (Some(code), None) => Fresh::Code(Zeroizing::new(code)),
        (None, Some(assertion)) => Fresh::Passkey(assertion),
        _ => return Err(ApiError::Invalid("code, passkey: one of them is expected".into())),
    };
    let whose = (&caller.session, caller.token_hash.as_str());
    let asked = passkeys.begin_registration(&api.store, whose, fresh, Moment::now()).await?;
    Ok(Json(asked.into()))
}

/// Registers the passkey that was made.
#[utoipa::path(post, path = "/me/passkeys/confirm", tag = "passkeys", request_body = ConfirmPasskey, responses((status = 201, body = Passkey), Problems))]
async fn confirm_my_passkey(
    caller: Inside,
    State(api): State<Arc<Api>>,
    Body(confirm): Body<ConfirmPasskey>,
) -> Answer<(StatusCode, Json<Passkey>)> {
    let passkeys = offered(&api, caller.door, caller.device.as_ref())?;
    let (name, user) = (input::name(&confirm.name)?, caller.session.user);
    let made = confirm.made();
    let whose = (&caller.session, caller.token_hash.as_str());
    let id = passkeys.register(&api.store, whose, (&name, &made), Moment::now()).await?;
    let made = api.store.passkeys(user).await?.into_iter().find(|p| p.id == id).ok_or(ApiError::NotFound)?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Revokes one of one's own passkeys, for good; what is open stays open. The last of somebody who has nothing else is kept.
#[utoipa::path(post, path = "/me/passkeys/{passkey}/revoke", tag = "passkeys", params(("passkey" = String, Path)), responses((status = 204), Problems))]
async fn revoke_my_passkey(
    caller: SignedInHere,
    State(api): State<Arc<Api>>,
    Path(passkey): Path<String>,
) -> Answer<StatusCode> {
    let id: PasskeyId = input::id("passkey", &passkey)?;
    let mut write = api.store.write(Moment::now(), Actor::User(caller.session.login)).await?;
    // Somebody else's is none.
    write.revoke_passkey(caller.session.user, id).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
