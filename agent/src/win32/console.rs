//! The console that somebody types in.

use windows_sys::Win32::System::Console::{
    CONSOLE_MODE, ENABLE_ECHO_INPUT, GetConsoleMode, GetStdHandle, STD_INPUT_HANDLE, SetConsoleMode,
};

/// As it was before [`hide`].
struct Shown(Option<CONSOLE_MODE>);

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            set(before);
        }
    }
}

/// What is typed is not shown, until what this gives is dropped.
pub(crate) fn hide() -> impl Sized {
    let mut mode = 0;
    // SAFETY: the handle is this process' own or none, which is refused; `mode` lives until the call returns.
    let known = unsafe { GetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), &raw mut mode) } != 0;
    if known {
        set(mode & !ENABLE_ECHO_INPUT);
    }
    Shown(known.then_some(mode))
}

fn set(mode: CONSOLE_MODE) {
    // SAFETY: the handle is this process' own or none, which is refused.
    unsafe { SetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), mode) };
}
