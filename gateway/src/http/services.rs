//! Ports of machines in the office.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::link::message::Ports;

/// The body of `POST /api/v1/services`. At least one address and one port.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddService {
    /// One DNS label: also the name in the site's zone.
    pub name: String,
    /// The machine's address in the office.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address4: Option<Ipv4Addr>,
    /// The same for IPv6.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address6: Option<Ipv6Addr>,
    /// More names, such as the machine's own in the office's zone.
    #[serde(default)]
    pub dns_names: Vec<String>,
    /// What a policy opens.
    pub ports: Vec<Ports>,
}
