//! Folders that nobody but the system and its administrators may enter.
//!
//! Anybody may make folders in `C:\ProgramData`. One that somebody else made before us would be theirs for ever, with the key
//! in it: it is refused.

use std::fs::File;
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::AsRawHandle as _;
use std::path::Path;
use std::ptr::null_mut;
use std::time::Duration;

use windows_sys::Win32::Foundation::{CloseHandle, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1, SE_FILE_OBJECT,
    SetSecurityInfo,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, EqualSid, GetSecurityDescriptorDacl, GetTokenInformation, IsWellKnownSid,
    OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES,
    TOKEN_QUERY, TOKEN_USER, TokenUser, WinBuiltinAdministratorsSid, WinLocalSystemSid,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, CreateDirectoryW, FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_REPARSE_POINT,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_LIST_DIRECTORY, FILE_READ_ATTRIBUTES,
    GetFileInformationByHandle, READ_CONTROL, WRITE_DAC,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::{done, wide, yes};
use crate::pure::windows::folder::{self, Found};

/// Full access for the system and for administrators, nothing from above, and so for all that is made inside.
const OURS: &str = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)";

/// Bytes of a TOKEN_USER with the longest SID (68 bytes), as words of its alignment.
const USER: usize = 16;

/// For a file that is being removed to be gone.
const MOMENT: Duration = Duration::from_millis(50);

/// What Windows allocated for us.
struct Allocated(PSECURITY_DESCRIPTOR);

impl Drop for Allocated {
    fn drop(&mut self) {
        // SAFETY: Windows gave it to be freed so, once.
        unsafe { LocalFree(self.0) };
    }
}

/// Makes a folder, and those above it below `root`; or makes sure that those that are there are ours, and so is what is inside.
pub(crate) fn make_private(folder: &Path, root: &Path) -> io::Result<()> {
    for path in above(folder, root) {
        one(path)?;
    }
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent)?;
    }
    one(folder)?;
    inside(folder)
}

/// Makes sure of the same where they are there, and changes nothing.
pub(crate) fn check_private(folder: &Path, root: &Path) -> io::Result<()> {
    for path in above(folder, root).into_iter().chain([folder]) {
        match open(path, 0) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => folder::folder(look(&found?)?).map_err(|why| named(path, why))?,
        }
    }
    inside(folder)
}

/// From the top down.
fn above<'p>(folder: &'p Path, root: &Path) -> Vec<&'p Path> {
    let mut above: Vec<_> = folder.ancestors().skip(1).filter(|path| path.starts_with(root) && *path != root).collect();
    above.reverse();
    above
}

fn one(path: &Path) -> io::Result<()> {
    let ours = ours()?;
    match create(path, &ours) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            // What is checked is what is changed: nobody can put another folder, or a way to one, in its place between.
            let open = open(path, WRITE_DAC | FILE_LIST_DIRECTORY)?;
            folder::folder(look(&open)?).map_err(|why| named(path, why))?;
            close(&open, &ours)
        }
        done => done,
    }
}

/// What others made before the folder was closed to them would be theirs for ever.
fn inside(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let open = open(&path, 0).or_else(|e| match e.kind() {
            // A file that is being removed is seen so, for a moment.
            io::ErrorKind::PermissionDenied => {
                std::thread::sleep(MOMENT);
                open(&path, 0)
            }
            _ => Err(e),
        });
        match open {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            found => folder::inside(look(&found?)?).map_err(|why| named(&path, why))?,
        }
    }
    Ok(())
}

fn named(path: &Path, why: &str) -> io::Error {
    io::Error::other(format!("{why}: remove {} as administrator", path.display()))
}

/// The thing itself, not what it leads to; to see what and whose it is, and for this.
fn open(path: &Path, more: u32) -> io::Result<File> {
    let mut options = File::options();
    options.access_mode(READ_CONTROL | FILE_READ_ATTRIBUTES | more);
    options.custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT).open(path)
}

