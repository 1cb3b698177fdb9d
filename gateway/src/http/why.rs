//! Why a user can, or cannot, reach a resource.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::Unix;
use crate::ids::DeviceId;

/// Query of `GET /api/v1/why`.
#[derive(Clone, Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhyQuery {
    /// Login or id.
    pub user: String,
    /// Name or id.
    pub resource: String,
}

/// The answer: one verdict a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// Login.
    pub user: String,
    /// The resource's name.
    pub resource: String,
    /// One entry a device that is not revoked.
    pub devices: Vec<WhyDevice>,
    /// What holds whatever the device; also where the user has no device.
    pub reasons: Vec<WhyReason>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyVerdict {
    /// It passes.
    Allow,
    /// It is refused.
    Deny,
}

/// The verdict for one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyDevice {
    /// Which one.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Yes or no.
    pub verdict: WhyVerdict,
    /// The policy that says yes: `group → resource`.
    pub policy: Option<String>,
    /// Until when, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub until: Option<Unix>,
    /// What is left until then, in milliseconds.
    pub remaining_ms: Option<u64>,
    /// Every reason for a no.
    pub reasons: Vec<WhyReason>,
}

/// One reason, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyReason {
    /// A stable slug: `unknown`, `user_disabled`, `factor_missing`, `device_disabled`, `device_revoked`, `locked`,
    /// `no_policy`, `policy_ended`, `port_not_granted`, `no_device`.
    pub reason: String,
    /// What is so.
    pub sentence: String,
    /// What to do.
    pub cure: String,
}
