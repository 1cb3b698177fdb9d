//! Where answers come from: a person at a terminal, or lines on stdin.
//!
//! At a terminal the kernel edits the line. Ctrl-C ends it instead of the program, so that whoever asked can say what
//! state things are in; the terminal's own settings are put back whatever happens.

use std::fmt;
use std::io::{BufRead, IsTerminal as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::Context as _;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Longest line taken: a terminal's own limit (termios(3)); a password has at most 256 bytes.
const MAX_LINE: usize = 4096;

/// What Ctrl-C sends.
const CTRL_C: u8 = 3;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Somebody at the terminal; secrets are not echoed.
    Terminal,
    /// Lines of stdin, in a documented order, without prompts.
    Script,
}

/// The person went away instead of answering: Ctrl-C, Ctrl-D, or a closed terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left;

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("left before the end")
    }
}

impl std::error::Error for Left {}

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
            Self::Terminal => ask(prompt, true).map(|line| line.to_string()),
            Self::Script => script_line().map(|line| line.to_string()),
        }
    }

    /// A line that nobody else must see.
    pub(super) fn secret(self, prompt: &str) -> anyhow::Result<Zeroizing<String>> {
        match self {
            Self::Terminal => ask(prompt, false),
            Self::Script => script_line(),
        }
    }
}

/// Asks until the answer is one: a whole word and Enter, so that what was typed too early changes nothing.
pub(super) fn yes_or_no(question: &str, default: bool) -> anyhow::Result<bool> {
    let choice = if default { "[Y/n]" } else { "[y/N]" };
    loop {
        match Input::Terminal.line(&format!("{question} {choice}"))?.trim().to_lowercase().as_str() {
            "" => return Ok(default),
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => tell("Please answer yes or no."),
        }
    }
}

/// A remark between questions, where the questions are.
pub(super) fn tell(text: impl fmt::Display) {
    // With stderr closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn ask(prompt: &str, seen: bool) -> anyhow::Result<Zeroizing<String>> {
    let stdin = std::io::stdin();
    let _settings = Settings::change(stdin.as_fd(), seen).context("prepare the terminal")?;
    let mut screen = std::io::stderr();
    write!(screen, "{prompt} ").and_then(|()| screen.flush()).context("ask")?;
    match read_line(&mut stdin.lock())? {
        Some(line) => Ok(line),
        None => {
            tell("");
            Err(Left.into())
        }
    }
}

fn script_line() -> anyhow::Result<Zeroizing<String>> {
    read_line(&mut std::io::stdin().lock())?.context("stdin ended where an answer was expected")
}

/// One line without its end; none where the input ends, or by Ctrl-C.
fn read_line(input: &mut impl BufRead) -> anyhow::Result<Option<Zeroizing<String>>> {
    let mut line = Zeroizing::new(Vec::new());
    loop {
        let chunk = match input.fill_buf() {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            chunk => chunk.context("read the answer")?,
        };
        let end = chunk.iter().position(|b| [b'\n', CTRL_C].contains(b));
        let stop = end.map(|at| chunk[at]).or(chunk.is_empty().then_some(CTRL_C));
        let taken = end.unwrap_or(chunk.len());
        anyhow::ensure!(line.len() + taken < MAX_LINE, "the line is too long");
        line.extend_from_slice(&chunk[..taken]);
        let consumed = taken + usize::from(end.is_some());
        input.consume(consumed);
        match stop {
            Some(CTRL_C) => return Ok(None),
            Some(_) => break,
            None => {}
        }
    }
    let text = std::str::from_utf8(&line).context("the answer is not UTF-8")?;
    Ok(Some(Zeroizing::new(text.trim_end_matches('\r').to_owned())))
}

/// A terminal as it is asked, until dropped.
struct Settings<'t> {
    terminal: BorrowedFd<'t>,
    before: Termios,
}

impl<'t> Settings<'t> {
    fn change(terminal: BorrowedFd<'t>, seen: bool) -> std::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut asking = before.clone();
        asking.local_modes.insert(LocalModes::ICANON);
        asking.local_modes.remove(LocalModes::ISIG);
        asking.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
        if !seen {
            asking.local_modes.remove(LocalModes::ECHO);
            asking.local_modes.insert(LocalModes::ECHONL);
        }
        tcsetattr(terminal, OptionalActions::Now, &asking)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Settings<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_enter_or_with_whoever_leaves() {
        let mut input: &[u8] = b"one\r\n\nh\xc3\xa9llo\nha\x03rest\nlast";
        let mut next = || read_line(&mut input).unwrap().map(|line| line.to_string());
        assert_eq!(next().as_deref(), Some("one"));
        assert_eq!(next().as_deref(), Some(""));
        assert_eq!(next().as_deref(), Some("héllo"));
        assert_eq!(next(), None);
        assert_eq!(next().as_deref(), Some("rest"));
        assert_eq!(next(), None, "no line without its end");
        assert!(read_line(&mut &b"\xff\n"[..]).is_err());
        assert!(read_line(&mut &vec![b'x'; MAX_LINE][..]).is_err());
    }
}
