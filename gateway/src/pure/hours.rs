//! Weekly hours of a policy: `Mo-Fr 07:00-20:00; Sa 09:00-12:00`, in the office's time zone.
//!
//! Written as OpenStreetMap's `opening_hours` writes them; times are civil, so they follow summer time.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::shown::shown;

/// Most spans in one text: two a day.
const MOST: usize = 14;

/// Minutes of a day; the end of a span may be this, the beginning may not.
const DAY: u16 = 24 * 60;

const DAYS: [(&str, Weekday); 7] = [
    ("Mo", Weekday::Monday),
    ("Tu", Weekday::Tuesday),
    ("We", Weekday::Wednesday),
    ("Th", Weekday::Thursday),
    ("Fr", Weekday::Friday),
    ("Sa", Weekday::Saturday),
    ("Su", Weekday::Sunday),
];

/// Spans of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours(Vec<Span>);

/// The same time on each of some days in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// Indices into [`DAYS`]; the last may be before the first: over the weekend.
    first: usize,
    last: usize,
    /// Minutes since midnight.
    from: u16,
    to: u16,
}

/// Not weekly hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` are no weekly hours: write `Mo-Fr 07:00-20:00`, several with `;` between them, days Mo Tu We Th Fr Sa Su; a night is two: `Mo-Fr 20:00-24:00; Tu-Sa 00:00-07:00`"
)]
pub struct NotHours(String);

impl Hours {
    /// The span that is running, or the next one: its beginning and its end, joined with those that touch it.
    ///
    /// `None` only where the calendar ends.
    #[must_use]
    pub fn window(&self, zone: &TimeZone, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let today = now.to_zoned(zone.clone()).date();
        let mut spans = Vec::new();
        // A week and a day on either side: some span has begun or begins in it.
        for ahead in -1..=8_i64 {
            let date = today.checked_add(ahead.days()).ok()?;
            spans.extend(self.0.iter().filter(|s| s.on(date)).filter_map(|s| s.at(date, zone)));
        }
        spans.sort_unstable();
        let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
        for (from, to) in spans {
            match joined.last_mut() {
                Some((_, end)) if from <= *end => *end = (*end).max(to),
                _ => joined.push((from, to)),
            }
        }
        joined.into_iter().find(|(_, to)| *to > now)
    }
}

impl Span {
    fn on(&self, date: Date) -> bool {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        if self.first <= self.last {
            (self.first..=self.last).contains(&day)
        } else {
            day >= self.first || day <= self.last
        }
    }

    fn at(&self, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let moment = |minute: u16| {
            let (date, minute) = if minute == DAY { (date.tomorrow().ok()?, 0) } else { (date, minute) };
            let time = Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()?;
            // A time that summer time skips is the moment after the gap, one that comes twice is the first.
            Some(date.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp())
        };
        Some((moment(self.from)?, moment(self.to)?)).filter(|(from, to)| from < to)
    }
}

impl FromStr for Hours {
    type Err = NotHours;
    fn from_str(text: &str) -> Result<Self, NotHours> {
        let wrong = || NotHours(shown(text));
        let parts: Vec<&str> = text.split(';').map(str::trim).collect();
        if parts.len() > MOST {
            return Err(wrong());
        }
        parts.into_iter().map(|part| span(part).ok_or_else(wrong)).collect::<Result<Vec<_>, _>>().map(Self)
    }
}

