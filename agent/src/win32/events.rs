//! The event log of Windows, for what cannot be written to the log of our own.

use std::ptr::{null, null_mut};

use windows_sys::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, RegisterEventSourceW, ReportEventW,
};

use super::wide;

/// One error, below `Application`.
pub(crate) fn error(source: &str, line: &str) {
    let (source, line) = (wide(source), wide(line));
    let lines = [line.as_ptr()];
    // SAFETY: both texts end with 0, and live until the calls return; the handle is closed once.
    unsafe {
        let log = RegisterEventSourceW(null(), source.as_ptr());
        if !log.is_null() {
            ReportEventW(log, EVENTLOG_ERROR_TYPE, 0, 1, null_mut(), 1, 0, lines.as_ptr(), null());
            DeregisterEventSource(log);
        }
    }
}
