//! Where answers come from: a person at a terminal, or lines on stdin.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use anyhow::Context as _;
use zeroize::Zeroizing;

/// Longest line taken from a script; a password has at most 256 bytes.
const MAX_LINE: u64 = 4096;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Somebody at the terminal; secrets are not echoed.
    Terminal,
    /// Lines of stdin, in a documented order, without prompts.
    Script,
}

impl Input {
    /// What the person must be there for: without a terminal and without `--script` this says how to go on.
    pub(super) fn choose(script: bool) -> anyhow::Result<Self> {
        if script {
            return Ok(Self::Script);
        }
        anyhow::ensure!(
            std::io::stdin().is_terminal(),
            "this asks questions and there is no terminal: use --script and give the answers as lines on stdin"
        );
        Ok(Self::Terminal)
    }

    /// A line that may be seen.
    pub(super) fn line(self, prompt: &str) -> anyhow::Result<String> {
        match self {
            Self::Terminal => {
                let input = dialoguer::Input::<String>::new().with_prompt(prompt).allow_empty(true);
                input.interact_text().context("read the answer")
            }
            Self::Script => read_line().map(|line| line.to_string()),
        }
    }

    /// A line that nobody else must see.
    pub(super) fn secret(self, prompt: &str) -> anyhow::Result<Zeroizing<String>> {
        match self {
            Self::Terminal => {
                let input = dialoguer::Password::new().with_prompt(prompt).allow_empty_password(true);
                input.interact().map(Zeroizing::new).context("read the answer")
            }
            Self::Script => read_line(),
        }
    }
}

/// One line of stdin without its end.
fn read_line() -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    let read = std::io::stdin().lock().take(MAX_LINE).read_line(&mut line).context("read a line of stdin")?;
    anyhow::ensure!(read > 0, "stdin ended where an answer was expected");
    anyhow::ensure!(line.ends_with('\n') || read < 4096, "a line of stdin is too long");
    let end = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(end);
    Ok(line)
}
