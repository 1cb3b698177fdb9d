//! Sockets that systemd opened for this process, on ports that it may not open itself.

use std::os::fd::{FromRawFd as _, OwnedFd};

/// More are not looked at: two families, and a handful of addresses in the office with four sockets each.
const MOST: i32 = 32;

/// The first descriptor that is passed: SD_LISTEN_FDS_START.
const FIRST: i32 = 3;

/// Descriptors passed by systemd (sd_listen_fds(3)). To be called once: whoever has them closes them.
#[allow(unsafe_code)]
#[must_use]
pub fn sockets() -> Vec<OwnedFd> {
    let for_us = std::env::var("LISTEN_PID").is_ok_and(|p| p == std::process::id().to_string());
    let count = std::env::var("LISTEN_FDS").ok().and_then(|n| n.parse::<i32>().ok()).filter(|_| for_us).unwrap_or(0);
    // SAFETY: systemd passes `LISTEN_FDS` open descriptors from 3 on to the process named by `LISTEN_PID`; this runs once.
    (FIRST..FIRST + count.clamp(0, MOST)).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect()
}
