//! Invitations: issued by IT, redeemed by the person invited.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use provisioning::invitation::Token;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::Api;
use super::caller::Admin;
use super::caller::Visitor;
use super::connection;
use super::devices;
use super::devices::{Device, NewDevice};
use super::error::{Answer, ApiError, Named as _, Problems};
use super::home_work::{self, Rules};
use super::input::{self, Body};
use super::passkeys::{self, ConfirmPasskey, NewPasskey};
use crate::clock::Unix;
use crate::identity::passkey;
use crate::identity::redeem::{self, Shown};
use crate::ids::{InvitationId, UserId};
use crate::pure::home_work::Contact;
use crate::reconcile::Wait;
use crate::store::Moment;
use crate::store::invitations as stored;

/// An invitation, without its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// Which one.
    pub id: InvitationId,
    /// For whom.
    pub user: UserId,
    /// Their login.
    pub login: String,
    /// Issued, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
    /// Void from then on, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub until: Unix,
    /// Redeemed, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub redeemed_at: Option<Unix>,
    /// Revoked, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub revoked_at: Option<Unix>,
    /// Sent by mail, in Unix milliseconds.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub mailed_at: Option<Unix>,
}

/// The body of `POST /api/v1/invitations`. For somebody who has a password and a factor: both are replaced on redeeming.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddInvitation {
    /// Login or id.
    pub user: String,
}

/// A fresh invitation. The token is shown this once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct InvitationIssued {
    /// The invitation.
    pub invitation: Invitation,
    /// What the person invited types.
    pub token: String,
    /// What the person invited opens in a browser. The token stands after the `#`: no server reads it.
    pub link: String,
}

impl InvitationIssued {
    /// With the link to this site's portal.
    pub(super) fn new(api: &Api, invitation: Invitation, token: &Token) -> Self {
        let link = format!("https://{}/invitation#{token}", api.site().public_name);
        Self { invitation, token: token.to_string(), link }
    }
}

/// The body of `POST /api/v1/invitations/inspect`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Inspect {
    /// As issued; case and hyphens do not matter.
    pub token: String,
}

/// Whom an invitation is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvitationFor {
    /// Who invites.
    pub organisation: String,
    /// The login to be.
    pub login: String,
    /// Display name.
    pub name: String,
    /// `fr`, `nl`, `ca`, `es` or `en`.
    pub language: String,
    /// Void from then on, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub until: Unix,
    /// The telework rules, to be accepted on the way; nothing: there are none.
    #[serde(default)]
    pub rules: Option<Rules>,
    /// Whom to call; nothing: nobody is named.
    #[serde(default)]
    pub contact: Option<Contact>,
    /// Whether the second factor can be a passkey, on the page of the public name.
    #[serde(default)]
    pub passkeys: bool,
    /// The portal's name.
    #[serde(default)]
    pub public_name: String,
}

/// The body of `POST /api/v1/invitations/begin`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// As issued.
    pub token: String,
    /// The password chosen: at least 12 characters, at most 256 bytes.
    pub password: String,
}

/// The second factor to enrol.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Enrolment {
    /// `otpauth://totp/…`, for a QR code.
    pub uri: String,
    /// The secret in base32, to type where no camera is.
    pub secret: String,
}

/// The body of `POST /api/v1/invitations/passkey`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginInvitedPasskey {
    /// As issued.
    pub token: String,
    /// As drawn when the password was chosen, in base32: whoever has chosen it goes on.
    pub secret: String,
}

/// The body of `POST /api/v1/invitations/confirm`: code or passkey, whichever is to be the second factor.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// As issued.
    pub token: String,
    /// Six digits of the factor just enrolled.
    #[serde(default)]
    pub code: Option<String>,
    /// The passkey just made.
    #[serde(default)]
    pub passkey: Option<ConfirmPasskey>,
    /// A first device, added at once.
    #[serde(default)]
    pub device: Option<NewDevice>,
}

/// The invitation is redeemed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Redeemed {
    /// Ten codes, each good for one sign-in without the second factor. Shown this once.
    pub recovery_codes: Vec<String>,
    /// The device, if one was added.
    pub device: Option<Device>,
    /// Its WireGuard configuration, without the private key.
    pub config: Option<String>,
}

impl From<stored::Invitation> for Invitation {
    fn from(i: stored::Invitation) -> Self {
        Self {
            id: i.id,
            user: i.user,
            login: i.login,
            created_at: i.created_at,
            until: i.until,
            redeemed_at: i.redeemed_at,
            revoked_at: i.revoked_at,
            mailed_at: i.mailed_at,
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_invitations, add_invitation))
        .routes(routes!(revoke_invitation))
        .merge(visitor_routes())
}

/// What the person invited needs, wherever they are.
pub(super) fn visitor_routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(inspect_invitation))
        .routes(routes!(begin_invitation))
        .routes(routes!(begin_invited_passkey))
        .routes(routes!(confirm_invitation))
        .merge(home_work::visitor_routes())
        .merge(connection::visitor_routes())
}

