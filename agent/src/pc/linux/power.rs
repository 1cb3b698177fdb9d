//! Energy and sleep: /sys/class/power_supply, /sys/power, and what logind allows.

use agent::bounded::AtMost;
use agent::facts::{Power, Sleep};

use super::logind::Told;
use super::{Root, read};

/// Power supplies that are looked at.
const SUPPLIES: usize = 32;

pub(super) fn power(root: &Root, told: &Told) -> Power {
    Power {
        on_battery: on_battery(root),
        sleeps: AtMost::first(sleeps(root, told)),
        fast_startup: None,
        sleeps_after_s: told.sleeps_after_s,
    }
}

/// Mains power decides where there is a plug; a battery of its own, where there is none. Mice have batteries too
/// ("scope" is then "Device").
fn on_battery(root: &Root) -> Option<bool> {
    let Ok(folder) = std::fs::read_dir(root.at("/sys/class/power_supply")) else { return None };
    let (mut plug, mut plugged, mut drains) = (false, false, false);
    for supply in folder.take(SUPPLIES).filter_map(Result::ok) {
        let says = |file: &str| read(&supply.path().join(file)).unwrap_or_default();
        match says("type").as_str() {
            "Mains" | "USB" => {
                plug = true;
                plugged |= says("online") == "1";
            }
            "Battery" if says("scope") != "Device" => drains |= says("status") == "Discharging",
            _ => {}
        }
    }
    Some(if plug { !plugged && drains } else { drains })
}

fn sleeps(root: &Root, told: &Told) -> Vec<Sleep> {
    let words = |path| root.read(path).unwrap_or_default();
    let (states, memory) = (words("/sys/power/state"), words("/sys/power/mem_sleep"));
    let has = |of: &str, word: &str| of.split_whitespace().any(|w| w.trim_matches(['[', ']']) == word);
    let mut ways = Vec::new();
    // What the kernel can, logind may know to be broken or forbidden.
    if told.can_suspend != Some(false) {
        if has(&states, "freeze") || has(&memory, "s2idle") {
            ways.push(Sleep::Idle);
        }
        if has(&memory, "deep") || (has(&states, "mem") && memory.is_empty()) {
            ways.push(Sleep::Memory);
        }
    }
    if has(&states, "disk") && told.can_hibernate != Some(false) {
        ways.push(Sleep::Disk);
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let at = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = at.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let root = Root(at.path().to_owned());
        (at, root)
    }

    #[test]
    fn a_battery_is_told_from_a_mouse() {
        const AT: &str = "sys/class/power_supply";
        type Files<'f> = &'f [(&'f str, &'f str, &'f str)];
        let cases: [(Files<'_>, Option<bool>); 6] = [
            (
                &[
                    ("AC", "type", "Mains"),
                    ("AC", "online", "0"),
                    ("BAT0", "type", "Battery"),
                    ("BAT0", "status", "Discharging"),
                ],
                Some(true),
            ),
            (
                &[
                    ("AC", "type", "Mains"),
                    ("AC", "online", "1"),
                    ("BAT0", "type", "Battery"),
                    ("BAT0", "status", "Discharging"),
                ],
                Some(false),
            ),
            (&[("BAT0", "type", "Battery"), ("BAT0", "status", "Charging")], Some(false)),
            (&[("BAT0", "type", "Battery"), ("BAT0", "status", "Discharging")], Some(true)),
            (&[("m", "type", "Battery"), ("m", "status", "Discharging"), ("m", "scope", "Device")], Some(false)),
            (&[], None),
        ];
        for (files, told) in cases {
            let files: Vec<(String, &str)> = files.iter().map(|(s, f, t)| (format!("{AT}/{s}/{f}"), *t)).collect();
            let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), *t)).collect();
            let (_at, root) = root(&files);
            assert_eq!(on_battery(&root), told, "{files:?}");
        }
    }

    #[test]
    fn ways_to_sleep_are_what_kernel_and_logind_both_know() {
        use Sleep::{Disk, Idle, Memory};
        let told = |can_suspend, can_hibernate| Told { can_suspend, can_hibernate, ..Told::default() };
        let (_at, full) = root(&[("sys/power/state", "freeze mem disk\n"), ("sys/power/mem_sleep", "s2idle [deep]\n")]);
        assert_eq!(sleeps(&full, &told(None, None)), [Idle, Memory, Disk]);
        assert_eq!(sleeps(&full, &told(Some(true), Some(false))), [Idle, Memory]);
        assert_eq!(sleeps(&full, &told(Some(false), Some(true))), [Disk]);
        let (_at, modern) = root(&[("sys/power/state", "freeze mem\n"), ("sys/power/mem_sleep", "[s2idle]\n")]);
        assert_eq!(sleeps(&modern, &told(None, None)), [Idle]);
        let (_at, nothing) = root(&[]);
        assert!(sleeps(&nothing, &told(Some(true), Some(true))).is_empty());
    }
}
