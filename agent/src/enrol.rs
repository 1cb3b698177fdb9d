//! `passerelle-agent enrol`: a token becomes an identity.
//!
//! The token's secret is said only to a gateway that has proved to be the token's.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::bounded::Short;
use agent::message::{FromAgent, Papers, Refused, ToAgent, VERSION};
use agent::token::Token;
use anyhow::Context as _;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::config::{Config, Gateway};
use crate::connect::{Connection, Heard};
use crate::identity::{Folder, Key, certificates, fingerprint};
use crate::trust::{self, Known};

/// For the gateway to decide: it writes a row and signs a certificate.
const ANSWER: Duration = Duration::from_secs(30);

/// Characters of a token's file that are read: a token has 69.
const LONGEST: u64 = 1024;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// What `enrol` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The gateway: HOST or HOST:PORT
    #[arg(long, value_name = "HOST[:PORT]")]
    gateway: Option<Gateway>,
    /// The token from IT. Other users of this PC can see it while the command runs: --token-file is better
    #[arg(long, conflicts_with = "token_file")]
    token: Option<String>,
    /// A file that holds the token; - reads standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// In place of the enrolment that this PC has
    #[arg(long)]
    again: bool,
}

/// Enrols this PC.
pub(crate) async fn enrol(args: Args, file: &Path, host: Short) -> anyhow::Result<()> {
    #[cfg(windows)]
    Folder::new(&crate::config::folder(file)?).make()?;
    let before = Config::load(file)?;
    let config = match (args.gateway, before.clone()) {
        (Some(gateway), Some(before)) => Config { gateway, ..before },
        (Some(gateway), None) => Config::of(gateway),
        (None, Some(before)) => before,
        (None, None) => anyhow::bail!("say which gateway: --gateway 192.168.1.2"),
    };
    #[cfg(windows)]
    let config = config.beside(file)?;
    let folder = Folder::new(&config.state_dir);
    folder.make()?;
    if !args.again && folder.load()?.is_some() {
        anyhow::bail!("this PC is enrolled already; with --again it is enrolled anew");
    }
    by(&token(args.token, args.token_file.as_deref())?, &config, host).await?;
    if before.as_ref() != Some(&config) {
        config.keep(file)?;
    }
    crate::print(&format!(
        "This PC is enrolled with {}. IT has to approve it there, unless the token was for it.\n",
        config.gateway
    ))
}

/// By this token: makes a key, and keeps what the gateway that the token names makes of it.
pub(crate) async fn by(token: &Token, config: &Config, host: Short) -> anyhow::Result<()> {
    let key = Key::make()?;
    let chain = ask(&config.gateway, token.clone(), &key, host).await?;
    let authority = checked(&chain, token, &key)?;
    Folder::new(&config.state_dir).keep(&key, authority, &chain)
}

/// What the gateway sends back: certificates in PEM.
async fn ask(gateway: &Gateway, token: Token, key: &Key, host: Short) -> anyhow::Result<String> {
    let tls = trust::config(Known::Named(token.authority), None).context("TLS")?;
    let request = Papers::try_from(key.request()?)?;
    let mut connection = Connection::open(gateway, tls).await?;
    connection.say(&FromAgent::Enrol { version: VERSION, secret: token.secret.clone(), request, host }).await?;
    let answer = async {
        loop {
            match connection.hear().await? {
                Heard::Said(ToAgent::Enrolled { certificate }) => return Ok(certificate.into()),
                Heard::Said(ToAgent::Refused { why }) => return Err(Denied(why).into()),
                Heard::Said(_) | Heard::Pong | Heard::Nothing => {}
            }
        }
    };
    let answer = timeout(ANSWER, answer).await.context("the gateway does not answer")?;
    connection.close().await;
    answer
}

/// The authority's certificate, which is the chain's last; refused if it is another's or the first is not for this key.
fn checked<'c>(chain: &'c str, token: &Token, key: &Key) -> anyhow::Result<&'c str> {
    let all = certificates(chain)?;
    let last = all.last().filter(|last| fingerprint(last) == token.authority);
    last.context("the gateway sends another authority's certificate than the token names")?;
    key.certified(all)?;
    chain.rfind(BEGIN).and_then(|at| chain.get(at..)).context("no certificate where one is expected")
}

/// The gateway has said no.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{}", sentence(*.0))]
pub(crate) struct Denied(pub(crate) Refused);

/// Why, and what to do.
fn sentence(why: Refused) -> &'static str {
    match why {
        Refused::Token => "the gateway refuses the token: it is used up, too old or was taken back; ask IT for another",
        Refused::Key => {
            "the gateway knows this key from another PC: remove the agent's state directory, and enrol again"
        }
        Refused::Revoked => "IT has taken this PC's enrolment back; ask IT for a new token",
        Refused::Unknown => "the gateway does not know this PC; ask IT for a new token",
        Refused::Replaced => "another enrolment of this PC took the place of this one; try again",
        Refused::Flood => "too many PCs are being enrolled at once; try again in a minute",
        Refused::Busy => "the gateway cannot do it now; try again in a minute",
        Refused::Other => "the gateway refuses, for a reason that this version does not know; upgrade the agent",
    }
}

pub(crate) fn token(given: Option<String>, file: Option<&Path>) -> anyhow::Result<Token> {
    let mut text = Zeroizing::new(String::new());
    match (given, file) {
        (Some(given), _) => {
            let given = Zeroizing::new(given);
            tracing::warn!("a token on the command line is visible to other users of this PC: --token-file is better");
            text.push_str(&given);
        }
        (None, Some(file)) if file == Path::new("-") => {
            std::io::stdin().take(LONGEST).read_to_string(&mut text).context("read the token from standard input")?;
        }
        (None, Some(file)) => {
            let open = std::fs::File::open(file).with_context(|| format!("open {}", file.display()))?;
            open.take(LONGEST).read_to_string(&mut text).with_context(|| format!("read {}", file.display()))?;
        }
        (None, None) => {
            anyhow::ensure!(std::io::stdin().is_terminal(), "no token: --token-file FILE, or - for standard input");
            write!(std::io::stderr(), "Token from IT (it is not shown): ").context("ask for the token")?;
            let _hidden = hide();
            std::io::stdin().lock().take(LONGEST).read_line(&mut text).context("read the token")?;
            writeln!(std::io::stderr()).context("ask for the token")?;
        }
    }
    Ok(text.parse::<Token>()?)
}

/// What is typed is not shown, until this is dropped.
#[cfg(unix)]
fn hide() -> impl Sized {
    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
    struct Shown(Option<Termios>);
    impl Drop for Shown {
        fn drop(&mut self) {
            if let Some(before) = &self.0 {
                let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
            }
        }
    }
    let before = tcgetattr(std::io::stdin()).ok();
    if let Some(mut hidden) = before.clone() {
        hidden.local_modes.remove(LocalModes::ECHO);
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &hidden);
    }
    Shown(before)
}

#[cfg(windows)]
use crate::win32::console::hide;
