//! Where the messages of RDP end, as long as a connection is being made (TPKT: RFC 1006; fast-path:
//! [MS-RDPBCGR] 2.2.9.1.2).
//!
//! The browser's component throws away whatever came together with the last message of its connection sequence: it would
//! know of no clipboard, or lose its place among the messages. It gets each of them alone.

/// Bytes that are looked at: the messages of a connection sequence are far shorter.
const MOST: usize = 64 * 1024;

/// Version, reserved, length in two bytes.
const HEAD: usize = 4;

/// The beginning of what a PC says, once TLS stands.
#[derive(Debug, Default)]
pub struct Beginning {
    head: [u8; HEAD],
    /// How much of `head` is known.
    known: usize,
    /// What is missing of the message that has begun.
    left: usize,
    seen: usize,
    /// CredSSP is over.
    begun: bool,
    over: bool,
}

impl Beginning {
    /// How many of these bytes, which follow those before, belong into one message for the page; one at least, if there are
    /// any.
    pub fn cut(&mut self, bytes: &[u8]) -> usize {
        if self.over {
            return bytes.len();
        }
        let to = self.end(bytes);
        self.seen += to;
        self.over |= self.seen > MOST;
        to
    }

    fn end(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.left > 0 {
                let taken = self.left.min(bytes.len() - at);
                (at, self.left) = (at + taken, self.left - taken);
            } else {
                (self.head[self.known], self.known, at) = (*byte, self.known + 1, at + 1);
                if self.head[0] != 3 {
                    // CredSSP, whose every message waits for the other side; or fast-path, and a picture.
                    (self.known, self.over) = (0, self.begun);
                    return bytes.len();
                }
                if self.known < HEAD {
                    continue;
                }
                let [.., high, low] = self.head;
                let Some(left) = usize::from(u16::from_be_bytes([high, low])).checked_sub(HEAD) else {
                    self.over = true;
                    return bytes.len();
                };
                (self.known, self.left, self.begun) = (0, left, true);
            }
            if self.left == 0 {
                return at;
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What becomes one message each, if it comes in these pieces.
    fn messages(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut beginning = Beginning::default();
        let mut all = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let (message, more) = rest.split_at(beginning.cut(rest));
                all.push(message.to_vec());
                rest = more;
            }
        }
        all
    }

    #[test]
    fn each_message_goes_alone_until_the_first_picture() {
        let credssp = [0x30, 3, 2, 1, 6];
        let [first, second] = [[3, 0, 0, 6, 1, 2], [3, 0, 0, 6, 3, 3]];
        let picture = [0, 5, 3, 0, 0, 3, 0, 0, 6, 3, 3];
        let all = [&first[..], &second, &first, &picture].concat();
        assert_eq!(
            messages(&[&credssp, &[0, 0, 0, 0], &all]),
            [&credssp[..], &[0, 0, 0, 0], &first, &second, &first, &picture]
        );
        // In pieces, no message has the end of one and the beginning of the next.
        assert_eq!(messages(&[&all[..3], &all[3..9], &all[9..12]]), [&all[..3], &all[3..6], &all[6..9], &all[9..12]]);
    }

    #[test]
    fn what_is_none_is_passed_on() {
        assert_eq!(
            messages(&[&[3, 0, 0, 3, 9, 9], &[3, 0, 0, 5, 1, 3]]),
            [&[3, 0, 0, 3, 9, 9][..], &[3, 0, 0, 5, 1, 3]]
        );
        let [long, two] = [[3, 0, 0xff, 0xff].repeat(16_384), [3, 0, 0, 4].repeat(2)];
        assert_eq!(messages(&[&long, &two]).last().map(Vec::len), Some(8), "it looks at more than it says");
    }

    proptest! {
        #[test]
        fn nothing_is_lost(bytes: Vec<u8>, at in 0_usize..200) {
            let (first, second) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(messages(&[first, second]).concat(), bytes);
        }
    }
}
