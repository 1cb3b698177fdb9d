//! Ports of other machines in the office.

use std::net::IpAddr;

use clap::Subcommand;

use super::Context;
use super::resource::{addresses, list_all, move_to, parse_ports, published, remove};
use crate::http::services::AddService;
use crate::link::message::Ports;

const NOUN: &str = "services";

#[derive(Debug, Subcommand)]
pub(super) enum Service {
    /// Publish ports of a machine
    Add {
        /// One DNS label: also its name in the site's zone
        name: String,
        /// Its address in the office: IPv4, IPv6 or both
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<IpAddr>,
        /// Another name of it, such as the machine's own in the office's zone; may be repeated
        #[arg(long = "dns-name", value_name = "NAME")]
        dns_names: Vec<String>,
        /// What a policy opens: 443, 443/tcp or 5000-5010/udp; may be repeated
        #[arg(long = "port", value_name = "PORT", required = true, value_parser = parse_ports)]
        ports: Vec<Ports>,
    },
    /// All of them
    List,
    /// Publish it no longer
    Remove {
        /// Name or id
        service: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// The machine has another address now
    Move {
        /// Name or id
        service: String,
        /// Its new address: IPv4, IPv6 or both
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<IpAddr>,
    },
}

impl Service {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add { name, addresses: given, dns_names, ports } => {
                let (address4, address6) = addresses(&given)?;
                let body = AddService { name, address4, address6, dns_names, ports };
                published(context, &context.client.post(NOUN, &body)?)
            }
            Self::List => list_all(context, NOUN),
            Self::Remove { service, yes } => remove(context, NOUN, &service, yes),
            Self::Move { service, addresses } => move_to(context, NOUN, &service, &addresses),
        }
    }
}
