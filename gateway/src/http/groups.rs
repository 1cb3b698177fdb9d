//! Sets of people.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::GroupId;

/// A set of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Which one.
    pub id: GroupId,
    /// Its name, unique.
    pub name: String,
    /// Logins of its members.
    pub members: Vec<String>,
}

/// The body of `POST /api/v1/groups`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddGroup {
    /// 1 to 64 characters, no control characters.
    pub name: String,
}

/// The body of `POST /api/v1/groups/{group}/members`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddMember {
    /// Login or id.
    pub user: String,
}
