//! Opened doors.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Unix;
use crate::ids::{DeviceId, UserId, VerificationId};

/// Why a verification ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its owner chose *Lock now*.
    Locked,
    /// IT ended it.
    Ended,
    /// A newer one of the same device took its place.
    Replaced,
    /// The device was disabled or revoked.
    Device,
    /// The user was disabled, or their second factor replaced.
    User,
}

/// One opening of one device's door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    /// Which one.
    pub id: VerificationId,
    /// Whose door.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// Who opened it.
    pub user: UserId,
    /// Their login.
    pub login: String,
    /// Opened, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub started_at: Unix,
    /// Locks by itself, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub until: Unix,
    /// Ended before its time, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub ended_at: Option<Unix>,
    /// Why.
    pub end_reason: Option<EndReason>,
    /// What is left, in milliseconds; absent when it is over.
    pub remaining_ms: Option<u64>,
}
