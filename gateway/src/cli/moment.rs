//! Times as people read and write them: local, with the zone.

use std::time::Duration;

use anyhow::Context as _;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::clock::Unix;
use crate::pure::shown::shown;

/// `2026-11-22 18:30 CET`
pub(super) fn local(at: Unix) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(at) => at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M %Z").to_string(),
        Err(_) => format!("{} ms", at.0),
    }
}

/// `2026-11-22 18:30:05 CET`, for lines that must be told apart.
pub(super) fn local_seconds(at: Unix) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(at) => at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        Err(_) => format!("{} ms", at.0),
    }
}

/// `3 h 05 min`, `4 min`, `12 s`: the two largest units.
pub(super) fn lasting(ms: u64) -> String {
    let seconds = Duration::from_millis(ms).as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, _) => format!("{m} min"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

/// Reads `2026-12-31`, `2026-12-31 18:00` (both local; a date means its end), RFC 3339, or `30m`, `8h`, `2d` from now.
pub(super) fn parse_end(text: &str, now: Unix) -> anyhow::Result<Unix> {
    let at = parse(text, now, Time::constant(23, 59, 59, 0), 1)?;
    anyhow::ensure!(at > now, "`{}` has passed already", shown(text));
    Ok(at)
}

/// The same for a beginning: a date means its first minute, `8h` means eight hours ago.
pub(super) fn parse_start(text: &str, now: Unix) -> anyhow::Result<Unix> {
    parse(text, now, Time::midnight(), -1)
}

fn parse(text: &str, now: Unix, time: Time, sign: i64) -> anyhow::Result<Unix> {
    let text = text.trim();
    let local = |at: DateTime| Some(at.to_zoned(TimeZone::system()).ok()?.timestamp());
    let at = if let Ok(at) = text.parse::<Timestamp>() {
        Some(at)
    } else if let (Ok(date), true) = (text.parse::<Date>(), text.len() == "2026-12-31".len()) {
        local(date.to_datetime(time))
    } else if let Ok(at) = text.parse::<DateTime>() {
        local(at)
    } else {
        minutes(text).and_then(|ago| {
            Timestamp::from_millisecond(now.0).ok()?.checked_add(SignedDuration::from_mins(sign * ago)).ok()
        })
    };
    let at = at.with_context(|| {
        format!("`{}` is no time: write 2026-12-31, \"2026-12-31 18:00\", 30m, 8h or 30d", shown(text))
    })?;
    Ok(Unix(at.as_millisecond()))
}

/// `10m`, `8h` and `30d` in minutes.
fn minutes(text: &str) -> Option<i64> {
    let (unit, each) = [('m', 1), ('h', 60), ('d', 24 * 60)].into_iter().find(|(unit, _)| text.ends_with(*unit))?;
    let digits = text.strip_suffix(unit)?;
    let count: u32 = digits.parse().ok()?;
    Some(i64::from(count) * each)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Unix = Unix(1_800_000_000_000);

    #[test]
    fn ends_are_understood() {
        assert_eq!(parse_end("8h", NOW).unwrap(), Unix(NOW.0 + 8 * 3_600_000));
        assert_eq!(parse_start("10m", NOW).unwrap(), Unix(NOW.0 - 600_000));
        assert_eq!(parse_end("2d", NOW).unwrap(), Unix(NOW.0 + 48 * 3_600_000));
        assert_eq!(parse_end("2030-01-01T00:00:00Z", NOW).unwrap(), Unix(1_893_456_000_000));
        let (day, minute) = (parse_end("2030-01-01", NOW).unwrap(), parse_end("2030-01-01 23:59", NOW).unwrap());
        assert_eq!(day.0 - minute.0, 59_000);
    }

    #[test]
    fn beginnings_look_back() {
        assert_eq!(parse_start("8h", NOW).unwrap(), Unix(NOW.0 - 8 * 3_600_000));
        let (end, start) = (parse_end("2030-01-01", NOW).unwrap(), parse_start("2030-01-01", NOW).unwrap());
        assert_eq!(end.0 - start.0, 86_399_000);
    }

    #[test]
    fn nonsense_and_the_past_are_refused() {
        for text in ["", "h", "-3h", "tomorrow", "2020-01-01", "99999999999h", "4294967295d"] {
            assert!(parse_end(text, NOW).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_short() {
        for (ms, text) in [(0, "0 s"), (59_999, "59 s"), (60_000, "1 min"), (11_100_000, "3 h 05 min")] {
            assert_eq!(lasting(ms), text);
        }
    }
}
