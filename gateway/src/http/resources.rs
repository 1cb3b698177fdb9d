//! What shares and services have in common: a name, an alias in the site network, a real address in the office.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Unix;
use crate::ids::ResourceId;
use crate::link::message::Ports;

/// What kind of thing is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A file server: SMB, TCP 445.
    Share,
    /// Ports of some other machine.
    Service,
    /// An office PC.
    Workstation,
}

/// Something of the office that can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resource {
    /// Which one.
    pub id: ResourceId,
    /// Its name, unique; also its name in the site's zone.
    pub name: String,
    /// What it is.
    pub kind: ResourceKind,
    /// Names under which devices find it; the first is the one in the site's zone.
    pub dns_names: Vec<String>,
    /// Its address in the office.
    #[schema(value_type = Option<String>)]
    pub address4: Option<Ipv4Addr>,
    /// The same for IPv6.
    #[schema(value_type = Option<String>)]
    pub address6: Option<Ipv6Addr>,
    /// Its address in the site network.
    #[schema(value_type = Option<String>)]
    pub alias4: Option<Ipv4Addr>,
    /// The same for IPv6.
    #[schema(value_type = Option<String>)]
    pub alias6: Option<Ipv6Addr>,
    /// What a policy opens on it.
    pub ports: Vec<Ports>,
    /// Published, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
}

/// The body of `PUT …/address`: the machine has moved. Devices notice nothing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAddress {
    /// Its new address in the office.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address4: Option<Ipv4Addr>,
    /// The same for IPv6.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address6: Option<Ipv6Addr>,
}
