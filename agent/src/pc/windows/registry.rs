//! The registry of this PC, read alone.

use windows_registry::{Key, LOCAL_MACHINE};

use crate::pure::windows::registry::Registry;

/// ERROR_FILE_NOT_FOUND, as a HRESULT.
const NONE: i32 = 0x8007_0002_u32.cast_signed();

/// HKEY_LOCAL_MACHINE.
pub(super) struct LocalMachine;

fn open(key: &str) -> Option<Key> {
    LOCAL_MACHINE.open(key).ok()
}

impl Registry for LocalMachine {
    fn has(&self, key: &str) -> Option<bool> {
        match LOCAL_MACHINE.open(key) {
            Ok(_) => Some(true),
            Err(e) if e.code().0 == NONE => Some(false),
            Err(_) => None,
        }
    }

    fn number(&self, key: &str, name: &str) -> Option<u32> {
        open(key)?.get_u32(name).ok()
    }

    fn text(&self, key: &str, name: &str) -> Option<String> {
        open(key)?.get_string(name).ok()
    }

    fn texts(&self, key: &str, name: &str) -> Option<Vec<String>> {
        open(key)?.get_multi_string(name).ok()
    }

    fn bytes(&self, key: &str, name: &str) -> Option<Vec<u8>> {
        open(key)?.get_bytes(name).ok()
    }

    fn keys(&self, key: &str) -> Vec<String> {
        open(key).and_then(|key| Some(key.keys().ok()?.collect())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_windows_has_is_read() {
        const VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
        let registry = LocalMachine;
        assert_eq!(registry.has(VERSION), Some(true));
        assert_eq!(registry.has(r"SOFTWARE\no such key"), Some(false));
        assert!(registry.text(VERSION, "CurrentBuild").is_some_and(|build| build.parse::<u32>().is_ok()));
        assert!(registry.number(VERSION, "no such value").is_none());
        assert!(registry.keys("SOFTWARE").iter().any(|key| key == "Microsoft"));
    }
}