/// The latest thousand invitations.
#[utoipa::path(get, path = "/invitations", tag = "invitations", responses((status = 200, body = [Invitation]), Problems))]
async fn list_invitations(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Invitation>>> {
    Ok(Json(api.store.invitations().await?.into_iter().map(Into::into).collect()))
}

/// Issues an invitation; earlier ones for the same person become void. The token is shown this once.
#[utoipa::path(post, path = "/invitations", tag = "invitations", request_body = AddInvitation, responses((status = 201, body = InvitationIssued), Problems))]
async fn add_invitation(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(add): Body<AddInvitation>,
) -> Answer<(StatusCode, Json<InvitationIssued>)> {
    let user = api.store.user(&add.user).await.named(&add.user)?;
    admin.may_change(user.role)?;
    let token = Token::generate()?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    let id = write.invite(user.id, &token.hash()).await?;
    write.commit().await?;
    let invitation = api.store.invitation(id).await?.into();
    Ok((StatusCode::CREATED, Json(InvitationIssued::new(&api, invitation, &token))))
}

/// Makes an invitation void.
#[utoipa::path(post, path = "/invitations/{invitation}/revoke", tag = "invitations", params(("invitation" = String, Path)), responses((status = 204), Problems))]
async fn revoke_invitation(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(invitation): Path<String>,
) -> Answer<StatusCode> {
    let id = input::id("invitation", &invitation)?;
    admin.may_change_login(&api, &api.store.invitation(id).await.named(&invitation)?.login).await?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.revoke_invitation(id).await.named(&invitation)?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whom this invitation is for.
#[utoipa::path(post, path = "/invitations/inspect", tag = "invitations", request_body = Inspect, responses((status = 200, body = InvitationFor), Problems))]
async fn inspect_invitation(
    caller: Visitor,
    State(api): State<Arc<Api>>,
    Body(inspect): Body<Inspect>,
) -> Answer<Json<InvitationFor>> {
    let found = redeem::inspect(&api.store, &inspect.token, caller.door.address(), Moment::now()).await?;
    Ok(Json(InvitationFor {
        organisation: api.site().organisation.clone(),
        login: found.login,
        name: found.name,
        language: found.language,
        until: found.until,
        rules: Rules::of(&api.site().home_work),
        contact: Some(api.site().home_work.contact.clone()).filter(|c| !c.is_empty()),
        passkeys: passkey::are_offered(&api.site()),
        public_name: api.site().public_name.clone(),
    }))
}

/// A password is chosen, a second factor is drawn.
#[utoipa::path(post, path = "/invitations/begin", tag = "invitations", request_body = Begin, responses((status = 200, body = Enrolment), Problems))]
async fn begin_invitation(
    caller: Visitor,
    State(api): State<Arc<Api>>,
    Body(begin): Body<Begin>,
) -> Answer<Json<Enrolment>> {
    let (now, password) = (Moment::now(), Zeroizing::new(begin.password));
    let found = redeem::inspect(&api.store, &begin.token, caller.door.address(), now).await?;
    let organisation = &api.site().organisation;
    let secret = redeem::begin(&api.store, &api.passwords, &found, password, organisation, now).await?;
    let uri = secret.uri(organisation, &found.login);
    Ok(Json(Enrolment { uri, secret: secret.base32().to_string() }))
}

/// A passkey is to be the second factor instead, of who has chosen a password.
#[utoipa::path(post, path = "/invitations/passkey", tag = "invitations", request_body = BeginInvitedPasskey, responses((status = 200, body = NewPasskey), Problems))]
async fn begin_invited_passkey(
    caller: Visitor,
    State(api): State<Arc<Api>>,
    Body(invited): Body<BeginInvitedPasskey>,
) -> Answer<Json<NewPasskey>> {
    let (now, secret) = (Moment::now(), Zeroizing::new(invited.secret));
    let found = redeem::inspect(&api.store, &invited.token, caller.door.address(), now).await?;
    let passkeys = passkeys::offered(&api, caller.door, None)?.for_invited(&found);
    Ok(Json(passkeys.begin_invited(&api.store, &found, &secret, now)?.into()))
}

/// The first code, or the passkey, proves the second factor; the invitation is consumed.
#[utoipa::path(post, path = "/invitations/confirm", tag = "invitations", request_body = Confirm, responses((status = 200, body = Redeemed), Problems))]
async fn confirm_invitation(
    caller: Visitor,
    State(api): State<Arc<Api>>,
    Body(confirm): Body<Confirm>,
) -> Answer<Json<Redeemed>> {
    let now = Moment::now();
    let device = match &confirm.device {
        Some(d) => Some((input::name(&d.name)?, input::public_key(&d.public_key)?)),
        None => None,
    };
    let found = redeem::inspect(&api.store, &confirm.token, caller.door.address(), now).await?;
    let device = device.as_ref().map(|(name, key)| (name.as_str(), key.as_str()));
    let done = match (confirm.code.map(Zeroizing::new), confirm.passkey) {
        (Some(code), None) => redeem::confirm(&api.store, found, Shown::Code(&code), device, now).await?,
        (None, Some(passkey)) => {
            let passkeys = passkeys::offered(&api, caller.door, None)?.for_invited(&found);
            let (name, made) = (input::name(&passkey.name)?, passkey.made());
            redeem::confirm(&api.store, found, Shown::Passkey(&passkeys, &name, &made), device, now).await?
        }
        _ => return Err(ApiError::Invalid("code, passkey: one of them is expected".into())),
    };
    // The codes are shown this once, so a data plane that is late must not keep them back; it gets the device as soon as
    // it can.
    if let Err(e) = api.reconciler.carry_out(done.epoch, Wait::Complete).await {
        tracing::warn!(reason = %e, "a redeemed invitation's device is not in the data plane yet");
    }
    let mut redeemed = Redeemed { recovery_codes: done.recovery_codes, device: None, config: None };
    if let Some(id) = done.device {
        redeemed.device = Some(devices::show(&api, id).await?);
        redeemed.config = Some(api.client_config(&api.store.device(id).await?).await?);
    }
    Ok(Json(redeemed))
}
