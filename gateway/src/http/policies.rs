//! Which group may reach which resource.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::resources::ResourceKind;
use crate::clock::Unix;
use crate::ids::{GroupId, PolicyId, ResourceId};

/// A group may reach a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// Which one.
    pub id: PolicyId,
    /// Who.
    pub group: GroupId,
    /// The group's name.
    pub group_name: String,
    /// What.
    pub resource: ResourceId,
    /// The resource's name.
    pub resource_name: String,
    /// What kind of thing it is.
    pub kind: ResourceKind,
    /// Until when, in Unix milliseconds, if it has an end.
    #[schema(value_type = Option<i64>)]
    pub until: Option<Unix>,
    /// Made, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
}

/// The body of `POST /api/v1/policies`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPolicy {
    /// Name or id.
    pub group: String,
    /// Name or id of a share or service.
    pub resource: String,
    /// Until when, in Unix milliseconds; without end if absent.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub until: Option<Unix>,
}
