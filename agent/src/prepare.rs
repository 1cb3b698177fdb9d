//! `passerelle-agent prepare` (on Windows) and `forget`: for installers. The one leaves gateway and token for the service, which
//! enrols when the gateway is reached; the other takes all of it away.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context as _;

use crate::config::Config;
use crate::identity::Folder;
use crate::status::Keeper;
#[cfg(any(windows, test))]
use crate::{config::Gateway, enrol, identity::replace};
#[cfg(any(windows, test))]
use {agent::token::Token, std::path::PathBuf, zeroize::Zeroizing};

/// What `prepare` is told.
#[cfg(any(windows, test))]
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The gateway: HOST or HOST:PORT
    #[arg(long, value_name = "HOST[:PORT]")]
    gateway: Option<Gateway>,
    /// A file that holds the token; - reads standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Leaves what the service needs to enrol. A PC that is enrolled stays so.
#[cfg(any(windows, test))]
pub(crate) fn prepare(args: Args, file: &Path) -> anyhow::Result<()> {
    #[cfg(windows)]
    Folder::new(&crate::config::folder(file)?).make()?;
    let before = Config::load(file)?;
    let config = match (args.gateway, before.clone()) {
        (Some(gateway), Some(before)) => Config { gateway, ..before },
        (Some(gateway), None) => Config::of(gateway),
        (None, Some(before)) => before,
        (None, None) if args.token_file.is_some() => anyhow::bail!("say which gateway: --gateway 192.168.1.2"),
        // The folder is made before anybody else can.
        (None, None) => return Ok(()),
    };
    #[cfg(windows)]
    let config = config.beside(file)?;
    let folder = Folder::new(&config.state_dir);
    folder.make()?;
    if before.as_ref() != Some(&config) {
        config.keep(file)?;
    }
    let Some(from) = args.token_file else { return Ok(()) };
    let token = enrol::token(None, Some(&from))?;
    if folder.load()?.is_none() {
        replace(&token_file(&config.state_dir), Zeroizing::new(token.to_string()).as_bytes(), 0o600)?;
    }
    Ok(())
}

/// The token that was left; nothing if none was, or if it is none.
#[cfg(any(windows, test))]
pub(crate) fn token(state_dir: &Path) -> Option<Token> {
    let text = Zeroizing::new(std::fs::read_to_string(token_file(state_dir)).ok()?);
    text.parse().ok()
}

/// Nobody needs it any more.
#[cfg(any(windows, test))]
pub(crate) fn take_token_away(state_dir: &Path) -> anyhow::Result<()> {
    gone(&token_file(state_dir))
}

/// Takes away what the agent keeps: identity, configuration, log. Whatever else is in its folders stays.
pub(crate) fn forget(file: &Path) -> anyhow::Result<()> {
    #[cfg(windows)]
    let state_dir = crate::config::folder(file)?;
    #[cfg(windows)]
    Folder::new(&state_dir).check()?;
    // A configuration that cannot be read names no folder.
    #[cfg(not(windows))]
    let state_dir = Config::load(file).ok().flatten().map_or_else(crate::config::state_dir, |config| config.state_dir);
    if !state_dir.exists() && !file.exists() {
        return Ok(());
    }
    if state_dir.exists() {
        drop(Keeper::take(&state_dir).context("stop the service first")?);
        Folder::new(&state_dir).forget()?;
        for name in ["token", "token.part", "status.json", "status.json.part", "agent.log", "agent.log.1", "lock"] {
            gone(&state_dir.join(name))?;
        }
    }
    gone(file)?;
    // Those that are not empty stay.
    let above = state_dir.parent().filter(|above| above.ends_with("Passerelle"));
    for folder in [Some(state_dir.as_path()), file.parent(), above].into_iter().flatten() {
        let _ = std::fs::remove_dir(folder);
    }
    Ok(())
}

#[cfg(any(windows, test))]
fn token_file(state_dir: &Path) -> PathBuf {
    state_dir.join("token")
}

/// Removes a file that may be there.
pub(crate) fn gone(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e).with_context(|| format!("remove {}", path.display())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use agent::bounded::Fingerprint;
    use agent::token::Secret;

    use super::*;

    #[test]
    fn what_was_left_is_found_and_forgotten() {
        let at = tempfile::tempdir().unwrap();
        let state = at.path().join("state");
        let file = if cfg!(windows) { state.join("agent.toml") } else { at.path().join("agent.toml") };
        let token = Token { secret: Secret::new([7; 16]), authority: Fingerprint([9; 32]) };
        let given = at.path().join("token.txt");
        std::fs::write(&given, format!("{token}\r\n")).unwrap();
        let args = |gateway: Option<&str>, token_file: Option<PathBuf>| Args {
            gateway: gateway.map(|text| text.parse().unwrap()),
            token_file,
        };
        assert!(prepare(args(None, Some(given.clone())), &file).is_err());
        prepare(args(None, None), &file).unwrap();
        assert!(!file.exists() && state.exists() == cfg!(windows));
        Config { state_dir: state.clone(), ..Config::of("gate".parse().unwrap()) }.keep(&file).unwrap();
        prepare(args(Some("192.168.1.2"), Some(given.clone())), &file).unwrap();
        assert_eq!(Config::load(&file).unwrap().unwrap().gateway.to_string(), "192.168.1.2:8444");
        assert!(super::token(&state) == Some(token));
        take_token_away(&state).unwrap();
        assert!(super::token(&state).is_none());
        std::fs::write(&given, "no token").unwrap();
        assert!(prepare(args(None, Some(given)), &file).is_err());

        std::fs::write(at.path().join("kept"), "x").unwrap();
        for _ in 0..2 {
            forget(&file).unwrap();
            assert!(!file.exists() && !state.exists() && at.path().join("kept").exists());
        }
    }

    #[test]
    fn what_runs_is_not_forgotten() {
        let at = tempfile::tempdir().unwrap();
        let file = at.path().join("agent.toml");
        Config { state_dir: at.path().to_owned(), ..Config::of("gate".parse().unwrap()) }.keep(&file).unwrap();
        let running = Keeper::take(at.path()).unwrap();
        assert!(format!("{:#}", forget(&file).unwrap_err()).contains("stop the service"));
        assert!(file.exists());
        drop(running);
        forget(&file).unwrap();
        assert!(!file.exists());
    }
}
