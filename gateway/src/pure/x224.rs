//! The first exchange of RDP: what tells that a PC is ready, without beginning a session.

/// An X.224 Connection Request with an RDP Negotiation Request for TLS and CredSSP ([MS-RDPBCGR] 2.2.1.1), in a TPKT
/// (RFC 1006).
pub const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];

/// Bytes of an answer that are looked at: TPKT, length, and the code of the TPDU.
pub const ENOUGH: usize = 6;

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
}
