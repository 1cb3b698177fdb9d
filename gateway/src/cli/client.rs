//! An HTTP/1.1 client of the API on its Unix socket: one request a connection, everything bounded.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::config::Config;
use crate::http::problem::Problem;
use crate::store::Database;

/// Longest answer taken: an audit of 1,000 lines has well under 1 MB.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// An answer waits for the data plane's confirmation, at worst; then something is wrong with the gateway.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What every path begins with.
const BASE: &str = "/api/v1/";

/// Asks the API. Blocking: a command does one thing after the other.
pub(super) struct Client {
    socket: PathBuf,
    /// What must be there once set-up was run.
    database: Option<PathBuf>,
    runtime: tokio::runtime::Runtime,
}

/// The API said no.
#[derive(Clone, Debug)]
pub(super) struct ApiError(pub(super) Problem);

impl Client {
    pub(super) fn of(config: &Config) -> anyhow::Result<Self> {
        let database = match config.database() {
            Database::Sqlite(file) => Some(file),
            Database::Postgres(_) => None,
        };
        Ok(Self { database, ..Self::new(config.api_socket())? })
    }

    pub(super) fn new(socket: PathBuf) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the client")?;
        Ok(Self { socket, database: None, runtime })
    }

    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.ask(Method::GET, path, Bytes::new())
    }

    /// With the query's fields after the question mark.
    pub(super) fn get_with<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<T> {
        let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        self.get(&if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) })
    }

    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.ask(Method::POST, path, serde_json::to_vec(body)?.into())
    }

    /// A request whose path says everything.
    pub(super) fn act<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.ask(Method::POST, path, Bytes::new())
    }

    pub(super) fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.ask(Method::PUT, path, serde_json::to_vec(body)?.into())
    }

    pub(super) fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.ask(Method::PATCH, path, serde_json::to_vec(body)?.into())
    }

    pub(super) fn delete<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.ask(Method::DELETE, path, Bytes::new())
    }

    fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<T> {
        // The timer is made inside, where it finds its runtime.
        let answer =
            self.runtime.block_on(async { tokio::time::timeout(TIMEOUT, exchange(self, method, path, body)).await });
        let (status, bytes) = answer.map_err(|_| {
            anyhow::anyhow!("the gateway did not answer within {} s; see its log (journalctl)", TIMEOUT.as_secs())
        })??;
        if !status.is_success() {
            return Err(refusal(status.as_u16(), &bytes).into());
        }
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(bytes).with_context(|| {
            format!("the gateway answered `{path}` in a way this version does not know; are both the same version?")
        })
    }
}

async fn exchange(
    client: &Client,
    method: Method,
    path: &str,
    body: Bytes,
) -> anyhow::Result<(hyper::StatusCode, Bytes)> {
    let stream = UnixStream::connect(&client.socket).await.map_err(|e| not_reached(client, &e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(format!("{BASE}{path}"))
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(body))?;
    let answer = sender.send_request(request).await.context("the gateway closed the connection")?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
    let bytes = body.map_err(|e| anyhow::anyhow!("read the gateway's answer: {e}"))?.to_bytes();
    driver.abort();
    Ok((status, bytes))
}

fn not_reached(client: &Client, error: &std::io::Error) -> anyhow::Error {
    let socket = client.socket.display();
    // What cannot be looked at may be there.
    let not_set_up = client.database.as_ref().filter(|file| matches!(file.try_exists(), Ok(false)));
    match (error.kind(), not_set_up) {
        (ErrorKind::NotFound | ErrorKind::ConnectionRefused, Some(file)) => {
            anyhow::anyhow!("this gateway is not set up ({} is not there): run `passerelle setup`", file.display())
        }
        (ErrorKind::NotFound | ErrorKind::ConnectionRefused, None) => anyhow::anyhow!(
            "the gateway is not running (nothing answers at {socket}). Start it with `systemctl start passerelle.target`, \
             or with `passerelle run` for a trial; on a new machine begin with `passerelle setup`"
        ),
        (ErrorKind::PermissionDenied, _) => {
            anyhow::anyhow!("only root may command the gateway ({socket}): run this with sudo")
        }
        _ => anyhow::anyhow!("connect to the gateway at {socket}: {error}"),
    }
}

fn refusal(status: u16, bytes: &[u8]) -> ApiError {
    ApiError(serde_json::from_slice(bytes).unwrap_or_else(|_| Problem {
        kind: String::new(),
        title: format!("the gateway answered with status {status}"),
        status,
        detail: None,
        missing: None,
        retry_after: None,
        request: None,
    }))
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.detail.as_deref().unwrap_or(&self.0.title))?;
        if let Some(command) = self.0.missing.as_deref().and_then(who_shows_all) {
            write!(f, "; {command}")?;
        }
        if let Some(seconds) = self.0.retry_after {
            write!(f, "; wait {seconds} s, then try again")?;
        }
        if let Some(request) = self.0.request.as_deref().filter(|_| self.0.status >= 500) {
            write!(f, " (request {request} in the gateway's log)")?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}

/// The command that lists this kind of thing.
pub(super) fn who_shows_all(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "user" => "`passerelle user list` shows all",
        "group" => "`passerelle group list` shows all",
        "device" => "`passerelle device list` shows all",
        "resource" => "`passerelle share list`, and that of `service`, `workstation` and `network`, show all",
        "workstation" => "`passerelle workstation list` shows all",
        "agent" => "`passerelle agent list` shows all",
        "agent token" => "`passerelle agent tokens` shows all, with their ids",
        "desktop" => "`passerelle desktop list` shows all, with their ids",
        "pool" => "`passerelle pool list` shows all",
        "booking" => "`passerelle booking list` shows all, with their ids",
        "policy" => "`passerelle policy list` shows all",
        "invitation" => "`passerelle invitation list` shows all",
        "verification" | "running verification" => "`passerelle verification list` shows all that run",
        _ => return None,
    })
}

