//! People.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Unix;
use crate::ids::UserId;

/// What a person may do in the product itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Uses what policy grants.
    User,
    /// IT: may change everything.
    Admin,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Which one.
    pub id: UserId,
    /// Login, lower case, unique.
    pub login: String,
    /// Display name.
    pub name: String,
    /// `fr`, `nl`, `ca`, `es` or `en`.
    pub language: String,
    /// What they may do here.
    pub role: Role,
    /// Names of the groups they are in.
    pub groups: Vec<String>,
    /// The second factor is enrolled and confirmed.
    pub factor_confirmed: bool,
    /// Too many wrong codes in a row: a new invitation is needed.
    pub factor_suspended: bool,
    /// Shut out since, in Unix milliseconds; reversible.
    #[schema(value_type = Option<i64>)]
    pub disabled_at: Option<Unix>,
    /// Added, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
    /// Devices in use (not revoked).
    pub devices: u32,
}

/// The body of `POST /api/v1/users`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddUser {
    /// Login: 1 to 64 letters, digits, `.`, `-`, `_`, `@`; kept in lower case.
    pub login: String,
    /// Display name; the login if absent.
    #[serde(default)]
    pub name: Option<String>,
    /// `fr`, `nl`, `ca`, `es` or `en`; `en` if absent.
    #[serde(default)]
    pub language: Option<String>,
    /// `user` if absent.
    #[serde(default)]
    pub role: Option<Role>,
    /// Names or ids of groups.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// The body of `PUT /api/v1/users/{user}/groups`: exactly these from now on.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetGroups {
    /// Names or ids of groups.
    pub groups: Vec<String>,
}

/// A change of the data plane was carried out: what it takes away no longer passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CarriedOut {
    /// The epoch of the change.
    pub epoch: u64,
    /// From the request's arrival until the data plane had closed what the change takes away, in milliseconds.
    pub closed_in_ms: u64,
}
