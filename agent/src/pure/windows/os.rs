//! Windows' name and build, and whether it wants to be restarted.

use agent::bounded::Short;
use agent::facts::{Family, Os};

use super::registry::Registry;

const VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
const SERVICING: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending";
const UPDATE: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired";
const SESSIONS: &str = r"SYSTEM\CurrentControlSet\Control\Session Manager";

/// The first build of Windows 11, which still calls itself "Windows 10" in the registry.
const ELEVEN: u32 = 22_000;

pub(crate) fn os(registry: &impl Registry) -> Os {
    let text = |name| registry.text(VERSION, name).filter(|text| !text.is_empty());
    let number = |name| registry.number(VERSION, name);
    let build = text("CurrentBuild").or_else(|| text("CurrentBuildNumber"));
    let eleven = build.as_deref().and_then(|build| build.parse().ok()).is_some_and(|build: u32| build >= ELEVEN);
    let mut name = text("ProductName").unwrap_or_else(|| "Windows".to_owned());
    if let Some(edition) = name.strip_prefix("Windows 10").filter(|_| eleven) {
        name = format!("Windows 11{edition}");
    }
    if let Some(release) = text("DisplayVersion") {
        name = format!("{name} {release}");
    }
    let major = number("CurrentMajorVersionNumber").zip(number("CurrentMinorVersionNumber"));
    let version = [major.map(|(a, b)| format!("{a}.{b}")).or_else(|| text("CurrentVersion")), build];
    let revision = number("UBR").map(|ubr| ubr.to_string());
    let parts: Vec<String> = version.into_iter().chain([revision]).flatten().collect();
    Os { family: Family::Windows, name: Short::new(&name), version: Short::new(&parts.join(".")) }
}

/// Servicing and Windows Update leave a key; installers, files to be replaced at the next start.
pub(crate) fn restart_pending(registry: &impl Registry) -> Option<bool> {
    let files = registry.texts(SESSIONS, "PendingFileRenameOperations");
    if files.is_some_and(|files| files.iter().any(|file| !file.is_empty())) {
        return Some(true);
    }
    match (registry.has(SERVICING), registry.has(UPDATE)) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::fake::{Fake, Value};
    use super::*;
    use Value::{Number, Text, Texts};

    #[test]
    fn eleven_does_not_call_itself_so() {
        let with = |product, build, release| {
            Fake::default()
                .with(VERSION, "ProductName", Text(product))
                .with(VERSION, "CurrentBuild", Text(build))
                .with(VERSION, "DisplayVersion", Text(release))
                .with(VERSION, "CurrentMajorVersionNumber", Number(10))
                .with(VERSION, "CurrentMinorVersionNumber", Number(0))
                .with(VERSION, "UBR", Number(4169))
        };
        for (product, build, release, name, version) in [
            ("Windows 10 Pro", "22631", "23H2", "Windows 11 Pro 23H2", "10.0.22631.4169"),
            ("Windows 10 Pro", "19045", "22H2", "Windows 10 Pro 22H2", "10.0.19045.4169"),
            ("Windows Server 2025 Standard", "26100", "24H2", "Windows Server 2025 Standard 24H2", "10.0.26100.4169"),
        ] {
            let os = os(&with(product, build, release));
            assert_eq!((os.family, &*os.name, &*os.version), (Family::Windows, name, version));
        }
        let bare = os(&Fake::default());
        assert_eq!((&*bare.name, &*bare.version), ("Windows", ""));
        let seven =
            Fake::default().with(VERSION, "CurrentVersion", Text("6.1")).with(VERSION, "CurrentBuild", Text("7601"));
        assert_eq!(&*os(&seven).version, "6.1.7601");
    }

    #[test]
    fn a_restart_is_wanted_in_three_ways() {
        let files = |files| Fake::default().with(SESSIONS, "PendingFileRenameOperations", Texts(files));
        assert_eq!(restart_pending(&Fake::default()), Some(false));
        assert_eq!(restart_pending(&Fake::default().key(SERVICING)), Some(true));
        assert_eq!(restart_pending(&Fake::default().key(UPDATE)), Some(true));
        assert_eq!(restart_pending(&files(&[r"\??\C:\x", ""])), Some(true));
        assert_eq!(restart_pending(&files(&["", ""])), Some(false));
        assert_eq!(restart_pending(&Fake::hidden()), None);
    }
}
