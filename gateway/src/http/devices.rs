//! WireGuard peers: laptops and phones.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Unix;
use crate::ids::{DeviceId, UserId};

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// Which one.
    pub id: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// Its owner's login.
    pub login: String,
    /// Its name, unique among its owner's devices.
    pub name: String,
    /// WireGuard public key, base64.
    pub public_key: String,
    /// Its address in the site network.
    #[schema(value_type = String)]
    pub address4: Ipv4Addr,
    /// The same for IPv6.
    #[schema(value_type = String)]
    pub address6: Ipv6Addr,
    /// Added, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
    /// Shut out since; reversible.
    #[schema(value_type = Option<i64>)]
    pub disabled_at: Option<Unix>,
    /// Shut out for good since.
    #[schema(value_type = Option<i64>)]
    pub revoked_at: Option<Unix>,
    /// When its open door locks, in Unix milliseconds; absent while locked.
    #[schema(value_type = Option<i64>)]
    pub open_until: Option<Unix>,
    /// Where it was last heard.
    #[schema(value_type = Option<String>)]
    pub endpoint: Option<SocketAddr>,
    /// When it was last heard, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub heard_at: Option<Unix>,
}

/// The body of `POST /api/v1/devices`. The private key stays where it was made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddDevice {
    /// Login or id of its owner.
    pub user: String,
    /// A name for people, 1 to 64 characters.
    pub name: String,
    /// WireGuard public key, base64.
    pub public_key: String,
}

/// A device to add while an invitation is redeemed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// A name for people, 1 to 64 characters.
    pub name: String,
    /// WireGuard public key, base64.
    pub public_key: String,
}

/// What `GET /api/v1/devices/{device}/config` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceConfig {
    /// WireGuard configuration; its `PrivateKey` line is left for the device to fill in.
    pub config: String,
}
