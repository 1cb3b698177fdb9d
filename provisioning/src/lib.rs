//! Everything Passerelle issues to people and machines: addresses, keys, invitations, recovery codes, TOTP secrets,
//! WireGuard configs, files that add a share or open an office PC, QR codes, certificates; and the list of people that an office brings along.
//!
//! No database, no network, no file. Nothing here prints a secret by accident: secret types have no telling `Debug`.

pub mod addresses;
pub mod authority;
pub mod digest;
pub mod drive;
pub mod import;
pub mod invitation;
pub mod keys;
pub mod percent;
pub mod publisher;
pub mod qr;
pub mod rdp;
pub mod recovery;
pub mod totp;
pub mod wireguard;
