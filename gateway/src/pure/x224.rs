//! The first exchange of RDP, in the clear: what a client asks, what a PC answers, and what tells that a PC is ready
//! without beginning a session ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2; X.224; TPKT is RFC 1006).

/// Where RDP is heard.
pub const RDP: u16 = 3389;

/// An X.224 Connection Request with an RDP Negotiation Request for TLS and CredSSP ([MS-RDPBCGR] 2.2.1.1).
pub const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];

/// Bytes of an answer that are looked at: TPKT, length, and the code of the TPDU.
pub const ENOUGH: usize = 6;

/// No request is longer: its length says so in one byte, and some clients add what that does not count.
pub const LONGEST_REQUEST: usize = 512;

/// TPKT, length, code, two references, class.
const HEAD: usize = 11;

/// What a client's cookie begins with.
const COOKIE: &[u8] = b"Cookie: mstshash=";

/// A client's first message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Its bytes; what follows them belongs to somebody who did not wait for an answer.
    pub length: usize,
    /// The user name it says, cut short by some: a hint, never an identity.
    pub user: Option<String>,
    /// The protocols it offers, if it negotiates: 1 is TLS, 2 CredSSP, 8 CredSSP with early authorisation.
    pub protocols: Option<u32>,
}

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peeked {
    /// The beginning of a request, perhaps.
    More,
    /// No RDP client sends this.
    Never,
    /// A request.
    Whole(Request),
}

