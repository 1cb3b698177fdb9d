//! The API over the command line's socket, for what has to be timed to the millisecond.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::Gateway;
use crate::capture::now;

/// No answer takes longer.
const LIMIT: Duration = Duration::from_secs(20);

/// What the API answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body; `null` if there was none.
    pub body: Value,
    /// From the request to the answer.
    pub took: Duration,
    /// When the answer was there: by the clock of captures.
    pub at: Duration,
    /// The same, for intervals.
    pub instant: Instant,
}

impl Gateway<'_> {
    /// A request to `/api/v1/<path>` as the command line would make it.
    ///
    /// # Errors
    /// Nobody answers, or not in HTTP.
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut socket = UnixStream::connect(self.api_socket()).context("connect to the API's socket")?;
        socket.set_read_timeout(Some(LIMIT))?;
        socket.set_write_timeout(Some(LIMIT))?;
        let began = Instant::now();
        write!(
            socket,
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut first = [0];
        socket.read_exact(&mut first).context("read the API's answer")?;
        let (instant, at) = (Instant::now(), now());
        let mut text = String::from_utf8_lossy(&first).into_owned();
        socket.read_to_string(&mut text).context("read the API's answer")?;
        let (head, body) = text.split_once("\r\n\r\n").context("an HTTP answer")?;
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).context("an HTTP status")?;
        ensure!(!head.to_ascii_lowercase().contains("transfer-encoding: chunked"), "a chunked answer is not read here");
        let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).context("a JSON body")? };
        Ok(Answer { status, body, took: instant - began, at, instant })
    }

    /// A change without a body that the API must carry out.
    ///
    /// # Errors
    /// It answered with something else than success.
    pub fn change(&self, method: &str, path: &str) -> anyhow::Result<Answer> {
        let answer = self.api(method, path, None)?;
        ensure!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.body);
        Ok(answer)
    }
}
