//! The portal as a browser in the tunnel sees it: real HTTPS by curl, trusting the gateway's own authority only.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::cast::Person;
use super::{Gateway, NAME, text_at};
use crate::capture::now;
use crate::netns::Netns;

/// Seconds a page may take.
const LIMIT_S: &str = "60";

/// A browser on one machine.
#[derive(Debug)]
pub struct Web<'o> {
    ns: &'o Netns,
    authority: PathBuf,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// The body; a text where it is no JSON.
    pub body: Value,
    /// From the start of curl to its end.
    pub took: Duration,
    /// When the answer was there, by the clock of captures.
    pub at: Duration,
}

impl Page {
    /// The slug of a problem: `wrong-credentials`.
    #[must_use]
    pub fn slug(&self) -> &str {
        let kind = self.body.get("type").and_then(Value::as_str).unwrap_or_default();
        kind.rsplit(':').next().unwrap_or_default()
    }
}

impl<'o> Gateway<'o> {
    /// A browser on a machine whose tunnel is up. It trusts the gateway's internal authority and nobody else.
    ///
    /// # Errors
    /// The authority's certificate cannot be had.
    pub fn web(&self, ns: &'o Netns) -> anyhow::Result<Web<'o>> {
        Ok(Web { ns, authority: self.authority()? })
    }

    /// The file with the internal authority's certificate, as IT hands it out.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn authority(&self) -> anyhow::Result<PathBuf> {
        let authority = self.office().directory().join("authority.pem");
        if !authority.exists() {
            let pem = text_at(&self.cli(&["authority"])?, "/certificate")?;
            ensure!(pem.starts_with("-----BEGIN CERTIFICATE"), "no certificate but `{pem}`");
            std::fs::write(&authority, pem).context("write the authority's certificate")?;
        }
        Ok(authority)
    }
}

impl Web<'_> {
    /// `GET`, of a path such as `/api/v1/door`.
    ///
    /// # Errors
    /// No connection, no trust, or no HTTP.
    pub fn read(&self, path: &str) -> anyhow::Result<Page> {
        self.request("GET", path, None)
    }

    /// `POST` of a JSON document.
    ///
    /// # Errors
    /// No connection, no trust, or no HTTP.
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Page> {
        self.request("POST", path, Some(body))
    }

    /// `DELETE`.
    ///
    /// # Errors
    /// No connection, no trust, or no HTTP.
    pub fn delete(&self, path: &str) -> anyhow::Result<Page> {
        self.request("DELETE", path, None)
    }

    /// What is there, to the byte, in this file.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn download(&self, path: &str, to: &Path) -> anyhow::Result<()> {
        let (url, to) = (format!("https://{NAME}{path}"), to.to_string_lossy());
        let authority = self.authority.to_string_lossy();
        let argv = ["curl", "-sSf", "--max-time", LIMIT_S, "--cacert", &authority, "--output", &to, &url];
        self.ns.ok(argv).map(drop)
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Page> {
        let url = format!("https://{NAME}{path}");
        let authority = self.authority.to_string_lossy();
        let mut argv = vec![
            "curl",
            "--silent",
            "--show-error",
            "--max-time",
            LIMIT_S,
            "--cacert",
            &authority,
            "--request",
            method,
            "--write-out",
            "\n%{http_code}",
        ];
        if body.is_some() {
            // The body by standard input: a password has no business among the arguments.
            argv.extend(["--header", "Content-Type: application/json", "--data-binary", "@-"]);
        }
        argv.push(&url);
        let began = Instant::now();
        let out = self.ns.run_with(argv, &body.map(Value::to_string).unwrap_or_default())?;
        let (took, at) = (began.elapsed(), now());
        ensure!(out.ok(), "curl {url} on {}: {}", self.ns.name(), out.stderr.trim());
        let (body, status) = out.stdout.rsplit_once('\n').context("an HTTP status")?;
        let body = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body));
        Ok(Page { status: status.parse()?, body, took, at })
    }

    /// Signs in with any code, and says what came back.
    ///
    /// # Errors
    /// No connection.
    pub fn try_sign_in(&self, login: &str, password: &str, code: &str) -> anyhow::Result<Page> {
        self.post("/api/v1/sign-in", &json!({ "user": login, "password": password, "code": code }))
    }

    /// Signs in with a fresh code; the door of this machine's device is open then.
    ///
    /// # Errors
    /// It was refused.
    pub fn sign_in(&self, person: &mut Person) -> anyhow::Result<Page> {
        let code = person.authenticator.fresh_code()?;
        let page = self.try_sign_in(&person.login, &person.password, &code)?;
        ensure!(page.status == 200, "sign-in of {}: {} {}", person.login, page.status, page.body);
        ensure!(page.body.pointer("/door/state") == Some(&Value::from("open")), "not open: {}", page.body);
        Ok(page)
    }

    /// Whether this machine's door is open, as the portal says.
    ///
    /// # Errors
    /// No connection.
    pub fn door_is_open(&self) -> anyhow::Result<bool> {
        let page = self.read("/api/v1/door")?;
        ensure!(page.status == 200, "GET door: {} {}", page.status, page.body);
        Ok(page.body.get("state") == Some(&Value::from("open")))
    }
}
