//! The machine's name, how long it has been up, and where programs keep their data.

use std::ffi::OsString;
use std::os::windows::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::ptr::null_mut;
use std::time::Duration;

use windows_sys::Win32::System::Com::CoTaskMemFree;
use windows_sys::Win32::System::SystemInformation::{
    ComputerNamePhysicalDnsHostname, GetComputerNameExW, GetTickCount64,
};
use windows_sys::Win32::UI::Shell::{FOLDERID_ProgramData, SHGetKnownFolderPath};

use super::text;

/// UTF-16 units of the longest name, and room.
const NAME: usize = 256;

/// Since it was started, time asleep included; with fast start-up, since it was last restarted.
pub(crate) fn up() -> Duration {
    // SAFETY: it takes nothing and always answers.
    Duration::from_millis(unsafe { GetTickCount64() })
}

/// Without a domain.
pub(crate) fn host() -> String {
    let mut name = [0; NAME];
    let mut length = 256;
    // SAFETY: `length` says how many units the buffer has.
    let known = unsafe { GetComputerNameExW(ComputerNamePhysicalDnsHostname, name.as_mut_ptr(), &raw mut length) };
    if known == 0 { String::new() } else { text(&name) }
}

/// `C:\ProgramData`, from Windows and not from the environment, which whoever is signed in may change.
pub(crate) fn program_data() -> PathBuf {
    let mut path = null_mut();
    // SAFETY: on success `path` points to text that ends with 0; it is ours to give back, and it is in either case.
    unsafe {
        let answer = SHGetKnownFolderPath(&FOLDERID_ProgramData, 0, null_mut(), &raw mut path);
        let found = (answer == 0 && !path.is_null()).then(|| {
            let length = (0..).take_while(|n| *path.add(*n) != 0).count();
            OsString::from_wide(std::slice::from_raw_parts(path, length)).into()
        });
        CoTaskMemFree(path.cast());
        found.unwrap_or_else(|| r"C:\ProgramData".into())
    }
}
