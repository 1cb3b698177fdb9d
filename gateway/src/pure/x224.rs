//! The first exchange of RDP, in the clear: what a client asks, and what tells that a PC is ready without beginning a
//! session ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2; X.224; TPKT is RFC 1006).

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

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peeked {
    /// The beginning of a request, perhaps.
    More,
    /// No RDP client sends this.
    Never,
    /// A request of so many bytes; what follows them belongs to somebody who did not wait for an answer.
    Whole(usize),
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
    if bytes.len() < length { Peeked::More } else { Peeked::Whole(length) }
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

/// The same request without anything but the protocols that are known here: no cookie, which names people, no routing token,
/// no flags. Nothing, if it is no request, or asks for nothing.
#[must_use]
pub fn bare(asked: &[u8]) -> Option<[u8; REQUEST.len()]> {
    // TLS, CredSSP, and CredSSP with its early answer.
    const KNOWN: u8 = 1 | 2 | 8;
    if request(asked) != Peeked::Whole(asked.len()) {
        return None;
    }
    let protocols = match asked.last_chunk::<8>()? {
        [1, _, 8, 0, low, ..] => low & KNOWN,
        _ => return None,
    };
    let mut bare = REQUEST;
    bare[REQUEST.len() - 4] = protocols;
    (protocols != 0).then_some(bare)
}

/// How a PC wants to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// By TLS alone: whoever comes is asked for a password on the PC's own screen.
    Tls,
    /// By TLS, and whoever comes signs in before they see anything (CredSSP: network level authentication).
    Nla,
}

/// What a PC answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The beginning of an answer, perhaps.
    More,
    /// No RDP server sends this, or one that knows neither TLS nor NLA.
    Never,
    /// It refuses what was asked for ([MS-RDPBCGR] 2.2.1.2.2).
    Refuses,
    /// It goes on.
    Goes(Security),
}

/// What a PC answers a request ([MS-RDPBCGR] 2.2.1.2.1).
#[must_use]
pub fn answered(bytes: &[u8]) -> Answered {
    const LENGTH: usize = 19;
    let beginning = [3, 0, 0, 19, 14];
    if bytes.len() < LENGTH {
        let fits = bytes.iter().zip(beginning).all(|(a, b)| *a == b);
        return if fits { Answered::More } else { Answered::Never };
    }
    match (confirms(bytes), bytes) {
        (true, [3, 0, 0, 19, 14, _, _, _, _, _, _, 3, _, 8, 0, ..]) => Answered::Refuses,
        (true, [3, 0, 0, 19, 14, _, _, _, _, _, _, 2, _, 8, 0, protocol, 0, 0, 0, ..]) => match protocol {
            1 => Answered::Goes(Security::Tls),
            2 | 8 => Answered::Goes(Security::Nla),
            _ => Answered::Never,
        },
        _ => Answered::Never,
    }
}

/// Whether these first bytes are of an MCS Connect Response, by which a PC lets somebody go on who has signed in, or has yet
/// to ([MS-RDPBCGR] 2.2.1.4): what comes before is CredSSP's.
#[must_use]
pub fn goes_on(bytes: &[u8]) -> bool {
    matches!(bytes, [3, 0, _, _, 2, 0xf0, 0x80, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_request_names_nobody() {
        let named = asked(b"Cookie: mstshash=marta\r\n\x01\x01\x08\x00\x1b\x00\x00\x00");
        let mut wanted = REQUEST;
        wanted[15] = 0x0b;
        assert_eq!(bare(&named), Some(wanted));
        assert_eq!(bare(&REQUEST), Some(REQUEST));
        for none in
            [asked(b""), asked(b"Cookie: mstshash=marta\r\n"), asked(&[1, 0, 8, 0, 0x10, 0, 0, 0]), b"GET /".to_vec()]
        {
            assert_eq!(bare(&none), None, "{none:?}");
        }
    }

    #[test]
    fn a_pc_says_how_it_goes_on() {
        let with = |code: u8, value: u8| [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, code, 0x1f, 8, 0, value, 0, 0, 0];
        let table = [
            (with(2, 1), Answered::Goes(Security::Tls)),
            (with(2, 2), Answered::Goes(Security::Nla)),
            (with(2, 8), Answered::Goes(Security::Nla)),
            // The old RDP encryption, and what nobody knows here.
            (with(2, 0), Answered::Never),
            (with(2, 16), Answered::Never),
            (with(3, 5), Answered::Refuses),
            (with(7, 1), Answered::Never),
            (REQUEST, Answered::Never),
        ];
        for (bytes, wanted) in table {
            assert_eq!(answered(&bytes), wanted, "{bytes:?}");
        }
        let whole = with(2, 2);
        for n in 0..whole.len() {
            assert_eq!(answered(&whole[..n]), Answered::More, "{n}");
        }
        assert_eq!(answered(&[3, 0, 0, 11, 6, 0xd0, 0, 0, 0x12, 0x34, 0]), Answered::Never, "older than TLS");
        assert_eq!(answered(b"SSH-2.0"), Answered::Never);
        assert!(goes_on(&[3, 0, 1, 0, 2, 0xf0, 0x80, 0x7f]) && !goes_on(&[0x30, 0x37, 0xa0]));
    }

    #[test]
    fn a_confirm_is_known_from_anything_else() {
        let yes: [&[u8]; 3] = [
            // Windows: TLS and CredSSP; xrdp without a negotiation response; a negotiation failure.
            &[3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0x1f, 8, 0, 2, 0, 0, 0],
            &[3, 0, 0, 11, 6, 0xd0, 0, 0, 0x12, 0x34, 0],
            &[3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 5, 0, 0, 0],
        ];
        for answer in yes {
            assert!(confirms(answer), "{answer:?}");
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
        }
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
        let cases: [Vec<u8>; 8] = [
            REQUEST[HEAD..].to_vec(),
            [b"Cookie: mstshash=marta\r\n".as_slice(), &NEGOTIATION].concat(),
            b"Cookie: mstshash=OFFICE\\marta\r\n".to_vec(),
            [b"tsv://VMResource.1.AH\r\n".as_slice(), &NEGOTIATION].concat(),
            [b"Cookie: msts=3640205228.15629.0000\r\n".as_slice(), &correlated].concat(),
            Vec::new(),
            [b"Cookie: mstshash=\xff\xfe\r\n".as_slice(), &NEGOTIATION].concat(),
            long,
        ];
        for what in cases {
            let bytes = asked(&what);
            let whole = Peeked::Whole(bytes.len());
            assert_eq!(request(&bytes), whole);
            assert_eq!(request(&[bytes.as_slice(), b"more"].concat()), whole);
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
