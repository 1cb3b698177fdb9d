//! What is decided: functions and values without clock, socket, file, SQL or randomness.
//!
//! [`decide`] answers who may reach what, from the database's view of the world. [`plan`] compiles that into what the
//! data plane must hold, and into the changes that lead there. [`state`] is what the data plane holds; [`lock`] asks it
//! for every flow; the second lock (`firewall`) is generated from the same [`state::State`]. [`cut`] takes away what the
//! database does not know of yet.

pub mod booking;
pub mod bucket;
pub mod checksum;
pub mod cut;
pub mod decide;
pub mod desktop;
pub mod health;
pub mod home_work;
pub mod hours;
pub mod length;
pub mod lock;
pub mod mail;
#[cfg(test)]
pub(crate) mod model;
pub mod packet;
pub mod plan;
pub mod preview;
pub mod refuse;
pub mod retention;
pub mod rule;
pub mod seats;
pub mod shown;
pub mod site;
pub mod source;
pub mod state;
pub mod tpkt;
pub mod wake;
pub mod wanted;
pub mod warnings;
pub mod workstation;
pub mod x224;
