//! Who is signed in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::users::Role;
use crate::ids::UserId;

/// The person of the web session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// Which user.
    pub id: UserId,
    /// Login, lower case.
    pub login: String,
    /// Display name.
    pub name: String,
    /// `fr`, `nl`, `ca`, `es` or `en`.
    pub language: String,
    /// What this person may do here.
    pub role: Role,
    /// How many recovery codes are left.
    pub recovery_codes_left: u32,
}
