//! A real mail server on a machine of the office: aiosmtpd, which keeps each letter as a file.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use crate::netns::Netns;
use crate::place::Office;
use crate::process::{Process, wait_until};

const START_LIMIT: Duration = Duration::from_secs(20);

/// A letter is here within this, or it was not sent.
const LETTER_LIMIT: Duration = Duration::from_secs(15);

/// The server; it ends with this value.
#[derive(Debug)]
pub struct MailServer {
    folder: PathBuf,
    _process: Process,
}

impl MailServer {
    /// On this port, for this user and password. `encrypts`: it takes letters by STARTTLS only, with a certificate that
    /// nobody trusts.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(
        office: &Office,
        ns: &Netns,
        port: u16,
        (user, password): (&str, &str),
        encrypts: bool,
    ) -> anyhow::Result<Self> {
        let folder = office.directory().join(format!("mail-{port}"));
        fs::create_dir_all(&folder).context("make the mail server's folder")?;
        let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let (certificate, key) = (path("certificate.pem"), path("key.pem"));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail.py");
        let (port_text, at) = (port.to_string(), folder.to_string_lossy().into_owned());
        let mut words = vec!["/usr/bin/python3", script, &port_text, &at, user, password];
        if encrypts {
            let subject = ["-subj", "/CN=mail.office.lan", "-days", "2", "-nodes"];
            let made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
            let files = ["-keyout", &key, "-out", &certificate];
            ns.ok(made.iter().chain(&subject).chain(&files))?;
            words.extend([certificate.as_str(), key.as_str()]);
        }
        let process = ns.spawn(words)?;
        wait_until("the mail server is ready", START_LIMIT, || Ok(process.log().contains("ready").then_some(())))?;
        Ok(Self { folder, _process: process })
    }

    /// The letter to this address, as it came.
    ///
    /// # Errors
    /// There is none.
    pub fn letter(&self, to: &str) -> anyhow::Result<String> {
        let head = format!("X-To: {to}\n");
        let (letter, _) = wait_until(&format!("a letter to {to}"), LETTER_LIMIT, || {
            for entry in fs::read_dir(&self.folder)? {
                let path = entry?.path();
                if path.extension().is_some_and(|e| e == "eml") {
                    let text = fs::read_to_string(path)?;
                    if text.starts_with(&head) {
                        return Ok(Some(text));
                    }
                }
            }
            Ok(None)
        })?;
        Ok(letter)
    }
}
