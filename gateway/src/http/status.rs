//! How the gateway is doing.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Unix;
use crate::ids::DeviceId;

/// Whether the data plane is reachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// `passerelle net` answers.
    Up,
    /// It does not; tunnels go on from its last state, nothing new is granted.
    Down,
}

/// How the second lock is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FirewallStatus {
    /// Whether it holds what it should.
    pub in_force: bool,
    /// What is wrong and the cure.
    pub problem: Option<String>,
    /// When it was last rebuilt after somebody else changed it, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub rebuilt_at: Option<Unix>,
}

/// What `GET /api/v1/status` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the gateway.
    pub version: String,
    /// Whose gateway this is.
    pub organisation: String,
    /// Its public name.
    pub public_name: String,
    /// The site's zone.
    pub zone: String,
    /// The site network.
    #[schema(value_type = String)]
    pub site_v4: ipnet::Ipv4Net,
    /// The same for IPv6.
    #[schema(value_type = String)]
    pub site_v6: ipnet::Ipv6Net,
    /// The gateway's WireGuard public key.
    pub public_key: String,
    /// The epoch of the database.
    pub epoch: u64,
    /// The epoch the data plane has carried out.
    pub carried_out: u64,
    /// Whether the data plane is reachable.
    pub link: LinkState,
    /// How the second lock is.
    pub firewall: FirewallStatus,
    /// Every device that may have a tunnel.
    pub peers: Vec<PeerStatus>,
}

/// How one device is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerStatus {
    /// Which one.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Its owner's login.
    pub login: String,
    /// Where it was last heard.
    #[schema(value_type = Option<String>)]
    pub endpoint: Option<SocketAddr>,
    /// Milliseconds since the last handshake.
    pub handshake_ms: Option<u64>,
    /// Milliseconds since it was last heard.
    pub heard_ms: Option<u64>,
    /// Bytes received from it since `net` started.
    pub rx: u64,
    /// Bytes sent to it since `net` started.
    pub tx: u64,
    /// What is left until its door locks, in milliseconds; absent while locked.
    pub open_for_ms: Option<u64>,
}
