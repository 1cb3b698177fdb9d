//! Passerelle's gateway: the data plane (`net`), the control plane (`serve`) and the command line, in one binary.
//!
//! `docs/ARCHITECTURE.md` is the map.

pub mod clock;
pub mod ids;
pub mod link;
pub mod pure;
