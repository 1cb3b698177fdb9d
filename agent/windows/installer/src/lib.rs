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

use windows_sys::Win32::System::ApplicationInstallationAndServicing::{MSIHANDLE, MsiGetPropertyW};

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
    if prepare(installation).is_some() { DONE } else { FAILED }
}

fn prepare(installation: MSIHANDLE) -> Option<()> {
    let data = property(installation, "CustomActionData")?;
    let mut parts = data.split(BETWEEN).map(str::trim);
    let [program, gateway, token, file] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    let mut command = Command::new(program);
    command.arg("prepare").creation_flags(NO_WINDOW).stdout(Stdio::null()).stderr(Stdio::null());
    if !gateway.is_empty() {
        command.args(["--gateway", gateway]);
    }
    match (token, file) {
        ("", "") => command.stdin(Stdio::null()),
        ("", file) => command.args(["--token-file", file]).stdin(Stdio::null()),
        _ => command.args(["--token-file", "-"]).stdin(Stdio::piped()),
    };
    let mut child = command.spawn().ok()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(token.as_bytes()).ok()?;
    }
    child.wait().ok()?.success().then_some(())
}

fn property(installation: MSIHANDLE, name: &str) -> Option<String> {
    let name: Vec<u16> = OsString::from(name).encode_wide().chain([0]).collect();
    let mut text = vec![0_u16; LONGEST];
    let mut length = u32::try_from(text.len()).ok()?;
    // SAFETY: the name ends with 0, and `length` says how many units the buffer has.
    let answer = unsafe { MsiGetPropertyW(installation, name.as_ptr(), text.as_mut_ptr(), &raw mut length) };
    let text = text.get(..usize::try_from(length).ok()?).filter(|_| answer == DONE)?;
    OsString::from_wide(text).into_string().ok()
}
