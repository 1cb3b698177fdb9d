//! The net process.

pub mod resolver;
