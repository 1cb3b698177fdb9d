//! What Windows' numbers and registry mean. All of it is tried on every system: the calls themselves are in `win32/`.

pub(crate) mod adapters;
pub(crate) mod folder;
pub(crate) mod os;
pub(crate) mod power;
pub(crate) mod programs;
pub(crate) mod rdp;
pub(crate) mod registry;
pub(crate) mod sessions;
pub(crate) mod wol;
