//! What the visitor reads: one line a step, colours only on a terminal.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// Width of the column of sentences.
const WIDTH: usize = 76;
/// Without a terminal, progress is one line for so many megabytes.
const EVERY_MB: u64 = 50;

/// The screen, and how many steps held.
pub(crate) struct Screen {
    terminal: bool,
    held: u32,
    failed: u32,
    said_mb: u64,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { terminal: stdout().is_terminal(), held: 0, failed: 0, said_mb: 0 }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.terminal { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A heading.
    pub(crate) fn title(&self, text: &str) {
        println!("\n{}\n", self.paint("1", text));
    }

    /// Something to read.
    pub(crate) fn say(&self, text: &str) {
        println!("{text}");
    }

    /// Does a step and ticks it off, or says what went wrong. The step returns what is worth saying besides its time.
    pub(crate) fn step(&mut self, sentence: &str, step: impl FnOnce() -> anyhow::Result<String>) -> bool {
        self.timed(sentence, |_| step())
    }

    /// The same for a step that shows its progress.
    pub(crate) fn timed(&mut self, sentence: &str, step: impl FnOnce(&mut Self) -> anyhow::Result<String>) -> bool {
        if self.terminal {
            print!("  · {sentence}");
            let _ = stdout().flush();
        }
        let began = Instant::now();
        let outcome = step(self);
        let took = time(began.elapsed());
        super::wait_if_ending();
        if self.terminal {
            print!("\r\x1b[K");
        }
        match outcome {
            Ok(note) => {
                self.held += 1;
                let note = if note.is_empty() { note } else { self.paint("2", &format!("  {note}")) };
                println!("  {} {sentence:<WIDTH$} {took:>8}{note}", self.paint("32", "✓"));
                true
            }
            Err(error) => {
                self.failed += 1;
                println!("  {} {sentence:<WIDTH$} {took:>8}\n      {error:#}", self.paint("31", "✗"));
                false
            }
        }
    }

    /// A step without which there is nothing more to show.
    pub(crate) fn must(&mut self, sentence: &str, step: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<()> {
        self.step(sentence, step).then_some(()).context("without this step there is nothing more to show")
    }

    /// How far a copy is.
    pub(crate) fn progress(&mut self, done: u64, of: u64) {
        let (done, of) = (done >> 20, of >> 20);
        if self.terminal {
            let filled = usize::try_from(done * 30 / of.max(1)).unwrap_or(30).min(30);
            print!("\r\x1b[K    {}{} {done} of {of} MB", "█".repeat(filled), "░".repeat(30 - filled));
            let _ = stdout().flush();
        } else if done < self.said_mb {
            self.said_mb = 0;
        } else if done >= self.said_mb + EVERY_MB {
            self.said_mb = done;
            println!("    {done} of {of} MB");
        }
    }

    /// The last line of the story.
    pub(crate) fn verdict(&self) {
        let text = format!("{} of {} steps held", self.held, self.held + self.failed);
        println!("\n  {}\n", self.paint(if self.failed == 0 { "1;32" } else { "1;31" }, &text));
    }

    pub(crate) fn all_held(&self) -> bool {
        self.failed == 0
    }
}

/// A duration as people read it.
pub(crate) fn time(took: Duration) -> String {
    if took < Duration::from_secs(1) {
        format!("{} ms", took.as_millis())
    } else {
        format!("{:.1} s", took.as_secs_f64())
    }
}
