//! The site's names: the zone answered here, everything else asked of the given resolvers and rewritten, so that the
//! office's own addresses never leave the office. The office LAN is told the zone with its real addresses, and nothing
//! else.
//!
//! `answer`, `rewrite`, `limit` and `upstream` decide and know no socket; `server` and `forward` are the shell around them. Queries are
//! never logged: no line at any level holds a name that was asked.

pub mod answer;
pub(crate) mod ask;
mod forward;
pub mod limit;
pub mod office;
pub mod rewrite;
mod server;
pub mod upstream;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{Ipv4Net, Ipv6Net};
use provisioning::addresses::SiteNetwork;

use crate::link::message::Alias;

pub use server::{Sockets, run};

/// The largest query that is looked at, in bytes: a question and an OPT record need less than 600.
pub const MAX_QUERY: usize = 4096;

/// The largest UDP answer that is sent or asked for, in bytes (DNS flag day 2020): it fits the tunnel's MTU of 1340
/// under every header, so answers are never fragmented.
pub const MAX_UDP_ANSWER: u16 = 1232;

/// All that answers depend on; replaced as a whole when the site changes.
#[derive(Clone, Debug)]
pub struct View {
    /// The site's zone, `<site>.internal`, lower case, without final dot.
    pub zone: String,
    /// The site's public name, lower case, without final dot: for whoever asks here it is the gateway.
    pub public_name: String,
    /// The gateway, as whoever asks reaches it.
    pub gateway: Addresses,
    /// Published names (lower case, fully qualified, without final dot): those in the zone, and the office's own.
    pub hosts: HashMap<String, Addresses>,
    /// What stands for which office address.
    pub aliases4: Vec<Alias<Ipv4Net>>,
    /// What stands for which office address.
    pub aliases6: Vec<Alias<Ipv6Net>>,
    /// Who is asked about all other names, in this order; nobody else ever is.
    pub resolvers: Vec<SocketAddr>,
    /// The office's own zones, lower case, without final dot: the authority named when a host in them has no such data.
    pub office_zones: Vec<String>,
}

/// Where a published name leads: to aliases in the tunnel, to real addresses on the office LAN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// IPv4.
    pub v4: Option<Ipv4Addr>,
    /// IPv6.
    pub v6: Option<Ipv6Addr>,
}

/// Who is answered.
#[derive(Clone, Copy, Debug)]
pub enum Side {
    /// Devices: the site's names, and all others by the resolvers.
    Tunnel,
    /// The office LAN, by private addresses outside this site network: the site's names, and no others.
    Office(SiteNetwork),
}

impl Side {
    /// Whether this client is answered at all.
    #[must_use]
    pub fn serves(self, client: IpAddr) -> bool {
        match (self, client) {
            (Self::Tunnel, _) => true,
            (Self::Office(site), IpAddr::V4(a)) => rewrite::is_private(client) && !site.v4.contains(&a),
            (Self::Office(site), IpAddr::V6(a)) => rewrite::is_private(client) && !site.v6.contains(&a),
        }
    }
}
