//! Password and code on one screen; signing out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::door::Door;
use super::me::Me;

/// The body of `POST /api/v1/sign-in`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The login, in any case.
    pub user: String,
    /// The password.
    pub password: String,
    /// Six digits of the second factor, or a recovery code.
    pub code: String,
}

/// Signed in; in the tunnel the door of this device is open now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// Who.
    pub me: Me,
    /// The door, as `GET /api/v1/door` would say.
    pub door: Door,
}
