//! Calls of Windows, each asking one thing and giving plain values back: of this half of the program, the one place with
//! `unsafe`. What the values mean is decided in `pure/windows/`, which is tried on every system.
#![allow(unsafe_code)]

pub(crate) mod certificates;
pub(crate) mod console;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod interfaces;
pub(crate) mod power;
pub(crate) mod sessions;
pub(crate) mod system;

use std::ffi::OsStr;
use std::os::windows::ffi::OsStrExt as _;

/// As Windows takes text: UTF-16 with a 0 at its end.
fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().filter(|unit| *unit != 0).chain([0]).collect()
}

/// Of an array whose text ends at the first 0.
fn text(units: &[u16]) -> String {
    let length = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    String::from_utf16_lossy(&units[..length])
}

/// What Windows answered, where 0 is done.
fn done(answer: u32) -> std::io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(std::io::Error::from_raw_os_error(answer.cast_signed())) }
}

/// What Windows answered, where 0 is a failure that the thread remembers.
fn yes(answer: i32) -> std::io::Result<()> {
    if answer == 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}
