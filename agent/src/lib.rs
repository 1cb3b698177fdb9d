//! What an agent on an office PC and the gateway say to each other: messages, their bounds, and the token that enrols.
//!
//! Agents are upgraded long after their gateway, or before it. So a field that is missing has a default, one that is not
//! known is passed over, and a message that is not known is [`message::FromAgent::Unknown`]. `golden/` holds what every
//! released version said; it is read in the tests for ever.
//!
//! The gateway uses this half alone; the program is in `main.rs`.

pub mod bounded;
pub mod facts;
pub mod magic;
pub mod message;
pub mod token;
