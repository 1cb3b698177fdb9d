//! What Windows says of energy and sleep, and going to sleep.

use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{CloseHandle, ERROR_NOT_ALL_ASSIGNED, GetLastError, LUID, LocalFree};
use windows_sys::Win32::Security::{
    AdjustTokenPrivileges, LUID_AND_ATTRIBUTES, LookupPrivilegeValueW, SE_PRIVILEGE_ENABLED, SE_SHUTDOWN_NAME,
    TOKEN_ADJUST_PRIVILEGES, TOKEN_PRIVILEGES,
};
use windows_sys::Win32::System::Power::{
    CallNtPowerInformation, GetSystemPowerStatus, PowerGetActiveScheme, PowerReadACValueIndex,
    SYSTEM_POWER_CAPABILITIES, SYSTEM_POWER_STATUS, SetSuspendState, SystemPowerCapabilities,
};
use windows_sys::Win32::System::SystemServices::{GUID_SLEEP_SUBGROUP, GUID_STANDBY_TIMEOUT};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::yes;
use crate::pure::windows::power::{Seen, Ways};

pub(crate) fn seen() -> Seen {
    Seen { line: line(), ways: ways(), sleeps_after_s: sleeps_after_s() }
}

fn line() -> Option<u8> {
    let mut status = SYSTEM_POWER_STATUS::default();
    // SAFETY: it is a structure of plain numbers that lives until the call returns.
    let known = unsafe { GetSystemPowerStatus(&raw mut status) } != 0;
    known.then_some(status.ACLineStatus)
}

fn ways() -> Option<Ways> {
    // As bytes: Rust's `bool` may hold nothing but 0 and 1, and nobody promises that Windows writes no other.
    let mut bytes = [0_u8; size_of::<SYSTEM_POWER_CAPABILITIES>()];
    let length = u32::try_from(bytes.len()).ok()?;
    // SAFETY: this question takes nothing, and `length` says how long the buffer is, which is bytes to Windows.
    let answer =
        unsafe { CallNtPowerInformation(SystemPowerCapabilities, null(), 0, bytes.as_mut_ptr().cast(), length) };
    use std::mem::offset_of;
    (answer == 0).then(|| Ways {
        idle: bytes[offset_of!(SYSTEM_POWER_CAPABILITIES, AoAc)] != 0,
        memory: bytes[offset_of!(SYSTEM_POWER_CAPABILITIES, SystemS3)] != 0,
        disk: bytes[offset_of!(SYSTEM_POWER_CAPABILITIES, SystemS4)] != 0,
        file: bytes[offset_of!(SYSTEM_POWER_CAPABILITIES, HiberFilePresent)] != 0,
    })
}

fn sleeps_after_s() -> Option<u32> {
    let mut scheme = null_mut();
    let mut seconds = 0;
    // SAFETY: on success `scheme` points to an id that is ours to give back; the others live until the call returns.
    unsafe {
        if PowerGetActiveScheme(null_mut(), &raw mut scheme) != 0 || scheme.is_null() {
            return None;
        }
        let (group, setting) = (&GUID_SLEEP_SUBGROUP, &GUID_STANDBY_TIMEOUT);
        let answer = PowerReadACValueIndex(null_mut(), scheme, group, setting, &raw mut seconds);
        LocalFree(scheme.cast());
        (answer == 0).then_some(seconds)
    }
}

/// Sends the PC to sleep. On most it returns when the PC is back.
pub(crate) fn suspend() -> std::io::Result<()> {
    may_suspend()?;
    // SAFETY: it takes three words: no hibernation, no force, and what wakes the PC may.
    let slept = unsafe { SetSuspendState(false, false, false) };
    yes(i32::from(slept))
}

/// The privilege that services have, and have to switch on.
fn may_suspend() -> std::io::Result<()> {
    let mut token = null_mut();
    let mut luid = LUID::default();
    // SAFETY: the handle is our own and closed once; every structure lives until its call returns.
    unsafe {
        yes(OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES, &raw mut token))?;
        let looked_up = yes(LookupPrivilegeValueW(null(), SE_SHUTDOWN_NAME, &raw mut luid));
        let wanted = TOKEN_PRIVILEGES {
            PrivilegeCount: 1,
            Privileges: [LUID_AND_ATTRIBUTES { Luid: luid, Attributes: SE_PRIVILEGE_ENABLED }],
        };
        let adjusted =
            looked_up.and_then(|()| yes(AdjustTokenPrivileges(token, 0, &raw const wanted, 0, null_mut(), null_mut())));
        // It succeeds, and says so, where the privilege is not there.
        let missing = GetLastError() == ERROR_NOT_ALL_ASSIGNED;
        CloseHandle(token);
        adjusted.and(if missing { Err(std::io::Error::other("no right to it")) } else { Ok(()) })
    }
}