fn look(open: &File) -> io::Result<Found> {
    let mut known = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open, and what it fills lives until the call returns.
    yes(unsafe { GetFileInformationByHandle(open.as_raw_handle(), &raw mut known) })?;
    let is = |attribute| known.dwFileAttributes & attribute != 0;
    Ok(Found {
        folder: is(FILE_ATTRIBUTE_DIRECTORY),
        elsewhere: is(FILE_ATTRIBUTE_REPARSE_POINT),
        ours: is_ours(open)?,
        names: known.nNumberOfLinks,
    })
}

fn ours() -> io::Result<Allocated> {
    let (text, mut descriptor) = (wide(OURS), null_mut());
    // SAFETY: the text ends with 0; on success `descriptor` is ours to free.
    yes(unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            null_mut(),
        )
    })?;
    Ok(Allocated(descriptor))
}

fn create(folder: &Path, ours: &Allocated) -> io::Result<()> {
    let path = wide(folder);
    let length = u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(0);
    let with = SECURITY_ATTRIBUTES { nLength: length, lpSecurityDescriptor: ours.0, bInheritHandle: 0 };
    // SAFETY: path and descriptor live until the call returns.
    yes(unsafe { CreateDirectoryW(path.as_ptr(), &raw const with) })
}

/// Nobody else may enter a folder that is there.
fn close(open: &File, ours: &Allocated) -> io::Result<()> {
    let (mut present, mut list, mut defaulted) = (0, null_mut(), 0);
    let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    // SAFETY: the handle is open; the list is a part of the descriptor, which lives until the call returns.
    unsafe {
        yes(GetSecurityDescriptorDacl(ours.0, &raw mut present, &raw mut list, &raw mut defaulted))?;
        let handle = open.as_raw_handle();
        done(SetSecurityInfo(handle, SE_FILE_OBJECT, what, null_mut(), null_mut(), list, null_mut()))
    }
}

/// Whether it is the system's, the administrators', or that of whom this program runs as.
fn is_ours(open: &File) -> io::Result<bool> {
    let (mut owner, mut descriptor): (PSID, _) = (null_mut(), null_mut());
    // SAFETY: the handle is open; on success `owner` points into the descriptor, which is freed behind its last use.
    unsafe {
        done(GetSecurityInfo(
            open.as_raw_handle(),
            SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION,
            &raw mut owner,
            null_mut(),
            null_mut(),
            null_mut(),
            &raw mut descriptor,
        ))?;
        let _descriptor = Allocated(descriptor);
        let known =
            [WinLocalSystemSid, WinBuiltinAdministratorsSid].iter().any(|kind| IsWellKnownSid(owner, *kind) != 0);
        Ok(known || is_me(owner)?)
    }
}

fn is_me(owner: PSID) -> io::Result<bool> {
    let (mut token, mut user, mut length) = (null_mut(), [0_u64; USER], 0);
    let room = u32::try_from(size_of_val(&user)).unwrap_or(0);
    // SAFETY: the handle is our own and closed once; the buffer is aligned and as long as it is said to be, and the SID that
    // it then begins with points into it.
    unsafe {
        yes(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token))?;
        let told = yes(GetTokenInformation(token, TokenUser, user.as_mut_ptr().cast(), room, &raw mut length));
        CloseHandle(token);
        told?;
        let me = (*user.as_ptr().cast::<TOKEN_USER>()).User.Sid;
        Ok(EqualSid(owner, me) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_once_and_kept() {
        let at = tempfile::tempdir().unwrap();
        let folder = at.path().join("a").join("b");
        for _ in 0..2 {
            check_private(&folder, at.path()).unwrap();
            make_private(&folder, at.path()).unwrap();
            std::fs::write(folder.join("key"), "x").unwrap();
        }
        let file = at.path().join("file");
        std::fs::write(&file, "x").unwrap();
        for refused in [&file, &file.join("below")] {
            assert!(make_private(refused, at.path()).is_err(), "{}", refused.display());
        }
        assert!(check_private(&file, at.path()).is_err() && check_private(&at.path().join("none"), at.path()).is_ok());
        check_private(&folder, at.path()).unwrap();
        std::fs::hard_link(&file, folder.join("agent.toml")).unwrap();
        assert!(check_private(&folder, at.path()).is_err() && make_private(&folder, at.path()).is_err());
    }
}