fn span(text: &str) -> Option<Span> {
    let (days, times) = text.split_once(' ')?;
    let day = |name: &str| DAYS.iter().position(|(n, _)| n.eq_ignore_ascii_case(name));
    let (first, last) = days.split_once('-').unwrap_or((days, days));
    let (from, to) = times.trim().split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from < to).then_some(Span { first: day(first)?, last: day(last)?, from, to })
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |t: &str| (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<u16>().ok())?;
    let at = two(hour)? * 60 + two(minute).filter(|m| *m < 60)?;
    (at <= DAY).then_some(at)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, span) in self.0.iter().enumerate() {
            let name = |day: usize| DAYS.get(day).map_or("", |d| d.0);
            let between = if n == 0 { "" } else { "; " };
            write!(f, "{between}{}", name(span.first))?;
            if span.last != span.first {
                write!(f, "-{}", name(span.last))?;
            }
            let (from, to) = (span.from, span.to);
            write!(f, " {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window(hours: &str, now: &str) -> Option<(String, String)> {
        let zone = TimeZone::get("Europe/Brussels").unwrap();
        let (from, to) = hours.parse::<Hours>().unwrap().window(&zone, at(now))?;
        Some((from.to_string(), to.to_string()))
    }

    #[test]
    fn the_running_span_or_the_next() {
        let office = "Mo-Fr 07:00-20:00; Sa 09:00-12:00";
        for (now, from, to) in [
            // 2026-11-20 is a Friday; Brussels is an hour ahead of UTC in winter.
            ("2026-11-20T12:00:00Z", "2026-11-20T06:00:00Z", "2026-11-20T19:00:00Z"),
            ("2026-11-20T05:59:59Z", "2026-11-20T06:00:00Z", "2026-11-20T19:00:00Z"),
            ("2026-11-20T19:00:00Z", "2026-11-21T08:00:00Z", "2026-11-21T11:00:00Z"),
            ("2026-11-21T11:00:00Z", "2026-11-23T06:00:00Z", "2026-11-23T19:00:00Z"),
        ] {
            assert_eq!(window(office, now), Some((from.into(), to.into())), "{now}");
        }
    }

    #[test]
    fn spans_that_touch_are_one_and_summer_time_is_followed() {
        let night = "Fr 22:00-24:00; Sa 00:00-06:00";
        let joined = Some(("2026-11-20T21:00:00Z".into(), "2026-11-21T05:00:00Z".into()));
        assert_eq!(window(night, "2026-11-21T01:00:00Z"), joined);
        // In the night of 29 March 2026 the hour from two to three does not exist.
        let short = Some(("2026-03-29T00:00:00Z".into(), "2026-03-29T03:00:00Z".into()));
        assert_eq!(window("Su 01:00-05:00", "2026-03-29T00:30:00Z"), short);
        let weekend = Some(("2026-11-21T23:00:00Z".into(), "2026-11-23T23:00:00Z".into()));
        assert_eq!(window("Su-Mo 00:00-24:00", "2026-11-22T12:00:00Z"), weekend);
    }

    #[test]
    fn what_is_not_hours_is_refused() {
        for bad in [
            "",
            "Mo",
            "Mo 7:00-20:00",
            "Mo 20:00-07:00",
            "Xx 07:00-20:00",
            "Mo 07:00-24:01",
            "Mo 07:00-07:00",
            "Mo 07:60-08:00",
            ";",
        ] {
            assert!(bad.parse::<Hours>().is_err(), "{bad}");
        }
        let many = vec!["Mo 07:00-08:00"; MOST + 1].join(";");
        assert!(many.parse::<Hours>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_what_is_read_is_written_the_same(text in "[MoTuWe0-9:; -]{0,40}|.{0,80}") {
            if let Ok(hours) = text.parse::<Hours>() {
                prop_assert_eq!(hours.to_string().parse::<Hours>().unwrap(), hours);
            }
        }

        #[test]
        fn a_window_is_never_over(first in 0_usize..7, last in 0_usize..7, from in 0_u16..DAY, length in 1_u16..DAY, now in 0_i64..4_000_000_000) {
            let hours = Hours(vec![Span { first, last, from, to: (from + length).min(DAY) }]);
            let now = Timestamp::from_second(now).unwrap();
            let zone = TimeZone::get("Europe/Madrid").unwrap();
            let (begins, ends) = hours.window(&zone, now).unwrap();
            prop_assert!(begins < ends && ends > now);
        }
    }
}
