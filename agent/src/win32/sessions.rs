//! Who is signed in, and a message to them (wtsapi32).

use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{ERROR_CTX_WINSTATION_NOT_FOUND, ERROR_FILE_NOT_FOUND, GetLastError};
use windows_sys::Win32::System::RemoteDesktop::{
    WTS_CURRENT_SERVER_HANDLE, WTS_INFO_CLASS, WTSClientProtocolType, WTSEnumerateSessionsW, WTSFreeMemory, WTSINFOEXW,
    WTSQuerySessionInformationW, WTSSendMessageW, WTSSessionInfoEx,
};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    IDNO, IDYES, MB_ICONINFORMATION, MB_ICONQUESTION, MB_OK, MB_SETFOREGROUND, MB_SYSTEMMODAL, MB_YESNO,
};

use super::{text, wide, yes};
use crate::pure::windows::sessions::{Info, Mute, Terminal};

/// Sessions that are looked at.
const LOOKED_AT: usize = 1024;

/// This PC's terminal services.
pub(crate) struct Services;

impl Terminal for Services {
    fn listed(&self) -> Option<Vec<(u32, i32)>> {
        let (mut all, mut number) = (null_mut(), 0);
        // SAFETY: on success `all` points to `number` entries, ours until they are given back.
        unsafe {
            if WTSEnumerateSessionsW(WTS_CURRENT_SERVER_HANDLE, 0, 1, &raw mut all, &raw mut number) == 0 {
                return None;
            }
            let number = if all.is_null() { 0 } else { usize::try_from(number).unwrap_or(0) };
            let listed = (0..number.min(LOOKED_AT)).map(|n| ((*all.add(n)).SessionId, (*all.add(n)).State)).collect();
            WTSFreeMemory(all.cast());
            Some(listed)
        }
    }

    fn info(&self, id: u32) -> Result<Info, Mute> {
        let protocol: u16 = ask(id, WTSClientProtocolType)?;
        let info: WTSINFOEXW = ask(id, WTSSessionInfoEx)?;
        if info.Level != 1 {
            return Err(Mute::Hidden);
        }
        // SAFETY: the level says which of the union's shapes it is; there is no other.
        let info = unsafe { info.Data.WTSInfoExLevel1 };
        Ok(Info {
            state: info.SessionState,
            flags: info.SessionFlags,
            user: text(&info.UserName),
            began: info.LogonTime,
            input: info.LastInputTime,
            now: info.CurrentTime,
            protocol: Some(protocol),
        })
    }
}

/// What a session tells, as the type that this question is answered in: plain numbers, of which any bits are one.
fn ask<T: Copy>(id: u32, what: WTS_INFO_CLASS) -> Result<T, Mute> {
    let (mut answer, mut bytes) = (null_mut(), 0);
    // SAFETY: on success `answer` points to that many bytes, ours until they are given back. They are read unaligned, and
    // only if they are as many as the type has.
    unsafe {
        if WTSQuerySessionInformationW(WTS_CURRENT_SERVER_HANDLE, id, what, &raw mut answer, &raw mut bytes) == 0 {
            let gone = matches!(GetLastError(), ERROR_CTX_WINSTATION_NOT_FOUND | ERROR_FILE_NOT_FOUND);
            return Err(if gone { Mute::Gone } else { Mute::Hidden });
        }
        let whole = !answer.is_null() && usize::try_from(bytes).is_ok_and(|bytes| bytes >= size_of::<T>());
        let told = whole.then(|| answer.cast::<T>().read_unaligned());
        WTSFreeMemory(answer.cast());
        told.ok_or(Mute::Hidden)
    }
}

/// Shows a message in a session, and goes on.
pub(crate) fn tell(session: u32, message: &str) -> std::io::Result<()> {
    send(session, message, MB_OK | MB_ICONINFORMATION | MB_SETFOREGROUND, None).map(drop)
}

/// Asks yes or no in a session, and waits for so many seconds; nothing if nobody answers.
pub(crate) fn ask_yes_no(session: u32, question: &str, seconds: u32) -> std::io::Result<Option<bool>> {
    let style = MB_YESNO | MB_ICONQUESTION | MB_SETFOREGROUND | MB_SYSTEMMODAL;
    Ok(match send(session, question, style, Some(seconds))? {
        IDYES => Some(true),
        IDNO => Some(false),
        _ => None,
    })
}

fn send(session: u32, message: &str, style: u32, wait_s: Option<u32>) -> std::io::Result<i32> {
    let (title, message) = (wide("Passerelle"), wide(message));
    // In bytes, and without the 0.
    let length = |units: &[u16]| u32::try_from((units.len() - 1) * size_of::<u16>()).unwrap_or(0);
    let mut answer = 0;
    // SAFETY: the lengths are those of the texts, which live until the call returns, as `answer` does.
    let sent = unsafe {
        WTSSendMessageW(
            WTS_CURRENT_SERVER_HANDLE,
            session,
            title.as_ptr(),
            length(&title),
            message.as_ptr(),
            length(&message),
            style,
            wait_s.unwrap_or(0),
            &raw mut answer,
            i32::from(wait_s.is_some()),
        )
    };
    yes(sent).map(|()| answer)
}
