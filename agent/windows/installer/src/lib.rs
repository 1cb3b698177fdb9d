//! The one custom action of the agent's MSI that no table of Windows Installer does: the token goes from the property to the
//! program by a pipe. On a command line, other programs' or an audit log's, it would be read by others; so it would in the
//! registry, and the tables that write files log what they write.
//!
//! On other systems this is empty.
#![cfg_attr(windows, allow(unsafe_code))]
#![cfg(windows)]

use std::ffi::OsString;
use std::io::Write as _;
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::windows::process::CommandExt as _;
use std::process::{Command, Stdio};

use windows_sys::Win32::System::ApplicationInstallationAndServicing::{
    INSTALLMESSAGE_INFO, MSIHANDLE, MsiCloseHandle, MsiCreateRecord, MsiGetPropertyW, MsiProcessMessage,
    MsiRecordSetStringW,
};

/// What Windows Installer takes for "done" and "failed" (ERROR_SUCCESS, ERROR_INSTALL_FAILURE).
const DONE: u32 = 0;
const FAILED: u32 = 1603;

/// CREATE_NO_WINDOW.
const NO_WINDOW: u32 = 0x0800_0000;

/// UTF-16 units of the longest data: a path, a gateway and a token.
const LONGEST: usize = 4096;

/// What stands between the parts of the data; no path, name or token has it.
const BETWEEN: char = '|';

/// Deferred custom action. Its data: the program's path, the gateway, the token, the token's file.
#[unsafe(no_mangle)]
pub extern "system" fn configure(installation: MSIHANDLE) -> u32 {
    match prepare(installation) {
        Ok(()) => DONE,
        Err(why) => {
            log(installation, &format!("Passerelle: {why}"));
            FAILED
        }
    }
}

/// The program's own words where it fails; it never repeats a token.
fn prepare(installation: MSIHANDLE) -> Result<(), String> {
    let data = property(installation, "CustomActionData").ok_or("no data")?;
    let parts: Vec<&str> = data.split(BETWEEN).map(str::trim).collect();
    let [program, gateway, token, file] = parts[..] else { return Err("data of other parts".to_owned()) };
    let mut command = Command::new(program);
    command.arg("prepare").creation_flags(NO_WINDOW).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    if !gateway.is_empty() {
        command.args(["--gateway", gateway]);
    }
    match (token, file) {
        ("", "") => {}
        ("", file) => drop(command.args(["--token-file", file])),
        _ => drop(command.args(["--token-file", "-"]).stdin(Stdio::piped())),
    }
    let mut child = command.spawn().map_err(|e| format!("start {program}: {e}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may refuse before it reads the token, and then says why.
        let _ = stdin.write_all(token.as_bytes());
    }
    let ended = child.wait_with_output().map_err(|e| e.to_string())?;
    if ended.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ended.stderr).trim().to_owned()) }
}

/// Says something in the installer's log.
fn log(installation: MSIHANDLE, line: &str) {
    let line = wide(line);
    // SAFETY: the record is ours and closed once; the text ends with 0, and lives until it was copied.
    unsafe {
        let record = MsiCreateRecord(0);
        MsiRecordSetStringW(record, 0, line.as_ptr());
        MsiProcessMessage(installation, INSTALLMESSAGE_INFO, record);
        MsiCloseHandle(record);
    }
}

fn wide(text: &str) -> Vec<u16> {
    OsString::from(text).encode_wide().filter(|unit| *unit != 0).chain([0]).collect()
}

fn property(installation: MSIHANDLE, name: &str) -> Option<String> {
    let name = wide(name);
    let mut text = vec![0_u16; LONGEST];
    let mut length = u32::try_from(text.len()).ok()?;
    // SAFETY: the name ends with 0, and `length` says how many units the buffer has.
    let answer = unsafe { MsiGetPropertyW(installation, name.as_ptr(), text.as_mut_ptr(), &raw mut length) };
    let text = text.get(..usize::try_from(length).ok()?).filter(|_| answer == DONE)?;
    OsString::from_wide(text).into_string().ok()
}
