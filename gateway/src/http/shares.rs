//! File servers.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of `POST /api/v1/shares`. At least one address; SMB over TCP 445 is what a policy opens.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddShare {
    /// One DNS label: also the name in the site's zone.
    pub name: String,
    /// The server's address in the office.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address4: Option<Ipv4Addr>,
    /// The same for IPv6.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address6: Option<Ipv6Addr>,
    /// More names, such as the server's own in the office's zone.
    #[serde(default)]
    pub dns_names: Vec<String>,
}
