//! Energy and sleep.

use agent::bounded::AtMost;
use agent::facts::{Power, Sleep};

use super::registry::Registry;

const SWITCH: &str = r"SYSTEM\CurrentControlSet\Control\Session Manager\Power";
const POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows\System";

/// What Windows says of its power; what it does not tell is nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// SYSTEM_POWER_STATUS.ACLineStatus.
    pub(crate) line: Option<u8>,
    pub(crate) ways: Option<Ways>,
    /// STANDBYIDLE of the active power scheme, on mains.
    pub(crate) sleeps_after_s: Option<u32>,
}

/// The part of SYSTEM_POWER_CAPABILITIES that matters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ways {
    /// AoAc: S0 low power idle.
    pub(crate) idle: bool,
    /// SystemS3.
    pub(crate) memory: bool,
    /// SystemS4.
    pub(crate) disk: bool,
    /// HiberFilePresent: hibernation is switched on.
    pub(crate) file: bool,
}

pub(crate) fn power(registry: &impl Registry, seen: &Seen) -> Power {
    let ways = seen.ways.map_or_else(Vec::new, |ways| {
        let all = [(ways.idle, Sleep::Idle), (ways.memory, Sleep::Memory), (ways.disk && ways.file, Sleep::Disk)];
        all.into_iter().filter_map(|(can, way)| can.then_some(way)).collect()
    });
    Power {
        on_battery: match seen.line {
            Some(0) => Some(true),
            Some(1) => Some(false),
            _ => None,
        },
        sleeps: AtMost::first(ways),
        fast_startup: fast_startup(registry, seen.ways),
        sleeps_after_s: seen.sleeps_after_s,
    }
}

/// It needs the file of hibernation.
fn fast_startup(registry: &impl Registry, ways: Option<Ways>) -> Option<bool> {
    let name = "HiberbootEnabled";
    let wanted = registry.number(POLICY, name).or_else(|| registry.number(SWITCH, name));
    match (wanted, ways) {
        (Some(0), _) | (_, Some(Ways { file: false, .. })) => Some(false),
        (Some(_), Some(_)) => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::fake::{Fake, Value::Number};
    use super::*;

    const ALL: Ways = Ways { idle: false, memory: true, disk: true, file: true };

    fn told(registry: &Fake, line: Option<u8>, ways: Option<Ways>) -> Power {
        power(registry, &Seen { line, ways, sleeps_after_s: Some(1800) })
    }

    #[test]
    fn mains_battery_or_not_known() {
        let of = |line| told(&Fake::default(), line, None).on_battery;
        assert_eq!([of(Some(0)), of(Some(1)), of(Some(255)), of(None)], [Some(true), Some(false), None, None]);
        assert_eq!(told(&Fake::default(), None, None).sleeps_after_s, Some(1800));
    }

    #[test]
    fn ways_to_sleep() {
        use Sleep::{Disk, Idle, Memory};
        let of = |ways| told(&Fake::default(), None, ways).sleeps.to_vec();
        assert_eq!(of(Some(ALL)), [Memory, Disk]);
        assert_eq!(of(Some(Ways { file: false, ..ALL })), [Memory], "hibernation is switched off");
        assert_eq!(of(Some(Ways { idle: true, memory: false, ..ALL })), [Idle, Disk]);
        assert!(of(None).is_empty());
    }

    #[test]
    fn fast_startup_needs_its_file() {
        let on = Fake::default().with(SWITCH, "HiberbootEnabled", Number(1));
        let off = Fake::default().with(SWITCH, "HiberbootEnabled", Number(0));
        let of = |registry: &Fake, ways| told(registry, None, ways).fast_startup;
        assert_eq!(of(&on, Some(ALL)), Some(true));
        assert_eq!(of(&on, Some(Ways { file: false, ..ALL })), Some(false));
        assert_eq!(of(&off, None), Some(false));
        assert_eq!(of(&on, None), None);
        assert_eq!(of(&Fake::default(), Some(ALL)), None);
        assert_eq!(of(&on.with(POLICY, "HiberbootEnabled", Number(0)), Some(ALL)), Some(false));
    }
}
