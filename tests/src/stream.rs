//! A stream that never ends by itself: when did the last byte come, how long was the longest gap, was it reset?

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::netns::Netns;

/// How long a read waits before it looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(50);
/// Connecting takes no longer.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct State {
    bytes: u64,
    last: Option<Instant>,
    longest_gap: Duration,
    ended: Option<String>,
    stop: bool,
}

/// A client of the office PC's endless stream (port 9000).
#[derive(Debug)]
pub struct Stream {
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

impl Stream {
    /// Connects from inside a namespace and reads on.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn open(ns: &Netns, to: SocketAddr) -> anyhow::Result<Self> {
        let mut tcp = ns.within(|| TcpStream::connect_timeout(&to, CONNECT_LIMIT).context("open the stream"))?;
        tcp.set_read_timeout(Some(LOOK))?;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let read = tcp.read(&mut buffer);
                let now = Instant::now();
                let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if state.stop {
                    return;
                }
                match read {
                    Ok(0) => state.ended = Some("closed by the other side".to_owned()),
                    Ok(n) => {
                        let gap = state.last.map_or(Duration::ZERO, |last| now - last);
                        state.longest_gap = state.longest_gap.max(gap);
                        state.bytes += n as u64;
                        state.last = Some(now);
                    }
                    Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
                    Err(e) => state.ended = Some(e.to_string()),
                }
                if state.ended.is_some() {
                    return;
                }
            }
        });
        Ok(Self { state, thread: Some(thread) })
    }

    fn look<T>(&self, at: impl FnOnce(&mut State) -> T) -> T {
        at(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bytes read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.look(|s| s.bytes)
    }

    /// When the last byte was read.
    #[must_use]
    pub fn last(&self) -> Option<Instant> {
        self.look(|s| s.last)
    }

    /// The longest time without a byte since the last call.
    #[must_use]
    pub fn take_longest_gap(&self) -> Duration {
        self.look(|s| std::mem::take(&mut s.longest_gap))
    }

    /// Why it ended, if it did.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.look(|s| s.ended.clone())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.look(|s| s.stop = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
