//! The one place that reads a clock. Timers are tokio's; what is decided takes the time as an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970 by the PC's clock, which may be wrong.
#[allow(clippy::disallowed_methods)]
pub(crate) fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Since the PC was started, time asleep included.
#[cfg(target_os = "linux")]
pub(crate) fn up() -> Duration {
    read(rustix::time::ClockId::Boottime)
}

/// Since the PC was started, time asleep included.
#[cfg(windows)]
pub(crate) fn up() -> Duration {
    crate::win32::system::up()
}

/// Since the PC was started, time asleep not included: what logind counts idleness by.
#[cfg(target_os = "linux")]
pub(crate) fn awake() -> Duration {
    read(rustix::time::ClockId::Monotonic)
}

#[cfg(target_os = "linux")]
fn read(clock: rustix::time::ClockId) -> Duration {
    let t = rustix::time::clock_gettime(clock);
    Duration::new(t.tv_sec.unsigned_abs(), u32::try_from(t.tv_nsec).unwrap_or_default())
}
