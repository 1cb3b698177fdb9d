//! How somebody signs in, changed by themselves: password, telephone, recovery codes. Each asks for password and code again,
//! or for a passkey.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::Api;
use super::caller::Inside;
use super::error::{Answer, ApiError, Problems};
use super::input::Body;
use super::invitations::Enrolment;
use super::passkeys;
use crate::identity::change::{self, Again, Shown};
use crate::identity::passkey::Assertion;
use crate::store::{Moment, Scope};

/// Who is signed in already shows once more to be it: by password and code, or by a passkey.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The password in use.
    #[serde(default)]
    pub password: Option<String>,
    /// Six digits of the second factor, or a recovery code.
    #[serde(default)]
    pub code: Option<String>,
    /// What a passkey signed instead.
    #[serde(default)]
    pub passkey: Option<Assertion>,
}

/// The body of `POST /api/v1/me/password`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// Who changes it.
    pub proof: Proof,
    /// The one that takes its place.
    pub new_password: String,
}

/// The body of `POST /api/v1/me/factor/confirm`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmFactor {
    /// The first code of the new telephone.
    pub code: String,
}

/// Shown this once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// Each opens once.
    pub recovery_codes: Vec<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(change_password))
        .routes(routes!(renew_recovery_codes))
        .routes(routes!(begin_factor))
        .routes(routes!(confirm_factor))
}

impl Inside {
    fn again<'a>(&'a self, api: &'a Api, proof: &'a mut Proof) -> Answer<Again<'a>> {
        let device = self.device.as_ref();
        let shown = match (proof.password.take(), proof.code.take(), &proof.passkey) {
            (Some(password), Some(code), None) => Shown::Typed(Zeroizing::new(password), Zeroizing::new(code)),
            (None, None, Some(assertion)) => Shown::Touched(passkeys::offered(api, self.door, device)?, assertion),
            _ => return Err(ApiError::Invalid("password and code, or passkey: one of them is expected".into())),
        };
        let address = self.door.address();
        Ok(Again { session: &self.session, token_hash: &self.token_hash, device, address, shown })
    }
}

/// A new password. One's other web sessions end.
#[utoipa::path(post, path = "/me/password", tag = "sign-in", request_body = ChangePassword, responses((status = 204), Problems))]
async fn change_password(
    caller: Inside,
    State(api): State<Arc<Api>>,
    Body(mut body): Body<ChangePassword>,
) -> Answer<StatusCode> {
    let (again, new) = (caller.again(&api, &mut body.proof)?, Zeroizing::new(body.new_password));
    let organisation = &api.site().organisation;
    change::password(&api.store, &api.passwords, again, new, organisation, Moment::now()).await?;
    api.reconciler.announce(Scope::user(caller.session.user));
    Ok(StatusCode::NO_CONTENT)
}

/// Ten new recovery codes, shown this once; those of before are good no more.
#[utoipa::path(post, path = "/me/recovery-codes", tag = "sign-in", request_body = Proof, responses((status = 200, body = RecoveryCodes), Problems))]
async fn renew_recovery_codes(
    caller: Inside,
    State(api): State<Arc<Api>>,
    Body(mut proof): Body<Proof>,
) -> Answer<Json<RecoveryCodes>> {
    let again = caller.again(&api, &mut proof)?;
    let recovery_codes = change::recovery_codes(&api.store, &api.passwords, again, Moment::now()).await?;
    api.reconciler.announce(Scope::user(caller.session.user));
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// The secret for a new telephone; the one in use stays in force until its first code.
#[utoipa::path(post, path = "/me/factor/begin", tag = "sign-in", request_body = Proof, responses((status = 200, body = Enrolment), Problems))]
async fn begin_factor(
    caller: Inside,
    State(api): State<Arc<Api>>,
    Body(mut proof): Body<Proof>,
) -> Answer<Json<Enrolment>> {
    let again = caller.again(&api, &mut proof)?;
    let secret = change::begin_factor(&api.store, &api.passwords, again, Moment::now()).await?;
    let uri = secret.uri(&api.site().organisation, &caller.session.login);
    Ok(Json(Enrolment { uri, secret: secret.base32().to_string() }))
}

/// The new telephone's first code: it takes the place of the old one. One's other web sessions end.
#[utoipa::path(post, path = "/me/factor/confirm", tag = "sign-in", request_body = ConfirmFactor, responses((status = 204), Problems))]
async fn confirm_factor(
    caller: Inside,
    State(api): State<Arc<Api>>,
    Body(body): Body<ConfirmFactor>,
) -> Answer<StatusCode> {
    let code = Zeroizing::new(body.code);
    change::confirm_factor(&api.store, &caller.session, &caller.token_hash, &code, Moment::now()).await?;
    api.reconciler.announce(Scope::user(caller.session.user));
    Ok(StatusCode::NO_CONTENT)
}
