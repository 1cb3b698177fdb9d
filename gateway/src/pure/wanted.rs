//! What IT wants agents to tell beside what they always do: who is in sessions, and which programs are there. Checked here,
//! whoever writes it.

use std::collections::BTreeSet;

use agent::bounded::{AtMost, SHORT, Short};
use agent::facts::{Facts, PROGRAMS};
use agent::message::{LONGEST, Look, Rule};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shown::{deceives, shown};

/// Longest name of a program, in characters.
const LONGEST_NAME: usize = 64;

/// Bytes of a welcome that are not programs: some words and numbers.
const MARGIN: usize = 1024;

/// What is wanted. Nothing, unless IT says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The names of people in sessions.
    pub names: bool,
    /// Which programs are looked for.
    pub programs: Vec<Program>,
}

/// A program that IT wants to know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Its name, 1 to 64 characters; no two have the same.
    pub name: String,
    /// Where it shows.
    pub look: Where,
}

/// Where a program shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "at", rename_all = "snake_case", deny_unknown_fields)]
pub enum Where {
    /// A file or folder of this path is there.
    Path {
        /// On the PC itself: `C:\Program Files\Sage\sage.exe`, `/opt/sage`.
        path: String,
    },
    /// A key of the registry is there (Windows).
    Registry {
        /// Below HKEY_LOCAL_MACHINE: `SOFTWARE\Vendor\Program`.
        key: String,
    },
    /// A package is installed (Debian, Ubuntu), or an app is listed (Windows).
    Package {
        /// Its name: `libreoffice-writer`; an app's, or its key.
        name: String,
    },
}

impl Wanted {
    /// What an agent is told of it.
    #[must_use]
    pub fn rules(&self) -> AtMost<Rule, PROGRAMS> {
        let rule = |p: &Program| {
            let look = match &p.look {
                Where::Path { path } => Look::Path { path: Short::new(path) },
                Where::Registry { key } => Look::Registry { key: Short::new(key) },
                Where::Package { name } => Look::Package { name: Short::new(name) },
            };
            Rule { name: Short::new(&p.name), look }
        };
        AtMost::first(self.programs.iter().map(rule))
    }

    /// Which of the programs that are looked for a PC has; nothing else that an agent tells is a program.
    #[must_use]
    pub fn found(&self, facts: &Facts) -> Vec<String> {
        let there = |name: &str| facts.programs.iter().any(|found| found.as_str() == name);
        self.programs.iter().filter(|p| there(&p.name)).map(|p| p.name.clone()).collect()
    }
}

/// Programs to look for.
///
/// # Errors
/// Which one is none, and what is expected.
pub fn programs(all: &[Program]) -> Result<Vec<Program>, String> {
    if all.len() > PROGRAMS {
        return Err(format!("at most {PROGRAMS}"));
    }
    let mut names = BTreeSet::new();
    let one = |(n, program): (usize, &Program)| {
        let within = |why: String| format!("{}: {why}", n + 1);
        let program = checked(program).map_err(within)?;
        if !names.insert(program.name.to_lowercase()) {
            return Err(within(format!("name: `{}` is another's already", shown(&program.name))));
        }
        Ok(program)
    };
    let programs: Vec<Program> = all.iter().enumerate().map(one).collect::<Result<_, String>>()?;
    // Backslashes are two on the wire, and many a character is more than one byte.
    let wanted = Wanted { names: true, programs };
    match agent::message::encode(&wanted.rules()) {
        Ok(text) if text.len() <= LONGEST - MARGIN => Ok(wanted.programs),
        _ => Err("too long all together: shorter paths, or fewer programs".to_owned()),
    }
}

fn checked(program: &Program) -> Result<Program, String> {
    let name = line(&program.name, LONGEST_NAME).ok_or("name: 1 to 64 characters in one line")?;
    let look = match &program.look {
        Where::Path { path } => Where::Path { path: path_of(path)? },
        Where::Registry { key } => Where::Registry { key: key_of(key)? },
        Where::Package { name } => Where::Package { name: package(name)? },
    };
    Ok(Program { name, look })
}

fn line(text: &str, longest: usize) -> Option<String> {
    let text = text.trim();
    // Exactly what an agent makes of it, or what is found could not be told by it.
    let kept = !text.is_empty() && text.chars().count() <= longest && !text.chars().any(deceives);
    (kept && Short::new(text).as_str() == text).then(|| text.to_owned())
}

/// Absolute, and on the PC itself: looking for a share would show another machine who asks.
fn path_of(text: &str) -> Result<String, String> {
    let why = "path: an absolute path on the PC is expected, such as C:\\Program Files\\Sage or /opt/sage";
    let path = line(text, SHORT).ok_or(why)?;
    let drive = |p: &str| {
        let p = p.as_bytes();
        p.len() > 3 && p[0].is_ascii_alphabetic() && p[1] == b':' && (p[2] == b'\\' || p[2] == b'/')
    };
    let unix = path.starts_with('/') && path.len() > 1 && !path.starts_with("//") && !path.contains('\\');
    let steps_back = path.split(['/', '\\']).any(|part| part == "..");
    let odd = path.chars().skip(2).any(|c| "*?\"<>|:".contains(c));
    if steps_back || !(unix || (drive(&path) && !odd)) { Err(why.to_owned()) } else { Ok(path) }
}

