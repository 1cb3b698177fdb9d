//! The state of the door a request came by, as the portal shows it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::me::Me;
use crate::ids::DeviceId;

/// By which socket a request came: never by an address or a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoorName {
    /// The gateway's address inside the tunnel: the peer's address names the device.
    Tunnel,
    /// The office LAN.
    Office,
    /// The command line's Unix socket.
    Local,
}

/// Locked, or open until a known moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoorState {
    /// Only the portal and DNS answer.
    Locked,
    /// What policy grants can be reached.
    Open,
}

/// What `GET /api/v1/door` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Door {
    /// Whose gateway this is.
    pub organisation: String,
    /// Its public name.
    pub public_name: String,
    /// By which door the request came.
    pub door: DoorName,
    /// The device at this door; in the tunnel only.
    pub device: Option<DoorDevice>,
    /// Whether that device's door is open.
    pub state: DoorState,
    /// When it locks, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub until: Option<crate::clock::Unix>,
    /// What is left until then, in milliseconds.
    pub remaining_ms: Option<u64>,
    /// What can be reached; empty while the door is locked.
    pub resources: Vec<DoorResource>,
    /// Who is signed in on this browser.
    pub me: Option<Me>,
}

/// The device a request in the tunnel comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoorDevice {
    /// Which one.
    pub id: DeviceId,
    /// Its name.
    pub name: String,
    /// Its owner's display name.
    pub user: String,
    /// Its owner's language: `fr`, `nl`, `ca`, `es` or `en`.
    pub language: String,
}

/// Something that can be reached through the open door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoorResource {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: super::resources::ResourceKind,
    /// The name to type, such as `files.example.internal`.
    pub dns_name: String,
}

/// The body of `POST /api/v1/extend`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// A fresh code of the second factor.
    pub code: String,
}
