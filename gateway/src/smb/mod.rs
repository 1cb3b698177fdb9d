//! The first exchange with a file server, and nothing after it: SMB2 NEGOTIATE ([MS-SMB2] 2.2.3 and 2.2.4). It needs no
//! user and no password, and its answer tells which SMB the server speaks, and what time it has.
//!
//! Pure, but for `ask`. Bytes that come back are hostile until they are parsed; none of them is ever kept.

mod ask;

use crate::clock::Unix;

pub use ask::{Failed, ask};

/// Of an answer as many bytes are read as hold what is asked for: header and the fixed part of NEGOTIATE.
pub const READ: usize = HEADER + 64;

/// Longest answer that is believed to be one, in bytes: Windows and Samba send less than a thousand.
const LONGEST: usize = 64 * 1024;

/// Length of the SMB2 header.
const HEADER: usize = 64;

/// SMB 2.0.2, 2.1, 3.0, 3.0.2 and 3.1.1.
const DIALECTS: [u16; 5] = [0x0202, 0x0210, 0x0300, 0x0302, 0x0311];

/// 1601-01-01 to 1970-01-01, in milliseconds.
const EPOCH_MS: i64 = 11_644_473_600_000;

/// What the server said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The version it chose, such as `0x0311` for SMB 3.1.1.
    pub dialect: u16,
    /// Its clock; nothing if it keeps it to itself.
    pub time: Option<Unix>,
}

/// Why these bytes are no answer to NEGOTIATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Odd {
    /// SMB 1, which nobody should speak any more.
    #[error("it speaks SMB 1 only")]
    Old,
    /// It is SMB, and it declines: the NT status.
    #[error("it declines with status {0:#x}")]
    Declined(u32),
    /// Something else answers on this port.
    #[error("what answers is no file server")]
    Other,
}

/// The request, framed as it goes over TCP. `guid` and `salt` are random.
#[must_use]
pub fn request(guid: [u8; 16], salt: [u8; 32]) -> Vec<u8> {
    let mut message = Vec::with_capacity(160);
    message.extend(*b"\xfeSMB");
    message.extend(64_u16.to_le_bytes());
    // Credit charge, status, command NEGOTIATE, one credit, flags, next command, message 0, tree, session, signature.
    message.extend([0; 8]);
    message.extend(1_u16.to_le_bytes());
    message.resize(HEADER, 0);
    message.extend(36_u16.to_le_bytes());
    message.extend(u16::try_from(DIALECTS.len()).unwrap_or_default().to_le_bytes());
    // Signing enabled.
    message.extend(1_u16.to_le_bytes());
    message.extend([0; 6]);
    message.extend(guid);
    // Where the one context is, behind the dialects, at a multiple of eight.
    let context = (HEADER + 36 + 2 * DIALECTS.len()).next_multiple_of(8);
    message.extend(u32::try_from(context).unwrap_or_default().to_le_bytes());
    message.extend(1_u16.to_le_bytes());
    message.extend([0; 2]);
    DIALECTS.iter().for_each(|dialect| message.extend(dialect.to_le_bytes()));
    message.resize(context, 0);
    // SMB2_PREAUTH_INTEGRITY_CAPABILITIES with SHA-512 and its salt: SMB 3.1.1 is not offered without.
    message.extend(1_u16.to_le_bytes());
    message.extend(38_u16.to_le_bytes());
    message.extend([0; 4]);
    message.extend(1_u16.to_le_bytes());
    message.extend(32_u16.to_le_bytes());
    message.extend(1_u16.to_le_bytes());
    message.extend(salt);
    let length = u32::try_from(message.len()).unwrap_or_default();
    [&length.to_be_bytes()[..], &message].concat()
}

/// How many bytes of an answer to read, from the four before it ([MS-SMB2] 2.1).
///
/// # Errors
/// It is no SMB over TCP.
pub fn length(frame: [u8; 4]) -> Result<usize, Odd> {
    let [0, a, b, c] = frame else { return Err(Odd::Other) };
    let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).map_err(|_| Odd::Other)?;
    // An SMB 1 answer is shorter than an SMB 2 header.
    if (32..=LONGEST).contains(&length) { Ok(length.min(READ)) } else { Err(Odd::Other) }
}

