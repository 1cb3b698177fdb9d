//! QR codes on the terminal, whole: one that does not fit the window cannot be scanned.

use std::io::IsTerminal as _;

use super::input::{Input, Left};
use super::output::say;
use super::words::{Words, fill};

/// How often a window is asked to be larger before the code is drawn as it is.
const ATTEMPTS: usize = 5;

/// Lines below the code: the next question.
const BELOW: usize = 2;

/// Columns and lines.
type Size = (usize, usize);

/// Draws a QR code; somebody at the terminal is asked for a larger window first, if it needs one. Whoever goes away
/// there does without: what is in the code is there as text, too.
pub(super) fn show(input: Input, text: &str, words: &Words, instead: &str) -> anyhow::Result<()> {
    let picture = provisioning::qr::terminal(text);
    if input == Input::Terminal && std::io::stdout().is_terminal() {
        for _ in 0..ATTEMPTS {
            let Some((needed, given)) = shortfall(&picture, window()) else { break };
            let prompt = fill(
                words.qr_window,
                &[
                    ("columns", &needed.0.to_string()),
                    ("lines", &needed.1.to_string()),
                    ("width", &given.0.to_string()),
                    ("height", &given.1.to_string()),
                ],
            );
            match input.line(format!("\n{prompt} {instead}").trim_end()) {
                Err(e) if e.is::<Left>() => return Ok(()),
                answered => answered?,
            };
        }
    }
    draw(&picture);
    Ok(())
}

/// Light on dark whatever the terminal's theme is.
fn draw(picture: &str) {
    if std::io::stdout().is_terminal() {
        for line in picture.lines() {
            say(format_args!("\u{1b}[97;40m{line}\u{1b}[0m"));
        }
    } else {
        say(picture.trim_end_matches('\n'));
    }
}

/// What it needs and what there is, if that is too little.
fn shortfall(picture: &str, window: Option<Size>) -> Option<(Size, Size)> {
    let given = window?;
    let columns = picture.lines().map(|line| line.chars().count()).max()?;
    let needed = (columns, picture.lines().count() + BELOW);
    (given.0 < needed.0 || given.1 < needed.1).then_some((needed, given))
}

/// Some terminals do not know, and say 0.
fn window() -> Option<Size> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_large_enough_or_how_large_it_must_be_is_known() {
        let picture = "████\n████\n████\n";
        for (window, short) in [
            (None, false),
            (Some((4, 5)), false),
            (Some((80, 24)), false),
            (Some((3, 24)), true),
            (Some((80, 4)), true),
        ] {
            let found = shortfall(picture, window);
            assert_eq!(found.is_some(), short, "{window:?}");
            assert!(found.is_none_or(|(needed, _)| needed == (4, 5)));
        }
        assert_eq!(shortfall("", Some((1, 1))), None);
    }
}