fn key_of(text: &str) -> Result<String, String> {
    let why = "key: below HKEY_LOCAL_MACHINE and without it, such as SOFTWARE\\Vendor\\Program";
    let key = line(text, SHORT).ok_or(why)?;
    let parts: Vec<&str> = key.split('\\').collect();
    let root = parts[0].to_ascii_uppercase();
    let rooted = root.starts_with("HK") || root == "COMPUTER";
    if rooted || key.contains('/') || parts.iter().any(|part| part.trim().is_empty()) {
        return Err(why.to_owned());
    }
    Ok(key)
}

/// As Debian names packages (Debian Policy §5.6.7).
/// One line; the agent compares it with what is installed, and opens nothing by it.
fn package(text: &str) -> Result<String, String> {
    let name = line(text, SHORT).unwrap_or_default();
    if name.len() >= 2 && !name.contains(['/', '\\']) {
        Ok(name)
    } else {
        Err("package: a name such as libreoffice-writer, or as Windows lists it under Apps, is expected".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use agent::message::{ToAgent, VERSION, encode};

    use super::*;

    fn of(name: &str, look: Where) -> Program {
        Program { name: name.to_owned(), look }
    }

    fn path(text: &str) -> Where {
        Where::Path { path: text.to_owned() }
    }

    fn key(text: &str) -> Where {
        Where::Registry { key: text.to_owned() }
    }

    fn package(text: &str) -> Where {
        Where::Package { name: text.to_owned() }
    }

    #[test]
    fn a_program_shows_on_the_pc_itself() {
        for look in [
            path("C:\\Program Files\\Sage\\sage.exe"),
            path("d:/apps/x"),
            path("/opt/sage"),
            path("/opt/Sage: 100 %/x"),
            key("SOFTWARE\\Vendor\\Program 2024"),
            package("libreoffice-writer"),
            package("0ad"),
            package("LibreOffice 24.8"),
            package("{90160000-008C-0000-1000-0000000FF1CE}"),
        ] {
            assert!(programs(&[of("Sage", look.clone())]).is_ok(), "{look:?}");
        }
        for (look, field) in [
            (path("sage.exe"), "path"),
            (path("\\\\server\\share\\x"), "path"),
            (path("//server/share/x"), "path"),
            (path("/opt/../etc"), "path"),
            (path("C:\\..\\x"), "path"),
            (path("C:\\a?"), "path"),
            (path("C:\\"), "path"),
            (path("/"), "path"),
            (path(""), "path"),
            (path("/a\u{202e}b"), "path"),
            (path(&format!("/{}", "x".repeat(SHORT))), "path"),
            (key("HKEY_LOCAL_MACHINE\\SOFTWARE\\x"), "key"),
            (key("HKLM\\SOFTWARE\\x"), "key"),
            (key("\\SOFTWARE"), "key"),
            (key("SOFTWARE\\\\x"), "key"),
            (key("SOFTWARE/x"), "key"),
            (key(""), "key"),
            (package("../x"), "package"),
            (package("a\\b"), "package"),
            (package("x"), "package"),
        ] {
            let why = programs(&[of("Sage", look.clone())]).unwrap_err();
            assert!(why.starts_with("1: ") && why.contains(field), "{look:?}: {why}");
        }
    }

    #[test]
    fn each_has_a_name_of_its_own() {
        for name in ["", " ", "a\nb", "a\u{200b}b", "a\u{ad}b", &"x".repeat(65)] {
            assert!(programs(&[of(name, path("/x"))]).unwrap_err().starts_with("1: name"), "{name:?}");
        }
        let twice = programs(&[of("Sage", path("/x")), of("sage ", path("/y"))]).unwrap_err();
        assert!(twice.starts_with("2: name"), "{twice}");
        let many: Vec<Program> = (0..=PROGRAMS).map(|n| of(&format!("p{n}"), path("/x"))).collect();
        assert_eq!(programs(&many).unwrap_err(), "at most 64");
        assert_eq!(programs(&many[1..]).unwrap().len(), PROGRAMS);
    }

    #[test]
    fn the_most_that_can_be_wanted_is_one_message() {
        let all = |letter: &str, slash: &str| -> Vec<Program> {
            let name = |n: usize| format!("{n:02}{}", letter.repeat(LONGEST_NAME - 2));
            let path = path(&format!("C:\\{}", format!("{letter}{slash}").repeat((SHORT - 3) / 2)));
            (0..PROGRAMS).map(|n| of(&name(n), path.clone())).collect()
        };
        assert!(programs(&all("\u{10400}", "\u{10400}")).unwrap_err().starts_with("too long"));
        let wanted = Wanted { names: true, programs: programs(&all("é", "\\")).unwrap() };
        let rules = wanted.rules();
        assert_eq!(rules.len(), PROGRAMS);
        let welcome = ToAgent::Welcome { version: VERSION, approved: true, heartbeat_s: 15, names: true, rules };
        assert!(encode(&welcome).is_ok(), "{:?}", encode(&welcome).err());
    }

    #[test]
    fn only_what_was_asked_for_is_found() {
        let wanted = Wanted { names: false, programs: vec![of("Sage", path("/x")), of("Scribus", path("/y"))] };
        let facts = Facts { programs: AtMost::first(["Scribus".into(), "solitaire".into()]), ..Facts::default() };
        assert_eq!(wanted.found(&facts), ["Scribus"]);
    }
}
