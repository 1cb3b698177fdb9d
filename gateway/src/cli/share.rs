//! File servers.

use std::net::IpAddr;

use clap::Subcommand;

use super::Context;
use super::resource::{addresses, list_all, move_to, published, remove};
use crate::http::shares::AddShare;

const NOUN: &str = "shares";

#[derive(Debug, Subcommand)]
pub(super) enum Share {
    /// Publish a file server (SMB, TCP 445)
    Add {
        /// One DNS label: also its name in the site's zone
        name: String,
        /// Its address in the office: IPv4, IPv6 or both
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<IpAddr>,
        /// Another name of it, such as the server's own in the office's zone; may be repeated
        #[arg(long = "dns-name", value_name = "NAME")]
        dns_names: Vec<String>,
    },
    /// All of them
    List,
    /// Publish it no longer
    Remove {
        /// Name or id
        share: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// The machine has another address now
    Move {
        /// Name or id
        share: String,
        /// Its new address: IPv4, IPv6 or both
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<IpAddr>,
    },
}

impl Share {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add { name, addresses: given, dns_names } => {
                let (address4, address6) = addresses(&given)?;
                let body = AddShare { name, address4, address6, dns_names };
                published(context, &context.client.post(NOUN, &body)?)
            }
            Self::List => list_all(context, NOUN),
            Self::Remove { share, yes } => remove(context, NOUN, &share, yes),
            Self::Move { share, addresses } => move_to(context, NOUN, &share, &addresses),
        }
    }
}
