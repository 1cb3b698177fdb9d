//! Whether a magic packet wakes the PC by a card: what the driver's keys in the registry are set to, which are what Windows'
//! device manager shows and changes. Whether the firmware keeps the card's power on, no program can read.
//!
//! Sources: "Standardized INF Keywords for Power Management" (`*WakeOnMagicPacket`), ndis.h (`PnPCapabilities`).

use agent::facts::WakeOnLan;

use super::registry::Registry;

/// The device class of network adapters.
const CLASS: &str = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e972-e325-11ce-bfc1-08002be10318}";

/// Keys of the class that are looked at: every card that was ever plugged in leaves one.
const LOOKED_AT: usize = 256;

/// NDIS_DEVICE_DISABLE_PM, _DISABLE_WAKE_UP and _DISABLE_WAKE_ON_MAGIC_PACKET: what the tab "power management" unticks.
const UNTICKED: u32 = 0x08 | 0x10 | 0x80;

/// Of the adapter with this id (`{…}`).
pub(crate) fn wake_on_lan(registry: &impl Registry, id: &str) -> WakeOnLan {
    let own = registry
        .keys(CLASS)
        .into_iter()
        .take(LOOKED_AT)
        .map(|key| format!(r"{CLASS}\{key}"))
        .find(|key| registry.text(key, "NetCfgInstanceId").is_some_and(|of| of.eq_ignore_ascii_case(id)));
    let Some(key) = own else { return WakeOnLan::Unknown };
    let name = "*WakeOnMagicPacket";
    let set = registry.text(&key, name).or_else(|| registry.text(&format!(r"{key}\Ndi\Params\{name}"), "default"));
    let unticked = registry.number(&key, "PnPCapabilities").is_some_and(|bits| bits & UNTICKED != 0);
    match set.as_deref().map(str::trim) {
        Some("0") => WakeOnLan::Disarmed,
        Some(_) if unticked => WakeOnLan::Disarmed,
        Some("1") => WakeOnLan::Armed,
        // Drivers may wake by a key of their own; that this one is missing is not "it cannot".
        _ => WakeOnLan::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::fake::{Fake, Value};
    use super::*;
    use Value::{Number, Text};

    const ID: &str = "{6AE0B9F4-0000-4A5B-8000-0123456789AB}";

    fn card() -> Fake {
        Fake::default().with(&format!(r"{CLASS}\0007"), "NetCfgInstanceId", Text(ID))
    }

    fn set(value: &'static str, bits: Option<u32>) -> Fake {
        let card = card().with(&format!(r"{CLASS}\0007"), "*WakeOnMagicPacket", Text(value));
        match bits {
            Some(bits) => card.with(&format!(r"{CLASS}\0007"), "PnPCapabilities", Number(bits)),
            None => card,
        }
    }

    #[test]
    fn both_places_have_to_be_set() {
        use WakeOnLan::{Armed, Disarmed, Unknown};
        for (value, bits, told) in [
            ("1", None, Armed),
            ("1", Some(0), Armed),
            ("1", Some(0x100), Armed),
            ("1", Some(0x18), Disarmed),
            ("1", Some(0x10), Disarmed),
            ("0", Some(0), Disarmed),
            ("x", Some(0), Unknown),
        ] {
            assert_eq!(wake_on_lan(&set(value, bits), &ID.to_lowercase()), told, "{value} {bits:?}");
        }
    }

    #[test]
    fn what_is_not_set_is_as_the_driver_has_it() {
        let params = format!(r"{CLASS}\0007\Ndi\Params\*WakeOnMagicPacket");
        assert_eq!(wake_on_lan(&card().with(&params, "default", Text("1")), ID), WakeOnLan::Armed);
        assert_eq!(wake_on_lan(&card(), ID), WakeOnLan::Unknown);
        assert_eq!(wake_on_lan(&Fake::default(), ID), WakeOnLan::Unknown);
        assert_eq!(wake_on_lan(&set("1", None), "{other}"), WakeOnLan::Unknown);
    }
}