/// Reads the beginning of an answer.
///
/// # Errors
/// It is none.
pub fn parse(bytes: &[u8]) -> Result<Negotiated, Odd> {
    match bytes.first_chunk() {
        Some(b"\xfeSMB") => {}
        Some(b"\xffSMB") => return Err(Odd::Old),
        _ => return Err(Odd::Other),
    }
    let two = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes);
    let four = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes);
    let eight = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes);
    let (length, status, command, flags) =
        (two(4).ok_or(Odd::Other)?, four(8).ok_or(Odd::Other)?, two(12).ok_or(Odd::Other)?, four(16));
    // An answer, and to this command.
    if length != 64 || command != 0 || flags.is_none_or(|flags| flags & 1 == 0) {
        return Err(Odd::Other);
    }
    if status != 0 {
        return Err(Odd::Declined(status));
    }
    let dialect = two(HEADER + 4).filter(|d| DIALECTS.contains(d)).ok_or(Odd::Other)?;
    let time = eight(HEADER + 40).ok_or(Odd::Other)?;
    Ok(Negotiated { dialect, time: unix(time) })
}

/// A FILETIME: 100 ns since 1601 ([MS-DTYP] 2.3.3).
fn unix(filetime: u64) -> Option<Unix> {
    let ms = i64::try_from(filetime / 10_000).ok()?;
    (filetime != 0).then(|| Unix(ms.saturating_sub(EPOCH_MS)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = vec![0; READ];
        bytes[..6].copy_from_slice(b"\xfeSMB\x40\x00");
        bytes[16] = 1;
        bytes[64..66].copy_from_slice(&65_u16.to_le_bytes());
        bytes[68..70].copy_from_slice(&0x0311_u16.to_le_bytes());
        // 2026-11-22T12:00:00Z
        let time = u64::try_from(1_795_348_800_000 + EPOCH_MS).unwrap() * 10_000;
        bytes[104..112].copy_from_slice(&time.to_le_bytes());
        change(&mut bytes);
        bytes
    }

    #[test]
    fn an_answer_is_read_and_what_is_none_is_told_apart() {
        let good = Negotiated { dialect: 0x0311, time: Some(Unix(1_795_348_800_000)) };
        assert_eq!(parse(&answer(|_| {})), Ok(good));
        assert_eq!(parse(&answer(|b| b[104..112].fill(0))), Ok(Negotiated { time: None, ..good }));
        assert_eq!(parse(&answer(|b| b[0] = 0xff)), Err(Odd::Old));
        assert_eq!(
            parse(&answer(|b| b[8..12].copy_from_slice(&0xc000_00bb_u32.to_le_bytes()))),
            Err(Odd::Declined(0xc000_00bb))
        );
        for (what, bytes) in [
            ("nothing", Vec::new()),
            ("a web server", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
            ("a request", answer(|b| b[16] = 0)),
            ("another command", answer(|b| b[12] = 1)),
            ("a dialect nobody asked for", answer(|b| b[68] = 0x77)),
            ("cut short", answer(|b| b.truncate(110))),
        ] {
            assert_eq!(parse(&bytes), Err(Odd::Other), "{what}");
        }
    }

    #[test]
    fn frames_are_bounded() {
        for (frame, expected) in [
            ([0, 0, 1, 0], Ok(READ)),
            ([0, 0, 0, 40], Ok(40)),
            ([0, 0, 0, 31], Err(Odd::Other)),
            ([0, 1, 0, 1], Err(Odd::Other)),
            (*b"HTTP", Err(Odd::Other)),
            ([0x83, 0, 0, 1], Err(Odd::Other)),
        ] {
            assert_eq!(length(frame), expected, "{frame:?}");
        }
    }

    #[test]
    fn the_request_is_what_the_specification_says() {
        let sent = request([1; 16], [2; 32]);
        let message = &sent[4..];
        assert_eq!(usize::try_from(u32::from_be_bytes(sent[..4].try_into().unwrap())).unwrap(), message.len());
        assert_eq!((&message[..6], message[12], message[14]), (&b"\xfeSMB\x40\x00"[..], 0, 1));
        assert_eq!((message[64], message[66]), (36, 5));
        let context = usize::from(message[92]);
        assert_eq!((context % 8, context, message[context], message[context + 2]), (0, 112, 1, 38));
        assert_eq!(message.len(), context + 8 + 38);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_bytes_behind_a_good_beginning_are_survived(at in 4..READ, byte in any::<u8>(), end in 0..READ) {
            let bytes = answer(|b| { b[at] = byte; b.truncate(end); });
            let _ = parse(&bytes);
        }
    }
}