/// What a client asks. Routing tokens, cookies, correlation data and requests without a negotiation are let through: it is
/// the PC that they are for.
#[must_use]
pub fn request(bytes: &[u8]) -> Peeked {
    let length = match bytes {
        [] | [3] | [3, 0] | [3, 0, _] => return Peeked::More,
        [3, 0, high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => return Peeked::Never,
    };
    if !(HEAD..=LONGEST_REQUEST).contains(&length) {
        return Peeked::Never;
    }
    let fits = bytes.get(4).is_none_or(|told| usize::from(*told) + 5 <= length && *told >= 6)
        && bytes.get(5).is_none_or(|code| code & 0xf0 == 0xe0);
    if !fits {
        return Peeked::Never;
    }
    let Some(rest) = bytes.get(HEAD..length) else { return Peeked::More };
    let end = rest.windows(2).position(|two| two == b"\r\n");
    let (named, asked) = end.map_or((&rest[..0], rest), |at| (&rest[..at], &rest[at + 2..]));
    let user = named.strip_prefix(COOKIE).map(|user| String::from_utf8_lossy(user).into_owned());
    let protocols = match asked {
        [1, _, 8, 0, a, b, c, d, ..] => Some(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => None,
    };
    Peeked::Whole(Request { length, user, protocols })
}

/// What a PC answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// It chose this protocol: 0 is RDP's own, 1 TLS, 2 CredSSP, 8 CredSSP with early authorisation.
    Chosen(u32),
    /// It wants another one: [MS-RDPBCGR] 2.2.1.2.2 has the codes.
    Refused(u32),
    /// It does not negotiate: RDP's own, of before 2003.
    Old,
}

/// Bytes of a confirm by its first four; nothing: no TPKT, or a longer one than any confirm.
#[must_use]
pub fn confirm_length(first: [u8; 4]) -> Option<usize> {
    let [3, 0, high, low] = first else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    (HEAD..=LONGEST_REQUEST).contains(&length).then_some(length)
}

/// What a whole confirm says; nothing: it is none.
#[must_use]
pub fn confirm(answer: &[u8]) -> Option<Confirm> {
    if !confirms(answer) {
        return None;
    }
    match answer.get(HEAD..)? {
        [2, _, 8, 0, a, b, c, d, ..] => Some(Confirm::Chosen(u32::from_le_bytes([*a, *b, *c, *d]))),
        [3, _, 8, 0, a, b, c, d, ..] => Some(Confirm::Refused(u32::from_le_bytes([*a, *b, *c, *d]))),
        [] => Some(Confirm::Old),
        _ => None,
    }
}

/// Whether these first bytes are of an X.224 Connection Confirm ([MS-RDPBCGR] 2.2.1.2): then RDP is there, whatever it
/// says of protocols.
#[must_use]
pub fn confirms(answer: &[u8]) -> bool {
    match answer {
        [3, 0, high, low, length, code, ..] => {
            let whole = u16::from_be_bytes([*high, *low]);
            whole >= 11 && u16::from(*length) + 5 <= whole && *length >= 6 && code & 0xf0 == 0xd0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirm_is_known_from_anything_else() {
        let yes: [(&[u8], Confirm); 3] = [
            // Windows: TLS and CredSSP; xrdp without a negotiation response; a negotiation failure.
            (&[3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0x1f, 8, 0, 2, 0, 0, 0], Confirm::Chosen(2)),
            (&[3, 0, 0, 11, 6, 0xd0, 0, 0, 0x12, 0x34, 0], Confirm::Old),
            (&[3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 5, 0, 0, 0], Confirm::Refused(5)),
        ];
        for (answer, says) in yes {
            assert!(confirms(answer), "{answer:?}");
            assert_eq!(confirm(answer), Some(says));
            assert_eq!(confirm_length([answer[0], answer[1], answer[2], answer[3]]), Some(answer.len()));
        }
        let no: [&[u8]; 7] = [
            b"",
            b"SSH-2.0-OpenSSH",
            b"HTTP/1.1 400",
            &REQUEST,
            &[3, 0, 0, 11, 6],
            &[3, 0, 0, 4, 6, 0xd0],
            &[3, 0, 0, 11, 200, 0xd0],
        ];
        for answer in no {
            assert!(!confirms(answer), "{answer:?}");
            assert_eq!(confirm(answer), None);
        }
        assert_eq!(confirm_length(*b"SSH-"), None);
        assert_eq!(confirm_length([3, 0, 0xff, 0xff]), None);
    }

    /// TPKT and X.224 around what a client says.
    fn asked(what: &[u8]) -> Vec<u8> {
        let length = u16::try_from(HEAD + what.len()).unwrap();
        let told = u8::try_from(length - 5).unwrap_or(u8::MAX - 1);
        let head = [3, 0, length.to_be_bytes()[0], length.to_be_bytes()[1], told, 0xe0, 0, 0, 0, 0, 0];
        [&head, what].concat()
    }

    #[test]
    fn what_clients_ask_is_understood() {
        const NEGOTIATION: [u8; 8] = [1, 0, 8, 0, 11, 0, 0, 0];
        let correlated = [&[1, 8, 8, 0, 3, 0, 0, 0][..], &[6, 0, 36, 0], &[7; 32]].concat();
        let long = [b"Cookie: mstshash=".as_slice(), &[b'x'; 230], b"\r\n", &NEGOTIATION].concat();
        let cases: [(Vec<u8>, Option<&str>, Option<u32>); 8] = [
            (REQUEST[HEAD..].to_vec(), None, Some(3)),
            ([b"Cookie: mstshash=marta\r\n".as_slice(), &NEGOTIATION].concat(), Some("marta"), Some(11)),
            (b"Cookie: mstshash=OFFICE\\marta\r\n".to_vec(), Some("OFFICE\\marta"), None),
            ([b"tsv://VMResource.1.AH\r\n".as_slice(), &NEGOTIATION].concat(), None, Some(11)),
            ([b"Cookie: msts=3640205228.15629.0000\r\n".as_slice(), &correlated].concat(), None, Some(3)),
            (Vec::new(), None, None),
            ([b"Cookie: mstshash=\xff\xfe\r\n".as_slice(), &NEGOTIATION].concat(), Some("\u{fffd}\u{fffd}"), Some(11)),
            (long, Some("x".repeat(230).leak()), Some(11)),
        ];
        for (what, user, protocols) in cases {
            let bytes = asked(&what);
            let whole = Request { length: bytes.len(), user: user.map(str::to_owned), protocols };
            assert_eq!(request(&bytes), Peeked::Whole(whole.clone()));
            assert_eq!(request(&[bytes.as_slice(), b"more"].concat()), Peeked::Whole(whole));
            for n in 0..bytes.len() {
                assert_eq!(request(&bytes[..n]), Peeked::More, "{n} of {bytes:?}");
            }
        }
        for never in [
            b"\x16\x03\x01\x02\x00".as_slice(),
            b"GET / HTTP/1.1",
            b"\x03\x00\x00\x04",
            b"\x03\x00\xff\xff\x06\xe0",
            b"\x03\x00\x00\x0b\x06\xd0",
            b"\x03\x00\x00\x0b\xff",
        ] {
            assert_eq!(request(never), Peeked::Never, "{never:?}");
        }
    }
}
