//! The net process.
