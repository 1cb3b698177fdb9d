//! Folders that nobody but the system and its administrators may enter.
//!
//! Anybody may make folders in `C:\ProgramData`. One that somebody else made before us would be theirs for ever, with the key
//! in it: it is refused.

use std::io;
use std::path::Path;
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{CloseHandle, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW, SDDL_REVISION_1, SE_FILE_OBJECT,
    SetNamedSecurityInfoW,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, EqualSid, GetSecurityDescriptorDacl, GetTokenInformation, IsWellKnownSid,
    OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES,
    TOKEN_QUERY, TOKEN_USER, TokenUser, WinBuiltinAdministratorsSid, WinLocalSystemSid,
};
use windows_sys::Win32::Storage::FileSystem::CreateDirectoryW;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::{done, wide, yes};

/// Full access for the system and for administrators, nothing from above, and so for all that is made inside.
const OURS: &str = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)";

/// Bytes of a TOKEN_USER with the longest SID (68 bytes), as words of its alignment.
const USER: usize = 16;

/// What Windows allocated for us.
struct Allocated(PSECURITY_DESCRIPTOR);

impl Drop for Allocated {
    fn drop(&mut self) {
        // SAFETY: Windows gave it to be freed so, once.
        unsafe { LocalFree(self.0) };
    }
}

/// Makes a folder, and those above it below `root`; or makes sure that those that are there are ours.
pub(crate) fn make_private(folder: &Path, root: Option<&Path>) -> io::Result<()> {
    let above: Vec<&Path> = folder.ancestors().skip(1).collect();
    let own = |path: &&&Path| root.is_some_and(|root| path.starts_with(root) && **path != root);
    for path in above.iter().filter(own).rev() {
        one(path)?;
    }
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent)?;
    }
    one(folder)
}

fn one(folder: &Path) -> io::Result<()> {
    let ours = ours()?;
    match create(folder, &ours) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let named = |why: &str| io::Error::other(format!("{why}: remove {} as administrator", folder.display()));
            let kind = folder.symlink_metadata()?.file_type();
            if !kind.is_dir() || kind.is_symlink() {
                return Err(named("something else is where a folder is expected"));
            }
            if !is_ours(folder)? {
                return Err(named("somebody who is no administrator made it"));
            }
            close(folder, &ours)
        }
        done => done,
    }
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
fn close(folder: &Path, ours: &Allocated) -> io::Result<()> {
    let (path, mut list) = (wide(folder), null_mut());
    let (mut present, mut defaulted) = (0, 0);
    let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    // SAFETY: the list is a part of the descriptor, which lives until the call returns.
    unsafe {
        yes(GetSecurityDescriptorDacl(ours.0, &raw mut present, &raw mut list, &raw mut defaulted))?;
        done(SetNamedSecurityInfoW(path.as_ptr(), SE_FILE_OBJECT, what, null_mut(), null_mut(), list, null_mut()))
    }
}

/// Whether it is the system's, the administrators', or that of whom this program runs as.
fn is_ours(folder: &Path) -> io::Result<bool> {
    let (path, mut owner, mut descriptor): (_, PSID, _) = (wide(folder), null_mut(), null_mut());
    // SAFETY: on success `owner` points into the descriptor, which is freed behind its last use.
    unsafe {
        done(GetNamedSecurityInfoW(
            path.as_ptr(),
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
            make_private(&folder, Some(at.path())).unwrap();
            std::fs::write(folder.join("key"), "x").unwrap();
        }
        let file = at.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(make_private(&file, None).is_err());
    }
}
