//! The link between `passerelle serve` and `passerelle net`: one Unix stream socket on which `net` listens.
//!
//! [`message`] holds what is said, [`frame`] how it is put on the wire (and how sockets travel with it).
//! Either side may vanish at any time; after a reconnect `serve` sends everything again.

pub mod client;
pub mod frame;
pub mod message;