/// Percent-encodes one path segment or query value: all but RFC 3986's unreserved characters.
pub(super) fn escape(text: &str) -> String {
    let out = provisioning::percent::encode(text.as_bytes(), b"");
    // Dots alone would walk up the path.
    if out == "." || out == ".." { out.replace('.', "%2E") } else { out }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::http::problem::Slug;

    #[test]
    fn a_gateway_that_was_never_set_up_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let config = Config { state_dir: at("state"), runtime_dir: at("run"), ..Config::default() };
        let error = Client::of(&config).unwrap().get::<()>("status").unwrap_err().to_string();
        assert!(error.contains("not set up") && error.contains("passerelle setup"), "{error}");
        std::fs::create_dir(at("state")).unwrap();
        std::fs::write(at("state/passerelle.db"), "").unwrap();
        let error = Client::of(&config).unwrap().get::<()>("status").unwrap_err().to_string();
        assert!(error.contains("not running"), "{error}");
    }

    #[test]
    fn what_people_type_stays_one_segment() {
        for (text, segment) in
            [("anne", "anne"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("é", "%C3%A9"), ("..", "%2E%2E"), ("a..b", "a..b")]
        {
            assert_eq!(escape(text), segment);
        }
    }

    #[test]
    fn a_gateway_that_is_not_there_is_said_so() {
        let client = Client::new("/nonexistent/api.sock".into()).unwrap();
        let error = client.get::<()>("status").unwrap_err().to_string();
        assert!(error.contains("not running") && error.contains("passerelle run"), "{error}");
    }

    /// Answers each connection with one of `answers`, and returns what was asked, head and body.
    pub(in crate::cli) fn server(
        answers: Vec<&'static str>,
    ) -> (tempfile::TempDir, PathBuf, std::thread::JoinHandle<Vec<String>>) {
        use std::io::{Read as _, Write as _};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let thread = std::thread::spawn(move || {
            let one = |answer: &str| {
                let (mut stream, _) = listener.accept().unwrap();
                let (mut seen, mut buffer) = (String::new(), [0; 4096]);
                let whole = |seen: &str| {
                    let Some((head, body)) = seen.split_once("\r\n\r\n") else { return false };
                    let length =
                        head.lines().find_map(|l| l.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
                    body.len() >= length
                };
                while !whole(&seen) {
                    let read = stream.read(&mut buffer).unwrap();
                    seen.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
                }
                stream.write_all(answer.as_bytes()).unwrap();
                seen
            };
            answers.into_iter().map(one).collect()
        });
        (folder, path, thread)
    }

    #[test]
    fn asks_as_the_api_expects() {
        let (_folder, path, thread) = server(vec![
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[1,2]",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n{\"type\":\"urn:passerelle:not-found\",\"title\":\"gone\",\"status\":404}",
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\noops",
        ]);
        let client = Client::new(path).unwrap();
        let numbers: Vec<u32> = client.get_with("audit", &[("user", "a&b".to_owned())]).unwrap();
        assert_eq!(numbers, [1, 2]);
        client.post::<()>("invitations/inspect", &serde_json::json!({ "a": 1 })).unwrap();
        let gone = client.delete::<()>("groups/x").unwrap_err();
        assert_eq!(gone.downcast_ref::<ApiError>().unwrap().0.slug(), Some(Slug::NotFound));
        assert!(client.act::<()>("users/x/disable").unwrap_err().to_string().contains("same version"));
        let seen = thread.join().unwrap();
        assert!(seen[0].starts_with("GET /api/v1/audit?user=a%26b HTTP/1.1\r\n"), "{}", seen[0]);
        assert!(
            seen[1].starts_with("POST /api/v1/invitations/inspect ") && seen[1].ends_with("{\"a\":1}"),
            "{}",
            seen[1]
        );
        assert!(
            seen[2].starts_with("DELETE /api/v1/groups/x ") && seen[3].starts_with("POST /api/v1/users/x/disable ")
        );
    }

    #[test]
    fn a_name_nobody_has_comes_with_the_command_that_lists_them() {
        let body = br#"{"type":"urn:passerelle:not-found","title":"no such thing","status":404,"detail":"no group `x`","missing":"group"}"#;
        assert_eq!(refusal(404, body).to_string(), "no group `x`; `passerelle group list` shows all");
    }

    #[test]
    fn problems_keep_their_slug() {
        let error = refusal(
            429,
            br#"{"type":"urn:passerelle:too-many-attempts","title":"too many attempts","status":429,"retry_after":12}"#,
        );
        assert_eq!(error.0.slug(), Some(Slug::TooManyAttempts));
        assert_eq!(error.to_string(), "too many attempts; wait 12 s, then try again");
        assert_eq!(refusal(502, b"<html>").0.slug(), None);
    }
}
