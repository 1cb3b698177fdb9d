//! Programs that IT asks for: by path, by registry key, or by their entry in "apps and features".

use agent::bounded::Short;
use agent::message::{Look, Rule};

use super::registry::Registry;

/// Where installed programs are entered: those of 64 bits, and those of 32.
const INSTALLED: [&str; 2] = [
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall",
    r"SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall",
];

/// Entries that are looked at in each.
const LOOKED_AT: usize = 4096;

/// The names of those that are there; `exists` tells of a path.
pub(crate) fn found(registry: &impl Registry, rules: &[Rule], exists: impl Fn(&str) -> bool) -> Vec<Short> {
    let mut shown: Option<Vec<String>> = None;
    let mut is_there = |rule: &&Rule| match &rule.look {
        Look::Path { path } => is_of_this_pc(path) && exists(path),
        Look::Registry { key } => is_key(key) && registry.has(key) == Some(true),
        Look::Package { name } => {
            let name = name.as_str();
            is_key(name)
                && (INSTALLED.iter().any(|key| registry.has(&format!(r"{key}\{name}")) == Some(true))
                    || shown.get_or_insert_with(|| display_names(registry)).iter().any(|of| of == name))
        }
        Look::Unknown => false,
    };
    rules.iter().filter(|rule| is_there(rule)).map(|rule| rule.name.clone()).collect()
}

/// With a drive's letter. A path of the network would make Windows prove itself to a machine of the gateway's choice, and
/// `\\.\` opens devices.
fn is_of_this_pc(path: &str) -> bool {
    matches!(path.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic())
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && !key.starts_with('\\') && !key.contains('\0')
}

fn display_names(registry: &impl Registry) -> Vec<String> {
    let of = |above: &&str| {
        let keys = registry.keys(above).into_iter().take(LOOKED_AT);
        keys.filter_map(|key| registry.text(&format!(r"{above}\{key}"), "DisplayName")).collect::<Vec<_>>()
    };
    INSTALLED.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::registry::fake::{Fake, Value::Text};
    use super::*;

    fn rule(name: &str, look: Look) -> Rule {
        Rule { name: name.into(), look }
    }

    #[test]
    fn programs_are_found_in_three_places() {
        let registry = Fake::default()
            .with(&format!(r"{}\{{90160000}}", INSTALLED[0]), "DisplayName", Text("Sage 50"))
            .with(&format!(r"{}\DATEV", INSTALLED[1]), "DisplayName", Text("DATEV pro"))
            .key(r"SOFTWARE\Vendor\Program");
        let package = |name: &str| rule(name, Look::Package { name: name.into() });
        let path = |path: &str| rule(path, Look::Path { path: path.into() });
        let key = |key: &str| rule(key, Look::Registry { key: key.into() });
        let rules = [
            package("Sage 50"),
            package("DATEV"),
            package("Sage"),
            package(""),
            path(r"C:\Program Files\Sage"),
            path("d:/sage"),
            path(r"\\thief\share\x"),
            path(r"\\?\C:\x"),
            path("//thief/share"),
            path("C:x"),
            path(r"\x"),
            key(r"software\vendor\program"),
            key(r"SOFTWARE\Vendor\Other"),
            key(""),
            rule("u", Look::Unknown),
        ];
        let names: Vec<String> = found(&registry, &rules, |_| true).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["Sage 50", "DATEV", r"C:\Program Files\Sage", "d:/sage", r"software\vendor\program"]);
        assert!(found(&registry, &rules[4..11], |_| false).is_empty());
    }
}
