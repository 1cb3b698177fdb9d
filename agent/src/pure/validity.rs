//! From when to when a certificate is valid (RFC 5280, 4.1.2.5), and when that is so old that it is renewed.
//!
//! It reads our own certificate alone, so it knows as much of DER as that has.

use std::ops::Range;

const DAY: u64 = 24 * 3600;

/// Seconds since 1970.
pub(crate) type Validity = Range<u64>;

/// Whether a third of its life is over, by the PC's clock. A clock before its beginning renews nothing.
pub(crate) fn wants_renewal(validity: &Validity, now: u64) -> bool {
    let life = validity.end.saturating_sub(validity.start);
    now.saturating_sub(validity.start) > life / 3
}

/// Of a certificate in DER; nothing if it is none.
pub(crate) fn of(der: &[u8]) -> Option<Validity> {
    let (_, certificate, _) = element(der)?;
    let (_, mut body, _) = element(certificate)?;
    // [0] version, serial number, signature algorithm, issuer.
    for skipped in [0xa0, 0x02, 0x30, 0x30] {
        let (tag, _, rest) = element(body)?;
        if tag != skipped {
            return None;
        }
        body = rest;
    }
    let (_, validity, _) = element(body)?;
    let (tag, start, rest) = element(validity)?;
    let start = moment(tag, start)?;
    let (tag, end, _) = element(rest)?;
    Some(start..moment(tag, end)?)
}

/// The first element: its tag, what it holds, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // A certificate is shorter than 64 KiB.
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ`.
fn moment(tag: u8, text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        0x17 => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: u64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        0x18 => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let mut parts = [0_u64; 5];
    for (n, part) in parts.iter_mut().enumerate() {
        *part = rest.get(2 * n..2 * n + 2)?.parse().ok()?;
    }
    let [month, day, hour, minute, second] = parts;
    let fits = rest.len() == 10 && (1..=12).contains(&month) && (1..=31).contains(&day) && year >= 1970;
    fits.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; the year begins in March, so that the leap day is its last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month < 3 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let in_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + in_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases: [(u8, &str, Option<u64>); 9] = [
            (0x17, "700101000000Z", Some(0)),
            (0x17, "000229120000Z", Some(951_825_600)),
            (0x17, "491231235959Z", Some(2_524_607_999)),
            (0x18, "20500101000000Z", Some(2_524_608_000)),
            (0x18, "20261123011419Z", Some(1_795_396_459)),
            (0x17, "701301000000Z", None),
            (0x17, "7001010000Z", None),
            (0x17, "é0101000000Z", None),
            (0x04, "700101000000Z", None),
        ];
        for (tag, text, seconds) in cases {
            assert_eq!(moment(tag, text.as_bytes()), seconds, "{text}");
        }
    }

    #[test]
    fn reads_what_the_authority_issues() {
        let mut params = rcgen::CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(2026, 2, 28);
        params.not_after = rcgen::date_time_ymd(2055, 3, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap();
        assert_eq!(of(der.der()), Some(1_772_236_800..2_687_472_000));
        for cut in 0..200 {
            assert!(of(&der.der()[..cut]).is_none());
        }
    }

    #[test]
    fn a_third_of_its_life_is_enough() {
        let life = 1000..1300;
        assert!(!wants_renewal(&life, 0) && !wants_renewal(&life, 1100));
        assert!(wants_renewal(&life, 1101) && wants_renewal(&life, 9999));
    }
}
