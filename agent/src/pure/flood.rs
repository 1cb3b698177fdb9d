//! How many messages of a gateway are heard.

use std::time::Duration;

/// Messages that are heard in one [`WINDOW`]: a gateway says one when it wants something, and PCs are asked a few times a
/// minute at most.
const MOST: u32 = 240;

const WINDOW: Duration = Duration::from_secs(60);

/// Counts what comes.
#[derive(Debug, Default)]
pub(crate) struct Flood {
    began: Duration,
    heard: u32,
}

impl Flood {
    /// Whether one more is heard; `now` is the time since the connection began.
    pub(crate) fn hears(&mut self, now: Duration) -> bool {
        if now.saturating_sub(self.began) >= WINDOW {
            *self = Self { began: now, heard: 0 };
        }
        self.heard = self.heard.saturating_add(1);
        self.heard <= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_from_a_talk() {
        let mut flood = Flood::default();
        assert!((0..MOST).all(|_| flood.hears(Duration::ZERO)));
        assert!(!flood.hears(WINDOW - Duration::from_millis(1)));
        let mut talk = Flood::default();
        assert!((0..10_000).all(|n| talk.hears(Duration::from_secs(n))));
    }
}
