//! Invitations: issued by IT, redeemed by the person invited.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::devices::{Device, NewDevice};
use crate::clock::Unix;
use crate::ids::{InvitationId, UserId};

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
    /// What the person invited types or opens.
    pub token: String,
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

/// The body of `POST /api/v1/invitations/confirm`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// As issued.
    pub token: String,
    /// Six digits of the factor just enrolled.
    pub code: String,
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
