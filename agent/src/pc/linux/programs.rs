//! Programs that IT asks for: by their path, or by their Debian package. No process is started for it.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::SystemTime;

use agent::bounded::Short;
use agent::message::{Look, Rule};

use super::Root;

/// Where dpkg keeps what is installed; some megabytes on a full PC.
const STATUS: &str = "/var/lib/dpkg/status";

/// The installed packages, as of when that file was written.
#[derive(Debug, Default)]
pub(super) struct Programs {
    read: Option<(SystemTime, Vec<Rule>)>,
    packages: HashSet<String>,
}

impl Programs {
    /// The names of those that are there.
    pub(super) fn found(&mut self, root: &Root, rules: &[Rule]) -> Vec<Short> {
        self.refresh(root, rules);
        let is_there = |rule: &&Rule| match &rule.look {
            Look::Path { path } => Path::new(path.as_str()).is_absolute() && root.at(path).exists(),
            Look::Package { name } => self.packages.contains(name.as_str()),
            Look::Registry { .. } | Look::Unknown => false,
        };
        rules.iter().filter(is_there).map(|rule| rule.name.clone()).collect()
    }

    /// Reads dpkg's file again if it or the rules are others.
    fn refresh(&mut self, root: &Root, rules: &[Rule]) {
        let wanted: HashSet<&str> = rules
            .iter()
            .filter_map(|rule| if let Look::Package { name } = &rule.look { Some(name.as_str()) } else { None })
            .collect();
        let written = std::fs::metadata(root.at(STATUS)).and_then(|m| m.modified());
        let Ok(written) = written else {
            *self = Self::default();
            return;
        };
        if wanted.is_empty() || self.read.as_ref().is_some_and(|(at, of)| *at == written && of == rules) {
            return;
        }
        let file = std::fs::File::open(root.at(STATUS)).map(BufReader::new);
        self.packages = file.map(|file| installed(file, &wanted)).unwrap_or_default();
        self.read = Some((written, rules.to_vec()));
    }
}

/// Those of these that are installed (deb822: "Package:" comes before "Status:").
fn installed(status: impl std::io::Read, wanted: &HashSet<&str>) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut package = None;
    for line in BufReader::new(status).split(b'\n').map_while(Result::ok) {
        let Ok(line) = std::str::from_utf8(&line) else { continue };
        if let Some(name) = line.strip_prefix("Package: ") {
            package = wanted.get(name.trim()).copied();
        } else if let Some(status) = line.strip_prefix("Status: ")
            && status.trim().ends_with(" installed")
            && let Some(name) = package.take()
        {
            found.insert(name.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, look: Look) -> Rule {
        Rule { name: name.into(), look }
    }

    #[test]
    fn what_is_installed_is_told_from_what_was() {
        let at = tempfile::tempdir().unwrap();
        let root = Root(at.path().to_owned());
        std::fs::create_dir_all(at.path().join("var/lib/dpkg")).unwrap();
        std::fs::create_dir_all(at.path().join("opt/sage")).unwrap();
        let status = "Package: scribus\nStatus: install ok installed\nDescription: x\n Package: y\n\n\
            Package: gimp\nStatus: deinstall ok config-files\n\nPackage: inkscape\nStatus: install ok half-installed\n";
        std::fs::write(at.path().join("var/lib/dpkg/status"), status).unwrap();
        let package = |name: &str| rule(name, Look::Package { name: name.into() });
        let path = |path: &str| rule(path, Look::Path { path: path.into() });
        let rules = [
            package("scribus"),
            package("gimp"),
            package("inkscape"),
            package("y"),
            package("../status"),
            path("/opt/sage"),
            path("/opt/none"),
            path("opt/sage"),
            rule("r", Look::Registry { key: "SOFTWARE".into() }),
            rule("u", Look::Unknown),
        ];
        let mut programs = Programs::default();
        let names = |found: Vec<Short>| found.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(programs.found(&root, &rules)), ["scribus", "/opt/sage"]);
        // Others are looked for now.
        assert_eq!(names(programs.found(&root, &rules[1..3])), Vec::<String>::new());
        std::fs::remove_file(at.path().join("var/lib/dpkg/status")).unwrap();
        assert_eq!(names(programs.found(&root, &rules)), ["/opt/sage"]);
    }
}
