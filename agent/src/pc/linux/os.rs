//! The system's name, version, and whether it wants to be restarted.

use agent::bounded::Short;
use agent::facts::{Family, Os};

use super::Root;

/// As the kernel has it: without a domain on most systems.
pub(super) fn host() -> Short {
    Short::new(&rustix::system::uname().nodename().to_string_lossy())
}

pub(super) fn os(root: &Root) -> Os {
    let release = ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| root.read(path));
    Os {
        family: Family::Linux,
        name: Short::new(release.as_deref().and_then(pretty_name).unwrap_or("Linux")),
        version: Short::new(&rustix::system::uname().release().to_string_lossy()),
    }
}

/// What os-release(5) calls PRETTY_NAME; quotes are the shell's.
fn pretty_name(text: &str) -> Option<&str> {
    let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim().trim_matches(['"', '\'']))
}

/// Debian's packages leave a file when they want a restart; who has no dpkg does not tell.
pub(super) fn restart_pending(root: &Root) -> Option<bool> {
    let asked = ["/run/reboot-required", "/var/run/reboot-required"].iter().any(|path| root.at(path).exists());
    if asked || root.at("/var/lib/dpkg/status").exists() { Some(asked) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_os_release() {
        for (text, name) in [
            (
                "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian",
                Some("Debian GNU/Linux 12 (bookworm)"),
            ),
            ("PRETTY_NAME='Fedora'", Some("Fedora")),
            ("PRETTY_NAME=Arch", Some("Arch")),
            ("NAME=x", None),
        ] {
            assert_eq!(pretty_name(text), name);
        }
    }

    #[test]
    fn a_restart_that_is_wanted() {
        let at = tempfile::tempdir().unwrap();
        let root = Root(at.path().to_owned());
        assert_eq!(restart_pending(&root), None);
        std::fs::create_dir_all(at.path().join("var/lib/dpkg")).unwrap();
        std::fs::write(at.path().join("var/lib/dpkg/status"), "").unwrap();
        assert_eq!(restart_pending(&root), Some(false));
        std::fs::create_dir_all(at.path().join("run")).unwrap();
        std::fs::write(at.path().join("run/reboot-required"), "").unwrap();
        assert_eq!(restart_pending(&root), Some(true));
        assert_eq!(&*os(&root).name, "Linux");
        assert!(!host().is_empty());
    }
}
