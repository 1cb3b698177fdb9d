//! What the agent decides: without clock, socket, file or chance.

pub(crate) mod backoff;
pub(crate) mod changed;
pub(crate) mod flood;
pub(crate) mod validity;
#[cfg(any(windows, test))]
pub(crate) mod windows;
