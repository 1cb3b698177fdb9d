//! Passerelle's gateway: the data plane (`net`), the control plane (`serve`) and the command line, in one binary.
//!
//! `docs/ARCHITECTURE.md` is the map.

pub mod activation;
pub mod app;
pub mod audit;
pub mod claim;
pub mod cli;
pub mod clock;
pub mod config;
pub mod desktop;
mod detect;
pub mod dns;
pub mod firewall;
pub mod fleet;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod http;
pub mod identity;
pub mod ids;
pub mod link;
pub mod mail;
pub mod net;
pub mod places;
mod planted;
pub mod pure;
pub mod reconcile;
pub mod smb;
pub mod store;
pub mod tunnel;
pub mod wake;
